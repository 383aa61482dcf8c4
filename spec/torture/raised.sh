#!/bin/sh
# An error that is raised at any instruction of our Lua, as Ctrl-C raises one:
# spec/money/raised_spec.lua with a finer step. What its tests do not hold against it
# counts as lost.
#
#   spec/torture/raised.sh BUILD    TORTURE_STEP: only each so manyth of the places
set -u
cd "$(dirname "$0")/../.." || exit 2
build=$(cd "$1" && pwd) || exit 2

SEGMIND_RAISE_STEP=$((13 * ${TORTURE_STEP:-1}))
SEGMIND_SPEC_SECONDS=${SEGMIND_SPEC_SECONDS:-7200}
export SEGMIND_RAISE_STEP SEGMIND_SPEC_SECONDS
lost=0
for lua in 5.4 luajit; do
  spec/suite.sh "$build" "$lua" spec/money/raised_spec.lua || lost=$((lost + 1))
done
echo "raised: 2 runs, 0 double, $lost lost, 0 silent, 0 crashes, 0 leaks"
[ $lost -eq 0 ]

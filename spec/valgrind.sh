#!/bin/sh
# The C tests and some specs on Lua 5.4 under valgrind, which sees what the
# sanitizers cannot: memory that is read before it is written, also in the
# libraries. The last line is "valgrind: N passed, N failed".
#
#   spec/valgrind.sh BUILD [spec files]
#
# Left out by default: what needs thousands of jobs or tells the time by the
# clock, for a program is some thirty times slower here.
set -u
cd "$(dirname "$0")/.." || exit 2
build=$(cd "$1" && pwd) || exit 2
shift
[ $# -gt 0 ] || set -- spec/unit/client_spec.lua spec/unit/job_spec.lua \
  spec/unit/error_spec.lua spec/unit/image_spec.lua spec/unit/chain_spec.lua \
  spec/money/ledger_spec.lua

unset SEGMIND_API_KEY SEGMIND_BASE_URL LUA_INIT LUA_INIT_5_4
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
export SEGMIND_WORLDS="${SEGMIND_WORLDS:-40}" # of sm_money_test
export SEGMIND_BUILD="$build"
export SEGMIND_EMULATOR="$build/bin/segmind-emulator"

# Split at spaces, so the path in it is one from here.
watch="valgrind --quiet --error-exitcode=99 --num-callers=25 \
--trace-children=no --suppressions=spec/support/valgrind.supp"

# --keep-debuginfo: lua_close unloads the modules of others before the leaks
# are counted. Children, the emulator among them, run as they are.
checked() {
  # shellcheck disable=SC2086
  timeout --foreground -k 10 900 $watch --leak-check=full \
    --show-leak-kinds=definite,indirect \
    --errors-for-leak-kinds=definite,indirect --keep-debuginfo=yes "$@" \
    </dev/null
}

passed=0
failed=0
count() {
  if [ "$1" -eq 0 ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "-- $2: exit status $1"
  fi
}

for test in "$build"/spec/sm_*_test; do
  case $test in
  # A forked child leaves what its parent's threads had to the system.
  *fork_test) checked --leak-check=no "$test" ;;
  *) checked "$test" ;;
  esac
  count $? "$test"
done
for spec; do
  echo "-- $spec"
  checked "${LUA54:-lua5.4}" spec/run.lua "$spec"
  count $? "$spec"
done
# How programs end: it is the programs that this spec starts which are watched.
# They leave their memory to the system, so leaks are not counted.
echo "-- spec/hosts/lifetime_spec.lua"
SEGMIND_SPEC_UNDER="$watch --leak-check=no" timeout --foreground -k 10 1500 \
  "${LUA54:-lua5.4}" spec/run.lua spec/hosts/lifetime_spec.lua </dev/null
count $? spec/hosts/lifetime_spec.lua
echo "valgrind: $passed passed, $failed failed"
[ "$failed" -eq 0 ]

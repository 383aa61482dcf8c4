#!/bin/sh
# Everything that is done to the client on purpose: each other script of this
# folder in turn, or those that are named. The last line sums up theirs:
# "torture: R runs, D double, L lost, S silent, C crashes, K leaks".
#
#   spec/torture/run.sh BUILD [script…]      JOBS: processes at a time
#
# BUILD is made with SEGMIND_SANITIZE=address,undefined. A script gets BUILD and
# prints such a line, with a name of its own, as its last; without one it counts
# as a crash.
set -u
cd "$(dirname "$0")/../.." || exit 2
build=$(cd "$1" && pwd) || exit 2
shift
if [ $# -eq 0 ]; then
  for script in spec/torture/*.sh; do
    [ "$script" = spec/torture/run.sh ] || set -- "$@" "$script"
  done
fi

log=$(mktemp) || exit 2
trap 'rm -f "$log"' EXIT
trap 'exit 130' INT TERM
status=0
: >"$log"
for script; do
  echo "-- $script"
  "$script" "$build" 2>&1 </dev/null | tee "$log.one"
  tail -n 1 "$log.one" | grep -E '^[a-z_]+: [0-9]+ runs, ' >>"$log" ||
    echo "$script: 0 runs, 0 double, 0 lost, 0 silent, 1 crashes, 0 leaks" >>"$log"
  rm -f "$log.one"
done

echo
awk '{ for (i = 0; i < 6; i++) sum[i] += $(2 + 2 * i) }
  END {
    printf "torture: %d runs, %d double, %d lost, %d silent, ",
      sum[0], sum[1], sum[2], sum[3]
    printf "%d crashes, %d leaks\n", sum[4], sum[5]
    exit sum[1] + sum[2] + sum[3] + sum[4] + sum[5] > 0
  }' "$log" || status=1
exit $status

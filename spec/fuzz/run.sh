#!/bin/sh
# Fuzzes every target of a build folder (made with SEGMIND_FUZZ), each for so
# many seconds, starting from the seeds of corpus/ and from what earlier runs
# have found. The last line is "fuzz: N targets, N runs, N crashes".
#
#   spec/fuzz/run.sh BUILD SECONDS [target…]        JOBS: how many at a time
#
# What makes a target break off is kept in BUILD/fuzz/crashes; run the program
# on that file to see it again, mend it, and make it a seed.
set -u
cd "$(dirname "$0")/../.." || exit 2
build=$(cd "$1" && pwd) || exit 2
seconds=$2
shift 2

work=$build/fuzz
found=$work/crashes
mkdir -p "$found" "$work/logs"
# The quarantine of freed memory is kept small: it counts for the limit.
export ASAN_OPTIONS="quarantine_size_mb=64${ASAN_OPTIONS:+:$ASAN_OPTIONS}"
export UBSAN_OPTIONS="print_stacktrace=1${UBSAN_OPTIONS:+:$UBSAN_OPTIONS}"

# fuzz PROGRAM: ends with status 0 even if the target did not.
fuzz() {
  name=$(basename "$1" _fuzz)
  mkdir -p "$work/corpus/$name"
  "$1" -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=1024 \
    -print_final_stats=1 -artifact_prefix="$found/$name-" \
    "$work/corpus/$name" "spec/fuzz/corpus/$name" \
    >"$work/logs/$name" 2>&1 </dev/null
  echo $? >"$work/logs/$name.status"
}

if [ $# -eq 0 ]; then
  set -- "$work"/*_fuzz
else
  for name; do
    set -- "$@" "$work/${name}_fuzz"
    shift
  done
fi
[ -x "$1" ] || {
  echo "fuzz: no target in $work" >&2
  exit 2
}

# Batches of JOBS: they all last equally long.
jobs=${JOBS:-1}
running=0
trap 'exit 130' INT TERM
for program; do
  fuzz "$program" &
  running=$((running + 1))
  if [ "$running" -ge "$jobs" ]; then
    wait
    running=0
  fi
done
wait

targets=0
runs=0
crashes=0
for program; do
  name=$(basename "$program" _fuzz)
  log=$work/logs/$name
  count=$(sed -n 's/^stat::number_of_executed_units: //p' "$log")
  printf '%-10s %10s runs' "$name" "${count:-0}"
  targets=$((targets + 1))
  runs=$((runs + ${count:-0}))
  if [ "$(cat "$log.status")" -ne 0 ]; then
    crashes=$((crashes + 1))
    printf ', broken; %s ends:\n' "$log"
    grep -v '^#[0-9]*	\|^stat::' "$log" | tail -n 40
  else
    echo
  fi
done
echo "fuzz: $targets targets, $runs runs, $crashes crashes"
[ "$crashes" -eq 0 ]

#!/bin/sh
# Figures, not tests: every measuring program in turn, under ten minutes. What
# they print goes to the terminal and, as Markdown, to bench.md in the build
# folder. Each of them runs alone, too, and has a --help.
#
#   bench/run.sh BUILD
#
# How to read it: the last table has every goal with its figure and, where it is
# a ratio, what it is a ratio to. Microseconds are this machine's, and its alone;
# ratios hold elsewhere. Each is the median of those within a round, in which
# the clients took turns, so that what else the machine did falls on both. One
# run says little about a tenth: with another program on the machine the same
# two clients came to 1.2 and to 1.4. The peer of a job is C multi with a fresh
# connection a submit and the same wait before a status (bench/c_multi.c), which
# checks nothing: what ours costs above it is what it checks.
set -eu
cd "$(dirname "$0")/.."
build=$(cd "${1:-build}" && pwd)
lua=${LUA54:-lua5.4}
# Loopback needs no proxy, and no measurement has a key for the service.
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
unset SEGMIND_API_KEY SEGMIND_BASE_URL

status=0
machine() {
  model=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
  echo "## Figures"
  echo
  echo "$(date +%Y-%m-%d), $(nproc) cores (${model:-unknown})," \
    "$(curl --version | head -n 1 | cut -d' ' -f1-2). Client and server share" \
    "the cores; medians, [least–most]; clients take turns within a run."
  echo
}

goals() {
  echo "### Goals"
  echo
  echo "| figure | value | goal | peer | |"
  echo "|---|---|---|---|---|"
  cat "$BENCH_GOALS"
}

# What a host's loop pays; each of these takes its time, so shorter here than
# alone.
hosts() {
  echo "### In the loops of others"
  echo
  echo '```'
  "$lua" bench/step.lua "$build" --rounds 1 || status=1
  "$lua" bench/loop.lua "$build" --rounds 1 || status=1
  BENCH_RUNS=3 bench/neovim.sh "$build" || status=1
  BENCH_SECONDS=10 bench/love.sh "$build" || status=1
  echo '```'
}

programs() {
  machine
  for name in jobs ledger waiting start streams polling chains serving machines; do
    case $name in
    jobs) rounds=5 ;;
    chains) rounds=3 ;;
    ledger) rounds=2 ;;
    *) rounds=1 ;;
    esac
    "$lua" "bench/$name.lua" "$build" --rounds $rounds || {
      echo "bench/$name.lua failed" >&2
      status=1
    }
  done
  echo "### Polling in virtual time"
  echo
  echo '```'
  "$build/bench/poll_schedule" || status=1
  echo '```'
  hosts
  goals
  return $status
}

BENCH_GOALS=$build/bench.goals
export BENCH_GOALS
: >"$BENCH_GOALS"

mkfifo "$build/bench.fifo"
trap 'rm -f "$build/bench.fifo"' EXIT
tee "$build/bench.md" <"$build/bench.fifo" &
programs >"$build/bench.fifo" || status=1
wait $!
echo "written to $build/bench.md" >&2
exit $status

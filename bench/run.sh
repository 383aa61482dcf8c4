#!/bin/sh
# Figures, not tests: every measuring program in turn, some ten minutes. What
# they print goes to the terminal and, as Markdown, to bench.md in the build
# folder. Each of them runs alone, too, and has a --help.
#
#   bench/run.sh BUILD
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
  for name in jobs ledger waiting streams polling chains serving; do
    "$lua" "bench/$name.lua" "$build" || {
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
  return $status
}

mkfifo "$build/bench.fifo"
trap 'rm -f "$build/bench.fifo"' EXIT
tee "$build/bench.md" <"$build/bench.fifo" &
programs >"$build/bench.fifo" || status=1
wait $!
echo "written to $build/bench.md" >&2
exit $status

#!/bin/sh
# The time in client:step a frame, in LÖVE, with 100 jobs in flight; figures on
# the terminal. Needs love, and xvfb where there is no display.
#
#   bench/love.sh [BUILD]         BENCH_JOBS, BENCH_SECONDS (a case)
set -eu
cd "$(dirname "$0")/.."
root=$PWD
build=$(cd "${1:-build}" && pwd)
jobs=${BENCH_JOBS:-100}
seconds=${BENCH_SECONDS:-30}

for program in love xvfb-run; do
  if ! command -v "$program" >/dev/null; then
    echo "bench/love.sh: $program is not installed; nothing measured" >&2
    exit 0
  fi
done

scratch=$(mktemp -d)
emulator=
stop_emulator() {
  exec 3>&- # the end of its input is the emulator's signal to go
  if [ -n "$emulator" ]; then
    wait "$emulator" 2>/dev/null || true
    emulator=
  fi
}
stop() {
  trap - EXIT INT TERM
  stop_emulator
  rm -rf "$scratch"
}
trap stop EXIT
trap 'stop; exit 130' INT TERM

# start_emulator OPTIONS…
start_emulator() {
  rm -f "$scratch/url" "$scratch/input"
  mkfifo "$scratch/input"
  # Niced: what it costs must not be measured as the game's.
  nice -n 10 "$build/bin/segmind-emulator" "$@" --quiet --credits 100000 \
    --url-file "$scratch/url" --exit-with-stdin <"$scratch/input" &
  emulator=$!
  exec 3>"$scratch/input"
  tries=0
  until [ -s "$scratch/url" ]; do
    tries=$((tries + 1))
    if [ $tries -gt 100 ]; then
      echo "bench/love.sh: the emulator did not start" >&2
      exit 1
    fi
    sleep 0.1
  done
}

# measure CASE EMULATOR-OPTIONS…
measure() {
  name=$1
  shift
  start_emulator "$@"
  # xvfb-run takes no TMPDIR with a space.
  env TMPDIR=/tmp XDG_DATA_HOME="$scratch" SDL_AUDIODRIVER=dummy ALSOFT_DRIVERS=null \
    LIBGL_ALWAYS_SOFTWARE=1 SEGMIND_BASE_URL="$(cat "$scratch/url")" \
    SEGMIND_API_KEY=SG_0123456789abcdef \
    LUA_PATH="$root/lua/?.lua;$root/lua/?/init.lua;$root/bench/support/?.lua;;" \
    LUA_CPATH="$build/lib/lua/5.1/?.so;;" \
    xvfb-run -a love bench/love "$name" "$jobs" "$seconds" 3>&-
  stop_emulator
}

echo "-- LÖVE: client:step a frame; goal: median under 8 us, p99 under 100 us"
measure idle --plain --latency 3600
# flux-kontext-pro's published 22 s, drawn anew for each job: 4.5 results a
# second.
measure busy --plain
measure saving --plain

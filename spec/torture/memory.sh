#!/bin/sh
# Memory that runs out, at every single allocation: of the core, libcurl and
# jansson (core_memory), of these and SQLite, with a ledger (ledger_memory), of
# Lua (lua_memory). The emulator counts the submits.
#
#   spec/torture/memory.sh BUILD             JOBS: processes at a time
set -u
cd "$(dirname "$0")/../.." || exit 2
build=$(cd "$1" && pwd) || exit 2

unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
unset LUA_INIT LUA_INIT_5_4 SEGMIND_API_KEY SEGMIND_BASE_URL
export TORTURE_SCRIPT="$PWD/spec/torture/memory.lua"
export TORTURE_CPATH="$build/lib/lua/5.4/?.so"
export UBSAN_OPTIONS="print_stacktrace=1${UBSAN_OPTIONS:+:$UBSAN_OPTIONS}"
# Each run is a process of its own, and most wait for the emulator.
JOBS=$((2 * ${JOBS:-2}))
export JOBS

scratch=$(mktemp -d) || exit 2
emulator=
stop() {
  trap - EXIT INT TERM
  exec 3>&-
  if [ -n "$emulator" ]; then
    kill "$emulator" 2>/dev/null
    wait "$emulator" 2>/dev/null
  fi
  rm -rf "$scratch"
}
trap stop EXIT
trap 'stop; exit 130' INT TERM

# The emulator ends with its input, and so with this script.
mkfifo "$scratch/input"
"$build/bin/segmind-emulator" --port 0 --plain --latency 0.5 --speed 500 \
  --expire 3600 --credits 1000000 --quiet --url-file "$scratch/url" \
  --exit-with-stdin <"$scratch/input" >"$scratch/log" 2>&1 &
emulator=$!
exec 3>"$scratch/input"
tries=0
while [ ! -s "$scratch/url" ] && [ $tries -lt 200 ]; do
  sleep 0.05
  tries=$((tries + 1))
done
url=$(cat "$scratch/url") || exit 2

for program in core_memory ledger_memory lua_memory; do
  [ -x "$build/torture/$program" ] || continue
  mkdir "$scratch/$program"
  # Descriptor 3 is the emulator's life: the runs must not hold it.
  "$build/torture/$program" "$url" "$scratch/$program" 3>&- |
    tee "$scratch/$program.log"
  tail -n 1 "$scratch/$program.log" >>"$scratch/lines"
done

awk '{ for (i = 0; i < 6; i++) sum[i] += $(2 + 2 * i) }
  END {
    printf "memory: %d runs, %d double, %d lost, %d silent, ",
      sum[0], sum[1], sum[2], sum[3]
    printf "%d crashes, %d leaks\n", sum[4], sum[5]
    exit sum[0] == 0 || sum[1] + sum[2] + sum[3] + sum[4] + sum[5] > 0
  }' "$scratch/lines"

#!/bin/sh
# Figures, not tests. First the measuring programs of this folder; then how much
# the emulator serves while wrk loads it from the same machine, for it must
# never be what a measurement of a client measures.
#
#   bench/run.sh BUILD
set -eu
cd "$(dirname "$0")/.."
build=$(cd "${1:-build}" && pwd)
seconds=${BENCH_SECONDS:-5}
key="x-api-key: SG_0123456789abcdef"
export NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost

status=0
for source in bench/*.c; do
  name=$(basename "$source" .c)
  echo "-- $name"
  "$build/bench/$name" || status=1
done

scratch=$(mktemp -d)
emulator=
stop() {
  trap - EXIT INT TERM
  exec 3>&-
  if [ -n "$emulator" ]; then
    kill "$emulator" 2>/dev/null || true
    wait "$emulator" 2>/dev/null || true
  fi
  rm -rf "$scratch"
}
trap stop EXIT
trap 'stop; exit 130' INT TERM

# The emulator ends with its input, and so with this script.
mkfifo "$scratch/input"
"$build/bin/segmind-emulator" --port 0 --speed 1000 \
  --expire 3600 --url-file "$scratch/url" --exit-with-stdin \
  <"$scratch/input" >"$scratch/log" 2>&1 &
emulator=$!
exec 3>"$scratch/input"
tries=0
until [ -s "$scratch/url" ]; do
  tries=$((tries + 1))
  if [ $tries -gt 100 ] || ! kill -0 "$emulator" 2>/dev/null; then
    cat "$scratch/log" >&2
    echo "bench: the emulator did not start" >&2
    exit 1
  fi
  sleep 0.1
done
url=$(cat "$scratch/url")

submit() {
  curl -sS -H "$key" -H "content-type: application/json" \
    -d '{"prompt":"a lighthouse"}' "$url/v2/flux-kontext-pro"
}
id=$(submit | sed -n 's/.*"request_id": *"\([^"]*\)".*/\1/p')
if [ -z "$id" ]; then
  echo "bench: the emulator gave no request id" >&2
  exit 1
fi
sleep 1

echo "-- the emulator, $(nproc 2>/dev/null || echo ?) cores shared with wrk:"
for connections in 1 32 256; do
  wrk -t1 -c$connections -d"${seconds}s" --latency -H "$key" \
    "$url/v2/requests/$id/status" >"$scratch/wrk"
  awk -v n=$connections '
    /50%/ { half = $2 } /99%/ { most = $2 } /Non-2xx/ { bad = $NF }
    /Requests\/sec/ { rate = $2 }
    END { printf "  status, %3d connections: %8.0f a second, " \
      "median %s, p99 %s%s\n", n, rate, half, most,
      bad ? ", NOT 2xx: " bad : "" }' "$scratch/wrk"
done
exit $status

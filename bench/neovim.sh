#!/bin/sh
# The editor's loop while jobs run: 50 jobs in flight over TLS, cold, with
# pictures of 1.4 MB coming back, beside a 1 ms timer in headless Neovim. Each
# run is a process of its own; BENCH_RUNS of each kind, taken in turn.
#
#   bench/neovim.sh BUILD
set -eu
cd "$(dirname "$0")/.."
SEGMIND_BUILD=$(cd "${1:-build}" && pwd)
export SEGMIND_BUILD
runs=${BENCH_RUNS:-8}
export NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost

scratch=$(mktemp -d)
stop() {
  trap - EXIT INT TERM
  exec 3>&-
  wait
  rm -rf "$scratch"
}
trap stop EXIT
trap 'stop; exit 130' INT TERM

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
  -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 \
  -keyout "$scratch/key" -out "$scratch/cert" 2>/dev/null
mkfifo "$scratch/input"
# A niced emulator: its own cost must not be measured as the editor's.
nice -n 10 "${SEGMIND_EMULATOR:-$SEGMIND_BUILD/bin/segmind-emulator}" --port 0 --plain --quiet \
  --latency 0.5 --credits 100000 --tls-cert "$scratch/cert" \
  --tls-key "$scratch/key" --url-file "$scratch/url" --exit-with-stdin \
  <"$scratch/input" &
exec 3>"$scratch/input"
tries=0
until [ -s "$scratch/url" ]; do
  tries=$((tries + 1))
  [ $tries -lt 100 ] || { echo "bench: no emulator" >&2; exit 1; }
  sleep 0.1
done
SEGMIND_BASE_URL=$(cat "$scratch/url")
export SEGMIND_BASE_URL

# Every download is answered with 1.4 MB between the head and the end of a PNG.
picture() {
  printf '\211PNG\r\n\032\n\0\0\0\015IHDR\0\0\004\0\0\0\004\0\010\002\0\0\0'
  head -c 1400000 /dev/urandom
  printf '\0\0\0\0IEND\256B`\202'
}
{
  printf '[{"match":{"path":"media","count":"always"},"mode":"after","then":'
  printf '{"content_type":"image/png","body_base64":"'
  picture | base64 -w 0
  printf '"}}]'
} >"$scratch/rules"
curl -sS -k --data-binary @"$scratch/rules" \
  "$SEGMIND_BASE_URL/_emulator/faults" >"$scratch/answer"
grep -q media "$scratch/answer" || {
  head -c 500 "$scratch/answer" >&2
  exit 1
}

export BENCH_FOLDER="$scratch/pictures" BENCH_OUT="$scratch/gaps"
export BENCH_CA="$scratch/cert"
for _ in $(seq "$runs"); do
  for mode in idle files memory; do
    mkdir -p "$BENCH_FOLDER"
    BENCH_MODE=$mode timeout 60 nvim --headless -u NONE -i NONE -n \
      -c 'luafile bench/neovim.lua' </dev/null >"$scratch/log" 2>&1 || {
      cat "$scratch/log" >&2
      exit 1
    }
    rm -rf "$BENCH_FOLDER"
  done
done
"${LUA54:-lua5.4}" bench/neovim.gaps.lua "$BENCH_OUT"

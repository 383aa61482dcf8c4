#!/bin/sh
# Starts the emulator and lets graph.lua edit the sample pictures:
# one picture, edited two ways at the same time, the two made into one poster.
#
#   examples/demo.sh [BUILD [OUT]]          that is: make demo
#
# No key is needed and nothing leaves this machine: the key below is one that
# only has a key's form. DEMO_SPEED divides the models' published latencies.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
build=$(cd "${1:-build}" && pwd)
out=${2:-out}
mkdir -p "$out/pictures"
rm -f "$out/report.html" "$out"/candles.*

scratch=$(mktemp -d)
emulator=
stop() {
  trap - EXIT INT TERM
  exec 3>&- # the end of the emulator's input is its signal to go
  if [ -n "$emulator" ]; then
    kill "$emulator" 2>/dev/null || true
    wait "$emulator" 2>/dev/null || true
  fi
  rm -rf "$scratch"
}
trap stop EXIT
trap 'stop; exit 130' INT
trap 'stop; exit 143' TERM

fail() {
  echo "demo: $*" >&2
  exit 1
}

# quoted WORD: as a shell reads it again, in quotes where it needs them.
quoted() {
  case $1 in
  *[!A-Za-z0-9_./-]*) printf "'%s'" "$(printf %s "$1" | sed "s/'/'\\\\''/g")" ;;
  *) printf %s "$1" ;;
  esac
}

in_build=
[ "$build" = "$root/build" ] || in_build=" BUILD=$(quoted "$build")"

cp examples/pictures/*.webp "$out/pictures/"

# We hold the writing end of the emulator's input: however this script ends,
# the emulator ends with it.
mkfifo "$scratch/input"
"$build/bin/segmind-emulator" --port 0 --speed "${DEMO_SPEED:-16}" \
  --url-file "$scratch/url" --exit-with-stdin \
  <"$scratch/input" >"$scratch/log" 2>&1 &
emulator=$!
exec 3>"$scratch/input"

tries=0
until [ -s "$scratch/url" ]; do
  tries=$((tries + 1))
  if [ $tries -gt 100 ] || ! kill -0 "$emulator" 2>/dev/null; then
    cat "$scratch/log" >&2
    fail "the emulator did not start"
  fi
  sleep 0.1
done
url=$(cat "$scratch/url")
echo "The emulator (no model runs in it) listens at $url"

# with COMMAND…: runs it with the service and the ledger of the demo. The
# versioned names win over what the caller may have set.
with() {
  env SEGMIND_PICTURES="$out/pictures" SEGMIND_BASE_URL="$url" \
    SEGMIND_API_KEY=SG_0123456789abcdef SEGMIND_LEDGER="$scratch/ledger.db" \
    SEGMIND_BUILD="$build" XDG_CONFIG_HOME="$scratch" \
    NO_PROXY=127.0.0.1,localhost no_proxy=127.0.0.1,localhost \
    LUA_PATH_5_4="$root/lua/?.lua;$root/lua/?/init.lua;;" \
    LUA_CPATH_5_4="$build/lib/lua/5.4/?.so;;" "$@" 3>&-
}

with "${LUA54:-lua5.4}" examples/graph.lua "$out" ||
  fail "examples/graph.lua failed"
[ -s "$out/report.html" ] || fail "there is no $out/report.html"

echo
echo "One more from a shell, as it is typed in the clone's folder (man -l doc/segmind.1 tells all):"
echo "  eval \"\$(make -s env$in_build)\""
echo "  segmind emulate -- segmind edit examples/pictures/portrait.webp \\"
echo "    \"by candlelight\" -m flux-kontext-dev -o $(quoted "$out/candles") --replace"
with bin/segmind edit "$out/pictures/portrait.webp" "by candlelight" \
  -m flux-kontext-dev -o "$out/candles" -q >"$scratch/path" || fail "segmind edit failed"
echo "  segmind report $(quoted "$out") -o $(quoted "$out/pictures.html")"
with bin/segmind report --title "A graph of edits" --inputs "$out/pictures" \
  -o "$out/report.html" >"$scratch/path" || fail "segmind report failed"

echo
echo "What it cost (segmind cost --by model), in play money:"
with bin/segmind cost --by model | sed 's/^/  /'

echo
echo "The pictures of every step:"
for picture in "$out"/*.png "$out"/*.jpg "$out"/*.webp; do
  if [ -s "$picture" ]; then
    echo "  $picture"
  fi
done
echo "The pictures it began with: $out/pictures"
echo
echo "A page that shows them side by side: $out/report.html"

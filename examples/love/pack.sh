#!/bin/sh
# Packs the example, the library and its core into one file that LÖVE runs with
# nothing else installed:
#
#   examples/love/pack.sh FOLDER [options of cmake]      (make love: FOLDER is out)
#
# leaves FOLDER/segmind-table.love. The core is built for this system; those of
# others go in as well where they lie in FOLDER/native, each in a folder called
# after the system as LuaJIT names it: OSX-arm64/core.so, Linux-arm64/core.so.
set -eu
mkdir -p "$1"
out=$(cd "$1" && pwd)
shift
cd "$(dirname "$0")/../.."

command -v zip >/dev/null || {
  echo "segmind needs zip, which is not installed (Debian: apt install zip)." >&2
  exit 1
}

case $(uname -s) in
Darwin) os=OSX ;;
*) os=$(uname -s) ;;
esac
case $(uname -m) in
x86_64) arch=x64 ;;
aarch64) arch=arm64 ;;
*) arch=$(uname -m) ;;
esac
mkdir -p "$out/native/$os-$arch"
tools/build-core "$out/native/$os-$arch" "$@"

love=$out/segmind-table.love
new=$love.$$.new
trap 'rm -f "$new"' EXIT
(cd examples/love && zip -qX "$new" ./*.lua)
# Without what is for the command line, for editors and for builds.
(cd lua && find segmind -name '*.lua' ! -path 'segmind/cli/*' \
  ! -path 'segmind/nvim/*' ! -path 'segmind/meta/*' ! -name health.lua \
  ! -name export.lua | LC_ALL=C sort | zip -qX@ "$new")
(cd "$out" && find native -name core.so | LC_ALL=C sort | zip -qX@ "$new")
mv "$new" "$love"
echo "$love"

#!/bin/sh
# Every test of a build folder: the C tests by ctest, then the specs on each
# Lua, and at the end, alone on a line, "N passed, N failed" over all of them.
#
#   spec/suite.sh BUILD "5.4 5.3 luajit" [busted's options and spec files]
#
# With options or files the C tests are left out. LUA54, LUA53 and LUAJIT may
# name the interpreters. A run that crashes, hangs or leaks counts as a failure
# even if each of its tests passed.
set -u
cd "$(dirname "$0")/.." || exit 2

build=$(cd "$1" && pwd) || exit 2
luas=$2
shift 2

# Nothing of the caller's may reach a test: neither a key for the real service,
# nor a proxy in front of loopback, nor another copy of the modules.
unset SEGMIND_API_KEY SEGMIND_BASE_URL
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
unset LUA_INIT LUA_INIT_5_4 LUA_INIT_5_3

export SEGMIND_BUILD="$build"
export SEGMIND_EMULATOR="$build/bin/segmind-emulator"
export LSAN_OPTIONS="suppressions=$PWD/spec/support/lsan.supp:\
print_suppressions=0${LSAN_OPTIONS:+:$LSAN_OPTIONS}"
export UBSAN_OPTIONS="print_stacktrace=1${UBSAN_OPTIONS:+:$UBSAN_OPTIONS}"

passed=0
failed=0
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM

c_tests() {
  echo "-- C tests"
  (cd "$build" && ctest --output-on-failure --timeout 120) </dev/null \
    >"$scratch/ctest" 2>&1
  status=$?
  cat "$scratch/ctest"
  # "100% tests passed, 0 tests failed out of 12"
  counts=$(sed -n 's/.* \([0-9]*\) tests failed out of \([0-9]*\)$/\1 \2/p' \
    "$scratch/ctest")
  bad=${counts% *}
  all=${counts#* }
  if [ -z "$counts" ]; then
    bad=1
    all=1
  elif [ $status -ne 0 ] && [ "$bad" -eq 0 ]; then
    bad=1
  fi
  passed=$((passed + all - bad))
  failed=$((failed + bad))
}

# specs NAME ABI INTERPRETER [arguments of spec/run.lua]
specs() {
  name=$1
  module=$build/lib/lua/$2/segmind/core.so
  interpreter=$3
  shift 3
  if ! command -v "$interpreter" >/dev/null || [ ! -f "$module" ]; then
    echo "-- specs on $name: no interpreter $interpreter, or no $module"
    failed=$((failed + 1))
    return
  fi
  # Only the interpreter gets the preload list (a sanitized build has one).
  preload=
  if [ -f "$build/preload" ]; then
    preload=LD_PRELOAD=$(cat "$build/preload")
  fi
  rm -f "$scratch/tally"
  # --foreground: an interrupt from the terminal reaches the interpreter too.
  timeout --foreground -k 10 "${SEGMIND_SPEC_SECONDS:-300}" \
    env ${preload:+"$preload"} SEGMIND_TALLY="$scratch/tally" \
    "$interpreter" spec/run.lua "$@" </dev/null
  status=$?
  if [ -s "$scratch/tally" ]; then
    read -r good bad _ <"$scratch/tally"
  else
    good=0
    bad=0
  fi
  if [ $status -ne 0 ] && [ "$bad" -eq 0 ]; then
    echo "-- specs on $name: exit status $status"
    bad=1
  elif [ "$good" -eq 0 ] && [ "$bad" -eq 0 ]; then
    echo "-- specs on $name: no test was run"
    bad=1
  fi
  passed=$((passed + good))
  failed=$((failed + bad))
}

if [ $# -eq 0 ]; then
  c_tests
fi
for lua in $luas; do
  case $lua in
  5.4 | lua5.4) specs "Lua 5.4" 5.4 "${LUA54:-lua5.4}" "$@" ;;
  5.3 | lua5.3) specs "Lua 5.3" 5.3 "${LUA53:-lua5.3}" "$@" ;;
  luajit | jit) specs "LuaJIT" 5.1 "${LUAJIT:-luajit}" "$@" ;;
  *)
    echo "-- '$lua' is not 5.4, 5.3 or luajit"
    failed=$((failed + 1))
    ;;
  esac
done

echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

#!/bin/sh
# Every test of a build folder: the C tests by ctest, then the specs on each
# Lua, and at the end, alone on a line, "N passed, N failed" over all of them.
#
#   spec/suite.sh BUILD "5.4 5.3 luajit" [arguments of spec/run.lua]
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
export LSAN_OPTIONS="suppressions=\"$PWD/spec/support/lsan.supp\":\
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

# specs NAME ABI INTERPRETER [arguments of spec/run.lua]: one run, whose counts
# are added to the file of its lane.
specs() {
  name=$1
  module=$build/lib/lua/$2/segmind/core.so
  interpreter=$3
  shift 3
  if ! command -v "$interpreter" >/dev/null || [ ! -f "$module" ]; then
    echo "-- specs on $name: no interpreter $interpreter, or no $module"
    echo "0 1" >>"$lane.counts"
    return
  fi
  # Only the interpreter gets the preload list (a sanitized build has one).
  preload=
  if [ -f "$build/preload" ]; then
    preload=LD_PRELOAD=$(cat "$build/preload")
  fi
  rm -f "$lane.tally"
  # --foreground: an interrupt from the terminal reaches the interpreter too.
  timeout --foreground -k 10 "${SEGMIND_SPEC_SECONDS:-600}" \
    env ${preload:+"$preload" LD_LIBRARY_PATH="$build/spec"} SEGMIND_TALLY="$lane.tally" \
    "$interpreter" spec/run.lua "$@" </dev/null
  status=$?
  good=0
  bad=0
  if [ -s "$lane.tally" ]; then
    read -r good bad _ <"$lane.tally"
  fi
  if [ $status -ne 0 ] && [ "$bad" -eq 0 ]; then
    echo "-- specs on $name: exit status $status"
    bad=1
  elif [ "$good" -eq 0 ] && [ "$bad" -eq 0 ]; then
    echo "-- specs on $name: no test was run"
    bad=1
  fi
  echo "$good $bad" >>"$lane.counts"
}

# specs_on LUA [arguments of spec/run.lua]
specs_on() {
  lua=$1
  shift
  case $lua in
  5.4 | lua5.4) specs "Lua 5.4" 5.4 "${LUA54:-lua5.4}" "$@" ;;
  5.3 | lua5.3) specs "Lua 5.3" 5.3 "${LUA53:-lua5.3}" "$@" ;;
  luajit | jit) specs "LuaJIT" 5.1 "${LUAJIT:-luajit}" "$@" ;;
  *)
    echo "-- '$lua' is not 5.4, 5.3 or luajit"
    echo "0 1" >>"$lane.counts"
    ;;
  esac
}

# in_lane NAME COMMAND...: runs it beside the others; what it prints is kept.
lanes=
in_lane() {
  lane=$scratch/$1
  lanes="$lanes $1"
  shift
  : >"$lane.counts"
  "$@" >"$lane.log" 2>&1 &
}

# The specs wait more than they compute, so the Luas run side by side.
all_lanes() {
  # What is the same on every Lua and takes long is a lane of its own.
  long=$(ls spec/money/money_*_spec.lua)
  server=spec/money/ledger_server_spec.lua
  short=$(ls spec/*/*_spec.lua | grep -v "^spec/money/money_\|^$server")
  for lua in $luas; do
    # shellcheck disable=SC2086
    in_lane "$lua" specs_on "$lua" $short
  done
  case " $luas " in
  *" 5.4 "* | *" lua5.4 "*)
    # shellcheck disable=SC2086
    in_lane money specs_on 5.4 $long
    in_lane server specs_on 5.4 "$server"
    ;;
  esac
  # Once more without a thread: every spec whose clients come from the fixture.
  sockets=$(grep -l 'session\.client\|session\.INLINE' $short)
  # shellcheck disable=SC2086
  SEGMIND_SPEC_INLINE=1 in_lane inline specs_on "${luas%% *}" $sockets
}

if [ $# -eq 0 ]; then
  c_tests
  all_lanes
else
  for lua in $luas; do
    in_lane "$lua" specs_on "$lua" "$@"
  done
fi
wait
for name in $lanes; do
  echo "-- $name"
  cat "$scratch/$name.log"
  if [ ! -s "$scratch/$name.counts" ]; then
    echo "-- $name: ended without a count"
    failed=$((failed + 1))
  fi
  while read -r good bad; do
    passed=$((passed + good))
    failed=$((failed + bad))
  done <"$scratch/$name.counts"
done

echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]

#!/bin/sh
# Every test of a build folder: the C tests by ctest, the specs on each Lua, and
# at the end, alone on a line, "N passed, N failed" over all of them.
#
#   spec/suite.sh BUILD "5.4 5.3 luajit" [arguments of spec/run.lua]
#
# Each spec file on each Lua is a program of its own, several at a time. What it
# prints is shown if a test of it fails or is pending; every 20 s a line says how
# far the suite is. With arguments only these are run, once on each Lua, and the
# C tests are left out. LUA54, LUA53 and LUAJIT may name the interpreters.
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

out=$(mktemp -d) || exit 2
reporter=
stop() {
  [ -z "$reporter" ] || kill "$reporter" 2>/dev/null
  rm -rf "$out"
}
trap stop EXIT
trap 'exit 130' INT TERM

# What takes long begins first, so that it does not end alone.
long="money_bytes money_random ledger_server raised lifetime neovim neovim_install love luv"

# What the Luas do not differ in, and takes long, runs on the first of them: the
# emulator is asked by curl, and its answers do not depend on who waits for them.
once() {
  case $1 in
  spec/emulator/* | spec/money/money_* | spec/money/ledger_server_*) ;;
  spec/hosts/report_browser_* | spec/hosts/requirements_*) ;;
  spec/hosts/install_*) ;;
  *) false ;;
  esac
}

# label FILE: what its runs are called; two folders may each have a report_spec.
label() {
  echo "$1" | sed 's,^spec/,,; s,_spec.lua$,,; s,/,-,g'
}

# plan: a line for each run, "NAME LUA [spec file]".
plan() {
  for name in $long; do
    ls spec/*/"${name}_spec.lua"
  done >"$out/first"
  { cat "$out/first"; ls spec/*/*_spec.lua | grep -vxFf "$out/first"; } |
    while read -r file; do
      for lua in $luas; do
        echo "$lua-$(label "$file") $lua $file"
        ! once "$file" || break
      done
    done
  # Once more without a thread: every spec whose clients come from the fixture.
  lua=${luas%% *}
  grep -l 'session\.client\|session\.INLINE' spec/*/*_spec.lua |
    while read -r file; do
      once "$file" ||
        echo "inline-$(label "$file") $lua+inline $file"
    done
  # And once as where lua-cjson is missing.
  for file in spec/unit/*_spec.lua; do
    echo "json-$(label "$file") $lua+json $file"
  done
}

# sum: "PASSED FAILED RUNS" of what has ended.
sum() {
  cat "$out"/*.counts 2>/dev/null |
    awk '{ good += $1; bad += $2 } END { print good + 0, bad + 0, NR }'
}

# Every 20 s: how far it is, and what is running.
report() {
  seconds=0
  while sleep 20 >/dev/null 2>&1; do
    seconds=$((seconds + 20))
    running=
    for log in "$out"/*.log; do
      [ -f "${log%.log}.counts" ] || running="$running $(basename "$log" .log)"
    done
    sum | {
      read -r good bad runs
      echo "-- $seconds s: $runs of $all runs, $good passed, $bad failed;" \
        "now$running"
    }
  done
}

if [ $# -eq 0 ]; then
  { echo "c-tests c"; plan; } >"$out/plan"
  all=$(wc -l <"$out/plan")
  report &
  reporter=$!
  # The specs wait more than they compute.
  xargs -L 1 -P $((3 * $(getconf _NPROCESSORS_ONLN))) \
    spec/support/run_one "$out" <"$out/plan"
else
  all=0
  for lua in $luas; do
    all=$((all + 1))
    spec/support/run_one "$out" "$lua" "$lua" "$@" &
  done
  wait
fi

for log in "$out"/*.log; do
  name=$(basename "$log" .log)
  if ! read -r good bad pending seconds <"$out/$name.counts"; then
    echo "0 1 0 0" >"$out/$name.counts"
    bad=1
  fi
  if [ $# -gt 0 ] || [ "$bad" -gt 0 ] || [ "$pending" -gt 0 ]; then
    echo "-- $name: $good passed, $bad failed, $pending pending, $seconds s"
    cat "$log"
  fi
done
sum | {
  read -r good bad runs
  if [ "$runs" -lt "$all" ]; then
    bad=$((bad + all - runs)) # what was never begun
  elif [ $((good + bad)) -eq 0 ]; then
    echo "-- no test was run"
    bad=1
  fi
  echo
  echo "$good passed, $bad failed"
  [ "$bad" -eq 0 ]
}

#!/bin/sh
# A long life: many worlds of the money rules (sm_money_test), a server that
# stops for 20 s, then spec/soak.lua on Lua 5.4. The last line is its closing
# line.
#
#   spec/soak.sh BUILD              SOAK_JOBS, SOAK_CHAINS, SOAK_SEED, SOAK_WORLDS
set -u
cd "$(dirname "$0")/.." || exit 2
build=$(cd "$1" && pwd) || exit 2

unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
unset LUA_INIT LUA_INIT_5_4 SEGMIND_API_KEY SEGMIND_BASE_URL
unset LUA_PATH_5_4 LUA_CPATH_5_4
export SEGMIND_EMULATOR="$build/bin/segmind-emulator"
export LUA_PATH="$PWD/?.lua;$PWD/lua/?.lua;$PWD/lua/?/init.lua;;"
export LUA_CPATH="$build/lib/lua/5.4/?.so;;"
preload=
if [ -f "$build/preload" ]; then
  preload=LD_PRELOAD=$(cat "$build/preload")
fi
SEGMIND_WORLDS=${SOAK_WORLDS:-20000} "$build/spec/sm_money_test" || exit 1
SEGMIND_BUILD=$build SEGMIND_STOPPED_SECONDS=20 env ${preload:+"$preload" LD_LIBRARY_PATH="$build/spec"} \
  "${LUA54:-lua5.4}" spec/run.lua --filter="stops for a while" \
  spec/money/ledger_server_spec.lua </dev/null || exit 1
exec env ${preload:+"$preload" LD_LIBRARY_PATH="$build/spec"} "${LUA54:-lua5.4}" spec/soak.lua </dev/null

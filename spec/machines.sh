#!/bin/sh
# spec/machines.lua on Lua 5.4, with what is built in BUILD.
#
#   spec/machines.sh BUILD
set -u
cd "$(dirname "$0")/.." || exit 2
build=$(cd "$1" && pwd) || exit 2

unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
unset LUA_INIT LUA_INIT_5_4 SEGMIND_API_KEY SEGMIND_BASE_URL
unset LUA_PATH_5_4 LUA_CPATH_5_4
export SEGMIND_BUILD="$build"
export SEGMIND_EMULATOR="$build/bin/segmind-emulator"
export LUA_PATH="$PWD/?.lua;$PWD/lua/?.lua;$PWD/lua/?/init.lua;;"
export LUA_CPATH="$build/lib/lua/5.4/?.so;;"
exec "${LUA54:-lua5.4}" spec/machines.lua </dev/null

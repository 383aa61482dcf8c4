#!/bin/sh
# spec/machines.lua on Lua 5.4, with what is built in BUILD: the server and the
# service on a host of their own, the workers on three others, in network
# namespaces where this user may make some (ip netns: root, iproute2), else all
# on this one.
#
#   spec/machines.sh BUILD          MACHINES_STEPS, MACHINES_WORKERS, …
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
lua=${LUA54:-lua5.4}

name=segmind-$$
if ! ip netns add "$name" 2>/dev/null; then
  echo "# no network namespaces here: all on one host" >&2
  "$lua" spec/machines.lua </dev/null
  exit
fi

# What is alive in a namespace keeps it: all of it is ours.
stop() {
  trap - EXIT INT TERM
  for host in "$name" "$name-1" "$name-2" "$name-3"; do
    for pid in $(ip netns pids "$host" 2>/dev/null); do
      kill "$pid" 2>/dev/null
    done
    ip netns del "$host" 2>/dev/null
  done
}
trap stop EXIT
trap 'stop; exit 130' INT TERM

ip -n "$name" link set lo up
for i in 1 2 3; do
  ip netns add "$name-$i"
  ip -n "$name-$i" link set lo up
  ip -n "$name" link add "to$i" type veth peer name hub netns "$name-$i"
  ip -n "$name" addr add "10.77.$i.1/30" dev "to$i"
  ip -n "$name" link set "to$i" up
  ip -n "$name-$i" addr add "10.77.$i.2/30" dev hub
  ip -n "$name-$i" link set hub up
done
MACHINES_HOSTS=$name ip netns exec "$name" "$lua" spec/machines.lua </dev/null

#!/bin/sh
# Jobs by one curl process a request, as editor plugins do it.
#
#   bench/peers/curl.sh URL JOBS AT_A_TIME
set -eu

ask() {
  curl -sS -H "x-api-key: SG_0123456789abcdef" \
    -H "Content-Type: application/json" "$@"
}

make_one() {
  answer=$(ask -d '{"prompt":"a lighthouse"}' "$1/v2/flux-kontext-pro")
  id=${answer#*\"request_id\":\"}
  job=$1/v2/requests/${id%%\"*}
  until ask "$job/status" | grep -q '"COMPLETED"'; do
    :
  done
  ask "$job" >/dev/null
}

if [ "$2" = one ]; then
  make_one "$1"
  exit
fi
# Fields 16 and 17 of proc(5)'s stat: the ended children's ticks of 10 ms.
ticks() { awk '{ print $16 + $17 }' "/proc/$$/stat"; }
before=$(ticks)
seq "$2" | xargs -P "$3" -I '{}' "$0" "$1" one
echo "jobs=$2 cpu_us=$((($(ticks) - before) * 10000))"

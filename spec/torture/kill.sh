#!/bin/sh
# SIGKILL at every write, sync and send of a chain of three steps with a ledger;
# then the chain runs again until it has finished. The emulator counts the
# submits.
#
#   spec/torture/kill.sh BUILD      TORTURE_STEP: only each so manyth of them
set -u
cd "$(dirname "$0")/../.." || exit 2
build=$(cd "$1" && pwd) || exit 2
. spec/torture/lanes

# Most of the time goes by in looking for submits that never arrived.
for first in 1 2 3 4; do
  lane kill $first 4 worker sendto,sendmsg,writev
  lane kill $first 4 inline sendto,sendmsg,writev
  lane kill $first 4 worker \
    write,fsync,fdatasync,ftruncate,rename,renameat,renameat2,unlink
  lane kill $first 4 worker pwrite64,pwritev
done
sum_up kill

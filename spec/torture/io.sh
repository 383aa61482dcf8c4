#!/bin/sh
# A disk that fails, or is full, under a chain of three steps with a ledger: each
# ends with a clear error, and the chain finishes once the disk is well again.
#
#   spec/torture/io.sh BUILD        TORTURE_STEP: only each so manyth of the calls
set -u
cd "$(dirname "$0")/../.." || exit 2
build=$(cd "$1" && pwd) || exit 2
. spec/torture/lanes

for fault in 1 2 3 4 5 6 7 8; do
  lane io fail $fault
done
mkdir "$scratch/disk"
if mount -t tmpfs -o size=200k segmind "$scratch/disk" 2>/dev/null; then
  lane io full "$scratch/disk"
fi
lane io limit
sum_up io

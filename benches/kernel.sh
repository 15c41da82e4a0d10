#!/bin/sh
# What HTB classes cost in this kernel: by tc -batch, by bare netlink requests, and by the acts of a swap.
# Runs in a network namespace and a mount namespace of its own; needs root.
#
#   benches/kernel.sh [CLASSES...]        default: 2000 8000 20000
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- 2000 8000 20000
cargo build -q -p weir-runtime --example kernel_bench
exec unshare --net --mount sh -eu -c '
  pins=$(mktemp -d)
  mount -t bpf bpf "$pins"
  bench=$1
  shift
  "$bench" "$pins/weir" "$@"
  umount "$pins"
  rmdir "$pins"
' sh "${CARGO_TARGET_DIR:-target}/debug/examples/kernel_bench" "$@"

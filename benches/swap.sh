#!/bin/sh
# What a swap costs in this kernel, in a network namespace and a mount namespace of its own; needs root and bpftool.
#
#   benches/swap.sh [CIRCUITS...]       default: 20000
#
# First a table of a million addresses, loaded and flipped, against updates of maps entry by entry; then one circuit of
# so many that changes, from its artifact to the word that packets read. WEIR and XTASK name binaries to use instead of
# the ones that are built here. Compare ratios; absolute times say little.
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- 20000
cargo build -q --release -p weir-runtime --example swap_bench
if [ -z "${WEIR:-}" ]; then
  cargo build -q --release --bin weir
  WEIR=target/release/weir
fi
if [ -z "${XTASK:-}" ]; then
  cargo build -q --release -p xtask
  XTASK=target/release/xtask
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT INT TERM

# An artifact of the project as it is.
build() {
  code=0
  "$WEIR" build -q --out "$2" --previous "$3" "$1" >"$dir/said" 2>&1 || code=$?
  # Findings of an invented network are no failure.
  [ "$code" -eq 0 ] || [ "$code" -eq 3 ] || { cat "$dir/said" >&2; exit 1; }
}

for circuits in "$@"; do
  "$XTASK" gen --circuits "$circuits" --seed 1 --dirty 0 --form inventory --queues 16 --out "$dir/$circuits" >/dev/null
  project=$dir/$circuits/inventory
  build "$project" "$dir/$circuits/a" none
  # The plan of the second circuit: a digit more.
  sed -i '/"id":"c0000001",/ s/"plan_kbps":\[\([0-9]*\),/"plan_kbps":[1\1,/' "$project/export/inventory.json"
  build "$project" "$dir/$circuits/b" "$dir/$circuits/a"
done

unshare --net --mount sh -eu -c '
  bench=$1 dir=$2
  shift 2
  mount -t bpf bpf /sys/fs/bpf
  "$bench" table /sys/fs/bpf 1000000
  for circuits in "$@"; do
    for name in eth0 eth1; do
      ip link add "$name" numtxqueues 16 numrxqueues 16 type veth peer name "peer-$name"
      ip link set "$name" up
    done
    "$bench" change /sys/fs/bpf "$dir/state-$circuits" "$dir/$circuits/a" "$dir/$circuits/b"
    ip link del eth0
    ip link del eth1
  done
' sh "${CARGO_TARGET_DIR:-target}/release/examples/swap_bench" "$dir" "$@"

#!/usr/bin/env bash
# Times looking an address up in this kernel: the address table, hash maps with a probe a length, LPM tries.
#
#   benches/lookup.sh [SIZE...]      prefixes; default: 10000 100000 1000000
#
# Needs root and the toolchain of ebpf/TOOLCHAIN: what is compared is built for this and is in no product. Options
# for `xtask ebpf` can be given in XTASK_EBPF. Compare ratios; absolute times say little.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck disable=SC2086 # several options
cargo run --quiet -p xtask -- ebpf --bench ${XTASK_EBPF:-}
cargo run --quiet -p weir-runtime --example lookup -- ebpf/target/bench.bpf.o "$@"

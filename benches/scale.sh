#!/usr/bin/env bash
# What every step of the way costs at growing sizes: reading a CRM, building, linting, comparing, promoting.
#
#   benches/scale.sh [SIZE...]      circuits; default: 1000 10000 100000. 1000000 needs 20 GB of disk and 8 GB of memory
#
# WEIR and XTASK name other programs than those of a release build; RUNS (default 3) is how often a step is run, and the
# fastest run counts. Needs python3: for wait4, which knows what a child used, and as the CRM that is read (`uisp.py`).
# Builds go into a store that is there, and follow nothing. A network with more prefixes than one address table holds
# (four million) is refused at the end of the build: then there are no artifacts to compare and promote. Times are of
# this machine: compare CPU seconds and growth.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
sizes=("$@")
[ "${#sizes[@]}" -gt 0 ] || sizes=(1000 10000 100000)
if [ -z "${WEIR:-}" ]; then
    cargo build --release --quiet
    cargo build --release --quiet -p xtask
fi
weir=$(realpath "${WEIR:-target/release/weir}")
xtask=$(realpath "${XTASK:-target/release/xtask}")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

printf '%-9s %-9s %9s %8s %9s %14s %14s\n' circuits step seconds "CPU s" "peak MiB" "us a circuit" "bytes a circuit"
for size in "${sizes[@]}"; do
    "$xtask" gen --circuits "$size" --seed 1 --form uisp --out "$dir/isp" >/dev/null
    python3 benches/scale.py "$weir" "$dir/isp/uisp" "$size" "${RUNS:-3}"
    rm -rf "${dir:?}/isp"
done

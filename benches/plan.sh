#!/usr/bin/env bash
# Plans synthetic ISPs of growing size and prints the time of each stage and what a circuit costs.
#
#   benches/plan.sh [SIZE...]        default: 10000 100000 1000000
#
# The cost of a circuit says how planning grows: it may rise with the logarithm of the size, and not with the size.
# `PLAN_ONLY=0` also times findings, files and proof, and planning again with the plan
# just made as the previous one. `PROFILE=debug` uses what is built already.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
sizes=("$@")
[ "${#sizes[@]}" -gt 0 ] || sizes=(10000 100000 1000000)
only=(--plan-only)
[ "${PLAN_ONLY:-1}" = 1 ] || only=()

profile=${PROFILE:-release}
[ "$profile" = release ] && release=(--release) || release=()
cargo build ${release[@]+"${release[@]}"} --quiet -p xtask
xtask=target/$profile/xtask
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
for size in "${sizes[@]}"; do
    "$xtask" gen --circuits "$size" --seed 1 --form inventory --queues 32 --out "$dir/$size" >"$dir/said"
    head -1 "$dir/said"
    "$xtask" stages ${only[@]+"${only[@]}"} "$dir/$size/inventory"
    rm -rf "${dir:?}/$size"
done

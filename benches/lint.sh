#!/usr/bin/env bash
# Lints synthetic ISPs of growing size and prints the time of all rules together, and of the slowest ones.
#
#   benches/lint.sh
#
# The network is made in memory and compiled first; only the rules are timed, the fastest of three runs. The last line
# has a million prefixes, many of them inside those of another circuit. Times are of this machine: compare ratios.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cargo build --release --quiet -p xtask
for size in "10000 2" "100000 2" "100000 10"; do
    read -r circuits prefixes <<<"$size"
    ./target/release/xtask bench-lint --circuits "$circuits" --prefixes "$prefixes"
done

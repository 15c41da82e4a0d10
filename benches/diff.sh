#!/usr/bin/env bash
# Compares two artifacts of a synthetic ISP that differ in every circuit's plan, and prints the time of `weir diff`.
#
#   benches/diff.sh [SIZE...]      default: 10000 100000
#
# WEIR and XTASK name other programs than those of a release build. The fastest of five runs counts; most of it is reading
# the files.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
sizes=("$@")
[ "${#sizes[@]}" -gt 0 ] || sizes=(10000 100000)
if [ -z "${WEIR:-}" ]; then
    cargo build --release --quiet
    cargo build --release --quiet -p xtask
fi
weir=$(realpath "${WEIR:-target/release/weir}")
xtask=$(realpath "${XTASK:-target/release/xtask}")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

printf '%-10s %9s %14s %s\n' circuits seconds "us a circuit" changes
for size in "${sizes[@]}"; do
    "$xtask" gen --circuits "$size" --seed 1 --form uisp --out "$dir/$size" >/dev/null
    project=$dir/$size/uisp
    # 3 is "findings", which synthetic networks have.
    "$weir" build -q "$project" --out "$dir/a" >/dev/null 2>&1 || [ $? -eq 3 ]
    sed -i 's/^\[rates\]$/[rates]\noverhead = 1.1/' "$project/weir.toml"
    "$weir" build -q "$project" --previous "$dir/a" --out "$dir/b" >/dev/null 2>&1 || [ $? -eq 3 ]
    python3 - "$weir" "$project" "$dir/a" "$dir/b" "$size" <<'PY'
import json, subprocess, sys, time
weir, project, a, b, size = sys.argv[1:]
command = [weir, "diff", "--project", project, a, b, "--format", "json"]
best = None
for _ in range(5):
    start = time.monotonic()
    out = subprocess.run(command, check=True, capture_output=True).stdout
    seconds = time.monotonic() - start
    best = min(best or seconds, seconds)
changes = sum(json.loads(out)["counts"].values())
print(f"{size:<10} {best:9.2f} {best / int(size) * 1e6:14.1f} {changes}")
PY
    rm -rf "${dir:?}/$size" "$dir/a" "$dir/b"
done

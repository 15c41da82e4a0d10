#!/usr/bin/env bash
# Compiles synthetic ISPs of growing size and prints time, peak memory and growth.
#
#   benches/compile.sh [FORM] [SIZE...]      FORM: uisp (default), inventory, libreqos
#
# Needs python3 (for wait4, which knows the peak memory of a child). Times are of this machine: compare ratios. Each
# size is built three times and the fastest run counts. Bench projects have 32 CPU queues and no leaf qdisc.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
form=${1:-uisp}
shift || true
sizes=("$@")
[ "${#sizes[@]}" -gt 0 ] || sizes=(1000 10000 100000)

cargo build --release --quiet
cargo build --release --quiet -p xtask
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

printf '%-10s %10s %9s %9s %9s %14s\n' circuits "MB of input" seconds "CPU s" "peak MiB" "us a circuit"
for size in "${sizes[@]}"; do
    ./target/release/xtask gen --circuits "$size" --seed 1 --form "$form" --out "$dir/$size" >/dev/null
    python3 - "$dir/$size/$form" "$size" <<'PY'
import os, subprocess, sys, time
project, circuits = sys.argv[1], int(sys.argv[2])
size = sum(os.path.getsize(os.path.join(d, f)) for d, _, fs in os.walk(project) for f in fs if ".weir" not in d)
best = None
for _ in range(3):
    subprocess.run(["rm", "-rf", os.path.join(project, ".weir")], check=True)
    # As it is every day: there is a store. Files go into it while they are proved.
    os.makedirs(os.path.join(project, ".weir", "store", "artifacts"))
    start = time.monotonic()
    child = subprocess.Popen(["target/release/weir", "build", "-q", project], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    seconds = time.monotonic() - start
    if os.waitstatus_to_exitcode(status) not in (0, 3):
        sys.exit(f"weir build {project}: exit {os.waitstatus_to_exitcode(status)}")
    run = (seconds, used.ru_utime + used.ru_stime, used.ru_maxrss)
    best = min(best or run, run)
seconds, cpu, peak = best
print(f"{circuits:<10} {size / 1e6:11.1f} {seconds:9.2f} {cpu:9.2f} {peak / 1024:9.0f} {seconds / circuits * 1e6:14.1f}")
PY
    rm -rf "${dir:?}/$size"
done

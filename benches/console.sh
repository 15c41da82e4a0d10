#!/usr/bin/env bash
# How long the console takes for each page of a large ISP, and how large the pages are.
#
#   benches/console.sh [CIRCUITS]            default: 50000
#
# Makes an ISP, promotes it, changes it, serves it, and asks every page seven times as an operator and as a viewer, one
# request at a time. "first" is the first request of all, "ms" the middle of the others, "worst" the slowest of them. A
# stand-in answers for the runtime: rates of every class, sampled flows, unknown addresses. WEIR=PROGRAM and
# XTASK=PROGRAM measure another build. Needs python3. Times are of this machine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
circuits=${1:-50000}
if [ -z "${WEIR:-}" ]; then
    cargo build --release --quiet
    WEIR=./target/release/weir
fi
if [ -z "${XTASK:-}" ]; then
    cargo build --release --quiet -p xtask
    XTASK=./target/release/xtask
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$XTASK" gen --circuits "$circuits" --seed 1 --form inventory --out "$dir" >/dev/null
python3 - "$WEIR" "$dir/inventory" "$dir" <<'PY'
import http.client, json, os, re, signal, socket, subprocess, sys, threading, time, urllib.parse

weir, project, dir = os.path.abspath(sys.argv[1]), sys.argv[2], sys.argv[3]

def run(*args, codes=(0, 3)):
    done = subprocess.run([weir, "-q", "--project", project, *args], capture_output=True, text=True)
    if done.returncode not in codes:
        sys.exit(f"weir {' '.join(args)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout

# Nothing promotes by itself here, and findings do not stand in the way.
with open(os.path.join(project, "weir.toml"), "a") as toml:
    toml.write('\n[lint]\nfail_on = "never"\n[schedule]\nevery = "1d"\npromote = "never"\n')

def build():
    return json.loads(run("build", project, "--format", "json"))["artifact"]["digest"]

first = build()
run("promote", first, "--to", "production", "--reason", "bench")
path = os.path.join(project, "export", "inventory.json")
if not os.path.exists(path):
    path = next(os.path.join(d, f) for d, _, fs in os.walk(project) for f in fs if f == "inventory.json")
with open(path) as file:
    inventory = json.load(file)
for circuit in inventory["circuits"][::50]:
    if circuit.get("plan_kbps"):
        circuit["plan_kbps"] = [rate and rate * 2 for rate in circuit["plan_kbps"]]
with open(path, "w") as file:
    json.dump(inventory, file)
second = build()
passwords = {role: re.search(r'"password": *"([^"]+)"', run("user", "add", role, "--role", role, "--format", "json")).group(1)
             for role in ("operator", "viewer")}

# What a runtime would say of the first artifact.
store = os.path.join(project, ".weir", "store", "artifacts")
plan = next(os.path.join(d, "queue-plan.json") for d, _, fs in os.walk(os.path.join(project, ".weir")) if first in d and "queue-plan.json" in fs)
with open(plan) as file:
    keys = sorted(c["key"] for c in json.load(file)["classes"])
now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
mine = [k for k in keys if k.startswith("circuit:")]
answers = {
    "status": {"schema": "weir.runtime-status/1", "version": "0", "time": now, "target": None, "channel": "production",
        "state": "active", "active": {"digest": first, "seq": 1, "since": now, "circuits": len(mine), "prefixes": len(mine),
        "classes": 2 * len(keys)}, "previous": None, "deadline": None, "last_apply": None, "health": [], "drift": [],
        "drift_count": 0, "interfaces": [], "outcomes": []},
    "traffic": {"schema": "weir.runtime-traffic/1", "time": now, "generation": first, "interval_seconds": 5.0, "classes": [
        {"key": k, "kbps": [1000 + n % 900, 100], "bytes": [n << 20, n << 18], "packets": [n << 10, n << 9],
         "drops": [n % 7, 0], "backlog_bytes": [0, 0]} for n, k in enumerate(keys)]},
    "unknown": {"schema": "weir.runtime-unknown/1", "time": now, "count": 1000, "addresses": [
        {"address": f"100.127.{n // 250}.{n % 250 + 1}", "packets": [n, n], "bytes": [n * 900, n * 90], "seconds_ago": n % 60}
        for n in range(1000)]},
    "flows": {"schema": "weir.runtime-flows/1", "time": now, "sample_every": 100, "flows": [
        {"circuit": mine[n % len(mine)], "subscriber": f"100.64.{n // 250}.{n % 250 + 1}", "remote": f"192.0.2.{n % 250}",
         "subscriber_port": 4000, "remote_port": 443, "protocol": 6, "packets": [n, 1], "bytes": [n * 900, 90],
         "seconds_ago": 1} for n in range(2000)]},
}
answers = {question: json.dumps(answer).encode() for question, answer in answers.items()}
runtime = os.path.join(dir, "runtime.sock")
listener = socket.socket(socket.AF_UNIX)
listener.bind(runtime)
listener.listen(16)

def answer():
    while True:
        peer, _ = listener.accept()
        question = peer.makefile().readline().strip()
        try:
            peer.sendall(answers.get(question, b"{}"))
        except OSError:
            pass
        peer.close()

threading.Thread(target=answer, daemon=True).start()

serve = subprocess.Popen([weir, "--project", project, "serve", "--bind", "127.0.0.1:0", "--runtime", runtime],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
host = re.search(r"http://(\S+)", serve.stdout.readline()).group(1)

def ask(path, cookie="", form=None):
    connection = http.client.HTTPConnection(host, timeout=120)
    headers = {"Cookie": cookie, "Origin": f"http://{host}", "Content-Type": "application/x-www-form-urlencoded"}
    start = time.monotonic()
    connection.request("POST" if form else "GET", path, form, headers)
    reply = connection.getresponse()
    body = reply.read()
    took = (time.monotonic() - start) * 1000
    connection.close()
    return reply, body, took

try:
    cookies = {}
    for role, password in passwords.items():
        reply, body, _ = ask("/login", form=urllib.parse.urlencode({"name": role, "password": password}))
        if reply.status != 303:
            sys.exit(f"nobody can sign in: {reply.status}")
        cookies[role] = reply.getheader("Set-Cookie").split(";")[0]
    # The first run of the scheduler is none of the pages'.
    for _ in range(600):
        runs = json.loads(ask("/scheduler.json", cookies["operator"])[1])["runs"]
        if runs and runs[0]["outcome"]:
            break
        time.sleep(0.2)
    about = {}
    for role, cookie in cookies.items():
        subscribers = json.loads(ask("/subscribers.json", cookie)[1])
        tree = json.loads(ask("/tree.json", cookie)[1])
        about[role] = (subscribers["rows"][7]["href"], tree["nodes"][1]["href"], subscribers["rows"][7]["id"])
    print(f"{'page':34} {'operator: first':>16} {'ms':>7} {'worst':>7} {'viewer: ms':>11} {'worst':>7} {'kB':>5}")
    slow = 0
    def pages(role):
        subscriber, node, name = about[role]
        quoted = urllib.parse.quote(name)
        return [("/", "/"), ("/scheduler", "/scheduler"), ("/issues", "/issues"), ("/issues?show=all", "/issues?show=all"),
            ("/tree", "/tree"), ("/tree?at=NODE", node), ("/tree?filter=", "/tree?filter=1"),
            ("/tree?against=", f"/tree?against={second}"), ("/cpu", "/cpu"), ("/subscribers", "/subscribers"),
            ("/subscribers?page=900", "/subscribers?page=900"), ("/subscribers?q=NAME", f"/subscribers?q={quoted}"),
            ("/subscribers?q=10.0.0.0/8", "/subscribers?q=10.0.0.0%2F8"), ("/subscribers?state=found", "/subscribers?state=found"),
            ("/subscriber?id=", subscriber), ("/unknown", "/unknown"), ("/globe", "/globe"), ("/globe?map=flat", "/globe?map=flat"),
            ("/sources", "/sources"), ("/overrides", "/overrides"), ("/generations", "/generations"),
            ("/change", f"/change?from={first}&to={second}"), ("/change?only=rerated", f"/change?from={first}&to={second}&only=rerated"),
            ("/promote", f"/promote?channel=production&digest={second}"), ("/rollback", "/rollback?channel=production"),
            ("/compare", "/compare")]
    for (name, path), (_, viewed) in zip(pages("operator"), pages("viewer")):
        reply, body, cold = ask(path, cookies["operator"])
        if reply.status != 200:
            print(f"{name:34} {reply.status}")
            continue
        times = sorted(ask(path, cookies["operator"])[2] for _ in range(7))
        seen = sorted(ask(viewed, cookies["viewer"])[2] for _ in range(7)) if ask(viewed, cookies["viewer"])[0].status == 200 else []
        slow += max(times[3], seen[3] if seen else 0) > 100
        last = f"{seen[3]:11.1f} {seen[-1]:7.1f}" if seen else f"{'-':>11} {'-':>7}"
        print(f"{name:34} {cold:16.1f} {times[3]:7.1f} {times[-1]:7.1f} {last} {len(body) / 1000:5.0f}", flush=True)
    print(f"{slow} pages take more than 100 ms" if slow else "no page takes more than 100 ms")
finally:
    serve.send_signal(signal.SIGTERM)
    serve.wait(30)
PY

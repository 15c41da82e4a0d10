"""The steps of `benches/scale.sh` on one generated project: WEIR PROJECT CIRCUITS RUNS. Prints a line a step."""

import json
import os
import shutil
import subprocess
import sys
import time

weir, project, circuits, runs = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
store = os.path.join(project, ".weir", "store")


def run(arguments, right, out=None, cwd=project, env=None):
    """One run: wall seconds, CPU seconds, peak KiB, exit code. `right` are the exit codes that it may have."""
    target = open(out, "wb") if out else subprocess.DEVNULL
    start = time.monotonic()
    child = subprocess.Popen([weir, *arguments], cwd=cwd, stdout=target, stderr=subprocess.PIPE, env=env)
    said = child.stderr.read()
    _, status, used = os.wait4(child.pid, 0)
    seconds = time.monotonic() - start
    code = os.waitstatus_to_exitcode(status)
    if code not in right:
        sys.exit(f"weir {' '.join(arguments)}: {code}\n{said.decode()[-2000:]}")
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss, code


def step(name, arguments, right, before=lambda n: None, times=runs, **more):
    """The fastest run of several; `before` gets the number of the run and may give other arguments. Gives the exit code."""
    found = []
    for n in range(times):
        other = before(n)
        found.append(run(other or arguments, right, **more))
    seconds, cpu = min(found)[0], min(used[1] for used in found)
    peak = max(used[2] for used in found)
    print(
        f"{circuits:<9} {name:<9} {seconds:9.2f} {cpu:8.2f} {peak / 1024:9.0f} {cpu / circuits * 1e6:14.1f}"
        f" {peak * 1024 / circuits:14.0f}",
        flush=True,
    )
    return found[0][3]


def fetch():
    """Reads the same data over the network, from a CRM on this machine."""
    served = os.path.join(project, "export")
    here = os.path.join(os.path.dirname(project), "fetched")
    server = subprocess.Popen(
        [sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "uisp.py"), served],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        url = server.stdout.readline().strip()
        os.makedirs(here)
        with open(os.path.join(here, "weir.toml"), "w") as file:
            file.write(
                f'[[source]]\nname = "crm"\nkind = "uisp"\nurl = "{url}"\nkey = {{ env = "CRM_KEY" }}\n'
                'secret = { env = "CRM_SECRET" }\nmax_answer_mb = 2048\n'
            )
        env = dict(os.environ, CRM_KEY="key", CRM_SECRET="secret")
        clean = lambda n: shutil.rmtree(os.path.join(here, ".weir"), ignore_errors=True)
        step("fetch", ["fetch"], {0}, clean, 1, cwd=here, env=env)
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(here, ignore_errors=True)


def empty(_):
    """A store that is there and holds nothing."""
    shutil.rmtree(os.path.join(project, ".weir"), ignore_errors=True)
    os.makedirs(os.path.join(store, "artifacts"))


def setting(old, new):
    path = os.path.join(project, "weir.toml")
    with open(path) as file:
        text = file.read()
    with open(path, "w") as file:
        file.write(text.replace(old, new))


fetch()
# 3 is "findings", which synthetic networks have; 4 is "refused", for more prefixes than one address table holds.
refused = step("build", ["build", "-q"], {0, 3, 4}, empty) == 4
step("check", ["check", "-q"], {0, 3, 4})
if refused:
    sys.exit(0)
# What fails cannot be promoted.
setting("[rates]\n", "[lint]\nfail_on = \"never\"\n\n[rates]\n")
digests, copies = [], []
for overhead in ["", "overhead = 1.1\n"]:
    if overhead:
        setting("[rates]\n", "[rates]\n" + overhead)
    copies.append(os.path.join(os.path.dirname(project), f"artifact-{len(copies)}"))
    text = os.path.join(os.path.dirname(project), "built.json")
    run(["build", "--format", "json", "--out", copies[-1]], {0}, text)
    with open(text) as file:
        digests.append(json.load(file)["artifact"]["digest"])
    os.remove(text)
step("diff", ["diff", *copies], {0})
for copy in copies:
    shutil.rmtree(copy)
# Each time another artifact than the one that runs; the first promotion has nothing to compare with.
turn = lambda n: ["promote", digests[n % 2], "--to", "production", "-q"]
run(turn(1), {0})
step("promote", [], {0}, turn)

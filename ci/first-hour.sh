#!/usr/bin/env bash
# The first hour of somebody new, as the documentation tells it: a fresh clone, the quickstart, a LibreQoS directory of
# one's own, a project, and what checks it on every change. Prints how long each command took, and fails where an
# expected answer is missing. It knows nothing of why an answer is what it is.
#
#   ci/first-hour.sh [--weir FILE]
#
#   --weir   a built command, in place of the build: then the time of the first row is that of the command alone
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
weir=
if [ "${1:-}" = --weir ]; then weir=$(realpath "$2"); fi

# Commands that somebody types until the first report about their own network, at most.
most=3

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/bin" "$work/home"
export HOME=$work/home CARGO_HOME=${CARGO_HOME:-$HOME/.cargo} RUSTUP_HOME=${RUSTUP_HOME:-$HOME/.rustup}
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'
typed=0
report=
rows=()

# STEP CODES ANSWER COMMAND...: runs one command as it would be typed; one of CODES is right, and ANSWER is in what it says.
typing() {
    local step=$1 codes=$2 answer=$3 code=0 began ended
    shift 3
    typed=$((typed + 1))
    began=$(date +%s%N)
    "$@" >"$work/said" 2>&1 || code=$?
    ended=$(date +%s%N)
    case " $codes " in
        *" $code "*) ;;
        *) cat "$work/said" && echo "FAIL: exit $code of: $*" && exit 1 ;;
    esac
    [ -z "$answer" ] || grep -qF -- "$answer" "$work/said" || {
        cat "$work/said"
        echo "FAIL: \`$answer\` is not in what this says: $*"
        exit 1
    }
    rows+=("$(printf '| %s | `%s` | %d.%02d s |' "$step" "$*" $(((ended - began) / 1000000000)) $(((ended - began) / 10000000 % 100)))")
}
there() {
    [ -s "$1" ] || { echo "FAIL: $1 is not there" && exit 1; }
}

cd "$work"
typing "fresh clone" 0 "" git clone --quiet "$top" weir
cd weir
if [ -n "$weir" ]; then
    ln -s "$weir" "$work/bin/weir"
    PATH=$work/bin:$PATH
    typing "quickstart" "0 3" "artifact" weir build examples/quickstart
else
    typing "quickstart, and building Weir" "0 3" "artifact" cargo run --release -- build examples/quickstart
    PATH=$work/weir/target/release:$PATH
fi
[ -d examples/quickstart/.weir/store/artifacts ] || { echo "FAIL: the build left no artifact" && exit 1; }
cp -r examples/existing-libreqos "$work/lqos"
cd "$work"
typing "one's own directory" "0 3" "ADR001" weir check lqos
report=$typed
grep -q "did you mean AP" "$work/said" || { echo "FAIL: nobody is told which parent was meant" && exit 1; }

git init --quiet shaping
cd shaping
typing "a project of it" 0 "weir.toml" weir init . --from-libreqos ../lqos
there weir.toml
typing "an artifact" "0 3" "artifact" weir build
typing "what is known today fails nothing" 0 "taken in" weir check --baseline weir-baseline.json --baseline-write
typing "what is shaped, in git" 0 "" weir golden --accept
there golden/ShapedDevices.csv
typing "CI" 0 ".github/workflows/weir.yml" weir init . --ci github
there .github/workflows/weir.yml

# The file is not only there: what it runs passes now, and fails when the network changes unseen.
ci() {
    env PROJECT=. BASELINE=weir-baseline.json SARIF= COMMENT= GITHUB_STEP_SUMMARY="$work/summary" GITHUB_OUTPUT="$work/output" \
        "$work/weir/ci/github/check.sh"
}
ci >"$work/said" 2>&1 || { cat "$work/said" && echo "FAIL: CI does not pass on what was just accepted" && exit 1; }
sed -i 's/,50,10,/,60,10,/' ../lqos/ShapedDevices.csv
code=0
ci >"$work/said" 2>&1 || code=$?
[ "$code" -eq 6 ] || { cat "$work/said" && echo "FAIL: exit $code where a plan changed unseen" && exit 1; }

[ "$report" -le "$most" ] || { echo "FAIL: $report commands until the first report, at most $most" && exit 1; }
echo "| step | typed | took |"
echo "|---|---|---|"
printf '%s\n' "${rows[@]}"
echo
echo "$report commands until the first report about one's own network, $typed until CI"

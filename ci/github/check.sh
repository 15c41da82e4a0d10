#!/usr/bin/env bash
# What the action runs: annotations on stdout, a comment into the summary of the job, SARIF into a file. The exit code is
# that of `weir check`. Set by the action: PROJECT, BASELINE, SARIF, COMMENT, WEIR, and what GitHub sets.
set -uo pipefail
weir=${WEIR:-weir}
arguments=(check "${PROJECT:-.}")
if [ -n "${BASELINE:-}" ]; then
    arguments+=(--baseline "$BASELINE")
fi

"$weir" "${arguments[@]}" --format github
code=$?

if [ -n "${SARIF:-}" ]; then
    "$weir" "${arguments[@]}" --format sarif >"$SARIF" 2>/dev/null
fi
if [ -n "${COMMENT:-}" ]; then
    "$weir" "${arguments[@]}" --format markdown >"$COMMENT" 2>/dev/null
fi
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
    "$weir" "${arguments[@]}" --format markdown >>"$GITHUB_STEP_SUMMARY" 2>/dev/null
fi
if [ -n "${GITHUB_OUTPUT:-}" ]; then
    echo "exit-code=$code" >>"$GITHUB_OUTPUT"
fi
exit "$code"

#!/usr/bin/env bash
# What the action runs: annotations on stdout, a comment into the summary of the job, SARIF into a file. The exit code is
# that of `weir check`. Set by the action: PROJECT, BASELINE, SARIF, COMMENT, WEIR, and what GitHub sets.
set -uo pipefail
weir=${WEIR:-weir}
arguments=(check "${PROJECT:-.}")
if [ -f "${BASELINE:-}" ]; then
    arguments+=(--baseline "$BASELINE")
elif [ -n "${BASELINE:-}" ]; then
    echo "::notice::there is no $BASELINE, so every finding counts: weir check --baseline $BASELINE --baseline-write makes one"
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
# What changes for subscribers, where the project keeps golden files: exit code 6 when they are not accepted yet. It has
# names from a CRM in it, so it is shown in the summary only: what is printed here GitHub may take for commands.
if [ -d "${PROJECT:-.}/golden" ]; then
    differs=0
    golden=$("$weir" golden "${PROJECT:-.}" 2>&1) || differs=$?
    if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
        printf '\n## What is shaped\n\n~~~text\n%s\n~~~\n' "${golden//\~\~\~/---}" >>"$GITHUB_STEP_SUMMARY"
    fi
    if [ "$differs" -eq 6 ]; then
        echo "::error::what is shaped is not what golden/ expects: the summary shows it; weir golden --accept takes it over"
    fi
    if [ "$differs" -gt "$code" ]; then code=$differs; fi
fi
if [ -n "${GITHUB_OUTPUT:-}" ]; then
    echo "exit-code=$code" >>"$GITHUB_OUTPUT"
fi
exit "$code"

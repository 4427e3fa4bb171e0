#!/usr/bin/env bash
# Records a command on two commits of this repository, in turns, and says what the newer one does more: the whole of what the
# GitHub action and the GitLab job beside it do. It needs git, prof and a checkout with history (fetch-depth: 0).
#
#   PROF_COMMAND   what is recorded, as of a shell: `python bench.py`. It runs in the folder of each commit.
#   PROF_BASE      the commit to compare with (default: where this branch left the one that it is to be merged into)
#   PROF_FAIL_ON   rules of `prof diff --fail-on`, one a line (default: none)
#   PROF_MODES     what is recorded (default: ops+memory)
#   PROF_RUNS      runs of each commit (default: 3; times need 10 and more)
#   PROF_SETUP     what each commit needs before, as of a shell: `pip install -q -e .`
#   PROF_OPTIONS   more options of `prof bench`, such as --instrument 'shop.*', quoted as of a shell
#   PROF_OUT       a new folder for all that is written (default: prof-ci)
#
# Written are summary.md (added to $GITHUB_STEP_SUMMARY as well), junit.xml, difference.json, page.html and the captures.
#
# exit status: 0 no rule was broken, 1 one was, 2 wrong call, 3 a commit could not be recorded or compared
set -euo pipefail

fail() {
    echo "prof: $2" >&2
    exit "$1"
}

[ -n "${PROF_COMMAND:-}" ] || fail 2 "PROF_COMMAND says what is recorded, such as: python bench.py"
out=${PROF_OUT:-prof-ci}
top=$(git rev-parse --show-toplevel 2>/dev/null) || fail 2 "$PWD is no git repository"
[ ! -e "$out" ] || [ -z "$(ls -A "$out")" ] || fail 2 "$out is not empty: nothing is written over what is there"

# Where this branch left the one that it is to be merged into: what that one did since is not this branch's doing.
base=${PROF_BASE:-}
if [ -z "$base" ]; then
    into=${GITHUB_BASE_REF:-${CI_MERGE_REQUEST_TARGET_BRANCH_NAME:-}}
    [ -n "$into" ] || fail 2 "PROF_BASE says which commit to compare with, such as: origin/main"
    base=$(git merge-base "origin/$into" HEAD) || fail 2 "origin/$into is not here: check out with all history"
fi
commit=$(git rev-parse --verify --quiet "$base^{commit}") || fail 2 "$base is no commit here: check out with all history"

mkdir -p "$out"
out=$(cd "$out" && pwd)
tree=$(mktemp -d)
trap 'git -C "$top" worktree remove --force "$tree/base" 2>/dev/null || true; rm -rf "$tree"' EXIT
git -C "$top" worktree add --quiet --detach "$tree/base" "$commit"
within=$(git rev-parse --show-prefix)  # the folder below the top that we are in
old=$tree/base/$within
[ -d "$old" ] || fail 3 "$within is not in $base"

for folder in "$old" "$PWD"; do
    [ -z "${PROF_SETUP:-}" ] || (cd "$folder" && bash -c "$PROF_SETUP") >&2 || fail 3 "PROF_SETUP failed in $folder"
done

export PYTHONHASHSEED=${PYTHONHASHSEED:-0}  # else sets of strings have another order in each run
eval "options=(${PROF_OPTIONS:-})"
prof bench -n "${PROF_RUNS:-3}" --until 0 --modes "${PROF_MODES:-ops+memory}" --out "$out/captures" "${options[@]}" \
    -o "$out/bench.txt" --in "$old" -- sh -c "$PROF_COMMAND" --vs --in "$PWD" -- sh -c "$PROF_COMMAND" >&2 || fail $? \
    "not both commits could be recorded"

rules=()
while IFS= read -r rule; do
    [ -z "${rule// /}" ] || rules+=(--fail-on "$rule")
done <<<"${PROF_FAIL_ON:-}"

cd "$out"
status=0
prof diff captures/a -- captures/b "${rules[@]}" --format markdown -o summary.md --junit junit.xml || status=$?
[ "$status" -le 1 ] || exit "$status"
prof diff captures/a -- captures/b --format json -o difference.json
prof diff captures/a -- captures/b "${rules[@]}" --format html -o page.html 2>/dev/null || true  # its status is known
[ -z "${GITHUB_STEP_SUMMARY:-}" ] || cat summary.md >>"$GITHUB_STEP_SUMMARY"
[ -z "${GITHUB_OUTPUT:-}" ] || echo "folder=$out" >>"$GITHUB_OUTPUT"
exit "$status"

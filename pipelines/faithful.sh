#!/bin/bash
# faithful — whether a model's answers rest on the evidence that its thoughts cite.
#
#   pipelines/faithful.sh MODEL CHAINS OUT
#   MODEL   a model or run directory     CHAINS   a file of case records with chains
#   OUT     a folder; what is done there is not done again
#
# In the environment, here with defaults:
#   EDITS="drop swap evidence early"     of maskprompt --counterfactual
#   MASKPROMPT= ROLLOUT=                 options of these programs: the template that the model knows, its longest answer
#
# One greedy answer to each case, and one to each of its counterfactuals. Records of evaluate --faithful go to stdout
# and to OUT/report.jsonl, their table to stderr. An edit that no case can have is left out.
# shellcheck disable=SC2034,SC2086,SC2154
set -euo pipefail
[ $# = 3 ] || { sed -n '2,/^# and to/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
chains=$2 out=$3 runs=
# shellcheck source=pipelines/steps.sh
. "$(dirname "$0")/steps.sh"

# ask NAME OPTIONS...: the prompts, and the model's answers unless there are none.
ask() {
    local name=$1
    shift
    make "$name.prompts.jsonl" maskprompt ${MASKPROMPT-} "$@" "$chains"
    [ -s "$out/$name.prompts.jsonl" ] || return 0
    make "scored/$name.jsonl" rollout --quiet -m "$model" --greedy --no-scores ${ROLLOUT-} "$out/$name.prompts.jsonl"
    runs="$runs $out/scored/$name.jsonl"
}

model=$1
ask original
for edit in ${EDITS-drop swap evidence early}; do
    ask "$edit" --counterfactual "$edit" --rollouts "$out/scored/original.jsonl"
done
make report.jsonl evaluate --faithful $runs
cat "$out/report.jsonl"
evaluate --faithful --format table $runs >&2

#!/bin/bash
# sft — the first line of the road: graph, chains, masked prompts, supervised training.
#
#   pipelines/sft.sh GRAPH BASE OUT
#   GRAPH   what graphload reads: a data set, or graph records in a .jsonl file
#   BASE    the model to begin with     OUT   the run directory
#   CHAINSAMPLE, MASKPROMPT, SFT_TRAIN in the environment add options to those programs.
set -euo pipefail
[ $# = 3 ] || { sed -n 's/^# \{0,1\}//p' "$0" | head -n 7 >&2; exit 2; }
PATH="$(cd "$(dirname "$0")/../bin" && pwd):$PATH"
set -x
# shellcheck disable=SC2086
graphload --quiet "$1" | chainsample ${CHAINSAMPLE-} | maskprompt ${MASKPROMPT-} |
    sft-train -m "$2" -o "$3" ${SFT_TRAIN-}

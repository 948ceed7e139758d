#!/bin/bash
# rl — the second line of the road, again and again: rollout, reward, update.
#
#   pipelines/rl.sh ITERATIONS SFT PROMPTS OUT
#   SFT       the model to begin with       PROMPTS   prompt records, taken PER_STEP (64) at a time
#   OUT       the run directory; a stopped run goes on behind its last complete step
#   ROLLOUT, REWARD, RL_UPDATE in the environment add options to those programs.
# Metric records go to OUT/metrics.jsonl.
set -euo pipefail
[ $# = 4 ] || { sed -n 's/^# \{0,1\}//p' "$0" | head -n 8 >&2; exit 2; }
PATH="$(cd "$(dirname "$0")/../bin" && pwd):$PATH"
iterations=$1 sft=$2 prompts=$3 out=$4 per=${PER_STEP-64}

mkdir -p "$out"
total=$(wc -l < "$prompts")
done=0
[ ! -e "$out/last" ] || done=$(basename "$(readlink "$out/last")" | sed 's/step-0*//')
[ ! -e "$out/metrics.jsonl" ] || sed -i "$((done + 1)),\$d" "$out/metrics.jsonl"
while [ "$done" -lt "$iterations" ]; do
    from=$((done * per % total + 1))
    model=$out
    [ "$done" -gt 0 ] || model=$sft
    echo "+ rollout -m $model ${ROLLOUT-} | reward ${REWARD-} | rl-update -m $model -o $out ${RL_UPDATE-}" >&2
    # shellcheck disable=SC2086
    awk -v from="$from" -v n="$per" "NR >= from && NR < from + n" "$prompts" |
        rollout --quiet -m "$model" --seed "$((done + 1))" ${ROLLOUT-} | reward ${REWARD-} |
        rl-update -m "$model" -o "$out" ${RL_UPDATE-} > "$out/metric.tmp"
    cat "$out/metric.tmp" >> "$out/metrics.jsonl"
    done=$((done + 1))
done
rm -f "$out/metric.tmp"

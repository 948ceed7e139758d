#!/bin/bash
# rl — the second line of the road, again and again: rollout, reward, update.
#
#   pipelines/rl.sh STEPS SFT PROMPTS OUT
#   STEPS     optimizer steps          SFT   the model to begin with
#   PROMPTS   prompt records, PER_STEP (64) of them for a step, and the first again behind the last
#   OUT       the run directory; a stopped run goes on behind its last complete step
#   ROLLOUT, REWARD, RL_UPDATE in the environment add options to those programs.
# Metric records go to OUT/metrics.jsonl.
set -euo pipefail
[ $# = 4 ] || { sed -n 's/^# \{0,1\}//p' "$0" | head -n 8 >&2; exit 2; }
PATH="$(cd "$(dirname "$0")/../bin" && pwd):$PATH"
steps=$1 sft=$2 prompts=$3 out=$4 per=${PER_STEP-64} pid=

# A stop takes the three programs along, which have a process group of their own.
stop() {
    [ -z "$pid" ] || kill -TERM -- "-$pid" 2> /dev/null || true
    wait
    exit $((128 + $1))
}
set -m
trap 'stop 15' TERM
trap 'stop 2' INT
trap 'stop 1' HUP

# What a killed script left behind is waited for: it holds the lock, too.
mkdir -p "$out"
exec 9> "$out/rl.lock"
flock -n 9 || { echo "rl: $out: another process works here; waiting for it" >&2; flock 9; }

# The number of the newest complete step.
last() {
    if [ -e "$out/last" ]; then readlink "$out/last" | sed 's/^step-//'; else echo 0; fi
}

# step MODEL DONE: the line itself, in a process that a stop leaves waiting for the three.
step() {
    set +m
    trap : TERM INT HUP
    # shellcheck disable=SC2086
    awk -v from=$(($2 * per % total)) -v n="$per" 'NR > from + n { exit } NR > from' "$prompts" "$prompts" |
        rollout --quiet -m "$1" --seed $(($2 + 1)) ${ROLLOUT-} | reward ${REWARD-} |
        rl-update -m "$1" -o "$out" ${RL_UPDATE-}
}

total=$(wc -l < "$prompts")
[ "$total" -gt 0 ] || { echo "rl: $prompts: no records" >&2; exit 1; }
[ "$per" -le "$total" ] || per=$total
done=$(last)
# A record is written before its step is complete: the last one may be of a step that never was.
if [ -e "$out/metrics.jsonl" ]; then
    awk -F '[:,]' -v done="$done" '/}$/ && $2 <= done' "$out/metrics.jsonl" > "$out/metrics.tmp"
    mv "$out/metrics.tmp" "$out/metrics.jsonl"
fi
while [ "$done" -lt "$steps" ]; do
    model=$out
    [ "$done" -gt 0 ] || model=$sft
    echo "+ rollout -m $model --seed $((done + 1)) ${ROLLOUT-} | reward ${REWARD-} |" \
        "rl-update -m $model -o $out ${RL_UPDATE-}" >&2
    step "$model" "$done" >> "$out/metrics.jsonl" &
    pid=$!
    wait $pid || exit
    pid=
    done=$(last)
done

#!/bin/bash
# demo — the whole road on a synthetic world that it makes itself: SEED=1 OUT=out/demo pipelines/demo.sh
seed=${SEED-1} out=${OUT-out/demo}
protocol=
train_options="--limit 20000" test_options="--limit 1600"
prompt_options="--template compact --history 1 --contenders 6"
chains="--chains 20" votes=60 ease_recent="--lambda 250 --recency 5"
sft_steps=1300 answer_steps=600 batch=16 lr=0.003 hidden=128 layers=4 heads=4 kv_heads=2 vocab=512
rl_steps=12 rl_prompts=48 rl_lr=0.00001
graph=$out/world.jsonl
best="graphsynth --quiet --users 2400 --seed $seed --score"
mkdir -p "$out"
[ -e "$graph" ] || { PATH="$(dirname "$0")/../bin:$PATH" graphsynth --quiet --users 2400 --seed "$seed" > "$graph.tmp" && mv "$graph.tmp" "$graph"; }
# shellcheck source=pipelines/road.sh
. "$(dirname "$0")/road.sh"

#!/bin/bash
# demo — the whole road on a synthetic world that it makes itself: SEED=1 OUT=out/demo pipelines/demo.sh
seed=${SEED-1} out=${OUT-out/demo}
protocol=
train_options="--max-per-user 8"
sft_steps=200 batch=32 lr=0.002 hidden=192 layers=4 heads=6 vocab=512
rl_steps=12 rl_prompts=64 rl_lr=0.0001
graph=$out/world.jsonl
best="graphsynth --quiet --seed $seed --score"
mkdir -p "$out"
[ -e "$graph" ] || { PATH="$(dirname "$0")/../bin:$PATH" graphsynth --quiet --seed "$seed" > "$graph.tmp" && mv "$graph.tmp" "$graph"; }
# shellcheck source=pipelines/road.sh
. "$(dirname "$0")/road.sh"

#!/bin/bash
# ml-100k — the whole road on MovieLens 100K: ML100K=DIR names a copy, without it pip fetches one (see steps.sh).
#
#   ML100K=dir SEED=1 OUT=out/ml-100k pipelines/ml-100k.sh
seed=${SEED-1} out=${OUT-out/ml-100k}
here=$(dirname "$0")
graph=$out/graph.jsonl
protocol=
train_options="--max-per-user 50" test_options=
prompt_options="--template compact --history 1 --contenders 6"
chains= votes= ease_recent="--lambda 4000 --recency 4 --pop-power 0.25"
sft_steps=2400 answer_steps=1200 batch=16 lr=0.003 hidden=128 layers=4 heads=4 kv_heads=2 vocab=768
rl_steps=20 rl_prompts=64 rl_lr=0.00001
best=
# shellcheck source=pipelines/steps.sh
. "$here/steps.sh"
movielens
# shellcheck source=pipelines/road.sh
. "$here/road.sh"

echo "the floors under --protocol global:"
make global.test.cases.jsonl candidates --quiet --split test --protocol global --seed "$seed" "$graph"
make global.test.chains.jsonl chainsample --quiet --seed "$seed" --cases "$out/global.test.cases.jsonl" "$graph"
runs=
for model in random pop itemknn markov "ease --lambda 250" "ease --lambda 2000 --recency 5" chainvote; do
    name=${model// --lambda 2000 --recency 5/-recent}
    name=${name%% *}
    # shellcheck disable=SC2086
    make "scored/global.$name.jsonl" baseline --graph "$graph" --model $model "$out/global.test.chains.jsonl"
    runs="$runs $name=$out/scored/global.$name.jsonl"
done
# shellcheck disable=SC2086
make report.global.jsonl evaluate $runs
# shellcheck disable=SC2086
evaluate --table $runs

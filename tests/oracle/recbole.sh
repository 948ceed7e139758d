#!/bin/bash
# recbole — the models that learn by gradients against RecBole's: the same events, epochs and batches, the same candidates;
# the paired difference of HR@1 over all seeds' cases, and seconds an epoch. One JSON record a comparison on stdout.
#
#   DATA=dir ORACLE_VENV=dir SEEDS="1 2 3 4 5" OUT=out/recbole tests/oracle/recbole.sh [SET:MODEL:EPOCHS[:LENGTH] ...]
#
#   DATA     the folder of ml-100k and ml-1m (as published; of ml-1m also the ratings of 4 and 5 alone)
#   SET      ml-100k or ml-1m      MODEL  BPR, LightGCN, GRU4Rec or SASRec      LENGTH  events that are looked at
#
# RecBole takes hours for all of them on two cores. What is done is not done again. Fails where the difference's lower
# bound is not above -0.02 or ours is slower.
set -euo pipefail
cd "$(dirname "$0")/../.."
export LC_ALL=C PATH="$PWD/bin:$PWD/bench:$PATH"
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
out=${OUT-out/recbole} seeds=${SEEDS-1 2 3 4 5} data=${DATA:?DATA names the folder of the data sets}
python=${ORACLE_VENV:?ORACLE_VENV names an environment with recbole}/bin/python
status=0
[ $# -gt 0 ] || set -- ml-100k:BPR:50 ml-100k:LightGCN:30 ml-1m:BPR:20 ml-100k:GRU4Rec:10:20 ml-100k:SASRec:10:20 \
    ml-1m:SASRec:3:10
mkdir -p "$out"

# graph SET: its graph, and the test cases of each seed.
graph() {
    local file=$out/$1.jsonl
    [ -e "$file" ] || { graphload --quiet --min-rating "$([ "$1" = ml-1m ] && echo 4 || echo 0)" "$data/$1" > "$file.tmp" &&
        mv "$file.tmp" "$file"; }
    for seed in $seeds; do
        [ -e "$out/$1.cases.$seed.jsonl" ] ||
            candidates --quiet --split test --history 0 --seed "$seed" "$file" > "$out/$1.cases.$seed.jsonl"
    done
}

# pooled FILE...: the seeds' scores as permutations of one case each, so that a user is one cluster.
pooled() {
    local k=0 file
    for file in "$@"; do
        k=$((k + 1))
        jq -c --argjson k "$k" 'del(.source) | .permutation = $k | if $k > 1 then .id += "~\($k)" else . end' "$file"
    done
}

# theirs and ours NAME SET MODEL EPOCHS LENGTH SEED: scores in NAME.jsonl, seconds an epoch in NAME.time.
theirs() {
    local name=$1 set=$2 model=$3 epochs=$4 length=$5 seed=$6
    [ ! -e "$name.jsonl" ] || return 0
    "$python" -W ignore tests/oracle/recbole_models.py "$model" "$out/$set.jsonl" "$out/$set.cases.$seed.jsonl" "$epochs" \
        "$seed" ${length:+"MAX_ITEM_LIST_LENGTH=$length"} > "$name.tmp" 2> "$name.log"
    tail -n 1 "$name.log" | jq .seconds_per_epoch > "$name.time"
    mv "$name.tmp" "$name.jsonl"
}

ours() {
    local name=$1 set=$2 model=$3 epochs=$4 length=$5 seed=$6
    [ ! -e "$name.jsonl" ] || return 0
    measure "$name.used" baseline --quiet --model "${model,,}" --epochs "$epochs" --seed "$seed" ${length:+--length "$length"} \
        --graph "$out/$set.jsonl" "$out/$set.cases.$seed.jsonl" > "$name.tmp"
    jq --argjson epochs "$epochs" '.seconds / $epochs' "$name.used" > "$name.time"
    mv "$name.tmp" "$name.jsonl"
}

for comparison in "$@"; do
    IFS=: read -r set model epochs length <<< "$comparison"
    graph "$set"
    files=() times=()
    for side in theirs ours; do
        for seed in $seeds; do $side "$out/$set.$model.$seed.$side" "$set" "$model" "$epochs" "$length" "$seed"; done
        mapfile -t files < <(printf "$out/$set.$model.%s.$side.jsonl\n" $seeds)
        pooled "${files[@]}" > "$out/$set.$model.$side.pooled.jsonl"
        mapfile -t times < <(printf "$out/$set.$model.%s.$side.time\n" $seeds)
        jq -s 'sort | .[length / 2 | floor]' "${times[@]}" > "$out/$set.$model.$side.seconds"
    done
    evaluate --against recbole "recbole=$out/$set.$model.theirs.pooled.jsonl" "ours=$out/$set.$model.ours.pooled.jsonl" |
        jq -sc --arg set "$set" --arg model "$model" --argjson epochs "$epochs" --arg seeds "$seeds" \
            --slurpfile ours "$out/$set.$model.ours.seconds" --slurpfile theirs "$out/$set.$model.theirs.seconds" '
            {set: $set, model: $model, epochs: $epochs, seeds: ($seeds | split(" ") | length), n: .[0].n, hr1: .[1].hr1,
             recbole_hr1: .[0].hr1, difference: .[2].difference, lo: .[2].lo, hi: .[2].hi,
             seconds_per_epoch: $ours[0], recbole_seconds_per_epoch: $theirs[0],
             ok: (.[2].lo > -0.02 and $ours[0] < $theirs[0])}' | tee "$out/$set.$model.jsonl"
    jq -e .ok "$out/$set.$model.jsonl" > /dev/null || status=1
done
exit $status

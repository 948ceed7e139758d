#!/bin/bash
# floors — every classical model on every data set at hand: the bar that a language model has to pass.
#
#   DATA=dir SETS="ml-100k ml-1m" SEEDS="1 2 3 4 5" BUDGET=40 OUT=out/floors pipelines/floors.sh
#   DATA     the folder of the data sets: ml-100k, ml-1m, llara-movielens, amazon-video-games, amazon-gift-cards, as
#            published; sets that are not there are left out. Without DATA: MovieLens 100K, from the RecBole package
#   SETS     of the names in sets below; all of them
#   MODELS   that are tuned; without: all that learn from other users
#   SEEDS    of the candidates; a model is fitted once for all of them
#   BUDGET   settings that baseline --tune tries for a model that is fitted in seconds; a sixth for the others
#
# Cases of the seeds are pooled: a user's cases are one cluster, so intervals are those of n users. A table a set goes to
# stdout, its records to OUT/SET/report.jsonl. What is done is not done again.
# shellcheck disable=SC2034,SC2046,SC2086,SC2154
set -euo pipefail
here=$(dirname "$0")
seeds=${SEEDS-1 2 3 4 5} budget=${BUDGET-40} floors=${OUT-out/floors} data=${DATA-} out=${OUT-out/floors} graph='' large=''
# shellcheck source=pipelines/steps.sh
. "$here/steps.sh"

# enter SET PATH OPTIONS...: the set's folder and graph, by graphload.
enter() {
    local set=$1
    shift
    out=$floors/$set graph=$floors/$set/graph
    mkdir -p "$out/scored"
    [ -e "$graph" ] || graphload --quiet -o "$graph" "$@"
}

# cases PART SEED: the cases of a part, by the options in $protocol.
cases() {
    candidates --quiet --history 0 --split "$1" --seed "$2" $protocol "$graph"
}

# pooled: test cases of all seeds, each named after its user and its seed; those of one cut together, for one fit.
pooled() {
    local draw=0 seed
    for seed in $seeds; do
        draw=$((draw + 1))
        cases test "$seed" |
            jq -c --argjson k $draw 'del(.source.hash) | .permutation = $k | if $k > 1 then .id += "~\($k)" else . end'
    done | jq -sc 'sort_by(.source.cut)[]'
}

# settled MODEL: options that are not tried where a fit takes minutes: those that validation chose on MovieLens 100K, with
# less dropout for SASRec, as is usual for MovieLens 1M. A few settings choose the epochs and how much of popularity to take out.
settled() {
    [ -z "$large" ] || case $1 in
        lightgcn) echo --learning-rate 0.001 --layers 2 --reg 1e-5 --dim 64 ;;
        gru4rec) echo --learning-rate 0.001 --length 50 --hidden 128 --dropout 0.3 ;;
        sasrec) echo --learning-rate 0.001 --length 50 --dim 64 --dropout 0.2 ;;
    esac
}

# choose MODEL BUDGET: the model's options, but for the settled ones, as chosen on validation cases.
choose() {
    make "chosen/$1.jsonl" baseline --quiet --graph "$graph" --model "$1" $(settled "$1") --tune "$2" --tune-only \
        --valid "$out/valid.jsonl"
}

# chosen MODEL: them, as options.
chosen() {
    jq -r '.options | to_entries[] | "--\(.key) \(.value)"' "$out/chosen/$1.jsonl"
}

# row NAME OPTIONS...: a model's scores of the test cases, from one fit.
row() {
    local name=$1
    shift
    make "scored/$name.jsonl" baseline --quiet --graph "$graph" "$@" "$out/test.jsonl"
}

# table TITLE NAME...: the set's table.
table() {
    local title=$1 runs='' name
    shift
    for name in "$@"; do runs="$runs $name=$out/scored/$name.jsonl"; done
    evaluate $runs > "$out/report.jsonl.tmp"
    mv "$out/report.jsonl.tmp" "$out/report.jsonl"
    printf '\n%s: %s\n' "${out##*/}" "$title"
    evaluate --format table $runs | sed "/^$/q"
}

# floors_of TITLE MODEL...: the set's rows under $protocol: four models as they are, the named ones tuned.
floors_of() {
    local title=$1 names="random pop itemknn ease" model tries
    shift
    mkdir -p "$out/chosen"
    make valid.jsonl cases valid 1
    make test.jsonl pooled
    for model in $names; do row $model --model $model; done
    for model in "$@"; do
        case $model in
            lightgcn | gru4rec | sasrec) tries=$((budget < 6 ? 1 : budget / 6)) ;;
            *) tries=$budget ;;
        esac
        choose $model $tries
        row "$model-tuned" --model $model $(settled $model) $(chosen $model)
        names="$names $model-tuned"
    done
    table "$title" $names
}

every=${MODELS-itemknn userknn markov ease als bpr lightgcn gru4rec sasrec}

ml-100k() {
    enter ml-100k "$data/ml-100k"
    protocol= && floors_of "leave-one-out, 19 uniform negatives" $every
    enter ml-100k-popular "$data/ml-100k"
    protocol="--draw popular" && floors_of "leave-one-out, 19 negatives drawn by popularity" $every
    enter ml-100k-hard "$data/ml-100k"
    protocol="--draw hard" && floors_of "leave-one-out, the target's 19 nearest by ItemKNN" $every
    enter ml-100k-global "$data/ml-100k"
    protocol="--protocol global --cut 0.5,0.6,0.7,0.8,0.9" &&
        floors_of "five cuts in time, 19 uniform negatives" recent-pop $every
}

ml-1m() {
    exclude="--exclude $data/ml-1m/pairs.dat.gz" large=1
    enter ml-1m "$data/ml-1m"
    protocol=$exclude && floors_of "ratings of 4 and 5, leave-one-out, 19 uniform negatives" $every
    enter ml-1m-popular "$data/ml-1m"
    protocol="--draw popular $exclude" &&
        floors_of "ratings of 4 and 5, leave-one-out, 19 negatives drawn by popularity" $every
    enter ml-1m-global "$data/ml-1m"
    protocol="--protocol global $exclude" && floors_of "ratings of 4 and 5, one cut in time, 19 uniform negatives" recent-pop $every
    enter ml-1m-given "$data/ml-1m"
    protocol="--draw given --given $data/ml-1m/ml-1m-full.random.gz $exclude" seeds=1 &&
        floors_of "ratings of 4 and 5, leave-one-out, the first 19 of LLMRank's candidates" $every
}

# Held-out users have no vector in bpr and lightgcn; the rows of the paper are for the eye.
llara-movielens() {
    enter llara-movielens "$data/llara-movielens" "$data/ml-100k/u.item"
    protocol="--protocol users --min-history 1" && floors_of "LLaRA's rows, 19 uniform negatives" ${MODELS-itemknn userknn markov ease als gru4rec sasrec}
    printf 'published for these rows (95 of them, so +-0.10), own draw of negatives: %s\n' \
        "LLaRA with GRU4Rec 0.4000, with Caser 0.4211, with SASRec 0.4526"
}

amazon-video-games() {
    local games=$data/amazon-video-games
    enter amazon-video-games "$games/Games-6k.test.inter.gz" "$games/Games-6k.item.gz"
    protocol="--draw given --given $games/Games-6k.random.gz --min-history 1" seeds=1 &&
        floors_of "leave-one-out, the first 19 of LLMRank's candidates" ${MODELS-itemknn userknn markov ease als bpr sasrec}
}

amazon-gift-cards() {
    enter amazon-gift-cards "$data/amazon-gift-cards"
    protocol="--min-history 1" && floors_of "leave-one-out, 19 uniform negatives" $every
}

sets="ml-100k ml-1m llara-movielens amazon-video-games amazon-gift-cards"
if [ -z "$data" ]; then
    data=$floors/data sets=ml-100k
    [ -d "$data/ml-100k" ] || fetch recbole 1.2.1 dataset_example/ml-100k/ml-100k. "$data/ml-100k"
fi
for set in ${SETS-$sets}; do
    if [ -d "$data/$set" ]; then ( $set ); else echo "floors: $data/$set is not there" >&2; fi
done

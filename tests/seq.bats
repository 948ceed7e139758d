bats_require_minimum_version 1.5.0
load helpers

# 40 users walk a ring of 24 items, nine steps each, from places of their own: what comes next is known.
setup() {
    graph=$BATS_TEST_TMPDIR/graph.jsonl cases=$BATS_TEST_TMPDIR/cases.jsonl
    for u in {0..39}; do
        for t in {0..8}; do
            printf '{"user":"u%d","item":"i%d","time":%d}\n' "$u" $(((u * 7 + t) % 24)) "$t"
        done
    done > "$graph"
    candidates -q --split test --negatives 9 "$graph" > "$cases"
    small=(-q --graph "$graph" --dim 16 --hidden 32 --batch 40 --learning-rate 0.01 --dropout 0.1)
}

# hr1 ARG...: of the cases.
hr1() {
    baseline "${small[@]}" "$@" "$cases" | evaluate | jq .hr1
}

@test "seq: sasrec and gru4rec learn what comes next, by either loss" {
    [ "$(hr1 --model sasrec --epochs 30)" = 1 ]
    [ "$(hr1 --model sasrec --epochs 30 --loss bce)" = 1 ]
    [ "$(hr1 --model gru4rec --epochs 30)" = 1 ]
    [ "$(hr1 --model gru4rec --epochs 30 --loss bce)" = 1 ]
    [ "$(hr1 --model gru4rec --epochs 30 --layers 2)" = 1 ]
}

@test "seq: scores are a function of the seed, and do not depend on the number of threads" {
    for model in sasrec gru4rec; do
        baseline "${small[@]}" --model $model --epochs 3 --threads 1 "$cases" > "$BATS_TEST_TMPDIR/one"
        for threads in 2 3; do
            baseline "${small[@]}" --model $model --epochs 3 --threads $threads "$cases" |
                cmp - "$BATS_TEST_TMPDIR/one"
        done
        ! baseline "${small[@]}" --model $model --epochs 3 --seed 2 "$cases" | cmp -s - "$BATS_TEST_TMPDIR/one"
    done
}

@test "seq: only the latest events are looked at" {
    for e in p,i3,0 p,i5,1 p,i6,2 p,i7,3 q,i4,0 q,i5,1 q,i6,2 q,i7,3; do
        IFS=, read -r u i t <<< "$e"
        echo "{\"user\":\"$u\",\"item\":\"$i\",\"time\":$t}"
    done >> "$graph"
    candidates -q --split test --min-history 3 --negatives 1 "$graph" | jq -c 'select(.user | . == "p" or . == "q") |
        .target = 0 | .candidates = [range(7; 24) | {item:"i\(.)"}]' > "$cases"
    [ "$(baseline "${small[@]}" --model sasrec --epochs 2 --length 2 "$cases" | jq -c .scores | uniq | wc -l)" = 1 ]
    [ "$(baseline "${small[@]}" --model sasrec --epochs 2 --length 3 "$cases" | jq -c .scores | uniq | wc -l)" = 2 ]
}

@test "seq: an item that nobody is known to have gets the least score of all" {
    echo '{"user":"u0","item":"new","time":9}' >> "$graph"
    candidates -q --split test --negatives 1 "$graph" | jq -c 'select(.user == "u0") | .target = 0 |
        .candidates = [{item:"new"}] + [range(9; 24) | {item:"i\(.)"}]' > "$cases"
    run baseline "${small[@]}" --model sasrec --epochs 3 "$cases"
    [ "$(jq '.scores[0] <= (.scores[1:] | min)' <<< "$output")" = true ]
}

@test "seq: says what was learned" {
    run --separate-stderr baseline "${small[@]:1}" --model gru4rec --epochs 2 "$cases"
    [[ "$stderr" =~ ^'baseline: gru4rec of 24 items, 280 targets: loss '[0-9.]+' in epoch 2'$ ]]
}

# refuses MESSAGE ARG...: bad data, named so.
refuses() {
    local message=$1
    shift
    run -1 --separate-stderr baseline "${small[@]}" "$@"
    [[ "$stderr" =~ ^"baseline: "$message$ ]] || { echo "$stderr"; false; }
}

@test "seq: refuses what cannot be learned or scored" {
    refuses "$cases:1: --dim 16 is not a multiple of --heads 3" --model sasrec --heads 3 "$cases"
    refuses "$cases:1: sasrec needs [0-9]+ MB and [0-9]+ MB can be had" --model sasrec --dim 4096 --heads 64 \
        --layers 64 --length 4096 "$cases"
    refuses "-:1: gru4rec has learned the training targets: score valid or test cases" --model gru4rec \
        < <(candidates -q --split train --negatives 1 "$graph")
    for u in a b c; do printf '{"user":"%s","item":"%s"}\n' $u x $u y; done > "$graph"
    printf '{"user":"d","item":"z"}\n' >> "$graph"
    refuses "-:1: no user has two known events to learn from" --model sasrec \
        < <(candidates -q --split test --min-history 1 --negatives 1 "$graph")
}

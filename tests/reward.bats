bats_require_minimum_version 1.5.0
load helpers

rollouts="$BATS_TEST_DIRNAME/../examples/rollouts.jsonl"

@test "reward: keeps the manners of every program" {
    keeps_manners reward < "$rollouts"
}

@test "reward: computes each part by hand" {
    run reward "$rollouts"
    [ "$(jq -c '.samples[0].parts | [.hit,.format,.grounding,.length]' <<< "$output")" = '[1,1,1,0.04]' ]
    [ "$(jq -c '.samples[1].parts | [.hit,.format,.grounding]' <<< "$output")" = '[0,1,0.5]' ]
    [ "$(jq -c '.samples[2].parts | [.hit,.format,.grounding]' <<< "$output")" = '[0,0,1]' ]
    [ "$(jq -c '.samples | map(.parts.mrr)' <<< "$output")" = '[1,0.5,0.5]' ]
    [ "$(jq -c '.samples | map(.parts.ndcg*1000|round)' <<< "$output")" = '[1000,631,631]' ]
    # 1 / (1 + e^-1.8 + e^-2.8), 1 / (1 + e^1.8), 1 / 3
    [ "$(jq -c '.samples | map(.parts.prob*1000|round)' <<< "$output")" = '[816,142,333]' ]
}

@test "reward: weighs the parts" {
    run reward --hit 2 --prob 0 --format 0.5 --grounding 1 --length -1 "$rollouts"
    [ "$(jq -c '[.samples[].reward]' <<< "$output")" = '[3.46,0.98,0.97]' ]
}

@test "reward: scores a rating by its distance" {
    run reward --format 0 --grounding 0 --hit 0 <<< \
        '{"id":"x","answer":"4","target":0,"target_rating":4,"samples":[{"text":"","tokens":[],"finish":"stop","answer":"4","rating":3,"scores":[3]}]}'
    [ "$(jq -c '.samples[0] | [.parts.rating,.reward]' <<< "$output")" = '[0.75,0.75]' ]
}

@test "reward: keeps fields it does not know, and their order" {
    run reward <<< '{"z":1,"id":"x","answer":"A","target":0,"samples":[],"keep":[1,{"q":null}]}'
    [ "$output" = '{"z":1,"id":"x","answer":"A","target":0,"samples":[],"keep":[1,{"q":null}]}' ]
}

@test "reward: names file and line of what is wrong" {
    printf '{"samples":[]}\n{"samples":\n' > "$BATS_TEST_TMPDIR/in.jsonl"
    run -1 --separate-stderr reward "$BATS_TEST_TMPDIR/in.jsonl"
    [[ "$stderr" == "reward: $BATS_TEST_TMPDIR/in.jsonl:2: column "* ]]
    run -1 --separate-stderr reward <<< '{"id":"x"}'
    [ "$stderr" = 'reward: -:1: "samples" is missing or not an array' ]
    run -1 --separate-stderr reward <<< '{"answer":"A","samples":[{"text":1}]}'
    [ "$stderr" = 'reward: -:1: sample 0: "text" is missing or not a string' ]
    run -1 --separate-stderr reward <<< '{"answer":"A","target":3,"samples":[{"text":"","finish":"stop","scores":[1,2]}]}'
    [ "$stderr" = 'reward: -:1: sample 0: "target" is not a whole number from 0 to 1' ]
    run -1 --separate-stderr reward <<< '{"answer":"A","target":0,"samples":[{"text":"","finish":"stop","scores":["a"]}]}'
    [ "$stderr" = 'reward: -:1: sample 0: "scores" holds what is not a number' ]
}

@test "reward: refuses empty input and a weight out of bounds" {
    run -1 --separate-stderr reward < /dev/null
    [ "$stderr" = 'reward: -: no records' ]
    run -2 --separate-stderr reward --hit 2000 "$rollouts"
    [[ "$stderr" == "reward: --hit takes a number from -1000 to 1000, not '2000'"* ]]
}

@test "reward: can be replaced by any program that sets rewards" {
    run jq -c '.samples[] |= . + {reward: (.text | length)}' "$rollouts"
    [ "$(jq -c '[.samples[].reward]' <<< "$output")" = '[16,23,5]' ]
}

bats_require_minimum_version 1.5.0
load helpers

setup() {
    cd "$BATS_TEST_DIRNAME/.."
}

rollouts="$BATS_TEST_DIRNAME/../examples/rollouts.jsonl"

@test "reward: keeps the manners of every program, and its examples run" {
    keeps_manners reward < "$rollouts"
    runs_examples reward
}

@test "reward: computes each part by hand" {
    run --separate-stderr reward "$rollouts"
    [ "$(jq -c '.samples[0].parts | [.hit,.format,.grounding,.length]' <<< "$output")" = '[1,1,1,0.04]' ]
    [ "$(jq -c '.samples[1].parts | [.hit,.format,.grounding]' <<< "$output")" = '[0,1,0.5]' ]
    [ "$(jq -c '.samples[2].parts | [.hit,.format,.grounding]' <<< "$output")" = '[0,0,1]' ]
    [ "$(jq -c '.samples | map(.parts.mrr)' <<< "$output")" = '[1,0.5,0.5]' ]
    [ "$(jq -c '.samples | map(.parts.ndcg*1000|round)' <<< "$output")" = '[1000,631,631]' ]
    # 1 / (1 + e^-1.8 + e^-2.8), 1 / (1 + e^1.8), 1 / 3
    [ "$(jq -c '.samples | map(.parts.prob*1000|round)' <<< "$output")" = '[816,142,333]' ]
}

@test "reward: weighs the parts" {
    run --separate-stderr reward --hit 2 --prob 0 --format 0.5 --grounding 1 --length -1 "$rollouts"
    [ "$(jq -c '[.samples[].reward]' <<< "$output")" = '[3.46,0.98,0.97]' ]
}

# parts TEXT [OPTION...]: the parts of a sample with this text and five tokens, two of them twice.
parts() {
    jq -nc --arg text "$1" '{answer: "A", target: 0, shown: [2, 1, 0], candidates: [{title: "Red Fox"}, {item: "i7"}],
        samples: [{text: $text, tokens: [7, 8, 7, 8, 9], finish: "stop", answer: "A", scores: [-1, -2, -0.5]}]}' |
        reward "${@:2}" | jq -c '.samples[0].parts'
}

@test "reward: a thought that cites the closing edge, or names the candidate before its step, leaks" {
    leak() { [ "$(parts "$1" | jq .leak)" = "$2" ] || { parts "$1"; return 1; }; }
    leak 'no thought' 0
    leak 'A: liked [A1.1], then [A1.2], then Red Fox [A1.3] yes' 0
    leak 'closes [A1.4]' 1
    leak 'A: Red Fox [A1.1], then [A1.2], then Red Fox [A1.3]' 0.3333333333333333
    leak 'A: [A1.1], Red Fox [A1.2], [A1.3] [A1.4]' 0.5
    # Neither another candidate nor part of a word, nor what another line or thought said.
    leak 'Red Fox [B1.1] Infrared Foxes Red Fo x Red Foxy [A1.1]' 0
    leak $'Red Fox\n[A1.1]' 0
    leak 'then Red Fox [A1.3] and [A2.1]' 0
    # A candidate without a title goes by its identifier; one that is not there has none.
    leak 'i7 [B1.2]' 1
    leak 'Red Fox [Z1.1]' 0
    [ "$(parts 'closes [A1.4] [A2.3]' | jq .grounding)" = 0.5 ]
}

@test "reward: punishes length softly, and counts repeated runs of tokens" {
    length() { parts x "$@" | jq -c "[.overlong, .repetition] | map(. * 1000 | round)"; }
    [ "$(length)" = '[0,0]' ]
    [ "$(length --ngram 1)" = '[0,400]' ]
    [ "$(length --ngram 2)" = '[0,250]' ]
    [ "$(length --ngram 3)" = '[0,0]' ]
    [ "$(length --ngram 6)" = '[0,0]' ]
    [ "$(length --soft-tokens 5 --max-tokens 6)" = '[0,0]' ]
    [ "$(length --soft-tokens 4 --max-tokens 8)" = '[-250,0]' ]
    [ "$(length --soft-tokens 1 --max-tokens 5)" = '[-1000,0]' ]
    [ "$(length --soft-tokens 0 --max-tokens 2)" = '[-1000,0]' ]
    run --separate-stderr reward --hit 0 --prob 0 --format 0 --grounding 0 --overlong 2 --repetition -1 --leak -1 \
        --soft-tokens 2 --max-tokens 4 --ngram 1 "$rollouts"
    [ "$(jq -c '[.samples[] | .reward * 1000 | round]' <<< "$output")" = '[-2000,0,-1667]' ]
}

@test "reward: --top bounds the ranks that have a gain" {
    [ "$(parts x | jq -c '[.mrr, (.ndcg * 1000 | round)]')" = '[0.5,631]' ]
    [ "$(parts x --top 2 | jq '.ndcg * 1000 | round')" = 631 ]
    [ "$(parts x --top 1 | jq .ndcg)" = 0 ]
}

@test "reward: tells a group's mean and deviation, and whether it is silent" {
    run --separate-stderr reward --prob 0 --grounding 0 "$rollouts"
    [ "$(jq -c '[.samples[].reward]' <<< "$output")" = '[1.2,0.2,0]' ]
    jq -e '.silent == false and (.reward - 1.4 / 3 | fabs < 1e-12) and (.reward_std - 0.6429 | fabs < 1e-4)' <<< "$output"
    run --separate-stderr reward --hit 0 --prob 0 --format 0 --grounding 0 "$rollouts"
    [ "$(jq -c '[.reward, .reward_std, .silent]' <<< "$output")" = '[0,0,true]' ]
}

@test "reward: unknown answers are 0, and counted" {
    run --separate-stderr reward "$rollouts"
    [ "$stderr" = 'reward: 1 of 3 samples hold no answer: hit and format are 0 there' ]
    run --separate-stderr reward --quiet "$rollouts"
    [ -z "$stderr" ]
    run --separate-stderr reward <<< '{"answer":"?","target":0,"samples":[{"text":"","finish":"stop","answer":"?"}]}'
    [ "$stderr" = 'reward: 1 of 1 records do not know the right answer: hit is 0 there' ]
    [ "$(jq -c '.samples[0].parts | [.hit,.format]' <<< "$output")" = '[0,1]' ]
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

@test "reward: refuses bounds of length that are none" {
    run -2 --separate-stderr reward --soft-tokens 256 "$rollouts"
    [ "$stderr" = "reward: --soft-tokens is less than --max-tokens"$'\n'"Try 'reward --help'." ]
}

@test "reward: can be replaced by any program that sets rewards: those of the manual page" {
    # The page shows the files as they are.
    page=$(mandoc -Tascii -O width=200 "$BATS_TEST_DIRNAME/../man/reward.1" | col -bx | sed 's/^ *//')
    for program in brief breadth; do
        while IFS= read -r line; do grep -qxF -- "$line" <<< "$page"; done \
            < <(sed 's/^ *//' "$BATS_TEST_DIRNAME/../examples/reward-$program")
    done
    [ "$(examples/reward-brief "$rollouts" | jq -c '[.samples[].reward]')" = '[1,0,1]' ]
    [ "$(reward --quiet "$rollouts" | examples/reward-breadth | jq -c '[.samples[].parts.breadth * 3]')" = '[1,2,0]' ]
    diff <(reward --quiet "$rollouts" | jq -c '[.samples[] | .reward * 1e9 | round]') \
        <(reward --quiet "$rollouts" | examples/reward-breadth |
          jq -c '[.samples[] | (.reward - .parts.breadth / 2) * 1e9 | round]')
    run jq -c '.samples[] |= . + {reward: (.text | length)}' "$rollouts"
    [ "$(jq -c '[.samples[].reward]' <<< "$output")" = '[16,23,5]' ]
}

bats_require_minimum_version 1.5.0
load helpers

# The two lines of the road as the overview page has them, on a world that is small enough for a test.
setup_file() {
    load helpers
    cd "$BATS_FILE_TMPDIR"
    graphsynth --quiet --users 40 --items 60 --events 12 --seed 1 > world.jsonl
    graphload --quiet world.jsonl | chainsample --quiet --limit 60 | maskprompt > prompts.jsonl
    bpe-train --quiet --vocab 800 prompts.jsonl > tokenizer.json
    model-init --quiet --tokenizer tokenizer.json --hidden 16 --layers 1 --heads 2 --max-positions 4096 -o base
}

setup() {
    cd "$BATS_FILE_TMPDIR"
}

@test "road: the first line trains, whatever stands between its filters" {
    graphload --quiet world.jsonl | chainsample --quiet | head -n 40 | maskprompt |
        sft-train -m base -o "$BATS_TEST_TMPDIR/a" > /dev/null
    graphload --quiet world.jsonl | jq -c . | chainsample --quiet | jq -c . | head -n 40 | maskprompt | jq -c . |
        sft-train -m base -o "$BATS_TEST_TMPDIR/b" > /dev/null
    cmp "$BATS_TEST_TMPDIR/a/last/model.safetensors" "$BATS_TEST_TMPDIR/b/last/model.safetensors"
}

@test "road: the second line updates, whatever stands between its filters" {
    head -n 4 prompts.jsonl > few.jsonl
    rollout --max-tokens 40 -m base few.jsonl | reward | rl-update -m base -o "$BATS_TEST_TMPDIR/a" > /dev/null
    rollout --max-tokens 40 -m base few.jsonl | jq -c . | reward | jq -c . |
        rl-update -m base -o "$BATS_TEST_TMPDIR/b" > one.json
    cmp "$BATS_TEST_TMPDIR/a/last/model.safetensors" "$BATS_TEST_TMPDIR/b/last/model.safetensors"
    [ "$(jq .logprob_gap one.json)" = 0 ]
}

@test "road: head cuts no group and breaks no line" {
    graphload --quiet world.jsonl | chainsample --quiet | maskprompt | head -n 20 |
        sft-train -m base -o "$BATS_TEST_TMPDIR/sft" > /dev/null
    rollout --max-tokens 20 -m "$BATS_TEST_TMPDIR/sft" prompts.jsonl | head -n 3 | reward |
        rl-update -m "$BATS_TEST_TMPDIR/sft" -o "$BATS_TEST_TMPDIR/rl" > metric.json
    [ "$(jq .global_step metric.json)" = 1 ]
}

@test "road: no records in is exit 1 with a sentence, all along" {
    for filter in graphload "chainsample --quiet" maskprompt "sft-train -m base -o $BATS_TEST_TMPDIR/x" \
                  "rollout -m base" reward "rl-update -m base -o $BATS_TEST_TMPDIR/y"; do
        # shellcheck disable=SC2086
        run -1 --separate-stderr $filter < /dev/null
        [ -z "$output" ]
        [[ "$stderr" == "${filter%% *}: "* ]]
    done
}

@test "road: the pipelines print each command, and run it" {
    CHAINSAMPLE="--quiet --limit 20" SFT_TRAIN=--quiet run --separate-stderr \
        "$BATS_TEST_DIRNAME/../pipelines/sft.sh" world.jsonl base "$BATS_TEST_TMPDIR/run"
    [ "$status" = 0 ]
    [[ "$stderr" == *"+ graphload --quiet world.jsonl"* ]]
    [ -e "$BATS_TEST_TMPDIR/run/last/model.safetensors" ]
}

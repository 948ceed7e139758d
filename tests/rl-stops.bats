bats_require_minimum_version 1.5.0
load helpers
load tiny

# How a run of rl-update stops and goes on.
setup_file() {
    load helpers
    load tiny
    cd "$BATS_FILE_TMPDIR"
    tiny_road .
    tiny_rewarded .
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    sft=$BATS_FILE_TMPDIR/sft eight=$BATS_FILE_TMPDIR/eight.jsonl prompts=$BATS_FILE_TMPDIR/prompts.jsonl
}

# Records without what differs from run to run.
timeless() {
    sed -E 's/,"(step_time|tokens_per_second|peak_rss)":[^,}]*//g' "$@"
}

@test "rl-update: a run in which another process works gives 75" {
    mkfifo records
    rl-update -m "$sft" -o run records > /dev/null &
    exec 9> records
    until [ -e run/lock ] && ! flock -n run/lock true; do sleep 0.01; done
    run -75 --separate-stderr rl-update -m "$sft" -o run "$eight"
    [ "$stderr" = "rl-update: run: another process works in this run" ]
    [ -z "$output" ]
    cat "$eight" >&9
    exec 9>&-
    wait $!
    [ "$(readlink run/last)" = step-1 ]
}

@test "rl-update: a signal while records are read ends it at once: a part of them makes no step" {
    rl-update -m "$sft" -o run "$eight" > /dev/null
    mkfifo records
    rl-update -o run --off-policy records > metrics &
    pid=$!
    exec 9> records
    head -n 3 "$eight" >&9
    until ! flock -n run/lock true; do sleep 0.01; done
    kill -TERM $pid
    status=0
    wait $pid || status=$?
    exec 9>&-
    [ "$status" = 143 ]
    [ ! -s metrics ]
    [ "$(readlink run/last)" = step-1 ]
}

@test "rl-update: SIGTERM lets the step end, and saves the steps that were taken" {
    mkfifo metrics
    rl-update -m "$sft" -o run --epochs 1000 "$eight" > metrics &
    pid=$!
    status=0
    { head -n 3; kill -TERM $pid; cat; } < metrics > records
    wait $pid || status=$?
    [ "$status" = 143 ]
    n=$(tail -n 1 records | jq .global_step)
    [ "$n" -lt 1000 ]
    [ "$(readlink run/last)" = "step-$n" ]
    rl-update -m "$sft" -o whole --epochs "$n" "$eight" > /dev/null
    diff -r whole/last/ run/last/
}

@test "rl-update: a loss that is no number ends it; the last checkpoint stays" {
    rl-update -m "$sft" -o run "$eight" > /dev/null
    run -1 --separate-stderr rl-update -o run --lr 10 --weight-decay 10 --epochs 1000 --off-policy "$eight"
    [[ "$stderr" =~ ^'rl-update: step '([0-9]+)': the loss is '[^-]*", its gradient's norm nan; the last checkpoint stays"$ ]]
    [ "${#lines[@]}" = $((BASH_REMATCH[1] - 2)) ]
    [ "$(ls run | tr '\n' ' ')" = 'last lock step-1 ' ]
    model-info run
}

@test "rl-update: standard output that cannot be written ends it; the last checkpoint stays" {
    rl-update -m "$sft" -o run "$eight" > /dev/null
    run -1 --separate-stderr bash -c 'rl-update -o run --off-policy "$1" > /dev/full' _ "$eight"
    [ "$stderr" = "rl-update: stdout: No space left on device" ]
    [ "$(ls run | tr '\n' ' ')" = 'last lock step-1 ' ]
}

@test "rl-update: a checkpoint that cannot be written ends it; the one before stays" {
    rl-update -m "$sft" -o run "$eight" > /dev/null
    run -1 --separate-stderr bash -c 'trap "" XFSZ; ulimit -f 100; rl-update -o run --off-policy "$1"' _ "$eight"
    [ "$stderr" = "rl-update: run/step-2.tmp/model.safetensors: File too large" ]
    [ "$(ls run | tr '\n' ' ')" = 'last lock step-1 ' ]
}

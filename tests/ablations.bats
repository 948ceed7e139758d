bats_require_minimum_version 1.5.0
load helpers

# pipelines/ablations.sh in a world so small, and with a budget so short, that its models learn nothing.
setup_file() {
    load helpers
    options
    SEEDS="1 2" OUT=$BATS_FILE_TMPDIR/whole "$BATS_TEST_DIRNAME/../pipelines/ablations.sh" > "$BATS_FILE_TMPDIR/table" 2> "$BATS_FILE_TMPDIR/notes"
}

setup() {
    options
    whole=$BATS_FILE_TMPDIR/whole
    ablations=$BATS_TEST_DIRNAME/../pipelines/ablations.sh
    cd "$BATS_TEST_TMPDIR"
}

options() {
    export USERS=60 CASES=120 TEST=30 TRACES=24 EPOCHS=2 HIDDEN=16 LAYERS=1 BATCH=4 PER_STEP=4 GROUP=4 MINUTES=0.01
    export ARMS="sft-continued sft-chosen no-rl no-chains no-mask-order swapped dense-only"
}

@test "ablations: the report has each floor and arm for each seed and pooled, with tests against the full road" {
    jq -es 'map([.seed, .model]) == [(1, 2, null) as $seed | ("random pop itemknn ease ease-recent chainvote logistic best full " + env.ARMS
                | split(" "))[] | [$seed, .]]
        and all(.n == if .seed then 30 else 60 end)
        and all(.hr1 >= .lo and .hr1 <= .hi and .ndcg5 >= .ndcg5_lo and .ndcg5 <= .ndcg5_hi)
        and all(.[] | select(.model == "full"); .test == null)
        and all(.[] | select(.model != "full"); .test | .against == "full" and (.p <= .p_holm) and (.ndcg5_p <= .ndcg5_p_holm)
                and .difference >= .lo and .difference <= .hi)
        and all(.[] | select(.model | test("^(full|no-chains|no-mask-order|swapped|dense-only)$"));
                .rl_steps == 2 and has("kl") and has("format") and has("entropy") and .valid >= 0 and .spoken.hr1 >= 0)' "$whole/report.jsonl"
    [ "$(wc -l < "$BATS_FILE_TMPDIR/table")" = $((1 + 3 * 16)) ]
    # What every arm shares is made once.
    [ "$(grep -c 'seed-1/models/sft.chain --batch' "$BATS_FILE_TMPDIR/notes")" = 1 ]
}

@test "ablations: pooled figures are those of all cases, and a difference that of the two arms" {
    jq -es 'map(select(.model == "full" or .model == "no-rl")) | (map({"\(.model) \(.seed)": .hr1}) | add) as $h | .[-1].test.difference as $d |
        ($h["full 1"] + $h["full 2"]) / 2 - $h["full null"] | fabs < 1e-12 and
        ($h["no-rl null"] - $h["full null"] - $d | fabs < 1e-12)' "$whole/report.jsonl"
}

@test "ablations: arms differ in what they say they do" {
    cd "$whole/seed-1"
    content() { jq -r '.prompt[0].content' "$1"; }
    thoughts() { jq -r '.completion[0].content' "$1" | sed -nE 's/^[A-Z][0-9]+(.*) (yes|no)$/\1/p'; }
    cmp <(content train.chain.jsonl) <(content train.swapped.jsonl)
    cmp <(content train.chain.jsonl) <(content train.no-mask-order.jsonl)
    # Swapped thoughts: other ones, in the same frames with the same verdicts and answers.
    ! cmp -s <(thoughts train.chain.jsonl) <(thoughts train.swapped.jsonl)
    rest() { jq -r '.completion[0].content' "$1" | sed -E 's/^([A-Z][0-9]+).*( yes| no)$/\1\2/'; }
    cmp <(rest train.chain.jsonl) <(rest train.swapped.jsonl)
    # Without masks the same edges, the last one first.
    cmp <(thoughts train.chain.jsonl | sed -E 's/^ (.)(.)(.)\[/ \3\2\1[/') <(thoughts train.no-mask-order.jsonl)
    # Without chains no digit of evidence and no citation.
    ! jq -r '.prompt[0].content' train.no-chains.jsonl | sed 1,4d | grep -qE '^[A-T][0-9]|[?]$'
    ! jq -r '.completion[0].content' train.no-chains.jsonl | grep -q '\['
}

@test "ablations: killed anywhere and started again, the report is that of an unbroken run" {
    mkdir run
    cp "$whole"/plan.* "$whole"/rate.* run
    export SEEDS="1 2" OUT=run
    for after in 0.4 0.8 1.2 1.6 2.4 3.2 4.5 6; do
        setsid timeout -s KILL $after "$ablations" > /dev/null 2>> notes || true
    done
    "$ablations" > table 2>> notes
    cmp "$whole/report.jsonl" run/report.jsonl
    cmp "$BATS_FILE_TMPDIR/table" table
    # Once more, nothing is done but the table.
    "$ablations" > table 2> again
    ! grep -vE ' evaluate |pooled' again
}

@test "ablations: one process works in a folder, an arm that is not there is refused" {
    mkdir run
    flock run/lock sleep 5 &
    until ! flock -n run/lock true; do sleep 0.01; done
    OUT=run run -75 --separate-stderr "$ablations"
    [ "$stderr" = 'ablations: run: another process works here' ]
    kill $!
    OUT=other ARMS=no-thing run -2 --separate-stderr "$ablations"
    [ "$stderr" = 'ablations: there is no arm no-thing' ]
    [ ! -e other ]
}

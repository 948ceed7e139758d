bats_require_minimum_version 1.5.0
load helpers

rollouts="$BATS_TEST_DIRNAME/../examples/rollouts.jsonl"

# Three cases: run a has the truth at ranks 1, 2 and 1 or 2 (a tie); run b at 2, 3 and 3.
setup() {
    cd "$BATS_TEST_TMPDIR"
    cat > a.jsonl <<'EOF'
{"id":"x","target":0,"scores":[3,2,1]}
{"id":"y","target":1,"scores":[3,2,1]}
{"id":"z","target":2,"scores":[0.5,-1e1,0.5]}
EOF
    cat > b.jsonl <<'EOF'
{"id":"z","target":2,"scores":[2,1,null]}
{"id":"x","target":0,"scores":[1,2,0]}
{"id":"y","target":1,"scores":[1,0,2]}
EOF
}

# refuses MESSAGE ARG...: status 1, the message, no record.
refuses() {
    local message=$1
    shift
    run -1 --separate-stderr evaluate "$@"
    [ "$stderr" = "evaluate: $message" ] || { echo "$stderr"; false; }
    [ -z "$output" ]
}

sampled() {
    printf '{"id":"%s","answer":"A","target":0,"samples":[{"answer":%s,"scores":%s},{"answer":"A"}]}\n' "$@"
}

# rating CASE CANDIDATE OF RATING
rating() {
    printf '{"id":"%s:%d","form":"rate","case":"%s","candidate":%d,"candidates":%s,"target":1,"answer":"4","samples":[{"answer":"4","rating":%s,"scores":[%s]}]}\n' \
        "$1" "$2" "$1" "$2" "$(jq -nc "[range($3) | {}]")" "$4" "$4"
}

@test "evaluate: keeps the manners of every program" {
    keeps_manners evaluate < a.jsonl
    keeps_manners evaluate --table --against a a=a.jsonl b=b.jsonl < a.jsonl
}

@test "evaluate: computes every measure by hand" {
    run evaluate a.jsonl
    [ "$(jq -c 'keys_unsorted' <<< "$output")" = \
      '["model","n","hr1","lo","hi","hr5","hr10","ndcg5","ndcg5_lo","ndcg5_hi","ndcg10","mrr","valid","hr1_text"]' ]
    [ "$(jq -c '[.model,.n,.hr1,.hr5,.hr10,.mrr,.valid,.hr1_text]' <<< "$output")" = \
      '["a",3,0.5,1,1,0.75,null,null]' ]
    # (1 + 1/log2(3) + (1 + 1/log2(3)) / 2) / 3 and Wilson's interval of 1.5 of 3
    [ "$(jq -c '[.ndcg5,.ndcg10,.lo,.hi] | map(. * 1e6 | round)' <<< "$output")" = \
      '[815465,815465,125334,874666]' ]
    # the gains 1, 0.63093, 0.81546: sd 0.184535, 1.96 sd / sqrt(3) = 0.208819
    [ "$(jq -c '[.ndcg5_lo,.ndcg5_hi] | map(. * 1e4 | round)' <<< "$output")" = '[6066,10000]' ]
}

@test "evaluate: takes equal scores, and equal nulls, as every order at once" {
    run evaluate <<< '{"id":"x","target":1,"scores":[null,null,null,null,7,8]}'
    [ "$(jq -c '[.hr1+0,.hr5,(.mrr*6e4|round)]' <<< "$output")" = '[0,0.75,14250]' ]
}

@test "evaluate: names runs by operand, and reads stdin" {
    run evaluate a.jsonl x=./b.jsonl ./b.jsonl - < a.jsonl
    [ "$(jq -r .model <<< "$output" | tr '\n' ' ')" = 'a x b - ' ]
    [ "$(jq -c .hr1+0 <<< "$output" | tr '\n' ' ')" = '0.5 0 0 0.5 ' ]
    cp a.jsonl n=1
    run evaluate sft+rl=n=1
    [ "$(jq -r .model <<< "$output")" = sft+rl ]
    run -2 --separate-stderr evaluate =a.jsonl
    [[ "$stderr" == "evaluate: an operand is name=file or file, not '=a.jsonl'"* ]]
    run -2 --separate-stderr evaluate a.jsonl ./a.jsonl
    [[ "$stderr" == "evaluate: two runs are named 'a'"* ]]
}

@test "evaluate: compares runs case by case, in whatever order they stand" {
    run evaluate --against b b.jsonl a.jsonl
    [ "$(jq -c 'select(.against)' <<< "$output" | wc -l)" = 1 ]
    # differences 1, 0, 1/2: mean 1/2, sd 1/2
    [ "$(jq -c 'select(.against) | [.model,.against,.n,.difference,.p,.wins,.losses]' <<< "$output")" = \
      '["a","b",3,0.5,0.5,2,0]' ]
    [ "$(jq -c 'select(.against) | [.lo,.hi] | map(. * 1e4 | round)' <<< "$output")" = '[-658,10000]' ]
    run evaluate --against a b.jsonl a.jsonl
    [ "$(jq -c 'select(.against) | [.model,.difference,.wins,.losses]' <<< "$output")" = '["b",-0.5,0,2]' ]
    run -2 --separate-stderr evaluate --against c a.jsonl
    [[ "$stderr" == "evaluate: --against: no run is named 'c'"* ]]
}

@test "evaluate: reads the first sample of rollouts, and counts answers" {
    { sampled x '"A"' '[2,1]'; sampled y '"B"' '[2,1]'; sampled z null '[null,1]'; sampled w '"A"' '[1,1]'; } > r.jsonl
    run evaluate r.jsonl
    [ "$(jq -c '[.n,.hr1,.valid,.hr1_text]' <<< "$output")" = '[4,0.625,0.75,0.5]' ]
    run evaluate "$rollouts"
    [ "$(jq -c '[.model,.n,.hr1,.valid,.hr1_text]' <<< "$output")" = '["rollouts",1,1,1,1]' ]
    jq -c 'del(.samples[].scores)' r.jsonl > bare.jsonl
    run evaluate bare.jsonl
    [ "$(jq -c '[.n,.hr1,.lo,.ndcg5,.ndcg5_lo,.mrr,.valid,.hr1_text]' <<< "$output")" = \
      '[4,null,null,null,null,null,0.75,0.5]' ]
    refuses 'bare.jsonl: no scores, so nothing to compare' --against r r.jsonl bare.jsonl
}

@test "evaluate: joins ratings into rankings" {
    { rating x 0 3 4.5; rating y 1 2 3; rating x 2 3 null; rating y 0 2 3; rating x 1 3 2; } > rate.jsonl
    run evaluate rate.jsonl
    [ "$(jq -c '[.n,.hr1,.mrr*16,.valid,.hr1_text]' <<< "$output")" = '[2,0.25,10,1,null]' ]
    rating x 0 3 1 >> rate.jsonl
    refuses 'rate.jsonl:6: the case "x" was read before' rate.jsonl
    { rating x 0 3 4; rating x 1 3 4; rating y 0 3 4; } > rate.jsonl
    refuses 'rate.jsonl:1: the case "x" has 2 of its 3 candidates' rate.jsonl
    { rating x 0 3 4; rating x 0 3 4; } > rate.jsonl
    refuses 'rate.jsonl:2: candidate 0 of the case "x" was read before' rate.jsonl
}

@test "evaluate: prints aligned tables for people" {
    run evaluate --table --against a a.jsonl longer-name=b.jsonl
    [ "${lines[0]}" = 'model         HR@1   95 % interval  NDCG@5   95 % interval  n  valid  HR@1 text' ]
    [ "${lines[1]}" = 'a            0.500  [0.125, 0.875]   0.815  [0.607, 1.000]  3      -          -' ]
    [[ "${lines[2]}" == 'longer-name  0.000  [0.000, 0.561]   0.544  '* ]]
    [ "${#lines[2]}" = "${#lines[0]}" ]
    [ "${lines[3]}" = 'less a       difference     95 % interval  wins  losses    p' ]
    [ "${lines[4]}" = 'longer-name      -0.500  [-1.000, +0.066]     0       2  0.5' ]
}

@test "evaluate: refuses runs that are not of the same cases" {
    head -n 2 a.jsonl > short.jsonl
    refuses 'short.jsonl: 1 cases of a.jsonl are missing, the first is that of its line 3' a.jsonl short.jsonl
    refuses 'a.jsonl:3: the case "z" is not in short.jsonl' short.jsonl a.jsonl
    jq -c '.scores += [0]' a.jsonl > wide.jsonl
    refuses 'wide.jsonl:1: the case "x" has 4 candidates, but 3 in another record' a.jsonl wide.jsonl
    jq -c '.source = {hash: "00ff"}' a.jsonl > h1.jsonl
    jq -c '.source = {hash: "00fe"}' a.jsonl > h2.jsonl
    refuses 'h2.jsonl:1: "source.hash" is 00fe, but 00ff in h1.jsonl:1: the cases are of another draw' h1.jsonl h2.jsonl
    { head -n 2 h1.jsonl; tail -n 1 h2.jsonl; } > mixed.jsonl
    refuses 'mixed.jsonl:3: "source.hash" is 00fe, but 00ff in mixed.jsonl:1: the cases are of another draw' mixed.jsonl
    evaluate a.jsonl h1.jsonl
}

@test "evaluate: refuses a case twice, and records of several forms" {
    head -n 1 a.jsonl >> a.jsonl
    refuses 'a.jsonl:4: the case "x" was read before' a.jsonl
    { head -n 1 a.jsonl; sampled y null '[1,2]'; } > f.jsonl
    refuses 'f.jsonl:2: scored and rollout records in one run' f.jsonl
    { sampled x null '[1,2]'; sampled y null '[1,2]' | jq -c 'del(.samples[0].scores)'; } > f.jsonl
    refuses 'f.jsonl:2: no scores, where the records before have them' f.jsonl
    { sampled y null '[1,2]' | jq -c 'del(.samples[0].scores)'; sampled x null '[1,2]'; } > f.jsonl
    refuses 'f.jsonl:2: scores, where the records before have none' f.jsonl
    { rating x 0 1 4; sampled y null '[1,2]'; } | sed 's/"target":1/"target":0/' > f.jsonl
    refuses 'f.jsonl:2: the form is not that of the records before' f.jsonl
}

# says MESSAGE RECORD
says() {
    printf '%s' "$2" > one.jsonl
    refuses "$1" one.jsonl
}

@test "evaluate: names file and line of what is wrong" {
    printf '{"id":"x","target":0,"scores":[1]}\n\n{"id":\n' > in.jsonl
    run -1 --separate-stderr evaluate in.jsonl
    [[ "$stderr" == "evaluate: in.jsonl:3: column "* ]]
    refuses 'none.jsonl: No such file or directory' none.jsonl
    refuses '-: no records' < /dev/null
    says 'one.jsonl:1: not a JSON object' '[1]'
    says "one.jsonl:1: column 14: duplicate object key near '\"id\"'" '{"id":"x","id":"x"}'
    says 'one.jsonl:1: containers are nested too deep' "{\"a\":$(printf '[%.0s' {1..600})$(printf ']%.0s' {1..600})}"
    says 'one.jsonl:1: "id" is missing or not a string' '{"target":0,"scores":[1]}'
    says 'one.jsonl:1: "source" is missing or not an object' '{"id":"x","source":1,"target":0,"scores":[1]}'
    says 'one.jsonl:1: "source.hash" is missing or not a string' '{"id":"x","source":{"hash":1},"target":0,"scores":[1]}'
    says 'one.jsonl:1: "form" is missing or not a string' '{"id":"x","form":1,"target":0,"scores":[1]}'
    says 'one.jsonl:1: neither "scores" nor "samples" is there: the record was not scored' '{"id":"x","target":0}'
    says 'one.jsonl:1: "target" is missing or not a number' '{"id":"x","scores":[1,2]}'
    says 'one.jsonl:1: "target" is not a whole number from 0 to 1' '{"id":"x","target":2,"scores":[1,2]}'
    says 'one.jsonl:1: "target" is not a whole number from 0 to 1' '{"id":"x","target":0.5,"scores":[1,2]}'
    says 'one.jsonl:1: "scores" has 2 entries for 3 candidates' '{"id":"x","candidates":[{},{},{}],"target":0,"scores":[1,2]}'
    says 'one.jsonl:1: "scores" is empty' '{"id":"x","target":0,"scores":[]}'
    says 'one.jsonl:1: "scores" is missing or not an array' '{"id":"x","target":0,"scores":{}}'
    says 'one.jsonl:1: "scores" holds what is not a number' '{"id":"x","target":0,"scores":["1"]}'
    says 'one.jsonl:1: "candidates" is missing or not an array' '{"id":"x","candidates":3,"target":0,"scores":[1]}'
    says 'one.jsonl:1: "candidates" is empty' '{"id":"x","candidates":[],"target":0,"scores":[1]}'
}

@test "evaluate: names what is wrong in a sample" {
    says 'one.jsonl:1: "samples" is missing or not an array' '{"id":"x","target":0,"samples":1}'
    says 'one.jsonl:1: "samples" is empty' '{"id":"x","target":0,"samples":[]}'
    says 'one.jsonl:1: sample 0 is not an object' '{"id":"x","target":0,"samples":[1]}'
    says 'one.jsonl:1: sample 0: "answer" is missing or not a string or null' '{"id":"x","target":0,"samples":[{}]}'
    says 'one.jsonl:1: sample 0: "answer" of the record is not a string' '{"id":"x","target":0,"samples":[{"answer":"A"}]}'
    says 'one.jsonl:1: sample 0: "scores" holds what is not a number' \
        '{"id":"x","target":0,"samples":[{"answer":null,"scores":[true]}]}'
    says 'one.jsonl:1: sample 0: "rating" is missing or not a number or null' "$(rating x 0 2 true)"
    says 'one.jsonl:1: "candidate" is not a whole number from 0 to 1' "$(rating x 2 2 1)"
    says 'one.jsonl:1: "case" is missing or not a string' "$(rating x 0 2 1 | jq -c 'del(.case)')"
    says 'one.jsonl:1: "candidates" is missing or not an array' "$(rating x 0 2 1 | jq -c 'del(.candidates)')"
    says 'one.jsonl:1: "samples" is missing or not an array' "$(rating x 0 2 1 | jq -c 'del(.samples)')"
}

bats_require_minimum_version 1.5.0
load records

setup() {
    root=$BATS_TEST_DIRNAME/..
}

@test "bench: load and growth write bench records, a row for each world" {
    CASE="load growth" LOAD_EVENTS=2000 GROWTH="500 2000" GROWTH_CASES=20 BENCH_OUT="$BATS_TEST_TMPDIR/out" \
        "$root/pipelines/bench.sh" > "$BATS_TEST_TMPDIR/bench.jsonl" 2> /dev/null
    checks "$BATS_TEST_TMPDIR/bench.jsonl" "bench record"
    [ "$(jq -c '[.case, .events]' "$BATS_TEST_TMPDIR/bench.jsonl" | paste -s)" = \
        '["load",2000]	["growth",500]	["growth",2000]' ]
}

@test "bench: the yardstick prints the records that it parses" {
    cd "$BATS_TEST_TMPDIR"
    printf '{"a":[1,"\\u00e9",null]}\n{"b":{}}\n' > in.jsonl
    "$root/bench/jansson" print in.jsonl | diff - <(printf '{"a":[1,"é",null]}\n{"b":{}}\n')
    [ -z "$("$root/bench/jansson" parse in.jsonl)" ]
    run -1 "$root/bench/jansson" parse <(echo '{"a":1,"a":2}')
    run -2 "$root/bench/jansson"
    run -1 "$root/bench/opengraph" in.jsonl
}

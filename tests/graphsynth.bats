bats_require_minimum_version 1.5.0
load helpers

small="--users 150 --items 120 --events 15"

# Test cases of the small world of seed 3, drawn once.
setup_file() {
    graphsynth --quiet --users 150 --items 120 --events 15 --seed 3 > "$BATS_FILE_TMPDIR/world.jsonl"
    candidates --quiet --split test "$BATS_FILE_TMPDIR/world.jsonl" > "$BATS_FILE_TMPDIR/test.jsonl"
}

setup() {
    world=$BATS_FILE_TMPDIR/world.jsonl cases=$BATS_FILE_TMPDIR/test.jsonl
}

# score FILTER: the first case, changed by a jq filter, scored.
score() {
    head -n 1 "$cases" | jq -c "$1" | graphsynth $small --seed 3 --score -
}

@test "graphsynth: keeps the manners of every program" {
    keeps_manners graphsynth $small < /dev/null
    keeps_manners graphsynth $small --seed 3 --score - < "$cases"
}

@test "graphsynth: equal seeds give equal bytes, others other bytes" {
    graphsynth --quiet $small --seed 3 | cmp - "$world"
    run -1 cmp -s "$world" <(graphsynth --quiet $small --seed 4)
    run -1 cmp -s "$world" <(graphsynth --quiet $small --seed 3 --taste 1.7)
}

@test "graphsynth: the world of the defaults is the one whose floors were measured" {
    # The parameters and the law must never change: every result on this world depends on them.
    graphsynth --quiet | candidates --quiet --split test --limit 1 - > "$BATS_TEST_TMPDIR/one"
    [ "$(jq -r .source.graph "$BATS_TEST_TMPDIR/one")" = "e52a7b2527159458" ]
}

@test "graphsynth: writes as many items and users as asked, events by user and time" {
    [ "$(jq -s 'map(select(.title)) | length' "$world")" = 120 ]
    [ "$(jq -s 'map(select(.title).title) | unique | length' "$world")" = 120 ]
    [ "$(jq -s 'map(select(.user).user) | unique | length' "$world")" = 150 ]
    jq -se '[.[] | select(.user) | [(.user[1:] | tonumber), .time]] | . == sort' "$world"
    jq -se 'map(select(.user)) | (map(.rating) | unique) == [1,2,3,4,5]
            and (length / 150 | . > 13 and . < 17)' "$world"
    jq -se 'map(select(.title)) | all((.genres | length) >= 1 and .year >= 1960)' "$world"
}

@test "graphsynth: says what it wrote, unless told not to" {
    run --separate-stderr graphsynth $small --seed 3
    [ "$stderr" = "graphsynth: 150 users, 120 items, $(grep -c '"user"' "$world") events, seed 3" ]
    run --separate-stderr graphsynth --quiet $small
    [ -z "$stderr" ]
}

@test "graphsynth --score: beats chance and popularity by far, as often as it expects" {
    graphsynth $small --seed 3 --score "$cases" > "$BATS_TEST_TMPDIR/best"
    [ "$(jq -s length "$BATS_TEST_TMPDIR/best")" = 150 ]
    jq -se 'all(.[]; .model == "best" and (.scores | length) == 20 and .scores[.target] < 0)' \
        "$BATS_TEST_TMPDIR/best"
    # Hits, and what the scores promise: both well above 0.05, and within four standard errors.
    jq -se '(map(.target as $t | if .scores[$t] == (.scores | max) then 1 else 0 end) | add / length) as $hit |
            (map(.scores | map(if . then exp else 0 end) | max / add) | add / length) as $want |
            $hit > 0.45 and ($hit - $want | fabs) < 0.16' "$BATS_TEST_TMPDIR/best"
}

@test "graphsynth --score: an item that is not released yet has no score" {
    graphsynth --quiet --users 60 --items 60 --events 10 --new-items 0.5 > "$BATS_TEST_TMPDIR/new"
    candidates --quiet --split test "$BATS_TEST_TMPDIR/new" > "$BATS_TEST_TMPDIR/cases"
    graphsynth --users 60 --items 60 --events 10 --new-items 0.5 --score "$BATS_TEST_TMPDIR/cases" \
        > "$BATS_TEST_TMPDIR/best"
    jq -se 'map(.scores[]) | any(. == null)' "$BATS_TEST_TMPDIR/best"
    jq -se 'all(.[]; .scores[.target])' "$BATS_TEST_TMPDIR/best"
}

@test "graphsynth --score: a score depends neither on the other cases nor on their order" {
    graphsynth $small --seed 3 --score "$cases" > "$BATS_TEST_TMPDIR/best"
    tac "$cases" | graphsynth $small --seed 3 --score - | tac | cmp - "$BATS_TEST_TMPDIR/best"
    for split in train valid; do
        candidates --quiet --split $split --limit 300 --shuffle "$world" > "$BATS_TEST_TMPDIR/in"
        graphsynth $small --seed 3 --score "$BATS_TEST_TMPDIR/in" > "$BATS_TEST_TMPDIR/out"
        sort "$BATS_TEST_TMPDIR/in" | graphsynth $small --seed 3 --score - | cmp - <(sort "$BATS_TEST_TMPDIR/out")
    done
}

@test "graphsynth --score: keeps fields it does not know, and their order" {
    run score '{z: 1} + . + {keep: [1, {q: null}]}'
    [ "$status" = 0 ]
    [ "$(jq -c 'del(.model, .scores)' <<< "$output")" = \
      "$(head -n 1 "$cases" | jq -c '{z: 1} + . + {keep: [1, {q: null}]}')" ]
}

@test "graphsynth --score: refuses the cases of another world" {
    hash=$(head -n 1 "$cases" | jq -r .source.graph)
    run -1 --separate-stderr graphsynth $small --seed 4 --score "$cases"
    [[ "$stderr" =~ ^"graphsynth: $cases:1: the case is of graph $hash, not of this one, "[0-9a-f]{16}$ ]]
    [ -z "$output" ]
    run -1 graphsynth $small --seed 3 --drift 0.2 --score "$cases"
    run -1 graphsynth --seed 3 --score "$cases"
}

@test "graphsynth --score: names file and line of what is wrong" {
    run -1 --separate-stderr graphsynth $small --score "$BATS_TEST_TMPDIR/none"
    [ "$stderr" = "graphsynth: $BATS_TEST_TMPDIR/none: No such file or directory" ]
    run -1 --separate-stderr graphsynth $small --score - < /dev/null
    [ "$stderr" = 'graphsynth: -: no records' ]
    head -n 1 "$cases" > "$BATS_TEST_TMPDIR/in"
    echo '{"id":' >> "$BATS_TEST_TMPDIR/in"
    run -1 --separate-stderr graphsynth $small --seed 3 --score "$BATS_TEST_TMPDIR/in"
    [[ "$stderr" == "graphsynth: $BATS_TEST_TMPDIR/in:2: column "* ]]
    run -1 --separate-stderr score 'del(.source)'
    [ "$stderr" = 'graphsynth: -:1: "source" is missing or not an object' ]
    run -1 --separate-stderr score '.user = "u151"'
    [ "$stderr" = 'graphsynth: -:1: user u151 is not in the graph' ]
    run -1 --separate-stderr score '.id = "u1#900"'
    [ "$stderr" = 'graphsynth: -:1: case u1#900 of user u1 does not exist in this split of the graph' ]
    run -1 --separate-stderr score '.candidates[3].item = "i121"'
    [ "$stderr" = 'graphsynth: -:1: item i121 is not in the graph' ]
    run -1 --separate-stderr score '.candidates[3] = {}'
    [ "$stderr" = 'graphsynth: -:1: candidate 3: "item" is missing or not a string' ]
    run -1 --separate-stderr score '.target = 20'
    [ "$stderr" = 'graphsynth: -:1: "target" is not a whole number from 0 to 19' ]
    run -1 --separate-stderr score '.target = (.target + 1) % 20'
    [[ "$stderr" == 'graphsynth: -:1: the target of case u1#'*' is item i'*' in the graph, not i'* ]]
}

@test "graphsynth: refuses operands and options out of bounds" {
    run -2 --separate-stderr graphsynth world.jsonl
    [[ "$stderr" == "graphsynth: no operand is taken, but there is 'world.jsonl'"* ]]
    run -2 --separate-stderr graphsynth --items 50 --events 26
    [[ "$stderr" == "graphsynth: --events is at most half of --items: 25"* ]]
    run -2 --separate-stderr graphsynth --items 19
    [[ "$stderr" == "graphsynth: --items takes a whole number from 20 to 50000, not '19'"* ]]
    run -2 --separate-stderr graphsynth --noise 0
    [[ "$stderr" == "graphsynth: --noise takes a number from 0.01 to 100, not '0'"* ]]
    run -2 --separate-stderr graphsynth --new-items 0.6
    [[ "$stderr" == "graphsynth: --new-items takes a number from 0 to 0.5, not '0.6'"* ]]
}

@test "graphsynth: the examples of its manual page run" {
    cd "$BATS_TEST_TMPDIR"
    graphsynth --quiet --seed 7 > world.jsonl
    candidates --quiet --split test world.jsonl > test.jsonl
    graphsynth --seed 7 --score test.jsonl > best.jsonl
    run jq -s 'map(.scores | map(if . then exp else 0 end) | max / add) | add / length' best.jsonl
    [[ "$output" == 0.6[6-9]* || "$output" == 0.7[01]* ]]
}

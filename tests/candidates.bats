bats_require_minimum_version 1.5.0
load helpers

# Two users in seven items: u had A B C D, v had A B E F G, at the times 1, 2, ...
setup_file() {
    local t=0 k
    {
        echo '{"item":"A","title":"Alpha","year":1990,"genres":["x","y"]}'
        for k in A B C D; do echo "{\"user\":\"u\",\"item\":\"$k\",\"rating\":3.5,\"time\":$((++t))}"; done
        t=0
        for k in A B E F G; do echo "{\"user\":\"v\",\"item\":\"$k\",\"time\":$((++t))}"; done
    } > "$BATS_FILE_TMPDIR/toy.jsonl"
    graphsynth --quiet --users 150 --items 120 --events 15 --seed 3 > "$BATS_FILE_TMPDIR/world.jsonl"
}

setup() {
    toy=$BATS_FILE_TMPDIR/toy.jsonl world=$BATS_FILE_TMPDIR/world.jsonl
}

# cases OPTION...: of the toy, each as "id: candidates, sorted, the target first".
cases() {
    candidates --quiet --min-history 1 "$@" "$toy" |
        jq -r '.candidates[.target].item as $t | "\(.id): \($t) \([.candidates[].item] - [$t] | sort | add)"'
}

# graph JSON...: one line each.
graph() {
    printf '%s\n' "$@"
}

@test "candidates: keeps the manners of every program" {
    keeps_manners candidates --quiet < "$world"
}

@test "candidates: draws from what the user never touched, by hand" {
    [ "$(cases --split test --negatives 2 | grep v)" = 'v#5: G CD' ]
    [ "$(cases --split test --negatives 3 --limit 1)" = 'u#4: D EFG' ]
    [ "$(cases --split valid --negatives 3 --limit 1)" = 'u#3: C EFG' ]
    [ "$(cases --split valid --negatives 2 | tail -n 1)" = 'v#4: F CD' ]
    # While training the held-out items may be negatives: known are u: A B, v: A B E.
    [ "$(cases --negatives 5 --limit 1)" = 'u#2: B CDEFG' ]
    [ "$(cases --negatives 4)" = "$(cases --negatives 4 --limit 1; echo 'v#2: B CDFG'; echo 'v#3: E CDFG')" ]
}

@test "candidates --draw popular: draws known items only" {
    [ "$(cases --split test --draw popular --negatives 1 --limit 2 | grep v)" = 'v#5: G C' ]
    [ "$(cases --split test --draw popular --negatives 2 --limit 1)" = 'u#4: D EF' ]
    run -1 --separate-stderr candidates --draw popular --quiet --min-history 1 --negatives 1 --split train "$toy"
    [ "$stderr" = 'candidates: user v leaves 0 items to draw 1 negatives from' ]
}

@test "candidates --draw popular: draws in proportion to the count" {
    # X has 90 known events, Y 30; 200 users who had neither draw one of them. Five standard errors.
    awk 'BEGIN {
        for (k = 0; k < 120; k++) printf "{\"user\":\"x%d\",\"item\":\"%s\",\"time\":0}\n", k, k < 90 ? "X" : "Y"
        for (k = 0; k < 200; k++) for (t = 1; t < 3; t++)
            printf "{\"user\":\"u%d\",\"item\":\"Z%d\",\"time\":%d}\n", k, t, t
    }' > "$BATS_TEST_TMPDIR/graph"
    candidates --quiet --protocol global --cut 0.7 --split test --min-history 1 --negatives 1 --draw popular \
        "$BATS_TEST_TMPDIR/graph" > "$BATS_TEST_TMPDIR/out"
    jq -se 'length == 200 and (map(select(any(.candidates[]; .item == "X"))) | length | . > 120 and . < 180)' \
        "$BATS_TEST_TMPDIR/out"
}

@test "candidates: writes a record as r2rec-records says" {
    run candidates --quiet --split valid --min-history 1 --negatives 1 --seed 2 "$toy"
    first=$(jq -c 'del(.source.graph, .source.hash, .candidates)' <<< "${lines[0]}")
    [ "$first" = '{"id":"u#3","split":"valid","source":{"split":"loo"},"user":"u","time":3,"history":[{"item":"A","title":"Alpha","rating":3.5,"time":1},{"item":"B","title":"B","rating":3.5,"time":2}],"target":'$(jq .target <<< "$first")',"target_rating":3.5}' ]
    jq -e '(.source.graph + .source.hash | test("^[0-9a-f]{32}$")) and .candidates[.target] == {item: "C", title: "C"}' \
        <<< "${lines[0]}"
    jq -e 'has("target_rating") | not' <<< "${lines[1]}"
    graph '{"item":"A","title":"Alpha","year":1990,"genres":["x","y"]}' '{"user":"o","item":"A"}' \
          '{"user":"w","item":"B"}' '{"user":"w","item":"C"}' > "$BATS_TEST_TMPDIR/untimed"
    run candidates --quiet --split test --min-history 1 --negatives 1 "$BATS_TEST_TMPDIR/untimed"
    [ "$(jq -c '[.id, .history, (.candidates | sort_by(.item))]' <<< "$output")" = '["w#2",[{"item":"B","title":"B"}],[{"item":"A","title":"Alpha","year":1990,"genres":["x","y"]},{"item":"C","title":"C"}]]' ]
    jq -e 'has("time") or has("target_rating") | not' <<< "$output"
}

@test "candidates: equal seeds give equal bytes, others other candidates" {
    candidates --quiet "$world" > "$BATS_TEST_TMPDIR/one"
    candidates --quiet --seed 1 < "$world" | cmp - "$BATS_TEST_TMPDIR/one"
    candidates --quiet --seed 2 "$world" > "$BATS_TEST_TMPDIR/two"
    [ "$(jq -c '[.id, .history]' "$BATS_TEST_TMPDIR/one")" = "$(jq -c '[.id, .history]' "$BATS_TEST_TMPDIR/two")" ]
    run -1 cmp -s <(jq -c .candidates "$BATS_TEST_TMPDIR/one") <(jq -c .candidates "$BATS_TEST_TMPDIR/two")
}

@test "candidates: a case does not depend on which others are drawn" {
    candidates --quiet "$world" | sort > "$BATS_TEST_TMPDIR/all"
    candidates --quiet --shuffle "$world" > "$BATS_TEST_TMPDIR/shuffled"
    run -1 cmp -s <(candidates --quiet "$world") "$BATS_TEST_TMPDIR/shuffled"
    sort "$BATS_TEST_TMPDIR/shuffled" | cmp - "$BATS_TEST_TMPDIR/all"
    candidates --quiet --shuffle --limit 7 "$world" | cmp - <(head -n 7 "$BATS_TEST_TMPDIR/shuffled")
}

@test "candidates: the hash names graph, split and options, not the choice among cases" {
    hash() { candidates --quiet "$@" | head -n 1 | jq -r .source.hash; }
    one=$(hash "$world")
    [ "$one" = "$(hash --limit 3 --shuffle --history 2 "$world")" ]
    for option in "--seed 2" "--split test" "--protocol global" "--negatives 5" "--draw popular" \
                  "--min-history 6" "--min-gap 1" "--max-per-user 3"; do
        [ "$one" != "$(hash $option "$world")" ]
    done
}

@test "candidates: the target may stand anywhere, and negatives are untouched and different" {
    for part in train valid test; do
        candidates --quiet --split $part "$world" > "$BATS_TEST_TMPDIR/$part"
        jq -se --slurpfile graph "$world" --arg part $part '
            ($graph | map(select(.user)) | group_by(.user) | map({key: .[0].user, value: map(.item)})
                    | from_entries) as $had |
            all(.[]; .user as $u | .target as $t | [.candidates[].item] as $c |
                ($c | unique | length) == 20 and ($had[$u] | index($c[$t])) != null and
                ($c - [$c[$t]] | all(. as $i | $had[$u] | index($i) == null) or $part == "train"))' \
            "$BATS_TEST_TMPDIR/$part"
    done
    # Chi-square of 20 places has 19 degrees of freedom: below 43.8 in 999 of 1000 seeds.
    jq -se 'length as $n | [range(20) as $k | map(select(.target == $k)) | length] |
            map((. - $n / 20) * (. - $n / 20) / ($n / 20)) | add < 43.8' "$BATS_TEST_TMPDIR/train"
}

@test "candidates: options choose cases, and what a record shows" {
    [ "$(cases --negatives 1 --min-history 2 | cut -d: -f1)" = 'v#3' ]
    [ "$(cases --negatives 1 --max-per-user 1 | cut -d: -f1 | tr '\n' ' ')" = 'u#2 v#3 ' ]
    [ "$(candidates --quiet --split test --min-history 1 --negatives 1 --history 2 "$toy" |
         jq -c '[.history[].item]' | tr '\n' ' ')" = '["B","C"] ["E","F"] ' ]
    candidates --quiet --min-gap 3 "$world" |
        jq -se 'length > 50 and all(.time - .history[-1].time >= 3 * 86400)'
}

@test "candidates --protocol global: nothing later than a case is in its history" {
    candidates --quiet --protocol global "$world" |
        jq -se 'length > 500 and all(.[]; .time as $t | .source.cut == 0.9 and all(.history[]; .time < $t))'
    cut=$(jq -s 'map(select(.user).time) | sort | .[0.9 * length | floor]' "$world")
    candidates --quiet --protocol global --split test "$world" |
        jq -se --argjson cut $cut 'length > 3 and all(.[]; .time >= $cut and all(.history[]; .time < $cut))'
}

@test "candidates: warns of what loo shows once, and of nothing else" {
    candidates --split test "$world" 2> "$BATS_TEST_TMPDIR/err" > /dev/null
    [ "$(cat "$BATS_TEST_TMPDIR/err")" = \
      "candidates: loo shows every model other users' later events; --protocol global does not" ]
    candidates --split test --quiet "$world" 2>&1 > /dev/null | cmp - /dev/null
    candidates --split test --protocol global "$world" 2>&1 > /dev/null | cmp - /dev/null
}

@test "candidates: says why no case can be made" {
    run -1 --separate-stderr candidates --quiet --split test --negatives 3 --min-history 1 "$toy"
    [ "$stderr" = 'candidates: user v leaves 2 items to draw 3 negatives from' ]
    [ "$(jq -r .id <<< "$output")" = 'u#4' ]
    run -1 --separate-stderr candidates --quiet "$toy"
    [ "$stderr" = 'candidates: no user has enough events for a case' ]
    run -1 --separate-stderr candidates --quiet <<< '{"item":"A"}'
    [ "$stderr" = 'candidates: the graph has no events' ]
    run -1 --separate-stderr candidates --protocol global <<< '{"user":"u","item":"A"}'
    [ "$stderr" = 'candidates: a split in time needs events with times' ]
    run -1 --separate-stderr candidates --min-gap 1 <<< '{"user":"u","item":"A"}'
    [ "$stderr" = 'candidates: a pause before a target needs events with times' ]
}

@test "candidates: names file and line of a record that is wrong" {
    run -1 --separate-stderr candidates "$BATS_TEST_TMPDIR/none"
    [ "$stderr" = "candidates: $BATS_TEST_TMPDIR/none: No such file or directory" ]
    run -1 --separate-stderr candidates < /dev/null
    [ "$stderr" = 'candidates: -: no records' ]
    printf '{"item":"A"}\n{"user":\n' > "$BATS_TEST_TMPDIR/in"
    run -1 --separate-stderr candidates "$toy" "$BATS_TEST_TMPDIR/in"
    [[ "$stderr" == "candidates: $BATS_TEST_TMPDIR/in:2: column "* ]]
    run -1 --separate-stderr candidates <<< '["item"]'
    [ "$stderr" = 'candidates: -:1: not a JSON object' ]
}

# wrong RECORD MESSAGE
wrong() {
    run -1 --separate-stderr candidates --quiet <<< "$1"
    [ "$stderr" = "candidates: -:1: $2" ] || { echo "$1: $stderr"; false; }
}

@test "candidates: says what is wrong with a graph record" {
    wrong '{}' '"item" is missing or not a string'
    wrong '{"item":""}' '"item" is missing or not a string'
    wrong '{"user":"u"}' '"item" is missing or not a string'
    wrong '{"user":1.5,"item":"A"}' '"user" is missing or not a string'
    wrong '{"item":"A","title":1}' '"title" is not a string'
    wrong '{"item":"A","year":"x"}' '"year" is missing or not a number'
    wrong '{"item":"A","year":20000}' '"year" is not a whole number from -10000 to 10000'
    wrong '{"item":"A","genres":"x"}' '"genres" is not an array'
    wrong '{"item":"A","genres":[1]}' '"genres" holds what is not a string'
    wrong '{"user":"u","item":"A","rating":"5"}' '"rating" is missing or not a number'
    wrong '{"user":"u","item":"A","rating":1e300}' '"rating" is out of range'
    wrong '{"user":"u","item":"A","time":1.5}' \
          '"time" is not a whole number from -9007199254740992 to 9007199254740992'
}

@test "candidates: refuses options out of bounds" {
    refuses() { run -2 --separate-stderr candidates "${@:2}" "$toy"; [[ "$stderr" == "candidates: $1"* ]]; }
    refuses "--split takes one of train|valid|test, not 'dev'" --split dev
    refuses "--protocol takes one of loo|global, not 'time'" --protocol time
    refuses "--draw takes one of uniform|popular, not 'x'" --draw x
    refuses "--cut takes a number from 0.01 to 0.99, not '1'" --cut 1
    refuses "--negatives takes a whole number from 1 to 1e+06, not '0'" --negatives 0
    refuses "--min-history takes a whole number from 1 to 1e+06, not '0'" --min-history 0
    refuses "--min-gap takes a number from 0 to 100000, not '-1'" --min-gap -1
    refuses "--max-per-user takes a whole number from 0 to 1e+06, not 'x'" --max-per-user x
    refuses "--history takes a whole number from 0 to 1e+06, not '1.5'" --history 1.5
    refuses "--limit takes a whole number from 0 to 1e+09, not '-1'" --limit -1
    refuses "--seed takes a whole number from 0 to 18446744073709551615, not '-1'" --seed -1
}

@test "candidates: the examples of its manual page run" {
    cd "$BATS_TEST_TMPDIR"
    candidates --quiet --split test "$world" > test.jsonl
    candidates --quiet --min-gap 1 --shuffle --limit 100 "$world" > train.jsonl
    [ "$(wc -l < train.jsonl)" = 100 ]
    candidates --split test --protocol global --draw popular "$world" | head -n 3 > three
    [ "$(wc -l < three)" = 3 ]
}

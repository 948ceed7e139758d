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

# Five users, a letter an event; the last of each is his test target.
nearest() {
    local user item t=0
    for user in uABCD vABEF wBEG xABCE yABCDEFGH; do
        for item in $(fold -w 1 <<< "${user:1}"); do
            echo "{\"user\":\"${user:0:1}\",\"item\":\"$item\",\"time\":$((++t))}"
        done
    done
}

@test "candidates --draw hard: takes the items nearest to the target, by hand" {
    # Known are u: ABC, v: ABE, w: BE, x: ABC, y: A .. G.
    nearest > "$BATS_TEST_TMPDIR/graph"
    hard() {
        candidates --quiet --split test --min-history 1 --draw hard "$@" "$BATS_TEST_TMPDIR/graph" |
            jq -r 'select(.user == "x") | .candidates[.target].item as $t | [.candidates[].item] - [$t] | sort | add'
    }
    # D, F, G each have y alone, who has E: 1/sqrt(3) each, ties by index; H is unknown and has no cosine.
    [ "$(hard --negatives 1)" = D ]
    [ "$(hard --negatives 2)" = DF ]
    [ "$(hard --negatives 3)" = DFG ]
    [ "$(hard --negatives 4)" = DFGH ]
}

# near_by_jq GRAPH: of each line "user target negatives ..." says whether the negatives are the nearest ones in loo's
# known graph of the test, by a count of its own.
near_by_jq() {
    jq -rn --slurpfile g "$1" '
        ($g | map(select(.user)) | to_entries | map(.value + {line: .key}) | sort_by(.user, .time, .line)
            | group_by(.user)) as $rows |
        ($g | map(select(.user).item) | reduce .[] as $i ({}; if has($i) then . else .[$i] = length end)) as $index |
        ($rows | map({key: .[0].user, value: map(.item)}) | from_entries) as $had |
        ($rows | map(.[:-1] | map(.item))) as $known |
        (reduce $known[][] as $i ({}; .[$i] += 1)) as $n |
        inputs | .user as $u | .candidates[.target].item as $t | [.candidates[].item] - [$t] | sort as $got |
        (reduce ($known[] | select(index($t)) | .[]) as $i ({}; .[$i] += 1)) | to_entries
            | map(.key as $k | select($k != $t and ($had[$u] | index($k) | not)))
            | sort_by(-(.value * .value / $n[.key]), $index[.key]) | map(.key)[:($got | length)] | sort | . == $got'
}

@test "candidates --draw hard: agrees with a count in jq, and does not depend on the seed" {
    candidates --quiet --split test --draw hard --negatives 4 "$world" > "$BATS_TEST_TMPDIR/hard"
    [ "$(near_by_jq "$world" < "$BATS_TEST_TMPDIR/hard" | sort | uniq -c | tr -s ' ')" = ' 150 true' ]
    candidates --quiet --split test --draw hard --negatives 4 --seed 2 "$world" > "$BATS_TEST_TMPDIR/two"
    sets() { jq -c '[.candidates[].item] | sort' "$1"; }
    cmp <(sets "$BATS_TEST_TMPDIR/hard") <(sets "$BATS_TEST_TMPDIR/two")
    run -1 cmp -s "$BATS_TEST_TMPDIR/hard" "$BATS_TEST_TMPDIR/two"
    # Under global a training case knows what is before its own time; the cases of one target differ.
    candidates --quiet --protocol global --draw hard --limit 300 --shuffle "$world" > "$BATS_TEST_TMPDIR/train"
    chainsample --quiet --cases "$BATS_TEST_TMPDIR/train" "$world" | jq -se 'length == 300'
}

# given LINE...: what is drawn of two given candidates; u may get E F G, v C D.
given() {
    printf '%b\n' "$@" > "$BATS_TEST_TMPDIR/given"
    cases --split test --negatives 2 --draw given --given "$BATS_TEST_TMPDIR/given"
}

@test "candidates --draw given: takes the first that the user never had, once each" {
    [ "$(given 'u\tA Z D F F E G' 'x\tA' 'v\tC D')" = $'u#4: D EF\nv#5: G CD' ]
    [ "$(given '{"user":"u","items":["G","A","F"]}' '{"user":"v","items":["C","C","D"]}')" = $'u#4: D FG\nv#5: G CD' ]
    gzip "$BATS_TEST_TMPDIR/given"
    [ "$(cases --split test --negatives 2 --draw given --given "$BATS_TEST_TMPDIR/given.gz")" = $'u#4: D FG\nv#5: G CD' ]
    # While training what is not known may be given: known of u are A B.
    printf 'u\tA C D\n' > "$BATS_TEST_TMPDIR/given"
    [ "$(cases --negatives 2 --draw given --given "$BATS_TEST_TMPDIR/given")" = 'u#2: B CD' ]
}

@test "candidates --draw given: counts what cannot be drawn" {
    printf 'u\tA Z E\nw\tA Q\n' > "$BATS_TEST_TMPDIR/given"
    run -0 --separate-stderr candidates --split test --min-history 1 --negatives 1 --draw given \
        --given "$BATS_TEST_TMPDIR/given" "$toy"
    [ "$(jq -r .id <<< "$output")" = 'u#4' ]
    [ "${stderr_lines[1]}" = 'candidates: 1 cases left out whose users have no given candidates, 0 that have too few; 1 given items are not in the graph' ]
    run -1 --separate-stderr candidates --quiet --split test --min-history 1 --negatives 2 --draw given \
        --given "$BATS_TEST_TMPDIR/given" "$toy"
    [ "$stderr" = 'candidates: no user has 2 given candidates that can be taken' ]
}

@test "candidates --exclude: no excluded pair is a negative, whatever the draw" {
    printf 'v::C::5::978\nu::A\n' | gzip > "$BATS_TEST_TMPDIR/pairs.gz"
    printf 'user,item\nu,E\nu,E\nq,A\nu,D\n' > "$BATS_TEST_TMPDIR/pairs.csv"
    printf 'v\tD\textra\n' > "$BATS_TEST_TMPDIR/pairs.tsv"
    both=(--exclude "$BATS_TEST_TMPDIR/pairs.gz" --exclude "$BATS_TEST_TMPDIR/pairs.csv")
    [ "$(cases --split test --negatives 1 --limit 2 "${both[@]}" | tail -n 1)" = 'v#5: G D' ]
    [ "$(cases --split test --negatives 2 --limit 1 "${both[@]}")" = 'u#4: D FG' ]
    [ "$(cases --split test --negatives 1 --limit 1 --draw popular "${both[@]}")" = 'u#4: D F' ]
    [ "$(cases --split test --negatives 1 --limit 1 --draw hard "${both[@]}" | wc -l)" = 1 ]
    printf 'u\tE F\n' > "$BATS_TEST_TMPDIR/given"
    [ "$(cases --split test --negatives 1 --draw given --given "$BATS_TEST_TMPDIR/given" "${both[@]}")" = 'u#4: D F' ]
    run -1 --separate-stderr candidates --quiet --split test --negatives 1 --min-history 1 \
        --exclude "$BATS_TEST_TMPDIR/pairs.tsv" "${both[@]}" "$toy"
    [ "$stderr" = 'candidates: user v leaves 0 items to draw 1 negatives from' ]
}

@test "candidates: the hash covers what is given and excluded, and all cuts" {
    hash() { candidates --quiet --split test --negatives 1 --min-history 1 "$@" "$toy" | head -n 1 | jq -r .source.hash; }
    printf 'u\tE F\nv\tC\n' > "$BATS_TEST_TMPDIR/given"
    printf 'u\tE F\nv\tD\n' > "$BATS_TEST_TMPDIR/other"
    printf 'u,F\n' > "$BATS_TEST_TMPDIR/pairs"
    one=$(hash --draw given --given "$BATS_TEST_TMPDIR/given")
    [ "$one" = "$(hash --draw given --given "$BATS_TEST_TMPDIR/given" --permutations 2)" ]
    [ "$one" != "$(hash --draw given --given "$BATS_TEST_TMPDIR/other")" ]
    [ "$one" != "$(hash --draw given --given "$BATS_TEST_TMPDIR/given" --exclude "$BATS_TEST_TMPDIR/pairs")" ]
    [ "$(hash)" != "$(hash --exclude "$BATS_TEST_TMPDIR/pairs")" ]
    toy=$world
    cuts() { hash --protocol global --cut "$1"; }
    [ "$(cuts 0.8)" != "$(cuts 0.8,0.9)" ] && [ "$(cuts 0.8,0.9)" != "$(cuts 0.8,0.95)" ]
}

# in_file MESSAGE LINE OPTION...: what is said of a file with that line behind a good one.
in_file() {
    printf '%b\n' "$good" "$2" > "$BATS_TEST_TMPDIR/bad"
    run -1 --separate-stderr candidates --quiet "${@:3}" "$BATS_TEST_TMPDIR/bad" "$toy"
    [ "$stderr" = "candidates: $BATS_TEST_TMPDIR/bad:2: $1" ] || { echo "$stderr"; false; }
}

@test "candidates: names file and line of what is wrong in what is given and excluded" {
    good='u\tE'
    in_file 'user u has two rows' 'u\tF' --draw given --given
    in_file 'user u has two rows' '{"user":"u","items":[]}' --draw given --given
    in_file 'not a user, a tab and items' 'v E' --draw given --given
    in_file '"user" is missing or not a string' '{"items":[]}' --draw given --given
    in_file '"items" is missing or not an array' '{"user":1}' --draw given --given
    in_file '"items" holds what is not a string' '{"user":"v","items":[1,1.5]}' --draw given --given
    in_file 'column 8: unexpected token near end of file' '{"user":' --draw given --given
    in_file 'not a user and an item with ::, a tab or a comma between' 'u E' --exclude
    run -1 --separate-stderr candidates --quiet --draw given --given "$BATS_TEST_TMPDIR/none" "$toy"
    [ "$stderr" = "candidates: $BATS_TEST_TMPDIR/none: No such file or directory" ]
    run -1 --separate-stderr candidates --quiet --exclude "$BATS_TEST_TMPDIR/none" "$toy"
    [ "$stderr" = "candidates: $BATS_TEST_TMPDIR/none: No such file or directory" ]
}

@test "candidates --permutations: the same candidates in other orders, and all programs take them" {
    candidates --quiet --split test --limit 40 "$world" > "$BATS_TEST_TMPDIR/one"
    candidates --quiet --split test --limit 40 --permutations 3 "$world" > "$BATS_TEST_TMPDIR/three"
    [ "$(wc -l < "$BATS_TEST_TMPDIR/three")" = 120 ]
    jq -c 'select(.permutation == 1) | del(.permutation)' "$BATS_TEST_TMPDIR/three" |
        cmp - <(jq -c . "$BATS_TEST_TMPDIR/one")
    jq -se 'group_by(.user) | all(.[];
        (map(.id) == [.[0].id, .[0].id + "~2", .[0].id + "~3"]) and (map(.permutation) == [1, 2, 3]) and
        (map([.candidates[].item] | sort) | unique | length) == 1 and (map([.candidates[].item]) | unique | length) == 3 and
        (map(.candidates[.target].item) | unique | length) == 1)' "$BATS_TEST_TMPDIR/three"
    baseline -q -m pop -g "$world" "$BATS_TEST_TMPDIR/three" | jq -se 'group_by(.user) | length == 40 and all(.[];
        map([.candidates, .scores] | transpose | map([.[0].item, .[1]]) | sort) | unique | length == 1)'
    chainsample --quiet --cases "$BATS_TEST_TMPDIR/three" "$world" | maskprompt | jq -se 'length == 120'
    [ "$(chainsample --quiet --split test --limit 40 --permutations 3 "$world" | jq -c '[.id, .candidates, .target]')" = \
      "$(jq -c '[.id, .candidates, .target]' "$BATS_TEST_TMPDIR/three")" ]
}

@test "candidates --protocol users: test users are the last to come, and their targets are their last items" {
    users() { jq -s "map(select(.user)) | to_entries | group_by(.value.user) | map({user: .[0].value.user,
        first: (map([.value.time, .key]) | min), last: (max_by([.value.time, .key]) | .value.item)}) | sort_by(.first)$1" "$world"; }
    candidates --quiet --protocol users --split test "$world" > "$BATS_TEST_TMPDIR/test"
    [ "$(jq -sc 'map([.user, .candidates[.target].item]) | sort' "$BATS_TEST_TMPDIR/test")" = \
      "$(users '[135:] | map([.user, .last]) | sort' | jq -c .)" ]
    candidates --quiet --protocol users --split valid "$world" > "$BATS_TEST_TMPDIR/valid"
    [ "$(jq -sc 'map([.user, .candidates[.target].item]) | sort' "$BATS_TEST_TMPDIR/valid")" = \
      "$(users '[120:135] | map([.user, .last]) | sort' | jq -c .)" ]
    candidates --quiet --protocol users --min-history 1 "$world" > "$BATS_TEST_TMPDIR/train"
    [ "$(jq -sc 'map(.user) | unique' "$BATS_TEST_TMPDIR/train")" = "$(users '[:120] | map(.user) | unique' | jq -c .)" ]
    jq -se 'all(.source == {graph: .source.graph, split: "users", hash: .source.hash})' "$BATS_TEST_TMPDIR"/{test,valid,train}
    # Popular items are those of training users: in proportion to their events alone.
    candidates --quiet --protocol users --split test --draw popular "$world" | jq -se 'length == 15'
}

@test "candidates --cut: test cases behind each of several cuts, each with its own" {
    candidates --quiet --protocol global --split test --cut 0.6,0.8,0.9 --min-history 1 "$world" > "$BATS_TEST_TMPDIR/cuts"
    jq -se --slurpfile graph "$world" '
        ($graph | map(select(.user).time) | sort) as $times |
        ([0.6, 0.8, 0.9] | map($times[. * ($times | length) | floor])) as $at |
        ($graph | map(select(.user)) | group_by(.user) | map({key: .[0].user, value: map(.time)}) | from_entries) as $of |
        (map(.source.cut) | unique) == [0.6, 0.8, 0.9] and (map(.source.hash) | unique | length) == 1 and
        all(.[]; .source.cut as $q | ({"0.6": 0, "0.8": 1, "0.9": 2}[$q | tostring]) as $j |
            .time >= $at[$j] and (.time < ($at[$j + 1] // infinite)) and
            .time == ($of[.user] | map(select(. >= $at[$j])) | min) and all(.history[]; .time < $at[$j]))' \
        "$BATS_TEST_TMPDIR/cuts"
    # Each is the case of its own cut alone, drawn the same.
    candidates --quiet --protocol global --split test --cut 0.8 --min-history 1 "$world" > "$BATS_TEST_TMPDIR/one"
    jq -c 'select(.source.cut == 0.8) | del(.source)' "$BATS_TEST_TMPDIR/cuts" |
        grep -vxFf <(jq -c 'del(.source)' "$BATS_TEST_TMPDIR/one") | cmp - /dev/null
    # Validation and training cases are those before the first cut.
    for part in valid train; do
        cmp <(candidates --quiet --protocol global --split $part --cut 0.6,0.8 "$world" | jq -c 'del(.source.hash)') \
            <(candidates --quiet --protocol global --split $part --cut 0.6 "$world" | jq -c 'del(.source.hash)')
    done
    # Consumers know of each what is before its own cut.
    baseline -q -m pop -g "$world" "$BATS_TEST_TMPDIR/cuts" > "$BATS_TEST_TMPDIR/pop"
    baseline -q -m pop -g "$world" "$BATS_TEST_TMPDIR/one" | jq -c '[.id, .scores]' > "$BATS_TEST_TMPDIR/pop.one"
    jq -c 'select(.source.cut == 0.8) | [.id, .scores]' "$BATS_TEST_TMPDIR/pop" |
        grep -vxFf "$BATS_TEST_TMPDIR/pop.one" | cmp - /dev/null
    chainsample --quiet --split test --protocol global --cut 0.6,0.8,0.9 --min-history 1 "$world" |
        jq -c 'del(.drawn, .counts, .chains, .facts)' | cmp - <(jq -c . "$BATS_TEST_TMPDIR/cuts")
    run -1 --separate-stderr candidates --quiet --protocol global --split test --cut 0.9,0.90000001 "$world"
    [ "$stderr" = 'candidates: cut 0.9: no user has enough events for a case' ]
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
    for option in "--seed 2" "--split test" "--protocol global" "--protocol users" "--negatives 5" "--draw popular" "--draw hard" \
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
    candidates --split test --protocol users "$world" 2>&1 > /dev/null | cmp - /dev/null
    for program in candidates chainsample; do
        $program --protocol users "$world" 2> "$BATS_TEST_TMPDIR/err" > /dev/null
        [ "$(cat "$BATS_TEST_TMPDIR/err")" = \
          "$program: users shows training cases other training users' later events; --protocol global does not" ]
    done
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
    refuses "--protocol takes one of loo|global|users, not 'time'" --protocol time
    refuses "--draw takes one of uniform|popular|hard|given, not 'x'" --draw x
    for cut in 1 0 x '' 0.8, ,0.8 0.9,0.8 0.8,0.8 0.8:0.9 nan; do
        refuses "--cut takes at most 64 rising numbers from 0.01 to 0.99, joined by commas, not '$cut'" --cut "$cut"
    done
    refuses '--draw given and --given need each other' --draw given
    refuses '--draw given and --given need each other' --given x
    refuses "--permutations takes a whole number from 1 to 1000, not '0'" --permutations 0
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

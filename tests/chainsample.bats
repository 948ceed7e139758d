bats_require_minimum_version 1.5.0
load helpers

# Of u is known for the test: A B C; of v: A B E F; w shares one item with each of them.
setup_file() {
    cat > "$BATS_FILE_TMPDIR/toy.jsonl" <<'END'
{"item":"B","title":"Beta","year":1990}
{"user":"u","item":"A","rating":5,"time":86400}
{"user":"u","item":"B","rating":4,"time":172800}
{"user":"u","item":"C","rating":3,"time":259200}
{"user":"u","item":"D","rating":2,"time":345600}
{"user":"v","item":"A","rating":5,"time":86400}
{"user":"v","item":"B","rating":2,"time":172800}
{"user":"v","item":"E","time":259200}
{"user":"v","item":"F","rating":1,"time":302400}
{"user":"v","item":"G","rating":1,"time":432000}
{"user":"w","item":"A","time":432000}
{"user":"w","item":"H","time":432001}
{"user":"w","item":"I","time":432002}
{"user":"w","item":"J","time":432003}
END
    graphsynth --quiet --users 150 --items 120 --events 15 --seed 3 > "$BATS_FILE_TMPDIR/world.jsonl"
    candidates --quiet --split test "$BATS_FILE_TMPDIR/world.jsonl" > "$BATS_FILE_TMPDIR/test.jsonl"
}

setup() {
    toy=$BATS_FILE_TMPDIR/toy.jsonl world=$BATS_FILE_TMPDIR/world.jsonl test=$BATS_FILE_TMPDIR/test.jsonl
}

# sample OPTION...: the toy's test cases, with as many candidates as there are for v.
sample() {
    chainsample --quiet --split test --min-history 3 --negatives 5 "$@" "$toy"
}

# reached ITEM FILTER [OPTION...]: the filter on the chains of case u#4 to the candidate.
reached() {
    sample --limit 1 --negatives 6 "${@:3}" |
        jq -c --arg item "$1" '[.candidates[].item] as $c | .chains[$c | index($item)] | '"$2"
}

@test "chainsample: keeps the manners of every program" {
    keeps_manners chainsample --quiet --limit 70 < "$world"
    keeps_manners chainsample --quiet --cases "$test" < "$world"
    keeps_manners chainsample --quiet --cases - "$world" < "$test"
}

@test "chainsample: draws the chains of a toy, by hand" {
    # u: A B C (ranks 2 1 0); v: A B E F (places 0 1 2 3). Chains to E and F, by A and by B.
    [ "$(sample --limit 1 --chains 1000 | jq -c '[.drawn, (.counts | add)]')" = '[1000,1000]' ]
    [ "$(reached F 'map([.item, .user, .gap])' --chains 1000)" = '[["B","v",2],["A","v",3]]' ]
    [ "$(reached E 'map([.item, .user, .gap])' --chains 1000)" = '[["B","v",1],["A","v",2]]' ]
    [ "$(reached F 'map(.title)' --chains 1000)" = '["Beta","A"]' ]
    [ "$(reached F 'map(.ratings) == [[4,2,1],[5,5,1]]' --chains 1000)" = true ]
    [ "$(reached E 'map(.ratings) == [[4,2,null],[5,5,null]]' --chains 1000)" = true ]
    [ "$(reached D . --chains 1000)" = '[]' ]
    # The counts are those of the chains: 1000 times the weight, within five standard errors.
    for item in E F; do
        reached $item 'map((.count - 1000 * .weight) * (.count - 1000 * .weight) < 25 * 1000 * .weight) | all' \
            --chains 1000 | grep -qx true
    done
}

@test "chainsample: weighs chains by each law, by hand" {
    # Weights of B-E, A-E, B-F, A-F in thousandths.
    weights() {
        { reached E 'map({(.item + "E"): .weight}) | add' --chains 9999 --keep 9 --law "$1"
          reached F 'map({(.item + "F"): .weight}) | add' --chains 9999 --keep 9 --law "$1"; } |
            jq -cs 'add | [.BE, .AE, .BF, .AF] | map(1000 * . | round)'
    }
    [ "$(weights uniform)" = '[250,250,250,250]' ]
    [ "$(weights similarity^3)" = '[250,250,250,250]' ]                 # one neighbour
    [ "$(weights recency)" = '[291,209,291,209]' ]                      # 1 and exp(-1/3), over twice the sum
    [ "$(weights transition)" = '[316,246,246,192]' ]                   # exp(-1/4), exp(-2/4) twice, exp(-3/4)
    [ "$(weights agreement)" = '[125,375,125,375]' ]                    # 1/3 and 1
    [ "$(weights agreement^2)" = '[50,450,50,450]' ]
    # exp(-2(1/4 + 1/3)), exp(-2(2/4 + 2/3)), exp(-2(2/4 + 1/3)), exp(-2(3/4 + 2/3))
    [ "$(weights 'transition^2*similarity^2*recency^2')" = '[475,148,288,90]' ]
    [ "$(weights 'recency*agreement')" = '[159,341,159,341]' ]          # 1/3 and exp(-1/3)
}

@test "chainsample: counts the facts of a toy, by hand" {
    # similarity of v: 2 ln(1 + 3/3) for A and ... over sqrt(4); A is had by u, v and w, B by u and v.
    run sample --limit 1 --negatives 6 --facts all
    facts=$(jq -c '.facts as $f | ([.candidates[].item] | index("F")) as $k |
                   $f | map_values(.[$k] * 1000 | round)' <<< "$output")
    # follow: B is two steps before F, A three: exp(-1/3) + exp(-2/3); lift: that / 11
    # best: (ln 2 + ln 2.5) / 2; path: best (exp(-2/4 - 1/3) + exp(-3/4 - 2/3))
    # together: with C 0, with B 1 / sqrt(1), with A 1 / sqrt(2), by 3; fresh, age: half a day before
    [ "$facts" = '{"follow":1230,"lift":112,"path":545,"near20":1000,"near50":1000,"together":569,"popular":1000,"best":805,"fresh":1000,"age":500}' ]
    jq -e '([.candidates[].item] | index("D")) as $k | all(.facts[]; .[$k] == 0)' <<< "$output"
}

@test "chainsample: writes the facts that are asked for, in that order" {
    [ "$(sample --limit 1 | jq -c '.facts | keys_unsorted')" = '["follow","path","near50","together","popular"]' ]
    [ "$(sample --limit 1 --facts age,best | jq -c '.facts | keys_unsorted')" = '["age","best"]' ]
    [ "$(sample --limit 1 --facts none | jq -c 'has("facts")')" = false ]
    [ "$(sample --limit 1 --facts none | jq -c '.chains')" = "$(sample --limit 1 --facts all | jq -c '.chains')" ]
}

@test "chainsample: a case whose user has no neighbours gets zero chains" {
    run sample --facts all
    [ "${#lines[@]}" = 3 ]
    [ "$(jq -c '[.id, .drawn, .counts, .chains]' <<< "${lines[2]}")" = \
      '["w#4",0,[0,0,0,0,0,0],[[],[],[],[],[],[]]]' ]
    jq -e '.facts | (.path + .best | all(. == 0)) and (.popular | any(. > 0))' <<< "${lines[2]}"
}

@test "chainsample: --keep and --window choose what is shown and what is drawn" {
    [ "$(reached F 'map(.item)' --chains 1000 --keep 1)" = '["B"]' ]
    [ "$(reached F 'map(.item)' --chains 1000 --keep 0)" = '[]' ]
    [ "$(sample --limit 1 --chains 1000 --keep 0 | jq '.counts | add')" = 1000 ]
    [ "$(reached F 'map([.item, .count > 0])' --chains 1000 --window 2)" = '[["B",true]]' ]
    [ "$(sample --limit 1 --window 1 | jq .drawn)" = 0 ]
}

@test "chainsample: --degree follows an item's latest events, and popular counts all" {
    # A: u v w, B: u v. One event follows w alone from A, who shares no other item, and v alone from B.
    [ "$(sample --limit 1 --degree 1 | jq -c '[.drawn, (.facts.popular | add)]')" = "[0,$(sample --limit 1 | jq '.facts.popular | add')]" ]
    diff <(sample --limit 1 --degree 2 | jq -c .chains) <(sample --limit 1 | jq -c .chains)
}

@test "chainsample: draws the training cases that candidates draws" {
    chainsample --quiet "$world" | jq -c 'del(.drawn, .counts, .chains, .facts)' > "$BATS_TEST_TMPDIR/out"
    candidates --quiet "$world" | jq -c . | cmp - "$BATS_TEST_TMPDIR/out"
    for option in "--split test" "--split valid" "--protocol global --cut 0.8" "--seed 7 --draw popular" \
                  "--shuffle --limit 9 --negatives 5 --history 3" "--min-gap 1 --max-per-user 2"; do
        chainsample --quiet --limit 100 $option "$world" > "$BATS_TEST_TMPDIR/here"
        seed=1 && [[ "$option" == *"--seed 7"* ]] && seed=7
        candidates --quiet --limit 100 $option "$world" | chainsample --quiet --seed $seed --cases - "$world" |
            cmp - "$BATS_TEST_TMPDIR/here"
    done
}

@test "chainsample: equal seeds give equal bytes, with any number of threads" {
    chainsample --quiet --limit 300 --facts all "$world" > "$BATS_TEST_TMPDIR/one"
    for threads in 1 2 3; do
        chainsample --quiet --limit 300 --facts all --seed 1 --threads $threads "$world" | cmp - "$BATS_TEST_TMPDIR/one"
    done
    chainsample --quiet --cases "$test" "$world" > "$BATS_TEST_TMPDIR/one"
    for threads in 1 2 3; do
        chainsample --quiet --cases "$test" --threads $threads "$world" | cmp - "$BATS_TEST_TMPDIR/one"
    done
    run -1 cmp -s "$BATS_TEST_TMPDIR/one" <(chainsample --quiet --seed 2 --cases "$test" "$world")
    [ "$(jq -c '[.id, .facts]' "$BATS_TEST_TMPDIR/one")" = \
      "$(chainsample --quiet --seed 2 --cases "$test" "$world" | jq -c '[.id, .facts]')" ]
}

@test "chainsample: a case does not depend on the others, nor on the order of its candidates" {
    chainsample --quiet --cases "$test" "$world" > "$BATS_TEST_TMPDIR/one"
    tac "$test" | chainsample --quiet --cases - "$world" | tac | cmp - "$BATS_TEST_TMPDIR/one"
    jq -c '.candidates |= reverse | .target = 19 - .target' "$test" |
        chainsample --quiet --cases - --facts all "$world" | jq -c '.facts | map_values(reverse)' |
        cmp - <(chainsample --quiet --cases "$test" --facts all "$world" | jq -c .facts)
}

@test "chainsample --cases: keeps fields it does not know, and their order" {
    head -n 1 "$test" | jq -c '{z: 1} + . + {keep: [1, {q: null}], counts: "old"}' > "$BATS_TEST_TMPDIR/in"
    run chainsample --quiet --cases "$BATS_TEST_TMPDIR/in" "$world"
    [ "$(jq -c 'keys_unsorted' <<< "$output")" = \
      "$(jq -c 'keys_unsorted + ["drawn", "chains", "facts"]' "$BATS_TEST_TMPDIR/in")" ]
    [ "$(jq -c 'del(.drawn, .counts, .chains, .facts)' <<< "$output")" = \
      "$(jq -c 'del(.counts)' "$BATS_TEST_TMPDIR/in")" ]
}

@test "chainsample --protocol global: never uses a planted future edge" {
    # Events by hundreds; two more move no cut at 0.4. The cases stay those of the graph without them.
    { grep -v '"user"' "$world"; grep '"user"' "$world" | head -n 2000; } > "$BATS_TEST_TMPDIR/graph"
    item=$(jq -r '.candidates[0].item' "$test" | head -n 1)
    { cat "$BATS_TEST_TMPDIR/graph"
      echo '{"user":"u2","item":"i7","rating":5,"time":4000000000}'
      echo "{\"user\":\"late\",\"item\":\"$item\",\"rating\":5,\"time\":4000000000}"; } > "$BATS_TEST_TMPDIR/more"
    hash=$(candidates --quiet --limit 1 "$BATS_TEST_TMPDIR/more" | jq -r .source.graph)
    for split in train valid test; do
        candidates --quiet --protocol global --cut 0.4 --split $split --min-history 2 "$BATS_TEST_TMPDIR/graph" \
            > "$BATS_TEST_TMPDIR/cases"
        chainsample --quiet --facts all --cases "$BATS_TEST_TMPDIR/cases" "$BATS_TEST_TMPDIR/graph" |
            jq -c 'del(.source)' > "$BATS_TEST_TMPDIR/want"
        jq -se 'length > 10 and any(.[]; .drawn > 0)' "$BATS_TEST_TMPDIR/want"
        jq -c --arg hash $hash '.source.graph = $hash' "$BATS_TEST_TMPDIR/cases" |
            chainsample --quiet --facts all --cases - "$BATS_TEST_TMPDIR/more" | jq -c 'del(.source)' |
            cmp - "$BATS_TEST_TMPDIR/want"
    done
}

@test "chainsample: warns of what loo shows once, and of nothing else" {
    chainsample --limit 99 "$world" 2> "$BATS_TEST_TMPDIR/err" > /dev/null
    [ "$(grep -c 'chainsample: loo' "$BATS_TEST_TMPDIR/err")" = 1 ]
    [ "$(head -n 1 "$BATS_TEST_TMPDIR/err")" = \
      "chainsample: loo shows every model other users' later events; --protocol global does not" ]
    chainsample --quiet --limit 99 "$world" 2>&1 > /dev/null | cmp - /dev/null
    chainsample --protocol global --limit 99 "$world" 2> "$BATS_TEST_TMPDIR/err" > /dev/null
    run -1 grep loo "$BATS_TEST_TMPDIR/err"
}

@test "chainsample: says what is wrong with a law or a list of facts" {
    refuses() { run -2 --separate-stderr chainsample "${@:2}" "$toy"; [[ "$stderr" == "chainsample: $1"* ]]; }
    refuses "law: no factor 'nearness'" --law nearness
    refuses "law: no factor ''" --law 'recency*'
    refuses "law: no factor 'uniform'" --law 'recency*uniform'
    refuses "law: 'recency' stands twice" --law 'recency*recency^2'
    for power in 0 -1 17 nan x ''; do
        refuses "law: the power in 'recency^$power' is not a number above 0, at most 16" --law "recency^$power"
    done
    refuses "facts: no fact 'beauty'" --facts follow,beauty
    refuses "facts: 'age' stands twice" --facts age,path,age
}

@test "chainsample: refuses options out of bounds" {
    refuses() { run -2 --separate-stderr chainsample "${@:2}" "$toy"; [[ "$stderr" == "chainsample: $1"* ]]; }
    refuses "--chains takes a whole number from 1 to 1e+07, not '0'" --chains 0
    refuses "--window takes a whole number from 1 to 1e+06, not '0'" --window 0
    refuses "--degree takes a whole number from 1 to 1e+09, not '0'" --degree 0
    refuses "--keep takes a whole number from 0 to 1000, not '-1'" --keep -1
    refuses "--threads takes a whole number from 0 to 256, not '257'" --threads 257
    refuses "--split takes one of train|valid|test, not 'x'" --split x
}

@test "chainsample: says why no case can be made, after those that could" {
    run -1 --separate-stderr chainsample --quiet --split test --min-history 3 --negatives 6 "$toy"
    [ "$stderr" = 'chainsample: user v leaves 5 items to draw 6 negatives from' ]
    [ "$(jq -r .id <<< "$output")" = 'u#4' ]
    run -1 --separate-stderr chainsample --quiet "$toy"
    [ "$stderr" = 'chainsample: no user has enough events for a case' ]
    run -1 --separate-stderr chainsample --quiet <<< '{"item":"A"}'
    [ "$stderr" = 'chainsample: the graph has no events' ]
    run -1 --separate-stderr chainsample --protocol global <<< '{"user":"u","item":"A"}'
    [ "$stderr" = 'chainsample: a split in time needs events with times' ]
    run -1 --separate-stderr chainsample --min-gap 1 <<< '{"user":"u","item":"A"}'
    [ "$stderr" = 'chainsample: a pause before a target needs events with times' ]
}

@test "chainsample: names file and line of what cannot be read" {
    run -1 --separate-stderr chainsample < /dev/null
    [ "$stderr" = 'chainsample: -: no records' ]
    run -1 --separate-stderr chainsample "$BATS_TEST_TMPDIR/none"
    [ "$stderr" = "chainsample: $BATS_TEST_TMPDIR/none: No such file or directory" ]
    run -1 --separate-stderr chainsample <<< '{"user":"u"}'
    [ "$stderr" = 'chainsample: -:1: "item" is missing or not a string' ]
    run -1 --separate-stderr chainsample --quiet --cases "$BATS_TEST_TMPDIR/none" "$world"
    [ "$stderr" = "chainsample: $BATS_TEST_TMPDIR/none: No such file or directory" ]
    run -1 --separate-stderr chainsample --quiet --cases - "$world" < /dev/null
    [ "$stderr" = 'chainsample: -: no records' ]
    { head -n 2 "$test"; echo '{"id":'; } > "$BATS_TEST_TMPDIR/in"
    run -1 --separate-stderr chainsample --quiet --cases "$BATS_TEST_TMPDIR/in" "$world"
    [[ "$stderr" == "chainsample: $BATS_TEST_TMPDIR/in:3: column "* ]]
    [ "${#lines[@]}" = 2 ]
}

# wrong FILTER MESSAGE: the first test case, changed by a jq filter, is refused.
wrong() {
    head -n 1 "$test" | jq -c "$1" > "$BATS_TEST_TMPDIR/in"
    run -1 --separate-stderr chainsample --quiet --cases "$BATS_TEST_TMPDIR/in" "$world"
    [ -z "$output" ]
    [ "$stderr" = "chainsample: $BATS_TEST_TMPDIR/in:1: $2" ] || { echo "$1: $stderr"; false; }
}

@test "chainsample --cases: says what is wrong with a case" {
    graph=$(head -n 1 "$test" | jq -r .source.graph)
    id=$(head -n 1 "$test" | jq -r .id) user=$(head -n 1 "$test" | jq -r .user)
    target=$(head -n 1 "$test" | jq -r '.candidates[.target].item')
    wrong 'del(.split)' '"split" is missing or not a string'
    wrong '.split = "dev"' '"split" is not train, valid or test'
    wrong '.source = 1' '"source" is missing or not an object'
    wrong '.source.graph = 1' '"source": "graph" is missing or not a string'
    wrong '.source.graph = "00"' "the case is of graph 00, not of this one, $graph"
    wrong 'del(.source.split)' '"source": "split" is missing or not a string'
    wrong '.source.split = "time"' '"source": "split" is not loo, global or users'
    wrong '.source.split = "global"' '"source": "cut" is missing or not a number'
    wrong '.source += {split: "global", cut: 2}' '"source": "cut" is not from 0 to 1'
    wrong 'del(.id)' '"id" is missing or not a string'
    wrong '.user = 1' '"user" is missing or not a string'
    wrong '.user = "u151"' 'user u151 is not in the graph'
    for other in "$user" "$user#0" "$user#x" "$user#1x" "$user#900" "$user#1" "$user#99999999999999999999"; do
        wrong ".id = \"$other\"" "case $other of user $user does not exist in this split of the graph"
    done
    wrong 'del(.candidates)' '"candidates" is missing or not an array'
    wrong '.candidates = []' '"candidates" is empty'
    wrong '.target = 20' '"target" is not a whole number from 0 to 19'
    wrong '.target = "0"' '"target" is missing or not a number'
    wrong '.candidates[3].item = 3' 'candidate 3: "item" is missing or not a string'
    wrong '.candidates[3].item = "i121"' 'item i121 is not in the graph'
    wrong '.candidates |= reverse' \
          "the target of case $id is item $target in the graph, not $(head -n 1 "$test" | jq -r '.candidates[19 - .target].item')"
    other='(if .target == 3 then 4 else 3 end)'
    item=$(head -n 1 "$test" | jq -r ".candidates[$other].item")
    wrong ".candidates += [.candidates[$other]]" "case $id has item $item twice among its candidates"
    item=$(head -n 1 "$test" | jq -r '.history[0].item')
    wrong ".candidates[$other].item = .history[0].item" "candidate $item of case $id is an item that the user had"
    # The last of many: nothing of his row before the target is a candidate, known or not.
    wrong '.candidates |= map(select(.item != "'$target'")) | .target = 0' \
          "the target of case $id is item $target in the graph, not $(head -n 1 "$test" | jq -r "[.candidates[].item] - [\"$target\"] | .[0]")"
    for other in "$id~1" "$id~0" "$id~" "$id~x" "$id~2x" "$id~2~3"; do
        wrong ".id = \"$other\"" "case $other of user $user does not exist in this split of the graph"
    done
    { head -n 1 "$test"; head -n 1 "$test" | jq -c '.id += "~2"'; head -n 1 "$test"; } > "$BATS_TEST_TMPDIR/in"
    run -1 --separate-stderr chainsample --quiet --cases "$BATS_TEST_TMPDIR/in" "$world"
    [ "${#lines[@]}" = 2 ]
    [ "$stderr" = "chainsample: $BATS_TEST_TMPDIR/in:3: case $id was read before" ]
}

@test "chainsample: the examples of its manual page run" {
    cd "$BATS_TEST_TMPDIR"
    chainsample --quiet --limit 100 --shuffle "$world" > train.jsonl
    [ "$(wc -l < train.jsonl)" = 100 ]
    chainsample --quiet --cases "$test" --law similarity*recency --facts all "$world" > test.jsonl
    jq -se 'map(.counts as $c | if $c[.target] == ($c | max) then 1 else 0 end) | add / length > 0.15' test.jsonl
}

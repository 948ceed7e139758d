bats_require_minimum_version 1.5.0
load helpers
load tiny

# Nothing but what is to be learned depends on the target.
setup_file() {
    load helpers
    load tiny
    cd "$BATS_FILE_TMPDIR"
    tiny_road .
    head -n 60 chains.jsonl > some.jsonl
    for ((k = 1; k < 6; k++)); do
        jq -c ".target = (.target + $k) % 6 | .target_rating = 1 + ((.target_rating + $k) % 5)" some.jsonl > "swapped.$k"
    done
}

setup() {
    cd "$BATS_FILE_TMPDIR"
    out=$BATS_TEST_TMPDIR/out
}

# same JQ FILTER...: whether the filter's output, seen through jq, is the same bytes for every target.
same() {
    local change=$1
    shift
    "$@" < some.jsonl | jq -c "$change" > "$out"
    [ -s "$out" ]
    for k in 1 2 3 4 5; do "$@" < "swapped.$k" | jq -c "$change" | cmp - "$out"; done
}

@test "leaks: the target may be any of the candidates in what is swapped" {
    [ "$(jq -s 'map(.target) | unique | length' some.jsonl)" = 6 ]
    [ "$(cat some.jsonl swapped.? | jq -c '[.id, .target]' | sort -u | wc -l)" = 360 ]
}

@test "leaks: a prompt record but for completion and answer does not depend on the target" {
    for options in "" "--template compact" "--thoughts none" "--thoughts answer" "--contenders 2 --show 0 --order given" \
        "--template compact --tokenizer . --max-tokens 130 --show 2"; do
        same 'del(.completion, .answer, .target, .target_rating)' maskprompt $options
    done
    # What is to be learned does.
    maskprompt < some.jsonl | jq -c .completion > "$out"
    [ "$(maskprompt < swapped.1 | jq -c .completion | comm -3 --nocheck-order - "$out" | wc -l)" -gt 0 ]
}

@test "leaks: the prompt of a rating does not depend on the target, nor on whose rating is known" {
    for k in some.jsonl swapped.?; do jq -c '.split = "test"' "$k" > "$out.$k"; done
    maskprompt --form rate "$out.some.jsonl" | jq -c 'del(.completion, .answer, .target, .target_rating)' > "$out"
    [ "$(wc -l < "$out")" = 360 ]
    for k in 1 2 3 4 5; do
        maskprompt --form rate "$out.swapped.$k" | jq -c 'del(.completion, .answer, .target, .target_rating)' | cmp - "$out"
    done
}

@test "leaks: the steps of a thought do not depend on the target before the last" {
    same '.levels | map(.[:3])' maskprompt --levels
    same '.prompt' maskprompt --levels
}

@test "leaks: samples do not depend on the target, nor on the completion" {
    mask() { head -n 10 | maskprompt --template compact --contenders 3 --history 3; }
    roll() { mask | rollout --quiet -m sft -n 3 --max-tokens 40; }
    same '[.prompt, .model, .samples]' roll
    same '.samples' eval "mask | jq -c 'del(.completion, .answer, .target, .target_rating, .candidates, .visit, .shown)' |
        rollout --quiet -m sft -n 3 --max-tokens 40"
    roll < some.jsonl | jq -c .samples | cmp - "$out"
}

@test "leaks: a prompt does not know the closing edge" {
    # The user of a case is never among those whose edges a prompt names.
    jq -es '[.[] | .user as $u | .chains[][] | .user != $u] | all' some.jsonl
    maskprompt --levels < some.jsonl | jq -es '[.[] | .prompt[0].content | contains("the user takes")] | any | not'
    maskprompt --levels < some.jsonl | jq -es '[.[] | .levels[][:3][]? | contains("the user takes")] | any | not'
}

# Two worlds that differ in what one held-out user, the last in the file, did after his first event.
held_worlds() {
    held=$(candidates -q --protocol users --split "$1" --negatives 5 graph.jsonl | tail -n 1 | jq -r .user)
    jq -c --arg u "$held" 'select(.user != $u)' graph.jsonl > "$out.others"
    jq -c --arg u "$held" 'select(.user == $u)' graph.jsonl > "$out.his"
    cat "$out.others" "$out.his" > "$out.a"
    { cat "$out.others"; head -n 1 "$out.his"
      jq -sc 'map(select(.user).item) | unique | .[:40][]' "$out.others" | grep -vxF "$(head -n 1 "$out.his" | jq .item)" |
          jq -c --arg u "$held" '{user: $u, item: ., rating: 1, time: (4000000000 + input_line_number)}'; } > "$out.b"
}

strip() { jq -c 'del(.source)'; }

@test "leaks: under users nothing depends on what another held-out user did" {
    for part in valid test; do
        held_worlds $part
        for w in a b; do
            candidates -q --protocol users --split $part --negatives 5 "$out.$w" |
                jq -c --arg u "$held" 'select(.user != $u)' > "$out.cases.$w"
            chainsample --quiet --cases "$out.cases.$w" --facts all "$out.$w" | strip > "$out.all.$w"
            for model in "pop" "pop --days 365" "itemknn" "markov" "ease --recency 3"; do
                baseline -q -m $model -g "$out.$w" "$out.cases.$w" | strip
            done >> "$out.all.$w"
            for law in popular hard; do
                candidates -q --protocol users --split $part --negatives 5 --draw $law "$out.$w" |
                    jq -c --arg u "$held" 'select(.user != $u)' | strip
            done >> "$out.all.$w"
        done
        run -1 cmp -s "$out.a" "$out.b"
        [ "$(wc -l < "$out.all.a")" -ge 30 ]
        cmp "$out.all.a" "$out.all.b"
    done
    # Neighbours are training users.
    candidates -q --protocol users --negatives 5 --min-history 1 graph.jsonl | jq -s 'map(.user) | unique' > "$out.train"
    candidates -q --protocol users --split test --negatives 5 graph.jsonl > "$out.cases.a"
    chainsample -q --cases "$out.cases.a" graph.jsonl |
        jq -se --slurpfile train "$out.train" '[.[].chains[][].user] | length > 50 and (. - $train[0] == [])'
}

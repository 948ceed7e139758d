bats_require_minimum_version 1.5.0
load helpers

# Known to test cases: u1 A B C, u2 A B D, u3 B D F, u4 C F D; so n(A..F) = 2 3 2 3 0 2. Days 1 to 9.
setup() {
    graph=$BATS_TEST_TMPDIR/graph.jsonl cases=$BATS_TEST_TMPDIR/cases.jsonl
    while read -r user item day; do
        printf '{"user":"%s","item":"%s","time":%d}\n' "$user" "$item" $((day * 86400))
    done > "$graph" <<'EOF'
u1 A 1
u1 B 2
u1 C 3
u1 D 20
u2 A 1
u2 B 2
u2 D 8
u2 E 20
u3 B 1
u3 D 9
u3 F 9
u3 A 20
u4 C 1
u4 F 2
u4 D 2
u4 B 20
EOF
    make_case test u1 '{"counts":[5,3,0],"keep":[1,null]}' D F E > "$cases"
}

# make_case PART USER EXTRA ITEM...: the user's last case of that part, with these candidates, the target
# the first one.
make_case() {
    local part=$1 user=$2 extra=$3
    shift 3
    candidates -q --split "$part" --min-history 1 --negatives 1 "$graph" |
        jq -c --arg u "$user" --argjson extra "$extra" \
           'select(.user == $u) | .target = 0 | .candidates = [$ARGS.positional[] | {item: .}] | . + $extra' \
           --args "$@" | tail -n 1
}

# scores ARG...: those of $cases, with 6 digits.
scores() {
    baseline -q --graph "$graph" "$@" < "$cases" | jq -c '[.scores[] | . * 1000000 | round / 1000000]'
}

@test "baseline: keeps the manners of every program" {
    keeps_manners baseline --graph "$graph" < "$cases"
}

@test "baseline: drops the evidence and keeps every other field" {
    run baseline --graph "$graph" "$cases"
    [ "$(jq -c 'keys_unsorted' <<< "$output")" = \
      '["id","split","source","user","time","candidates","target","keep","model","scores"]' ]
    [ "$(jq -c '[.model,.keep,.scores]' <<< "$output")" = '["pop",[1,null],[3,2,0]]' ]
}

@test "baseline: random is a function of seed and case" {
    [ "$(scores --model random)" = "$(scores --model random --seed 1)" ]
    [ "$(scores --model random)" != "$(scores --model random --seed 2)" ]
    [ "$(scores --model random | jq 'map(. >= 0 and . < 1) | all')" = true ]
}

@test "baseline: pop counts known events, of all time or of the last days" {
    [ "$(scores --model pop)" = '[3,2,0]' ]
    [ "$(scores --model pop --days 1)" = '[1,1,0]' ]
    [ "$(scores --model pop --days 1.5)" = '[2,1,0]' ]
    [ "$(scores --model pop --days 100)" = '[3,2,0]' ]
}

@test "baseline: itemknn adds up cosines" {
    # D: 1/sqrt(6) + 2/sqrt(9) + 1/sqrt(6); F: 0 + 1/sqrt(6) + 1/sqrt(4)
    [ "$(scores --model itemknn)" = '[1.483163,0.908248,0]' ]
    # D: 1/(sqrt(6)+1) + 2/(3+1) + 1/(sqrt(6)+1); F: 1/(sqrt(6)+1) + 1/(2+1)
    [ "$(scores --model itemknn --shrink 1)" = '[1.079796,0.623231,0]' ]
    [ "$(scores --model itemknn --pop-power 1)" = '[0.494388,0.454124,0]' ]
}

@test "baseline: markov counts what follows, in anybody's order" {
    # before D: A and B (u2), B (u3), C (u4); before F: B (u3), C (u4)
    [ "$(scores --model markov)" = '[4,2,0]' ]
    # directly before D: B, B; directly before F: C
    [ "$(scores --model markov --steps 1)" = '[2,1,0]' ]
    [ "$(scores --model markov --pop-power -1)" = '[12,4,0]' ]
}

@test "baseline: recency weighs the user's items, the latest most" {
    # weights C 1, B e^-0.5, A e^-1: D 1 + 2 e^-0.5 + e^-1, F 1 + e^-0.5
    [ "$(scores --model markov --recency 2)" = '[2.580941,1.606531,0]' ]
}

@test "baseline: ease solves the ridge regression" {
    # A: u1, u2; B: u2, u3; both: u2. X'X + lambda = [2+l 1; 1 2+l], so B[A,B] = 1 / (2+l)
    graph=$BATS_TEST_TMPDIR/two.jsonl
    for e in u1,A u1,B u2,A u2,B u2,X u3,B u3,X; do
        echo "{\"user\":\"${e%,*}\",\"item\":\"${e#*,}\"}"
    done > "$graph"
    make_case test u1 '{}' B X > "$cases"
    [ "$(scores --model ease --lambda 1)" = '[0.333333,0]' ]
    [ "$(scores --model ease --lambda 2)" = '[0.25,0]' ]
    [ "$(scores --model ease --lambda 2 --pop-power 2)" = '[0.0625,0]' ]
}

@test "baseline: a training case's own edge is unknown to every model" {
    # Known without it: u1 A B, u2 A, u3 B D, u4 C F.
    make_case train u2 '{}' B C > "$cases"
    [ "$(jq -r .id "$cases")" = 'u2#2' ]
    [ "$(scores --model pop)" = '[2,1]' ]
    [ "$(scores --model pop --days 100)" = '[2,1]' ]
    [ "$(scores --model itemknn)" = '[0.5,0]' ]
    [ "$(scores --model markov)" = '[1,0]' ]
    # X'X + 1 of A, B, D is [3 1 0; 1 3 1; 0 1 2], so B[A,B] = 2/6
    [ "$(scores --model ease --lambda 1)" = '[0.333333,0]' ]
}

@test "baseline: global cases know nothing of what comes after" {
    # The cut for tests is day 8: u2's target is D. Known: A 2, B 3, C 2, D 1, F 1.
    candidates -q --split test --protocol global --cut 0.57 --min-history 1 --negatives 1 "$graph" |
        jq -c 'select(.user == "u2") | .target = 0 | .candidates = [{item:"D"},{item:"F"},{item:"C"}]' > "$cases"
    [ "$(scores --model pop)" = '[1,1,2]' ]
    [ "$(scores --model markov)" = '[0,0,2]' ]
    # A training case knows what is before its own time: u1's C of day 3 is not told of the days 3 and later.
    candidates -q --split train --protocol global --cut 0.99 --min-history 1 --negatives 1 "$graph" |
        jq -c 'select(.id == "u1#3") | .target = 0 | .candidates = [{item:"C"},{item:"D"},{item:"F"}]' > "$cases"
    [ "$(scores --model pop)" = '[1,1,1]' ]
    [ "$(scores --model pop --days 1)" = '[0,1,1]' ]
    # Only u4 is known to have them, who had neither A nor B; on day 8 u2 takes D after both.
    [ "$(scores --model markov)" = '[0,0,0]' ]
    [ "$(scores --model ease --lambda 1)" = '[0,0,0]' ]
}

@test "baseline: users learns from training users alone" {
    # Training users 1 .. 8 have A B, then C or D; 9 and 10 are held. 10 had A, C, Z, which nobody else has, and takes D.
    for u in 1 2 3 4 5 6 7 8 9 10; do
        items=(A B $([ $((u % 2)) = 1 ] && echo C || echo D) E$u)
        case $u in [1-8]) unset 'items[3]' ;; 9) items=(D B A C) ;; 10) items=(A C Z D) ;; esac
        for item in "${items[@]}"; do echo "{\"user\":\"$u\",\"item\":\"$item\",\"time\":$((u * 86400))}"; done
    done > "$graph"
    candidates -q --protocol users --split test --min-history 1 --negatives 1 "$graph" |
        jq -c '.target = 0 | .candidates = [{item:"D"},{item:"B"}]' > "$cases"
    [ "$(jq -r '.id' "$cases")" = '10#4' ]
    [ "$(scores --model pop)" = '[4,8]' ]
    [ "$(scores --model pop --days 1.5)" = '[1,2]' ]
    # D: 4/sqrt(8 4); B: 8/8 + 4/sqrt(8 4)
    [ "$(scores --model itemknn)" = '[0.707107,1.707107]' ]
    [ "$(scores --model markov)" = '[4,8]' ]
    # The ridge regression of the rows A B C and A B D, each four times.
    [ "$(scores --model ease --lambda 1)" = '[-0.226415,0.923077]' ]
}

@test "baseline: chainvote repeats the counts" {
    [ "$(scores --model chainvote)" = '[5,3,0]' ]
}

# train_cases EXTRA...: one training case of two candidates for each, as permutations of one case.
train_cases() {
    local k=1
    for extra; do
        k=$((k + 1))
        make_case train u2 "$extra" B C | jq -c ".id += \"~$k\""
    done > "$BATS_TEST_TMPDIR/train.jsonl"
}

@test "baseline: refuses a case that was read before, but learns from and scores the same one" {
    make_case train u2 '{"counts":[4,1],"chains":[[],[]]}' B C > "$BATS_TEST_TMPDIR/train.jsonl"
    cp "$BATS_TEST_TMPDIR/train.jsonl" "$cases"
    [ "$(scores --model logistic --train "$BATS_TEST_TMPDIR/train.jsonl" | jq length)" = 2 ]
    refuses "$cases:1: case u2#2 was read before" "$cases" "$cases"
}

@test "baseline: logistic learns how far to trust the counts" {
    # Two candidates: features are 1 and -1, both from the counts. Three of four cases go to the greater
    # count: sigma(4 b) = 3/4, so b = ln(3)/4 and the scores are +-2 b.
    train_cases '{"counts":[4,1],"chains":[[],[]]}' '{"counts":[4,0],"chains":[[],[]]}' \
                '{"counts":[9,1],"chains":[[],[]]}' '{"counts":[2,7],"chains":[[],[]]}'
    make_case test u1 '{"counts":[5,3],"chains":[[],[]]}' D F > "$cases"
    [ "$(scores --model logistic --l2 1e-9 --train "$BATS_TEST_TMPDIR/train.jsonl")" = '[0.549306,-0.549306]' ]
    run --separate-stderr baseline --graph "$graph" --model logistic --train "$BATS_TEST_TMPDIR/train.jsonl" \
        --l2 1e-9 "$cases"
    [ "$stderr" = 'baseline: logistic of 4 cases: count 0.275, share 0.275, weight 0.000' ]
}

@test "baseline: logistic learns from weights and facts, whose scale within a case does not matter" {
    # weight and fact say the same, the counts nothing: b = ln(3)/4 again.
    train_cases '{"counts":[1,1],"chains":[[{"weight":0.2},{"weight":0.1}],[]],"facts":{"near":[9,3]}}' \
                '{"counts":[0,0],"chains":[[{"weight":0.5}],[{"weight":0.2}]],"facts":{"near":[1,0]}}' \
                '{"counts":[2,2],"chains":[[{"weight":0.1},{"weight":0.3}],[]],"facts":{"near":[-1,-5]}}' \
                '{"counts":[2,2],"chains":[[],[{"weight":0.9}]],"facts":{"near":[0,2]}}'
    make_case test u1 '{"counts":[3,3],"chains":[[],[{"weight":1}]],"facts":{"more":[1],"near":[6.5,7]}}' D F > "$cases"
    [ "$(scores --model logistic --l2 1e-9 --train "$BATS_TEST_TMPDIR/train.jsonl")" = '[-0.549306,0.549306]' ]
    make_case test u1 '{"counts":[3,3],"chains":[[],[]],"facts":{"near":[-1,-2]}}' D F > "$cases"
    [ "$(scores --model logistic --l2 1e-9 --train "$BATS_TEST_TMPDIR/train.jsonl")" = '[0.274653,-0.274653]' ]
}

@test "baseline: scores do not depend on the number of threads" {
    candidates -q --split train --min-history 1 --negatives 1 "$graph" > "$cases"
    for model in pop itemknn markov ease; do
        baseline --graph "$graph" --model $model --threads 1 "$cases" > "$BATS_TEST_TMPDIR/one"
        baseline --graph "$graph" --model $model --threads 3 "$cases" | cmp - "$BATS_TEST_TMPDIR/one"
    done
}

# refuses MESSAGE ARG...: bad data, named so.
refuses() {
    local message=$1
    shift
    run -1 --separate-stderr baseline --graph "$graph" "$@"
    [ "$stderr" = "baseline: $message" ] || { echo "$stderr"; false; }
}

@test "baseline: names file and line of a bad case" {
    echo '{"id":' >> "$cases"
    run -1 --separate-stderr baseline --graph "$graph" "$cases"
    [[ "$stderr" == "baseline: $cases:2: column "* ]]
    refuses '-: no records' < /dev/null
    jq -c '.source.graph = "0000000000000000"' <(head -n 1 "$cases") > "$BATS_TEST_TMPDIR/other.jsonl"
    hash=$(jq -r .source.graph <(head -n 1 "$cases"))
    refuses "$BATS_TEST_TMPDIR/other.jsonl:1: the case is of graph 0000000000000000, not of this one, $hash" \
        "$BATS_TEST_TMPDIR/other.jsonl"
}

@test "baseline: refuses a graph that cannot be read" {
    graph=$BATS_TEST_TMPDIR/none.jsonl
    refuses "$graph: No such file or directory" "$cases"
}

@test "baseline: refuses days without times" {
    sed -i 's/,"time":[0-9]*//' "$graph"
    make_case test u1 '{}' D F > "$cases"
    refuses '-:1: --days needs events with times' --days 1 < "$cases"
}

@test "baseline: refuses a matrix that has no inverse, or is too large" {
    printf '{"user":"u","item":"%s"}\n' A B C > "$graph"
    printf '{"user":"v","item":"%s"}\n' D >> "$graph"
    make_case test u '{}' C > "$cases"
    refuses '-:1: the matrix of 2 items cannot be inverted: --lambda is too small' --model ease --lambda 0 < "$cases"
    seq -f '{"user":"u","item":"%.0f"}' 65538 >> "$graph"
    make_case test u '{}' 65538 > "$cases"
    refuses '-:1: ease holds a matrix of at most 65536 items, not of 65540' --model ease < "$cases"
}

@test "baseline: refuses evidence that is not there or not numbers" {
    for bad in '{}|"counts" is missing or not an array' '{"counts":[1,2]}|"counts" has 2 entries for 3 candidates' \
               '{"counts":[1,"2",3]}|"counts" holds what is not a number'; do
        make_case test u1 "${bad%%|*}" D F E > "$cases"
        refuses "-:1: ${bad#*|}" --model chainvote < "$cases"
    done
}

@test "baseline: logistic names what is wrong in what it learns from" {
    local train=$BATS_TEST_TMPDIR/train.jsonl good='"counts":[4,1],"chains":[[],[]]'
    for bad in '{}|"counts" is missing or not an array' \
               '{"counts":[-1,2]}|"counts" holds a number below 0' \
               '{"counts":[1,2]}|"chains" is missing or not an array' \
               '{"counts":[1,2],"chains":[[]]}|"chains" has 1 entries for 2 candidates' \
               '{"counts":[1,2],"chains":[[],1]}|"chains" holds what is not an array' \
               '{"counts":[1,2],"chains":[[],[{}]]}|chains of candidate 1: "weight" is missing or not a number' \
               '{"counts":[1,2],"chains":[[],[{"weight":2}]]}|chains of candidate 1: "weight" is not from 0 to 1' \
               "{$good}|\"facts\" is missing or not an object" \
               "{$good,\"facts\":{}}|\"facts\": \"near\" is missing or not an array"; do
        train_cases "{$good,\"facts\":{\"near\":[1,2]}}" "${bad%%|*}"
        refuses "$train:2: ${bad#*|}" --model logistic --train "$train" "$cases"
    done
    make_case test u1 "{$good}" D F > "$train"
    refuses "$train:1: a test case must not be learned from" --model logistic --train "$train" "$cases"
    : > "$train"
    refuses "$train: no records" --model logistic --train "$train" "$cases"
}

@test "baseline: refuses wrong usage" {
    run -2 --separate-stderr baseline "$cases"
    [ "$stderr" = "baseline: --graph is missing
Try 'baseline --help'." ]
    run -2 --separate-stderr baseline --graph "$graph" --model logistic "$cases"
    [ "$stderr" = "baseline: --model logistic needs --train
Try 'baseline --help'." ]
    run -2 --separate-stderr baseline --graph "$graph" --model svd "$cases"
    [[ "$stderr" == "baseline: --model takes one of random|pop|itemknn|markov|ease|chainvote|logistic, not 'svd'"* ]]
}

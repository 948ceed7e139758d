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

@test "baseline: pop counts known events, recent-pop those of the last days" {
    [ "$(scores --model pop)" = '[3,2,0]' ]
    [ "$(scores --model recent-pop --days 1)" = '[1,1,0]' ]
    [ "$(scores --model recent-pop --days 1.5)" = '[2,1,0]' ]
    [ "$(scores --model recent-pop)" = '[3,2,0]' ]
    [ "$(scores --model recent-pop --days 0)" = '[3,2,0]' ]
}

@test "baseline: popularity is taken out by a power, and by its logarithm" {
    # 3 - ln 4, 2 - ln 3, 0 - ln 1; then 3/3 and 2/2 less the same
    [ "$(scores --model pop --log-pop 1)" = '[1.613706,0.901388,0]' ]
    [ "$(scores --model pop --log-pop 1 --pop-power 1)" = '[-0.386294,-0.098612,0]' ]
}

@test "baseline: itemknn adds up cosines" {
    # D: 1/sqrt(6) + 2/sqrt(9) + 1/sqrt(6); F: 0 + 1/sqrt(6) + 1/sqrt(4)
    [ "$(scores --model itemknn)" = '[1.483163,0.908248,0]' ]
    # D: 1/(sqrt(6)+1) + 2/(3+1) + 1/(sqrt(6)+1); F: 1/(sqrt(6)+1) + 1/(2+1)
    [ "$(scores --model itemknn --shrink 1)" = '[1.079796,0.623231,0]' ]
    [ "$(scores --model itemknn --pop-power 1)" = '[0.494388,0.454124,0]' ]
}

@test "baseline: itemknn counts a candidate's nearest items, and those as near as the last of them" {
    # by D: F 0.816, B 0.667, A and C 0.408; by F: D 0.816, C 0.5, B 0.408
    [ "$(scores --model itemknn --neighbours 1)" = '[0,0,0]' ]
    [ "$(scores --model itemknn --neighbours 2)" = '[0.666667,0.5,0]' ]
    [ "$(scores --model itemknn --neighbours 3)" = '[1.483163,0.908248,0]' ]
}

@test "baseline: itemknn adds up BM25's weights" {
    # Each user has 3 of 6 items: g = ln 6 - ln 4. Mean 2: f = 1 for n = 2, 2.2 / (1.2 (0.25 + 0.75 3/2) + 1) for n = 3.
    # D: g^2 (f + 2 f^2 + f); F: g^2 (f + 1)
    [ "$(scores --model itemknn --similarity bm25)" = '[0.499585,0.300887,0]' ]
    # k1 0: f = 1
    [ "$(scores --model itemknn --similarity bm25 --k1 0)" = '[0.657608,0.328804,0]' ]
    # b 1, k1 1: f = 2 / (n/2 + 1)
    [ "$(scores --model itemknn --similarity bm25 --k1 1 --b 1)" = '[0.473478,0.295924,0]' ]
}

@test "baseline: userknn lets the nearest users vote" {
    # u1 has A B C; u2 shares A B: 2/3, u3 B: 1/3, u4 C: 1/3
    [ "$(scores --model userknn)" = '[1.333333,0.666667,0]' ]
    [ "$(scores --model userknn --neighbours 1)" = '[0.666667,0,0]' ]
    [ "$(scores --model userknn --neighbours 2)" = '[1.333333,0.666667,0]' ]
    [ "$(scores --model userknn --shrink 1)" = '[1,0.5,0]' ]
    # w: A e^-1, B e^-0.5, C 1: F (e^-0.5 + 1) / sqrt(3 (e^-2 + e^-1 + 1)), D (e^-1 + 2 e^-0.5 + 1) / the same
    [ "$(scores --model userknn --recency 2)" = '[1.215365,0.756516,0]' ]
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
    [ "$(scores --model recent-pop --days 100)" = '[2,1]' ]
    [ "$(scores --model itemknn)" = '[0.5,0]' ]
    # n(u1) = 2, n(A) = n(B) = 2, mean 7/6: g(u1)^2 f(A) f(B)
    [ "$(scores --model itemknn --similarity bm25)" = '[0.287731,0]' ]
    [ "$(scores --model userknn)" = '[0.707107,0]' ]
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
    [ "$(scores --model recent-pop --days 1)" = '[0,1,1]' ]
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
    [ "$(scores --model recent-pop --days 1.5)" = '[1,2]' ]
    # D: 4/sqrt(8 4); B: 8/8 + 4/sqrt(8 4)
    [ "$(scores --model itemknn)" = '[0.707107,1.707107]' ]
    [ "$(scores --model markov)" = '[4,8]' ]
    # The ridge regression of the rows A B C and A B D, each four times.
    [ "$(scores --model ease --lambda 1)" = '[-0.226415,0.923077]' ]
    # What is popular loses by --pop-power, even with a score below 0.
    [ "$(scores --model ease --lambda 1 --pop-power 1)" = '[-0.90566,0.115385]' ]
    # He shares A with all, each of whom has 3 items, and C with those who did not take D.
    [ "$(scores --model userknn)" = '[1.333333,4]' ]
    # Nobody has learned from 10, who has D, and everything else of his.
    for model in als bpr lightgcn sasrec gru4rec; do
        scores --model $model > "$BATS_TEST_TMPDIR/one"
        sed -i 's/"10","item":"Z"/"10","item":"Y"/' "$graph"
        candidates -q --protocol users --split test --min-history 1 --negatives 1 "$graph" |
            jq -c '.target = 0 | .candidates = [{item:"D"},{item:"B"}]' > "$cases"
        scores --model $model | cmp - "$BATS_TEST_TMPDIR/one"
    done
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
    graphsynth -q --users 80 --items 150 > "$BATS_TEST_TMPDIR/synth.jsonl"
    for model in pop itemknn userknn markov ease als bpr lightgcn; do
        case $model in als | bpr | lightgcn)
            graph=$BATS_TEST_TMPDIR/synth.jsonl
            candidates -q --split test "$graph" > "$cases" ;;
        esac
        baseline -q --graph "$graph" --model $model --threads 1 "$cases" > "$BATS_TEST_TMPDIR/one"
        baseline -q --graph "$graph" --model $model --threads 2 "$cases" | cmp - "$BATS_TEST_TMPDIR/one"
        baseline -q --graph "$graph" --model $model --threads 3 "$cases" | cmp - "$BATS_TEST_TMPDIR/one"
    done
}

# Cases of a small synthetic world.
synth() {
    graph=$BATS_TEST_TMPDIR/synth.jsonl valid=$BATS_TEST_TMPDIR/valid.jsonl
    graphsynth -q --users 120 --items 150 > "$graph"
    candidates -q --split valid "$graph" > "$valid"
    candidates -q --split test "$graph" > "$cases"
}

# measure FIELD ARG...: of the test cases' scores.
measure() {
    local field=$1
    shift
    baseline -q --graph "$graph" "$@" | evaluate | jq ".$field * 1e6 | round / 1e6"
}

@test "baseline: models that learn stand far above chance, by epochs, seed and size" {
    synth
    chance=$(measure mrr -m random "$cases")
    for model in "als --dim 8" "als --dim 8 --alpha 5 --reg 1" bpr "bpr --dim 13 --learning-rate 0.005" \
                 lightgcn "lightgcn --layers 1 --batch 100 --epochs 20"; do
        [ "$(measure mrr -m $model "$cases" | jq ". > 1.4 * $chance")" = true ] || { echo "$model"; false; }
    done
    for model in als bpr lightgcn; do
        baseline -q -g "$graph" -m $model "$cases" | head -c 2000 > "$BATS_TEST_TMPDIR/one"
        for other in "--epochs 3" "--seed 2" "--dim 32" "--reg 0.5"; do
            run ! cmp -s <(baseline -q -g "$graph" -m $model $other "$cases" | head -c 2000) "$BATS_TEST_TMPDIR/one"
        done
    done
}

@test "baseline: refuses training cases where their targets were learned" {
    make_case train u2 '{}' B C > "$cases"
    for model in als bpr lightgcn; do
        refuses "-:1: $model has learned the training targets: score valid or test cases" -m $model < "$cases"
    done
}

# full K CASE: what is written of it.
full() {
    make_case test "$2" '{}' "$3" "$4" | baseline -q --graph "$graph" --model pop --full "$1" |
        jq -c '[.full, [.candidates[].item], .scores, has("target")]'
}

@test "baseline: --full ranks every item the user never touched" {
    [ "$(full 2 u1 D E)" = '[{"rank":1,"tied":1,"of":3},["D","F"],[3,2],false]' ]
    [ "$(full 9 u2 E F)" = '[{"rank":3,"tied":1,"of":3},["C","F","E"],[2,2,0],false]' ]
    [ "$(full 1 u3 A E)" = '[{"rank":1,"tied":2,"of":3},["A"],[2],false]' ]
    # A training case: among what is not known of its user, without the target: A, C, F, E; n(A) is 1 then.
    [ "$(make_case train u2 '{}' B C | baseline -q -g "$graph" -m pop --full 3 |
         jq -c '[.full, [.candidates[].item], .scores]')" = '[{"rank":1,"tied":1,"of":5},["B","C","D"],[2,1,1]]' ]
}

@test "baseline: --full and drawn candidates have the same scores" {
    synth
    for model in "itemknn --neighbours 20 --recency 3" "ease --pop-power 0.5" "userknn --log-pop 0.1" als bpr lightgcn \
                 "sasrec --epochs 2 --log-pop 0.2" "gru4rec --epochs 2"; do
        baseline -q -g "$graph" -m $model "$cases" | jq -c '[.id, (.candidates | map(.item)), .scores] |
            .[0] as $id | [.[1], .[2]] | transpose[] | [$id, .[]]' | sort > "$BATS_TEST_TMPDIR/drawn"
        baseline -q -g "$graph" -m $model --full 1000 "$cases" | jq -c '[.id, (.candidates | map(.item)), .scores] |
            .[0] as $id | [.[1], .[2]] | transpose[] | [$id, .[]]' | sort > "$BATS_TEST_TMPDIR/full"
        [ -s "$BATS_TEST_TMPDIR/drawn" ] && [ -z "$(comm -23 "$BATS_TEST_TMPDIR/drawn" "$BATS_TEST_TMPDIR/full")" ]
    done
}

@test "baseline: --tune finds the best setting of its grid, and scores with it" {
    synth
    baseline -q -g "$graph" -m recent-pop --tune 1000 --valid "$valid" --tune-only > "$BATS_TEST_TMPDIR/choice"
    [ "$(jq -c '[.model,.settings,.n]' "$BATS_TEST_TMPDIR/choice")" = '["recent-pop",56,120]' ]
    for days in 0 1 3 7 14 30 90 365; do
        for power in 0 0.125 0.25 0.375 0.5 0.75 1; do
            measure mrr -m recent-pop --days $days --pop-power $power "$valid"
        done
    done | jq -s max > "$BATS_TEST_TMPDIR/best"
    [ "$(jq '.mrr * 1e6 | round / 1e6' "$BATS_TEST_TMPDIR/choice")" = "$(cat "$BATS_TEST_TMPDIR/best")" ]
    run --separate-stderr baseline -g "$graph" -m recent-pop --tune 1000 --valid "$valid" "$cases"
    options=$(jq -r '.options | to_entries | map("--\(.key) \(.value)") | join(" ")' "$BATS_TEST_TMPDIR/choice")
    [[ "${stderr//.0/}" =~ ^"baseline: recent-pop ${options//.0/}: hr1 0."[0-9]+", mrr 0."[0-9]+" over 120 validation cases"$ ]]
    [ "$output" = "$(baseline -q -g "$graph" -m recent-pop $options "$cases")" ]
}

@test "baseline: --tune is at least as good on its cases as the defaults, by the budget, and the same each time" {
    synth
    for model in itemknn userknn markov ease als; do
        rm -f "$BATS_TEST_TMPDIR"/choice.*
        for budget in 1 10 25; do
            baseline -q -g "$graph" -m $model --tune $budget --valid "$valid" --tune-only --threads 1 > "$BATS_TEST_TMPDIR/choice.$budget"
        done
        [ "$(jq -s 'map(.settings) == [1,10,25] and .[0].mrr <= .[1].mrr and .[1].mrr <= .[2].mrr' "$BATS_TEST_TMPDIR"/choice.{1,10,25})" = true ]
        [ "$(measure mrr -m $model "$valid")" = "$(jq '.mrr * 1e6 | round / 1e6' "$BATS_TEST_TMPDIR/choice.1")" ]
        options=$(jq -r '.options | to_entries | map("--\(.key) \(.value)") | join(" ")' "$BATS_TEST_TMPDIR/choice.25")
        [ "$(measure mrr -m $model $options "$valid")" = "$(jq '.mrr * 1e6 | round / 1e6' "$BATS_TEST_TMPDIR/choice.25")" ]
        baseline -q -g "$graph" -m $model --tune 25 --valid "$valid" --tune-only --threads 3 | cmp - "$BATS_TEST_TMPDIR/choice.25"
    done
}

@test "baseline: --tune keeps what is given, and stops training early" {
    synth
    run baseline -q -g "$graph" -m ease --tune 20 --recency 7 --valid "$valid" --tune-only
    [ "$(jq -c '.options | keys' <<< "$output")" = '["lambda","pop-power"]' ]
    run baseline -q -g "$graph" -m bpr --tune 1 --learning-rate 0.01 --valid "$valid" --tune-only
    e=$(jq .options.epochs <<< "$output")
    best=$(jq '.mrr * 1e6 | round / 1e6' <<< "$output")
    [ "$(measure mrr -m bpr --learning-rate 0.01 --epochs "$e" "$valid")" = "$best" ]
    for other in $((e + 1)) $((e + 10)); do
        [ "$(measure mrr -m bpr --learning-rate 0.01 --epochs $other "$valid" | jq ". <= $best")" = true ]
    done
    run baseline -q -g "$graph" -m bpr --tune 2 --epochs 7 --valid "$valid" --tune-only
    [ "$(jq -c '[.settings, (.options | has("epochs"))]' <<< "$output")" = '[2,false]' ]
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
    refuses '-:1: recent-pop needs events with times' --model recent-pop < "$cases"
    [ "$(scores --model recent-pop --days 0)" = '[3,2]' ]
}

@test "baseline: refuses to choose on test cases" {
    refuses "$cases:1: a test case must not decide what is chosen" --model ease --tune 3 --valid "$cases" --tune-only
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

# misused MESSAGE ARG...: wrong usage, named so.
misused() {
    local message=$1
    shift
    run -2 --separate-stderr baseline "$@"
    [ "$stderr" = "baseline: $message
Try 'baseline --help'." ] || { echo "$stderr"; false; }
}

@test "baseline: refuses wrong usage" {
    local of=(--graph "$graph" --model)
    misused "--graph is missing" "$cases"
    misused "--model logistic needs --train" "${of[@]}" logistic "$cases"
    misused "--model pop takes no --train" "${of[@]}" pop --train "$cases" "$cases"
    misused "--model chainvote takes no --full: only drawn candidates have chains" "${of[@]}" chainvote --full 3 "$cases"
    misused "--model logistic takes no --full: only drawn candidates have chains" "${of[@]}" logistic --train x --full 3 "$cases"
    misused "--tune needs --valid, and --valid needs --tune" "${of[@]}" ease --tune 3 "$cases"
    misused "--tune needs --valid, and --valid needs --tune" "${of[@]}" ease --valid "$cases" "$cases"
    misused "--tune-only needs --tune" "${of[@]}" ease --tune-only
    misused "--tune-only scores nothing, but there is '$cases'" "${of[@]}" ease --tune 3 --valid "$cases" --tune-only "$cases"
    for model in random pop chainvote; do
        misused "--model $model has nothing to tune" "${of[@]}" $model --tune 3 --valid "$cases" "$cases"
    done
    run -2 --separate-stderr baseline --graph "$graph" --model svd "$cases"
    [[ "$stderr" == "baseline: --model takes one of random|pop|recent-pop|itemknn|"*"|chainvote|logistic, not 'svd'"* ]]
}

@test "baseline: refuses an option that the model does not take" {
    takes() {
        local model=$1 option
        shift
        for option in days similarity k1 b shrink neighbours steps lambda alpha l2 dim layers heads hidden length epochs \
                      batch learning-rate reg dropout loss recency pop-power log-pop; do
            [[ " $* " == *" $option "* ]] && continue
            case $option in similarity) value=bm25 ;; loss) value=bce ;; b | dropout) value=0.5 ;; *) value=1 ;; esac
            misused "--model $model takes no --$option" --graph "$graph" --model "$model" --$option $value "$cases"
        done
    }
    takes random
    takes pop pop-power log-pop
    takes recent-pop days pop-power log-pop
    takes itemknn similarity k1 b shrink neighbours recency pop-power log-pop
    takes userknn shrink neighbours recency pop-power log-pop
    takes markov steps recency pop-power log-pop
    takes ease lambda recency pop-power log-pop
    takes als dim epochs alpha reg recency pop-power log-pop
    takes bpr dim epochs batch learning-rate reg log-pop
    takes lightgcn dim layers epochs batch learning-rate reg log-pop
    takes sasrec dim layers heads hidden length epochs batch learning-rate reg dropout loss log-pop
    takes gru4rec dim layers hidden length epochs batch learning-rate reg dropout loss log-pop
    takes chainvote pop-power log-pop
    takes logistic l2 log-pop
}

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
    keeps_manners evaluate --faithful < "$rollouts"
    keeps_manners evaluate --table --against a a=a.jsonl b=b.jsonl < a.jsonl
}

@test "evaluate: computes every measure by hand" {
    run evaluate a.jsonl
    [ "$(jq -c 'keys_unsorted' <<< "$output")" = \
      '["model","n","chance","hr1","lo","hi","hr5","hr5_lo","hr5_hi","hr10","hr10_lo","hr10_hi","ndcg1","ndcg1_lo","ndcg1_hi","ndcg5","ndcg5_lo","ndcg5_hi","ndcg10","ndcg10_lo","ndcg10_hi","mrr","map1","map5","map10","auc","coverage1","coverage5","coverage10","gini1","gini5","gini10","novelty1","novelty5","novelty10","rmse","mae","valid","valid_lo","valid_hi","hr1_text","hr1_text_lo","hr1_text_hi"]' ]
    [ "$(jq -c '[.model,.n,.hr1,.hr5,.hr10,.mrr,.valid,.hr1_text]' <<< "$output")" = \
      '["a",3,0.5,1,1,0.75,null,null]' ]
    # (1 + 1/log2(3) + (1 + 1/log2(3)) / 2) / 3 and Wilson's interval of 1.5 of 3
    [ "$(jq -c '[.ndcg5,.ndcg10,.lo,.hi] | map(. * 1e6 | round)' <<< "$output")" = \
      '[815465,815465,125334,874666]' ]
    # AUC 1, 1/2, 3/4: of two others below, one of two, one below and one that ties
    [ "$(jq -c '[.ndcg1,.map1,.map5,.auc,.coverage1,.gini5]' <<< "$output")" = '[0.5,0.5,0.75,0.75,null,null]' ]
    # the gains 1, 0.63093, 0.81546: sd 0.184535, 1.96 sd / sqrt(3) = 0.208819
    [ "$(jq -c '[.ndcg5_lo,.ndcg5_hi] | map(. * 1e4 | round)' <<< "$output")" = '[6066,10000]' ]
}

@test "evaluate: takes equal scores as every order at once, and no score for the true candidate as the last rank" {
    run evaluate <<< '{"id":"x","target":1,"scores":[1,1,1,1,7,8]}'
    [ "$(jq -c '[.hr1+0,.hr5,(.mrr*6e4|round)]' <<< "$output")" = '[0,0.75,14250]' ]
    run evaluate <<< '{"id":"x","target":1,"scores":[null,null,null,null,7,8]}'
    [ "$(jq -c '[.hr1+0,.hr5+0,(.mrr*6|round),.auc+0]' <<< "$output")" = '[0,0,1,0]' ]
    run evaluate <<< '{"id":"x","target":1,"scores":[null,null]}'
    [ "$(jq -c '[.hr1+0,.chance]' <<< "$output")" = '[0,0.5]' ]
}

@test "evaluate: a format contradicts --table" {
    run evaluate --table --format latex a.jsonl
    [ "$status" = 2 ]
    [[ $output == *"evaluate: --table is a format of its own"* ]]
}

@test "evaluate: names runs by operand, and reads stdin" {
    run evaluate a.jsonl x=./b.jsonl ./b.jsonl - < a.jsonl
    [ "$(jq -r .model <<< "$output" | tr '\n' ' ')" = 'a x b - ' ]
    [ "$(jq -c .hr1+0 <<< "$output" | tr '\n' ' ')" = '0.5 0 0 0.5 ' ]
    cp a.jsonl n=1
    run evaluate sft+rl=n=1
    [ "$(jq -r .model <<< "$output")" = sft+rl ]
    run -2 --separate-stderr evaluate $'\xff=a.jsonl'
    [[ "$stderr" == "evaluate: a run's name is not UTF-8"* ]]
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

@test "evaluate: agrees with RecBole, scikit-learn and scipy on the golden runs of the oracle" {
    for kind in plain graph; do
        cd "$FIXTURES/evaluate/$kind"
        while IFS= read -r line; do
            mapfile -t args < <(jq -r '.args[]' <<< "$line")
            evaluate "${args[@]}" > "$BATS_TEST_TMPDIR/got.jsonl"
            jq -es --argjson want "$(jq -c .want <<< "$line")" '
                length == ($want | length) and ([., $want] | transpose | all(.[0] as $got | .[1] | to_entries |
                    all($got[.key] as $x | .value == $x or ($x != null and .value != null and
                                                            ($x - .value | fabs) < 1e-6))))' \
                "$BATS_TEST_TMPDIR/got.jsonl"
        done < want.jsonl
    done
}

@test "evaluate: takes the k that it is told" {
    run evaluate -k 2,1 a.jsonl
    # ranks 1, 2, 1 or 2
    [ "$(jq -c '[.hr1,.hr2,.map2,.hr5]' <<< "$output")" = '[0.5,1,0.75,null]' ]
    for k in 0 1,,2 1,x 1000001 '' 1,2,1 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17; do
        run -2 --separate-stderr evaluate --k "$k" a.jsonl
        [[ "$stderr" == "evaluate: --k: "* ]]
    done
    [[ "$stderr" == "evaluate: --k: more than 16 numbers"* ]]
    run -2 --separate-stderr evaluate --k 2,2 a.jsonl
    [[ "$stderr" == "evaluate: --k: 2 is there twice"* ]]
    run -2 --separate-stderr evaluate --k 0 a.jsonl
    [[ "$stderr" == "evaluate: --k: not whole numbers from 1 to 1000000, apart by commas"* ]]
}

# listed ID TARGET SCORES ITEM...
listed() {
    printf '{"id":"%s","candidates":%s,"target":%s,"scores":%s}\n' "$1" \
        "$(jq -nc '[$ARGS.positional[] | {item: .}]' --args "${@:4}")" "$2" "$3"
}

@test "evaluate: counts what the tops of rankings hold" {
    { listed x 0 '[3,2,1]' p q r; listed y 1 '[1,1,null]' p s t; } > l.jsonl
    run evaluate -k 1,2,3 l.jsonl
    # five items; lists p / p; pq / ps; pqr / ps
    [ "$(jq -c '[.coverage1,.coverage2,.coverage3]' <<< "$output")" = '[0.2,0.6,0.8]' ]
    # counts 0,0,0,0,2; 0,0,1,1,2; 0,1,1,1,2
    [ "$(jq -c '[.gini1,.gini2,.gini3] | map(. * 100 | round)' <<< "$output")" = '[80,50,32]' ]
    listed x 0 '[3,2,1]' p q p > twice.jsonl
    refuses 'twice.jsonl:1: candidate 2 is an item that an earlier one is, too' twice.jsonl
}

@test "evaluate: measures the ratings of true candidates" {
    rated() { rating "$@" | jq -c '.target_rating = 4'; }
    { rated x 0 2 9; rated x 1 2 3; rated y 0 2 9; rated y 1 2 6; rated z 0 2 1; rated z 1 2 null; } > rate.jsonl
    run evaluate rate.jsonl
    [ "$(jq -c '[.rmse*.rmse*100,.mae] | map(round / 100)' <<< "$output")" = '[2.5,0.02]' ]
    [ "$(jq -c .mae <<< "$output")" = 1.5 ]
    rating x 1 2 3 | jq -c '.target_rating = "4"' > f.jsonl
    refuses 'f.jsonl:1: "target_rating" is missing or not a number' f.jsonl
}

# ranked ID FULL
ranked() {
    printf '{"id":"%s","candidates":[{"item":"p"},{"item":"q"}],"scores":[2,1],"full":%s}\n' "$1" "$2"
}

@test "evaluate: takes ranks over all items" {
    { ranked x '{"rank":1,"tied":1,"of":101}'; ranked y '{"rank":10,"tied":2,"of":101}'; } > full.jsonl
    run evaluate -k 1,2,10 full.jsonl
    [ "$(jq -c '[.n,.hr1,.hr2,.hr10,.auc*400]' <<< "$output")" = '[2,0.5,0.5,0.75,381]' ]
    [ "$(jq -c '[.coverage1,.coverage2,.coverage10]' <<< "$output")" = '[0.5,1,null]' ]
    refuses 'full.jsonl:1: a ranking of all items has no positions' --positions full.jsonl
    { cat full.jsonl; head -n 1 a.jsonl | sed 's/"x"/"z"/'; } > mixed.jsonl
    refuses 'mixed.jsonl:3: a ranking of all items and one of candidates in one run' mixed.jsonl
    says 'one.jsonl:1: "full" is missing or not an object' "$(ranked x 1)"
    says 'one.jsonl:1: "full.of" is not a whole number from 2 to 4294967295' "$(ranked x '{"rank":1,"tied":1,"of":1}')"
    says 'one.jsonl:1: "full.rank" is not a whole number from 1 to 9' "$(ranked x '{"rank":10,"tied":1,"of":9}')"
    says 'one.jsonl:1: "full.tied" is not a whole number from 1 to 3' "$(ranked x '{"rank":7,"tied":4,"of":9}')"
    says 'one.jsonl:1: "full" needs scores of all candidates' \
        "$(sampled x null null | jq -c 'del(.samples[0].scores) | .full = {rank: 1, tied: 1, of: 9}')"
}

# permutation ID NUMBER TARGET SCORES ITEM...
permutation() {
    listed "$1" "${@:3}" | jq -c --argjson k "$2" '.permutation = $k'
}

@test "evaluate: takes the permutations of a case as one case" {
    { permutation u#1 1 0 '[2,1]' p q; permutation u#1~2 2 1 '[2,1]' q p
      permutation v#4~2 2 1 '[1,1]' r s; permutation v#4 1 1 '[1,3]' s r; } > p.jsonl
    run evaluate --against b --positions a=p.jsonl b=p.jsonl
    # u: 1 and 0; v: 1/2 and 1. u is p, then q; v is r both times, as r came first
    [ "$(jq -c 'select(.permutations and .model == "a") | [.n,.hr1,.permutations,.agreement]' <<< "$output")" = \
      '[2,0.625,2,0.5]' ]
    [ "$(jq -c 'select(.against) | [.n,.difference,.wins,.losses]' <<< "$output")" = '[2,0,0,0]' ]
    # at 0: u's first; at 1: u's second, and the mean of v's two
    [ "$(jq -c 'select(.model == "a" and has("position")) | [.position,.n,.hr1,.picked]' <<< "$output" | paste -sd ' ')" = \
      '[0,1,1,0.625] [1,2,0.375,0.375]' ]
    head -n 3 p.jsonl > f.jsonl
    refuses 'f.jsonl:3: the case has 1 of 2 permutations' f.jsonl
    jq -c 'del(.permutation)' p.jsonl > f.jsonl
    refuses 'f.jsonl:2: one of several permutations and a single record in one run' f.jsonl
    sed '2s/"permutation":2/"permutation":3/' p.jsonl > f.jsonl
    refuses 'f.jsonl:2: "permutation" is 3, which "u#1~2" is not' f.jsonl
    sed '2s/"permutation":2/"permutation":0/' p.jsonl > f.jsonl
    refuses 'f.jsonl:2: "permutation" is not a whole number from 1 to 4294967295' f.jsonl
    { head -n 1 p.jsonl; permutation u#1~2 2 1 '[2,1,0]' q p r; } > f.jsonl
    refuses 'f.jsonl:2: the case "u#1~2" has 3 candidates, but 2 in another record' f.jsonl
}

@test "evaluate: draws cases again, the same for each seed" {
    run evaluate --bootstrap 300 --against b a.jsonl b.jsonl
    once=$output
    [ "$(evaluate --seed 1 -b 300 --against b a.jsonl b.jsonl)" = "$once" ]
    [ "$(evaluate --seed 2 -b 300 --against b a.jsonl b.jsonl)" != "$once" ]
    jq -es '.[0] | .hr1_boot_lo <= .hr1 and .hr1 <= .hr1_boot_hi and .mrr_boot_lo < .mrr_boot_hi and
            .ndcg10_boot_lo <= .ndcg10' <<< "$once"
    jq -es '.[2] | .hr1_boot_p <= 1 and .ndcg10_difference > 0 and .mrr_boot_p_holm == .mrr_boot_p and
            .p_holm == .p' <<< "$once"
    sampled x null '[1,2]' | jq -c 'del(.samples[0].scores)' > bare.jsonl
    refuses 'bare.jsonl: no scores, so nothing to compare' --bootstrap 10 bare.jsonl
}

# A world of its own, cases and two runs.
world() {
    graphsynth --quiet --users 60 --items 80 > g.jsonl
    candidates --quiet --split test --negatives 5 "$@" g.jsonl > c.jsonl
    for model in pop random; do baseline --quiet --model $model --graph g.jsonl c.jsonl > $model.jsonl; done
}

@test "evaluate: groups cases by popularity, and holds records against their graph" {
    world
    run evaluate --graph g.jsonl --strata 4 pop.jsonl random.jsonl
    [ "$(jq -s 'map(select(.stratum)) | length' <<< "$output")" = 8 ]
    [ "$(jq -s 'map(select(.stratum and .model == "pop") | .n) | add' <<< "$output")" = "$(wc -l < c.jsonl)" ]
    jq -es '[.[] | select(.model == "pop" and .stratum)] | .[0].known_to <= .[1].known_from and .[0].hr1 < .[3].hr1' \
        <<< "$output"
    jq -es '.[0] | .novelty1 < .novelty5 and .hr1_full < .hr1 and .ndcg10_full < .ndcg10' <<< "$output"
    n=$(wc -l < c.jsonl)
    run -1 --separate-stderr evaluate --graph g.jsonl --strata 1000 pop.jsonl
    [ "$stderr" = "evaluate: 1000 strata of $n cases" ]
    graphsynth --quiet --users 60 --items 80 --seed 2 > other.jsonl
    run -1 --separate-stderr evaluate --graph other.jsonl pop.jsonl
    [[ "$stderr" == "evaluate: pop.jsonl:1: the case is of graph "*", not of this one, "* ]]
    jq -c '.candidates |= reverse' pop.jsonl > turned.jsonl
    run -1 --separate-stderr evaluate --graph g.jsonl turned.jsonl
    [[ "$stderr" == "evaluate: turned.jsonl:"*": the target of case "*" is item "*" in the graph, not "* ]]
    run -1 --separate-stderr evaluate --graph none.jsonl pop.jsonl
    [ "$stderr" = "evaluate: none.jsonl: No such file or directory" ]
    run -2 --separate-stderr evaluate --strata 2 pop.jsonl
    [[ "$stderr" == "evaluate: --strata needs --graph"* ]]
}

@test "evaluate: estimates full rankings from uniform draws alone" {
    jq -nc 'range(400) | {id: "\(.)", target: 0, scores: [1, (range(19) | if . < 3 then 2 else 0 end)]}' > r.jsonl
    run evaluate --items 1000 r.jsonl
    jq -e '.hr1 == 0 and .hr5 == 1 and .hr5_full < 0.1 and .hr1_full < .hr5_full' <<< "$output"
    jq -c '.source = {draw: "popular"}' r.jsonl > popular.jsonl
    [ "$(evaluate --items 1000 popular.jsonl | jq -c '[.hr1_full,.ndcg10_full]')" = '[null,null]' ]
    [ "$(evaluate --items 20 r.jsonl | jq -c .hr1_full)" = null ]
    says 'one.jsonl:1: "source.draw" is missing or not a string' '{"id":"x","source":{"draw":1},"target":0,"scores":[1]}'
}

# Ranks of a model whose true candidates are the better the more its skill: all of 1000 items, and 19 drawn.
@test "evaluate: estimates come nearer to the full ranking than the raw figures, and with many candidates are near" {
    for n in 19 200; do
        jq -nc --argjson n $n '1 as $seed | def draw($s): ($s * 1103515245 + 12345) % 2147483648;
            reduce range(600) as $i ({s: $seed, out: []};
                .s = draw(.s) | ((.s / 2147483648) | . * . * . * 999 | floor) as $above |
                reduce range($n) as $k (. + {left: 999, up: $above, hit: 0};
                    .s = draw(.s) | if (.s / 2147483648) * .left < .up then .up -= 1 | .hit += 1 else . end | .left -= 1) |
                .out += [{id: "\($i)", target: 0, truth: $above,
                          scores: [1, range($n) as $k | if $k < .hit then 2 else 0 end]}]) |
            .out[]' > drawn.jsonl
        truth=$(jq -s '[.[] | if .truth < 10 then 1 else 0 end] | add / length' drawn.jsonl)
        evaluate --items 1000 drawn.jsonl | jq -e --argjson t "$truth" --argjson n $n '
            (.hr10_full - $t | fabs) < (.hr10 - $t | fabs) and (.hr10_full - $t | fabs) < (if $n == 200 then 0.03 else 0.15 end)'
    done
}

@test "evaluate: probes case files for what gives the target away" {
    world --permutations 2
    run evaluate --probes --graph g.jsonl c.jsonl
    [ "$(jq -r .probe <<< "$output" | paste -sd ' ')" = 'pop anti-pop id-distance shortest-title longest-title first' ]
    [ "$(jq -c '[.n,.chance] | map(. * 6 | round)' <<< "$output" | sort -u)" = "[$((6 * $(wc -l < c.jsonl) / 2)),1]" ]
    jq -es '.[0].hr1 > .[1].hr1 and .[0].p < 0.05' <<< "$output"
    # the target always in front
    jq -c '.candidates as $c | .target as $t | .candidates = [$c[$t]] + ($c | del(.[$t])) | .target = 0' c.jsonl > first.jsonl
    [ "$(evaluate --probes --graph g.jsonl first.jsonl | jq -c 'select(.probe == "first") | [.hr1,.p < 1e-30]')" = '[1,true]' ]
    run -1 --separate-stderr evaluate --probes --graph g.jsonl <(head -n 1 c.jsonl; head -n 1 c.jsonl)
    [[ "$stderr" == *":2: case "*" was read before" ]]
    run -2 --separate-stderr evaluate --probes c.jsonl
    [[ "$stderr" == "evaluate: --probes needs --graph"* ]]
    run -2 --separate-stderr evaluate --probes --graph g.jsonl --positions c.jsonl
    [[ "$stderr" == "evaluate: --probes reads cases, not runs"* ]]
}

@test "evaluate: prints aligned tables for people" {
    run evaluate --table --against a a.jsonl longer-name=b.jsonl
    [ "${lines[0]}" = 'model         HR@1   95 % interval   HR@5  HR@10  NDCG@5   95 % interval  NDCG@10   95 % interval    MRR  n' ]
    [[ "${lines[1]}" == 'a            0.500  [0.125, 0.875]  1.000  1.000   0.815  [0.607, 1.000]    0.815  [0.607, 1.000]  0.750  3' ]]
    [[ "${lines[2]}" == 'longer-name  0.000  [0.000, 0.561]  1.000  1.000   0.544  '* ]]
    [ "${#lines[2]}" = "${#lines[0]}" ]
    [ "${lines[3]}" = 'model        MAP@5  MAP@10    AUC' ]
    [ "${lines[6]}" = 'less a       difference     95 % interval  wins  losses    p  Holm'"'"'s p' ]
    [ "${lines[7]}" = 'longer-name      -0.500  [-1.000, +0.066]     0       2  0.5       0.5' ]
    [ "$(evaluate --format table --against a a.jsonl longer-name=b.jsonl)" = "$output" ]
}

@test "evaluate: prints Markdown and LaTeX, with what they take for markup escaped" {
    run evaluate --format markdown -k 1 'a|b_c[d](e)*=a.jsonl'
    [ "${lines[0]}" = '| model | HR@1 | 95 % interval | MRR | n |' ]
    [ "${lines[1]}" = '|:--|--:|--:|--:|--:|' ]
    [ "${lines[2]}" = '| a\|b\_c[d\](e)\* | 0.500 | [0.125, 0.875] | 0.750 | 3 |' ]
    run evaluate --format latex -k 1 '[50%]_{a}&b\c^~$#=a.jsonl'
    [ "${lines[0]}" = '\begin{tabular}{lrrrr}' ]
    [ "${lines[1]}" = 'model & HR@1 & 95 \% interval & MRR & n \\' ]
    [ "${lines[2]}" = '\hline' ]
    [ "${lines[3]}" = '{[}50\%]\_\{a\}\&b\textbackslash{}c\textasciicircum{}\textasciitilde{}\$\# & 0.500 & {[}0.125, 0.875] & 0.750 & 3 \\' ]
    [ "${lines[4]}" = '\end{tabular}' ]
}

@test "evaluate: corrects several tests after Holm" {
    run evaluate --against a a.jsonl b.jsonl c=b.jsonl
    [ "$(jq -c 'select(.against) | [.p,.p_holm]' <<< "$output" | sort -u)" = '[0.5,1]' ]
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
    says "one.jsonl:1: column 34: invalid token near 'NaN'" '{"id":"x","target":0,"scores":[NaN,1]}'
    says 'one.jsonl:1: "scores" holds what is not a number' '{"id":"x","target":0,"scores":["NaN",1]}'
    says 'one.jsonl:1: "scores" holds what is not a number' '{"id":"x","target":0,"scores":[1e999,1]}'
    says 'one.jsonl:1: a candidate names its item twice' '{"id":"x","candidates":[{"item":"p","item":"q"}],"target":0,"scores":[1]}'
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

bats_require_minimum_version 1.5.0
load helpers
load tiny
load records

setup_file() {
    load helpers
    load tiny
    tiny_road "$BATS_FILE_TMPDIR"
    cd "$BATS_FILE_TMPDIR"
    head -n 8 prompts.jsonl | rollout --quiet -m sft -n 3 --max-tokens 24 > rollouts.jsonl
    reward rollouts.jsonl > rewarded.jsonl
    baseline --quiet -m pop -g graph.jsonl chains.jsonl > pop.jsonl
    baseline --quiet -m random -g graph.jsonl chains.jsonl > random.jsonl
}

setup() {
    cd "$BATS_FILE_TMPDIR"
    out=$BATS_TEST_TMPDIR/out
    case="case record"
    chains="case record with chains"
    prompt="prompt record"
}

@test "records: the page is read: sections, needed and optional fields, those of objects" {
    page_fields > "$out"
    grep -qP '^case record\t-\tid\tneeded\tstring$' "$out"
    grep -qP '^case record\t-\ttime\toptional\tinteger , optional$' "$out"
    grep -qP '^case record\thistory\ttitle\tneeded\t' "$out"
    grep -qP '^case record\thistory\trating\toptional\t' "$out"
    grep -qP '^case record with chains\tchains\tweight\tneeded\t' "$out"
    grep -qP '^rollout record\tsamples\tlogprobs\tneeded\t' "$out"
    grep -qP '^rewarded record\tsamples\tparts\tneeded\t' "$out"
    grep -qP '^metric record of rl-update\t-\trewards/\*/mean\toptional\t' "$out"
    [ "$(cut -f 1 "$out" | uniq | wc -l)" = 25 ]
    [ "$(sort "$out" | uniq -d | wc -l)" = 0 ]
}

@test "records: a field that the page lacks, one that is missing and a wrong type are seen" {
    head -n 1 rewarded.jsonl > "$out.ok"
    run checks "$out.ok" "$prompt,rollout record,rewarded record" "$case"
    [ "$status" = 0 ]
    while IFS='|' read -r change message; do
        jq -c "$change" "$out.ok" > "$out"
        run checks "$out" "$prompt,rollout record,rewarded record" "$case"
        [ "$status" = 1 ]
        [[ "${lines[*]}" == *"$message"* ]] || { echo "$output"; return 1; }
    done <<'T'
.more = 1|- has more, which the page does not name
.samples[1].more = 1|samples has more, which the page does not name
.slots.more = 1|slots has more, which the page does not name
del(.slots)|- lacks slots
del(.samples[2].reward)|samples lacks reward
del(.completion[0].role)|completion lacks role
.visit = ["1"]|visit is not array of integers: ["1"]
.model = 1|model is not string: 1
T
    run checks /dev/null "$case"
    [ "$status" = 1 ]
    run checks "$out.ok" "no such record"
    [[ "$output" == *"no section no such record in the page"* ]]
}

@test "records: graphs of graphsynth and graphload are as the page says" {
    jq -c 'select(.user | not)' graph.jsonl > "$out"
    checks "$out" "graph record: item"
    jq -c 'select(.user)' graph.jsonl > "$out"
    checks "$out" "graph record: event"
    graphload --quiet graph.jsonl > "$out.graph"
    jq -c 'select(.user | not)' "$out.graph" > "$out"
    checks "$out" "graph record: item"
    jq -c 'select(.user)' "$out.graph" > "$out"
    checks "$out" "graph record: event"
}

@test "records: cases of candidates are as the page says, under all protocols and for each part" {
    for options in "--split train" "--split valid" "--split test" "--split test --protocol global" \
        "--protocol users" "--split test --permutations 2"; do
        candidates --quiet --negatives 5 $options graph.jsonl > "$out"
        checks "$out" "$case"
    done
    # A graph without ratings, times, years or genres has the optional fields not.
    jq -c 'del(.rating, .time, .year, .genres)' graph.jsonl | candidates --quiet --negatives 5 > "$out"
    checks "$out" "$case"
    [ "$(jq -c 'has("time") or has("target_rating")' "$out" | sort -u)" = false ]
}

@test "records: chains of chainsample are as the page says" {
    checks chains.jsonl "$case,$chains"
    chainsample --quiet --limit 5 --facts all graph.jsonl > "$out"
    checks "$out" "$case,$chains"
    chainsample --quiet --limit 5 --facts none graph.jsonl > "$out"
    checks "$out" "$case,$chains"
    [ "$(jq -c 'has("facts")' "$out" | sort -u)" = false ]
    jq -c 'del(.rating, .time, .year, .genres)' graph.jsonl | chainsample --quiet --limit 5 > "$out"
    checks "$out" "$case,$chains"
}

# What a prompt record keeps of a case: not the fields that it says in words.
prompts_check() {
    checks "$1" "$prompt" "$case"
    [ "$(jq -c '[keys[] | select(. == ("history","drawn","counts","chains","facts"))]' "$1" | sort -u)" = '[]' ]
    jq -es '[.[] | has("id") and has("split") and has("source") and has("user") and has("candidates") and has("target")] | all' "$1"
}

@test "records: prompts of maskprompt are as the page says, in every form" {
    for options in "" "--levels" "--thoughts none" "--thoughts answer --levels" "--form rate" "--form rate --levels"; do
        maskprompt $options chains.jsonl > "$out"
        prompts_check "$out"
    done
    [ "$(maskprompt --form rate chains.jsonl | jq -c 'has("case") and has("candidate")' | sort -u)" = true ]
    [ "$(maskprompt chains.jsonl | jq -c 'has("case") or has("candidate") or has("levels")' | sort -u)" = false ]
    [ "$(maskprompt chains.jsonl | jq -c '.slots | has("yes") and has("no") and has("next")' | sort -u)" = true ]
}

@test "records: counterfactuals and what they move are as the page says" {
    options="--template compact --contenders 3 --history 3"
    rollout --quiet -m sft --greedy --max-tokens 40 prompts.jsonl > "$out.original"
    for edit in drop swap evidence early; do
        maskprompt $options --counterfactual $edit --rollouts "$out.original" chains.jsonl 2> "$out.note" > "$out"
        prompts_check "$out"
        [ "$(jq -c 'has("counterfactual")' "$out" | sort -u)" = true ]
        rollout --quiet -m sft --greedy --max-tokens 40 "$out" > "$out.$edit"
        checks "$out.$edit" "$prompt,rollout record" "$case"
    done
    evaluate --faithful "$out".{original,drop,swap,evidence,early} > "$out"
    checks "$out" "faithfulness record"
    [ "$(jq -c 'has("moved") and has("p_holm")' "$out" | uniq -c | xargs)" = "1 false 4 true" ]
}

@test "records: traces of trace and tracefilter are as the page says" {
    maskprompt --levels chains.jsonl > "$out.prompts"
    head -n 3 "$out.prompts" | trace --quiet --command 'while read -r l; do echo "{\"content\":\"A\",\"logprobs\":[-1]}"; done' > "$out"
    checks "$out" "$prompt,trace record" "$case"
    [ "$(jq -c '.trace | has("derived") and has("logprob") and has("tokens")' "$out" | sort -u)" = true ]
    tracefilter --quiet --dropped "$out.dropped" --answers <(jq -c '.answer = "?"' "$out") "$out"
    checks "$out.dropped" "$prompt,trace record" "$case"
    [ "$(jq -c 'has("dropped")' "$out.dropped" | sort -u)" = true ]
    for options in "" --levels; do
        maskprompt $options chains.jsonl | trace --builtin > "$out"
        checks "$out" "$prompt,trace record" "$case"
    done
}

@test "records: rollouts are as the page says, with scores and without" {
    checks rollouts.jsonl "$prompt,rollout record" "$case"
    [ "$(jq -c '.samples[] | has("scores")' rollouts.jsonl | sort -u)" = true ]
    head -n 4 prompts.jsonl | rollout --quiet -m sft -n 2 --max-tokens 4 --no-scores > "$out"
    checks "$out" "$prompt,rollout record" "$case"
    [ "$(jq -c '.samples[] | has("scores")' "$out" | sort -u)" = false ]
    head -n 2 prompts.jsonl | rollout --quiet -m sft -n 2 --max-tokens 4 --weights bf16 > "$out"
    checks "$out" "$prompt,rollout record" "$case"
}

@test "records: rewarded records are as the page says" {
    checks rewarded.jsonl "$prompt,rollout record,rewarded record" "$case"
    jq -es '[.[].samples[] | (.reward | type == "number") and (.parts | map(type == "number") | all)] | all' rewarded.jsonl
    # What rollout wrote is still there, and what reward adds stands behind it.
    jq -c '.samples[] |= del(.reward, .parts) | del(.reward, .reward_std, .silent)' rewarded.jsonl | cmp - <(jq -c . rollouts.jsonl)
    [ "$(jq -c '.samples[] | keys_unsorted[-2:]' rewarded.jsonl | sort -u)" = '["reward","parts"]' ]
}

@test "records: scored records of baseline and graphsynth are as the page says" {
    checks pop.jsonl "scored record" "$case"
    [ "$(jq -c '[keys[] | select(. == ("history","drawn","counts","chains","facts"))]' pop.jsonl | sort -u)" = '[]' ]
    baseline --quiet -m pop -g graph.jsonl --full 3 chains.jsonl > "$out"
    checks "$out" "scored record" "$case"
    [ "$(jq -c '.full | map_values(type)' "$out" | sort -u)" = '{"rank":"number","tied":"number","of":"number"}' ]
    candidates --quiet --split valid graph.jsonl > "$out.valid"
    baseline --quiet -m ease -g graph.jsonl --tune 3 --valid "$out.valid" --tune-only > "$out"
    checks "$out" "choice record"
    graphsynth --quiet --users 60 --items 80 --score chains.jsonl > "$out"
    checks "$out" "$case,scored record" "$chains"
}

@test "records: metrics of sft-train are as the page says" {
    checks sft.jsonl "metric record,metric record of sft-train"
    sft-train --quiet -m base -o "$out.run" --steps 2 --eval-every 1 --valid rollouts.jsonl prompts.jsonl > "$out.both"
    jq -c 'select(has("eval_loss"))' "$out.both" > "$out"
    checks "$out" "validation record"
    jq -c 'select(has("eval_loss") | not)' "$out.both" > "$out"
    checks "$out" "metric record,metric record of sft-train"
}

@test "records: metrics of rl-update are as the page says, without parts and without signal, too" {
    page="metric record,metric record of rl-update"
    rl-update -m sft -o "$out.rl" --ref base --epochs 2 --tis 2 rewarded.jsonl > "$out"
    checks "$out" "$page"
    [ "$(jq '[keys[] | select(startswith("rewards/"))] | length' "$out" | paste -sd ' ')" = "22 22" ]
    jq -c '.samples[] |= del(.parts)' rewarded.jsonl | rl-update -m sft -o "$out.none" > "$out"
    checks "$out" "$page"
    jq -c '.samples[].reward = 1' rewarded.jsonl | rl-update -m sft -o "$out.silent" > "$out"
    checks "$out" "$page"
    jq -c 'del(.loss)' "$out" > "$out.bad"
    run checks "$out.bad" "$page"
    [ "$status" = 1 ]
}

@test "records: evaluations are as the page says" {
    evaluate pop=pop.jsonl random=random.jsonl > "$out"
    checks "$out" "evaluation record"
    evaluate rollout=rollouts.jsonl > "$out"
    checks "$out" "evaluation record"
    evaluate --graph graph.jsonl --strata 3 --positions --bootstrap 20 --against pop pop=pop.jsonl random=random.jsonl > "$out.all"
    jq -c 'select(has("mrr"))' "$out.all" > "$out"
    checks "$out" "evaluation record"
    jq -c 'select(.against)' "$out.all" > "$out"
    checks "$out" "paired test record"
    jq -c 'select(.stratum)' "$out.all" > "$out"
    checks "$out" "stratum record"
    jq -c 'select(has("position"))' "$out.all" > "$out"
    checks "$out" "position record"
    evaluate --against pop pop=pop.jsonl random=random.jsonl | jq -c 'select(.against)' > "$out"
    checks "$out" "paired test record"
    evaluate --probes --graph graph.jsonl chains.jsonl > "$out"
    checks "$out" "probe record"
}

@test "records: tokenized records are as the page says" {
    page="tokenized record"
    prompts="$prompt,$case"
    tokenize -m base --pieces prompts.jsonl > "$out"
    checks "$out" "$page" "$prompts"
    [ "$(jq -c 'has("tokens") and has("pieces")' "$out" | sort -u)" = true ]
    tokenize -m base --count prompts.jsonl > "$out"
    checks "$out" "$page" "$prompts"
    tokenize -m base prompts.jsonl | tokenize -m base --decode > "$out"
    checks "$out" "$page" "$prompts"
    for options in "--text" "--text --count" "--whole --pieces" "--whole --count"; do
        tokenize -m base $options prompts.jsonl > "$out"
        checks "$out" "$page"
    done
}

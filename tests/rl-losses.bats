bats_require_minimum_version 1.5.0
load helpers
load tiny

# rl-update's algorithms, KL divergence, importance weights, passes and guards.
setup_file() {
    load helpers
    load tiny
    cd "$BATS_FILE_TMPDIR"
    tiny_road .
    tiny_rewarded .
    sft-train --quiet -m sft -o lora --lora-rank 4 --steps 2 --batch 8 prompts.jsonl > /dev/null
    head -n 4 prompts.jsonl | rollout --quiet -m lora -n 6 --max-tokens 40 | reward --quiet > four.jsonl
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    made=$BATS_FILE_TMPDIR
    sft=$made/sft base=$made/base eight=$made/eight.jsonl prompts=$made/prompts.jsonl
    losses="grpo dr_grpo dapo bnpo gspo reinforce++ reinforce++-baseline rloo"
}

# field NAME [FILE]: that field of each record, on one line.
field() {
    jq -c --arg name "$1" '.[$name]' "${@:2}" | paste -sd ' '
}

# same ONE OTHER: whether two runs ended in the same model.
same() {
    cmp "$1/last/model.safetensors" "$2/last/model.safetensors"
}

@test "rl-update: each algorithm begins with a ratio of exactly 1 and has the same bytes with 1, 2 and 3 threads" {
    for loss in $losses; do
        for n in 1 2 3; do
            rl-update -m "$sft" -o "$loss-$n" --loss "$loss" --ref "$base" --lr 0.003 --epochs 2 --minibatches 2 \
                --threads $n "$eight" > "$loss.metrics"
            [ $n = 1 ] || same "$loss-1" "$loss-$n"
        done
        jq -es 'length == 4 and .[0].logprob_gap == 0 and .[0]["clip_ratio/region_mean"] == 0 and
                all(.[]; .kl != 0 and .grad_norm > 0) and .[2].logprob_gap > 0' "$loss.metrics"
    done
    for loss in $losses; do
        for other in $losses; do
            [ $loss = $other ] || run ! cmp -s "$loss-1/last/model.safetensors" "$other-1/last/model.safetensors"
        done
    done
}

@test "rl-update: algorithms are one another where their differences are taken away" {
    # One length for all samples: no mean over tokens differs. One step, no KL term: nor do ratios.
    jq -c '.samples |= (map(select(.tokens | length >= 8)) | map(.tokens |= .[:8] | .logprobs |= .[:8]))' "$eight" |
        jq -c 'select(.samples | length >= 4) | .samples |= (.[:4] | to_entries | map(.value + {reward: .key, parts: {}}))' \
        > equal.jsonl
    [ "$(wc -l < equal.jsonl)" -gt 1 ]
    go() { rl-update -m "$sft" -o "$1" --lr 0.001 --eps 1e-3 --max-grad-norm 0 "${@:2}" equal.jsonl > "$1.metrics"; }
    near() { jq -ne --argjson a "$(field grad_norm "$1.metrics")" --argjson b "$(field grad_norm "$2.metrics")" \
        --argjson by "${3-1}" '$a / $b / $by - 1 | fabs < 1e-5'; }
    go grpo
    go dapo --loss dapo
    go bnpo --loss bnpo
    go gspo --loss gspo
    go none --scale none
    go dr --loss dr_grpo --max-tokens 8
    go dr16 --loss dr_grpo --max-tokens 16
    go rloo --loss rloo
    go batch --scale batch
    go plus --loss reinforce++
    go baseline --loss reinforce++-baseline
    near grpo dapo
    near grpo bnpo
    near grpo gspo
    near none dr
    near dr dr16 2
    # Siblings: 4 / 3 of the difference from the mean; a sequence's own ratio: 8 tokens instead of their mean.
    near rloo none "$(jq -n '4 / 3 * 8')"
    # Rewards 0 to 3 in each group: one deviation for group and batch but for the count, one mean.
    near plus baseline
    run ! near grpo none
    run ! near grpo batch
}

@test "rl-update: --minibatches cuts the groups, and dapo counts a token the same in each" {
    jq -c 'select(.samples | map(.reward) | unique | length > 1)' "$eight" | head -n 4 > four.jsonl
    [ "$(wc -l < four.jsonl)" = 4 ]
    # Two steps on halves are two calls with half of the records.
    rl-update -m "$sft" -o two --minibatches 2 --lr 0.001 four.jsonl > two.metrics
    head -n 2 four.jsonl | rl-update -m "$sft" -o one --lr 0.001 > one.metrics
    tail -n 2 four.jsonl | rl-update -o one --lr 0.001 --off-policy >> one.metrics
    same one two
    [ "$(jq -c '[.global_step, .loss, .grad_norm]' one.metrics)" = "$(jq -c '[.global_step, .loss, .grad_norm]' two.metrics)" ]
    # dapo's weight of a token is that of all tokens; bnpo's of the minibatch's own.
    tokens() { jq -s 'map(.samples[].tokens | length) | add' "$@"; }
    all=$(tokens four.jsonl) half=$(head -n 2 four.jsonl | tokens)
    for loss in dapo bnpo; do
        rl-update -m "$sft" -o $loss --loss $loss --minibatches 2 four.jsonl | head -n 1 | field grad_norm > $loss.norm
    done
    jq -ne --argjson d "$(cat dapo.norm)" --argjson b "$(cat bnpo.norm)" --argjson all "$all" --argjson half "$half" \
        '$d / $b - $half / ($all / 2) | fabs < 1e-6'
    # More parts than groups: some steps have none.
    rl-update -m "$sft" -o many --minibatches 5 four.jsonl > metrics
    jq -es 'length == 5 and (map(select(.grad_norm == 0)) | length == 1) and .[4].global_step == 5' metrics
}

@test "rl-update: passes and minibatches are the same bytes after a kill" {
    rl-update -m "$sft" -o whole --loss gspo --epochs 3 --minibatches 2 --ref "$base" "$eight" > whole.metrics
    rl-update -m "$sft" -o cut --loss gspo --epochs 3 --minibatches 2 --ref "$base" "$eight" > cut.metrics &
    pid=$!
    until [ -s cut.metrics ]; do sleep 0.01; done
    kill -9 $pid
    wait $pid || true
    rl-update -m "$sft" -o cut --loss gspo --epochs 3 --minibatches 2 --ref "$base" "$eight" > cut.metrics
    diff -r whole/last/ cut/last/
}

@test "rl-update: --kl and --kl-in put the estimate where they say" {
    go() { rl-update -m "$sft" -o "$1" --ref "$base" --beta 0.5 "${@:2}" "$eight" > "$1.metrics"; }
    for kl in k1 k2 k3; do
        go loss-$kl --kl $kl
        go reward-$kl --kl $kl --kl-in reward
        # On the first step both are of the same log-probabilities.
        jq -ne --argjson a "$(field kl loss-$kl.metrics)" --argjson b "$(field kl reward-$kl.metrics)" \
            '$a != 0 and ($a / $b - 1 | fabs < 1e-9)'
        run ! cmp -s loss-$kl/last/model.safetensors reward-$kl/last/model.safetensors
    done
    jq -e '.kl > 0' loss-k2.metrics loss-k3.metrics reward-k2.metrics reward-k3.metrics
    go none --kl none
    rl-update -m "$sft" -o plain "$eight" > /dev/null
    same none plain
    [ "$(field kl none.metrics)" = 0 ]
    # In the loss it is a part of it, in the reward it is not.
    jq -e '(.loss - 0.5 * .kl | fabs) < 0.5 * .kl' loss-k3.metrics
    jq -e '.loss | fabs < 1e-6' reward-k3.metrics
    # At the ratio of 1 --weigh-kl adds the term's own pull.
    go weighed --weigh-kl
    [ "$(field loss weighed.metrics)" = "$(field loss loss-k3.metrics)" ]
    run ! cmp -s weighed/last/model.safetensors loss-k3/last/model.safetensors
}

@test "rl-update: an adapter's reference is the model without it, unless another is named" {
    for n in 1 2 3; do
        rl-update -m "$made/lora" -o off-$n --ref adapter-off --lr 0.01 --epochs 2 --threads $n "$made/four.jsonl" > off.metrics
        cmp off-1/last/adapter_model.safetensors off-$n/last/adapter_model.safetensors
    done
    rl-update -m "$made/lora" -o auto --lr 0.01 --epochs 2 "$made/four.jsonl" > auto.metrics
    rl-update -m "$made/lora" -o named --ref "$sft" --lr 0.01 --epochs 2 "$made/four.jsonl" > named.metrics
    rl-update -m "$made/lora" -o free --kl none --lr 0.01 --epochs 2 "$made/four.jsonl" > free.metrics
    for run in auto named; do cmp off-1/last/adapter_model.safetensors $run/last/adapter_model.safetensors; done
    run ! cmp -s off-1/last/adapter_model.safetensors free/last/adapter_model.safetensors
    jq -es '.[0].kl > 0 and .[0].logprob_gap == 0' off.metrics
    jq -es 'map(.kl) == [0, 0]' free.metrics
    # Where there is no KL term, nobody asks for one, of a model without adapter neither.
    rl-update -m "$sft" -o plain "$eight" > /dev/null
    rl-update -m "$sft" -o none --ref adapter-off --beta 0 "$eight" > /dev/null
    same plain none
    # Twice the same samples: the reference does not move with the adapter.
    rl-update -o auto --off-policy --lr 0 "$made/four.jsonl" > again
    jq -ne --argjson a "$(tail -n 1 off.metrics | jq .kl)" --argjson b "$(jq .kl again)" '$a > 0 and $b > 0'
}

@test "rl-update: records sampled with rounded weights are refused, unless --tis or --off-policy" {
    head -n 2 "$eight" | jq -c 'del(.samples)' | rollout --quiet -m "$sft" -n 4 --max-tokens 20 --weights int8 |
        jq -c '.samples |= [to_entries[] | .value + {reward: (.key % 2), parts: {}}]' > int8.jsonl
    run -1 --separate-stderr rl-update -m "$sft" -o refused int8.jsonl
    [ "$stderr" = "rl-update: int8.jsonl:1: record $(head -n 1 int8.jsonl | jq -r .id): was sampled with rounded \
weights; --tis weighs it, --off-policy takes it as it is" ]
    rl-update -m "$sft" -o weighed --tis 2 int8.jsonl > metrics
    jq -e '.logprob_gap == 0 and .["sampling/sampling_logp_difference/max"] > 0' metrics
    jq -e '.["sampling/importance_sampling_ratio/mean"] | . > 0.9 and . < 1.1 and . != 1' metrics
    rl-update -m "$sft" -o taken --off-policy int8.jsonl > metrics
    jq -e '.logprob_gap > 0 and .logprob_gap < 0.5' metrics
}

@test "rl-update: --tis weighs what another precision sampled, and leaves the ratio at 1" {
    # Its own samples: all weights are 1, and the bytes those without.
    rl-update -m "$sft" -o plain "$eight" > /dev/null
    rl-update -m "$sft" -o one --tis 2 "$eight" > metrics
    same plain one
    jq -e '.logprob_gap == 0 and .["sampling/sampling_logp_difference/max"] == 0 and
           .["sampling/importance_sampling_ratio/min"] == 1 and .["sampling/importance_sampling_ratio/max"] == 1' metrics
    # Stored log-probabilities that are off: by 0.1 each token's weight, up to the bound.
    jq -c '.samples[].logprobs[] -= 0.1' "$eight" > off.jsonl
    rl-update -m "$sft" -o off --tis 2 off.jsonl > metrics
    jq -e '.logprob_gap == 0 and (.["sampling/sampling_logp_difference/mean"] - 0.1 | fabs < 1e-6) and
           (.["sampling/importance_sampling_ratio/mean"] - (0.1 | exp) | fabs < 1e-6)' metrics
    rl-update -m "$sft" -o bound --tis 1.05 off.jsonl > metrics
    jq -e '.["sampling/importance_sampling_ratio/min"] == 1.05 and .["sampling/importance_sampling_ratio/max"] == 1.05' metrics
    rl-update -m "$sft" -o no off.jsonl > metrics
    jq -e '.logprob_gap - 0.1 | fabs < 1e-6' metrics
    norm() { rl-update -m "$sft" -o "$(mktemp -d n.XXX)" "$@" | field grad_norm; }
    jq -ne --argjson a "$(norm "$eight")" --argjson b "$(norm --tis 1.05 off.jsonl)" '$b / $a - 1.05 | fabs < 1e-5'
    for loss in gspo rloo; do
        jq -ne --argjson a "$(norm --loss $loss "$eight")" --argjson b "$(norm --loss $loss --tis 1.05 off.jsonl)" \
            '$b / $a - 1.05 | fabs < 1e-5'
    done
}

@test "rl-update: --mask-truncated leaves out what was cut off, but not its reward" {
    jq -c '.samples |= (to_entries | map(.value + {reward: .key, finish: (if .key < 2 then "length" else "stop" end)}))' \
        "$eight" > cut.jsonl
    rl-update -m "$sft" -o masked --mask-truncated cut.jsonl > metrics
    jq -e '(.["completions/clipped_ratio"] - 1 / 3 | fabs < 1e-12) and .reward == 2.5' metrics
    rl-update -m "$sft" -o plain cut.jsonl > /dev/null
    run ! same masked plain
    # Whatever such a sample says is not learned.
    jq -c '.samples[0].tokens[0] = 17' cut.jsonl | rl-update -m "$sft" -o other --mask-truncated > /dev/null
    same masked other
    # All of them: nothing is learned.
    jq -c '.samples[].finish = "length"' cut.jsonl | rl-update -m "$sft" -o all --mask-truncated > metrics
    same all "$sft"
    jq -e '.grad_norm == 0' metrics
}

@test "rl-update: a constant reward leaves the model as it is, whatever the algorithm, and says why" {
    jq -c '.samples[].reward = 0.3' "$eight" > silent.jsonl
    for loss in $losses; do
        run --separate-stderr rl-update -m "$sft" -o "$loss" --loss $loss --ref "$base" silent.jsonl
        [ "$stderr" = 'rl-update: all 8 groups are silent, the rewards in each are equal: the model stays as it is' ]
        same "$loss" "$sft"
    done
    # A group with equal rewards has signal where the batch is the measure.
    jq -c '.samples[].reward = input_line_number' "$eight" > steps.jsonl
    rl-update -m "$sft" -o batch --loss reinforce++ steps.jsonl > metrics
    jq -e '.frac_reward_zero_std == 1 and .grad_norm > 0' metrics
    rl-update -m "$sft" -o groups --loss reinforce++-baseline steps.jsonl 2> /dev/null > metrics
    jq -e '.grad_norm == 0' metrics
}

@test "rl-update: silent groups change nothing, whatever the algorithm" {
    jq -c '.samples[].reward = 0.3 | .id += "s"' "$eight" > silent.jsonl
    for loss in grpo dr_grpo dapo bnpo gspo reinforce++-baseline rloo; do
        rl-update -m "$sft" -o "$loss" --loss $loss --ref "$base" "$eight" > /dev/null
        cat silent.jsonl "$eight" | rl-update -m "$sft" -o "$loss-more" --loss $loss --ref "$base" > /dev/null
        same "$loss" "$loss-more"
    done
    rl-update -m "$sft" -o batch --scale batch "$eight" > /dev/null
    cat silent.jsonl "$eight" | rl-update -m "$sft" -o batch-more --scale batch > /dev/null
    same batch batch-more
}

@test "rl-update: --min-entropy ends a run that collapses, with nothing of the call saved" {
    # What is likely is rewarded: entropy falls.
    jq -c '.samples[] |= . + {reward: (.logprobs | add / length)}' "$eight" > likely.jsonl
    free="--lr 0.001 --clip-low 1 --clip-high 100"
    rl-update -m "$sft" -o free $free --epochs 12 likely.jsonl > metrics
    jq -es '.[11].entropy < 0.8 * .[0].entropy' metrics
    least=$(jq -s '.[0].entropy * 0.9' metrics)
    rl-update -m "$sft" -o run likely.jsonl > /dev/null
    run -1 --separate-stderr rl-update -o run --off-policy $free --epochs 12 --min-entropy "$least" likely.jsonl
    [[ "$stderr" =~ ^'rl-update: step '([0-9]+)' leaves an entropy of '[0-9.]+' a token, less than '[0-9.]+': the run collapses; the last checkpoint stays'$ ]]
    [ "${BASH_REMATCH[1]}" -gt 2 ]
    [ "${BASH_REMATCH[1]}" -le 13 ]
    [ "$(ls run | tr '\n' ' ')" = 'last lock step-1 ' ]
    # The last step's is looked at, too; where all is well nothing changes.
    run -1 --separate-stderr rl-update -o run --off-policy $free --epochs $((BASH_REMATCH[1] - 1)) \
        --min-entropy "$least" likely.jsonl
    [[ "$stderr" == *"leaves an entropy of"* ]]
    rl-update -m "$sft" -o guarded --min-entropy "$least" likely.jsonl > metrics
    same run guarded
}

@test "rl-update: --max-length-growth catches a reward for length, and names the last good step" {
    # Longer by a token each time, as a policy that is paid for it would.
    grow() { jq -c --argjson by "$1" '.samples[] |= (.tokens += [range($by) | 5] | .logprobs += [range($by) | -1])' "$eight"; }
    for by in 0 1 2; do grow $by | rl-update -m "$sft" -o run --off-policy --max-length-growth 1.5 > metrics; done
    cp -r run before
    mean=$(jq -s 'map(.samples[].tokens | length) | add / length * 10 | round / 10' "$eight")
    run -1 --separate-stderr rl-update -o run --off-policy --max-length-growth 1.5 <(grow 60)
    [ "$stderr" = "rl-update: samples have $(jq -n "$mean + 60") tokens, more than 1.5 times the $mean of the run's first call: it collapses; no step is taken, the last good one is step-2" ]
    [ -z "$output" ]
    diff -r before run
    [ -e run/step-2 ]
    grow 60 | rl-update -o run --off-policy > metrics
    rl-update -m "$sft" -o one "$eight" > metrics
    run -1 --separate-stderr rl-update -o one --off-policy --max-length-growth 1.5 <(grow 60)
    [[ "$stderr" == *"; no step is taken, the last good one is the model it began with" ]]
}

@test "rl-update: a planted reward for length is caught within a few steps" {
    model=$sft
    for k in {1..8}; do
        head -n 8 "$prompts" | rollout --quiet -m "$model" --seed $k --max-tokens 60 --no-scores |
            jq -c '.samples[] |= . + {reward: (.tokens | length)}' > long.jsonl
        rl-update -m "$model" -o run --lr 0.005 --max-length-growth 1.5 long.jsonl > metrics 2> err || break
        model=run
    done
    [ $k -gt 1 ]
    grep -q 'times the .* of the run.s first call: it collapses; no step is taken' err
    [ "$(readlink run/last)" = "step-$((k - 1))" ]
    [ ! -s metrics ]
}

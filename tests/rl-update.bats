bats_require_minimum_version 1.5.0
load helpers
load tiny

# A trained model, and eight rewarded groups of six samples, made once for the file.
setup_file() {
    load helpers
    load tiny
    cd "$BATS_FILE_TMPDIR"
    tiny_road .
    tiny_rewarded .
    # The same with one reward for all: silent.
    jq -c '.samples[].reward = 0.3' eight.jsonl > silent.jsonl
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    made=$BATS_FILE_TMPDIR
    sft=$made/sft base=$made/base eight=$made/eight.jsonl silent=$made/silent.jsonl prompts=$made/prompts.jsonl
}

# Records without what differs from run to run.
timeless() {
    sed -E 's/,"(step_time|tokens_per_second|peak_rss)":[^,}]*//g' "$@"
}

# field NAME [FILE]: that field of each record, on one line.
field() {
    jq -c --arg name "$1" '.[$name]' "${@:2}" | paste -sd ' '
}

@test "rl-update: keeps the manners of every program, and its examples run" {
    rl-update() { fresh_trainer rl-update "$@"; }
    export -f rl-update fresh_trainer
    keeps_manners rl-update -m "$sft" -o fresh < "$eight"
    unset -f rl-update
    runs_examples rl-update
}

@test "rl-update: writes a metric record a step, with TRL's names" {
    rl-update -m "$sft" -o run "$eight" > metrics
    [ "$(jq -r 'keys_unsorted | map(select(startswith("rewards/") | not)) | join(" ")' metrics)" = "global_step loss $(
        )reward reward_std frac_reward_zero_std kl entropy clip_ratio/low_mean clip_ratio/low_min clip_ratio/high_mean $(
        )clip_ratio/high_max clip_ratio/region_mean logprob_gap valid_ratio completions/mean_length $(
        )completions/min_length completions/max_length completions/clipped_ratio learning_rate grad_norm num_tokens $(
        )step_time tokens_per_second peak_rss" ]
    [ "$(jq -c '[keys_unsorted[] | select(test("^rewards/.*/mean$")) | split("/")[1]]' metrics)" = \
      "$(head -n 1 "$eight" | jq -c '.samples[0].parts | keys_unsorted')" ]
    # What can be had from the records, by another hand.
    jq -es --slurpfile m metrics '
        def mean: add / length;
        def deviation: mean as $m | (map(. - $m | . * .) | add) / (length - 1) | sqrt;
        def near($x): . - $x | fabs < 1e-12;
        $m[0] as $m | map(.samples) as $g | ($g | map(.[]) ) as $s |
        ($s | map(.reward) | mean | near($m.reward)) and
        ($g | map(map(.reward) | deviation) | mean | near($m.reward_std)) and
        ($g | map(map(.reward) | if unique | length == 1 then 1 else 0 end) | mean | near($m.frac_reward_zero_std)) and
        ($s | map(if .answer then 1 else 0 end) | mean | near($m.valid_ratio)) and
        ($s | map(.tokens | length) | (mean | near($m["completions/mean_length"])) and
            min == $m["completions/min_length"] and max == $m["completions/max_length"]) and
        ($s | map(if .finish == "length" then 1 else 0 end) | mean | near($m["completions/clipped_ratio"])) and
        all($s[0].parts | keys[]; . as $p | $s | map(.parts[$p]) |
            (mean | near($m["rewards/\($p)/mean"])) and (deviation | near($m["rewards/\($p)/std"])))' "$eight"
    jq -e '.global_step == 1 and .learning_rate == 1e-5 and .kl == 0 and .["clip_ratio/region_mean"] == 0 and .grad_norm > 0.01 and
           .entropy > 0 and (.loss | fabs < 1e-12) and .step_time > 0 and .peak_rss > 1e6' metrics
}

@test "rl-update: the run directory holds the last two steps, each a model" {
    for k in 1 2 3; do rl-update -m "$sft" -o run --off-policy "$eight" > metrics; done
    [ "$(ls run | tr '\n' ' ')" = 'last lock step-2 step-3 ' ]
    [ "$(readlink run/last)" = step-3 ]
    [ "$(ls run/last/ | tr '\n' ' ')" = "config.json exp_avg.safetensors exp_avg_sq.safetensors model.safetensors $(
         )state.json tokenizer.json tokenizer_config.json " ]
    cmp run/last/tokenizer.json "$base/tokenizer.json"
    jq -e '.global_step == 3 and .optimizer_step == 3' run/last/state.json
    [ "$(field num_tokens metrics)" = "$(jq .num_tokens run/last/state.json | sed 's/\.0$//')" ]
    [ "$(model-info run | jq .parameters)" = "$(model-info "$sft" | jq .parameters)" ]
    run ! cmp -s run/last/model.safetensors run/step-2/model.safetensors
}

@test "rl-update: the line of the design works as it stands there" {
    ln -s "$sft" sft
    head -n 16 "$prompts" > prompts.jsonl
    rollout -m sft prompts.jsonl | reward | rl-update -m sft -o rl > metrics
    [ "$(field logprob_gap metrics)" = 0 ]
    [ "$(readlink rl/last)" = step-1 ]
    # The next one, on the run itself; -m is then not looked at.
    rollout -m rl prompts.jsonl | reward | rl-update -m rl -o rl > metrics
    [ "$(jq -c '[.global_step, .logprob_gap]' metrics)" = '[2,0]' ]
    rollout -m rl prompts.jsonl | reward | rl-update -o rl > metrics
    [ "$(jq -c '[.global_step, .logprob_gap]' metrics)" = '[3,0]' ]
}

@test "rl-update: stored log-probabilities equal the model's to the bit, whatever stood between" {
    gap() { rm -rf run; rl-update -m "$sft" -o run "$@" | field logprob_gap; }
    first() { head -n 12 "$prompts"; }
    roll() { first | rollout --quiet -m "$sft" --max-tokens 40 "$@"; }
    [ "$(roll | reward | gap)" = 0 ]
    [ "$(first | jq -c . | rollout --quiet -m "$sft" --max-tokens 40 | jq -c . | reward | jq -c . | gap)" = 0 ]
    [ "$(roll | head -n 5 | reward | gap)" = 0 ]
    for batch in 1 5 512; do
        for threads in 1 3; do
            [ "$(roll --batch $batch --threads $threads | reward | gap --threads $((4 - threads)))" = 0 ]
        done
    done
    [ "$(roll -n 3 --temperature 1.5 | reward | gap --leaves 1 --rows 1)" = 0 ]
    [ "$(roll -n 3 --temperature 1.5 | reward | gap --leaves 2 --rows 1000000)" = 0 ]
    # A difference is seen.
    [ "$(jq -c '.samples[1].logprobs[2] -= 0.125' "$eight" | gap)" = 0.125 ]
}

@test "rl-update: learns what is rewarded" {
    # A reward of one's own: short texts.
    model=$sft
    for k in {1..12}; do
        head -n 8 "$prompts" | rollout --quiet -m "$model" --seed $k --max-tokens 60 --no-scores |
            jq -c '.samples[] |= . + {reward: -(.tokens | length)}' | rl-update -m "$model" -o run --lr 0.005
        model=run
    done > metrics
    jq -es 'length == 12 and (map(.reward) | .[11] > .[0] + 10) and
            (map(keys[] | select(startswith("rewards/"))) | length == 0)' metrics
}

@test "rl-update: silent groups contribute nothing, to the loss as little as to the KL term" {
    rl-update -m "$sft" -o plain --ref "$base" --beta 0.5 "$eight" > plain.metrics
    jq -c '.id |= "s" + .' "$silent" > more.jsonl
    { head -n 3 more.jsonl; head -n 4 "$eight"; tail -n 5 more.jsonl; tail -n 4 "$eight"; } |
        rl-update -m "$sft" -o mixed --ref "$base" --beta 0.5 > mixed.metrics
    cmp plain/last/model.safetensors mixed/last/model.safetensors
    cmp plain/last/exp_avg.safetensors mixed/last/exp_avg.safetensors
    same='[.loss, .kl, .entropy, .["clip_ratio/region_mean"], .grad_norm]'
    [ "$(jq -c "$same" plain.metrics)" = "$(jq -c "$same" mixed.metrics)" ]
    jq -es '.[0].kl > 0 and .[1].frac_reward_zero_std - (8 + 8 * .[0].frac_reward_zero_std) / 16 == 0' plain.metrics \
        mixed.metrics
}

@test "rl-update: takes no step where all groups are silent: the model stays, global_step goes on" {
    run --separate-stderr rl-update -m "$sft" -o run --ref "$base" "$silent"
    [ "$stderr" = 'rl-update: all 8 groups are silent, the rewards in each are equal: the model stays as it is' ]
    echo "$output" > metrics
    cmp run/last/model.safetensors "$sft/last/model.safetensors"
    jq -e '.global_step == 1 and .frac_reward_zero_std == 1 and .grad_norm == 0 and .loss == 0 and .reward_std == 0 and
           (.reward - 0.3 | fabs < 1e-12)' metrics
    jq -e '.global_step == 1 and .optimizer_step == 0' run/last/state.json
    # Then one with signal, and none again: neither model nor moments move.
    rl-update -o run "$eight" > metrics
    jq -e '.global_step == 2 and .optimizer_step == 1' run/last/state.json
    rl-update -m "$sft" -o other "$eight" > metrics
    cmp run/last/model.safetensors other/last/model.safetensors
    rl-update -o run --off-policy "$silent" > metrics
    for file in model exp_avg exp_avg_sq; do cmp run/last/$file.safetensors run/step-2/$file.safetensors; done
    # A group of one is silent, too.
    jq -c '.samples |= .[:1]' "$eight" | rl-update -m "$sft" -o one > metrics
    jq -e '.frac_reward_zero_std == 1 and .reward_std == 0' metrics
}

@test "rl-update: gives the same bytes at any number of threads" {
    for n in 1 2 3; do
        rl-update -m "$sft" -o "run-$n" --threads $n --ref "$base" --epochs 2 --lr 0.001 "$eight" |
            timeless > "metrics-$n"
    done
    cmp metrics-1 metrics-2
    cmp metrics-1 metrics-3
    diff -r run-1/last/ run-2/last/
    diff -r run-1/last/ run-3/last/
}

@test "rl-update: --gradient-checkpointing changes no byte, --products bf16 no log-probability" {
    for o in "" --gradient-checkpointing "--products bf16"; do
        rl-update -m "$sft" -o "run$o" --profile $o "$eight" > "metrics$o"
        jq -e '.logprob_gap == 0 and .parts.products > 0' "metrics$o"
    done
    diff -r run/last/ run--gradient-checkpointing/last/
    run ! cmp run/last/model.safetensors "run--products bf16/last/model.safetensors"
    jq -es '.[0].grad_norm as $n | .[1].grad_norm / $n - 1 | fabs | . > 0 and . < 0.02' metrics "metrics--products bf16"
}

@test "rl-update: a second call goes on: two calls end in the bytes of two epochs" {
    rl-update -m "$sft" -o two --epochs 2 --lr 0.001 "$eight" | timeless > two.metrics
    rl-update -m "$sft" -o one --lr 0.001 "$eight" | timeless > one.metrics
    rl-update -m "$sft" -o one --lr 0.001 --off-policy "$eight" | timeless >> one.metrics
    for file in model exp_avg exp_avg_sq; do cmp two/last/$file.safetensors one/last/$file.safetensors; done
    jq -e '.global_step == 2 and .optimizer_step == 2' one/last/state.json
    [ "$(jq -c 'del(.num_tokens)' one.metrics)" = "$(jq -c 'del(.num_tokens)' two.metrics)" ]
    # Prompts and samples of the records, each call anew.
    jq -es '.[0].num_tokens * 2 == .[1].num_tokens' one.metrics
    jq -es '.[0].num_tokens == .[1].num_tokens' two.metrics
}

@test "rl-update: counts tokens of prompts once a group, and those of samples" {
    tokens=$(jq -s 'map(.samples[].tokens | length) | add' "$eight")
    prompt=$(jq -c '.completion = [{role: "assistant", content: "x"}]' "$eight" |
        sft-train --quiet -m "$sft" -o x --steps 1 --batch 8 | jq '.num_tokens - 16')
    [ "$(rl-update -m "$sft" -o run "$eight" | jq .num_tokens)" = $((tokens + prompt)) ]
}

@test "rl-update: off the policy the clip counts, and the gap is seen" {
    rl-update -m "$sft" -o run --epochs 3 --lr 0.01 "$eight" > metrics
    jq -es '(map(.global_step) == [1, 2, 3]) and .[0].logprob_gap == 0 and
            .[0]["clip_ratio/region_mean"] == 0 and all(.[1:][]; .["clip_ratio/region_mean"] as $clip |
                .logprob_gap > 0.01 and $clip > 0 and $clip < 1 and .["clip_ratio/high_max"] >= .["clip_ratio/high_mean"] and
                (.["clip_ratio/low_mean"] + .["clip_ratio/high_mean"] - $clip | fabs < 1e-12))' metrics
    [ "$(readlink run/last)" = step-3 ]
    # Bounds that nothing reaches: no clip.
    rl-update -m "$sft" -o wide --epochs 3 --lr 0.001 --clip-low 1 --clip-high 1000 "$eight" > metrics
    [ "$(field clip_ratio/region_mean metrics)" = '0 0 0' ]
}

@test "rl-update: --ref and --beta add the KL term, which is 0 where the reference is the policy" {
    rl-update -m "$sft" -o plain "$eight" > /dev/null
    rl-update -m "$sft" -o self --ref "$sft" "$eight" > metrics
    [ "$(jq -c '[.kl, .logprob_gap]' metrics)" = '[0,0]' ]
    cmp plain/last/model.safetensors self/last/model.safetensors
    rl-update -m "$sft" -o to-base --ref "$base" --beta 1 "$eight" > metrics
    jq -e '.kl > 0.1 and (.loss - .kl | fabs) < .kl' metrics
    run ! cmp -s plain/last/model.safetensors to-base/last/model.safetensors
    rl-update -m "$sft" -o none --ref "$base" --beta 0 "$eight" > metrics
    [ "$(field kl metrics)" = 0 ]
    cmp plain/last/model.safetensors none/last/model.safetensors
    # A great weight draws the model back.
    rl-update -m "$sft" -o near --ref "$base" --beta 100 --lr 0.005 --epochs 30 "$eight" > metrics
    jq -es '.[29].kl < .[0].kl / 2' metrics
}

@test "rl-update: trains an adapter, whose samples it recomputes to the bit" {
    sft-train --quiet -m "$sft" -o lora --lora-rank 4 --steps 2 --batch 8 "$prompts" > /dev/null
    head -n 4 "$prompts" | rollout --quiet -m lora -n 6 --max-tokens 40 | reward > four.jsonl
    rl-update -m lora -o rl --ref "$sft" --lr 0.01 four.jsonl > metrics
    jq -e '.logprob_gap == 0 and .kl > 0 and .grad_norm > 0' metrics
    [ -e rl/last/adapter_model.safetensors ] && [ ! -e rl/last/model.safetensors ]
    run ! cmp lora/last/adapter_model.safetensors rl/last/adapter_model.safetensors
    head -n 1 "$prompts" | rollout --quiet -m rl -n 2 --max-tokens 40 | jq -e --arg h "$(model-info rl | jq -r .hash)" '.model == $h'
}

@test "rl-update: --scale none leaves the size of rewards in the gradient" {
    norm() { jq -c "$1" "$eight" | rl-update -m "$sft" -o "$(mktemp -d run.XXXX)" "${@:2}" | field grad_norm; }
    jq -ne --argjson one "$(norm .)" --argjson ten "$(norm '.samples[].reward *= 10')" '$ten / $one - 1 | fabs < 0.01'
    jq -ne --argjson one "$(norm . --scale none)" --argjson ten "$(norm '.samples[].reward *= 10' --scale none)" \
        '$ten / $one - 10 | fabs < 1e-4'
}

@test "rl-update: works on records of strings, and on those of other programs" {
    rl-update -m "$sft" -o run "$eight" > /dev/null
    # All that is needed, and what is not is not looked at.
    jq -c '{id, model, prompt: .prompt[0].content, samples: (.samples | map({tokens, logprobs, reward})), parts: 7}' \
        "$eight" | rl-update -m "$sft" -o small > metrics
    cmp run/last/model.safetensors small/last/model.safetensors
    [ "$(field valid_ratio metrics)" = 0 ]
    # Parts that only some samples have count where they are; what is too many or too long is left out.
    jq -c '.samples[0].parts = {mine: 4} | .samples[1].parts = ([range(40) | {"p\(.)": 1}] | add + {("n" * 40): 1})' \
        "$eight" | rl-update -m "$sft" -o parts > metrics
    jq -e '.["rewards/mine/mean"] == 4 and .["rewards/mine/std"] == 0 and
           ([keys[] | select(startswith("rewards/"))] | length == 64)' metrics
}

@test "rl-update: records of another model are refused, unless --off-policy" {
    of=$(head -n 1 "$eight" | jq -r .model)
    run -1 --separate-stderr rl-update -m "$base" -o run "$eight"
    here="rl-update: $eight:1: record $(head -n 1 "$eight" | jq -r .id): was sampled from model $of, not from this one, "
    [[ "$stderr" =~ ^"$here"[0-9a-f]{16}$ ]]
    [ "$(ls run)" = lock ]
    rl-update -m "$base" -o run --off-policy "$eight" > metrics
    jq -e '.logprob_gap > 0.1' metrics
    # Nor are the records of the step before good for the next one.
    rl-update -m "$sft" -o two "$eight" > metrics
    run -1 --separate-stderr rl-update -m "$sft" -o two "$eight"
    [[ "$stderr" =~ ^"$here"[0-9a-f]{16}$ ]]
    [ "$(readlink two/last)" = step-1 ]
}

@test "rl-update: names file, line, record and sample of what is wrong" {
    refuses() {
        head -n 2 "$eight" > in.jsonl
        sed -n 3p "$eight" | jq -c "$2" >> in.jsonl
        run -1 --separate-stderr rl-update -m "$sft" -o run in.jsonl
        [ "$stderr" = "rl-update: in.jsonl:3: $1" ] || { echo "$stderr"; return 1; }
        [ "$(ls run)$output" = lock ]
    }
    id=$(sed -n 3p "$eight" | jq -r .id)
    refuses '"id" is missing or not a string' 'del(.id)'
    refuses "record $id: \"model\" is missing or not a string" 'del(.model)'
    refuses "record $id: \"prompt\" is missing or not messages" 'del(.prompt)'
    refuses "record $id: \"prompt\": message 0: \"content\" is missing or not a string" 'del(.prompt[0].content)'
    refuses "record $id: \"prompt\" is empty" '.prompt[0].content = ""'
    refuses "record $id: \"prompt\": no messages" '.prompt = []'
    refuses "record $id: \"prefix\": tokens that were given, not sampled" '.prefix = "A"'
    refuses "record $id: \"samples\" is missing or not an array" 'del(.samples)'
    refuses "record $id: \"samples\" is empty" '.samples = []'
    refuses "record $id: the group has 5 samples, earlier ones have 6" '.samples |= .[:5]'
    refuses "record $id: sample 1: \"tokens\" is missing or not an array" 'del(.samples[1].tokens)'
    refuses "record $id: sample 1: \"logprobs\" is missing or not an array" 'del(.samples[1].logprobs)'
    refuses "record $id: sample 1: \"tokens\" is empty" '.samples[1].tokens = []'
    refuses "record $id: sample 0: \"logprobs\" has 1 entries for 2 tokens" \
        '.samples[0] |= . + {tokens: [1, 2], logprobs: [-1]}'
    for token in 400 -1 1.5 '"1"' null; do
        refuses "record $id: sample 2: \"tokens\" holds what is not a token of the model" \
            ".samples[2].tokens[0] = $token"
    done
    for logprob in 0.5 -1e300 '"-1"' null; do
        refuses "record $id: sample 2: \"logprobs\" holds what is not a log-probability" \
            ".samples[2].logprobs[0] = $logprob"
    done
    refuses "record $id: sample 3: \"reward\" is missing or not a number" 'del(.samples[3].reward)'
    refuses "record $id: sample 3: \"reward\" is missing or not a number" '.samples[3].reward = null'
    refuses "record $id: sample 5: \"parts\": \"hit\" is not a number" '.samples[5].parts.hit = true'
    refuses "record $id: sample 2: is of another prompt than its group" '.samples[2].prompt = [{role: "user", content: "x"}]'
    refuses "record $id: sample 4: \"tokens\" is missing or not an array" '.samples[4] = 1'
    refuses "record $id: sample 0: prompt and text have more tokens than the model's 2048 positions" \
        '.prompt[0].content = "\u0001" * 2048'
    { head -n 2 "$eight"; echo '{'; } > in.jsonl
    run -1 --separate-stderr rl-update -m "$sft" -o run in.jsonl
    [[ "$stderr" == "rl-update: in.jsonl:3: column "* ]]
    run -1 --separate-stderr rl-update -m "$sft" -o run "$eight" - <<< '[]'
    [ "$stderr" = "rl-update: -:1: not a JSON object" ]
}

@test "rl-update: says what is wrong with its files" {
    fails() {
        local message=$1
        shift
        run -1 --separate-stderr rl-update "$@"
        [ "$stderr" = "rl-update: $message" ] || { echo "$stderr"; return 1; }
        [ -z "$output" ]
    }
    fails '-: no records' -m "$sft" -o run < /dev/null
    [ "$(ls run)" = lock ]
    fails '/dev/null: no records' -m "$sft" -o run /dev/null
    fails 'none: No such file or directory' -m "$sft" -o run none
    fails 'run holds no run; --model is missing' -o run "$eight"
    fails 'none/config.json: No such file or directory' -m none -o run "$eight"
    fails 'none/config.json: No such file or directory' -m "$sft" --ref none -o run "$eight"
    fails "$base: a model directory cannot be a run directory" -m "$sft" -o "$base" "$eight"
    cp -r "$sft" copy
    fails 'copy is a run of sft-train; choose another folder' -m "$sft" -o copy --off-policy "$eight"
    [ "$(readlink copy/last)" = "$(readlink "$sft/last")" ]
    fails "--ref adapter-off: $sft/last holds no adapter that could be switched off" -m "$sft" --ref adapter-off -o run \
        "$eight"
    model-init --quiet --vocab 401 --hidden 8 --layers 1 --heads 1 -o other
    fails "other: its vocabulary has 401 tokens, the policy's 400" -m "$sft" --ref other -o run "$eight"
    model-init --quiet --vocab 100 --hidden 8 --layers 1 --heads 1 -o small
    fails 'small/tokenizer.json: No such file or directory' -m small -o run "$eight"
    cp "$base/tokenizer.json" small
    fails 'the tokenizer has no chat template' -m small -o run "$eight"
    cp "$base/tokenizer_config.json" small
    run -1 --separate-stderr rl-update -m small -o run --off-policy "$eight"
    [[ "$stderr" =~ ^"rl-update: $eight:1: record "[^\ ]+": token "[0-9]+" is not one of the model's 100"$ ]]
    model-init --quiet --vocab 400 --hidden 8 --layers 1 --heads 1 --max-positions 16 -o short
    run -1 --separate-stderr rl-update -m "$sft" --ref short -o run "$eight"
    [[ "$stderr" == *": sample 0: prompt and text have more tokens than the model's 16 positions" ]]
    rl-update -m "$sft" -o run "$eight" > /dev/null
    rm run/last/exp_avg.safetensors
    fails 'run/last/exp_avg.safetensors: No such file or directory' -o run "$eight"
    cp -r "$sft/last/exp_avg.safetensors" run/last
    echo '{"global_step":1,"optimizer_step":1}' > run/last/state.json
    fails 'run/last/state.json: "num_tokens" is missing or not a number' -o run "$eight"
    echo '{"optimizer_step":1}' > run/last/state.json
    fails 'run/last/state.json: "global_step" is missing or not a number' -o run "$eight"
}

@test "rl-update: says where the seconds went" {
    rl-update -m "$sft" -o run --times times "$eight" > metrics
    jq -es --slurpfile m metrics 'length == 1 and (.[0] | .program == "rl-update" and ([.load, .json, .save] | min > 0) and
        .work > $m[0].step_time)' times
    run -1 --separate-stderr rl-update -m "$sft" -o other --times /no/such "$eight"
    [ "$stderr" = "rl-update: /no/such: No such file or directory" ]
    [ "$(readlink other/last)" = step-1 ]
}

@test "rl-update: refuses wrong usage" {
    while IFS='|' read -r arguments message; do
        run -2 --separate-stderr rl-update $arguments "$eight"
        [ "$stderr" = "rl-update: $message"$'\n'"Try 'rl-update --help'." ] || { echo "$stderr"; return 1; }
    done <<'T'
-m sft|--output is missing
-o run --leaves 3|--leaves is 1, 2, 4 or 8
-o run --beta -1|--beta takes a number from 0 to 100, not '-1'
-o run --clip-low 2|--clip-low takes a number from 0 to 1, not '2'
-o run --clip-high x|--clip-high takes a number from 0 to 1e+06, not 'x'
-o run --loss ppo|--loss takes one of grpo|dr_grpo|dapo|bnpo|gspo|reinforce++|reinforce++-baseline|rloo, not 'ppo'
-o run --scale std|--scale takes one of auto|group|batch|none, not 'std'
-o run --scale none --loss reinforce++|--scale: this loss whitens advantages by itself
-o run --max-tokens 0|--max-tokens takes a whole number from 1 to 1e+06, not '0'
-o run --tis -1|--tis takes a number from 0 to 1e+06, not '-1'
-o run --kl k4|--kl takes one of auto|k1|k2|k3|none, not 'k4'
-o run --kl-in both|--kl-in takes one of auto|loss|reward, not 'both'
-o run --minibatches 0|--minibatches takes a whole number from 1 to 1000, not '0'
-o run --min-entropy 101|--min-entropy takes a number from 0 to 100, not '101'
-o run --max-length-growth -1|--max-length-growth takes a number from 0 to 1000, not '-1'
-o run --epochs 0|--epochs takes a whole number from 1 to 1000, not '0'
-o run --lr 11|--lr takes a number from 0 to 10, not '11'
-o run --beta1 1|--beta1 takes a number from 0 to 0.99999, not '1'
-o run --beta2 1|--beta2 takes a number from 0 to 0.999999, not '1'
-o run --eps 0|--eps takes a number from 1e-30 to 1, not '0'
-o run --weight-decay 11|--weight-decay takes a number from 0 to 10, not '11'
-o run --max-grad-norm -1|--max-grad-norm takes a number from 0 to 1e+06, not '-1'
-o run --rows 0|--rows takes a whole number from 1 to 1e+06, not '0'
-o run --threads 257|--threads takes a whole number from 0 to 256, not '257'
T
    [ ! -e run ]
}

bats_require_minimum_version 1.5.0
load helpers
load records

# A model of 40,000 parameters and sixteen short examples, made once for the file.
setup_file() {
    export LC_ALL=C PATH="$BATS_TEST_DIRNAME/../bin:$PATH"
    cd "$BATS_FILE_TMPDIR"
    for k in {1..16}; do
        jq -nc --argjson k $k '{id: "\($k)", note: $k,
            prompt: [{role: "user", content: "count from \($k):"}],
            completion: [{role: "assistant", content: " \($k + 1) \($k + 2) and so on"}]}'
    done > data.jsonl
    head -n 4 data.jsonl | sed 's/count/Count/' > valid.jsonl
    bpe-train --vocab 290 data.jsonl > tokenizer.json
    model-init --quiet --tokenizer tokenizer.json --hidden 32 --layers 2 --heads 2 -o base
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    base=$BATS_FILE_TMPDIR/base data=$BATS_FILE_TMPDIR/data.jsonl valid=$BATS_FILE_TMPDIR/valid.jsonl
    common="--batch 4 --save-every 2 --lr 0.01"
}

# Records without what differs from run to run.
timeless() {
    sed -E 's/,"(step_time|tokens_per_second|peak_rss)":[^,}]*//g' "$@"
}

# The bytes that a run ends in: last step, all of its files.
same_end() {
    [ "$(readlink "$1/last")" = "$(readlink "$2/last")" ]
    diff -r "$1/last/" "$2/last/"
}

@test "sft-train: keeps the manners of every program, and its examples run" {
    sft-train() { fresh_trainer sft-train "$@"; }
    export -f sft-train fresh_trainer
    keeps_manners sft-train -m "$base" -o fresh --steps 3 $common < "$data"
    unset -f sft-train
    runs_examples sft-train
}

@test "sft-train: writes a metric record a step, with TRL's names" {
    sft-train -m "$base" -o run --steps 6 $common --warmup 2 "$data" > metrics
    [ "$(jq -c .global_step metrics | tr '\n' ' ')" = '1 2 3 4 5 6 ' ]
    [ "$(head -n 1 metrics | jq -r 'keys_unsorted | join(" ")')" = "global_step epoch num_tokens loss entropy $(
        )mean_token_accuracy learning_rate grad_norm step_time tokens_per_second peak_rss" ]
    jq -es '[.[].epoch] == [0.25, 0.5, 0.75, 1, 1.25, 1.5]' metrics
    jq -es '[.[].learning_rate * 100000 | round] == [500, 1000, 1000, 854, 500, 146]' metrics
    jq -es --slurpfile c "$base/config.json" '(.[0].loss - ($c[0].vocab_size | log)) < 0.5 and .[5].loss < .[0].loss' metrics
    tokens=$(od -An -tu8 -j16 -N8 run/spool)
    jq -es --argjson n "$tokens" '.[3].num_tokens == $n' metrics
}

@test "sft-train: learns the examples by heart, or nearly" {
    sft-train -m "$base" -o run --epochs 40 --batch 2 --lr 0.01 "$data" > metrics
    jq -es 'length == 320 and .[319].epoch == 40 and (.[-40:] |
        (map(.loss) | add / 40 < 0.7) and (map(.mean_token_accuracy) | add / 40 > 0.7))' metrics
}

@test "sft-train: follows the schedule" {
    rates() { sft-train -m "$base" -o "run-$1" --steps 6 --batch 4 --warmup 2 --schedule "$@" "$data" |
              jq -s -c '[.[].learning_rate * 1000000 | round]'; }
    [ "$(rates constant --lr 0.001)" = '[500,1000,1000,1000,1000,1000]' ]
    [ "$(rates linear --lr 0.001)" = '[500,1000,1000,750,500,250]' ]
    [ "$(rates cosine --lr 0.001 --final-lr 0.1)" = '[500,1000,1000,868,550,232]' ]
}

@test "sft-train: the run directory holds the last two steps, each a model" {
    sft-train -m "$base" -o run --steps 6 $common "$data" > /dev/null
    [ "$(ls run | tr '\n' ' ')" = 'last lock spool step-4 step-6 ' ]
    [ "$(readlink run/last)" = step-6 ]
    [ "$(ls run/last/ | tr '\n' ' ')" = "config.json exp_avg.safetensors exp_avg_sq.safetensors model.safetensors $(
         )state.json tokenizer.json tokenizer_config.json " ]
    cmp run/last/tokenizer.json "$base/tokenizer.json"
    jq -e '.global_step == 6 and .optimizer_step == 6 and .best == null and .options.batch == 4' run/last/state.json
    [ "$(model-info run | jq .parameters)" = "$(model-info "$base" | jq .parameters)" ]
}

@test "sft-train: gives the same bytes at any number of threads" {
    for n in 1 2 3; do
        sft-train -m "$base" -o "run-$n" --steps 4 $common --threads $n --valid "$valid" --eval-every 2 "$data" |
            timeless > "metrics-$n"
    done
    cmp metrics-1 metrics-2
    cmp metrics-1 metrics-3
    same_end run-1 run-2
    same_end run-1 run-3
}

@test "sft-train: goes on from file, pipe and its own data to the bytes of an unbroken run" {
    sft-train -m "$base" -o whole --steps 6 $common "$data" | timeless > whole.metrics
    for way in file pipe own; do
        cp -r whole $way
        rm -r $way/step-6
        ln -sfn step-4 $way/last
        case $way in
            file) sft-train -o file --steps 6 $common "$data" ;;
            pipe) cat "$data" | sft-train -o pipe --steps 6 $common ;;
            own) sft-train -o own --resume --steps 6 $common ;;
        esac | timeless | cmp - <(tail -n 2 whole.metrics)
        same_end whole $way
    done
}

@test "sft-train: begins anew where no step was saved, with the data that was read" {
    sft-train -m "$base" -o whole --steps 6 $common "$data" > /dev/null
    mkdir new
    cp whole/spool new
    sft-train -m "$base" -o new --resume --steps 6 $common > /dev/null
    same_end whole new
}

@test "sft-train: a finished run does nothing, and goes on with more steps" {
    sft-train -m "$base" -o run --steps 2 --schedule constant $common "$data" > /dev/null
    sft-train -m "$base" -o whole --steps 4 --schedule constant $common "$data" > /dev/null
    run -0 --separate-stderr sft-train -o run --steps 2 --schedule constant $common "$data"
    [ -z "$output$stderr" ]
    sft-train -o run --steps 4 --schedule constant $common "$data" > /dev/null
    same_end whole run
}

@test "sft-train: what a killed process left is dropped" {
    sft-train -m "$base" -o run --steps 4 $common "$data" > /dev/null
    mkdir run/step-6.tmp
    touch run/step-6.tmp/model.safetensors run/spool.tmp.99
    ln -s step-9 run/last.tmp.99
    sft-train -o run --resume --steps 6 $common > /dev/null
    [ "$(ls run | tr '\n' ' ')" = 'last lock spool step-4 step-6 ' ]
}

@test "sft-train: refuses other data and other options" {
    sft-train -m "$base" -o run --steps 2 $common --valid "$valid" "$data" > /dev/null
    run -1 --separate-stderr sft-train -o run --steps 4 $common <(head -n 15 "$data")
    [[ "$stderr" == "sft-train: /dev/fd/"*": these records are not those that the run was begun with (run/spool)" ]]
    run -1 --separate-stderr sft-train -o run --steps 4 $common --valid "$data" "$data"
    [ "$stderr" = "sft-train: $data: these records are not those that the run was begun with (run/valid)" ]
    for option in "--batch 8" "--lr 0.02" "--warmup 3" "--max-tokens 99" "--schedule linear" "--final-lr 0.5" \
                  "--beta1 0.5" "--beta2 0.5" "--eps 0.5" "--weight-decay 0.5" "--max-grad-norm 2" "--leaves 4" \
                  "--rows 99" "--seed 2" "--lora-rank 2" "--lora-alpha 2" "--lora-targets q_proj"; do
        run -1 --separate-stderr sft-train -o run --resume --steps 4 $common $option
        [ "$stderr" = "sft-train: this run was begun with another ${option% *}; continue it with the same, or $(
                      )choose another folder" ] || { echo "$option: $stderr"; false; }
    done
}

@test "sft-train: a run in which another process works gives 75" {
    mkfifo records
    sft-train -m "$base" -o run --steps 2 $common records > /dev/null &
    exec 9> records
    until [ -e run/lock ] && ! flock -n run/lock true; do sleep 0.01; done
    run -75 --separate-stderr sft-train -m "$base" -o run --steps 2 $common "$data"
    [ "$stderr" = "sft-train: run: another process works in this run" ]
    [ -z "$output" ]
    cat "$data" >&9
    exec 9>&-
    wait $!
    [ "$(readlink run/last)" = step-2 ]
}

# Starts a long run, sends it the signal after its third record, and leaves its status in $status.
stopped_by() {
    mkfifo "metrics.$1"
    sft-train -m "$base" -o "run-$1" --steps 100000 --schedule constant --batch 4 --save-every 1000 "$data" \
        > "metrics.$1" &
    local pid=$!
    status=0
    { head -n 3; kill "-$1" $pid; cat; } < "metrics.$1" > "records.$1"
    wait $pid || status=$?
}

@test "sft-train: SIGTERM and SIGINT let the step end, save it and end the program; then it goes on" {
    stopped_by TERM
    [ "$status" = 143 ]
    n=$(tail -n 1 records.TERM | jq .global_step)
    [ "$(readlink run-TERM/last)" = "step-$n" ]
    sft-train -o run-TERM --resume --steps $((n + 2)) --schedule constant --batch 4 | jq -s length | grep -qx 2
    sft-train -m "$base" -o whole --steps $((n + 2)) --schedule constant --batch 4 "$data" > /dev/null
    same_end whole run-TERM
    stopped_by INT
    [ "$status" = 130 ]
    [ "$(readlink run-INT/last)" = "step-$(tail -n 1 records.INT | jq .global_step)" ]
}

@test "sft-train: a signal while records are read ends it at once, and the run has no data" {
    mkfifo records
    sft-train -m "$base" -o run --steps 2 $common records > /dev/null &
    pid=$!
    exec 9> records
    head -n 3 "$data" >&9
    until [ -e run/lock ]; do sleep 0.01; done
    kill -TERM $pid
    status=0
    wait $pid || status=$?
    exec 9>&-
    [ "$status" = 143 ]
    [ "$(ls run)" = lock ]
}

@test "sft-train: a loss that is no number ends the run; the last checkpoint stays" {
    run -1 --separate-stderr sft-train -m "$base" -o run --steps 100 --batch 4 --save-every 2 --lr 10 --weight-decay 10 \
        --warmup 0 --schedule constant "$data"
    [[ "$stderr" =~ ^'sft-train: step '([0-9]+)': the loss is '[^-]*", its gradient's norm nan; the last checkpoint stays"$ ]]
    n=$((BASH_REMATCH[1] - 1))
    [ "${#lines[@]}" = $n ]
    [ "$(readlink run/last)" = "step-$((n / 2 * 2))" ]
    model-info run
}

@test "sft-train: standard output that cannot be written ends the run; the last checkpoint stays" {
    sft-train -m "$base" -o run --steps 2 $common "$data" > /dev/null
    run -1 --separate-stderr bash -c 'sft-train -o run --resume --steps 6 '"$common"' > /dev/full'
    [ "$stderr" = "sft-train: stdout: No space left on device" ]
    [ "$(readlink run/last)" = step-2 ]
}

@test "sft-train: a checkpoint that cannot be written ends the run; the one before stays" {
    sft-train -m "$base" -o run --steps 2 $common "$data" > /dev/null
    run -1 --separate-stderr bash -c 'trap "" XFSZ; ulimit -f 100; sft-train -o run --resume --steps 4 '"$common"
    [ "$stderr" = "sft-train: run/step-4.tmp/model.safetensors: File too large" ]
    [ "$(ls run | tr '\n' ' ')" = 'last lock spool step-2 ' ]
    [ "$(readlink run/last)" = step-2 ]
}

@test "sft-train: a full disk ends the run; the step before stays, and is gone on from" {
    mkdir disk
    mount -t tmpfs -o size=1500k none disk 2> /dev/null || skip "needs to mount a tmpfs"
    sft-train -m "$base" -o disk/run --steps 2 $common "$data" > /dev/null
    dd if=/dev/zero of=disk/fill bs=1k 2> /dev/null || true
    run --separate-stderr sft-train -o disk/run --resume --steps 4 $common
    held=$(ls disk/run | tr '\n' ' ')
    rm disk/fill
    sft-train -o disk/run --resume --steps 4 $common > /dev/null
    link=$(readlink disk/run/last)
    umount disk
    [ "$status" = 1 ]
    [[ "$stderr" == "sft-train: disk/run/step-4.tmp"*": No space left on device" ]]
    [ "$held" = 'last lock spool step-2 ' ]
    [ "$link" = step-4 ]
}

@test "sft-train: --valid makes the step with the least loss the best" {
    sft-train -m "$base" -o run --steps 8 --batch 4 --lr 0.05 --warmup 0 --schedule constant --save-every 3 \
        --valid "$valid" --eval-every 2 "$data" > metrics
    [ "$(jq -c 'select(has("eval_loss")) | .global_step' metrics | tr '\n' ' ')" = '2 4 6 8 ' ]
    [ "$(jq -c 'select(has("eval_loss")) | keys_unsorted' metrics | sort -u)" = \
      '["global_step","eval_loss","eval_entropy","eval_mean_token_accuracy"]' ]
    best=$(jq -s 'map(select(has("eval_loss"))) | min_by(.eval_loss) | .global_step' metrics)
    [ "$(readlink run/best)" = "step-$best" ]
    jq -es --slurpfile s run/last/state.json '
        map(select(has("eval_loss"))) | min_by(.eval_loss) | .eval_loss == $s[0].best and .global_step == $s[0].best_step' metrics
    model-info run/best
    # the link is mended where a stop came between a step and its link
    cp -r run broken
    rm -rf broken/step-* broken/best
    cp -r run/best/ broken/step-$best
    ln -sfn step-$best broken/last
    sft-train -o broken --resume --steps $best --batch 4 --lr 0.05 --warmup 0 --schedule constant > /dev/null
    [ "$(readlink broken/best)" = "step-$best" ]
}

@test "sft-train: takes messages and strings as TRL does, to the same examples" {
    jq -c '{messages: (.prompt + .completion)}' "$data" > messages.jsonl
    jq -c '{prompt: .prompt[0].content, completion: .completion[0].content}' "$data" > strings.jsonl
    sft-train -m "$base" -o one --steps 1 $common "$data" > /dev/null
    sft-train -m "$base" -o two --steps 1 $common messages.jsonl > /dev/null
    sft-train -m "$base" -o three --steps 1 $common strings.jsonl > /dev/null
    cmp one/spool two/spool
    cmp one/spool three/spool
    same_end one two
}

@test "sft-train: leaves out long examples and counts them" {
    { cat "$data"; jq -nc '{prompt: ("long " * 50), completion: "x"}'; } > more.jsonl
    run --separate-stderr sft-train -m "$base" -o run --steps 1 $common --max-tokens 40 more.jsonl
    [ "$status" = 0 ]
    [ "$stderr" = "sft-train: 1 examples of more than 40 tokens are left out" ]
    sft-train -m "$base" -o other --steps 1 $common --max-tokens 40 "$data" > /dev/null
    cmp run/spool other/spool
    run -1 --separate-stderr sft-train -m "$base" -o none --steps 1 $common --max-tokens 3 "$data"
    [ "$stderr" = "sft-train: $data: no example has at most 3 tokens" ]
}

@test "sft-train: --minutes ends a run, saved" {
    timeout 20 sft-train -m "$base" -o run --minutes 0.005 --schedule constant --batch 4 --save-every 1000000 "$data" > metrics
    [ "$(readlink run/last)" = "step-$(tail -n 1 metrics | jq .global_step)" ]
    [ "$(wc -l < metrics)" -gt 4 ]
}

@test "sft-train: names file and line of a bad record" {
    fails() {
        run -1 --separate-stderr sft-train -m "$base" -o run --steps 1 - <<< "$1"
        [[ "$stderr" == "sft-train: -:1: "$2 ]] || { echo "$stderr"; false; }
        [ "$(ls run)" = lock ]
    }
    neither='no "prompt" and "completion", nor "messages" that end with the assistant'\''s'
    fails '{"prompt":' 'column *'
    fails '[]' 'not a JSON object'
    fails '{"prompt":"a"}' "$neither"
    fails '{"messages":[{"role":"assistant","content":"a"}]}' "$neither"
    fails '{"messages":[{"role":"assistant","content":"a"},{"role":"user","content":"a"}]}' "$neither"
    fails '{"prompt":"","completion":"a"}' 'the prompt is empty'
    fails '{"prompt":[{"role":"user","content":"a"}],"completion":[]}' '"completion": no messages'
    fails '{"prompt":[],"completion":"a"}' '"prompt": no messages'
    fails '{"prompt":"a","completion":[]}' '"completion": messages, behind a prompt that is a string'
    fails '{"prompt":[{"role":"user"}],"completion":"a"}' '"prompt": message 0: "content" is missing or not a string'
    fails '{"prompt":[{"role":"user","content":"a"}],"completion":[{"role":1,"content":"a"}]}' \
        '"completion": message 0: "role" is missing or not a string'
    printf '{"prompt":"a","completion":"b"}\n\nx\n' > in.jsonl
    run -1 --separate-stderr sft-train -m "$base" -o run in.jsonl
    [[ "$stderr" == "sft-train: in.jsonl:3: column 1: "* ]]
}

@test "sft-train: says what is wrong with its files" {
    fails() {
        local message=$1
        shift
        run -1 --separate-stderr sft-train --steps 1 "$@"
        [ "$stderr" = "sft-train: $message" ] || { echo "$stderr"; false; }
    }
    fails '-: no records' -m "$base" -o run < /dev/null
    fails '/dev/null: no records' -m "$base" -o run /dev/null
    fails 'none: No such file or directory' -m "$base" -o run none
    fails 'run holds no run; --model is missing' -o run "$data"
    fails 'none/config.json: No such file or directory' -m none -o run "$data"
    fails "$base: a model directory cannot be a run directory" -m "$base" -o "$base" "$data"
    touch file
    fails 'file/lock: Not a directory' -m "$base" -o file "$data"
    fails 'file/run: Not a directory' -m "$base" -o file/run "$data"
    fails 'run/spool: No such file or directory' -m "$base" -o run --resume
    echo > run/spool
    fails 'run/spool: not a spool' -m "$base" -o run --resume
    rm run/spool
    model-init --quiet --vocab 100 --hidden 8 --layers 1 --heads 1 -o small
    fails 'small/tokenizer.json: No such file or directory' -m small -o run "$data"
    cp "$base/tokenizer.json" small
    fails 'the tokenizer has no chat template' -m small -o run "$data"
    cp "$base/tokenizer_config.json" small
    run -1 --separate-stderr sft-train -m small -o run "$data"
    [[ "$stderr" =~ ^"sft-train: $data:1: token "[0-9]+" is not one of the model's 100"$ ]]
    sft-train -m "$base" -o run --steps 2 $common "$data" > /dev/null
    mkdir new
    cp run/spool new
    fails 'new/spool: not a spool, or damaged' -m small -o new --resume
    printf '\x01' | dd of=run/spool bs=1 seek=60 conv=notrunc status=none
    fails 'run/spool: not a spool, or damaged' -o run --resume $common
    rm run/last/exp_avg.safetensors
    fails 'run/last/exp_avg.safetensors: No such file or directory' -o run --resume $common
    echo '{"global_step":2}' > run/last/state.json
    fails 'run/last/state.json: "optimizer_step" is missing or not a number' -o run --resume $common
    echo '{' > run/last/state.json
    run -1 --separate-stderr sft-train -o run --resume
    [[ "$stderr" == "sft-train: run/last/state.json:2: "* ]]
}

@test "sft-train: --lora-rank trains an adapter alone, in PEFT's layout" {
    sft-train -m "$base" -o run --lora-rank 2 --lora-targets q_proj,down_proj --steps 4 $common "$data" > metrics
    jq -es '.[3].loss < .[0].loss' metrics
    sft-train -m "$base" -o full --steps 1 $common "$data" | jq -e --slurpfile m metrics '.loss == $m[0].loss'
    [ "$(ls run/last)" = "$(printf '%s\n' adapter_config.json adapter_model.safetensors exp_avg.safetensors $(
        )exp_avg_sq.safetensors state.json tokenizer.json tokenizer_config.json)" ]
    jq -e --arg base "$(realpath "$base")" '.peft_type == "LORA" and .r == 2 and .lora_alpha == 4 and .bias == "none" and
        .target_modules == ["q_proj", "down_proj"] and .base_model_name_or_path == $base' run/last/adapter_config.json
    n=$(od -An -tu8 -N8 run/last/adapter_model.safetensors)
    head -c $((8 + n)) run/last/adapter_model.safetensors | tail -c +9 | jq -e 'keys | . == ["__metadata__"] + ([0, 1] | map(
        "base_model.model.model.layers.\(.).\("mlp.down_proj", "self_attn.q_proj").\("lora_A", "lora_B").weight") | sort)'
    [ "$(model-info run | jq .parameters)" = "$(model-info "$base" | jq .parameters)" ]
    [ "$(model-info run | jq .hash)" != "$(model-info "$base" | jq .hash)" ]
}

@test "sft-train: a run of an adapter stops and goes on, at any number of threads, with less memory, to the same bytes" {
    lora="--lora-rank 3 $common"
    sft-train -m "$base" -o one --steps 6 $lora --threads 1 "$data" > /dev/null
    sft-train -m "$base" -o two --steps 3 $lora --threads 3 --gradient-checkpointing "$data" > /dev/null
    sft-train -o two --resume --steps 6 $lora > /dev/null
    same_end one two
}

@test "sft-train: an adapter is trained on as it is" {
    sft-train -m "$base" -o one --lora-rank 2 --steps 2 $common "$data" > /dev/null
    sft-train -m one -o two --steps 2 $common "$data" > /dev/null
    jq -e '.r == 2' two/last/adapter_config.json
    run ! cmp one/last/adapter_model.safetensors two/last/adapter_model.safetensors
    run -1 --separate-stderr sft-train -m one -o three --lora-rank 2 --steps 2 $common "$data"
    [ "$stderr" = "sft-train: one/last is an adapter, which is trained as it is; leave out --lora-rank" ]
    [ ! -e three/last ]
}

@test "sft-train: an adapter may name its matrices with the paths to them, and leave the tokenizer to its base" {
    sft-train -m "$base" -o run --lora-rank 2 --steps 1 $common "$data" > /dev/null
    cp -r run/last/ peft
    rm peft/tokenizer*.json
    jq '.target_modules |= [range(2) as $i | .[] | "model.layers.\($i).\(.)"]' run/last/adapter_config.json > peft/adapter_config.json
    rollout -m peft -n 1 --max-tokens 9 "$data" | cmp - <(rollout -m run -n 1 --max-tokens 9 "$data")
    sft-train -m peft -o on --steps 1 $common "$data" > /dev/null
    cmp on/last/tokenizer.json "$base/tokenizer.json"
}

@test "sft-train: refuses an adapter that asks for more than plain LoRA" {
    sft-train -m "$base" -o run --lora-rank 2 --steps 1 $common "$data" > /dev/null
    cp -r run/last/ ok
    fails() {
        rm -rf bad
        cp -r ok bad
        jq "$2" ok/adapter_config.json > bad/adapter_config.json
        run -1 --separate-stderr model-info bad
        [ "$stderr" = "model-info: bad/adapter_$1" ] || { echo "$stderr"; false; }
    }
    fails 'config.json: "peft_type" "IA3" is not supported (LORA is)' '.peft_type = "IA3"'
    fails 'config.json: "use_dora" is not supported' '.use_dora = true'
    fails 'config.json: "modules_to_save" is not supported' '.modules_to_save = ["lm_head"]'
    fails 'config.json: "rank_pattern" is not supported' '.rank_pattern = {q_proj: 3}'
    fails 'config.json: "bias" "all" is not supported' '.bias = "all"'
    fails 'config.json: "r" is not a whole number from 1 to 4096' '.r = 0'
    fails 'config.json: "lora_alpha" is missing or not a number' 'del(.lora_alpha)'
    fails 'config.json: "base_model_name_or_path" is missing or not a string' 'del(.base_model_name_or_path)'
    matrices="is not a matrix that can be adapted (q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj are)"
    fails "config.json: \"target_modules\": \"lm_head\" $matrices" '.target_modules = ["q_proj", "lm_head"]'
    fails 'config.json: "target_modules" is missing or not a list of names (an expression is not supported)' \
        '.target_modules = ".*_proj"'
    fails "model.safetensors: tensor base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight: its shape is $(
        )[2, 32], not [3, 32]" '.r = 3'
    jq '.target_modules = "all-linear" | .use_rslora = true' ok/adapter_config.json > bad/adapter_config.json
    cp ok/adapter_model.safetensors bad
    [ "$(model-info bad | jq .hash)" != "$(model-info ok | jq .hash)" ]
    jq '.base_model_name_or_path = "none"' ok/adapter_config.json > bad/adapter_config.json
    run -1 --separate-stderr model-info bad
    [ "$stderr" = "model-info: none/config.json: No such file or directory" ]
}

@test "sft-train: --profile tells where the time of a step went" {
    sft-train -m "$base" -o run --steps 2 --profile "$data" > metrics
    jq -es 'all(.[]; (.parts | keys) == ["attention","loss","optimizer","other","products","rows"] and
                     (.parts | all(.[]; . >= 0)) and .parts.products > 0 and
                     ((.parts | add) - .step_time | fabs) < 1e-5 * .step_time)' metrics
    checks metrics "metric record,metric record of sft-train"
}

@test "sft-train: --products bf16 learns alike, at any number of threads to the same bytes" {
    sft-train -m "$base" -o exact --steps 6 $common "$data" > exact.metrics
    for n in 1 3; do sft-train -m "$base" -o "run-$n" --steps 6 $common --products bf16 --threads $n "$data" > metrics; done
    same_end run-1 run-3
    run ! cmp exact/last/model.safetensors run-1/last/model.safetensors
    jq -es --slurpfile e exact.metrics '
        . as $m | all(range(length); ($m[.].loss / $e[.].loss - 1 | fabs) < 0.01 and
                                     ($m[.].grad_norm / $e[.].grad_norm - 1 | fabs) < 0.05)' metrics
    run -1 --separate-stderr sft-train -o run-1 --resume --steps 8 $common
    [[ "$stderr" == "sft-train: this run was begun with another --products; "* ]]
    sft-train -o run-1 --resume --steps 8 $common --products bf16 > /dev/null
}

@test "sft-train: --dry-run tells the memory that the run then takes" {
    [ -z "${ASAN_OPTIONS-}" ] || skip "AddressSanitizer takes memory of its own"
    model-init --quiet --tokenizer "$base" --hidden 256 --layers 6 --heads 4 --vocab 8192 -o wide
    for k in {1..40}; do jq -nc --argjson k $k '{prompt: ("some words " * $k), completion: ("and more " * 9)}'; done > long.jsonl
    for options in "--leaves 1" "--leaves 4 --gradient-checkpointing" "--lora-rank 8 --leaves 2" \
                   "--lora-rank 8 --leaves 1 --gradient-checkpointing"; do
        options="--batch 20 --steps 2 $options"
        told=$(sft-train --dry-run -m wide $options long.jsonl | jq .total)
        rm -rf run
        took=$(sft-train -m wide -o run $options long.jsonl | tail -n 1 | jq .peak_rss)
        awk "BEGIN { r = $told / $took; exit !(r > 0.9 && r < 1.1) }" || { echo "$options: $told, not $took"; false; }
    done
    sft-train --dry-run -m wide --batch 20 long.jsonl > told
    jq -e '.total == .weights + .frozen + .gradients + .moments + .activations + .other' told
    [ -z "$(find "${TMPDIR:-/tmp}" -maxdepth 1 -name 'sft-train-*' -newer told)" ]
}

@test "sft-train: refuses wrong usage" {
    refuses() {
        local message=$1
        shift
        run -2 --separate-stderr sft-train "$@"
        [ "$stderr" = "sft-train: $message"$'\n'"Try 'sft-train --help'." ] || { echo "$stderr"; false; }
    }
    refuses '--output is missing' -m "$base" "$data"
    refuses '--model is missing' --dry-run "$data"
    refuses '--dry-run does not go with --resume' -m "$base" --dry-run --resume
    refuses '--lora-targets: "c_attn" is not a matrix that can be adapted (q_proj, k_proj, v_proj, o_proj, gate_proj, '$(
        )'up_proj, down_proj are)' -m "$base" -o run --lora-rank 2 --lora-targets q_proj,c_attn "$data"
    refuses '--leaves is 1, 2, 4 or 8' -m "$base" -o run --leaves 3 "$data"
    refuses '--minutes without --steps or --epochs needs --schedule constant' -m "$base" -o run --minutes 1 "$data"
    refuses "--resume reads no records, but there is '$data'" -o run --resume "$data"
    refuses "--lr takes a number from 0 to 10, not '11'" -o run --lr 11
    [ ! -e run ]
}

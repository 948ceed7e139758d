#!/bin/bash
# bench — how fast the programs are here: bench records (r2rec-records(5)) on stdout and in BENCH_OUT/bench.jsonl.
#
#   BENCH_OUT=out/bench BENCH_MODELS="demo small smollm2-135m" BENCH_USERS=2400 CASE=rollout pipelines/bench.sh
#
# CASE names the cases whose records are wanted, several by blanks; without it all are but load and growth, whose
# options are in bench-data.sh.
# Weights are random, data those of the demo's world. Filters run on one core, the others on all of them.
# shellcheck disable=SC2016,SC2046,SC2154
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
PATH="$root/bin:$root/bench:$PATH"
export LC_ALL=C
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE        # OpenBLAS is to see the core that is there
out=${BENCH_OUT:-out/bench}
work=$out/work threads=$(nproc)
trainers=({sft-train,lora,rl-update}{,-bf16}) generators=(sgemm start prefill decode rollout reward)
rm -rf "$work"
mkdir -p "$work"

# Sizes of the demo's model and steps, which demo.sh sets.
eval "$(grep -oE '\b(batch|hidden|layers|heads|kv_heads|vocab|rl_prompts)=[0-9]+' "$root/pipelines/demo.sh")"
eval "$(grep -E '^prompt_options=' "$root/pipelines/demo.sh")"

# The model's sizes, as options of model-init.
shape() {
    case $1 in
        small) echo --hidden 256 --layers 8 --heads 8 --kv-heads 4 --intermediate 704 --vocab 4096 ;;
        demo) echo --hidden "$hidden" --layers "$layers" --heads "$heads" --kv-heads "$kv_heads" ;;
        smollm2-135m) echo --hidden 576 --layers 30 --heads 9 --kv-heads 3 --intermediate 1536 --vocab 49152 \
            --rope-theta 100000 ;;
    esac
}

# The work: examples of a step and steps of sft-train; prompts, and tokens of a sample, of rollout; tokens of a prompt,
# and samples, of decode and rl-update; groups of decode.
size() {
    case $1 in
        demo) echo "$batch" 8 "$rl_prompts" 128 200 16 16 ;;
        small) echo 8 6 16 64 400 16 16 ;;
        smollm2-135m) echo 4 4 2 32 600 8 4 ;;
    esac
}

# wanted CASE...: whether one of them is.
wanted() {
    local case
    for case; do [[ -n ${CASE:-} && " $CASE " != *" $case "* ]] || return 0; done
    return 1
}

# timed OUTPUT COMMAND...: the command's output, and in work/time what measure writes.
timed() {
    local file=$work/$1
    shift
    echo "+ $*" >&2
    measure "$work/time" "$@" > "$file"
}

# filter CASE RECORDS OUTPUT COMMAND...: a record of a filter, the best of three runs. RECORDS is the file that has
# those counted, in or out. Where `alone` is set, jansson runs with these arguments in turn with it. What is not wanted
# runs once if its output is `needed`.
filter() {
    local case=$1 counted=$work/$2 file=$3
    shift 3
    wanted "$case" || [ -n "${needed:-}" ] || return 0
    for run in 1 2 3; do
        timed "$file" "$@"
        mv "$work/time" "$work/time.$run"
        wanted "$case" || return 0
        [ -n "${alone:-}" ] || continue
        timed none jansson $alone
        mv "$work/time" "$work/alone.$run"
    done
    jq -sc --arg case "$case" --argjson n "$(wc -l < "$counted")" --slurpfile alone <(cat "$work"/alone.[123] 2> /dev/null) '
        (map(.cpu_seconds) | min) as $cpu | min_by(.seconds) | {case: $case, threads: 1, records_per_second: ($n / .seconds)} + .
        + if $alone == [] then {} else {share_of_jansson: (($alone | map(.cpu_seconds) | min) / $cpu)} end' "$work"/time.[123]
    rm -f "$work"/alone.[123]
}

# chains T OUTPUT CASES: chainsample's record with T chains for each case.
chains() {
    filter chainsample "$2" "$2" chainsample --quiet --threads 1 --chains "$1" --cases "$3" "$work/g.graph" \
        > "$work/chainsample.jsonl"
    [ -s "$work/chainsample.jsonl" ] || return 0
    jq -c --argjson t "$1" --argjson n "$(jq -n '[inputs.drawn] | add' "$work/$2")" \
        '.chains = $t | .chains_per_second = $n / .seconds' "$work/chainsample.jsonl"
}

# lean N: scored records of N cases with 20 candidates: items and scores alone.
lean() {
    awk -v n="$1" 'BEGIN {
        srand(1)
        for (i = 1; i <= n; i++) {
            items = scores = ""; comma = ""; first = int(rand() * 3000)
            for (k = 0; k < 20; k++) {
                items = items comma "{\"item\":\"" (first + 149 * k) % 3000 "\"}"
                scores = scores comma sprintf("%.6f", rand())
                comma = ","
            }
            printf "{\"id\":\"%d#1\",\"candidates\":[%s],\"target\":%d,\"scores\":[%s]}\n", i, items, int(rand() * 20), scores
        }
    }'
}

# What jq needs to know: products of a group's forward, where one prompt of p tokens is read once and s samples of
# c tokens go on from it, with logits for the samples' tokens only. A multiplication and an addition are two.
forward='def forward($p; $s; $c): .hidden_size as $h | (.num_attention_heads * .head_dim) as $q
    | (2 * $q * $h + 2 * .num_key_value_heads * .head_dim * $h + 3 * $h * .intermediate_size) as $layer
    | 2 * .num_hidden_layers * $layer * ($p + $s * $c) + 2 * $h * .vocab_size * $s * $c
      + 4 * .num_hidden_layers * $q * ($p * $p / 2 + $s * $c * ($p + $c / 2));'

# trained CASE MODEL RATE FLOPS: a record; RATE and FLOPS, per token, are expressions of jq.
trained() {
    jq -c --arg case "$1" --arg model "$2" --argjson threads "$threads" --argjson peak "$peak" \
        --slurpfile time "$work/time" "$forward ($3) as \$rate | ($4) as \$flops | {case: \$case, model: \$model,
        threads: \$threads, tokens_per_second: \$rate, flops_per_token: \$flops,
        share_of_sgemm: (\$rate * \$flops / 1e9 / \$peak)} + \$time[0]" "$work/$2/config.json"
}

# trains CASE MODEL FLOPS COMMAND...: a trainer's record: medians over the steps but the first, in which memory is touched.
trains() {
    local case=$1 model=$2 flops=$3
    shift 3
    wanted "$case" || return 0
    timed metrics "$@"
    rm -r "$work/run"
    jq -sc 'def median: sort | .[length / 2 | floor]; .[1:] as $steps | {rate: [$steps[].tokens_per_second] | median,
        parts: ($steps[0].parts | with_entries(.key as $k | .value = ([$steps[].parts[$k]] | median)))}' "$work/metrics" \
        > "$work/medians"
    trained "$case" "$model" "$(jq .rate "$work/medians")" "$flops" | jq -c --slurpfile m "$work/medians" '.parts = $m[0].parts'
}

# pieces DIR N TOKENS: N texts of so many tokens, none like another.
pieces() {
    head -n 1000 "$work/texts.jsonl" | tokenize -m "$1" | jq -sc --argjson n "$2" --argjson p "$3" \
        '[.[].tokens[]] as $all | range($n) as $i | {tokens: $all[$i * $p:($i + 1) * $p]}' |
        tokenize --decode -m "$1"
}

# texts DIR N TOKENS: N prompts of so many tokens.
texts() { pieces "$@" | jq -c '{prompt: .text}'; }

# examples DIR N P C: N prompts of P tokens with completions of C, their end among them.
examples() {
    paste -d' ' <(texts "$1" "$2" "$3") <(pieces "$1" "$2" $(($4 - 1)) | jq -c '{completion: .text}') | jq -sc '
        range(0; length; 2) as $i | .[$i] + .[$i + 1]'
}

# group DIR P S C: a rewarded group of a prompt of P tokens and S samples of C, half of them with a reward.
group() {
    pieces "$1" "$3" "$4" | tokenize -m "$1" | jq -sc --slurpfile prompt <(texts "$1" 1 "$2") '{id: "1", model: "",
        prompt: $prompt[0].prompt, samples: [to_entries[] | {tokens: .value.tokens, reward: (.key % 2), parts: {},
        logprobs: (.value.tokens | map(-8))}]}'
}

# generation NAME PROMPT SAMPLES GROUPS: what the parts of rollout take with each kind of weights.
generation() {
    echo '{"prompt":"A"}' > "$work/short.jsonl"
    texts "$work/$1" $(($4 + 9)) "$2" > "$work/some.jsonl"
    for n in 1 8 $(($4 + 1)); do head -n "$n" "$work/some.jsonl" > "$work/prompts.$n"; done
    for weights in fp32 bf16 int8; do
        parts "$@" "$weights" | jq -c --arg w "$weights" '{case, model, weights: $w} + .'
    done
}

# parts NAME PROMPT SAMPLES GROUPS WEIGHTS: start is the first token of a short prompt, best of three; prefill reads
# eight prompts; decode samples 60 tokens of so many groups, one after another. Neither counts the time of the start, and
# decode none of a first group, after which weights are laid out. That of one token each tells decoding from reading.
parts() {
    local p=$2 s=$3 g=$4 c n tokens start roll=(rollout --quiet -m "$work/$1" --no-scores --weights "$5")
    for run in 1 2 3; do
        timed generated.jsonl "${roll[@]}" -n 1 --max-tokens 1 "$work/short.jsonl"
        mv "$work/time" "$work/time.$run"
    done
    jq -sc --arg model "$1" --argjson threads "$threads" \
        'min_by(.seconds) | {case: "start", model: $model, threads: $threads} + .' "$work"/time.[123]
    start=$(jq -s 'map(.seconds) | min' "$work"/time.[123])
    timed generated.jsonl "${roll[@]}" -n 1 --max-tokens 1 "$work/prompts.8"
    trained prefill "$1" "8 * $p / (\$time[0].seconds - $start)" "forward($p; 1; 1) / $p"
    roll+=(-n "$s" --batch "$s")
    for tokens in 1 60; do
        for n in 1 $((g + 1)); do
            timed generated.jsonl "${roll[@]}" --max-tokens "$tokens" "$work/prompts.$n"
            cp "$work/time" "$work/time.$tokens.$n"
        done
    done
    c=$(jq -n "[inputs.samples[].tokens | length] | add / (($g + 1) * $s)" "$work/generated.jsonl")
    trained decode "$1" "$g * $s * $c / ($(less 60 "$g"))" "forward($p; $s; $c) / ($s * $c)" |
        jq -c ".decoded_per_second = $g * $s * ($c - 1) / ($(less 60 "$g") - ($(less 1 "$g")))"
}

# less TOKENS GROUPS: seconds of all groups but the first.
less() {
    echo "$(jq .seconds "$work/time.$1.$(($2 + 1))") - $(jq .seconds "$work/time.$1.1")"
}

# training NAME: sft-train of all weights and of an adapter on examples of 400 + 112 tokens; rl-update on a group whose
# samples have 120. Each in fp32, and with products of bf16.
training() {
    local dir=$work/$1 p=400 c=112 run=(-m "$work/$1" -o "$work/run" --profile) type sft
    examples "$dir" $((examples * steps)) $p $c > "$work/examples.jsonl"
    group "$dir" "$prompt" "$samples" 120 > "$work/group.jsonl"
    for type in "" -bf16; do
        run+=(${type:+--products bf16})
        sft=(sft-train --quiet "${run[@]}" --steps "$steps" --batch "$examples" --leaves 1 --rows 1024)
        trains "sft-train$type" "$1" "3 * forward($p; 1; $c) / ($p + $c)" "${sft[@]}" "$work/examples.jsonl"
        trains "lora$type" "$1" "2 * forward($p; 1; $c) / ($p + $c)" "${sft[@]}" --lora-rank 16 "$work/examples.jsonl"
        trains "rl-update$type" "$1" "3 * forward($prompt; $samples; 120) / ($samples * 120)" \
            rl-update "${run[@]}" --off-policy --epochs "$steps" "$work/group.jsonl"
    done
}

# model NAME: its products, then the trainers, rollout, and what rollout's parts take.
model() {
    local dir=$work/$1 peak examples steps prompts tokens prompt samples groups p c s=8
    read -r examples steps prompts tokens prompt samples groups < <(size "$1")
    model-init --quiet --tokenizer "$work/tokenizer.json" $(shape "$1") -o "$dir"
    sgemm "$1" "$dir" | tee "$work/sgemm.jsonl"
    peak=$(jq -s 'map(.sgemm) | max' "$work/sgemm.jsonl")
    if wanted start prefill decode; then generation "$1" "$prompt" "$samples" "$groups"; fi
    if wanted "${trainers[@]}"; then training "$1"; fi
    wanted rollout reward || return 0

    head -n "$prompts" "$work/prompts.jsonl" > "$work/some.jsonl"
    timed "$1.rollouts.jsonl" rollout --quiet -m "$dir" -n $s --no-scores --max-tokens "$tokens" --batch 128 \
        "$work/some.jsonl"
    p=$(jq -c '{text: .prompt[0].content}' "$work/some.jsonl" | tokenize -m "$dir" | jq -s 'map(.tokens | length) | add / length')
    c=$(jq -n "[inputs.samples[].tokens | length] | add / ($prompts * $s)" "$work/$1.rollouts.jsonl")
    trained rollout "$1" "$prompts * $s * $c / \$time[0].seconds" "forward($p; $s; $c) / ($s * $c)"
}

# shellcheck source=pipelines/bench-data.sh
. "$root/pipelines/bench-data.sh"

run() {
    local g=$work/g.graph case
    for case in ${CASE:-}; do
        if [ "$case" = load ]; then loads; fi
        if [ "$case" = growth ]; then growth; fi
    done
    wanted graphload candidates chainsample maskprompt baseline evaluate tokenize "${generators[@]}" "${trainers[@]}" ||
        return 0
    graphsynth --quiet --users "${BENCH_USERS:-2400}" > "$work/graph.jsonl"
    graphload --quiet -o "$g" "$work/graph.jsonl"
    filter graphload graph.jsonl loaded.jsonl graphload --quiet "$work/graph.jsonl"
    needed=1 filter candidates cases.jsonl cases.jsonl candidates --quiet --shuffle --limit 20000 "$g"
    head -n 1000 "$work/cases.jsonl" > "$work/few.jsonl"
    chains 1000 million.jsonl "$work/few.jsonl"
    needed=1 chains 20 chains.jsonl "$work/cases.jsonl"
    needed=1 alone="print $work/chains.jsonl" filter maskprompt prompts.jsonl prompts.jsonl \
        maskprompt $prompt_options "$work/chains.jsonl"
    filter baseline scored.jsonl scored.jsonl \
        baseline --quiet --threads 1 --model pop --graph "$g" "$work/cases.jsonl"
    ! wanted evaluate || lean 100000 > "$work/lean.jsonl"
    alone="parse $work/lean.jsonl" filter evaluate lean.jsonl evaluated.jsonl evaluate "$work/lean.jsonl"
    bpe-train --quiet --vocab "$vocab" --limit 2000 "$work/prompts.jsonl" > "$work/tokenizer.json"
    jq -c '{text: .prompt[0].content}' "$work/prompts.jsonl" > "$work/texts.jsonl"
    filter tokenize texts.jsonl tokens.jsonl tokenize -m "$work/tokenizer.json" "$work/texts.jsonl"
    wanted "${generators[@]}" "${trainers[@]}" || return 0
    for name in ${BENCH_MODELS:-demo small smollm2-135m}; do model "$name"; done
    [ -e "$work/demo.rollouts.jsonl" ] || return 0
    for _ in {1..20}; do cat "$work/demo.rollouts.jsonl"; done > "$work/rollouts.jsonl"
    alone="print $work/rollouts.jsonl" filter reward rollouts.jsonl rewarded.jsonl reward "$work/rollouts.jsonl"
}

# Three decimals of small numbers, none of large ones.
cases=${CASE:-}
short='select($cases == "" or (.case | IN($cases | splits(" ")))) | walk(if type != "number" then . elif . < 1000 then . * 1000 | round / 1000 else round end)'
run | jq --unbuffered -c --arg cases "$cases" "$short" | tee "$work/bench.jsonl"
mv "$work/bench.jsonl" "$out/bench.jsonl"
rm -rf "$work"

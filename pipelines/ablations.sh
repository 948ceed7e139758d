#!/bin/bash
# ablations — is RL doing anything, and what is each part of the road worth? Arms that differ from the full road in
# one thing, on the same test cases of a synthetic world.
#
#   MINUTES=75 SEEDS=1 ARMS= OUT=out/ablations pipelines/ablations.sh
#   MINUTES   for everything; the steps of training follow from it and from rates that are measured on the way. RL takes
#             as long as SFT, and sft-continued as long as both. A folder keeps its steps (OUT/plan.*)
#   SEEDS     each a world, its cases and a model; "1 2 3" are reported one by one and pooled
#   ARMS      full, and of those in arm() below; all of them
#   USERS=4000 CASES=20000 TEST=2500    of a world, cases for training, at most so many for the test
#   HIDDEN=64 LAYERS=3 BATCH=16 LR=0.004    of the model and of SFT
#   PER_STEP=64 GROUP=8 RL_LR=0.0001 BETA=0.04    of RL: prompts of an iteration, samples of each, rate, weight of KL
#   CONTINUED_LR=    rate of sft-continued; that of RL
#   THREADS=0    of each program; 0 is all cores
#
# OUT/report.jsonl has a record of each arm for each seed and, where there are several, for all ("seed":null): what
# evaluate says of it, its paired test against full, and KL, format and entropy of the last RL iteration. What is done is
# not done again: a run that was killed goes on. One process works in OUT, a second one exits 75.
# shellcheck disable=SC2034,SC2086,SC2153,SC2154
seeds=${SEEDS-1} top=${OUT-out/ablations} threads="--threads ${THREADS-0}" batch=${BATCH-16} seed=${SEEDS-1}
arms=${ARMS-full sft-continued no-chains no-mask-order no-thoughts answer-only swapped no-sft no-rl hit-only dense-only}
[[ " $arms " == *" full "* ]] || arms="full $arms"
lr=${LR-0.004} rl_lr=${RL_LR-0.0001} out=$top
floors="random pop itemknn ease ease-recent chainvote logistic"
# shellcheck source=pipelines/steps.sh
. "$(dirname "$0")/steps.sh"
exec 9> "$top/lock"
flock -w 2 9 || { echo "ablations: $top: another process works here" >&2; exit 75; }

# prepare: a seed's world, cases, chains, tokenizer, untrained model, and the floors.
prepare() {
    local part model world="graphsynth --quiet --users ${USERS-4000} --seed $seed"
    make world.jsonl $world
    make test.cases.jsonl candidates --quiet --split test --seed $seed --shuffle --limit "${TEST-2500}" "$graph"
    make train.cases.jsonl candidates --quiet --split train --seed $seed --shuffle --limit "${CASES-20000}" "$graph"
    for part in test train; do
        make $part.chains.jsonl chainsample --quiet $threads --seed $seed --chains 20 --cases "$out/$part.cases.jsonl" "$graph"
    done
    for model in $floors; do
        case $model in
            ease) floor ease --model ease --lambda 250 ;;
            ease-recent) floor ease-recent --model ease --lambda 250 --recency 5 ;;
            logistic) floor logistic --quiet --model logistic --train "$out/train.chains.jsonl" ;;
            *) floor $model --model $model --seed $seed ;;
        esac
    done
    make scored/best.jsonl $world --score "$out/test.cases.jsonl"
    prompts chain
    make tokenizer.json bpe-train --vocab 512 --limit 2000 "$out/train.chain.jsonl"
    [ -e "$out/base/config.json" ] || model-init --quiet --tokenizer "$out/tokenizer.json" --hidden "${HIDDEN-64}" \
        --layers "${LAYERS-3}" --heads 4 --kv-heads 2 --seed $seed -o "$out/base"
}

# bare FILE: cases without anything of the graph but the history.
bare() {
    jq -c '.chains |= map([]) | .counts |= map(0) | .facts |= map_values(map(0)) | .drawn = 0' "$1"
}

# swapped FILE: prompts with the thoughts of the next record, visit by visit; verdicts and answers stay.
swapped() {
    jq -c --slurpfile first <(head -n 1 "$1") 'def lines: .completion[0].content | split("\n");
        def thought: (. // "") | capture("^[A-Z][0-9]+(?<it>.*) (yes|no)$").it;
        foreach (inputs, $first[0]) as $next ({next: .}; {record: .next, next: $next};
            .record + {completion: [.record.completion[0] + {content: [
                range(.record | lines | length) as $k | (.next | lines[$k]) as $other | .record | lines[$k] |
                first(($other | thought) as $t | thought as $own | sub($own; $t; "x")) // .] | join("\n")}]})' "$1"
}

# prompts VARIANT: of training and test.
prompts() {
    local part compact="maskprompt --template compact --history 1 --contenders 6"
    for part in test train; do
        case $1 in
            chain) make $part.chain.jsonl $compact "$out/$part.chains.jsonl" ;;
            no-chains)
                make titles.template sed 's/^{label}{level}{levels}{chains}$/{label} {title}/; s/^ {label}$/\\n{label} {title}/' \
                    "$root/pipelines/ablations.template"
                make $part.bare.jsonl bare "$out/$part.chains.jsonl"
                make $part.no-chains.jsonl maskprompt --template "$out/titles.template" --history 4 --contenders 20 \
                    --thoughts none "$out/$part.bare.jsonl" ;;
            no-mask-order) make $part.no-mask-order.jsonl ${compact/compact/$root/pipelines/ablations.template} "$out/$part.chains.jsonl" ;;
            no-thoughts) make $part.no-thoughts.jsonl $compact --thoughts none "$out/$part.chains.jsonl" ;;
            answer-only) make $part.answer-only.jsonl $compact --thoughts answer "$out/$part.chains.jsonl" ;;
            swapped) make $part.swapped.jsonl swapped "$out/$part.chain.jsonl" ;;
        esac
    done
}

# units: how many stages of training the arms take.
units() {
    tr ' ' '\n' <<< "$arms" | awk '/^(full|sft-continued|no-sft|hit-only|dense-only)$/ { n++; next } /./ && !/^no-rl$/ { n += 2 }
        END { print n + 1 }'
}

# each N COMMAND...: seconds that one of N steps takes.
each() {
    local n=$1 start=${EPOCHREALTIME/./}
    shift
    "$@" > /dev/null
    awk -v us=$((${EPOCHREALTIME/./} - start)) -v n="$n" 'BEGIN { print us / 1e6 / n }'
}

# plan STAGE COMMAND...: makes OUT/plan.STAGE, the steps of a stage and the seconds of one, from those of a few steps.
plan() {
    local stage=$1 n=$2 budget
    shift 2
    [ -e "$top/plan.$stage" ] || {
        budget=$(awk -v m="${MINUTES-75}" -v n=$(($(units) * $(wc -w <<< "$seeds"))) 'BEGIN { print 0.85 * 60 * m / n }')
        each $n "$@" | awk -v budget="$budget" -v n="$n" '{ steps = int(budget / $1); print (steps > n ? steps : n), $1 }' > "$top/plan.tmp"
        mv "$top/plan.tmp" "$top/plan.$stage"
    }
    read -r "${stage}_steps" "${stage}_rate" < "$top/plan.$stage"
}

# supervised VARIANT: the stage of SFT, on its prompts.
supervised() {
    prompts $1
    plan sft 10 sft-train -m "$out/base" -o "$out/probe/sft" --batch $batch --steps 10 $threads "$out/train.chain.jsonl"
    train models/sft.$1 base train.$1.jsonl --steps $sft_steps --lr $lr $threads
}

# loop N BASE PROMPTS RUN REWARD...: the loop.
loop() {
    local n=$1 base=$out/$2 prompts=$out/$3 run=$out/$4
    shift 4
    PER_STEP=${PER_STEP-64} ROLLOUT="-n ${GROUP-8} --max-tokens 80 --batch 128 $threads" REWARD="$*" \
        RL_UPDATE="--loss dr_grpo --max-tokens 80 --lr $rl_lr --beta ${BETA-0.04} --ref $base $threads" \
        "$root/pipelines/rl.sh" $n "$base" "$prompts" "$run"
}

# reinforced ARM BASE PROMPTS REWARD...: the stage of RL.
reinforced() {
    local arm=$1 start=$SECONDS
    shift
    plan rl 2 loop 2 models/sft.chain train.chain.jsonl probe/rl --rating 0
    [ -e "$out/models/$arm/seconds" ] || {
        echo "+ rl.sh $rl_steps $1 $2 models/$arm, reward $*" >&2
        loop $rl_steps "$1" "$2" "models/$arm" "${@:3}"
        echo $((SECONDS - start)) > "$out/models/$arm/seconds"
    }
}

# arm NAME: its model and its answers to the test cases.
arm() {
    local test=chain model=$1
    case $1 in
        no-chains | no-mask-order | no-thoughts | answer-only | swapped)
            supervised $1
            reinforced $1 models/sft.$1 train.$1.jsonl --rating 0
            test=$1 ;;
        no-rl) model=sft.chain ;;
        no-sft) reinforced $1 base train.chain.jsonl --rating 0 ;;
        hit-only) reinforced $1 models/sft.chain train.chain.jsonl --prob 0 --format 0 --grounding 0 ;;
        dense-only) reinforced $1 models/sft.chain train.chain.jsonl --hit 0 --format 0 --grounding 0 ;;
        sft-continued) train models/$1 models/sft.chain train.chain.jsonl --lr ${CONTINUED_LR-$rl_lr} --schedule constant \
            --steps "$(awk -v n=$rl_steps -v rl=$rl_rate -v sft=$sft_rate 'BEGIN { print int(n * rl / sft + 0.5) }')" $threads ;;
        full) reinforced $1 models/sft.chain train.chain.jsonl --rating 0 ;;
        *) echo "ablations: no such arm: $1" >&2; exit 2 ;;
    esac
    answers $1 models/$model test.$test.jsonl --max-tokens 80 --batch 128 $threads
}

# ends SEED...: how the RL of each arm ended, its last five iterations on average.
ends() {
    local arm seed
    for arm in $arms; do
        for seed in "$@"; do
            [ ! -e "$top/seed-$seed/models/$arm/metrics.jsonl" ] || tail -n 5 "$top/seed-$seed/models/$arm/metrics.jsonl"
        done | jq -sc --arg model $arm 'def mean(f): map(f) | add / length; select(. != []) | {model: $model, kl: mean(.kl),
            entropy: mean(.entropy), format: mean(."rewards/format/mean"), rl_steps: (map(.global_step) | max)}'
    done
}

# judged SEED SEED...: records of the report; the first is a seed, or null for all of those that follow.
judged() {
    local runs="" name of=$1
    shift
    for name in $floors best $arms; do runs="$runs $name=$out/scored/$name.jsonl"; done
    make evaluation.jsonl evaluate -k 1,5 --against full --bootstrap 2000 $runs
    ends "$@" | jq -sc --argjson seed $of --slurpfile all "$out/evaluation.jsonl" '(map({(.model): del(.model)}) | add) as $ends |
        ($all | map(select(.against) | {(.model): {against, difference, lo, hi, wins, losses, p, p_holm, ndcg5_difference,
            ndcg5_lo: .ndcg5_boot_lo, ndcg5_hi: .ndcg5_boot_hi, ndcg5_p: .ndcg5_boot_p, ndcg5_p_holm: .ndcg5_boot_p_holm}}) | add) as $tests |
        $all[] | select(.against | not) | {seed: $seed, model, n, hr1, lo, hi, ndcg5, ndcg5_lo, ndcg5_hi, valid, hr1_text} +
            $ends[.model] + {test: $tests[.model]}'
}

# pooled NAME: its scored cases of all seeds.
pooled() {
    for seed in $seeds; do
        jq -c --arg seed $seed 'del(.source, .prompt, .completion) | .id += "/" + $seed' "$top/seed-$seed/scored/$1.jsonl"
    done
}

# table: the report, for people.
table() {
    jq -r 'def r: if . then . * 1000 | round / 1000 else "" end; def p: if . then (if . < 0.001 then "<.001" else r end) else "" end;
        [.seed // "all", .model, .n, (.hr1, .lo, .hi, .ndcg5, .ndcg5_lo, .ndcg5_hi, .valid, .hr1_text, .kl, .format | r),
        (.test.difference | r), (.test.p | p), (.test.ndcg5_difference | r), (.test.ndcg5_p | p)] | @tsv' "$top/report.jsonl" |
        awk -F '\t' 'BEGIN { f = "%-5s %-14s %6s %6s %6s %6s %6s %6s %6s %6s %6s %6s %6s %7s %6s %7s %6s\n"
            printf f, "seed", "arm", "n", "HR@1", "low", "high", "NDCG@5", "low", "high", "valid", "text", "KL", "format", "-full", "p", "-full", "p" }
            { printf f, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17 }'
}

for seed in $seeds; do
    out=$top/seed-$seed graph=$out/world.jsonl
    mkdir -p "$out/scored" "$out/models" "$out/probe"
    prepare
    supervised chain
    for name in $arms; do arm $name; done
done
{
    for of in $seeds; do
        out=$top/seed-$of
        rm -f "$out/evaluation.jsonl"
        judged $of $of
    done
    if [[ $seeds == *" "* ]]; then
        out=$top/pooled
        rm -rf "$out"
        mkdir -p "$out/scored"
        for name in $floors best $arms; do make scored/$name.jsonl pooled $name; done
        judged null $seeds
    fi
} > "$top/report.tmp"
mv "$top/report.tmp" "$top/report.jsonl"
table

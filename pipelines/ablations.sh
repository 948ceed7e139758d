#!/bin/bash
# ablations — is RL doing anything, and what is each part of the road worth? Arms that differ from the full road in one
# thing, on the same test cases of a synthetic world, and the classical floors beside them.
#
#   MINUTES=75 SEEDS=1 ARMS= OUT=out/ablations pipelines/ablations.sh
#   MINUTES   for everything; the steps of training follow from it and from rates that are measured on the way
#             (OUT/rate.*, OUT/plan.*: a folder keeps its steps)
#   SEEDS     each a world, its cases and a model; those of "1 2 3" are reported one by one and pooled
#   ARMS      of those in `arm` below; all of them, and full in any case
#   USERS=2400 CASES=20000 TEST=2400    of a world; cases for training; test cases at most
#   TRACES=300 EPOCHS=8    cases with thoughts, as a teacher's are dear, and passes of SFT over them; RL needs none, and has
#             all cases. sft-continued goes on with the same traces for RL's time, and sft-chosen is its best step by loss
#             on validation cases; sft-more goes on as if there were thoughts for all cases
#   HIDDEN=64 LAYERS=3 BATCH=16 LR=0.004    of the model and of SFT
#   PER_STEP=64 GROUP=8 RL_LR=0.0003 BETA=0.1    of RL: prompts of an iteration, samples of each, rate, weight of KL
#   CONTINUED_LR=    rate of sft-continued and sft-more; that of RL
#   LAW=uniform      of the chains: under the default of chainsample their count alone is the order in which candidates stand
#   THREADS=0        of each program; 0 is all cores
#
# OUT/report.jsonl has a record of each arm for each seed and, where there are several, for all ("seed":null): what
# evaluate says of its scores and ("spoken") of its answers, with paired tests against full, whose differences are positive
# where the arm is better; KL, format and entropy of the last RL iterations. What is done is not done again: a run that was
# killed goes on. One process works in OUT, a second one exits 75.
# shellcheck disable=SC2034,SC2086,SC2153,SC2154
seeds=${SEEDS-1} top=${OUT-out/ablations} threads="--threads ${THREADS-0}" batch=${BATCH-16} seed=${SEEDS-1}
every="full sft-continued sft-chosen sft-more no-rl no-sft no-chains no-mask-order no-thoughts answer-only swapped"
every="$every hit-only dense-only hit-and-dense"
arms=${ARMS-$every}
[[ " $arms " == *" full "* ]] || arms="full $arms"
for name in $arms; do [[ " $every " == *" $name "* ]] || { echo "ablations: there is no arm $name" >&2; exit 2; }; done
lr=${LR-0.004} rl_lr=${RL_LR-0.0003} out=$top
floors="random pop itemknn ease ease-recent chainvote logistic"
# shellcheck source=pipelines/steps.sh
. "$(dirname "$0")/steps.sh"
exec 9> "$top/lock"
flock -w 2 9 || { echo "ablations: $top: another process works here" >&2; exit 75; }

# prepare: a seed's world, cases, chains, tokenizer, untrained model, and the floors.
prepare() {
    local part model world="graphsynth --quiet --users ${USERS-2400} --seed $seed"
    make world.jsonl $world
    make test.cases.jsonl candidates --quiet --split test --seed $seed --shuffle --limit "${TEST-2400}" "$graph"
    make train.cases.jsonl candidates --quiet --split train --seed $seed --shuffle --limit "${CASES-20000}" "$graph"
    make valid.cases.jsonl candidates --quiet --split valid --seed $seed --shuffle --limit 400 "$graph"
    for part in test train valid; do
        make $part.chains.jsonl chainsample --quiet $threads --seed $seed --chains 20 --law "${LAW-uniform}" \
            --facts follow,path,near20 --cases "$out/$part.cases.jsonl" "$graph"
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
                first(($other | thought) as $t | thought as $own | split($own) | join($t)) // .] | join("\n")}]})' "$1"
}

# prompts VARIANT: of training and test.
prompts() {
    local part compact="maskprompt --template compact --history 1 --contenders 5"
    for part in test train valid; do
        case $1:$part in
            chain:*) make $part.chain.jsonl $compact "$out/$part.chains.jsonl" ;;
            no-chains:t*)
                make titles.template sed 's/^{label}{level}{levels}{chains}$/{label} {title}/
                    s/^ {label}$/\\n{label} {title}/' "$root/pipelines/ablations.template"
                make $part.bare.jsonl bare "$out/$part.chains.jsonl"
                make $part.no-chains.jsonl maskprompt --template "$out/titles.template" --history 4 --contenders 20 \
                    --thoughts none "$out/$part.bare.jsonl" ;;
            no-mask-order:t*)
                make $part.no-mask-order.jsonl ${compact/compact/$root/pipelines/ablations.template} "$out/$part.chains.jsonl" ;;
            no-thoughts:t*) make $part.no-thoughts.jsonl $compact --thoughts none "$out/$part.chains.jsonl" ;;
            answer-only:t*) make $part.answer-only.jsonl $compact --thoughts answer "$out/$part.chains.jsonl" ;;
            swapped:t*) make $part.swapped.jsonl swapped "$out/$part.chain.jsonl" ;;
        esac
    done
}

# stages WHAT: how many stages of sft, or of rl, the arms take with all seeds; sft-continued and sft-more take RL's time,
# long samples and scores twice as much.
stages() {
    local arm sft=1 rl=0
    for arm in $arms; do
        case $arm in
            no-chains | no-mask-order | no-thoughts | answer-only | swapped) sft=$((sft + 1)) rl=$((rl + 1)) ;;
            no-rl | sft-chosen) ;;
            no-sft | dense-only | hit-and-dense) rl=$((rl + 2)) ;;
            *) rl=$((rl + 1)) ;;
        esac
    done
    echo $(($1 * $(wc -w <<< "$seeds")))
}

# each N COMMAND...: seconds that one of N steps takes.
each() {
    local n=$1 start=${EPOCHREALTIME/./}
    shift
    "$@" > /dev/null
    awk -v us=$((${EPOCHREALTIME/./} - start)) -v n="$n" 'BEGIN { print us / 1e6 / n }'
}

# measure STAGE N COMMAND...: OUT/rate.STAGE, the seconds that one of N steps takes.
measure() {
    local stage=$1 n=$2
    shift 2
    [ -e "$top/rate.$stage" ] || {
        rm -rf "$out/probe"
        mkdir "$out/probe"
        each $n "$@" > "$top/rate.tmp"
        mv "$top/rate.tmp" "$top/rate.$stage"
    }
    read -r "${stage}_rate" < "$top/rate.$stage"
}

# plan NAME: OUT/plan.sft, steps of SFT, by its passes over the traces, in at most a third of the time; or OUT/plan.rl, those
# of RL, in what is left, and of SFT that goes on for as long.
plan() {
    [ -e "$top/plan.$1" ] || {
        awk -v name="$1" -v sft="$sft_rate" -v rl="${rl_rate-1}" -v minutes="${MINUTES-75}" -v nsft="$(stages sft)" -v nrl="$(stages rl)" \
            -v passes=$((${EPOCHS-8} * ${TRACES-300} / batch)) 'function most(n, least) { return n > least ? int(n) : least }
            BEGIN {
                seconds = 0.85 * 60 * minutes
                steps = most(seconds / 3 / nsft / sft, 10)
                if (passes < steps) steps = passes
                iterations = most((seconds - nsft * sft * steps) / nrl / rl, 2)
                if (name == "sft") print steps; else print iterations, most(iterations * rl / sft, 1)
            }' > "$top/plan.tmp"
        mv "$top/plan.tmp" "$top/plan.$1"
    }
}

# supervised VARIANT: the stage of SFT, on the first of its prompts.
supervised() {
    prompts $1
    make traces.$1.jsonl head -n ${TRACES-300} "$out/train.$1.jsonl"
    measure sft 10 sft-train -m "$out/base" -o "$out/probe/sft" --batch $batch --steps 10 $threads \
        "$out/traces.$1.jsonl"
    plan sft
    read -r sft_steps < "$top/plan.sft"
    train models/sft.$1 base traces.$1.jsonl --steps $sft_steps --lr $lr $threads
}

# loop N BASE PROMPTS RUN [OPTION...]: RL, with these options of reward. Without probabilities no scores are needed.
loop() {
    local n=$1 base=$out/$2 prompts=$out/$3 run=$out/$4 scores=
    shift 4
    [[ " $* " != *" --prob 0 "* ]] || scores=--no-scores
    PER_STEP=${PER_STEP-64} ROLLOUT="-n ${GROUP-8} --max-tokens 128 --batch 128 $scores $threads" REWARD="$*" \
        RL_UPDATE="--loss dr_grpo --max-tokens 128 --lr $rl_lr --beta ${BETA-0.1} --ref $base $threads" \
        "$root/pipelines/rl.sh" $n "$base" "$prompts" "$run"
}

# reinforced ARM BASE PROMPTS OPTION...: the stage of RL.
reinforced() {
    local start=$SECONDS arm=$1
    shift
    [ -e "$out/models/$arm/seconds" ] || {
        echo "+ rl.sh $rl_steps $1 $2 models/$arm, reward ${*:3}" >&2
        loop $rl_steps "$1" "$2" "models/$arm" "${@:3}"
        echo $((SECONDS - start)) > "$out/models/$arm/seconds"
    }
}

# continued ARM PROMPTS: SFT goes on for as long as RL takes. Its best step on validation cases is kept beside the last.
continued() {
    train models/$1 models/sft.chain $2 --steps $continued_steps --lr ${CONTINUED_LR-$rl_lr} --schedule constant $threads \
        --valid "$out/valid.chain.jsonl" --eval-every $((continued_steps / 16 + 1))
}

# arm NAME: its model, and its answers to the test cases.
arm() {
    local test=chain model=$1 sft=models/sft.chain
    case $1 in
        full) reinforced $1 $sft train.chain.jsonl --prob 0 ;;
        sft-continued) continued $1 traces.chain.jsonl ;;
        sft-chosen)
            continued sft-continued traces.chain.jsonl
            model="sft-continued/best" ;;
        sft-more) continued $1 train.chain.jsonl ;;
        no-rl) model=sft.chain ;;
        no-sft) reinforced $1 base train.chain.jsonl --prob 0 ;;
        hit-only) reinforced $1 $sft train.chain.jsonl --prob 0 --format 0 --grounding 0 ;;
        dense-only) reinforced $1 $sft train.chain.jsonl --hit 0 --format 0 --grounding 0 ;;
        hit-and-dense) reinforced $1 $sft train.chain.jsonl ;;
        no-chains | no-mask-order | no-thoughts | answer-only | swapped)
            supervised $1
            reinforced $1 models/sft.$1 train.$1.jsonl --prob 0
            test=$1 ;;
    esac
    answers $1 models/$model test.$test.jsonl --max-tokens 128 --batch 128 $threads
}

# ends SEED...: how the RL of each arm ended, its last five iterations on average.
ends() {
    local arm seed run
    for arm in $arms; do
        for seed in "$@"; do
            run=$top/seed-$seed/models/$arm/metrics.jsonl
            [ ! -e "$run" ] || tail -n 5 "$run"
        done | jq -sc --arg model $arm 'def mean(f): map(f) | add / length; select(. != []) |
            {model: $model, kl: mean(.kl), entropy: mean(.entropy), format: mean(."rewards/format/mean"),
            rl_steps: (map(.global_step) | max)}'
    done
}

# spoken NAME: what a reader of its answers has: first what it says, the others by their scores; no answer, no list.
spoken() {
    jq -c '.samples[0].answer as $said | {id, candidates, target, scores: (.samples[0].scores |
        if $said then .[($said | explode[0]) - 65] = 1 else map(null) end)}' "$out/scored/$1.jsonl"
}

# judged SEED SEED...: records of the report; the first is a seed, or null for all of those that follow.
judged() {
    local of=$1 name runs="" lists="" test='{against, difference, lo, hi, wins, losses, p, p_holm, ndcg5_difference,
        ndcg5_lo: .ndcg5_boot_lo, ndcg5_hi: .ndcg5_boot_hi, ndcg5_p: .ndcg5_boot_p, ndcg5_p_holm: .ndcg5_boot_p_holm}'
    shift
    for name in $floors best $arms; do runs="$runs $name=$out/scored/$name.jsonl"; done
    for name in $arms; do
        make spoken/$name.jsonl spoken $name
        lists="$lists $name=$out/spoken/$name.jsonl"
    done
    make evaluation.jsonl evaluate -k 1,5 --against full --bootstrap 2000 $runs
    make spoken.jsonl evaluate -k 1,5 --against full --bootstrap 2000 $lists
    ends "$@" | jq -sc --argjson seed $of --slurpfile all "$out/evaluation.jsonl" \
        --slurpfile spoken "$out/spoken.jsonl" '
        def tests: map(select(.against) | {(.model): '"$test"'}) | add;
        def figures: {hr1, lo, hi, ndcg5, ndcg5_lo, ndcg5_hi};
        (map({(.model): del(.model)}) | add) as $ends | ($all | tests) as $tests | ($spoken | tests) as $said |
        ($spoken | map(select(.against | not) | {(.model): (figures + {test: $said[.model]})}) | add) as $spoken |
        $all[] | select(.against | not) | {seed: $seed, model, n} + figures +
            {test: $tests[.model], valid, spoken: $spoken[.model]} + $ends[.model]'
}

# pooled NAME: its scored cases of all seeds.
pooled() {
    for seed in $seeds; do
        jq -c --arg seed $seed 'del(.source, .prompt, .completion) | .id += "/" + $seed' \
            "$top/seed-$seed/scored/$1.jsonl"
    done
}

# table: the report, for people; what a model says stands behind what its scores say.
table() {
    jq -r 'def r: if . then . * 1000 | round / 1000 else "" end;
        def p: if . == null then "" elif . < 0.001 then "<.001" else r end;
        def test: (.test.difference | r), (.test.p | p), (.test.ndcg5_difference | r), (.test.ndcg5_p | p);
        ["seed", "arm", "n", "HR@1", "low", "high", "NDCG@5", "low", "high", "-full", "p", "-full", "p", "said@1", "NDCG@5",
            "-full", "p", "-full", "p", "valid", "KL", "format"],
        (inputs | [.seed // "all", .model, .n, (.hr1, .lo, .hi, .ndcg5, .ndcg5_lo, .ndcg5_hi | r), test,
            (.spoken | (.hr1, .ndcg5 | r), test), (.valid, .kl, .format | r)] | map(tostring)) | @tsv' -n "$top/report.jsonl" |
        awk -F '\t' '{ printf "%-5s%-14s%6s", $1, $2, $3; for (i = 4; i <= NF; i++) printf "%7s", $i; print "" }'
}

for seed in $seeds; do
    out=$top/seed-$seed graph=$out/world.jsonl
    mkdir -p "$out/scored" "$out/spoken" "$out/models"
    prepare
    supervised chain
    measure rl 3 loop 3 models/sft.chain train.chain.jsonl probe/rl --prob 0
    plan rl
    read -r rl_steps continued_steps < "$top/plan.rl"
    for name in $arms; do arm $name; done
done
{
    for of in $seeds; do
        out=$top/seed-$of
        rm -f "$out/evaluation.jsonl" "$out/spoken.jsonl"
        judged $of $of
    done
    if [[ $seeds == *" "* ]]; then
        out=$top/pooled
        rm -rf "$out"
        mkdir -p "$out/scored" "$out/spoken"
        for name in $floors best $arms; do make scored/$name.jsonl pooled $name; done
        judged null $seeds
    fi
} > "$top/report.tmp"
mv "$top/report.tmp" "$top/report.jsonl"
table

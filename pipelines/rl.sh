#!/bin/bash
# rl — the second line of the road, again and again: rollout, reward, rl-update, and an evaluation now and then.
#
#   pipelines/rl.sh N SFT PROMPTS OUT
#   N         iterations                SFT   the model to begin with
#   PROMPTS   a file of prompt records  OUT   the run directory of rl-update; a stopped run goes on
#
# In the environment, here with defaults:
#   PER_STEP=64     prompts of an iteration: the next of PROMPTS, behind the last the first again
#   RESAMPLE=0      R: where groups are silent further prompts are drawn, until PER_STEP are not or R * PER_STEP are
#                   drawn, none twice
#   VALID=          prompts of validation cases: one greedy answer to each, before the first iteration,
#   EVERY=10        after each of so many, and after the last; OUT/best is the model whose
#   BEST=eval_hr1   is highest: or eval_hr1_text, eval_ndcg5, eval_mrr, eval_valid_ratio, eval_reward
#   ROLLOUT= REWARD= RL_UPDATE=    options of these programs
#   VERBOSE=        1: print each command, and at the end OUT/times.json, as on a terminal
#
# OUT/metrics.jsonl has the records of rl-update and of evaluations, OUT/rewarded.jsonl the last samples,
# OUT/times.json where the seconds of the last call went (man r2rec-records).
# A stop at any moment, kill -9 of this or of any program, and the same command again end in the bytes of an unbroken
# run. SIGTERM, SIGINT and SIGHUP let an iteration end, and cut an evaluation short; a second one ends it at once.
# Exit status: that of the program that failed, 75 where another process works in OUT, 128 + n after signal n.
# shellcheck disable=SC2086
set -euo pipefail
[ $# = 4 ] || { sed -n '2,/^# Exit/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
PATH="$(cd "$(dirname "$0")/../bin" && pwd):$PATH"
export LC_ALL=C
iterations=$1 sft=$2 prompts=$3 out=$4
per=${PER_STEP:-64} resample=${RESAMPLE:-0} valid=${VALID-} every=${EVERY:-10} best=${BEST:-eval_hr1}
stop='' evaluating='' live=''
[ ! -t 2 ] || live=1
declare -A spent=([rollout]=0 [reward]=0 [rl-update]=0 [evaluation]=0)

say() { printf '%s%s\n' "${live:+$'\r\e[K'}" "$*" >&2; }

fail() {
    say "rl: $2"
    exit "$1"
}

signal() {
    [ -z "$stop$evaluating" ] || exit $((128 + $1))
    stop=$((128 + $1))
    say "rl: the iteration ends first; a second signal ends it at once"
}

# become COMMAND...: signals to all of a terminal, a group or a service leave the program alone, but it dies with this
# script, and with it its hold on the lock.
become() {
    trap '' TERM HUP
    exec setsid setpriv --pdeathsig KILL -- "$@"
}

# job STAGE COMMAND...: runs it; its seconds count for the stage.
job() {
    local stage=$1 start=${EPOCHREALTIME/./} status=0 pid
    shift
    [ -z "${VERBOSE-}" ] || say "+ $*"
    become "$@" 2> "$out/notes" &
    pid=$!
    while kill -0 $pid 2> /dev/null; do wait $pid || true; done     # a signal cuts a wait short
    wait $pid || status=$?
    spent[$stage]=$((spent[$stage] + ${EPOCHREALTIME/./} - start))
    [ ! -s "$out/notes" ] || say "$(cat "$out/notes")"
    return $status
}

# Where the run stands: the global `step`, `k` iterations, the next prompt `at`. OUT/loop is of the last call of
# rl-update: the step before it, its iteration, and the first prompts of this and of the next.
locate() {
    local before next
    step=0
    [ ! -e "$out/last" ] || step=$(readlink "$out/last" | sed 's/^step-//')
    k=$step at=$((step * per)) model=$sft
    [ "$step" = 0 ] || model=$out
    [ -e "$out/loop" ] || return 0
    read -r before k at next < "$out/loop"
    [ "$before" = "$step" ] || k=$((k + 1)) at=$next
}

# Records of steps that never were complete, and half of one, go.
trim() {
    touch "$out/metrics.jsonl"
    awk -F '[:,]' -v step="$step" '/}$/ && $2 <= step' "$out/metrics.jsonl" > "$out/metrics.tmp"
    mv "$out/metrics.tmp" "$out/metrics.jsonl"
}

# draw FROM N: so many prompts from that place on, in the ring of all.
draw() {
    awk -v from=$(($1 % total)) -v n="$2" 'NR > from + n { exit } NR > from' "$prompts" "$prompts"
}

# The line up to which rewarded groups are used, and how many of these are not silent, at most $per.
signals() {
    jq -rn --argjson per "$per" 'reduce inputs as $r ([0, 0, 0];
        if .[1] == $per then . else .[2] += 1 | if [$r.samples[].reward] | unique[1:] == [] then . else .[1] += 1 end
        | .[0] = .[2] end) | if .[1] < $per then .[0] = .[2] else . end | "\(.[0]) \(.[1])"' "$out/rewarded.jsonl"
}

# Rewarded groups for an update, into OUT/rewarded.jsonl; `used` prompts they took.
sample() {
    local want=$per most=$((per * (1 + resample))) found
    [ "$most" -le "$total" ] || most=$total
    used=0
    : > "$out/rewarded.jsonl"
    while [ "$want" -gt 0 ]; do
        draw $((at + used)) "$want" > "$out/prompts.jsonl"
        job rollout rollout --quiet -m "$model" --seed $((k + 1)) --times "$out/spent" ${ROLLOUT-} "$out/prompts.jsonl" \
            > "$out/rollouts.jsonl"
        job reward reward --quiet ${REWARD-} "$out/rollouts.jsonl" >> "$out/rewarded.jsonl"
        used=$((used + want)) want=0
        [ "$resample" -gt 0 ] || return 0
        read -r used found < <(signals)
        [ "$found" -ge "$per" ] || want=$(((per - found) * used / (found > 0 ? found : 1) + 1))
        [ "$want" -le "$per" ] || want=$per
        [ $((used + want)) -le "$most" ] || want=$((most - used))
    done
    head -n "$used" "$out/rewarded.jsonl" > "$out/rewarded.tmp"
    mv "$out/rewarded.tmp" "$out/rewarded.jsonl"
}

iterate() {
    [ "$k" -gt "$first" ] || : > "$out/spent"
    sample
    echo "$step $k $at $((at + used))" > "$out/loop.tmp"
    sync "$out/loop.tmp"
    mv "$out/loop.tmp" "$out/loop"
    job rl-update rl-update -m "$model" -o "$out" --times "$out/spent" ${RL_UPDATE-} "$out/rewarded.jsonl" >> "$out/metrics.jsonl"
    locate
}

# Whether an evaluation is to come before the next iteration.
due() {
    [ -n "$valid" ] && { [ $((k % every)) = 0 ] || [ "$k" -ge "$iterations" ]; } &&
        ! grep -qs "^{\"global_step\":$step,\"eval_" "$out/metrics.jsonl"
}

evaluation() {
    local options
    evaluating=1
    options=${ROLLOUT-}
    job evaluation rollout --quiet -m "$model" ${options//--no-scores/} --greedy -n 1 "$valid" > "$out/rollouts.jsonl"
    job evaluation reward --quiet ${REWARD-} "$out/rollouts.jsonl" > "$out/valid.jsonl"
    job evaluation evaluate -k 1,5 "$out/valid.jsonl" > "$out/evaluation.jsonl"
    jq -cn --argjson step "$step" --slurpfile e "$out/evaluation.jsonl" '
        def mean(f): (map(f) | add) / length;
        [inputs.samples[0]] as $s | $e[0] | {global_step: $step, eval_n: .n, eval_hr1: .hr1, eval_hr1_lo: .lo,
        eval_hr1_hi: .hi, eval_hr1_text: .hr1_text, eval_hr1_text_lo: .hr1_text_lo, eval_hr1_text_hi: .hr1_text_hi,
        eval_ndcg5: .ndcg5, eval_mrr: .mrr, eval_valid_ratio: .valid, eval_reward: ($s | mean(.reward)),
        "eval_completions/mean_length": ($s | mean(.tokens | length))}' "$out/valid.jsonl" >> "$out/metrics.jsonl"
    evaluating=
}

# Where the present model's evaluation is the highest so far, `best` is switched to it. rl-update never drops it.
keep_best() {
    local to=step-$step
    [ "$step" = "$(jq -rn --arg f "$best" 'reduce (inputs | select(.[$f])) as $r (null;
        if . == null or $r[$f] > .[$f] then $r else . end) | .global_step' "$out/metrics.jsonl")" ] || return 0
    [ "$step" -gt 0 ] || to=$(realpath "$sft")
    ln -sfn "$to" "$out/best.tmp.$$"
    mv -T "$out/best.tmp.$$" "$out/best"
}

# On a terminal: how the run goes.
show() {
    local seconds=$(((${EPOCHREALTIME/./} - began) / 1000000 + 1)) done=$((k - first)) values eta
    [ -n "$live" ] && [ "$done" -gt 0 ] || return 0
    values=$(jq -rn --argjson tokens "$tokens" --argjson s "$seconds" 'def r($n): . * $n | round / $n;
        reduce inputs as $r ({}; . + $r) | "reward \(.reward | r(1000)), \(
        if .eval_hr1 then "HR@1 \(.eval_hr1 | r(1000)), " else "" end)KL \(.kl | r(1e5)), \((.num_tokens - $tokens) / $s | round) tokens/s"' "$out/metrics.jsonl")
    eta=$((seconds * (iterations - k) / done))
    printf '\r%s/%s %s, %d:%02d left\e[K' "$k" "$iterations" "$values" $((eta / 60)) $((eta % 60)) >&2
}

# At the end: where the seconds went. What is neither drawing samples nor learning from them is overhead.
times() {
    local status=$? stages='' stage
    for stage in rollout reward rl-update evaluation; do stages+="\"$stage\":${spent[$stage]},"; done
    [ "$k" -gt "$first" ] || exit $status
    jq -cn --argjson iterations $((k - first)) --argjson all $((${EPOCHREALTIME/./} - began)) --argjson stages "{${stages%,}}" '
        def r: . * 1000 | round / 1000;
        (reduce inputs as $r ({}; .load += $r.load | .json += $r.json | .work += $r.work | .save += $r.save)) as $p
        | ($stages | map_values(. / 1e6)) as $s | ($all / 1e6) as $all
        | {iterations: $iterations, seconds: $all} + $s + {rest: ($all - ($s | add)), work: $p.work, load: $p.load,
           json: ($p.json + $s.reward), save: $p.save, start: ($s.rollout + $s["rl-update"] - ($p | add)),
           overhead: (1 - $p.work / ($all - $s.evaluation))} | map_values(r)' "$out/spent" > "$out/times.json"
    [ -z "$live${VERBOSE-}" ] || say "$(cat "$out/times.json")"
    exit $status
}

for number in "$iterations" "$per" "$resample" "$every"; do
    [[ $number =~ ^[0-9]{1,9}$ ]] || fail 2 "'$number' is no whole number"
done
[ $((per * every)) -gt 0 ] || fail 2 "PER_STEP and EVERY are at least 1"
[[ $best =~ ^eval_(hr1|hr1_text|ndcg5|mrr|valid_ratio|reward)$ ]] || fail 2 "BEST is no field of an evaluation: $best"
total=$(wc -l < "$prompts")
[ "$total" -gt 0 ] || fail 1 "$prompts: no records"
[ "$per" -le "$total" ] || per=$total
mkdir -p "$out"
exec 9> "$out/rl.lock"
flock -w 0.5 9 || fail 75 "$out: another process works here"      # what a killed script had running dies meanwhile
locate
trim
began=${EPOCHREALTIME/./} first=$k tokens=$(jq -n 'reduce inputs as $r (0; $r.num_tokens // .)' "$out/metrics.jsonl")
trap 'signal 15' TERM
trap 'signal 2' INT
trap 'signal 1' HUP
trap times EXIT
while :; do
    ! due || evaluation
    [ -z "$valid" ] || keep_best
    show
    [ "$k" -lt "$iterations" ] || break
    iterate
    [ -z "$stop" ] || exit "$stop"
done

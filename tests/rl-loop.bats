bats_require_minimum_version 1.5.0
load helpers
load tiny
load records

# pipelines/rl.sh on a tiny world: three iterations of eight prompts, evaluations before, after two and at the end.
setup_file() {
    load helpers
    load tiny
    cd "$BATS_FILE_TMPDIR"
    tiny_road .
    head -n 40 prompts.jsonl > train.jsonl
    tail -n 30 prompts.jsonl > valid.jsonl
    options
    "$BATS_TEST_DIRNAME/../pipelines/rl.sh" 3 sft train.jsonl whole
}

options() {
    export PER_STEP=8 VALID=$BATS_FILE_TMPDIR/valid.jsonl EVERY=2 BEST=eval_reward
    export ROLLOUT="-n 4 --max-tokens 32 --no-scores" REWARD= RL_UPDATE="--lr 0.003 --epochs 2"
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    made=$BATS_FILE_TMPDIR whole=$BATS_FILE_TMPDIR/whole
    options
}

# rl N OUT: the loop; its programs are those of ./bin, if that is there.
rl() {
    local tree=$BATS_TEST_DIRNAME/..
    [ ! -d bin ] || tree=$PWD
    "$tree/pipelines/rl.sh" "$1" "$made/sft" "$made/train.jsonl" "$2"
}

# stand_in PROG...: the script on stdin in the place of these programs; "$real" is the program that was called.
stand_in() {
    mkdir -p bin pipelines
    cp "$BATS_TEST_DIRNAME/../pipelines/rl.sh" pipelines
    for name in rollout reward rl-update evaluate; do ln -sf "$(realpath "$BATS_TEST_DIRNAME/../bin/$name")" bin; done
    { echo '#!/bin/bash'; echo "real=$BATS_TEST_DIRNAME/../bin/\${0##*/} here=$PWD"; cat; } > stand-in
    chmod +x stand-in
    for name in "$@"; do ln -sf ../stand-in "bin/$name"; done
}

# Records without what differs from run to run.
timeless() {
    sed -E 's/,"(step_time|tokens_per_second|peak_rss)":[^,}]*//g' "$@"
}

# The run is that of setup_file: models, moments, best one, records.
is_whole() {
    diff -r "$whole/last/" "$1/last/"
    [ "$(readlink "$1/best")" = "$(readlink "$whole/best")" ]
    diff -r "$whole/best/" "$1/best/"
    cmp <(timeless "$whole/metrics.jsonl") <(timeless "$1/metrics.jsonl")
}

@test "rl.sh: writes the records of rl-update and of evaluations into one file, and says nothing" {
    [ "$(jq -c '[.global_step, .logprob_gap == 0, has("eval_hr1")]' "$whole/metrics.jsonl" | paste -sd ' ')" = \
      '[0,false,true] [1,true,false] [2,false,false] [3,true,false] [4,false,false] [4,false,true] [5,true,false] [6,false,false] [6,false,true]' ]
    jq -c 'select(.eval_n)' "$whole/metrics.jsonl" > evaluations.jsonl
    checks evaluations.jsonl "validation record of a run of reinforcement learning"
    # An evaluation is that of the programs by hand.
    rollout -m "$whole" --max-tokens 32 --greedy "$made/valid.jsonl" | reward --quiet > answers.jsonl
    evaluate -k 5 answers.jsonl > by-hand.jsonl
    jq -es --slurpfile e by-hand.jsonl --slurpfile a answers.jsonl '.[-1] as $m | $e[0] as $e |
        [$m.eval_n, $m.eval_hr1, $m.eval_hr1_lo, $m.eval_hr1_hi, $m.eval_hr1_text, $m.eval_ndcg5, $m.eval_valid_ratio]
            == [30, $e.hr1, $e.lo, $e.hi, $e.hr1_text, $e.ndcg5, $e.valid] and
        ($a | map(.samples[0].reward) | add / 30 - $m.eval_reward | fabs < 1e-12)' "$whole/metrics.jsonl"
    # A finished run does nothing.
    cp "$whole/metrics.jsonl" before
    run -0 --separate-stderr rl 3 "$whole"
    [ -z "$output$stderr" ]
    cmp before "$whole/metrics.jsonl"
}

@test "rl.sh: best is the model with the highest evaluation, which stays" {
    best=$(jq -rs 'map(select(.eval_reward)) | (max_by(.eval_reward) | .eval_reward) as $x |
                   map(select(.eval_reward == $x))[0].global_step' "$whole/metrics.jsonl")
    if [ "$best" = 0 ]; then best=$(realpath "$made/sft"); else best=step-$best; fi
    [ "$(readlink "$whole/best")" = "$best" ]
    # The same run with other validation cases: those that the second evaluation does best stay through two more steps.
    stand_in evaluate <<'END'
"$real" "$@" | jq -c --argjson n "$(wc -l < $here/count)" '.mrr = [0.5, 0.9, 0.8, 0.9][$n]'
echo >> $here/count
END
    touch count
    BEST=eval_mrr EVERY=1 rl 3 run
    [ "$(jq -c 'select(.eval_mrr) | .eval_mrr' run/metrics.jsonl | paste -sd ' ')" = '0.5 0.9 0.8 0.9' ]
    [ "$(readlink run/best)" = step-2 ]
    [ "$(cd run && echo step-*)" = 'step-2 step-4 step-6' ]
    [ "$(jq .global_step run/best/state.json)" = 2 ]
    # None is better than the model of the beginning.
    rm -r run
    echo > count
    BEST=eval_hr1 EVERY=1 RL_UPDATE="--lr 0" rl 1 run
    [ "$(realpath run/best)" = "$(realpath "$made/sft")" ]
}

# Each program is killed in every second of its calls, or the loop in one of them: in the midst, or at the end.
@test "rl.sh: kill -9 of any program or of the loop, and a restart, end in the bytes of an unbroken run" {
    stand_in rollout reward rl-update evaluate <<'END'
mark=$here/killed.${0##*/}
if [ -e "$mark" ]; then rm "$mark"; exec "$real" "$@"; fi
touch "$mark"
echo >> $here/kills
n=$(wc -l < $here/kills)
if [ $((n % 2)) = 0 ]; then timeout -s KILL 0.0$((n % 7 + 1)) "$real" "$@"; else "$real" "$@"; fi
if [ $((n / 2 % 2)) = 0 ]; then kill -KILL $$; fi
kill -KILL $PPID
exec sleep 10
END
    for ((tries = 0; tries < 90; tries++)); do
        status=0
        rl 3 run 2>> log || status=$?
        [ "$status" != 0 ] || break
        [ "$status" = 137 ]
    done
    [ "$tries" -gt 20 ]
    is_whole run
}

@test "rl.sh: SIGTERM lets the iteration end, even when all of its group get it" {
    stand_in rl-update <<'END'
[ -e $here/once ] || { touch $here/once; (sleep 0.01; kill -TERM 0; kill -TERM -$PPID) & }
"$real" "$@"
END
    status=0
    setsid -w "$(realpath pipelines/rl.sh)" 3 "$made/sft" "$made/train.jsonl" run 2> notes || status=$?
    [ "$status" = 143 ]
    [ "$(cat notes)" = 'rl: the iteration ends first; a second signal ends it at once' ]
    [ "$(readlink run/last)" = step-2 ]
    [ "$(jq -c .global_step run/metrics.jsonl | paste -sd ' ')" = '0 1 2' ]
    rl 3 run
    is_whole run
}

@test "rl.sh: a second SIGTERM, and one in an evaluation, end it at once" {
    stand_in reward <<'END'
echo >> $here/calls
case $(wc -l < $here/calls) in
    1) kill -TERM $PPID; exec sleep 10 ;;
    3) kill -TERM $PPID; sleep 0.2; kill -TERM $PPID; exec sleep 10 ;;
esac
exec "$real" "$@"
END
    run -143 --separate-stderr rl 3 run
    [ -z "$stderr" ]
    [ ! -s run/metrics.jsonl ]
    run -143 --separate-stderr rl 3 run
    [ "$stderr" = 'rl: the iteration ends first; a second signal ends it at once' ]
    [ ! -e run/last ]
    rl 3 run
    is_whole run
}

@test "rl.sh: one process works in a run; a second one exits 75" {
    mkdir run
    flock run/rl.lock sleep 3 &
    until ! flock -n run/rl.lock true; do sleep 0.01; done
    run -75 --separate-stderr rl 3 run
    [ "$stderr" = 'rl: run: another process works here' ]
    kill $!
}

@test "rl.sh: RESAMPLE draws further prompts in place of silent groups, each once, and goes on behind them" {
    export RESAMPLE=3 VALID=
    rl 2 run
    jq -es 'map([.samples[].reward] | unique | length > 1) | (map(select(.)) | length == 8) and .[-1] and length > 8' \
        run/rewarded.jsonl
    ids() { jq -r .id "$@"; }
    first=$(awk '{ print $4 - $3 }' run/loop) at=$(awk '{ print $3 }' run/loop)
    cmp <(ids run/rewarded.jsonl) <(ids "$made/train.jsonl" | tail -n +$((at + 1)) | head -n "$first")
    [ "$(ids run/rewarded.jsonl | sort | uniq -d)" = '' ]
    # All are silent: as many as there may be, and no step.
    REWARD="--hit 0 --prob 0 --rating 0 --format 0 --grounding 0" RESAMPLE=2 run -0 --separate-stderr rl 1 constant
    [ "$stderr" = 'rl-update: all 24 groups are silent, the rewards in each are equal: the model stays as it is' ]
    cmp constant/last/model.safetensors "$made/sft/last/model.safetensors"
}

@test "rl.sh: samples in int8 are weighed with --tis, and the loop ends with a sentence without" {
    ROLLOUT="$ROLLOUT --weights int8"
    run -1 --separate-stderr rl 2 unweighed
    [[ "$stderr" == *": was sampled with rounded weights; --tis weighs it, --off-policy takes it as it is"* ]]
    RL_UPDATE="$RL_UPDATE --tis 2" rl 2 weighed
    jq -es 'map(select(has("loss"))) | length == 4 and .[0].logprob_gap == 0 and .[2].logprob_gap == 0 and all(
        .["sampling/importance_sampling_ratio/max"] <= 2 and
        (.["sampling/importance_sampling_ratio/mean"] | . != 1 and . > 0.9 and . < 1.1))' weighed/metrics.jsonl
    jq -es 'all(.weights == "int8")' weighed/rewarded.jsonl
}

@test "rl.sh: a constant reward leaves the model as it is, and says why" {
    REWARD="--hit 0 --prob 0 --rating 0 --format 0 --grounding 0" run -0 --separate-stderr rl 2 run
    [ "${stderr_lines[*]}" = "$(printf '%s ' {,}'rl-update: all 8 groups are silent, the rewards in each are equal: the model stays as it is' | sed 's/ $//')" ]
    cmp run/last/model.safetensors "$made/sft/last/model.safetensors"
    [ "$(readlink run/last)" = step-4 ]
}

@test "rl.sh: a run that collapses ends with a sentence; the last good model and the best one stay" {
    # A reward for length, of samples that are long enough to grow.
    export REWARD="--hit 0 --prob 0 --format 0 --grounding 0 --rating 0 --length 1" ROLLOUT="-n 4 --max-tokens 96"
    export RL_UPDATE="--lr 0.0005 --max-length-growth 1.3" BEST=eval_hr1 EVERY=1
    run -1 --separate-stderr rl 40 run
    [[ "$stderr" =~ ^'rl-update: samples have '[0-9.]+' tokens, more than 1.3 times the '[0-9.]+" of the run's first call: it collapses; no step is taken, the last good one is step-"([0-9]+)$ ]]
    model-info "run/step-${BASH_REMATCH[1]}" > /dev/null
    model-info run/best > /dev/null
    # So does a restart.
    run -1 rl 40 run
}

@test "rl.sh: the records can be drawn: parts of the reward, KL, entropy, length, HR@1 on validation" {
    [ "$(plot "$whole/metrics.jsonl" | grep ' by step' | cut -c 1-16 | paste -sd ,)" = \
      'reward by step,rewards/hit/mean,loss by step,kl by step,entropy by step,completions/mean,eval_hr1, eval_h' ]
}

@test "rl.sh: a terminal sees how the run goes, and where the seconds went" {
    export RL_UPDATE="--ref $made/sft"
    script -qec "$BATS_TEST_DIRNAME/../pipelines/rl.sh 2 $made/sft $made/train.jsonl run" /dev/null | tr '\r' '\n' > tty
    grep -qE $'^2/2 reward [0-9.]+, HR@1 [0-9.]+, KL [0-9.e-]+, [0-9]+ tokens/s, 0:00 left\e\\[K$' tty
    tail -n 2 tty | grep -qE '\{"iterations":2,"seconds":[0-9.]+,.*"overhead":[0-9.]+\}$'
    VALID= VERBOSE=1 run -0 --separate-stderr rl 1 loud
    [ "${stderr_lines[0]}" = "+ rollout --quiet -m $made/sft --seed 1 --times loud/spent $ROLLOUT loud/prompts.jsonl" ]
    [ "${stderr_lines[1]}" = "+ reward --quiet loud/rollouts.jsonl" ]
    [ "${stderr_lines[2]}" = "+ rl-update -m $made/sft -o loud --times loud/spent $RL_UPDATE loud/rewarded.jsonl" ]
    [ "${stderr_lines[3]}" = "$(cat loud/times.json)" ]
}

@test "rl.sh: times.json says where the seconds went, and of what is overhead" {
    checks "$whole/spent" "times record"
    [ "$(jq -r .program "$whole/spent" | paste -sd ' ')" = 'rollout rl-update rollout rl-update rollout rl-update' ]
    checks "$whole/times.json" "times record of a run of reinforcement learning"
    # Its parts are all there is, and each is what the programs, or the shell, have said.
    jq -es --slurpfile p "$whole/times.json" 'def is($x): . - $x | fabs < 0.01;
        (map(.work) | add) as $work | (map(.json) | add) as $json | $p[0] as $p | ($p.seconds | is($p.rollout + $p.reward + $p["rl-update"] + $p.evaluation + $p.rest)) and
        ($p.seconds - $p.evaluation | is($p.work + $p.load + $p.json + $p.save + $p.start + $p.rest)) and
        ($p.work | is($work)) and ($p.json | is($json + $p.reward)) and
        ($p.overhead | is(1 - $p.work / ($p.seconds - $p.evaluation))) and
        ([$p.work, $p.load, $p.json, $p.save, $p.start, $p.rest] | min > 0)' "$whole/spent"
    # A program that idles is no work: a second more of overhead, in start or in JSON.
    stand_in rollout reward <<'END'
sleep 0.5
exec "$real" "$@"
END
    VALID= rl 1 run
    jq -es '.[0].start > 0.5 and .[0].json > 0.5 and .[0].work < .[0].seconds - 1' run/times.json
}

@test "rl.sh: refuses wrong usage and prompts that are not there" {
    script=$BATS_TEST_DIRNAME/../pipelines/rl.sh
    run -2 --separate-stderr "$script"
    [[ "$stderr" == 'rl — '*'Exit status: '* ]]
    EVERY=0 run -2 --separate-stderr rl 3 run
    [ "$stderr" = 'rl: PER_STEP and EVERY are at least 1' ]
    RESAMPLE=x run -2 --separate-stderr rl 3 run
    [ "$stderr" = "rl: 'x' is no whole number" ]
    BEST=hr1 run -2 --separate-stderr rl 3 run
    [ "$stderr" = 'rl: BEST is no field of an evaluation: hr1' ]
    run -1 --separate-stderr "$script" 3 "$made/sft" /dev/null run
    [ "$stderr" = 'rl: /dev/null: no records' ]
    run -1 --separate-stderr "$script" 3 "$made/sft" none run
    [[ "$stderr" == *'none: No such file or directory'* ]]
    [ ! -e run ]
}

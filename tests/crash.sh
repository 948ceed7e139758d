#!/bin/bash
# crash — kill -9 at random moments: what was killed, called again, ends in the bytes of what never was. First sft-train;
# half of its runs are given their records again from a file, half through a pipe. Then each step of the road in turn:
# the bytes are those of the last model.
#
#   tests/crash.sh [RUNS [SEED]]        20 runs of sft-train, seed 1
set -u
cd "$(dirname "$0")/.." || exit 1
PATH="$PWD/bin:$PATH"
export LC_ALL=C
runs=${1-20}
RANDOM=${2-1}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

for k in {1..24}; do
    sed "s/Silver/Silver $k/; s/#/#$k./" examples/cases.jsonl
done | maskprompt > "$tmp/data.jsonl"
head -n 6 "$tmp/data.jsonl" > "$tmp/valid.jsonl"
bpe-train --quiet --vocab 300 "$tmp/data.jsonl" > "$tmp/tokenizer.json"
model-init --quiet --tokenizer "$tmp/tokenizer.json" --hidden 64 --layers 2 --heads 2 -o "$tmp/base"

# pause MS: waits so many milliseconds.
pause() { sleep "$(printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)))"; }

# sft RUN WAY: the call that is made again and again.
sft() {
    local call=(sft-train -m "$tmp/base" -o "$1" --steps 12 --batch 4 --save-every 2 --valid "$tmp/valid.jsonl"
                --eval-every 3)
    if [ "$2" = pipe ]; then exec "${call[@]}" < <(cat "$tmp/data.jsonl"); fi
    exec "${call[@]}" "$tmp/data.jsonl"
}

# The milliseconds that a whole run takes bound the moments of the kills.
began=$(date +%s%N)
(sft "$tmp/whole" file) > /dev/null || exit 1
whole=$((($(date +%s%N) - began) / 1000000))

# crash RUN WAY: makes the call and kills it, up to twice, then lets it end. Counts in $kills.
crash() {
    local pid
    for try in 1 2 3; do
        (sft "$1" "$2") > /dev/null 2> "$tmp/err" &
        pid=$!
        if [ $try -lt 3 ]; then
            pause $((RANDOM % whole))
            kill -9 $pid 2> /dev/null
        fi
        wait $pid 2> /dev/null
        case $? in
            0) return 0 ;;
            137) kills=$((kills + 1)) ;;
            *) cat "$tmp/err"; return 1 ;;
        esac
    done
}

# same_end: whether the run and the unbroken one hold the same last and best step, byte for byte.
same_end() {
    diff -r "$tmp/whole/last/" "$tmp/run/last/" && diff -r "$tmp/whole/best/" "$tmp/run/best/" &&
        [ "$(readlink "$tmp/run/last")" = "$(readlink "$tmp/whole/last")" ]
}

good=0 kills=0
for ((k = 0; k < runs; k++)); do
    way=file before=$kills
    [ $((k % 2)) = 0 ] || way=pipe
    while [ "$kills" = "$before" ]; do          # a call that ended before its kill is no test: once more
        rm -rf "$tmp/run"
        crash "$tmp/run" $way || break
    done
    if [ "$kills" -gt "$before" ] && same_end; then
        good=$((good + 1))
    else
        echo "run $k ($way) does not end as the unbroken one"
    fi
done
echo "$good of $runs runs, killed $kills times, end in the bytes of an unbroken run"
[ "$good" = "$runs" ] || exit 1

graphsynth --quiet --users 60 --items 80 > "$tmp/graph"
printf '#!/bin/bash\nwhile read -r line; do sleep 0.001; echo "{\\"content\\":\\"A\\"}"; done\n' > "$tmp/teacher"
chmod +x "$tmp/teacher"
declare -A spent
SURVIVED=99

# step NAME COMMAND...: its output becomes $dir/NAME when it is complete; if it is the victim, it is killed.
step() {
    local name=$1 began pid
    shift
    [ ! -e "$dir/$name" ] || return 0
    began=$(date +%s%N)
    "$@" > "$dir/$name.tmp" 2> "$tmp/err" &
    pid=$!
    if [ "$name" = "$victim" ]; then
        pause $((RANDOM % spent[$name]))
        kill -9 $pid 2> /dev/null
        wait $pid 2> /dev/null && return $SURVIVED
    fi
    wait $pid 2> /dev/null || return
    spent[$name]=$((($(date +%s%N) - began) / 1000000 + 1))
    mv "$dir/$name.tmp" "$dir/$name"
}

# once OUTPUT COMMAND...: unless its output is there, whole as it is; a kill may come between its last word and its end.
once() {
    [ -e "$1" ] || exec "${@:2}"
}

# What is left of the road in $dir.
road() {
    step chains chainsample --quiet --negatives 5 --limit 20 "$tmp/graph" &&
        step prompts maskprompt --levels --template compact "$dir/chains" &&
        step tokenizer bpe-train --quiet --vocab 400 "$dir/prompts" &&
        step base once "$dir/base.d" model-init --quiet --tokenizer "$dir/tokenizer" --hidden 32 --layers 2 --heads 2 -o "$dir/base.d" &&
        step traces trace --quiet --guided --command "$tmp/teacher" --cache "$dir/traces.d" --jobs 1 "$dir/prompts" &&
        step kept tracefilter --quiet "$dir/traces" &&
        step sft sft-train -m "$dir/base.d" -o "$dir/sft.d" --steps 24 --batch 8 --lr 0.01 --save-every 2 "$dir/kept" &&
        PER_STEP=4 ROLLOUT="-n 4 --max-tokens 32" RL_UPDATE="--lr 0.001" \
            step rl pipelines/rl.sh 3 "$dir/sft.d" "$dir/prompts" "$dir/rl.d"
}

# killed_at STEP: the road in $dir, all of the unbroken one in front of the step, which is killed before its end.
killed_at() {
    local victim=$1 name
    for ((status = 0; status != 137;)); do
        rm -rf "$dir"
        mkdir "$dir"
        for name in $steps; do
            [ "$name" != "$victim" ] || break
            cp -r "$tmp/road/$name"* "$dir"
        done
        road
        status=$?
        [ $status = $SURVIVED ] || [ $status = 137 ] || return
    done
}

steps="chains prompts tokenizer base traces kept sft rl" dir=$tmp/road victim='' good=0
mkdir "$dir"
road || { cat "$tmp/err"; exit 1; }
dir=$tmp/again
for name in $steps; do
    if killed_at "$name" && road && diff -r "$tmp/road/rl.d/last/" "$dir/rl.d/last/"; then
        good=$((good + 1))
    else
        echo "the road, killed at $name, does not end as the unbroken one"
        cat "$tmp/err"
    fi
done
echo "$good of 8 steps of the road, killed in turn, lead to the bytes of the unbroken one"
[ "$good" = 8 ]

#!/bin/bash
# crash — kill -9 of sft-train at random moments: every run, gone on with, ends in the bytes of one that was
# never stopped. Half of the runs are given their records again from a file, half through a pipe.
#
#   tests/crash.sh [RUNS [SEED]]        20 runs, seed 1
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
    local pid ms
    for try in 1 2 3; do
        (sft "$1" "$2") > /dev/null 2> "$tmp/err" &
        pid=$!
        ms=$((RANDOM % whole))
        if [ $try -lt 3 ]; then
            sleep "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))"
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
[ "$good" = "$runs" ]

#!/bin/bash
# fuzz — every fuzz target for FUZZ_S seconds (60), two at a time, one line each; FUZZ_TARGET names one alone.
# Exits 1 with the paths of the inputs that were found. What a target learns stays in out/fuzz/corpus.
#
#   tests/fuzz.sh run
#   tests/fuzz.sh planted       takes a check out of a copy of the sources; exits 0 when that is found
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C
out=out/fuzz seconds=${FUZZ_S:-60} fixtures=tests/fixtures

# safetensors HEADER N: a file of that header and N zeros.
safetensors() {
    local n=${#1}
    printf "\\x$(printf %02x $((n & 255)))\\x$(printf %02x $((n >> 8)))\0\0\0\0\0\0%s" "$1"
    head -c "$2" /dev/zero
}

# Headers of real files, each tensor cut down to a number; and all that the format knows besides.
seeds_safetensors() {
    local header n=0 file cut='to_entries | map(select(.value.dtype)) | .[:3] | to_entries |
        map(.key as $k | .value | .value = {dtype: "F32", shape: [1, 1], data_offsets: [4 * $k, 4 * $k + 4]}) |
        from_entries'
    for file in "$fixtures"/models/*/*.safetensors; do
        header=$(tail -c +9 "$file" | head -c "$(head -c 8 "$file" | od -An -t u8)" | jq -c "$cut")
        n=$((n + 1))
        safetensors "$header" 12 > "$1/model-$n"
    done
    safetensors '{"__metadata__":{"format":"pt","checksum":"0"},
        "a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}' 4 > "$1/meta"
    safetensors '{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},
        "b":{"dtype":"BF16","shape":[0],"data_offsets":[4,4]}}' 4 > "$1/scalar"
    safetensors '{}   ' 0 > "$1/empty"
}

seeds_config() {
    local file
    for file in "$fixtures"/{models,lora}/*/*config.json; do jq -c . "$file" > "$1/${file//\//-}"; done
}

seeds_jsonl() {
    local file
    for file in examples/*.jsonl "$fixtures"/tokenizers/*/*.jsonl; do
        awk 'length < 700' "$file" | head -n 2 > "$1/${file//\//-}"
    done
    jq -c . "$fixtures"/models/llama-tiny/config.json "$fixtures"/models/*/*.index.json > "$1/configs"
}

# Each format in two lines or so; the last byte chooses the format (0: by what the file holds).
seeds_load() {
    local records='{"item":"1","title":"A","year":1999,"genres":["x","y"]}\n{"user":"u","item":"1","rating":4,"time":10}\n'
    printf '1\t5\t3\t881250949\n2\t6\t5\t10\n\0' > "$1/u.data"
    printf '1::1::5::978300760\r\n1::2::3.5::978300761\r\n\2' > "$1/ratings.dat"
    printf 'user_id:token\titem_id:token\trating:float\ttimestamp:float\n7\t1\t3.0\t881250949.0\n\0' > "$1/x.inter"
    printf '{"reviewerID":"A","asin":"B","overall":5.0,"unixReviewTime":100}\n\0' > "$1/reviews"
    printf 'userId,movieId,rating,timestamp,title\n1,1,4.0,964982703,"A ""B"" (1999)"\n\0' > "$1/ratings.csv"
    printf '{"user_id":7,"seq":[[4,5],[9,0]],"len_seq":1,"next":[3,4]}\n{"seq":[1,9],"len_seq":1,"next":2}\n\0' > "$1/rows"
    printf '7\t4:5 3:3.5\n8\t1:1\n\0' > "$1/train.sequences.tsv"
    printf "$records\0" > "$1/records"
    printf "$records" | gzip > "$1/records.gz"
    printf '\0' >> "$1/records.gz"
    printf "$records" | bin/graphload --quiet -o "$1/graph"
    printf '\0' >> "$1/graph"
}

seeds_gguf() {
    find "$fixtures/gguf" -name '*.gguf' -size -9 -exec cp {} "$1" \;
}

# The bytes, the special tokens and the first merges, with what stands beside them.
seeds_tokenizer() {
    local dir
    for dir in "$fixtures"/tokenizers/*/; do
        jq -c --slurpfile beside "$dir/tokenizer_config.json" '. + $beside[0] |
            .model.vocab |= with_entries(select(.value < 300)) | .model.vocab as $v | .model.merges |=
            map(select((if type == "array" then add else sub(" "; "") end) as $piece | $v[$piece]))' \
            "$dir/tokenizer.json" > "$1/${dir//\//-}"
    done
}

# fuzz TREE TARGET SECONDS: runs a target that was built in TREE; its report goes to a log.
fuzz() {
    local dir=$1/$out target=$2 length=4096 dictionary=()
    mkdir -p "$dir"/{seeds,corpus,found}/"$target"
    "seeds_$target" "$dir/seeds/$target" || return
    [ "$target" != tokenizer ] || length=16384
    [ ! -e "fuzz/$target.dict" ] || dictionary=("-dict=fuzz/$target.dict")
    "$dir/$target" -max_total_time="$3" -max_len=$length -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=64 \
        -print_final_stats=1 -artifact_prefix="$dir/found/$target/" "${dictionary[@]}" \
        "$dir"/{corpus,seeds,found}/"$target" > "$dir/$target.log" 2>&1
}

# run_one TARGET: fuzzes and says what came of it.
run_one() {
    local log=$out/$1.log status=0
    fuzz . "$1" "$seconds" || status=1
    awk -v target="$1" -v status=$status '
        { for (i = 1; i < NF; i++) if ($i == "cov:") edges = $(i + 1) }
        /stat::number_of_executed_units/ { runs = $2 }
        /stat::average_exec_per_sec/ { rate = $2 }
        /Test unit written to/ { path = $NF }
        END { printf "%s: %d runs, %d a second, %d edges, ", target, runs, rate, edges
              print status ? "1 finding: " (path ? path : FILENAME) : "0 findings" }
    ' "$log"
    return $status
}

# A tree in which a tensor may end beyond its file, built from what is built already.
plant() {
    rm -rf "$1"
    mkdir -p "$1/$out"
    cp -a Makefile lib fuzz "$1"
    cp -a "$out"/{lib,fuzz} "$1/$out"
    sed -i -e 's/ || end > st->bytes//' -e 's/if (at != st->data + st->bytes)/if (at < st->data + st->bytes)/' \
        "$1/lib/io/safetensors.c"
    [ "$(diff lib/io/safetensors.c "$1/lib/io/safetensors.c" | grep -c '^<')" = 2 ]
    make -s -C "$1" "$out/safetensors"
}

planted() {
    local tree=$out/planted log=$out/planted/$out/safetensors.log start
    plant "$tree"
    start=$(date +%s%N)
    if fuzz "$tree" safetensors "$seconds" || ! grep -q 'Test unit written to' "$log"; then
        echo "planted: not found in $seconds s"
        return 1
    fi
    awk -v ms=$((($(date +%s%N) - start) / 1000000)) '
        /ERROR: / && !kind { kind = $0; sub(/.*ERROR: [A-Za-z]*: /, "", kind); sub(/ on .*/, "", kind) }
        /stat::number_of_executed_units/ { runs = $2 }
        END { printf "planted: found after %.1f s and %d runs: %s\n", ms / 1000, runs, kind }' "$log"
}

case ${1-} in
    run) printf '%s\n' ${FUZZ_TARGET:-$(basename -s .c fuzz/*.c)} | xargs -P 2 -I{} "$0" one {} ;;
    one) run_one "$2" ;;
    planted) planted ;;
    *) sed -n '2,/^[^#]/{s/^# \{0,1\}//p;}' "$0" >&2; exit 2 ;;
esac

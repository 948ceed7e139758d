bats_require_minimum_version 1.5.0
load helpers

tiny="$FIXTURES/models/llama-tiny"
sharded="$FIXTURES/models/qwen2-tiny-sharded"

setup() {
    cd "$BATS_TEST_TMPDIR"
}

# refuses SENTENCE PROG [ARG...]: status 1, no record, the sentence (a pattern), less than 0.1 s and 50 MB.
refuses() {
    local want=$1 cost
    shift
    run -1 --separate-stderr command time -o cost -f '%U %S %M' timeout 10 "$@"
    [ -z "$output" ]
    [[ "$stderr" == $want ]] || { echo "$stderr"; false; }
    [ -n "${ASAN_OPTIONS-}" ] || tail -n 1 cost | awk '{ exit !($1 + $2 < 0.1 && $3 < 51200) }' || { cat cost; false; }
}

# claims N FILE: begins a file with the length N of a header.
claims() {
    printf "$(printf '\\x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24)))\0\0\0\0" > "$2"
}

@test "hostile: a model larger than memory is refused before it is allocated" {
    mkdir m
    jq -c '.vocab_size = 16777216 | .hidden_size = 32768 | .head_dim = 64 | .num_hidden_layers = 10000 |
        .intermediate_size = 16777216' "$tiny/config.json" > m/config.json
    cp "$tiny/model.safetensors" m
    refuses 'model-info: m: +([0-9]) parameters take +([0-9]) MiB, +([0-9]) MiB are free' model-info m
    refuses 'model-init: +([0-9]) parameters take +([0-9]) MiB, +([0-9]) MiB are free' \
        model-init --vocab 10000000 --hidden 65536 --heads 256 --layers 1000 --intermediate 1000000 -o new
    [ ! -e new ]
    # One that would fit is not allocated either, when the file is not its own.
    jq -c '.vocab_size = 500000 | .hidden_size = 1024' "$tiny/config.json" > m/config.json
    refuses 'model-info: m/model.safetensors: tensor model.embed_tokens.weight: its shape is *600, 64], not *500000, 1024]' \
        model-info m
}

@test "hostile: lengths of a header are not believed, nor files that are none" {
    cp -r "$tiny" m
    rm m/model.safetensors
    claims 150000000 m/model.safetensors
    refuses "model-info: m/model.safetensors: the header's length of 150000000 bytes is beyond the file" model-info m
    truncate -s 200000000 m/model.safetensors
    refuses "model-info: m/model.safetensors: the header's length of 150000000 bytes is beyond the format's limit of 100000000" \
        model-info m
    claims 100000000 m/model.safetensors
    truncate -s 200000000 m/model.safetensors
    refuses "model-info: m/model.safetensors: the header does not begin with '{'" model-info m
    : > m/model.safetensors
    refuses 'model-info: m/model.safetensors: too short for a safetensors file' model-info m
    rm m/model.safetensors
    mkdir m/model.safetensors
    refuses 'model-info: m/model.safetensors: not a regular file' model-info m
    rmdir m/model.safetensors
    mkfifo m/model.safetensors
    refuses 'model-info: m/model.safetensors: not a regular file' model-info m
}

@test "hostile: every cut of a model file is refused" {
    cp -r "$tiny" m
    size=$(stat -c %s m/model.safetensors)
    for n in 7 8 9 100 1000 5000 $((size - 4)) $((size - 1)); do
        head -c $n "$tiny/model.safetensors" > m/model.safetensors
        refuses 'model-info: m/model.safetensors: *' model-info m
    done
    { cat "$tiny/model.safetensors"; printf x; } > m/model.safetensors
    refuses 'model-info: m/model.safetensors: bytes after the last tensor' model-info m
}

@test "hostile: an index names files beside it, each tensor is in one of them, and all are there" {
    cp -r "$sharded" m
    index=m/model.safetensors.index.json
    change() { jq -c "$1" "$sharded/model.safetensors.index.json" > $index; }
    for name in '"../x"' '"/etc/passwd"' '""' 7 null; do
        change ".weight_map.\"lm_head.weight\" = $name"
        refuses "model-info: $index: tensor lm_head.weight: no name of a file beside it" model-info m
    done
    change '.weight_map = []'
    refuses "model-info: $index: \"weight_map\" is missing or not an object" model-info m
    change '.weight_map."lm_head.weight" = ".."'
    refuses 'model-info: m/..: not a regular file' model-info m
    change '.weight_map."lm_head.weight" = "none"'
    refuses 'model-info: m/none: No such file or directory' model-info m
    change '.weight_map |= with_entries(select(.value | contains("00002") | not))'
    refuses 'model-info: m: tensor model.layers.* is missing' model-info m
    cp m/model-00002-of-00005.safetensors m/again
    change '.weight_map.again = "again"'
    refuses 'model-info: m/*: tensor model.layers.*: in two files' model-info m
}

@test "hostile: a tensor that the configuration would not use is not passed over" {
    cp -r "$FIXTURES/models/qwen3-tiny" m
    chmod -R u+w m
    jq -c '.model_type = "llama"' "$FIXTURES/models/qwen3-tiny/config.json" > m/config.json
    refuses 'model-info: m/model.safetensors: tensor model.layers.0.self_attn.*_norm.weight: the configuration has no place for it' \
        model-info m
    jq -c '.num_hidden_layers = 1 | del(.layer_types)' "$FIXTURES/models/qwen3-tiny/config.json" > m/config.json
    refuses 'model-info: m/model.safetensors: tensor model.layers.1.*: the configuration has no place for it' model-info m
}

@test "hostile: what names hold does not reach the terminal" {
    cp -r "$tiny" m
    printf '{"model_type":"\\u001b[31m\\nred\\u007f"}' > m/config.json
    refuses 'model-info: m/config.json: model_type "?[[]31m?red?" is not supported (llama, qwen2, qwen3 are)' model-info m
}

# line MEMBERS: the record in $record with these members appended.
line() {
    printf '%s,%b}\n' "${record%\}}" "$1"
}

@test "hostile: filters refuse a line that is not JSON by its place, behind what they have written" {
    local deep program file
    deep=$(head -c 3000 /dev/zero | tr '\0' '[')
    printf '{"id":"a","candidates":["x","y"],"target":0,"scores":[1,2]}\n' > scored.jsonl
    for program in maskprompt reward evaluate; do
        case $program in
            maskprompt) file=$BATS_TEST_DIRNAME/../examples/cases.jsonl ;;
            reward) file=$BATS_TEST_DIRNAME/../examples/rollouts.jsonl ;;
            evaluate) file=scored.jsonl ;;
        esac
        record=$(head -n 1 "$file")
        while IFS='|' read -r members want; do
            { printf '%s\n' "$record"; line "$members"; } > in.jsonl
            run -1 --separate-stderr "$program" in.jsonl
            [[ "$stderr" == "$program: in.jsonl:2: column "+([0-9])": $want"* ]] || { echo "$program: $stderr"; false; }
        done << EOF
"x":1\0000|a zero byte: this is not text
"x":"a\0000b"|a zero byte: this is not text
"x":$deep|maximum parsing depth reached
"target":1|duplicate object key
"x":tru|invalid token
"x":[1,|unexpected token
EOF
        [ "$program" = evaluate ] || [ "$(wc -l <<< "$output")" = 1 ]
    done
}

@test "hostile: filters that pass a line on refuse bytes that are no UTF-8 and numbers that no double holds" {
    for program in maskprompt reward; do
        record=$(head -n 1 "$BATS_TEST_DIRNAME/../examples/$([ $program = reward ] && echo rollouts || echo cases).jsonl")
        while IFS='|' read -r members want; do
            line "$members" > in.jsonl
            run -1 --separate-stderr "$program" in.jsonl
            [[ "$stderr" == "$program: in.jsonl:1: column "+([0-9])": $want"* ]] || { echo "$program: $stderr"; false; }
        done << 'EOF'
"x":"\0377"|unable to decode byte 0xff
"x":"\0355\0240\0200"|unable to decode byte 0xed
"x":"\\ud800"|invalid Unicode '\uD800'
"x":"\\u0000"|\u0000 is not allowed
"x":1e400|real number overflow
"x":-1e400|real number overflow
"x":9223372036854775808|too big integer
"x":1,"x":1|duplicate object key
EOF
    done
}

@test "hostile: a line of a hundred million bytes passes" {
    record=$(head -n 1 "$BATS_TEST_DIRNAME/../examples/cases.jsonl")
    { printf '%s,"x":"' "${record%\}}"; head -c 100000000 /dev/zero | tr '\0' a; printf '"}\n'; } > in.jsonl
    maskprompt in.jsonl > out.jsonl
    [ "$(grep -o ',"x":"aaa' out.jsonl)" = ',"x":"aaa' ]
    [ "$(wc -c < out.jsonl)" -gt 100000000 ]
    printf '{"id":"a","candidates":["x","y"],"target":0,"scores":[1,2],"x":"' > in.jsonl
    { head -c 100000000 /dev/zero | tr '\0' a; printf '"}\n'; } >> in.jsonl
    [ "$(evaluate in.jsonl | jq .n)" = 1 ]
}

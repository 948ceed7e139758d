bats_require_minimum_version 1.5.0
load helpers

models="$FIXTURES/models"

setup() {
    cd "$BATS_TEST_TMPDIR"
}

# with_tokenizer NAME KIND: a copy of the small model NAME with a tokenizer of its kind.
with_tokenizer() {
    cp -r "$models/$1" .
    cp "$FIXTURES/tokenizers/$2"/tokenizer{,_config}.json "$1"
}

convert() {
    model-convert --quiet "$@"
}

# fails MESSAGE ARG...
fails() {
    local message=$1
    shift
    run -1 --separate-stderr timeout 10 model-convert --quiet "$@"
    [ "$stderr" = "model-convert: $message" ] || { echo "$stderr"; false; }
}

hash() {
    model-info "$1" | jq -r .hash
}

# dtypes FILE: the types of a safetensors file's tensors.
dtypes() {
    tail -c +9 "$1" | head -c "$(od -An -tu4 -N4 "$1")" | jq -r '[.[] | .dtype | values] | unique | join(" ")'
}

# Help, version, wrong option, options of the page. It writes no records, so the rest does not apply.
@test "model-convert: keeps the manners of every program, and its examples run" {
    [[ "$(model-convert --help)" == "usage: model-convert [options] MODEL"$'\n'* ]]
    model-convert --version | grep -Eq '^model-convert \(r2rec\) [0-9]+\.[0-9]+'
    run -2 --separate-stderr model-convert --no-such-option
    [ "$stderr" = "model-convert: no option '--no-such-option'"$'\n'"Try 'model-convert --help'." ]
    names_its_options model-convert
    runs_examples model-convert
    run -1 --separate-stderr bash -c 'model-convert --help > /dev/full'
    [ "$stderr" = "model-convert: stdout: No space left on device" ]
}

@test "model-convert: reads a GGUF file into the model that it was made of" {
    run --separate-stderr model-convert -o m "$FIXTURES/gguf/llama-tiny-f32.gguf"
    [ "$status" = 0 ]
    [ -z "$output" ]
    [ "$stderr" = "model-convert: m: $(model-info "$models/llama-tiny" | jq .parameters) parameters" ]
    [ "$(ls m | tr '\n' ' ')" = 'config.json generation_config.json model.safetensors tokenizer.json tokenizer_config.json ' ]
    [ "$(hash m)" = "$(hash "$models/llama-tiny")" ]
    [ "$(jq -c . m/generation_config.json)" = '{"bos_token_id":1,"eos_token_id":2,"pad_token_id":0}' ]
    same_tokenizer m/tokenizer.json "$models/llama-tiny/tokenizer.json"
    [ "$(jq -c '[.bos_token, .eos_token, .pad_token, .model_max_length, .chat_template]' m/tokenizer_config.json)" = \
      '["<|im_start|>","<|im_end|>","<|endoftext|>",256,null]' ]
}

# same_tokenizer A B: what two tokenizer.json say, whatever the spelling.
same_tokenizer() {
    local say='[.model.vocab + (.added_tokens | map({(.content): .id}) | add), 
                (.model.merges | map(if type == "array" then join(" ") else . end)), (.added_tokens | map([.id, .content, .special])), .normalizer.type,
                (.pre_tokenizer | .pretokenizers // [.] | map([.type, .pattern.Regex, .use_regex]))]'
    cmp <(jq -S "$say" "$1") <(jq -S "$say" "$2")
}

@test "model-convert: brings every architecture to GGUF and back, with its tokenizer" {
    model-init --quiet --tokenizer "$FIXTURES/tokenizers/gpt2" --hidden 32 --layers 1 --heads 2 --untied -o gpt2
    for pair in llama-tiny:smollm llama3rope-tiny:smollm qwen2-tiny:qwen2 qwen3-tiny:qwen2 gpt2:; do
        name=${pair%:*}
        [ -e "$name" ] || with_tokenizer "$name" "${pair#*:}"
        rm -rf m m.gguf
        convert -o m.gguf "$name"
        convert -o m m.gguf
        [ "$(hash m)" = "$(hash "$name")" ] || { echo "$pair"; diff m/config.json "$name"; false; }
        same_tokenizer m/tokenizer.json "$name/tokenizer.json"
        roles='[.bos_token, .eos_token, .pad_token, .chat_template]'
        [ "$(jq -c "$roles" m/tokenizer_config.json)" = "$(jq -c "$roles" "$name/tokenizer_config.json")" ]
    done
}

@test "model-convert: makes every type of numbers, and F16 of matrices whose rows are no blocks of Q8_0" {
    for dtype in f32:F32:float32 f16:F16:float16 bf16:BF16:bfloat16; do
        IFS=: read -r option type name <<< "$dtype"
        convert --dtype "$option" -o "$option" "$models/qwen3-tiny"
        [ "$(dtypes "$option/model.safetensors")" = "$type" ]
        [ "$(jq -r .torch_dtype "$option/config.json")" = "$name" ]
        convert -o "back-$option" "$option"
        convert --dtype "$option" -o "again-$option" "back-$option"
        cmp "$option/model.safetensors" "again-$option/model.safetensors"
        convert --dtype "$option" -o "$option.gguf" "$option"
        convert -o "from-$option" "$option.gguf"
    done
    [ "$(hash back-f32)" = "$(hash "$models/qwen3-tiny")" ]
    [ "$(hash back-bf16)" != "$(hash back-f16)" ]
    convert --dtype bf16 -o half "$models/llama-tiny-bf16"
    [ "$(hash half)" = "$(hash "$models/llama-tiny-bf16")" ]
    cp "$models/llama-tiny/tokenizer.json" half
    convert --dtype q8_0 -o small.gguf half
    [ "$(stat -c %s small.gguf)" -lt "$(($(stat -c %s half/model.safetensors) * 3 / 4))" ]
    # 64 columns are blocks, 172 are not
    [[ "$(tensor_type small.gguf blk.0.ffn_up.weight)" == 8 ]]
    [[ "$(tensor_type small.gguf blk.0.ffn_down.weight)" == 1 ]]
    [[ "$(tensor_type small.gguf token_embd.weight)" == 8 ]]
    convert -o large small.gguf
    convert --dtype q8_0 -o again.gguf large
    tail -c 150000 small.gguf | cmp - <(tail -c 150000 again.gguf)
}

# tensor_type FILE NAME: the number of a matrix's type in a GGUF file: behind the name 4 and 2 times 8 bytes.
tensor_type() {
    local at
    at=$(grep -abo -m 1 -e "$2" "$1" | head -n 1 | cut -d : -f 1)
    od -An -tu4 -j $((at + ${#2} + 4 + 16)) -N 4 "$1" | tr -d ' '
}

@test "model-convert: chooses the format by the name unless it is told" {
    convert -o a.gguf --format safetensors "$models/qwen3-tiny"
    [ -e a.gguf/config.json ]
    convert -o b --format gguf "$models/qwen3-tiny"
    [ "$(head -c 4 b)" = GGUF ]
    convert -o c/ b
    [ "$(hash c)" = "$(hash a.gguf)" ]
    [ "$(ls c | tr '\n' ' ')" = 'config.json generation_config.json model.safetensors ' ]
}

@test "model-convert: reads shards and the last step of a run, and copies what belongs to the tokenizer" {
    convert -o one "$models/qwen2-tiny-sharded"
    [ "$(hash one)" = "$(hash "$models/qwen2-tiny")" ]
    mkdir run
    with_tokenizer qwen2-tiny qwen2
    echo '{"eos_token_id":[636,634],"temperature":0.7}' > qwen2-tiny/generation_config.json
    echo '{% if true %}{% endif %}' > qwen2-tiny/chat_template.jinja
    mv qwen2-tiny run/step-3
    ln -s step-3 run/last
    convert -o two run
    for file in tokenizer.json tokenizer_config.json generation_config.json chat_template.jinja; do
        cmp "run/step-3/$file" "two/$file"
    done
    convert -o two.gguf run
    convert -o three two.gguf
    [ "$(jq -r .chat_template three/tokenizer_config.json)" = '{% if true %}{% endif %}' ]
}

@test "model-convert: merges an adapter, given or named by its own base" {
    cp -r "$FIXTURES/lora/llama-qv" adapter
    jq --arg base "$models/llama-tiny" '.base_model_name_or_path = $base' "$FIXTURES/lora/llama-qv/adapter_config.json" \
        > adapter/adapter_config.json
    convert --adapter adapter -o given "$models/llama-tiny"
    convert --merge -o named adapter
    cmp given/model.safetensors named/model.safetensors
    cmp given/tokenizer.json named/tokenizer.json
    [ "$(hash given)" = "$(hash adapter)" ]
    [ "$(hash given)" != "$(hash "$models/llama-tiny")" ]
    convert -o base.gguf "$models/llama-tiny"
    convert --adapter adapter -o merged.gguf base.gguf
    convert -o again merged.gguf
    [ "$(hash again)" = "$(hash given)" ]
    fails "adapter: an adapter: --merge converts its base with it" -o m adapter
    fails "$models/llama-tiny: not an adapter: there is nothing to merge" --merge -o m "$models/llama-tiny"
    fails "base.gguf: not an adapter: there is nothing to merge" --merge -o m base.gguf
}


# tests/unit/gguf_refused.c has the rest of what is refused in a GGUF file.
@test "model-convert: names what is wrong, and leaves nothing behind" {
    with_tokenizer llama-tiny smollm
    convert -o good.gguf llama-tiny
    ls > before
    touch there
    fails 'there: is there already' -o there llama-tiny
    fails 'good.gguf: is there already' -o good.gguf llama-tiny
    fails 'none/config.json: No such file or directory' -o m none
    fails 'before: not a GGUF file' -o m before
    fails "llama-tiny/model.safetensors: not a GGUF file" -o m llama-tiny/model.safetensors
    sed 's/smollm/smallm/' good.gguf > bad.gguf
    fails 'bad.gguf: tokenizer.ggml.pre "smallm" is not supported' -o m bad.gguf
    sed 's/llama.block_count/llama.block_comma/' good.gguf > bad.gguf
    fails 'bad.gguf: key llama.block_count is missing' -o m bad.gguf
    sed 's/blk.2.attn_k.weight/blk.3.attn_k.weight/' good.gguf > bad.gguf
    fails 'bad.gguf: tensor blk.2.attn_k.weight is missing' -o m bad.gguf
    head -c 100000 good.gguf > bad.gguf
    run -1 --separate-stderr model-convert -o m bad.gguf
    [[ "$stderr" == "model-convert: bad.gguf: tensor "* ]]
    # the last norm's last number becomes 2^100
    { head -c -4 good.gguf; printf '\x00\x00\x80\x71'; } > large.gguf
    fails 'tensor model.norm.weight: 1.26765e+30 is beyond the range of F16' --dtype f16 -o m large.gguf
    convert --dtype bf16 -o m large.gguf
    rm -r m
    edit() {
        cp -r llama-tiny edited
        jq "$1" llama-tiny/tokenizer.json > edited/tokenizer.json
    }
    edit '.pre_tokenizer.pretokenizers |= [.[0], .[0], .[1]]'
    fails 'edited/tokenizer.json: GGUF has no name for this pre-tokenizer' -o m.gguf edited
    edit 'def piece: if type == "array" then add else sub(" "; "") end; (.model.merges[-2:] | map(piece)) as [$a, $b] |
          .model.vocab |= with_entries(.key |= ({($a): "a b", ($b): "a ba b"}[.] // .)) |
          .model.merges |= .[:-2] + [["a b", "a b"]]'
    fails 'edited/tokenizer.json: merge 336: a token holds a blank' -o m.gguf edited
    edit '.added_tokens += [.added_tokens[3] | .id = 600 | .content = "<more>"]'
    fails 'edited/tokenizer.json: token "<more>" has the id 600, beyond the 600 of the model' -o m.gguf edited
    edit '.model.type = "Unigram"'
    fails 'edited/tokenizer.json: the model is of type Unigram, not BPE' -o m.gguf edited
    [[ "$(convert -o no/such/m llama-tiny 2>&1)" == "model-convert: no/such/m.tmp."*": No such file or directory" ]]
    [[ "$(convert -o no/m.gguf llama-tiny 2>&1)" == "model-convert: no/m.gguf.tmp."*": No such file or directory" ]]
    (trap '' XFSZ; ulimit -f 8; ! convert -o m llama-tiny 2> err)
    [[ "$(cat err)" == "model-convert: m.tmp."*": File too large" ]]
    (trap '' XFSZ; ulimit -f 8; ! convert -o m.gguf llama-tiny 2> err)
    [[ "$(cat err)" == "model-convert: m.gguf"*": File too large" ]]
    rm -r there edited bad.gguf large.gguf err
    ls -I 'separate-stderr*' | cmp - before
}

@test "model-convert: refuses wrong usage" {
    run -2 --separate-stderr model-convert m
    [[ "$stderr" == "model-convert: --output is missing"* ]]
    run -2 --separate-stderr model-convert -o m
    [[ "$stderr" == *$'\n'"model-convert: an operand is missing"* ]]
    run -2 --separate-stderr model-convert -o m one two
    [[ "$stderr" == "model-convert: one model at a time, but there is 'two'"* ]]
    run -2 --separate-stderr model-convert --dtype q8_0 -o m one
    [[ "$stderr" == "model-convert: --dtype q8_0 is for GGUF alone"* ]]
    run -2 --separate-stderr model-convert --dtype q4_0 -o m one
    [[ "$stderr" == "model-convert: --dtype takes one of f32|f16|bf16|q8_0, not 'q4_0'"* ]]
}

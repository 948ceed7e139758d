bats_require_minimum_version 1.5.0
load helpers

tiny="$BATS_TEST_DIRNAME/fixtures/models/llama-tiny"

setup() {
    cd "$BATS_TEST_TMPDIR"
}

@test "model-info: keeps the manners of every program, and its examples run" {
    keeps_manners model-info --tensors "$tiny" < /dev/null
    runs_examples model-info
}

@test "model-info: describes each directory by the names of config.json" {
    run model-info "$tiny" "$FIXTURES/models/qwen2-tiny"
    [ "${#lines[@]}" = 2 ]
    [ "$(jq -r '.model' <<< "${lines[0]}")" = "$tiny" ]
    for k in 0 1; do
        dir=$(jq -r .model <<< "${lines[k]}")
        for name in model_type hidden_size num_hidden_layers num_attention_heads num_key_value_heads \
                    intermediate_size vocab_size max_position_embeddings tie_word_embeddings; do
            [ "$(jq ".$name" <<< "${lines[k]}")" = "$(jq ".$name // false" "$dir/config.json")" ] || { echo $name; false; }
        done
        [ "$(jq .head_dim <<< "${lines[k]}")" = "$(jq '.head_dim // .hidden_size / .num_attention_heads' "$dir/config.json")" ]
        [[ "$(jq -r .hash <<< "${lines[k]}")" =~ ^[0-9a-f]{16}$ ]]
    done
}

@test "model-info: counts the numbers of the tensors that it lists, and measures them" {
    run model-info --tensors "$tiny"
    [ "$(jq -s '.[0].parameters' <<< "$output")" = \
      "$(jq -s '[.[1:][].shape | reduce .[] as $n (1; . * $n)] | add' <<< "$output")" ]
    model-init --quiet --vocab 300 --hidden 8 --layers 1 --heads 1 -o m
    model-info --tensors m | jq -e 'select(.tensor == "model.norm.weight") |
        del(.tensor) == {shape: [8], mean: 1, rms: 1, max: 1}'
}

@test "model-info: gives equal models equal fingerprints, whatever their files look like" {
    hash() { model-info "$1" | jq -r .hash; }
    [ "$(hash "$FIXTURES/models/qwen2-tiny")" = "$(hash "$FIXTURES/models/qwen2-tiny-sharded")" ]
    [ "$(hash "$tiny")" != "$(hash "$FIXTURES/models/llama-tiny-bf16")" ]
    model-init --quiet --vocab 300 --hidden 8 --layers 1 --heads 1 -o m
    cp -r m n
    jq -c '.rope_theta = 20000' m/config.json > n/config.json
    [ "$(hash m)" != "$(hash n)" ]
}

@test "model-info: takes a run directory for its last step" {
    mkdir run
    cp -r "$tiny" run/step-3
    ln -s step-3 run/last
    [ "$(model-info run | jq -c 'del(.model)')" = "$(model-info "$tiny" | jq -c 'del(.model)')" ]
    [ "$(model-info run | jq -r .model)" = run ]
}

@test "model-info: names what is wrong, after the records of the models before" {
    run -2 --separate-stderr model-info
    [[ "$stderr" == *"model-info: an operand is missing"* ]]
    run -1 --separate-stderr model-info "$tiny" none
    [ "$(jq -r .model_type <<< "$output")" = llama ]
    [ "$stderr" = 'model-info: none/config.json: No such file or directory' ]
    cp -r "$tiny" m
    rm m/model.safetensors
    run -1 --separate-stderr model-info m
    [ "$stderr" = 'model-info: m/model.safetensors: No such file or directory' ]
    head -c 1000 "$tiny/model.safetensors" > m/model.safetensors
    run -1 --separate-stderr model-info m
    [[ "$stderr" == 'model-info: m/model.safetensors: '* ]]
    jq -c '.hidden_size = 32' "$tiny/config.json" > m/config.json
    cp "$tiny/model.safetensors" m
    run -1 --separate-stderr model-info m
    [[ "$stderr" == 'model-info: m/model.safetensors: tensor model.embed_tokens.weight: '* ]]
    jq -c '.model_type = "gpt2"' "$tiny/config.json" > m/config.json
    run -1 --separate-stderr model-info m
    [ "$stderr" = 'model-info: m/config.json: model_type "gpt2" is not supported (llama, qwen2, qwen3 are)' ]
    jq -c '.vocab_size = 16777216 | .hidden_size = 16777216 | .head_dim = 32' "$tiny/config.json" > m/config.json
    run -1 --separate-stderr model-info m
    [ "$stderr" = 'model-info: m/config.json: a matrix of this model has more than 1e12 numbers' ]
    model-init --quiet --vocab 300 --hidden 8 --layers 1 --heads 1 -o n
    printf '\x41' | dd of=n/model.safetensors bs=1 seek=$(($(stat -c %s n/model.safetensors) - 1)) conv=notrunc status=none
    run -1 --separate-stderr model-info n
    [[ "$stderr" =~ ^'model-info: n/model.safetensors: the checksum is '[0-9a-f]{16}', not '[0-9a-f]{16}': the file is damaged'$ ]]
}

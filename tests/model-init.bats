bats_require_minimum_version 1.5.0
load helpers

setup() {
    cd "$BATS_TEST_TMPDIR"
    bpe-train --text --vocab 270 <<< 'the end of the end' > tokenizer.json
    small="--quiet --hidden 32 --layers 2 --heads 4"
}

# Help, version, wrong option, options of the page. It writes no records, so the rest does not apply.
@test "model-init: keeps the manners of every program, and its examples run" {
    [[ "$(model-init --help)" == "usage: model-init [options]"$'\n'* ]]
    model-init --version | grep -Eq '^model-init \(r2rec\) [0-9]+\.[0-9]+'
    run -2 --separate-stderr model-init --no-such-option
    [ "$stderr" = "model-init: no option '--no-such-option'"$'\n'"Try 'model-init --help'." ]
    names_its_options model-init
    runs_examples model-init
    run -1 --separate-stderr bash -c 'model-init --help > /dev/full'
    [ "$stderr" = "model-init: stdout: No space left on device" ]
}

@test "model-init: makes a directory whose sizes are those asked for, and says how large the model is" {
    run --separate-stderr model-init --tokenizer tokenizer.json --hidden 32 --layers 2 --heads 4 --kv-heads 2 -o base
    [ "$status" = 0 ]
    [ -z "$output" ]
    # embedding; in each layer q, k, v and o, the MLP, two norms; the last norm
    vocab=$(jq '.model.vocab | length' tokenizer.json)
    [ "$stderr" = "model-init: base: $((vocab * 32 + 2 * (32 * 64 + 32 * 32 + 3 * 32 * 128 + 64) + 32)) parameters" ]
    [ "$(ls base | tr '\n' ' ')" = 'config.json model.safetensors tokenizer.json tokenizer_config.json ' ]
    cmp tokenizer.json base/tokenizer.json
    [ "$(jq -c '[.model_type, .hidden_size, .num_hidden_layers, .num_attention_heads, .num_key_value_heads, .head_dim,
                 .intermediate_size, .max_position_embeddings, .rope_theta, .tie_word_embeddings, .eos_token_id]' \
        base/config.json)" = '["llama",32,2,4,2,8,128,2048,10000,true,0]' ]
    [ "$(jq -c '[.eos_token, .pad_token]' base/tokenizer_config.json)" = '["<|endoftext|>","<|endoftext|>"]' ]
}

@test "model-init: knows three architectures, an output matrix of its own, and every size" {
    tensors() { model-info --tensors "$1" | jq -r 'select(.tensor) | .tensor'; }
    model-init $small --tokenizer tokenizer.json --arch qwen2 -o qwen2
    [ "$(tensors qwen2 | grep -c 'proj.bias')" = 6 ]
    [ "$(jq .rope_theta qwen2/config.json)" = 1000000 ]
    model-init $small --tokenizer tokenizer.json --arch qwen3 -o qwen3
    [ "$(tensors qwen3 | grep -c '[qk]_norm')" = 4 ]
    model-init $small --vocab 300 --untied --head-dim 10 --intermediate 50 --max-positions 77 --rope-theta 500 -o other
    tensors other | grep -qx lm_head.weight
    [ "$(jq -c '[.vocab_size, .head_dim, .intermediate_size, .max_position_embeddings, .rope_theta]' other/config.json)" = \
      '[300,10,50,77,500]' ]
    [ "$(ls other | tr '\n' ' ')" = 'config.json model.safetensors ' ]
}

@test "model-init: draws matrices by their width, smaller ones where they write into the residual stream" {
    model-init --quiet --vocab 1000 --hidden 64 --layers 8 --heads 4 --intermediate 256 --arch qwen2 -o m
    model-info --tensors m | jq -es '
        def all_of($name; $rms): map(select(.tensor | tostring | test($name)) |
            (.rms / $rms | . > 0.94 and . < 1.06) and (.mean / $rms | . > -0.06 and . < 0.06)) | all and length > 0;
        all_of("embed"; 0.2) and all_of("([qkv]|gate|up)_proj.weight"; 1 / 8) and
        all_of("o_proj"; 1 / 8 / 4) and all_of("down_proj"; 1 / 16 / 4) and
        (map(select(.tensor | tostring | test("norm")) | .rms == 1) | all) and
        (map(select(.tensor | tostring | test("bias")) | .rms == 0) | all)'
}

@test "model-init: equal seeds give equal bytes, others do not" {
    model-init $small --tokenizer tokenizer.json -o one
    model-init $small --tokenizer tokenizer.json -o two
    model-init $small --tokenizer tokenizer.json --seed 2 -o three
    diff -r one two
    run ! cmp -s one/model.safetensors three/model.safetensors
}

@test "model-init: takes a tokenizer from a folder with all that belongs to it" {
    model-init $small --tokenizer "$FIXTURES/tokenizers/smollm" -o m
    cmp "$FIXTURES/tokenizers/smollm/tokenizer_config.json" m/tokenizer_config.json
    [ "$(jq -c '[.bos_token_id, .eos_token_id]' m/config.json)" = \
      "$(jq -c '[.eos_token] as [$e] | [.bos_token, .eos_token]' m/tokenizer_config.json |
         jq -c --slurpfile t m/tokenizer.json '[.[] as $w | $t[0].added_tokens[] | select(.content == $w) | .id]')" ]
    bpe-train --text --special '<s>' --special '</s>' <<< 'a b' > other.json
    model-init $small --tokenizer other.json -o n
    [ "$(jq -r .eos_token n/tokenizer_config.json)" = '<s>' ]
    [ "$(jq .eos_token_id n/config.json)" = 0 ]
}

@test "model-init: names what is wrong, and leaves nothing behind" {
    fails() {
        local message=$1
        shift
        run -1 --separate-stderr model-init --quiet "$@"
        [ "$stderr" = "model-init: $message" ] || { echo "$stderr"; false; }
    }
    mkdir there
    fails 'there: is there already' --vocab 300 -o there
    fails 'without --tokenizer, --vocab is needed' -o m
    fails 'none.json: No such file or directory' --tokenizer none.json -o m
    fails '--vocab 100 is less than the tokenizer'\''s 262' --tokenizer tokenizer.json --vocab 100 -o m
    fails 'num_attention_heads 3 is not a multiple of num_key_value_heads 2' --vocab 300 --heads 3 --kv-heads 2 -o m
    fails 'head_dim 1 is odd' --vocab 300 --hidden 32 --heads 32 -o m
    fails 'head_dim is 0, not from 1 to 256' --vocab 300 --hidden 4 --heads 8 -o m
    bpe-train --text --special '<s>' <<< 'a b' | jq -c '.added_tokens = []' > none.json
    fails 'none.json: no special token to end an answer with' --tokenizer none.json -o m
    [[ "$(model-init --vocab 300 --quiet -o no/such/m 2>&1)" == "model-init: no/such/m.tmp."*": No such file or directory" ]]
    (trap '' XFSZ; ulimit -f 8; ! model-init --vocab 300 --quiet -o m 2> err)
    [[ "$(cat err)" == "model-init: m.tmp."*"/model.safetensors: File too large" ]]
    [ "$(ls -I "separate-stderr*" | tr '\n' ' ')" = 'err none.json there tokenizer.json ' ]
}

@test "model-init: refuses wrong usage" {
    run -2 --separate-stderr model-init --vocab 300
    [[ "$stderr" == "model-init: --output is missing"* ]]
    run -2 --separate-stderr model-init -o m operand
    [[ "$stderr" == "model-init: no operand is taken, but there is 'operand'"* ]]
    run -2 --separate-stderr model-init --arch gpt2 -o m
    [[ "$stderr" == "model-init: --arch takes one of llama|qwen2|qwen3, not 'gpt2'"* ]]
    run -2 --separate-stderr model-init --hidden 1 -o m
    [[ "$stderr" == "model-init: --hidden takes a whole number from 2 to 65536, not '1'"* ]]
}

bats_require_minimum_version 1.5.0
load helpers

setup() {
    cd "$BATS_TEST_TMPDIR"
}

@test "bpe-train: keeps the manners of every program, and its examples run" {
    maskprompt "$BATS_TEST_DIRNAME/../examples/cases.jsonl" | keeps_manners bpe-train --vocab 300
    runs_examples bpe-train
}

@test "bpe-train: merges the pair that occurs most, of equals the one with the smaller ids" {
    # words: "ab" 3, " ab" 1, "cab" 1: a b 5 times; then "c" "ab" and "Ġ" "ab" tie, and c has the smaller id
    run bpe-train --text --vocab 300 --min-count 1 <<< 'ab
ab
ab ab
cab'
    [ "$(jq -c '.model.merges' <<< "$output")" = '[["a","b"],["c","ab"],["Ġ","ab"]]' ]
    [ "$(jq -c '.model.vocab | [length, .["<|endoftext|>"], .["!"], .ab, .cab, .["Ġab"]]' <<< "$output")" = '[260,0,1,257,258,259]' ]
    run bpe-train --text --vocab 258 --min-count 1 <<< 'ab ab'
    [ "$(jq -c '.model.merges' <<< "$output")" = '[["a","b"]]' ]
    run bpe-train --text --min-count 2 <<< 'ab cd ab'
    [ "$(jq -c '.model.merges' <<< "$output")" = '[["a","b"]]' ]
}

@test "bpe-train: merges runs of one letter from the left" {
    # a a a a a -> aa aa a -> aa aaa -> aaaaa
    run bpe-train --field t --min-count 1 <<< '{"t":"aaaaa"}'
    [ "$(jq -c .model.merges <<< "$output")" = '[["a","a"],["aa","a"],["aa","aaa"]]' ]
}

@test "bpe-train: cuts words as --pre says" {
    pieces() {
        bpe-train --field t --min-count 1 --pre "$1" <<< "$2" | jq -c '[.model.merges[] | add]'
    }
    [ "$(pieces smollm '{"t":"x12 it'\''s"}')" = '["'\''s","it","Ġit"]' ]
    [ "$(pieces gpt2 '{"t":"x12 it'\''s"}')" = '["'\''s","12","it","Ġit"]' ]
    [ "$(pieces qwen2 '{"t":"x12 it'\''S"}')" = '["'\''S","it","Ġit"]' ]
}

@test "bpe-train: reads prompts, completions, messages, strings, one field, lines of text" {
    for record in '{"prompt":[{"role":"user","content":"ab"}],"completion":[]}' '{"completion":"ab"}' \
                  '{"messages":[{"role":"user","content":"ab"},{"role":"assistant","content":3}]}' '{"prompt":"ab"}'; do
        [ "$(bpe-train --min-count 1 <<< "$record" | jq -c .model.merges)" = '[["a","b"]]' ]
    done
    [ "$(bpe-train --min-count 1 --field x <<< '{"x":"ab","prompt":"cd"}' | jq -c .model.merges)" = '[["a","b"]]' ]
    [ "$(printf '{"prompt":"ab"}\n{"prompt":"cd"}\n' | bpe-train --min-count 1 --limit 1 | jq -c .model.merges)" = '[["a","b"]]' ]
    printf 'ab\n' > a.txt
    printf 'ab\xff\xc3b\n' > b.txt
    [ "$(bpe-train --text a.txt b.txt | jq -c .model.merges)" = '[["a","b"]]' ]
}

@test "bpe-train: puts special tokens first, and gives what they spell their id" {
    run bpe-train --text --special '<s>' --special '</s>' --min-count 1 <<< 'ab'
    [ "$(jq -c '[.added_tokens[] | [.id, .content, .special]]' <<< "$output")" = '[[0,"<s>",true],[1,"</s>",true]]' ]
    [ "$(jq -c '.model.vocab | [.["<s>"], .["</s>"], .["!"], .ab]' <<< "$output")" = '[0,1,2,258]' ]
    run bpe-train --text --special ab --special c --min-count 1 <<< 'abc'
    [ "$(jq -c '.model.vocab | [.ab, .c, .abc, length, (map(.) | max)]' <<< "$output")" = '[0,1,257,258,257]' ]
    [ "$(jq -c '.model.merges' <<< "$output")" = '[["a","b"],["ab","c"]]' ]
}

@test "bpe-train: fills the vocabulary, and model-init reads what it wrote" {
    for pre in smollm gpt2 qwen2; do
        maskprompt "$BATS_TEST_DIRNAME/../examples/cases.jsonl" | bpe-train --vocab 400 --pre $pre > tokenizer.json
        model-init --quiet --tokenizer tokenizer.json --hidden 8 --layers 1 --heads 1 -o $pre
        [ "$(model-info $pre | jq .vocab_size)" = 400 ]
    done
}

@test "bpe-train: names what is wrong" {
    run -1 --separate-stderr bpe-train <<< '{"prompt":'
    [[ "$stderr" == "bpe-train: -:1: column "* ]]
    run -1 --separate-stderr bpe-train <<< '{"text":"a"}'
    [ "$stderr" = 'bpe-train: -:1: no "messages", "prompt" or "completion"' ]
    run -1 --separate-stderr bpe-train --field text <<< '{"text":1}'
    [ "$stderr" = 'bpe-train: -:1: "text" is missing or not a string' ]
    run -1 --separate-stderr bpe-train < /dev/null
    [ "$stderr" = 'bpe-train: -: no records' ]
    run -1 --separate-stderr bpe-train --text < /dev/null
    [ "$stderr" = 'bpe-train: -: no records' ]
    run -1 --separate-stderr bpe-train none.jsonl
    [ "$stderr" = 'bpe-train: none.jsonl: No such file or directory' ]
    [ -z "$output" ]
    run -2 --separate-stderr bpe-train --vocab 256
    [[ "$stderr" == "bpe-train: --vocab takes a whole number from 257 to 1e+06, not '256'"* ]]
    run -2 --separate-stderr bpe-train --vocab 257 --special a --special b
    [[ "$stderr" == "bpe-train: --vocab is too small for the bytes and special tokens"* ]]
    run -2 --separate-stderr bpe-train --special ''
    [[ "$stderr" == "bpe-train: --special is empty"* ]]
    run -2 --separate-stderr bpe-train --special a --special a
    [[ "$stderr" == "bpe-train: --special a stands twice"* ]]
}

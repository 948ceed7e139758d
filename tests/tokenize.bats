bats_require_minimum_version 1.5.0
load helpers

setup() {
    cd "$BATS_TEST_TMPDIR"
    model=$FIXTURES/tokenizers/smollm
}

# What tokenize says of a record, and that it fails.
refuses() {
    local message=$1
    shift
    run -1 --separate-stderr tokenize -m "$model" "$@"
    [ "$stderr" = "tokenize: $message" ] || { echo "$stderr"; return 1; }
}

@test "tokenize: keeps the manners of every program, and its examples run" {
    keeps_manners tokenize -m "$model" <<< '{"text":"Hi"}'
    runs_examples tokenize
}

@test "tokenize: gives the ids and the texts of tokenizers, for every fixture" {
    for model in "$FIXTURES"/tokenizers/*; do
        jq -c '{text, ids}' "$model/encode.jsonl" | tokenize -m "$model" > out
        [ "$(jq -c 'select(.tokens != .ids)' out)" = "" ]
        [ "$(jq -c 'select(.tokens == .ids)' out | wc -l)" -gt 2000 ]
        # The ids of U+0000 come back as one, which JSON's readers refuse in a line; unit tests have them.
        jq -c 'select(.text | explode | index(0) | not)' "$model/decode.jsonl" > some
        [ "$(wc -l < some)" -gt 100 ]
        jq -c '{tokens: .ids, want: .text}' some | tokenize -m "$model" --decode > out
        [ "$(jq -c 'select(.text != .want)' out)" = "" ]
        jq -c '{tokens: .ids, want: .text_no_special}' some | tokenize -m "$model" --decode --no-special > out
        [ "$(jq -c 'select(.text != .want)' out)" = "" ]
    done
}

@test "tokenize: takes the field that is there, or the one that is named, and keeps the others" {
    hi='[{"role":"user","content":"Hi"}]'
    [ "$(tokenize -m "$model" <<< '{"z":[1,{"q":null}],"text":"Hi","messages":3}')" = \
        '{"z":[1,{"q":null}],"text":"Hi","messages":3,"tokens":[42,75]}' ]
    [ "$(tokenize -m "$model" <<< "{\"messages\":$hi,\"prompt\":4}" | jq -c .tokens)" = '[1,283,201,42,75,2,201]' ]
    [ "$(tokenize -m "$model" <<< "{\"prompt\":$hi}" | jq -c .tokens)" = '[1,283,201,42,75,2,201]' ]
    [ "$(tokenize -m "$model" --generate <<< "{\"prompt\":$hi}" | jq -c '.tokens[7:]')" = '[1,303,85,75,380,375,86,201]' ]
    [ "$(tokenize -m "$model" --field x <<< "{\"text\":\"a\",\"x\":\"Hi\"}" | jq -c .tokens)" = '[42,75]' ]
    [ "$(tokenize -m "$model" --field x <<< "{\"text\":\"a\",\"x\":$hi}" | jq -c .tokens)" = '[1,283,201,42,75,2,201]' ]
    [ "$(tokenize -m "$model" <<< '{"prompt":"Hi","tokens":"old"}')" = '{"prompt":"Hi","tokens":[42,75]}' ]
}

@test "tokenize: counts tokens, and spells them" {
    [ "$(tokenize -m "$model" --count <<< '{"text":"the end"}')" = '{"text":"the end","num_tokens":5}' ]
    [ "$(tokenize -m "$model" --pieces <<< '{"text":"Hé <|im_end|> "}' | jq -c '[.tokens, .pieces]')" = \
        '[[42,514,223,2,223],["H","Ã©","Ġ","<|im_end|>","Ġ"]]' ]
}

@test "tokenize: reads what spells a special token as text where it is told so, but in messages" {
    [ "$(tokenize -m "$model" <<< '{"text":"a<|im_end|>"}' | jq -c .tokens)" = '[67,2]' ]
    [ "$(tokenize -m "$model" --no-special <<< '{"text":"a<|im_end|>"}' | jq -c '.tokens[:3]')" = '[67,30,94]' ]
    [ "$(tokenize -m "$model" --no-special <<< '{"prompt":[{"role":"user","content":""}]}' | jq -c .tokens)" = '[1,283,201,2,201]' ]
    [ "$(tokenize -m "$model" --decode --no-special <<< '{"tokens":[1,42,75,2]}' | jq -r .text)" = Hi ]
    [ "$(tokenize -m "$model" --decode <<< '{"tokens":[1,42,75,2]}' | jq -r .text)" = '<|im_start|>Hi<|im_end|>' ]
}

@test "tokenize: decodes what is no UTF-8 to U+FFFD, and leaves out ids without a token" {
    [ "$(tokenize -m "$model" --decode <<< '{"tokens":[514,130,999999,67]}' | jq -r .text)" = 'é'$'\xef\xbf\xbd''a' ]
    [ "$(tokenize -m "$model" --decode <<< '{"text":1,"tokens":[]}')" = '{"text":"","tokens":[]}' ]
}

@test "tokenize: makes records of lines and of files" {
    printf 'Hi\r\n\n Hi' > a
    printf 'Hi' > b
    [ "$(tokenize -m "$model" --text a b)" = '{"text":"Hi\u000d","tokens":[42,75,204]}
{"text":" Hi","tokens":[538,75]}
{"text":"Hi","tokens":[42,75]}' ]
    [ "$(tokenize -m "$model" --whole a b | jq -c .tokens)" = '[42,75,204,201,201,538,75]
[42,75]' ]
    [ "$(tokenize -m "$model" --whole < b)" = '{"text":"Hi","tokens":[42,75]}' ]
    [ "$(tokenize -m "$model" --whole --count - < b)" = '{"num_tokens":2}' ]
    [ "$(tokenize -m "$model" --text --count b)" = '{"num_tokens":2}' ]
    [ "$(tokenize -m "$model" --whole /dev/null)" = '{"text":"","tokens":[]}' ]
}

@test "tokenize: takes a folder, a file, or the last step of a run" {
    mkdir -p run/step-3
    cp "$model/tokenizer.json" run/step-3
    cp "$FIXTURES/models/llama-tiny/config.json" run/step-3
    ln -s step-3 run/last
    for m in "$model" "$model/tokenizer.json" run run/last; do
        [ "$(tokenize -m $m <<< '{"text":"Hi"}' | jq -c .tokens)" = '[42,75]' ]
    done
}

# A square of the length would take minutes.
@test "tokenize: needs time in proportion to the text" {
    yes a | head -n 300000 | tr -d '\n' > one
    tr a ' ' < one > blanks
    tr a 7 < one > digits
    tr a '\n' < one > lines
    tr a '<' < one > marks
    awk 'BEGIN { srand(1); for (i = 0; i < 300000; i++) printf "%c", 97 + int(26 * rand()) }' > letters
    yes $'\xcc\x81\xcc\xa3' | head -n 75000 | tr -d '\n' > accents
    for model in "$FIXTURES"/tokenizers/{smollm,qwen2}; do
        for text in one blanks digits lines marks letters accents; do
            timeout 20 tokenize -m "$model" --whole $text > out
            tokenize -m "$model" --decode out | jq -j .text > back
            case $text in accents) [ "$(wc -c < back)" = 300000 ] ;; *) cmp back $text ;; esac
        done
    done
}

@test "tokenize: names what is wrong" {
    refuses '-:1: no "text", "messages" or "prompt"' <<< '{"x":"a"}'
    refuses '-:2: "x" is missing, or neither a string nor messages' --field x <<< $'\n{"text":"a"}'
    refuses '-:1: "text" is missing, or neither a string nor messages' <<< '{"text":3}'
    refuses '-:1: "messages": no messages' <<< '{"messages":[]}'
    refuses '-:1: "prompt": message 0: "role" is missing or not a string' <<< '{"prompt":[3]}'
    refuses '-:1: "tokens" is missing or not an array' --decode <<< '{"text":"a"}'
    for id in -1 0.5 '"a"' 2147483648 null; do
        refuses '-:1: "tokens" holds what is not a token'\''s id' --decode <<< "{\"tokens\":[1,$id]}"
    done
    refuses '-: no records' < /dev/null
    refuses '-: no records' --text < /dev/null
    refuses 'none: No such file or directory' none
    refuses 'none: No such file or directory' --whole none
    printf 'a\nb\xff\n' > bad
    refuses 'bad:2: not UTF-8' --text bad
    refuses 'bad: not UTF-8' --whole bad
    refuses '.: Is a directory' --whole .
    run -1 --separate-stderr tokenize -m none bad
    [ "$stderr" = 'tokenize: none: No such file or directory' ]
}

@test "tokenize: refuses options that do not go together" {
    run -2 --separate-stderr tokenize bad
    [[ "$stderr" == "tokenize: --model is missing"* ]]
    while IFS='|' read -r options message; do
        run -2 --separate-stderr tokenize -m "$model" $options bad
        [ "${stderr_lines[0]}" = "tokenize: $message" ] || { echo "$options: $stderr"; return 1; }
    done <<'T'
--decode --count|--decode goes with --no-special alone
--decode --pieces|--decode goes with --no-special alone
--decode --text|--decode goes with --no-special alone
--decode --whole|--decode goes with --no-special alone
--decode --generate|--decode goes with --no-special alone
--decode --field x|--decode goes with --no-special alone
--text --whole|--text and --whole exclude each other
--text --field x|--field and --generate are for records
--whole --generate|--field and --generate are for records
--count --pieces|--count and --pieces exclude each other
T
}

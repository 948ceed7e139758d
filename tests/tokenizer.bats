bats_require_minimum_version 1.5.0
load helpers

setup() {
    cd "$BATS_TEST_TMPDIR"
    gpt2=$FIXTURES/tokenizers/gpt2/tokenizer.json
    # A function of jq: an added token, of the next id.
    add='def add(text; flags): .added_tokens += [{id: (.added_tokens[-1].id + 1), content: text, single_word: false,
        lstrip: false, rstrip: false, normalized: false, special: false} + flags];
        def add(text): add(text; {});
        def split(regex): {type: "Split", pattern: {Regex: regex}, behavior: "Isolated", invert: false};
        def bytes(flags): {type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false} + flags;
        def pre(list): .pre_tokenizer = {type: "Sequence", pretokenizers: list};
        def word(list): .model = {type: "BPE", vocab: (list | to_entries | map({key: .value, value: .key}) | from_entries),
            merges: []} | .added_tokens = [];'
}

# pieces CHANGE TEXT [OPTION...]: how GPT-2's small tokenizer cuts a text when it is changed so. What is expected
# below is what tokenizers 0.23.3 gives.
pieces() {
    jq -c "$add $1" "$gpt2" > t.json
    jq -nc --arg t "$2" '{text: $t}' | tokenize -m t.json --pieces "${@:3}" | jq -c .pieces
}

refuses() {
    jq -c "$add $2" "$gpt2" > t.json
    run -1 --separate-stderr tokenize -m t.json <<< '{"text":"a"}'
    [ "$stderr" = "tokenize: t.json: $1" ] || { echo "$2: $stderr"; return 1; }
}

@test "tokenizer: merges are pairs or strings" {
    [ "$(pieces '.' 'the end')" = '["th","e","Ġ","en","d"]' ]
    [ "$(pieces '.model.merges |= map(join(" ")? // .)' 'the end')" = '["th","e","Ġ","en","d"]' ]
    [ "$(pieces '.model.merges |= map(strings // join(" "))' 'the end')" = '["th","e","Ġ","en","d"]' ]
    [ "$(pieces '.model.merges = []' 'the')" = '["t","h","e"]' ]
    # Of a pair that is there twice the later counts.
    [ "$(pieces '.model.merges |= (map(strings // join(" ")) | .[:1] as $first | . + $first)' 'the in')" = "$(
         pieces '.model.merges |= (map(strings // join(" ")) | .[1:] + .[:1])' 'the in')" ]
}

@test "tokenizer: a word that is a token stays whole where merges are ignored" {
    [ "$(pieces '.model.vocab.hello = 594 | .added_tokens = []' 'hello')" = '["he","ll","o"]' ]
    [ "$(pieces '.model.vocab.hello = 594 | .added_tokens = [] | .model.ignore_merges = true' 'hello hello')" = \
        '["hello","Ġ","he","ll","o"]' ]
}

@test "tokenizer: a blank goes before a text that begins with none" {
    prefix='.pre_tokenizer.add_prefix_space = true'
    [ "$(pieces "$prefix" 'the end<|im_end|>the <|im_end|> x')" = \
        '["Ġthe","Ġ","en","d","<|im_end|>","Ġthe","Ġ","<|im_end|>","Ġ","x"]' ]
    [ "$(pieces "$prefix" $'\nx')" = '["Ġ","Ċ","x"]' ]
    [ "$(pieces "$prefix" '')" = '[]' ]
    refuses 'the pre-tokenizer adds a blank in a place that is not supported' \
        'pre([split("a"), bytes({add_prefix_space: true})])'
}

@test "tokenizer: steps cut one after another" {
    [ "$(pieces 'pre([{type: "Digits", individual_digits: true}, bytes({use_regex: true})])' 'a12 3')" = '["a","1","2","Ġ","3"]' ]
    [ "$(pieces 'pre([{type: "Digits", individual_digits: false}, bytes({use_regex: true})])' 'a12 3' | jq -c 'join("|")')" = '"a|1|2|Ġ|3"' ]
    [ "$(pieces 'pre([split("h"), bytes({})])' 'the end')" = '["t","h","e","Ġ","en","d"]' ]
    [ "$(pieces 'pre([bytes({})])' 'the end')" = '["th","e","Ġ","en","d"]' ]
}

@test "tokenizer: Llama 3's expression cuts numbers by threes, and words that are tokens stay whole" {
    llama3='(?i:'"'s|'t|'re|'ve|'m|'ll|'d"')|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+'
    change="pre([split(\"$llama3\"), bytes({})]) | .model.ignore_merges = true | .added_tokens = [] |
        .model.vocab += {\"123\": 594, \"45\": 595, \"Ġdon\": 596, \"'T\": 597, \"!!ĊĊ\": 598}"
    [ "$(pieces "$change" $'12345 don\'T!!\n\nx')" = "[\"123\",\"45\",\"Ġdon\",\"'T\",\"!!ĊĊ\",\"x\"]" ]
}

# Unicode 15: the letter U+31350, the symbol U+1F6DC; 16: the digit U+10D40; 17: the digit U+11DE0, which is one for
# the step Digits alone.
@test "tokenizer: characters are letters and digits by the Unicode of tokenizers" {
    words='.added_tokens = [] | .model.ignore_merges = true | .model.vocab += {"að±įĲ": 594, "1ðĲµĢ": 595, "aðĲµĢ": 596,
        "!ðŁĽľ": 597, "aðŁĽľ": 598, "!ðĳ·ł": 599, "1ðĳ·ł": 600}'
    # whole TEXT NUMBER [CHANGE]: the text is so many tokens.
    whole() { [ "$(pieces "$words${3:+ | $3}" "$1" | jq length)" = "$2" ]; }
    whole $'a\xf0\xb1\x8d\x90' 1
    whole $'1\xf0\x90\xb5\x80' 1
    whole $'a\xf0\x90\xb5\x80' 5
    whole $'!\xf0\x9f\x9b\x9c' 1
    whole $'a\xf0\x9f\x9b\x9c' 4
    whole $'!\xf0\x91\xb7\xa0' 1
    whole $'1\xf0\x91\xb7\xa0' 5
    digits='pre([{type: "Digits", individual_digits: false}, bytes({use_regex: true})])'
    whole $'!\xf0\x91\xb7\xa0' 5 "$digits"
    whole $'1\xf0\x91\xb7\xa0' 5 "$digits"
    whole $'1\xf0\x90\xb5\x80' 1 "$digits"
}

@test "tokenizer: added tokens are found before NFC, or after it if they are normalized, the longest first" {
    nfc='.normalizer = {type: "Sequence", normalizers: [{type: "NFC"}]} | add("e\u0301!"; {normalized: true}) |
         add("a\u0301?")'
    [ "$(pieces "$nfc" $'xé!y xe\xcc\x81!y')" = '["x","é!","y","Ġ","x","é!","y"]' ]
    [ "$(pieces "$nfc" $'xá?y')" = '["x","Ã","¡","?","y"]' ]
    [ "$(pieces "$nfc" $'xa\xcc\x81?y')" = $'["x","a\xcc\x81?","y"]' ]
    [ "$(pieces 'add("ab<|x"; {normalized: true}) | add("<|x|>")' 'ab<|x|>')" = '["a","b","<|x|>"]' ]
    [ "$(pieces 'add("q q") | add("q"; {id: 80})' 'xq qq')" = '["x","q q","q"]' ]
    # A special token that is text hides those that begin in it.
    [ "$(pieces 'add("xyz"; {special: true}) | add("zq")' 'axyzqzq' --no-special)" = '["a","x","y","z","q","zq"]' ]
}

@test "tokenizer: a token is decoded by the byte-level alphabet, or stands for itself" {
    jq -c "$add"' add("éé") | add("Ġq") | add("é é")' "$gpt2" > t.json
    [ "$(tokenize -m t.json --decode <<< '{"tokens":[600]}' | jq -r .text)" = $'\xef\xbf\xbd\xef\xbf\xbd' ]
    [ "$(tokenize -m t.json --decode <<< '{"tokens":[601,602]}' | jq -r .text)" = ' qé é' ]
    # No text spells a token with a blank.
    [ "$(pieces '.model.vocab["a b"] = 594 | .added_tokens = [] | .model.ignore_merges = true | pre([bytes({})])' 'a b')" = '["a","Ġb"]' ]
}

@test "tokenizer: a model of another kind is refused" {
    refuses 'the model is of type Unigram, not BPE' '.model.type = "Unigram"'
    refuses 'the model is of type WordPiece, not BPE' '.model.type = "WordPiece"'
    refuses '"model" is missing or not an object' 'del(.model)'
    refuses 'the model has "byte_fallback", which is not supported' '.model.byte_fallback = true'
    refuses 'the model has "continuing_subword_prefix", which is not supported' '.model.continuing_subword_prefix = "##"'
    refuses 'the model has "end_of_word_suffix", which is not supported' '.model.end_of_word_suffix = "</w>"'
    refuses 'the model has "dropout", which is not supported' '.model.dropout = 0.1'
    refuses 'the model has "unk_token", which is not supported' '.model.unk_token = "a" | word(["a"]) * {model: {unk_token: "a"}}'
    [ "$(pieces '.model.unk_token = "a" | .model.dropout = 0.0 | .model.end_of_word_suffix = ""' 'a')" = '["a"]' ]
    refuses 'the decoder is of a kind that is not supported: Metaspace' '.decoder.type = "Metaspace"'
    refuses 'the normalizer is of a kind that is not supported: NFKC' '.normalizer = {type: "NFKC"}'
    refuses 'the normalizer is of a kind that is not supported: Lowercase' \
        '.normalizer = {type: "Sequence", normalizers: [{type: "NFC"}, {type: "Lowercase"}]}'
}

@test "tokenizer: a pre-tokenizer that cuts in another way is refused" {
    refuses 'the pre-tokenizer is of a kind that is not supported: ?' '.pre_tokenizer = null'
    refuses 'the pre-tokenizer is of a kind that is not supported: Metaspace' '.pre_tokenizer = {type: "Metaspace"}'
    refuses 'the pre-tokenizer is not ByteLevel' 'pre([split("a")])'
    refuses 'the pre-tokenizer goes on behind ByteLevel, which is not supported' 'pre([bytes({}), split("a")])'
    refuses 'the pre-tokenizer has more than 4 steps' 'pre([split("a","b","c","d","e"), bytes({})])'
    way='the pre-tokenizer splits in a way that is not supported: a Regex, Isolated, is'
    refuses "$way" 'pre([split("a") + {behavior: "Removed"}, bytes({})])'
    refuses "$way" 'pre([split("a") + {invert: true}, bytes({})])'
    refuses "$way" 'pre([split("a") + {pattern: {String: "a"}}, bytes({})])'
}

@test "tokenizer: an expression that Oniguruma might read otherwise is refused" {
    while IFS='|' read -r regex part; do
        refuses "the pre-tokenizer's expression has \"$part\", which is not supported" "pre([split(\"${regex//\\/\\\\}\"), bytes({})])"
    done <<'T'
a.b|.
^a|^
a$|$
\w+|\w
\x41|\x
a\b|\b
\p{Lu}|\p{Lu
\pL|\pL
[a[b]]|[b
[a&&b]|&&
[]a]|]a
(?<=a)b|(?<
(?m:a)|(?m
(*UTF)a|(*
a{,3}|{,3
a{2}?|{2}?
a{2}+|{2}+
a{b|{b
T
    refuses "the pre-tokenizer's expression has a class without an end" 'pre([split("[a"), bytes({})])'
    refuses "the pre-tokenizer's expression: missing closing parenthesis" 'pre([split("(a"), bytes({})])'
    refuses "the pre-tokenizer's expression: quantifier does not follow a repeatable item" 'pre([split("*a"), bytes({})])'
}

@test "tokenizer: an expression that explodes ends with a message, not with the universe" {
    jq -c "$add"' pre([split("(?:[ab]+)+[cd]"), bytes({})])' "$gpt2" > t.json
    yes a | head -n 5000 | tr -d '\n' > text
    run -1 --separate-stderr timeout 20 tokenize -m t.json --whole text
    [[ "$stderr" == "tokenize: text: the tokenizer's expression gives up on a text: match limit exceeded" ]]
    [ "$(tokenize -m t.json --text <<< 'abac' | jq -c '.tokens | length')" = 4 ]
}

@test "tokenizer: tokens that contradict one another are refused" {
    refuses '"vocab" is missing or not an object' '.model.vocab = []'
    refuses '"vocab" is empty' '.model.vocab = {}'
    refuses '"vocab": the id of "x" is not an integer' '.model.vocab.x = "1"'
    refuses '"vocab": two tokens have the id 7' '.model.vocab.zz = 7'
    refuses '"vocab": "zz" has the id -1, which is out of range' '.model.vocab.zz = -1'
    refuses '"vocab": "zz" has the id 1048576, which is out of range' '.model.vocab.zz = 1048576'
    refuses '"vocab": "zz" has the id 1000000000000000, which is out of range' '.model.vocab.zz = 1000000000000000'
    refuses '"vocab": the token of id 700 is empty' '.model.vocab[""] = 700'
    refuses '"merges" is missing or not an array' 'del(.model.merges)'
    refuses 'merge 0: is not a pair of tokens' '.model.merges = ["ab"]'
    refuses 'merge 0: is not a pair of tokens' '.model.merges = ["a  b"]'
    refuses 'merge 0: is not a pair of tokens' '.model.merges = [["a","b","c"]]'
    refuses 'merge 0: is not a pair of tokens' '.model.merges = [["a",1]]'
    refuses 'merge 0: "zzz" "q": a part or the whole is not in the vocabulary' '.model.merges = ["zzz q"]'
    refuses 'merge 1: "q" "z": a part or the whole is not in the vocabulary' '.model.merges = ["t h", "q z"]'
}

@test "tokenizer: added tokens that tokenizers would number or find otherwise are refused" {
    for flag in lstrip rstrip single_word; do
        refuses "added token 6: \"xx\" has $flag, which is not supported" "add(\"xx\"; {$flag: true})"
    done
    refuses 'added token 6: "xx" has the id 5, not 600' 'add("xx"; {id: 5})'
    refuses 'added token 6: "xx" has the id 601, not 600' 'add("xx"; {id: 601})'
    refuses 'added token 6: "th" has the id 600, not 256' 'add("th")'
    refuses 'added token 7: "xx" stands twice' 'add("xx") | add("xx")'
    refuses 'added token 6: the token of id 600 is empty' 'add("")'
    refuses 'added token 6: "content" is missing or not a string' 'add(3)'
    refuses 'added token 6: "id" is not a whole number from 0 to 1048575' 'add("xx"; {id: 1048576})'
    [ "$(pieces 'add("th"; {id: 256}) | add("xx"; {id: 600})' 'thxx')" = '["th","xx"]' ]
}

@test "tokenizer: bytes that the vocabulary lacks are left out" {
    [ "$(pieces 'word(["a","b"])' 'a!b')" = '["a","b"]' ]
}

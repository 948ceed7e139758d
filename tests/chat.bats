bats_require_minimum_version 1.5.0
load helpers

# A tokenizer with the tokens of ChatML and of Llama 3, and a folder for it with a configuration.
setup() {
    cd "$BATS_TEST_TMPDIR"
    mkdir t
    jq -c '.added_tokens += [["<|begin_of_text|>","<|start_header_id|>","<|end_header_id|>","<|eot_id|>"] as $marks |
            (.model.vocab | length) as $n | range(4) |
            {id: ($n + . + 3), content: $marks[.], single_word: false, lstrip: false, rstrip: false, normalized: false,
             special: true}]' "$FIXTURES/tokenizers/smollm/tokenizer.json" > t/tokenizer.json
}

# uses TEMPLATE: the configuration names it.
uses() {
    jq -nc --arg t "$1" '{bos_token: "<|begin_of_text|>", eos_token: "<|im_end|>", chat_template: $t}' > t/tokenizer_config.json
}

# What the template makes of messages, without ids.
writes() { tokenize -m t "$@" | tokenize -m t --decode | jq -c .text; }

@test "chat: messages become what transformers makes of them, by every template that is known" {
    for template in "$FIXTURES"/templates/*.jinja; do
        name=$(basename "$template" .jinja)
        uses "$(cat "$template")"
        for generate in true false; do
            jq -c --arg name "$name" --argjson g $generate 'select(.template == $name and .generate == $g)' \
                "$FIXTURES/templates/chats.jsonl" > chats
            [ "$(wc -l < chats)" = 4 ]
            jq -c '{messages}' chats | writes $($generate && echo --generate) | diff - <(jq -c .text chats)
        done
    done
}

@test "chat: a template is found in the configuration, in its list of them, and in a file before both" {
    hi='{"messages":[{"role":"user","content":"Hi"}]}'
    chatml=$(cat "$FIXTURES/templates/chatml.jinja")
    uses "$chatml"
    [ "$(writes <<< "$hi")" = '"<|im_start|>user\nHi<|im_end|>\n"' ]
    jq -c '.chat_template |= [{name: "tool_use", template: "x"}, {name: "default", template: .}]' t/tokenizer_config.json > c
    mv c t/tokenizer_config.json
    [ "$(writes <<< "$hi")" = '"<|im_start|>user\nHi<|im_end|>\n"' ]
    cp "$FIXTURES/templates/smollm2.jinja" t/chat_template.jinja
    [[ "$(writes <<< "$hi")" == '"<|im_start|>system\nYou are a helpful AI assistant named SmolLM'* ]]
    rm t/chat_template.jinja t/tokenizer_config.json
    run -1 --separate-stderr tokenize -m t <<< "$hi"
    [ "$stderr" = 'tokenize: -:1: "messages": the tokenizer has no chat template' ]
}

@test "chat: whatever system message a template has by default is written" {
    uses "$(sed "s/You are a helpful.*Hugging Face/Be (brief) \& kind./" "$FIXTURES/templates/smollm2.jinja")"
    [ "$(writes <<< '{"messages":[{"role":"user","content":"Hi"}]}')" = \
        '"<|im_start|>system\nBe (brief) & kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"' ]
    uses "$(sed 's/26 Jul 2024/1 Jan 2025/' "$FIXTURES/templates/llama3.1.jinja")"
    [[ "$(writes <<< '{"messages":[{"role":"user","content":"Hi"}]}')" == *'\nToday Date: 1 Jan 2025\n\n<|eot_id|>'* ]]
}

@test "chat: a template that says anything else is refused, not taken for another" {
    known='is none of those known: plain, ChatML, SmolLM2, Qwen2, Qwen2.5, Qwen3, Llama 3 to 3.3'
    chatml=$(cat "$FIXTURES/templates/chatml.jinja")
    refuses() {
        uses "$1"
        run -1 --separate-stderr tokenize -m t <<< '{"messages":[{"role":"user","content":"Hi"}]}'
        [ "$stderr" = "tokenize: -:1: \"messages\": the chat template $2$known" ] || { echo "$1: $stderr"; return 1; }
    }
    refuses '' ''
    refuses '{{ messages[0].content }}' ''
    for cut in '{' '{{' '{%' '{#' '{{ messages[0].content' "{{ '" "{{ x['" '{{ (' '{% if' '{{-' "{{ '\\"; do
        refuses "$cut" ''
    done
    refuses "{{ '\\x41' }}" ''
    refuses '{% raw %}{% endraw %}' ''
    im='holds <|im_start|> but '
    refuses "<|im_start|>" "$im"
    refuses ". $chatml" "$im"
    refuses "$chatml!" "$im"
    refuses "${chatml/message[/message [0][}" "$im"
    refuses "$(sed "s/message\['content'\]/& | trim/" <<< "$chatml")" "$im"
    refuses "${chatml/im_end/im_stop}" "$im"
    refuses "${chatml/\\n/}" "$im"
    refuses "{{ bos_token }}$chatml" "$im"
    # A default system message in two places, of which one was changed; one that says more than a text.
    refuses "$(sed "s/You are Qwen.*assistant\./Be ' + name + 'kind./" "$FIXTURES/templates/qwen2.5.jinja")" "$im"
    # What is written without tools, under a condition; what a branch without tools hides.
    refuses "$(sed 's/{%- if tools %}/{%- if true %}/' "$FIXTURES/templates/qwen3.jinja")" "$im"
    refuses "$(sed '0,/{{- tool | tojson }}/s//&{%- endfor %}{%- endif %}x{%- if tools %}{%- for t in tools %}/' \
        "$FIXTURES/templates/qwen3.jinja")" "$im"
    refuses "$(sed 's/Cutting/cutting/' "$FIXTURES/templates/llama3.1.jinja")" ''
}

@test "chat: blanks, quotes and comments of a template do not matter where Jinja passes over them" {
    uses "$(sed "s/{% for/{#- \"<|im_start|>\" -#}\n  {%-  for/; s/'\([^']*\)'/\"\1\"/g" "$FIXTURES/templates/chatml.jinja")"
    [ "$(writes <<< '{"messages":[{"role":"user","content":"Hi"}]}')" = '"<|im_start|>user\nHi<|im_end|>\n"' ]
}

@test "chat: messages of tools are refused where a template writes them otherwise, and taken where it does not" {
    answer='{"role":"assistant","content":"a","tool_calls":[{"function":{}}]}'
    for name in qwen2.5 qwen3 qwen3-first qwen3-2507 llama3.1 llama3.2; do
        uses "$(cat "$FIXTURES/templates/$name.jinja")"
        run -1 --separate-stderr tokenize -m t <<< "{\"messages\":[{\"role\":\"user\",\"content\":\"\"},$answer]}"
        [ "$stderr" = 'tokenize: -:1: "messages": message 1: "tool_calls" are not supported' ]
        run -1 --separate-stderr tokenize -m t <<< '{"messages":[{"role":"tool","content":"a"}]}'
        [ "$stderr" = 'tokenize: -:1: "messages": message 0: the role "tool" is not supported with this chat template' ]
        tokenize -m t <<< '{"messages":[{"role":"user","content":"","tool_calls":null}]}' > out
    done
    uses "$(cat "$FIXTURES/templates/chatml.jinja")"
    [ "$(writes <<< "{\"messages\":[$answer,{\"role\":\"tool\",\"content\":\"b\"}]}")" = \
        '"<|im_start|>assistant\na<|im_end|>\n<|im_start|>tool\nb<|im_end|>\n"' ]
}

@test "chat: the end of an answer is a token of the vocabulary" {
    for name in plain:eos_token 'chatml:<|im_end|>' 'llama3:<|eot_id|>'; do
        uses "$(cat "$FIXTURES/templates/${name%%:*}.jinja")"
        jq -c --arg e "${name#*:}" 'del(.added_tokens[], .model.merges) | .model.merges = [] |
            del(.model.vocab["<|im_end|>"])' t/tokenizer.json > c
        cp -r t u
        mv c u/tokenizer.json
        run -1 --separate-stderr tokenize -m u <<< '{"messages":[{"role":"user","content":"Hi"}]}'
        [ "$stderr" = "tokenize: -:1: \"messages\": the vocabulary has no ${name#*:}, which the chat template needs" ]
        rm -r u
    done
}

# trains COMPLETION...: what sft-train says of records with such completions, on a model with the template.
trains() {
    for completion; do
        printf '{"prompt":[{"role":"user","content":"a"}],"completion":%s}\n' "$completion"
    done > train.jsonl
    sft-train --quiet -m model -o out --steps 1 --batch 1 train.jsonl
}

@test "chat: a completion is what the template writes behind the opened answer" {
    model-init --quiet --tokenizer "$FIXTURES/tokenizers/smollm/tokenizer.json" --hidden 8 --layers 1 --heads 1 -o model
    cp "$FIXTURES/templates/chatml.jinja" model/chat_template.jinja
    trains '[{"role":"assistant","content":"b"}]' > /dev/null
    rm -r out
    run -1 --separate-stderr trains '[{"role":"user","content":"b"}]'
    [ "$stderr" = 'sft-train: train.jsonl:1: "completion": the template does not write it as the answer to the prompt' ]
}

bats_require_minimum_version 1.5.0
load helpers
load teacher

setup() {
    cd "$BATS_TEST_TMPDIR"
    maskprompt --levels "$BATS_TEST_DIRNAME/../examples/cases.jsonl" > prompts.jsonl
    head -n 1 prompts.jsonl > one.jsonl
}

teardown() { dismiss; }

# asked OPTION...: the text of each request of a dry run for the first prompt.
asked() { trace --quiet --dry-run "$@" one.jsonl | jq -c '.messages[-1].content'; }

# completion: of the records on stdin.
completion() { jq -r '.completion[0].content'; }

@test "trace: keeps the manners of every program" {
    keeps_manners trace --builtin < prompts.jsonl
}

@test "trace: the built-in writer's completions stay as maskprompt wrote them" {
    trace --builtin prompts.jsonl | jq -c 'del(.trace)' | cmp - prompts.jsonl
    [ "$(trace --builtin one.jsonl | jq -c .trace)" = '{"teacher":"builtin","guided":true,"sample":0}' ]
    maskprompt "$BATS_TEST_DIRNAME/../examples/cases.jsonl" > plain.jsonl
    trace --builtin plain.jsonl | jq -c 'del(.trace)' | cmp - plain.jsonl
}

@test "trace: shows edges 1 to k at step k, and the thoughts before" {
    asked > requests
    [ "$(wc -l < requests)" = 7 ]           # three for A, three for B, none for C, the answer
    [ "$(sed -n 1p requests | jq -r . | grep -F '[A1]')" = \
        '   [A1] the user rated Cold Harbour 3; [masked]; [masked]; [masked]' ]
    [ "$(sed -n 2p requests | jq -r . | grep -F '[A1]')" = \
        '   [A1] the user rated Cold Harbour 3; user eve rated it 3; [masked]; [masked]' ]
    [ "$(sed -n 3p requests | jq -r . | grep -F '[A1]')" = \
        '   [A1] the user rated Cold Harbour 3; user eve rated it 3; then Red Kite 5; [masked]' ]
    [[ "$(sed -n 3p requests | jq -r .)" == *$'Thoughts so far:\n1. ... [A1.1]\n2. ... [A1.2]\n\nWrite thought 3'* ]]
    [[ "$(sed -n 4p requests)" == *"[B1] the user rated Paper Moon 5; [masked]; [masked]; [masked]"* ]]
    # Nobody whom a later edge brings in, no other candidate, and not the answer.
    run grep -lE 'eve|bob|Kite|Door|Winter' <(sed -n '1p;4p' requests)
    [ -z "$output" ]
    run grep -lE 'Kite|Door|Winter' <(sed -n '2p;5p' requests)
    [ -z "$output" ]
    run grep -lE 'Door|Winter' <(sed -n 3p requests)
    [ -z "$output" ]
}

@test "trace: asks for the answer with the question and the thoughts, without verdicts" {
    asked | tail -n 1 | jq -r . > last
    head -n 12 last | cmp - <(jq -r '.prompt[0].content' one.jsonl)
    [ "$(tail -n +13 last)" = "
Thoughts:
A: ... [A1.1] ... [A1.2] ... [A1.3]
B: ... [B1.1] ... [B1.2] ... [B1.3]
C: no chain.

Which candidate does the user take next? Answer now with its letter and nothing else." ]
    maskprompt --form rate --levels "$BATS_TEST_DIRNAME/../examples/cases.jsonl" 2> /dev/null | head -n 1 > one.jsonl
    [ "$(asked | wc -l)" = 4 ]
    [ "$(asked | tail -n 1 | jq -r . | tail -n 3)" = " ... [A1.1] ... [A1.2] ... [A1.3]

Answer now with the rating from 1 to 5 and nothing else." ]
}

@test "trace: tells the right answer to a guided teacher, who thinks up to the right candidate, and to no other" {
    asked --guided > requests
    [ "$(wc -l < requests)" = 4 ]
    [ "$(grep -c 'In the end the user takes Red Kite. Let this guide you, but do not tell it' requests)" = 3 ]
    run grep -c 'In the end' <(tail -n 1 requests)          # the answer is derived without it
    [ "$output" = 0 ]
    run grep -c 'In the end' <(asked)
    [ "$output" = 0 ]
    maskprompt --form rate --levels "$BATS_TEST_DIRNAME/../examples/cases.jsonl" 2> /dev/null | head -n 1 > one.jsonl
    [ "$(asked --guided | grep -c 'In the end the user rates it 5')" = 3 ]
    jq -c '.answer = "?"' one.jsonl > unknown.jsonl
    run -1 --separate-stderr trace --quiet --dry-run --guided unknown.jsonl
    [ "$stderr" = 'trace: unknown.jsonl:1: the right answer is not known' ]
}

@test "trace: writes requests as an endpoint takes them, each with a seed of its own" {
    trace --quiet --dry-run --model-name m --temperature 0.5 --max-tokens 9 --fields '{"top_p":0.9,"x":{"y":[1]}}' -n 2 \
        prompts.jsonl > requests
    [ "$(jq -c 'keys_unsorted' requests | sort -u)" = '["model","messages","temperature","max_tokens","seed","top_p","x"]' ]
    [ "$(jq -c '[.model,.temperature,.max_tokens,.top_p,.x.y]' requests | sort -u)" = '["m",0.5,9,0.9,[1]]' ]
    [ "$(jq .seed requests | sort -u | wc -l)" = "$(wc -l < requests)" ]
    trace --quiet --dry-run --seed 2 one.jsonl | jq -e '.seed >= 0 and .seed < 2147483648' | sort -u
    [ "$(trace --quiet --dry-run --fields '{"seed":null,"temperature":null,"messages":[]}' one.jsonl | sort -u)" = \
        '{"messages":[],"max_tokens":256}' ]
}

@test "trace: makes the teacher's thoughts and answer a completion" {
    cat > teacher.sh <<'T'
while read -r line; do
    case $line in
        *"thought 1"*) printf '%s\n' '{"content":"  First,\n it is seen. ","logprobs":[-1,-0.5]}' ;;
        *"thought 2"*) echo '{"content":"Someone saw it [B1.2]","logprobs":[-0.25]}' ;;
        *"thought 3"*) echo '{"content":"Then this","logprobs":[{"logprob":-0.25}]}' ;;
        *) echo '{"choices":[{"message":{"content":"A user like this takes B."}}]}' ;;
    esac
done
T
    run -0 --separate-stderr trace --command 'sh teacher.sh' one.jsonl
    [ "$stderr" = 'trace: 7 requests, 0 tried again, 0 replies from the cache' ]
    [ "$(completion <<< "$output")" = \
"A: First, it is seen. [A1.1] Someone saw it [B1.2] [A1.2] Then this [A1.3] no
B: First, it is seen. [B1.1] Someone saw it [B1.2] Then this [B1.3] yes
Answer:
B" ]
    [[ "$output" == *'"trace":{"teacher":"command","guided":false,"sample":0,"derived":"B","logprob":-4.0,"tokens":8}}' ]]
    [ "$(jq -c '.thoughts[2], .thoughts[1][2]' <<< "$output" | paste -sd ' ')" = '[] " Then this [B1.3]"' ]
    jq -c 'del(.completion,.thoughts,.trace)' <<< "$output" | cmp - <(jq -c 'del(.completion,.thoughts)' one.jsonl)
    # Guided, the completion has the right answer, whatever is derived without.
    run -0 --separate-stderr trace --guided --command 'sh teacher.sh' one.jsonl
    [ "$(completion <<< "$output" | tail -n 1)" = A ]
    [ "$(jq -c '[.trace.guided,.trace.derived,(.thoughts|length)]' <<< "$output")" = '[true,"B",1]' ]
}

# says REPLY: the answer that is made of a reply to the last question.
says() {
    export REPLY=$1
    trace --quiet --command 'while read -r l; do jq -nc "{content: env.REPLY}"; done' "${@:2}" one.jsonl | jq -c .trace.derived
}

@test "trace: finds the letter or the rating in what a teacher says" {
    [ "$(says A)" = '"A"' ]
    [ "$(says ' B. ')" = '"B"' ]
    [ "$(says $'I say no.\nAnswer:\nC')" = '"C"' ]
    [ "$(says 'A or B? It is B')" = '"B"' ]
    [ "$(says 'Bad, Cool')" = null ]
    [ "$(says 'D')" = null ]
    [ "$(says '')" = null ]
    [ "$(says 'ÉA Bé')" = null ]
    maskprompt --form rate --levels "$BATS_TEST_DIRNAME/../examples/cases.jsonl" 2> /dev/null | head -n 1 > one.jsonl
    [ "$(says '4 out of 5')" = '"4"' ]
    [ "$(says 'It is 3.')" = '"3"' ]
    [ "$(says '12 of 20')" = null ]
}

@test "trace: asks a question whole, whose reply is the completion" {
    export REPLY=$'A: it is. yes\nAnswer:\nA'
    run trace --quiet --whole --command 'while read -r l; do printf "%s" "$l" > asked; jq -nc "{content: env.REPLY}"; done' one.jsonl
    [ "$(completion <<< "$output")" = "$REPLY" ]
    jq -c .messages asked | cmp - <(jq -c .prompt one.jsonl)
    [ "$(jq -c '[has("thoughts"), .trace]' <<< "$output")" = \
        '[false,{"teacher":"command","guided":false,"sample":0,"logprob":null,"tokens":0}]' ]
}

@test "trace: a model of ours teaches" {
    load tiny
    mkdir world
    tiny_road world
    head -n 6 world/prompts.jsonl > six.jsonl
    trace --quiet -m world/sft --whole --temperature 0 --max-tokens 40 six.jsonl > traced.jsonl
    rollout --quiet -m world/sft --greedy --max-tokens 40 six.jsonl > rollouts.jsonl
    jq -r '.completion[0].content' traced.jsonl | cmp - <(jq -r '.samples[0].text' rollouts.jsonl)
    jq -s '[.[].trace.tokens]' traced.jsonl | cmp - <(jq -s '[.[].samples[0].tokens | length]' rollouts.jsonl)
    # Several samples differ; threads and jobs change nothing.
    trace --quiet -m world/sft --whole --temperature 1 --max-tokens 40 -n 3 --jobs 5 six.jsonl > a
    trace --quiet -m world/sft --whole --temperature 1 --max-tokens 40 -n 3 --jobs 1 --threads 1 six.jsonl | cmp - a
    [ "$(jq -c '[.id,.trace.sample]' a | sort -u | wc -l)" = 18 ]
    [ "$(head -n 3 a | jq -c .completion | sort -u | wc -l)" -gt 1 ]
    # Step by step, too.
    trace --quiet -m world/sft --max-tokens 8 <(head -n 2 prompts.jsonl) > steps
    [ "$(jq -c .trace.teacher steps | sort -u)" = '"model"' ]
}

@test "trace: says what is wrong with a command's answers" {
    while IFS='|' read -r command message; do
        run -1 --separate-stderr trace --quiet --timeout 2 --command "$command" one.jsonl
        [ "$stderr" = "trace: one.jsonl:1: --command: $message" ] || { echo "$stderr"; return 1; }
        [ -z "$output" ]
    done <<'T'
exit 3|it ended without an answer
read l; echo "$l" > seen; exec >&-; cat > /dev/null|it ended without an answer
sleep 10|no answer within 2 seconds
echo "{}"|the reply has no "content" that is a string
echo "[]"|the reply: not a JSON object
echo "{\"content\":1}"|the reply has no "content" that is a string
T
    run -1 --separate-stderr trace --quiet --command "echo '{'" one.jsonl
    [[ "$stderr" == 'trace: one.jsonl:1: --command: the reply: column '* ]]
    run -1 --separate-stderr trace --quiet --command "head -c 20000000 /dev/zero | tr '\\0' x" one.jsonl
    [ "$stderr" = 'trace: one.jsonl:1: --command: a line of more than 16 MiB' ]
}

@test "trace: asks an endpoint, so many requests at a time, and writes records in their order" {
    teach "$(printf 'short,%.0s' {1..200})"
    for ((i = 0; i < 12; i++)); do jq -c ".id = \"case $i\"" one.jsonl; done > many.jsonl
    echo sesame > key
    trace --quiet --endpoint "$url" --model-name m --key-file key --jobs 6 many.jsonl > out
    jq -r .id out | cmp - <(jq -r .id many.jsonl)
    [ "$(jq -r .path "$folder/log" | sort -u)" = /v1/chat/completions ]
    [ "$(jq -r .key "$folder/log" | sort -u)" = 'Bearer sesame' ]
    [ "$(wc -l < "$folder/log")" = 84 ]
    [ "$(jq -s 'map(.busy) | max' "$folder/log")" -le 6 ]
    [ "$(jq -s 'map(.busy) | max' "$folder/log")" -gt 1 ]
    [ "$(grep -c '"trace":{"teacher":"m","guided":false,"sample":0,"derived":"A","logprob":-6.0,"tokens":12}}' out)" = 12 ]
    # One at a time gives the same bytes; the address may be whole.
    trace --quiet --endpoint "$url/chat/completions" --model-name m --jobs 1 many.jsonl | cmp - out
}

@test "trace: tries again after 429, 5xx, cut-off, late, unreadable and wrong replies" {
    teach
    trace --quiet --endpoint "$url" --jobs 1 one.jsonl > expected
    dismiss
    teach 503,500,cut,dead,slow,bad,html,wrong,empty,408,429
    run -0 --separate-stderr trace --endpoint "$url" --jobs 1 --retries 12 --backoff 0.001 --timeout 3 one.jsonl
    [ "$stderr" = 'trace: 7 requests, 11 tried again, 0 replies from the cache' ]
    cmp - expected <<< "$output"
    [ "$(deeds)" = '503 500 cut dead slow bad html wrong empty 408 429 good good good good good good good' ]
}

@test "trace: waits as long as the server asks, seconds or a date" {
    teach 429
    start=$EPOCHREALTIME
    trace --quiet --endpoint "$url" --backoff 0 one.jsonl > /dev/null
    [ "$(jq -n "$EPOCHREALTIME - $start >= 1")" = true ]
    dismiss
    teach 429date
    start=$EPOCHREALTIME
    trace --quiet --endpoint "$url" --backoff 0 one.jsonl > /dev/null
    [ "$(jq -n "$EPOCHREALTIME - $start >= 0.9")" = true ]
}

# gives_up PLAN MESSAGE [OPTION...]: what is said when the server follows the plan.
gives_up() {
    local message=$2
    teach "$1"
    shift 2
    run -1 --separate-stderr trace --quiet --endpoint "$url" --backoff 0.001 --jobs 1 "$@" one.jsonl
    dismiss
    # shellcheck disable=SC2053
    [[ "$stderr" == "trace: one.jsonl:1: the endpoint: "$message && "$stderr" != *sesame* ]] || { echo "$stderr"; return 1; }
    [ -z "$output" ]
}

@test "trace: gives up with a sentence, at once where trying again is no use, and never tells the key" {
    echo 'sesame' > key
    gives_up 401 'HTTP status 401: you sent <Bearer ***>' --key-file key
    [ "$(deeds)" = 401 ]
    gives_up 400 'HTTP status 400: you sent <>'
    gives_up 500,502,503 'HTTP status 503: you sent <Bearer ***>, tried 3 times' --key-file key --retries 2
    [ "$(deeds)" = '500 502 503' ]
    gives_up 429long 'HTTP status 429: you sent <Bearer ***>; it asks to wait 86400 seconds' --key-file key
    gives_up moved 'HTTP status 302' --key-file key             # to another place goes neither question nor key
    [ "$(deeds)" = moved ]
    gives_up huge 'a reply of more than 16 MiB'
    [ "$(deeds)" = huge ]
    gives_up wrong,wrong 'the reply has no "content" that is a string, tried 2 times' --retries 1
    gives_up html 'the reply: column 1: '"'[' or '{' expected near '<'"', tried 1 times' --retries 0
    gives_up slow '*, tried 1 times' --retries 0 --timeout 0.3
    gives_up dead '*, tried 1 times' --retries 0
    gives_up cut '*, tried 1 times' --retries 0
    run -1 --separate-stderr trace --quiet --endpoint "$url" --retries 1 --backoff 0 one.jsonl
    [[ "$stderr" == "trace: one.jsonl:1: the endpoint: "*" connect to server, tried 2 times" ]]
}

@test "trace: the records in front of one that failed are written" {
    teach "$(printf 'good,%.0s' {1..8})401"
    for ((i = 0; i < 3; i++)); do jq -c ".id = \"case $i\"" one.jsonl; done > many.jsonl
    run -1 --separate-stderr trace --endpoint "$url" --jobs 1 many.jsonl
    [ "$(jq -r .id <<< "$output")" = 'case 0' ]
    [ "${stderr_lines[0]}" = 'trace: many.jsonl:2: the endpoint: HTTP status 401: you sent <>' ]
    dismiss
    { cat one.jsonl; echo '{'; } > bad.jsonl
    run -1 --separate-stderr trace --quiet --command 'while read -r l; do echo "{\"content\":\"A\"}"; done' bad.jsonl
    [ "$(wc -l <<< "$output")" = 1 ]
    [[ "$stderr" == 'trace: bad.jsonl:2: column '* ]]
}

@test "trace: asks nothing twice with a cache" {
    teach
    trace --quiet --endpoint "$url" --cache cache -n 2 prompts.jsonl > first
    asked=$(wc -l < "$folder/log")
    run -0 --separate-stderr trace --endpoint "$url" --cache cache -n 2 prompts.jsonl
    [ "$stderr" = "trace: 0 requests, 0 tried again, $asked replies from the cache" ]
    cmp - first <<< "$output"
    [ "$(wc -l < "$folder/log")" = "$asked" ]
    [ "$(find cache -type f | wc -l)" = "$asked" ]
    # Another seed, name or field is another question; so is another sample, though the teacher may not see it.
    trace --quiet --endpoint "$url" --cache cache --seed 2 one.jsonl > /dev/null
    [ "$(wc -l < "$folder/log")" = $((asked + 7)) ]
    trace --quiet --endpoint "$url" --cache other --fields '{"seed":null}' -n 3 one.jsonl > /dev/null
    [ "$(find other -type f | wc -l)" = 21 ]
    # A damaged entry is asked for again.
    for f in cache/*; do echo '{"question":' > "$f"; break; done
    run -0 --separate-stderr trace --endpoint "$url" --cache cache -n 2 prompts.jsonl
    cmp - first <<< "$output"
    # No key is kept.
    echo sesame > key
    trace --quiet --endpoint "$url" --cache keyed --key-file key one.jsonl > out
    run grep -r sesame keyed out
    [ -z "$output" ]
}

@test "trace: killed at any moment, it goes on without asking again what was answered" {
    for ((i = 0; i < 5; i++)); do jq -c ".id = \"case $i\"" one.jsonl; done > many.jsonl
    teach
    trace --quiet --endpoint "$url" many.jsonl > expected
    dismiss
    for at in 3 11 18; do
        rm -rf cache
        teach "$(printf 'good,%.0s' $(seq $((at - 1))))hang"
        trace --quiet --endpoint "$url" --cache cache --jobs 1 many.jsonl > out &
        pid=$!
        for ((i = 0; i < 600; i++)); do [ "$(wc -l 2> /dev/null < "$folder/log")" = $at ] && break; sleep 0.05; done
        kill -9 $pid
        wait $pid || true
        trace --quiet --endpoint "$url" --cache cache --jobs 3 many.jsonl | cmp - expected
        [ "$(wc -l < "$folder/answered")" = 35 ]
        [ "$(sort -u "$folder/answered" | wc -l)" = 35 ]
        dismiss
    done
}

@test "trace: says what a record lacks" {
    while IFS='|' read -r change message; do
        jq -c "$change" one.jsonl > bad.jsonl
        run -1 --separate-stderr trace --quiet --dry-run bad.jsonl
        [ "$stderr" = "trace: bad.jsonl:1: $message" ] || { echo "$stderr"; return 1; }
    done <<'T'
del(.id)|"id" is missing or not a string
del(.prompt)|"prompt" is missing or not an array
.prompt = []|"prompt" is empty
.prompt = [1]|"prompt": "content" is missing or not a string
del(.form)|"form" is missing or not a string
del(.slots)|"slots" is missing or not an object
del(.slots.answer)|"slots": "answer" is missing or not a string
del(.slots.no)|"slots": "no" is missing or not a string
.slots.labels = []|"slots": 0 labels, not 1 to 26
.slots.labels = [1]|"slots": a label is not a string
del(.answer)|"answer" is missing or not a string
del(.visit)|"visit" is missing or not an array
.visit = [26]|"visit" holds what is not a candidate
.visit = [range(27)]|"visit" has more than 26 entries
del(.levels)|"levels" has not 3 entries for visit 0: maskprompt --levels writes them
del(.frames[2])|"frames" has not 2 entries for visit 2: maskprompt --levels writes them
.levels[1] = ["a","b"]|"levels" has not 3 entries for visit 1: maskprompt --levels writes them
.levels[1] = ["a","b",3]|"levels" holds what is not a string
T
    jq -c 'del(.completion)' one.jsonl > bad.jsonl
    run -1 --separate-stderr trace --builtin bad.jsonl
    [ "$stderr" = 'trace: bad.jsonl:1: "completion" is missing' ]
    run -1 --separate-stderr trace --builtin < /dev/null
    [ "$stderr" = 'trace: -: no records' ]
}

@test "trace: refuses teachers who cannot be, and options that are none of theirs" {
    while IFS='|' read -r arguments message; do
        run -2 --separate-stderr trace $arguments one.jsonl
        [ "${stderr_lines[0]}" = "trace: $message" ] || { echo "$stderr"; return 1; }
    done <<'T'
|one of --builtin, --endpoint, --command and --model is needed
--builtin --command cat|--builtin, --endpoint, --command and --model are different teachers
--builtin --guided|--builtin asks nobody: no --guided, --whole, --dry-run or --samples
--builtin -n 2|--builtin asks nobody: no --guided, --whole, --dry-run or --samples
--command cat --guided --whole|--guided tells the answer at each step: not with --whole
--command cat --key-file x|--key-file is for --endpoint
--model x --cache y|--cache is for --endpoint and --command
T
    while IFS='|' read -r arguments message; do
        run -1 --separate-stderr trace --quiet $arguments one.jsonl
        [ "$stderr" = "trace: $message" ] || { echo "$stderr"; return 1; }
    done <<'T'
--endpoint ftp://x|'ftp://x/chat/completions' is not an address with http:// or https://
--endpoint http://x --key-file /no/such|/no/such: No such file or directory
--endpoint http://x --key-file /dev/null|/dev/null: no key
--command cat --fields [1]|--fields: not a JSON object
--command cat --cache /dev/null|/dev/null: not a folder
--command cat --cache /no/such/folder|/no/such/folder: No such file or directory
T
    echo > empty; echo 'a b' > blank; head -c 5000 /dev/zero | tr '\0' x > long
    run -1 --separate-stderr trace --quiet --endpoint http://x --key-file empty one.jsonl
    [ "$stderr" = 'trace: empty: no key' ]
    run -1 --separate-stderr trace --quiet --endpoint http://x --key-file blank one.jsonl
    [ "$stderr" = 'trace: blank: a key has no blanks nor special characters' ]
    run -1 --separate-stderr trace --quiet --endpoint http://x --key-file long one.jsonl
    [ "$stderr" = 'trace: long: too long for a key' ]
    run -1 --separate-stderr trace --quiet --model /no/such one.jsonl
    [[ "$stderr" == 'trace: /no/such'* ]]
}

@test "trace: runs the examples of its page" {
    runs_examples trace
}

bats_require_minimum_version 1.5.0
load helpers
load teacher

# Two prompts with the traces of a sound teacher, who says nothing that he may not; and the sound trace of one.
setup() {
    cd "$BATS_TEST_TMPDIR"
    maskprompt --levels "$BATS_TEST_DIRNAME/../examples/cases.jsonl" | trace --builtin > sound.jsonl
    head -n 1 sound.jsonl > one.jsonl
}

teardown() { dismiss; }

# spoil JQ: the sound trace of one prompt, changed in its thoughts, with the completion that they make. The answer is A,
# Red Kite, after one visit; `rest` is what stands behind the thoughts.
spoil() {
    jq -c "$1 | .completion[0].content = .frames[0][0] + (.thoughts[0] | add) + \" yes\nAnswer:\nA\"" one.jsonl
}

# falls FAULT FILE [OPTION...]: the one record of the file is dropped for this fault, counted, and kept beside.
falls() {
    local fault=$1 file=$2
    shift 2
    run -0 --separate-stderr tracefilter --dropped dropped.jsonl "$@" "$file"
    [ -z "$output" ] && [ "$stderr" = "tracefilter: 1 dropped: $fault
tracefilter: 0 kept" ] || { echo "not $fault: $stderr $(cat "$file")"; return 1; }
    [ "$(jq -r .dropped dropped.jsonl)" = "$fault" ]
    jq -c 'del(.dropped)' dropped.jsonl | cmp - <(jq -c . "$file")
}

# stays FILE [OPTION...]: the record is kept as it is.
stays() {
    local file=$1
    shift
    tracefilter --quiet "$@" "$file" > kept.jsonl
    cmp kept.jsonl "$file" || { jq -c '.thoughts, .completion' "$file"; return 1; }
}

@test "tracefilter: keeps the manners of every program" {
    keeps_manners tracefilter < sound.jsonl
}

@test "tracefilter: keeps what the built-in writer wrote, in every form, with levels and without" {
    load tiny
    mkdir world
    tiny_prompts world
    for options in "" "--template compact" "--thoughts none" "--thoughts answer" "--contenders 2 --show 3" "--order given" \
        "--form rate" "--form rate --template compact" "--form rate --thoughts answer"; do
        for levels in "" --levels; do
            # shellcheck disable=SC2086
            maskprompt $options $levels world/chains.jsonl > prompts.jsonl
            trace --builtin prompts.jsonl | tracefilter --quiet | jq -c 'del(.trace)' | cmp - <(jq -c . prompts.jsonl)
        done
    done
}

@test "tracefilter: the road with trace and tracefilter trains as the road without" {
    load tiny
    mkdir world
    tiny_prompts world
    tiny_model world
    maskprompt --template compact world/chains.jsonl | trace --builtin | tracefilter --quiet |
        sft-train --quiet -m world/base -o a --steps 3 > a.jsonl
    maskprompt --template compact world/chains.jsonl | sft-train --quiet -m world/base -o b --steps 3 > b.jsonl
    cmp a/last/model.safetensors b/last/model.safetensors
}

@test "tracefilter: drops wrong answers" {
    jq -c '.answer = "B"' one.jsonl > bad
    falls answer bad
    jq -c '.completion[0].content |= (gsub(" yes\nAnswer:\nA"; " no\nB:" + (.frames // "") + " no chain. yes\nAnswer:\nB"))' \
        <(jq -c 'del(.thoughts)' one.jsonl) > bad
    falls answer bad
}

@test "tracefilter: drops completions that are not well formed" {
    while read -r change; do
        jq -c "$change" one.jsonl > bad
        falls form bad
    done <<'T'
del(.completion)
.completion = []
.completion[0].content = 1
.completion[0].content |= sub("Answer:"; "Answer is")
.completion[0].content |= sub(":\nA"; ":\nD")
.completion[0].content += " and more"
.completion[0].content |= sub(" yes"; " no")
.completion[0].content |= sub(" yes"; "")
.completion[0].content |= sub("was rated"; "was once rated")
.thoughts[0][1] = "something else"
.thoughts[0][1] = 1
.thoughts[0] = "x"
.thoughts = "x"
T
    # Without thoughts the visits are read off the text.
    for content in 'A: x. yes\nB: y. no\nAnswer:\nA' 'A: x. yes\nB: y. yes\nAnswer:\nA' 'B: x. yes\nAnswer:\nA' 'x. yes\nAnswer:\nA' \
        'A: x. no\nAnswer:\nA' 'B: x. no\nB: y. no\nA: z. yes\nAnswer:\nA' 'A: x. maybe\nAnswer:\nA' '\nAnswer:\nA' \
        'B: x. no\n\nA: z. yes\nAnswer:\nA'; do
        jq -c "del(.thoughts) | .completion[0].content = \"$content\"" one.jsonl > bad
        falls form bad
    done
    for content in 'A: x. yes\nAnswer:\nA' 'B: x. no\nA: z. yes\nAnswer:\nA' 'C: x. no\nB: y. no\nAnswer:\nA'; do
        jq -c "del(.thoughts) | .completion[0].content = \"$content\"" one.jsonl > good
        stays good
    done
}

@test "tracefilter: drops citations of edges that are not there" {
    for cite in B2.1 A2.1 A1.4 C1.1 D1.1 Z9.9; do
        spoil ".thoughts[0][2] += \" [$cite]\"" > bad
        falls citation bad
        jq -c "del(.thoughts) | .completion[0].content = \"A: x [$cite]. yes\nAnswer:\nA\"" one.jsonl > bad
        falls citation bad
    done
    spoil '.thoughts[0][2] += " [A1.1] [b7] [A]"' > good
    stays good
}

@test "tracefilter: drops thoughts that name what was masked" {
    while read -r change; do
        spoil "$change" > bad
        falls masked bad
    done <<'T'
.thoughts[0][0] = " Eve saw it first [A1.1]" | .names[0][1] = "Eve"
.thoughts[0][0] = " eve saw it first [A1.1]"
.thoughts[0][0] = " Red Kite it will be [A1.1]"
.thoughts[0][0] = " RED KITE, then [A1.1]"
.thoughts[0][1] = " so it is red kite [A1.2]"
.thoughts[0][2] = " Red Kite, and not Green Door [A1.3]"
.thoughts[0][2] = " Long Winter is worse [A1.3]"
.thoughts[0][2] = " surely the answer is B [A1.3]"
.thoughts[0][0] = " it is so [A1.2]"
.thoughts[0][0] = " it is so [A1.3]"
.thoughts[0][1] = " it is so [A1.3]"
.thoughts[0][2] = " it is so [B1.1]"
.candidates[1].title = "Green Door (1994)" | .thoughts[0][2] = " not Green Door [A1.3]"
.candidates[2].title = "It" | .thoughts[0][2] = " not It [A1.3]"
.names[0][1] = "77" | .thoughts[0][0] = " because of user 77 [A1.1]"
.candidates[1] = {item: "1234"} | .thoughts[0][2] = " not item 1234 [A1.3]"
T
    while read -r change; do
        spoil "$change" > good
        stays good
    done <<'T'
.thoughts[0][1] = " eve, it is [A1.2]"
.thoughts[0][2] = " Cold Harbour, eve, Red Kite [A1.1] [A1.2] [A1.3]"
.thoughts[0][0] = " everyone was there [A1.1]"
.thoughts[0][0] = " the redder Kites [A1.1]"
.names[0][1] = "3" | .thoughts[0][0] = " he rated it 3 [A1.1]"
.candidates[2].title = "It" | .thoughts[0][2] = " he likes it [A1.3]"
.candidates[2].title = "Cold Harbour" | .thoughts[0][0] = " Cold Harbour [A1.1]"
.candidates[1] = {item: "5"} | .thoughts[0][2] = " rated 5 [A1.3]"
T
    # What an earlier visit uncovered its writer did not see.
    jq -c '.answer = "B" | .thoughts[1][0] = " as before [B1.1]" | .completion[0].content =
        .frames[0][0] + (.thoughts[0] | add) + " no\n" + .frames[1][0] + (.thoughts[1] | add) + " yes\nAnswer:\nB"' one.jsonl > good
    stays good
    for name in 'Red Kite' 'Green Door' eve bob '[A1.1]'; do
        sed "s/as before/as $name/g" good > bad
        falls masked bad
    done
    # A rating that is hidden.
    maskprompt --form rate --levels "$BATS_TEST_DIRNAME/../examples/cases.jsonl" 2> /dev/null | head -n 1 | trace --builtin > rate
    stays rate
    jq -c '.thoughts[0][0] = " a 5 it will be [A1.1]" | .completion[0].content = (.thoughts[0] | add) + "\nAnswer:\n5"' rate > bad
    falls masked bad
}

@test "tracefilter: drops thoughts that are too short, too long or repeat themselves" {
    spoil '.thoughts[0][1] = " [A1.2]"' > bad
    falls length bad
    stays bad --min-length 0
    spoil '.thoughts[0][1] = " " + "é" * 50 + "[A1.2]"' > long
    falls length long --max-length 49
    stays long --max-length 50
    stays one.jsonl --min-length 15 --max-length 24
    falls length one.jsonl --min-length 16
    falls length one.jsonl --max-length 23
    spoil '.thoughts[0][1] = " good" * 40' > bad
    falls repetition bad
    spoil '.thoughts[0][2] = .thoughts[0][1] | .thoughts[0][1] = .thoughts[0][0] | .thoughts[0][2] = .thoughts[0][0]' > bad
    falls repetition bad
    # One run of three words out of four stood there before.
    spoil '.thoughts[0] = [" a b c"," a b c"]' > some
    falls repetition some --max-repetition 0.24
    stays some --max-repetition 0.25
    jq -c 'del(.thoughts) | .completion[0].content = "A: it is it is it is it is it is. yes\nAnswer:\nA"' one.jsonl > bad
    falls repetition bad
}

@test "tracefilter: drops a trace whose answer is another when it is derived again" {
    jq -c '.trace.derived = "B"' one.jsonl > bad
    falls derived bad
    jq -c '.trace.derived = null' one.jsonl > bad
    falls derived bad
    jq -c '.trace.derived = "A"' one.jsonl > good
    stays good
    # Asked again, a teacher overrules; he sees the thoughts, and no verdict.
    falls derived good --command 'while read -r l; do printf "%s" "$l" > asked; echo "{\"content\":\"I say B\"}"; done' --quiet ||
        [ "$(jq -r .dropped dropped.jsonl)" = derived ]
    jq -r '.messages[0].content' asked | grep -q '^A: Cold Harbour was rated 3 \[A1.1\], by user eve 3 \[A1.2\], who rated Red Kite 5 \[A1.3\]\.$'
    stays bad --command 'while read -r l; do echo "{\"content\":\"A\"}"; done'
    teach
    stays bad --endpoint "$url" --cache cache
    run -0 --separate-stderr tracefilter --endpoint "$url" --cache cache bad
    [ "$stderr" = 'tracefilter: 0 requests, 0 tried again, 1 replies from the cache
tracefilter: 1 kept' ]
    # Answers of elsewhere, plain or as rollout --greedy writes them.
    echo '{"id":"ann#4","answer":"A"}' > answers
    stays bad --answers answers
    jq -c '.samples = [{"answer":"A"},{"answer":"B"}] | .answer = "C"' one.jsonl > answers
    stays bad --answers answers
    for answer in '{"id":"ann#4","answer":"B"}' '{"id":"ann#4","samples":[{"answer":null}]}' '{"id":"other","answer":"A"}'; do
        echo "$answer" > answers
        falls derived good --answers answers
    done
}

@test "tracefilter: asks a model of ours for its greedy answer" {
    load tiny
    mkdir world
    tiny_prompts world
    tiny_model world
    tiny_sft world
    head -n 40 world/prompts.jsonl | trace --builtin > traces.jsonl
    rollout --quiet -m world/sft --greedy --max-tokens 60 traces.jsonl > answers.jsonl
    tracefilter --quiet --greedy world/sft --max-tokens 60 traces.jsonl > kept.jsonl
    [ -s kept.jsonl ] && [ "$(wc -l < kept.jsonl)" -lt 40 ]
    tracefilter --quiet --answers answers.jsonl traces.jsonl | cmp - kept.jsonl
    jq -r 'select(.samples[0].answer == .answer) | .id' answers.jsonl | cmp - <(jq -r .id kept.jsonl)
}

@test "tracefilter: keeps the likeliest of a prompt's traces" {
    for p in -3 -1 null -2 -1; do jq -c ".trace.logprob = $p | .trace.tokens = 2 | .mark = \"$p\"" one.jsonl; done > five
    sed 's/ann#4/other/' five | cat five - > ten
    run -0 --separate-stderr tracefilter --dropped dropped.jsonl ten
    [ "$stderr" = 'tracefilter: 8 dropped: worse
tracefilter: 2 kept' ]
    [ "$(jq -c '[.id,.mark]' <<< "$output" | paste -sd ' ')" = '["ann#4","-1"] ["other","-1"]' ]
    [ "$(jq -r .dropped dropped.jsonl | sort | uniq -c | xargs)" = '8 worse' ]
    [ "$(tracefilter --quiet --best 3 five | jq -r .mark | paste -sd ' ')" = '-1 -2 -1' ]
    [ "$(tracefilter --quiet --best 0 five | wc -l)" = 5 ]
    # The mean counts, not the sum; a faulty one is none of the rivals.
    { jq -c '.trace.logprob = -3 | .trace.tokens = 10 | .mark = "long"' one.jsonl
      jq -c '.trace.logprob = -2 | .trace.tokens = 2' one.jsonl
      jq -c '.trace.logprob = -0.1 | .trace.tokens = 2 | .trace.derived = "B"' one.jsonl; } > three
    [ "$(tracefilter --quiet three | jq -r .mark)" = long ]
}

@test "tracefilter: a model of ours says how likely a completion is" {
    load tiny
    mkdir world
    tiny_prompts world
    tiny_model world
    tiny_sft world
    head -n 5 world/prompts.jsonl | trace --model world/sft --whole -n 4 --max-tokens 60 --quiet > many
    # By the log-probabilities of the same model, which trace has noted: the same order, but for the end token.
    tracefilter --quiet --best 1 many > noted
    tracefilter --quiet --best 1 -m world/sft many | cmp - noted
    [ "$(tracefilter --quiet --best 1 -m world/base many | wc -l)" = "$(wc -l < noted)" ]
    tracefilter --quiet -m world/sft --threads 1 many | cmp - noted
    run -1 --separate-stderr tracefilter -m /no/such many
    [[ "$stderr" == 'tracefilter: /no/such'* ]]
}

@test "tracefilter: an unknown field stays, an unknown right answer is none" {
    jq -c '.more = {x: 1.5}' one.jsonl > good
    stays good
    maskprompt --form rate <(head -n 1 "$BATS_TEST_DIRNAME/../examples/cases.jsonl" | jq -c '.split = "test"') | trace --builtin |
        sed -n 2p > unknown
    falls form unknown
}

@test "tracefilter: says what is wrong with records and options" {
    while IFS='|' read -r change message; do
        jq -c "$change" one.jsonl > bad.jsonl
        run -1 --separate-stderr tracefilter bad.jsonl
        [ "$stderr" = "tracefilter: bad.jsonl:1: $message" ] || { echo "$stderr"; return 1; }
    done <<'T'
del(.id)|"id" is missing or not a string
del(.slots)|"slots" is missing or not an object
del(.frames)|"frames" has not 2 entries for visit 0: maskprompt --levels writes them
T
    run -1 --separate-stderr tracefilter < /dev/null
    [ "$stderr" = 'tracefilter: -: no records' ]
    { cat sound.jsonl; echo '{'; } > bad.jsonl
    run -1 --separate-stderr tracefilter --dropped kept-away bad.jsonl
    [[ "$stderr" == 'tracefilter: bad.jsonl:3: column '* ]]
    [ "$(wc -l <<< "$output")" = 2 ]
    [ ! -e kept-away ]
    echo '{"answer":1}' > answers
    run -1 --separate-stderr tracefilter --answers answers one.jsonl
    [ "$stderr" = 'tracefilter: answers:1: "id" is missing or not a string' ]
    run -1 --separate-stderr tracefilter --dropped /no/such/file one.jsonl
    [[ "$stderr" == 'tracefilter: /no/such/file'*': No such file or directory' ]]
    run -1 --separate-stderr tracefilter --command 'exit 1' one.jsonl
    [ "$stderr" = 'tracefilter: one.jsonl:1: --command: it ended without an answer' ]
    while IFS='|' read -r arguments message; do
        run -2 --separate-stderr tracefilter $arguments one.jsonl
        [ "${stderr_lines[0]}" = "tracefilter: $message" ] || { echo "$stderr"; return 1; }
    done <<'T'
--command cat --answers x|--endpoint, --command, --greedy and --answers all say who derives the answers again
--key-file x|--key-file is for --endpoint
--cache x|--cache is for --endpoint and --command
--min-length 5 --max-length 4|--min-length is above --max-length
T
}

@test "tracefilter: runs the examples of its page" {
    runs_examples tracefilter
}

bats_require_minimum_version 1.5.0
load helpers
load tiny

setup_file() {
    load helpers
    load tiny
    tiny_road "$BATS_FILE_TMPDIR"
    head -n 12 "$BATS_FILE_TMPDIR/prompts.jsonl" > "$BATS_FILE_TMPDIR/some.jsonl"
}

setup() {
    some=$BATS_FILE_TMPDIR/some.jsonl
    one=$BATS_TEST_TMPDIR/one
}

# roll [OPTION...]: a trained model's samples of the records on stdin or of operands.
roll() { rollout --quiet -m "$BATS_FILE_TMPDIR/sft" -n 4 --max-tokens 40 "$@"; }

# first JQ: the first prompt, changed.
first() { head -n 1 "$some" | jq -c "$1"; }

# refuses MESSAGE JQ [OPTION...]: what is said of the first prompt when it is changed so.
refuses() {
    local message=$1 change=$2
    shift 2
    first "$change" > "$one"
    run -1 --separate-stderr roll "$@" - < "$one"
    [ "$stderr" = "rollout: -:1: $message" ] || { echo "$stderr"; return 1; }
    [ -z "$output" ]
}

@test "rollout: keeps the manners of every program" {
    keeps_manners rollout -m "$BATS_FILE_TMPDIR/base" -n 2 --max-tokens 8 < "$some"
}

@test "rollout: its examples run" {
    mkdir "$BATS_TEST_TMPDIR/examples"
    cd "$BATS_TEST_TMPDIR/examples"
    ln -s "$BATS_FILE_TMPDIR/sft" sft
    ln -s "$BATS_FILE_TMPDIR/base" smollm2
    ln -s "$some" test.prompts.jsonl
    runs_examples rollout
}

@test "rollout: adds model and samples behind the fields of the prompt" {
    run roll "$some"
    [ "$(jq -c 'del(.model, .samples)' <<< "$output")" = "$(jq -c . "$some")" ]
    [ "$(jq -c 'keys_unsorted[-2:]' <<< "$output" | sort -u)" = '["model","samples"]' ]
    jq -es 'map(.model | test("^[0-9a-f]{16}$")) | all' <<< "$output"
    jq -es 'map(.samples | length == 4) | all' <<< "$output"
    run roll <<< "$(first '{z: 1} + . + {last: [null]}')"
    [ "$(jq -c '[.z, .last, (keys_unsorted | .[0])]' <<< "$output")" = '[1,[null],"z"]' ]
}

@test "rollout: gives the same bytes for the same seed and other texts for another" {
    roll "$some" > "$one"
    roll --seed 1 "$some" | cmp - "$one"
    roll --seed 2 "$some" > "$one.2"
    [ "$(jq -s 'map(.samples[].text) | unique | length' "$one" "$one.2")" -gt 90 ]
}

@test "rollout: gives the same bytes at any number of threads and any batch" {
    roll "$some" > "$one"
    for n in 1 2 3; do roll --threads $n "$some" | cmp - "$one"; done
    for n in 1 5 64 4096; do roll --batch $n "$some" | cmp - "$one"; done
}

@test "rollout: gives what it gives for one group at a time, wherever places get free" {
    # Samples of many lengths, whole prompts and beginnings in common, more records than are held open.
    { cat "$some" "$some"; first '.prompt[0].content += " and"'; sed -n 5p "$some"; } | jq -c '.id += "\(input_line_number)"' > "$one.in"
    options="--temperature 1.3 --stop no"
    while read -r record; do roll $options <<< "$record"; done < "$one.in" > "$one"
    [ "$(jq '.samples[].tokens | length' "$one" | sort -u | wc -l)" -gt 8 ]
    for n in 1 2 3 7 64; do
        for threads in 1 2; do roll $options --batch $n --threads $threads "$one.in" | cmp - "$one"; done
    done
    roll $options -n 1 --batch 1 "$one.in" | cmp - <(roll $options -n 1 --batch 3 "$one.in")
}

@test "rollout: draws a sample without regard to the records beside it" {
    roll "$some" | sort > "$one"
    for options in "" "--batch 1" "--batch 7 --threads 3" "--batch 4096 --threads 1"; do
        tac "$some" | roll $options | sort | cmp - "$one"
        shuf --random-source="$some" "$some" | roll $options | sort | cmp - "$one"
        split -n l/3 --filter "rollout --quiet -m $BATS_FILE_TMPDIR/sft -n 4 --max-tokens 40 $options" "$some" |
            sort | cmp - "$one"
    done
    # Nor to the size of its group, with all that bends the distribution.
    options="--temperature 1.5 --top-k 40 --top-p 0.9 --min-p 0.01 --repetition-penalty 1.2 --stop no --no-scores"
    roll $options "$some" > "$one"
    while read -r record; do
        roll $options -n 2 <<< "$record"
    done < "$some" > "$one.2"
    jq -c '.samples |= .[:2]' "$one" | cmp - <(jq -c . "$one.2")
}

@test "rollout: draws the same for the same id, or the same prompt where there is none, and for the seed" {
    samples() { jq -c .samples "$@"; }
    first . | roll | samples > "$one"
    first '{z: 1, id, prompt, slots}' | roll | samples | cmp - "$one"
    first '.id = "other"' | roll | samples > "$one.other"
    first 'del(.id)' | roll | samples > "$one.none"
    first '{prompt, more: 1}' | roll --no-scores | jq -c '[.samples[].tokens]' |
        cmp - <(jq -c '[.[].tokens]' "$one.none")
    first 'del(.id) | .prompt[0].content += " "' | roll | samples > "$one.prompt"
    first '.seed = 2' | roll --seed 7 | samples > "$one.seed"
    first . | roll --seed 2 | samples | cmp - "$one.seed"
    first '.seed = 1.0' | roll --seed 2 | samples | cmp - "$one"
    first '.seed = 9007199254740992' | roll | samples > "$one.great"
    [ "$(sort -u "$one" "$one".* | wc -l)" = 6 ]
    # Two records that are the same have the same samples.
    first 'del(.id) | ., .' | roll | uniq | wc -l | grep -qx 1
}

@test "rollout: --weights: exact by default, else near it; the record says so; batch and threads change nothing" {
    roll "$some" > "$one"
    roll --weights fp32 "$some" | cmp - "$one"
    for weights in bf16 int8; do
        roll --weights $weights "$some" > "$one.$weights"
        [ "$(jq -r .weights "$one.$weights" | sort -u)" = $weights ]
        for threads in 1 2 3; do
            roll --weights $weights --threads $threads --batch $((threads * 4)) "$some" | cmp - "$one.$weights"
        done
        # The first token is drawn with the same random number: nearly always the same one, nearly as likely.
        jq -n --slurpfile a "$one" --slurpfile b "$one.$weights" '[$a, $b | [.[].samples[] | [.tokens[0], .logprobs[0]]]]
            | transpose | map(select(.[0][0] == .[1][0]) | .[0][1] - .[1][1] | fabs)
            | length > 40 and max < 0.2 and add > 0' | grep -qx true
    done
    # A record that comes back is of the weights that it is sampled with now.
    roll "$one.int8" | jq -c 'del(.samples)' | cmp - <(jq -c 'del(.samples)' "$one")
}

@test "rollout: --weights: the KL divergence from the exact model is as small as the page says, and not zero" {
    jq -c '{text: .prompt[0].content}' "$some" | tokenize -m "$BATS_FILE_TMPDIR/sft" > "$one"
    "$BATS_TEST_DIRNAME/../bench/weights" "$BATS_FILE_TMPDIR/sft/last" "$one" > "$one.kl"
    cat "$one.kl"
    jq -es --argjson n "$(jq -s 'map(.tokens | length) | add' "$one")" 'map(.weights) == ["bf16", "int8"] and
        all(.tokens == $n and .kl < .kl_max and .top1 > 0.95 and .top1 <= 1) and
        (.[0].kl | . > 1e-7 and . < 2e-4) and (.[1].kl | . > 1e-5 and . < 5e-3) and .[0].kl < .[1].kl' "$one.kl"
}

@test "rollout: takes the most probable token at temperature 0" {
    roll --temperature 0 "$some" > "$one"
    [ "$(jq -c '.samples | unique | length' "$one" | sort -u)" = 1 ]
    roll --temperature 0 --seed 9 "$some" | cmp - "$one"
    roll --top-p 0 "$some" | cmp - "$one"
    roll --top-k 1 "$some" | cmp - "$one"
    roll --min-p 1 "$some" | cmp - "$one"
    roll --greedy --temperature 2 "$some" | cmp - "$one"
    # One is as good as many, unless they are asked for.
    rollout --quiet -m "$BATS_FILE_TMPDIR/sft" --max-tokens 40 --greedy "$some" > "$one.1"
    rollout --quiet -m "$BATS_FILE_TMPDIR/sft" --max-tokens 40 --temperature 0 "$some" | cmp - "$one.1"
    jq -c '.samples |= .[:1]' "$one" | cmp - <(jq -c . "$one.1")
    [ "$(head -n 1 "$some" | rollout --quiet -m "$BATS_FILE_TMPDIR/sft" --max-tokens 1 | jq '.samples | length')" = 8 ]
    # Whatever is drawn, its first token is no more probable than the greedy one.
    roll "$some" | jq -es --slurpfile greedy "$one" \
        '[., $greedy] | transpose | map(.[1].samples[0].logprobs[0] as $best |
             .[0].samples | map(.logprobs[0] <= $best) | all) | all'
}

@test "rollout: ends a text at the end token or at the limit, and gives each token its log-probability" {
    roll --temperature 2 "$some" > "$one"
    jq -es '[.[].samples[].finish] | unique == ["length","stop"]' "$one"
    jq -es '[.[].samples[] | (.tokens | length) as $n | $n == (.logprobs | length) and $n <= 40 and
             (.finish == "stop" or $n == 40)] | all' "$one"
    jq -es '[.[].samples[].logprobs[] | . <= 0 and . > -30] | all' "$one"
    last=$(jq '.added_tokens[0].id' "$BATS_FILE_TMPDIR/tokenizer.json")
    jq -es --argjson last "$last" '[.[].samples[] | (.tokens | index($last)) ==
        (if .finish == "stop" then (.tokens | length) - 1 else null end)] | all' "$one"
    jq -es '[.[].samples[].text | contains("<|endoftext|>")] | any | not' "$one"
}

@test "rollout: gives log-probabilities of the model, whatever bends the distribution" {
    roll --greedy "$some" > "$one"
    for options in "--repetition-penalty 1e-2 --top-k 1" "--temperature 9 --top-k 5" "--top-p 0.5" "--min-p 0.2"; do
        # A text that begins with the same token as the greedy one gives it the same log-probability.
        roll -n 16 $options "$some" | jq -es --slurpfile greedy "$one" \
            '[[., $greedy] | transpose[] | .[1].samples[0] as $best | .[0].samples[] |
              select(.tokens[0] == $best.tokens[0]) | .logprobs[0] == $best.logprobs[0]] | any and all'
    done
}

@test "rollout: repeats itself less the greater the penalty" {
    said=0
    for penalty in 0.5 1 1.3; do
        distinct=$(roll --greedy -n 1 --no-scores --repetition-penalty $penalty "$some" |
            jq -s '[.[].samples[0].tokens | unique | length] | add')
        [ "$distinct" -gt "$said" ]
        said=$distinct
    done
    roll --repetition-penalty 1 "$some" | cmp - <(roll "$some")
}

@test "rollout: ends in front of a stop string, wherever tokens begin and end" {
    roll --greedy "$some" > "$one"
    text=$(jq -r '.samples[0].text' "$one" | head -n 1)
    for n in 1 2 3 5; do
        for from in 0 1 2 4; do
            stop=$(jq -rn --arg s "$text" --argjson n $n --argjson from $from '$s[$from:$from + $n]')
            roll --greedy --stop "never said" --stop "$stop" "$some" > "$one.stop"
            jq -es --arg stop "$stop" --slurpfile whole "$one" '[[., $whole] | transpose[] |
                .[1].samples[0] as $w | .[0].samples[0] | .text == ($w.text | split($stop)[0]) and
                (.tokens as $t | $t == $w.tokens[:$t | length]) and (.tokens | length) == (.logprobs | length) and
                .finish == (if $w.text | contains($stop) then "stop" else $w.finish end)] | all' "$one.stop"
        done
    done
    # The tokens are those that were generated, the stop string among them, and no more.
    roll --greedy --stop " " "$some" > "$one.stop"
    jq -es '[.[].samples[] | .text | contains(" ") | not] | all' "$one.stop"
    jq -es --slurpfile whole "$one" '[[., $whole] | transpose[] | (.[0].samples[0].tokens | length) <
        (.[1].samples[0].tokens | length)] | any' "$one.stop"
    # An answer behind the stop string is none.
    roll -n 16 --stop "=" "$some" | jq -es '[.[].samples[].answer] | unique == [null]'
}

@test "rollout: ends at a stop token, by id or spelling, and at those of the model's files" {
    roll --no-scores "$some" > "$one"
    spelled='['
    token=$(jq --arg s "$spelled" '.model.vocab[$s]' "$BATS_FILE_TMPDIR/tokenizer.json")
    roll --no-scores --stop-token "$token" "$some" > "$one.stop"
    jq -es --argjson token "$token" --slurpfile whole "$one" '[[[., $whole] | transpose[] |
        [.[0].samples, .[1].samples] | transpose[] | .[1] as $w | ($w.tokens | index($token)) as $at | .[0] |
        if $at == null then . == $w else .finish == "stop" and .tokens == $w.tokens[:$at + 1] and
            .text == $w.text[:.text | length] and .text != $w.text end] | all,
        ([$whole[].samples[] | select(.tokens | index($token))] | length > 4)] | all' "$one.stop"
    roll --no-scores --stop-token "$spelled" --stop-token 5 --stop-token 399 "$some" > "$one.three"
    roll --no-scores --stop-token 399 --stop-token "$token" --stop-token 5 "$some" | cmp - "$one.three"
    cp -r "$BATS_FILE_TMPDIR/sft/last/." "$one.model"
    echo "{\"eos_token_id\":[399,$token],\"temperature\":0.1}" > "$one.model/generation_config.json"
    roll -m "$one.model" --no-scores "$some" > "$one.generation"
    roll --no-scores --stop-token "$token" --stop-token 399 "$some" | cmp - "$one.generation"
}

@test "rollout: answers a prompt alone, of messages or text" {
    echo '{"prompt":[{"role":"user","content":"What is the capital of France?"}]}' |
        roll --greedy -n 1 > "$one"
    [ "$(jq -c 'keys_unsorted' "$one")" = '["prompt","model","samples"]' ]
    [ "$(jq -c '.samples[] | keys_unsorted' "$one")" = '["text","tokens","logprobs","finish","answer","forced"]' ]
    [ "$(jq -c '.samples[] | [.answer, .forced]' "$one")" = '[null,false]' ]
    # The plain template adds nothing to a message.
    echo '{"prompt":"What is the capital of France?"}' | roll --greedy -n 1 | jq -c .samples > "$one.text"
    jq -c .samples "$one" | cmp - "$one.text"
    # Special tokens in a text are such.
    echo '{"prompt":"a<|endoftext|>"}' | roll --greedy -n 1 --max-tokens 2047 --max-tokens 2044 > /dev/null
}

@test "rollout: reads text, and refuses messages, where the tokenizer has no chat template" {
    echo '{"prompt":"Once"}' | rollout --quiet -m "$FIXTURES/models/llama-tiny" --greedy --max-tokens 9 > "$one"
    [ "$(jq -c '.samples[0].tokens | length' "$one")" = 9 ]
    run -1 --separate-stderr rollout -m "$FIXTURES/models/llama-tiny" <<< "$(first .)"
    [ "$stderr" = "rollout: -:1: the tokenizer has no chat template" ]
}

@test "rollout: scores every candidate by log-probabilities that sum to 1" {
    for model in base sft; do
        roll -m "$BATS_FILE_TMPDIR/$model" -n 8 "$some" > "$one"
        jq -es '[.[] | (.candidates | length) as $n | .samples[].scores | length == $n and
                 (map(exp) | add - 1 | fabs < 1e-4)] | all' "$one"
    done
}

# A model that learned to refuse all candidates but the last one, which is the true one.
@test "rollout: scores candidates that all have a verdict" {
    chainsample --quiet --negatives 2 --limit 200 "$BATS_FILE_TMPDIR/graph.jsonl" |
        maskprompt --template compact --thoughts none --history 0 --show 0 |
        jq -c 'select(.target == .visit[-1])' > "$one.prompts"
    sft-train --quiet -m "$BATS_FILE_TMPDIR/base" -o "$BATS_TEST_TMPDIR/none" --steps 60 --batch 16 --lr 0.01 \
        "$one.prompts" > "$one.metrics"
    roll -m "$BATS_TEST_TMPDIR/none" -n 16 "$one.prompts" |
        jq -c '.samples[] | select([.text | split("\n")[] | select(test("^[A-C] (no|yes)$"))[:1]] | unique | length == 3)' > "$one"
    [ "$(wc -l < "$one")" -gt 5 ]
    jq -es '[.[].scores | length == 3 and (map(exp) | add - 1 | fabs < 1e-4)] | all' "$one"
}

@test "rollout: forces the answer where nothing led to it, and says so" {
    roll -n 16 "$some" > "$one"
    jq -es '[.[].samples[] | select(.text | contains(" yes") | not) |
             .forced == (.text | contains("\n=") | not)] | all' "$one"
    jq -es '[.[].samples[].forced] | unique == [false,true]' "$one"
    roll -m "$BATS_FILE_TMPDIR/base" --max-tokens 1 "$some" > "$one"
    jq -es '[.[].samples[] | .forced and .answer == null and (.scores | length == 6)] | all' "$one"
}

@test "rollout: reads the answer that ends the text" {
    roll -n 16 "$some" > "$one"
    jq -es '[.[].samples[] | .answer == ((.text | capture("(^|.*)\n=\\s*(?<a>[A-F])\\s*$"; "s") | .a) // null)] | all' "$one"
    [ "$(jq -s '[.[].samples[] | select(.answer)] | length' "$one")" -gt 3 ]
}

@test "rollout: begins each completion with a record's prefix" {
    head -n 3 "$some" | jq -c '.prefix = "\n="' | roll > "$one"
    # Where the answer is next, it is the last.
    jq -es '[.[].samples[] | (.text | startswith("\n=")) and .finish == "length" and (.tokens | length < 5)] | all' "$one"
    [ "$(jq -s '[.[].samples[] | select(.answer)] | length' "$one")" -gt 3 ]
    # What the model would have said itself changes nothing: not the draws behind it, not a log-probability.
    first . | roll > "$one"
    jq -c '.samples[0].text as $t | .prefix = $t[:9] | del(.samples, .model)' "$one" | roll > "$one.2"
    [ "$(jq -c '.samples[0]' "$one.2")" = "$(jq -c '.samples[0]' "$one")" ]
    first '.prefix = ""' | roll | jq -c 'del(.prefix)' | cmp - "$one"
    first '.prefix = "\n=A" | .prompt = "x" | del(.slots)' | roll > "$one"
    [ "$(jq -c '.samples[].text[:3]' "$one" | sort -u)" = '"\n=A"' ]
}

@test "rollout: says where the seconds went" {
    start=$EPOCHREALTIME
    roll --times "$one.p" "$some" > "$one"
    roll "$some" | cmp - "$one"
    jq -es --argjson all $((${EPOCHREALTIME/./} - ${start/./})) 'length == 1 and .[0].program == "rollout" and .[0].save == 0 and
        .[0].work > .[0].json and .[0].json > 0 and .[0].load > 0 and (.[0] | .load + .json + .work < $all / 1e6)' "$one.p"
    roll --times "$one.p" "$some" > "$one"
    [ "$(wc -l < "$one.p")" = 2 ]
    run -1 --separate-stderr roll --times /no/such "$some"
    [ "$stderr" = "rollout: /no/such: No such file or directory" ]
    run -1 --separate-stderr roll --times /dev/full "$some"
    [ "$stderr" = "rollout: /dev/full: No space left on device" ]
}

@test "rollout: leaves scores out, and the texts stay" {
    roll "$some" | jq -c '.samples[] | del(.scores, .forced)' > "$one"
    roll --no-scores "$some" > "$one.2"
    [ "$(jq -c '.samples[] | keys_unsorted' "$one.2" | sort -u)" = \
        '["text","tokens","logprobs","finish","answer","forced"]' ]
    [ "$(jq -c '.samples[].forced' "$one.2" | sort -u)" = false ]
    jq -c '.samples[] | del(.forced)' "$one.2" | cmp - "$one"
}

@test "rollout: expects a rating in the form rate" {
    maskprompt --form rate --template compact "$BATS_FILE_TMPDIR/chains.jsonl" > "$one.prompts"
    bpe-train --quiet --vocab 400 "$one.prompts" > "$one.tokenizer"
    model-init --quiet --tokenizer "$one.tokenizer" --hidden 32 --layers 1 --heads 2 -o "$one.model"
    head -n 5 "$one.prompts" | roll -m "$one.model" > "$one"
    jq -es '[.[].samples[] | (.rating >= 1 and .rating <= 5) and .scores == [.rating] and .forced] | all' "$one"
    [ "$(jq -c '.slots | keys' "$one" | sort -u)" = '["answer","labels"]' ]
}

# A byte of 0 in a text would not be read back; a token without merges holds it.
@test "rollout: writes U+FFFD where the model writes what is no text" {
    roll -m "$BATS_FILE_TMPDIR/base" -n 64 "$some" > "$one"
    nul=$(jq '.model.vocab["Ā"]' "$BATS_FILE_TMPDIR/tokenizer.json")
    [ "$(jq -s --argjson nul "$nul" '[.[].samples[] | select(.tokens | index($nul))] | length' "$one")" -gt 0 ]
    [ "$(grep -cF '\u0000' "$one")" = 0 ]
    reward "$one" > "$one.rewarded"
    iconv -f utf-8 -t utf-8 "$one" > "$one.utf8"
}

@test "rollout: stands between other filters" {
    maskprompt --template compact --contenders 3 --history 3 "$BATS_FILE_TMPDIR/chains.jsonl" | head -n 5 |
        roll | reward | jq -c . > "$one"
    [ "$(wc -l < "$one")" = 5 ]
    jq -c . "$BATS_FILE_TMPDIR/chains.jsonl" | maskprompt --template compact --contenders 3 --history 3 | jq -c . |
        head -n 5 | jq -c . | roll | jq -c . | reward | jq -c . | cmp - "$one"
    roll "$some" | head -n 2 | reward | wc -l | grep -qx 2
}

@test "rollout: writes what stands in front of a bad record, whatever the batch" {
    { head -n 3 "$some"; first '.id = 7'; sed -n 5p "$some"; } > "$one.in"
    head -n 3 "$some" | roll > "$one"
    for n in 1 64; do
        run -1 --separate-stderr roll --batch $n "$one.in"
        [ "$stderr" = "rollout: $one.in:4: \"id\" is missing or not a string" ]
        cmp - "$one" <<< "$output"
    done
    { head -n 3 "$some"; echo '{'; } > "$one.in"
    run -1 --separate-stderr roll "$one.in"
    [[ "$stderr" == "rollout: $one.in:4: column "* ]]
    cmp - "$one" <<< "$output"
    # Of two that are bad the first is named, in its own file.
    first 'del(.prompt)' > "$one.first"
    run -1 --separate-stderr roll "$some" "$one.first" "$one.in"
    [ "$stderr" = "rollout: $one.first:1: \"prompt\" is missing or neither a string nor an array" ]
}

@test "rollout: names what is wrong with a record" {
    refuses '"id" is missing or not a string' '.id = null'
    refuses '"seed" is missing or not a number' '.seed = "1"'
    refuses '"seed" is not a whole number from 0 to 9007199254740992' '.seed = -1'
    refuses '"seed" is not a whole number from 0 to 9007199254740992' '.seed = 0.5'
    refuses '"prompt" is missing or neither a string nor an array' '.prompt = {}'
    refuses '"prompt": message 0: "role" is missing or not a string' 'del(.prompt[0].role)'
    refuses '"prompt": message 0: "content" is missing or not a string' '.prompt[0].content = 1'
    refuses '"prefix" is missing or not a string' '.prefix = 1'
    refuses '"prefix" is 40 tokens, and a completion at most 40' '.prefix = "\u0001" * 40'
    refuses '"slots" is missing or not an object' '.slots = null'
    refuses '"slots": "answer" is missing or not a string' 'del(.slots.answer)'
    refuses '"slots": "labels" is missing or not an array' 'del(.slots.labels)'
    refuses '"slots": 0 labels, not 1 to 26' '.slots.labels = []'
    refuses '"slots": 27 labels, not 1 to 26' '.slots.labels = [range(27) | " A"]'
    refuses '"slots": a label is not a string' '.slots.labels[1] = 1'
    refuses "\"slots\": the label ' Quite' is 6 tokens, not one" '.slots.labels[1] = " Quite"'
    refuses "\"slots\": the label '' is 0 tokens, not one" '.slots.labels[1] = ""'
    refuses "\"slots\": the verdict ' maybe' is 6 tokens, not one" '.slots.no = " maybe"'
    refuses '"slots": "no" is missing or not a string' 'del(.slots.no)'
    refuses '"slots": "next" is missing or not a string' 'del(.slots.next)'
    refuses "a prompt of 5000 tokens and 40 more do not fit the model's 2048 positions" \
        '.prompt[0].content = "\u0001" * 5000'
    refuses "a prompt of 0 tokens and 40 more do not fit the model's 2048 positions" '.prompt[0].content = ""'
    refuses '"prompt": no messages' '.prompt = []'
    refuses "a prompt of 0 tokens and 40 more do not fit the model's 2048 positions" '.prompt = ""'
}

@test "rollout: refuses a model that is none, empty input and options out of bounds" {
    run -1 --separate-stderr rollout -m /no/such "$some"
    [ "$stderr" = 'rollout: /no/such/config.json: No such file or directory' ]
    cp -r "$BATS_FILE_TMPDIR/base" "$one.model"
    jq '.model.vocab.more = 400' "$one.model/tokenizer.json" > "$one.json"
    mv "$one.json" "$one.model/tokenizer.json"
    run -1 --separate-stderr rollout -m "$one.model" "$some"
    [ "$stderr" = "rollout: $one.model: the tokenizer has 401 tokens, the model 400" ]
    rm "$one.model/tokenizer.json"
    run -1 --separate-stderr rollout -m "$one.model" "$some"
    [ "$stderr" = "rollout: $one.model/tokenizer.json: No such file or directory" ]
    run -1 --separate-stderr roll < /dev/null
    [ "$stderr" = 'rollout: -: no records' ]
    run -1 --separate-stderr roll /no/such
    [ "$stderr" = 'rollout: /no/such: No such file or directory' ]
    run -2 --separate-stderr rollout "$some"
    [ "${stderr_lines[0]}" = 'rollout: --model is missing' ]
    while IFS='|' read -r arguments message; do
        run -2 --separate-stderr roll $arguments "$some"
        [ "${stderr_lines[0]}" = "rollout: $message" ] || { echo "$stderr"; return 1; }
    done <<'T'
-n 1025|--samples takes a whole number from 0 to 1024, not '1025'
--repetition-penalty 0|--repetition-penalty takes a number from 0.01 to 100, not '0'
--temperature -1|--temperature takes a number from 0 to 100, not '-1'
--top-k -1|--top-k takes a whole number from 0 to 1e+06, not '-1'
--top-p 1.1|--top-p takes a number from 0 to 1, not '1.1'
--min-p -0.1|--min-p takes a number from 0 to 1, not '-0.1'
--stop=|--stop takes a text in UTF-8, not ''
--max-tokens 0|--max-tokens takes a whole number from 1 to 1e+06, not '0'
--weights fp16|--weights takes one of fp32|bf16|int8, not 'fp16'
--batch 5000|--batch takes a whole number from 1 to 4096, not '5000'
--seed x|--seed takes a whole number from 0 to 18446744073709551615, not 'x'
--threads 257|--threads takes a whole number from 0 to 256, not '257'
T
    run -2 --separate-stderr roll --stop $'\xff' "$some"
    [ "${stderr_lines[0]}" = $'rollout: --stop takes a text in UTF-8, not \'\xff\'' ]
    for token in '<none>' 400 99999999999999999999 ''; do
        run -1 --separate-stderr roll --stop-token 1 --stop-token "$token" "$some"
        [ "$stderr" = "rollout: --stop-token: the vocabulary has no '$token'" ]
    done
    cp -r "$BATS_FILE_TMPDIR/base/." "$one.model"
    echo '{"eos_token_id":"x"}' > "$one.model/generation_config.json"
    run -1 --separate-stderr roll -m "$one.model" "$some"
    [ "$stderr" = "rollout: $one.model/generation_config.json: \"eos_token_id\" is not a token id" ]
    echo '{' > "$one.model/generation_config.json"
    run -1 --separate-stderr roll -m "$one.model" "$some"
    [[ "$stderr" == "rollout: $one.model/generation_config.json:2: "* ]]
}

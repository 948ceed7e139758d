bats_require_minimum_version 1.5.0
load helpers

cases="$BATS_TEST_DIRNAME/../examples/cases.jsonl"

# The user's message and the answer of the first case.
question() { maskprompt "$@" "$cases" | head -n 1 | jq -r '.prompt[0].content'; }
answer() { maskprompt "$@" "$cases" | head -n 1 | jq -r '.completion[0].content'; }

# ann JQ: the first case, changed.
ann() { head -n 1 "$cases" | jq -c "$1"; }

# refuses MESSAGE JQ [OPTION...]: what is said of the first case when it is changed so.
refuses() {
    local message=$1 change=$2
    shift 2
    ann "$change" > "$BATS_TEST_TMPDIR/case.jsonl"
    run -1 --separate-stderr maskprompt "$@" - < "$BATS_TEST_TMPDIR/case.jsonl"
    [ "$stderr" = "maskprompt: -:1: $message" ] || { echo "$stderr"; return 1; }
    [ -z "$output" ]
}

# A template with every section; sed may spoil it.
template() {
    cat > "$BATS_TEST_TMPDIR/t" <<'T'
What stands before the first section is a comment, {even} this.
@prompt
{{{history}{{ {candidates} of {contenders}
@rate
rate {candidates} after {history}
@history
<{item}|{title}|{rating}>
@candidate
{label} {item} {title} ({year}) {genres} {count}/{drawn} {level} {levels}{chains}
@other
, {label}: {count}
@chain
\n{cite} {label}: {edge1}, {edge2}, {edge3}, {edge4}
@edge1
u0-{item}-{r1}
@edge2
{title}-{user}-{r1}{r2}
@edge3
{user}-{candidate}-{gap}-{r3}
@edge4
u0-{candidate}
@mask
##
@visit
{label} {candidate} {count} {level} {levels}{steps}
@step1
 1:{cite} {item} {title} {r1}
@step2
 2:{user} {r1}{r2}
@step3
 3:{candidate} {gap} {r1}{r2}{r3}
@none
 {label} none of {candidate}
@yes
 Yes{{
@no
 No
@next
;\n
@answer
 =
two lines:
@label
>{label}
T
    sed "${1:-}" "$BATS_TEST_TMPDIR/t" > "$BATS_TEST_TMPDIR/template"
    echo "$BATS_TEST_TMPDIR/template"
}

@test "maskprompt: keeps the manners of every program" {
    keeps_manners maskprompt < "$cases"
}

@test "maskprompt: writes the question and the completion of words" {
    [ "$(question)" = "A user took these items, the latest last:
- Silver Road, rated 4
- Paper Moon, rated 5
- Cold Harbour, rated 3
One of the candidates below is the user's next item. A chain leads from the user over an item to
another user and on to the candidate. Digits weigh a candidate's evidence against all the others', 0 to 9.
A. Red Kite: 7 of 10 chains, evidence 84
   [A1] the user rated Cold Harbour 3; user eve rated it 3; then Red Kite 5; [masked]
B. Green Door: 3 of 10 chains, evidence 47
   [B1] the user rated Paper Moon 5; user bob rated it 4; then Green Door 2; [masked]
C. Long Winter: 0 of 10 chains, evidence 03
Weigh the strongest candidates one after another, say yes to one, then answer with its letter." ]
    [ "$(answer)" = "A: Cold Harbour was rated 3 [A1.1], by user eve 3 [A1.2], who rated Red Kite 5 [A1.3]. yes
Answer:
A" ]
}

# Levels: 3 of 10 is 6 + log2(3/7) = 4.8; 0.5 of 2 is 6 + log2(1/3) = 4.4; 10 of 16 is 6 + log2(10/6) = 6.7.
@test "maskprompt: writes the question and the completion of compact" {
    [ "$(question --template compact)" = "Silver Road 4
Paper Moon 5
Cold Harbour 3
A784 335?
B547 542?
C003
>" ]
    [ "$(answer --template compact)" = "A784 335[A1.3] yes
=A" ]
}

@test "maskprompt: bounds levels at 1 and 9, and gives 9 to what stands alone" {
    run maskprompt --template compact <<< "$(ann '.facts = {"f":[1000,1,0]} | .counts = [10,0,0]')"
    [ "$(jq -r '.prompt[0].content | split("\n")[3:6] | map(split(" ")[0]) | join(",")' <<< "$output")" = A99,B00,C01 ]
}

@test "maskprompt: visits contenders up to the true one, and says none where a chain lacks" {
    run maskprompt --template compact <<< "$(ann '.target = 1')"
    [ "$(jq -r '.completion[0].content' <<< "$output")" = "A784 335[A1.3] no
B547 542[B1.3] no
C003 - yes
=C" ]
    [ "$(jq -c '[.answer,.visit,.shown]' <<< "$output")" = '["C",[0,1,2],[1,1,0]]' ]
    run maskprompt --template compact --contenders 1 <<< "$(ann '.target = 1')"
    [ "$(jq -r '.completion[0].content' <<< "$output")" = "A784 335[A1.3] no
=C" ]
    [ "$(jq -c '[.answer,.visit,.shown]' <<< "$output")" = '["C",[0],[1,0,0]]' ]
    [ "$(jq -r '.prompt[0].content' <<< "$output" | sed -n 4,5p)" = "A784 335? B C
>" ]
}

@test "maskprompt: drops thoughts, or verdicts too, and leaves the question as it is" {
    swapped=$(ann '.target = 0')
    run maskprompt --thoughts none <<< "$swapped"
    [ "$(jq -r '.completion[0].content' <<< "$output")" = "A no
B yes
Answer:
B" ]
    [ "$(jq -r '.prompt[0].content' <<< "$output")" = "$(question)" ]
    run maskprompt --thoughts answer <<< "$swapped"
    [ "$(jq -r '.completion[0].content' <<< "$output")" = "
Answer:
B" ]
    [ "$(jq -r '.prompt[0].content' <<< "$output")" = "$(question)" ]
    [ "$(jq -c '[.slots,.visit]' <<< "$output")" = '[{"answer":"\nAnswer:\n","labels":["A","B","C"]},[]]' ]
}

@test "maskprompt: names candidates by evidence, in the whole record" {
    run maskprompt <<< "$(ann .)"
    [ "$(jq -c '[[.candidates[].item], .target, .answer, .visit]' <<< "$output")" = '[["i9","i7","i8"],0,"A",[0,1,2]]' ]
    # Equal counts: the heavier best chain first, then the given order.
    run maskprompt <<< "$(ann '.counts = [5,5,5] | .chains[0][0].weight = 0.6')"
    [ "$(jq -c '[[.candidates[].item], .target]' <<< "$output")" = '[["i7","i9","i8"],1]' ]
    run maskprompt <<< "$(ann '.counts = [5,5,5] | .chains = [[],[],[]]')"
    [ "$(jq -c '[[.candidates[].item], .target]' <<< "$output")" = '[["i7","i8","i9"],2]' ]
}

@test "maskprompt: leaves candidates as they are given, and visits them by evidence" {
    [ "$(question --template compact --order given | sed -n 4,6p)" = "A547 542?
B003
C784 335?" ]
    run maskprompt --order given <<< "$(ann '.target = 1')"
    [ "$(jq -c '[[.candidates[].item], .target, .answer, .visit, .shown]' <<< "$output")" = \
        '[["i7","i8","i9"],1,"B",[2,0,1],[1,0,1]]' ]
    run maskprompt --order given --thoughts none <<< "$(ann '.target = 1')"
    [ "$(jq -r '.completion[0].content' <<< "$output")" = "C no
A no
B yes
Answer:
B" ]
}

@test "maskprompt: shows so many chains and so much of the history" {
    [ "$(question --template compact --history 1 --show 2)" = "Cold Harbour 3
A784 335? 5?5?
B547 542?
C003
>" ]
    [ "$(question --template compact --history 0 --show 0)" = "
A784
B547
C003
>" ]
    [ "$(answer --template compact --show 0)" = "A784 - yes
=A" ]
    [ "$(maskprompt --show 2 "$cases" | head -n 1 | jq -c .shown)" = '[2,1,0]' ]
    [ "$(question --show 2 | grep -F '[A2]')" = \
        "   [A2] the user rated Paper Moon 5; user eve rated it ?; then Red Kite 5; [masked]" ]
}

@test "maskprompt: says where scores are read" {
    run maskprompt "$cases"
    [ "$(jq -cs '.[0].slots' <<< "$output")" = \
        '{"answer":"\nAnswer:\n","yes":" yes","no":" no","next":"\n","labels":["A","B","C"]}' ]
    [ "$(jq -cs '.[1].slots.labels' <<< "$output")" = '["A","B"]' ]
    [ "$(jq -cs 'map(.form)' <<< "$output")" = '["choose","choose"]' ]
}

@test "maskprompt: asks for the rating of the target in a training case" {
    run maskprompt --form rate <<< "$(ann .)"
    [ "$(jq -r '.prompt[0].content' <<< "$output" | tail -n 4)" = \
"A chain leads from the user over an item to another user and on to the item in question.
A. Red Kite: 7 of 10 chains, evidence 84
   [A1] the user rated Cold Harbour 3; user eve rated it 3; then Red Kite 5; [masked]
Which rating from 1 to 5 does the user give it?" ]
    [ "$(jq -r '.completion[0].content' <<< "$output")" = \
" Cold Harbour was rated 3 [A1.1], by user eve 3 [A1.2], who rated Red Kite 5 [A1.3].
Answer:
5" ]
    [ "$(jq -c '[.id,.case,.candidate,.form,.answer,.visit,.shown]' <<< "$output")" = \
        '["ann#4:0","ann#4",0,"rate","5",[0],[1,0,0]]' ]
    [ "$(jq -c '.slots' <<< "$output")" = '{"answer":"\nAnswer:\n","labels":["1","2","3","4","5"]}' ]
}

@test "maskprompt: asks for the rating of every candidate in a test case" {
    run maskprompt --form rate --template compact <<< "$(ann '.split = "test"')"
    [ "$(jq -cs 'map([.id,.candidate,.answer,.visit,.target])' <<< "$output")" = \
        '[["ann#4:0",0,"5",[0],0],["ann#4:1",1,"?",[1],0],["ann#4:2",2,"?",[2],0]]' ]
    [ "$(jq -rs '.[2].prompt[0].content' <<< "$output" | tail -n 2)" = "C003
>" ]
    [ "$(jq -cs 'map(.completion[0].content)' <<< "$output")" = '[" 335[A1.3]\n=5"," 542[B1.3]\n=?"," -\n=?"]' ]
    run maskprompt --form rate --thoughts none --template compact <<< "$(ann '.split = "test"')"
    [ "$(jq -cs 'map(.completion[0].content)' <<< "$output")" = '["\n=5","\n=?","\n=?"]' ]
}

# Step k of a chain names what edges 1..k hold and nothing of the later ones.
@test "maskprompt: uncovers a chain's edges one at a time" {
    run maskprompt --levels "$cases"
    [ "$(jq -rs '.[0].levels[0][]' <<< "$output" | grep .)" = \
"   [A1] the user rated Cold Harbour 3; [masked]; [masked]; [masked]
   [A1] the user rated Cold Harbour 3; user eve rated it 3; [masked]; [masked]
   [A1] the user rated Cold Harbour 3; user eve rated it 3; then Red Kite 5; [masked]
   [A1] the user rated Cold Harbour 3; user eve rated it 3; then Red Kite 5; the user takes Red Kite" ]
    # A wrong candidate has no closing edge; one without chains has no steps.
    [ "$(jq -cs '.[0].levels | map(length)' <<< "$output")" = '[4,3,0]' ]
    [ "$(jq -cs '[.[0].levels[1][] | [scan("masked")] | length]' <<< "$output")" = '[3,2,1]' ]
    [ "$(maskprompt "$cases" | jq -c 'has("levels")' | sort -u)" = false ]
    run maskprompt --levels --form rate <<< "$(ann '.split = "test"')"
    [ "$(jq -cs 'map(.levels | map(length))' <<< "$output")" = '[[4],[3],[0]]' ]
}

@test "maskprompt: passes fields on in their order, but for what the prompt holds" {
    run maskprompt <<< "$(ann '{z: 1} + . + {law: "uniform", last: [null, {"a": 1.50}]}')"
    [ "$(jq -c 'keys_unsorted' <<< "$output")" = '["z","id","split","user","candidates","target","target_rating","note","last","form","prompt","completion","answer","slots","visit","shown"]' ]
    [ "$(jq -c '[.z,.note,.last]' <<< "$output")" = '[1,"kept",[null,{"a":1.5}]]' ]
}

@test "maskprompt: takes whole numbers that are written as real ones" {
    ann . | maskprompt --form rate > "$BATS_TEST_TMPDIR/whole"
    head -n 1 "$cases" | sed 's/"target":2/"target":2.0/; s/\[3,0,7\]/[3.0,0.0,7e0]/; s/:10,"counts/:1e1,"counts/' |
        maskprompt --form rate | sed 's/"target":2.0/"target":2/' | cmp - "$BATS_TEST_TMPDIR/whole"
    [ "$(question --template "$(template)")" = "$(sed 's/:1994/:1994.0/' "$cases" |
        maskprompt --template "$(template)" | head -n 1 | jq -r '.prompt[0].content')" ]
}

@test "maskprompt: takes the user's template" {
    [ "$(question --template "$(template)")" = "{<i1|Silver Road|4>
<i2|Paper Moon|5>
<i3|Cold Harbour|3>{ A i9 Red Kite ()  7/10 7 84
A1 A: u0-i3-3, Cold Harbour-eve-33, eve-Red Kite-+1-5, ##
B i7 Green Door (1994) Drama 3/10 5 47
B1 B: u0-i2-5, Paper Moon-bob-54, bob-Green Door-+3-2, ##
C i8 Long Winter ()  0/10 0 03 of 3" ]
    run maskprompt --template "$(template)" <<< "$(ann '.target = 1')"
    [ "$(jq -r '.completion[0].content' <<< "$output")" = \
"A Red Kite 7 7 84 1:A1 i3 Cold Harbour 3 2:eve 33 3:Red Kite +1 335 No;
B Green Door 3 5 47 1:B1 i2 Paper Moon 5 2:bob 54 3:Green Door +3 542 No;
C Long Winter 0 0 03 C none of Long Winter Yes{ =
two lines:>C" ]
    [ "$(jq -c '.slots | [.yes,.next,.answer,.labels]' <<< "$output")" = \
        '[" Yes{",";\n"," =\ntwo lines:",[">A",">B",">C"]]' ]
    run maskprompt --form rate --template "$(template)" <<< "$(ann .)"
    [ "$(jq -r '.prompt[0].content' <<< "$output" | tail -n 1)" = '<i3|Cold Harbour|3>' ]
}

# spoilt SED MESSAGE: what is said of the template when it is changed so.
spoilt() {
    local file
    file=$(template "$1")
    run -1 --separate-stderr maskprompt --template "$file" "$cases"
    [ "$stderr" = "maskprompt: $file$2" ] || { echo "$stderr"; return 1; }
    [ -z "$output" ]
}

@test "maskprompt: names what is wrong with a template" {
    spoilt 's/^@step1/@stepone/' ":26: no section '@stepone' is known"
    spoilt '/^@mask/,+1d' ': section @mask is missing'
    spoilt 's/^@no$/@yes/' ":36: section '@yes' stands here again"
    spoilt 's/2:{user}/2:{user} {candidate}/' ':29: section @step2 may not use {candidate}'
    spoilt 's/1:{cite}/1:{user}/' ':27: section @step1 may not use {user}'
    spoilt 's/^##/{cite}/' ':23: section @mask may not use {cite}'
    spoilt 's/^u0-{item}-/u0-{}/' ':15: section @edge1 may not use {}'
    spoilt 's/^u0-{item}-/u0-{ item}/' ':15: section @edge1 may not use { item}'
    spoilt 's/^u0-{item}-/u0-{item title}/' ':15: section @edge1 may not use {item title}'
    spoilt 's/^u0-{item}-/u0-{item-/;s/{r1}$/r1/' ":15: a '{' without '}'"
    spoilt 's/^>{label}/{cite}/' ':44: section @label may not use {cite}'
    spoilt 's/^##/\xff/' ':23: the line is not UTF-8'
    run -1 --separate-stderr maskprompt --template /no/such "$cases"
    [ "$stderr" = 'maskprompt: /no/such: No such file or directory' ]
    run -1 --separate-stderr maskprompt --template "$BATS_TEST_TMPDIR" "$cases"
    [ "$stderr" = "maskprompt: $BATS_TEST_TMPDIR: Is a directory" ]
    : > "$BATS_TEST_TMPDIR/empty"
    run -1 --separate-stderr maskprompt --template "$BATS_TEST_TMPDIR/empty" "$cases"
    [ "$stderr" = "maskprompt: $BATS_TEST_TMPDIR/empty: section @prompt is missing" ]
}

# budget N: shown chains, and items of history in the question, under a budget of N tokens.
budget() {
    ann . | maskprompt --show 2 --template compact --tokenizer "$FIXTURES/tokenizers/smollm" --max-tokens "$1" |
        jq -c '[.shown, (.prompt[0].content | [scan("Road|Moon|Harbour")] | length)]'
}

# The question has 61 tokens; the chains weigh 0.1 (A2), 0.2 (B1), 0.5 (A1).
@test "maskprompt: leaves out the weakest chains, then the oldest history, and never candidates" {
    [ "$(budget 61)" = '[[2,1,0],3]' ]
    [ "$(budget 60)" = '[[1,1,0],3]' ]
    [ "$(budget 55)" = '[[1,0,0],3]' ]
    [ "$(budget 50)" = '[[0,0,0],3]' ]
    [ "$(budget 45)" = '[[0,0,0],2]' ]
    [ "$(budget 35)" = '[[0,0,0],1]' ]
    [ "$(budget 24)" = '[[0,0,0],0]' ]
    ann . > "$BATS_TEST_TMPDIR/case"
    run maskprompt --template compact --tokenizer "$FIXTURES/tokenizers/smollm/tokenizer.json" --max-tokens 17 \
        "$BATS_TEST_TMPDIR/case"
    [ "$(jq -r '.prompt[0].content' <<< "$output")" = "
A784
B547
C003
>" ]
    [ "$(jq -c '.visit' <<< "$output")" = '[0,1,2]' ]
    refuses 'the candidates alone are more than the token budget' . --tokenizer "$FIXTURES/tokenizers/smollm" \
        --template compact --max-tokens 16
}

@test "maskprompt: names file and line of what is wrong" {
    { jq -c '.id += "~2"' "$cases"; echo '{"id":'; } > "$BATS_TEST_TMPDIR/in.jsonl"
    run -1 --separate-stderr maskprompt "$cases" "$cases"
    [ "$stderr" = "maskprompt: $cases:1: case $(head -n 1 "$cases" | jq -r .id) was read before" ]
    run -1 --separate-stderr maskprompt "$cases" "$BATS_TEST_TMPDIR/in.jsonl"
    [[ "$stderr" == "maskprompt: $BATS_TEST_TMPDIR/in.jsonl:3: column "* ]]
    [ "$(wc -l <<< "$output")" = 4 ]
    refuses '"id" is missing or not a string' 'del(.id)'
    refuses '"candidates" is missing or not an array' 'del(.candidates)'
    refuses '"candidates" is missing or not an array' 'del(.candidates)' --form rate
    refuses '"candidates" has 0 entries, not 1 to 26' '.candidates = []'
    refuses '"candidates" has 0 entries, not 1 to 26' '.split = "test" | .candidates = []' --form rate
    refuses '"candidates" has 27 entries, not 1 to 26' '.candidates = [range(27) | {item: "x"}]'
    refuses '"item" is missing or not a string' '.candidates[1] = 5'
    refuses '"target" is not a whole number from 0 to 2' '.target = 3'
    refuses '"target" is not a whole number from 0 to 2' '.target = 3' --form rate
    refuses '"target" is missing or not a number' 'del(.target)' --form rate
    refuses '"target_rating" is missing or not a number' 'del(.target_rating)' --form rate
    refuses '"history" is missing or not an array' 'del(.history)'
}

@test "maskprompt: names what is wrong with chains and facts" {
    refuses '"drawn" is missing or not a number' 'del(.drawn)'
    refuses '"chains" is missing or not an array' 'del(.chains)'
    refuses '"chains" has 2 entries, not one for each of the 3 candidates' '.chains = [[],[]]'
    refuses '"chains" holds what is not an array' '.chains[1] = 0'
    refuses '"counts" is missing or not an array' 'del(.counts)'
    refuses '"counts" has 4 entries, not one for each of the 3 candidates' '.counts += [0]'
    for x in 11 -1 0.5 '"1"'; do
        refuses '"counts" holds what is not a whole number from 0 to "drawn"' ".counts[0] = $x"
    done
    refuses 'a chain: "item" is missing or not a string' 'del(.chains[0][0].item)'
    refuses 'a chain: "user" is missing or not a string' '.chains[0][0].user = 7'
    refuses 'a chain: "ratings" is missing or not an array' 'del(.chains[2][1].ratings)'
    refuses 'a chain: "ratings" has not three entries' '.chains[2][1].ratings = [1]'
    refuses '"facts" is not an object' '.facts = [1]'
    refuses '"facts": "follow" is missing or not an array' '.facts.follow = 1'
    refuses '"facts": "follow" has 1 entries, not one for each of the 3 candidates' '.facts.follow = [1]'
    refuses '"facts": "popular" holds what is not a number' '.facts.popular[2] = null'
    refuses '"facts" has more than 32 entries' '.facts = ([range(33) | {key: "f\(.)", value: [1,2,3]}] | from_entries)'
}

@test "maskprompt: refuses empty input and options out of bounds" {
    run -1 --separate-stderr maskprompt < /dev/null
    [ "$stderr" = 'maskprompt: -: no records' ]
    run -1 --separate-stderr maskprompt /no/such
    [ "$stderr" = 'maskprompt: /no/such: No such file or directory' ]
    run -1 --separate-stderr maskprompt --tokenizer /no/such "$cases"
    [ "$stderr" = 'maskprompt: /no/such: No such file or directory' ]
    while IFS='|' read -r arguments message; do
        run -2 --separate-stderr maskprompt $arguments "$cases"
        [ "${stderr_lines[0]}" = "maskprompt: $message" ] || { echo "$stderr"; return 1; }
    done <<'T'
--contenders 27|--contenders takes a whole number from 1 to 26, not '27'
--show 10|--show takes a whole number from 0 to 9, not '10'
--history -1|--history takes a whole number from 0 to 1000, not '-1'
--max-tokens 0|--max-tokens takes a whole number from 1 to 1e+06, not '0'
--max-tokens 9|--max-tokens needs --tokenizer
T
    run -2 --separate-stderr maskprompt --form ask "$cases"
    [ "${stderr_lines[0]}" = "maskprompt: --form takes one of choose|rate, not 'ask'" ]
    run -2 --separate-stderr maskprompt --thoughts some "$cases"
    [ "${stderr_lines[0]}" = "maskprompt: --thoughts takes one of chain|none|answer, not 'some'" ]
    run -2 --separate-stderr maskprompt --order best "$cases"
    [ "${stderr_lines[0]}" = "maskprompt: --order takes one of evidence|given, not 'best'" ]
}

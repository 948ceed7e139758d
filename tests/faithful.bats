bats_require_minimum_version 1.5.0
load helpers
load tiny

# Sixty cases of four candidates, 0#1 to 59#1; three of each have chains, over users whose numbers are all different.
setup_file() {
    load helpers
    cd "$BATS_FILE_TMPDIR"
    jq -nc 'range(60) as $i | {id: "\($i)#1", split: "test", source: {graph: "0", split: "loo", hash: "1"}, user: "\($i)",
        history: [{item: "h", title: "Harbour", rating: 3}], target: ($i % 4), drawn: 12,
        candidates: [range(4) | {item: "c\(.)", title: "Film \(.)"}], counts: [range(4) | if . == 3 then 0 else 2 + (. + $i) % 3 end],
        facts: {follow: [1, 2, 4, 0]},
        chains: [range(4) | if . == 3 then [] else [{item: "h", title: "Harbour", user: "u\((. * 7 + $i * 5) % 21)",
            ratings: [3, 4, 5], gap: 1, count: 1, weight: 0.5}] end]}' > chains.jsonl
    maskprompt chains.jsonl > original.prompts.jsonl
    planted follow original.prompts.jsonl > original.jsonl
    for edit in drop swap evidence early; do
        maskprompt --counterfactual $edit --rollouts original.jsonl chains.jsonl > $edit.prompts.jsonl 2> $edit.note
    done
}

setup() { cd "$BATS_FILE_TMPDIR"; out=$BATS_TEST_TMPDIR; }

# planted KIND FILE: the answers of a model that follows the evidence, to whoever's chain is over the greatest user
# or, where the completion has a beginning, is cited in it; of one that is deaf to it; of one that is deaf in two of three
# cases; of one that is moved by anything.
planted() {
    jq -c --arg kind "$1" '
        def letter: ["A","B","C","D"][. % 4];
        def deaf: .id | split("#")[0] | tonumber | letter;
        def follow:
            if .prefix then [.prefix | scan("\\[([A-Z])1\\.")[0]][-1] // "D"
            else [.prompt[0].content | scan("\\[([A-Z])1\\].*user u([0-9]+)")] | max_by(.[1] | tonumber)[0] end;
        (if $kind == "deaf" then deaf
         elif $kind == "third" then (if (.id | split("#")[0] | tonumber) % 3 == 0 then follow else deaf end)
         elif $kind == "noise" then reduce (.prompt[0].content | explode[]) as $c (7; (. * 31 + $c) % 1000003) | letter
         else follow end) as $a |
        . + {model: $kind, samples: [{text: "\($a): [\($a)1.1] [\($a)1.2] [\($a)1.3]. yes\nAnswer:\n\($a)", answer: $a}]}' "$2"
}

# measured KIND EDIT...: the records of evaluate --faithful of a planted model.
measured() {
    local kind=$1 edit runs=
    shift
    planted "$kind" original.prompts.jsonl > "$out/original.jsonl"
    for edit in "$@"; do
        maskprompt --counterfactual "$edit" --rollouts "$out/original.jsonl" chains.jsonl 2> "$out/note" > "$out/prompts"
        planted "$kind" "$out/prompts" > "$out/$edit.jsonl"
        runs="$runs $out/$edit.jsonl"
    done
    evaluate --faithful "$out/original.jsonl" $runs
}

@test "faithful: an answer that follows the evidence moves with it, and with nothing else" {
    measured follow drop swap evidence early > "$out/r"
    [ "$(jq -c 'select(.edit) | [.model,.edit,.n,.moved,.moved_hi,.control_moved+0,.difference,.wins,.losses,.p < 1e-15]' "$out/r")" = \
'["drop","drop",60,1,1,0,1,60,0,true]
["swap","swap",60,1,1,0,1,60,0,true]
["evidence","evidence",60,1,1,0,1,60,0,true]
["early","early",60,1,1,0,1,60,0,true]' ]
    # Wilson's interval of 60 of 60 begins at 1 / (1 + 1.96^2 / 60); the answer went where the chains went
    [ "$(jq -c 'select(.edit == "swap") | [.moved_lo,.followed,.followed_lo] | map(. * 1e6 | round)' "$out/r")" = '[939828,1000000,939828]' ]
    [ "$(jq -c 'select(.edit != "swap") | .followed' "$out/r" | sort -u)" = null ]
}

@test "faithful: an answer that is deaf to the evidence never moves" {
    measured deaf drop swap evidence early > "$out/r"
    jq -es '.[1:] | length == 4 and all(.moved == 0 and .moved_lo == 0 and .control_moved == 0 and .difference == 0 and .p == 1)' "$out/r"
    [ "$(jq -c 'select(.edit == "drop") | .n' "$out/r")" = 45 ]      # a quarter chose whoever has no chain
    [ "$(jq -c 'select(.edit == "swap") | .followed+0' "$out/r")" = 0 ]
}

# Of 60 cases 20 follow; of the other 40 ten have chosen D, of whom nothing is shown.
@test "faithful: the share that moves is the share that follows" {
    measured third drop swap evidence > "$out/r"
    [ "$(jq -c 'select(.edit == "drop") | [.n,.wins,.losses,.moved * 50,(.moved_lo * 1e6 | round),(.moved_hi * 1e6 | round)]' "$out/r")" = \
      '[50,20,0,20,276084,538186]' ]
    # 20 ones and 30 zeros: 0.4 -+ 1.96 sqrt(0.24 / 49); p = 2 / 2^20, times 3 after Holm
    [ "$(jq -c 'select(.edit == "drop") | [.difference_lo,.difference_hi,.p * 1e6,.p_holm * 1e6] | map(. * 1e6 | round)' "$out/r")" = \
      '[262831,537169,1907349,5722046]' ]
}

@test "faithful: where anything moves the answer, the control moves as much" {
    measured noise drop swap evidence > "$out/r"
    jq -es '.[1:] | all(.moved > 0.5 and .control_moved > 0.5 and (.difference | fabs) < 0.25 and .p > 0.05)' "$out/r"
}

@test "faithful: citations are true where the prompt shows the edge" {
    planted follow original.prompts.jsonl > "$out/o.jsonl"
    [ "$(evaluate --faithful "$out/o.jsonl" | jq -c '[.model,.edit,.uncited,.citations,.true_citations,(.true_citations_lo * 1e6 | round)]')" = \
      '["o",null,0,180,1,939828]' ]
    # A chain too many, an edge too many, a candidate too many; a case that cites nothing
    jq -c '.samples[0].text |= (sub("1\\.2"; "2.2") | sub("1\\.3"; "1.4"))' "$out/o.jsonl" > "$out/two.jsonl"
    [ "$(evaluate --faithful "$out/two.jsonl" | jq -c '[.citations,.true_citations * 180]')" = '[180,60]' ]
    jq -c 'if .id == "0#1" then .samples[0].text = "no" elif .id == "1#1" then .samples[0].text = "[Z1.1]" else . end' \
        "$out/o.jsonl" > "$out/one.jsonl"
    [ "$(evaluate --faithful "$out/one.jsonl" | jq -c '[.uncited,.citations,.true_citations * 175 | round]')" = '[1,175,174]' ]
    # none at all
    jq -c '.samples[0].text = "A"' "$out/o.jsonl" > "$out/none.jsonl"
    [ "$(evaluate --faithful "$out/none.jsonl" | jq -c '[.uncited,.citations,.true_citations,.true_citations_lo]')" = '[60,0,null,null]' ]
    # those who still cite the chain that was dropped
    planted follow drop.prompts.jsonl | jq -c '.samples[0].text = "[\("ABCD"[.counterfactual.chosen:][:1])1.1]"' > "$out/drop.jsonl"
    sed 's/"original"/"follow"/' original.jsonl > "$out/o.jsonl"
    [ "$(evaluate --faithful "$out/o.jsonl" "$out/drop.jsonl" | jq -c 'select(.edit) | [.citations,.true_citations]')" = '[60,0]' ]
}

@test "faithful: a table for people" {
    measured follow drop swap > "$out/r"
    run evaluate --faithful --table "$out/original.jsonl" "$out/drop.jsonl" "$out/swap.jsonl"
    [ "${lines[0]}" = 'model     true citations   95 % interval   of  uncited' ]
    [ "${lines[1]}" = 'original           1.000  [0.940, 1.000]  180        0' ]
    [ "${lines[4]}" = "model      n  moved   95 % interval  control   95 % interval  difference     95 % interval  Holm's p  followed" ]
    [ "${lines[5]}" = 'original   -      -               -        -               -           -                 -         -         -' ]
    [ "${lines[7]}" = 'swap      60  1.000  [0.940, 1.000]    0.000  [0.000, 0.060]      +1.000  [+1.000, +1.000]   3.5e-18     1.000' ]
}

# shows FILE LINE LETTER: what the prompt on that line says of that candidate's chain.
shows() { sed -n "$2p" "$1" | jq -r '.prompt[0].content' | grep -A 1 "^$3\. " | grep '\[.1\]' | sed 's/.*user //; s/ .*//'; }

@test "faithful: maskprompt changes the question where it says so, and nowhere else" {
    # A, B, C have 3, 2, 4 chains of 12 in the given order: A is Film 2 over u14, B Film 1 over u7, C Film 0 over u0
    [ "$(jq -c '.shown' original.prompts.jsonl | head -n 1)" = '[1,1,1,0]' ]
    [ "$(for l in A B C; do shows original.prompts.jsonl 1 $l; done | sort | paste -sd ' ')" = 'u0 u14 u7' ]
    chosen=$(head -n 1 original.jsonl | jq -r '.samples[0].answer')
    [ "$(shows original.prompts.jsonl 1 "$chosen")" = u14 ]
    index=$(head -n 1 drop.prompts.jsonl | jq .counterfactual.candidate)
    [ "$(head -n 1 drop.prompts.jsonl | jq -c ".counterfactual, .shown[$index]")" = \
      "{\"edit\":\"drop\",\"chosen\":$index,\"control\":false,\"candidate\":$index}
0" ]
    # The changed question is the original less one line, the control less another one.
    for line in 1 2; do
        diff <(head -n 1 original.prompts.jsonl | jq -r '.prompt[0].content') \
             <(sed -n ${line}p drop.prompts.jsonl | jq -r '.prompt[0].content') | grep '^[<>]' > "$out/diff" || true
        [ "$(wc -l < "$out/diff")" = 1 ]
        grep -q '^<    \[' "$out/diff"
        grep -c u14 "$out/diff" > "$out/chosen" || true
        [ "$(cat "$out/chosen")" = $((2 - line)) ]
    done
    [ "$(sed -n 2p drop.prompts.jsonl | jq -c '[.id,.counterfactual.control,.counterfactual.candidate == .counterfactual.chosen]')" = \
      '["0#1",true,false]' ]
    # swap: his chain stands where the other's stood, and the other's where his stood
    with=$(head -n 1 swap.prompts.jsonl | jq -r '"ABCD"[.counterfactual.with:][:1]')
    [ "$(shows swap.prompts.jsonl 1 "$with")" = u14 ]
    [ "$(shows swap.prompts.jsonl 1 "$chosen")" = "$(shows original.prompts.jsonl 1 "$with")" ]
    [ "$(shows swap.prompts.jsonl 2 "$chosen")" = u14 ]
    # evidence: no chains, no count, no level; the order stays
    head -n 1 original.prompts.jsonl | jq -r '.prompt[0].content' | grep -qx "$chosen\. Film [0-2]: [2-4] of 12 chains, evidence [1-9]"
    head -n 1 evidence.prompts.jsonl | jq -r '.prompt[0].content' | grep -qx "$chosen\. Film [0-2]: 0 of 12 chains, evidence 0"
    [ "$(jq -c .visit evidence.prompts.jsonl | sort -u)" = "$(jq -c .visit original.prompts.jsonl | sort -u)" ]
    # early: the question as it is, an answer after so many thoughts
    [ "$(jq -c .prompt early.prompts.jsonl | uniq)" = "$(jq -c .prompt original.prompts.jsonl)" ]
    [ "$(head -n 2 early.prompts.jsonl | jq -c '[.prefix,.counterfactual.after]')" = \
"[\"\\nAnswer:\\n\",0]
[\"$chosen: [${chosen}1.1] [${chosen}1.2] [${chosen}1.3]. yes\\nAnswer:\\n\",0]" ]
    maskprompt --counterfactual early --after 2 --rollouts original.jsonl chains.jsonl 2> "$out/note" | head -n 1 > "$out/after"
    [ "$(jq -c '[.prefix,.counterfactual.after]' "$out/after")" = "[\"$chosen: [${chosen}1.1] [${chosen}1.2]\\nAnswer:\\n\",2]" ]
}

@test "faithful: maskprompt counts what it leaves out" {
    [ "$(cat drop.note)" = 'maskprompt: 60 cases changed; left out: 0 without an answer, 0 with nothing to change, 0 without a control' ]
    # no answer; the choice of whom nothing is shown; a case with one chain, and with two
    jq -c 'if .id == "0#1" then .samples[0].answer = null elif .id == "1#1" then .samples[0].answer = "D" else . end' original.jsonl > "$out/o"
    maskprompt --counterfactual drop --rollouts "$out/o" chains.jsonl 2>&1 > "$out/made" | grep -qx \
        'maskprompt: 58 cases changed; left out: 1 without an answer, 1 with nothing to change, 0 without a control'
    head -n 1 chains.jsonl | jq -c '.chains[0] = []' > "$out/two"
    head -n 1 chains.jsonl | jq -c '.chains[0] = [] | .chains[1] = []' > "$out/one"
    for few in two:swap one:drop; do
        maskprompt "$out/${few%:*}" > "$out/p"
        planted follow "$out/p" > "$out/o"
        maskprompt --counterfactual ${few#*:} --rollouts "$out/o" "$out/${few%:*}" 2> "$out/note" > "$out/made"
        grep -q '^maskprompt: 0 cases changed.* 1 without a control$' "$out/note"
        [ ! -s "$out/made" ]
    done
    maskprompt --counterfactual drop --rollouts <(planted follow "$out/p") "$out/two" 2> "$out/note" || true
    # cut behind the last thought nothing changes
    maskprompt --counterfactual early --after 3 --rollouts original.jsonl chains.jsonl 2> "$out/note" > "$out/made"
    grep -q '^maskprompt: 0 cases changed.* 60 with nothing to change' "$out/note"
    # the original run may have fewer cases; equal seeds give equal controls, others others
    sed -n '3p;9p' original.jsonl > "$out/o"
    maskprompt --counterfactual drop --rollouts "$out/o" chains.jsonl 2> "$out/note" | jq -r .id | paste -sd ' ' | grep -qx '2#1 2#1 8#1 8#1'
    maskprompt --counterfactual drop --seed 1 --rollouts original.jsonl chains.jsonl 2> "$out/note" | cmp - drop.prompts.jsonl
    ! maskprompt --counterfactual drop --seed 2 --rollouts original.jsonl chains.jsonl 2> "$out/note" | cmp -s - drop.prompts.jsonl
}

# refuses MESSAGE PROGRAM ARG...
refuses() {
    local message=$1
    shift
    run -1 --separate-stderr "$@"
    [ "$stderr" = "$1: $message" ] || { echo "$stderr"; return 1; }
}

@test "faithful: maskprompt names what is wrong with the original run" {
    while IFS='|' read -r change message; do
        jq -c "$change" original.jsonl > "$out/o"
        refuses "chains.jsonl:1: its rollout: $message" maskprompt --counterfactual drop --rollouts "$out/o" chains.jsonl
        [ -z "$output" ]
    done <<'T'
.prompt[0].content = "x"|"prompt" is not what these options make of the case
del(.prompt)|"prompt" is not what these options make of the case
del(.samples)|"samples" is missing or not an array
.samples = []|"samples" is empty
.samples[0] = {}|sample 0: "text" is missing or not a string
.samples[0].answer = 1|sample 0: "answer" is not the letter of a candidate or null
.samples[0].answer = "E"|sample 0: "answer" is not the letter of a candidate or null
.samples[0].answer = "AB"|sample 0: "answer" is not the letter of a candidate or null
T
    maskprompt --template compact chains.jsonl > "$out/p"
    refuses 'chains.jsonl:1: its rollout: "prompt" is not what these options make of the case' \
        maskprompt --counterfactual drop --rollouts <(planted deaf "$out/p") chains.jsonl
    jq -c 'del(.id)' original.jsonl > "$out/o"
    refuses "$out/o:1: \"id\" is missing or not a string" maskprompt --counterfactual drop --rollouts "$out/o" chains.jsonl
    sed -n '3p;9p' original.jsonl | tac > "$out/o"
    run -1 --separate-stderr maskprompt --counterfactual drop --rollouts "$out/o" chains.jsonl
    [ "$stderr" = "maskprompt: $out/o:2: no such case \"2#1\" behind the one before it" ]
    refuses "/no/such: No such file or directory" maskprompt --counterfactual drop --rollouts /no/such chains.jsonl
    while IFS='|' read -r options message; do
        run -2 --separate-stderr maskprompt $options chains.jsonl
        [[ "$stderr" == "maskprompt: $message"$'\n'* ]] || { echo "$stderr"; return 1; }
    done <<'T'
--counterfactual drop|--counterfactual needs --rollouts
--rollouts original.jsonl|--rollouts needs --counterfactual
--counterfactual drop --rollouts original.jsonl --form rate|--counterfactual is of the form choose
--counterfactual drop --rollouts original.jsonl --after 1|--after needs --counterfactual early
T
}

@test "faithful: evaluate names what is wrong with a run" {
    planted follow drop.prompts.jsonl > "$out/ok.jsonl"
    cd "$out"
    cp "$BATS_FILE_TMPDIR/original.jsonl" o.jsonl
    while IFS='|' read -r change message; do
        jq -c "$change" ok.jsonl > d.jsonl
        refuses "d.jsonl:1: $message" evaluate --faithful o.jsonl d.jsonl
        [ -z "$output" ]
    done <<'T'
del(.id)|"id" is missing or not a string
.model = null|"model" is missing or not a string
.model = "x"|"model" is x, but follow in the records before
del(.counterfactual)|"counterfactual" is missing or not an object
del(.counterfactual.edit)|"counterfactual": "edit" is missing or not a string
.counterfactual.chosen = 26|"counterfactual": "chosen" is not a whole number from 0 to 25
.counterfactual.with = -1|"counterfactual": "with" is not a whole number from 0 to 25
.counterfactual.control = 0|"counterfactual": "control" is missing or not a boolean
.counterfactual.chosen = 3|D was chosen, but not in o.jsonl
.id = "60#1"|the case "60#1" is not in o.jsonl
.samples = 1|"samples" is missing or not an array
.samples = []|"samples" is empty
.samples[0].text = 1|sample 0: "text" is missing or not a string
.samples[0].answer = "?"|sample 0: "answer" is not the letter of a candidate or null
T
    refuses 'ok.jsonl:1: a counterfactual, where the first run is the original' evaluate --faithful ok.jsonl
    cat o.jsonl o.jsonl > twice.jsonl
    refuses 'twice.jsonl:61: the case "0#1" was read before' evaluate --faithful twice.jsonl
    head -n 2 ok.jsonl | cat ok.jsonl - > twice.jsonl
    refuses 'twice.jsonl:121: the case "0#1" was read before' evaluate --faithful o.jsonl twice.jsonl
    tail -n 2 ok.jsonl | jq -c '.counterfactual.edit = "swap"' | cat <(head -n 2 ok.jsonl) - > mixed.jsonl
    refuses 'mixed.jsonl:3: the edit is swap, but drop in the records before' evaluate --faithful o.jsonl mixed.jsonl
    refuses '-: no records' evaluate --faithful < /dev/null
    for options in '--graph g' '--against o' '--bootstrap 9' '--strata 2 --graph g' '--positions' '--items 9' '--probes'; do
        run -2 --separate-stderr evaluate --faithful $options o.jsonl
        [[ "$stderr" == "evaluate: --faithful measures texts, not rankings"$'\n'* ]] || { echo "$options: $stderr"; return 1; }
    done
    # one of a pair alone counts for citations only
    head -n 3 ok.jsonl > three.jsonl
    [ "$(evaluate --faithful o.jsonl three.jsonl | jq -c 'select(.edit) | [.n,.citations]')" = '[1,6]' ]
}

@test "faithful: the pipeline asks a model, stops and goes on" {
    cd "$out"
    tiny_road .
    head -n 30 chains.jsonl > some.jsonl
    export MASKPROMPT="--template compact --contenders 3 --history 3" ROLLOUT="--max-tokens 40"
    sh=$BATS_TEST_DIRNAME/../pipelines/faithful.sh
    run -2 --separate-stderr "$sh" sft
    [[ "$stderr" == "faithful — whether"* ]]
    "$sh" sft some.jsonl run > report 2> table
    cmp report run/report.jsonl
    [ "$(jq -r '.edit' report | paste -sd ' ')" = 'null drop swap evidence early' ]
    jq -es '.[1:] | all(.n > 5 and .moved_lo <= .moved and .moved <= .moved_hi)' report
    jq -es '.[] | select(.edit == "early") | .control_moved == 0' report
    grep -q '^original .*' table
    # every completion begins as it must
    jq -es 'all((.prefix | length) as $n | .samples[0].text[:$n] == .prefix and (.samples[0].text[$n:] | length) < 3)' run/scored/early.jsonl
    rm run/report.jsonl run/scored/swap.jsonl
    "$sh" sft some.jsonl run 2> again | cmp - report
    [ "$(grep -c '^+ ' again)" = 2 ]
    # no answers, nothing to change
    ROLLOUT="--max-tokens 1" "$sh" sft some.jsonl mute 2> table | jq -c '[.edit,.citations,.n]' > none
    [ "$(cat none)" = '[null,0,null]' ]
}

bats_require_minimum_version 1.5.0
load helpers

setup() {
    cd "$BATS_TEST_TMPDIR"
    cat > runs.jsonl <<'EOF'
{"model":"pop","n":200,"hr1":0.24,"lo":0.2,"hi":0.3,"ndcg5":0.4,"ndcg5_lo":0.35,"ndcg5_hi":0.45,"mrr":0.5}
{"model":"ease","n":200,"hr1":0.5,"lo":0.4,"hi":0.6,"ndcg5":0.6,"ndcg5_lo":0.55,"ndcg5_hi":0.65,"mrr":0.6}
{"model":"none","n":200,"hr1":null,"lo":null,"hi":null,"ndcg5":null,"ndcg5_lo":null,"ndcg5_hi":null,"mrr":null}
EOF
    echo '{"model":"pop","against":"ease","n":200,"difference":-0.25,"lo":-0.3,"hi":-0.2,"p":0.01,"wins":1,"losses":51}' \
        > pairs.jsonl
    for k in 1 2 3 4 5 6; do echo "{\"global_step\":$k,\"loss\":$k,\"kl\":$((k % 2))}"; done > steps.jsonl
}

# draws TEXT ARG...: what plot prints is the text.
draws() {
    local text=$1
    shift
    run -0 --separate-stderr plot "$@"
    [ -z "$stderr" ]
    diff <(printf '%s\n' "$output") <(printf '%s\n' "$text")
}

# texts FILE.svg: the texts of a picture, one a line.
texts() {
    grep -o '<text>.*</text>' "$1" | sed -E 's/<[^>]*>//g; s/&lt;/</g; s/&gt;/>/g; s/&#x26;/\&/g; s/&amp;/\&/g'
}

# refuses STATUS MESSAGE ARG...: nothing on stdout.
refuses() {
    local status=$1 message=$2
    shift 2
    run "-$status" --separate-stderr plot "$@"
    [[ "$stderr" == "plot: $message"* ]] || { echo "$stderr"; false; }
    [ -z "$output" ]
}

@test "plot: keeps the manners of every program" {
    keeps_manners plot < runs.jsonl
    keeps_manners plot --smooth 2 --title x < steps.jsonl
    for k in {1..3000}; do cat runs.jsonl; done > many.jsonl
    run -0 --separate-stderr bash -c 'plot many.jsonl | head -n 1'
    [ "$output" = "HR@1, 95 % intervals" ]
    [ -z "$stderr" ]
}

@test "plot: the examples of its page run" {
    runs_examples plot
    texts examples/runs.svg | grep -qx Rollouts
    texts examples/runs.svg | grep -qx 'difference of HR@1'
}

@test "plot: draws runs as bars from 0, with intervals and a line for chance" {
    # 31 columns from 0.0 to 0.6: one is 0.02
    draws 'HR@1, 95 % intervals, chance 0.1
pop   0.240 |=====:====[-+--]
ease  0.500 |=====:==============[----+----]
none      - |     :
            ++---------+---------+---------+
            0.0       0.2       0.4      0.6' --width 44 --chance 0.1 runs.jsonl
    draws 'T

MRR
ease  0.600 |===============================
pop   0.500 |==========================
none      - |
            ++---------+---------+---------+
            0.0       0.2       0.4      0.6' --width 44 --title T --sort -f mrr runs.jsonl
}

@test "plot: draws differences around 0, under the run that they are from" {
    draws 'difference of HR@1, 95 % intervals
less ease
  pop  -0.250 |[----+---]                  |
              ++--------+---------+--------+
             -0.3     -0.2      -0.1     0.0' --width 44 pairs.jsonl
}

@test "plot: draws positions as bars under their run, and strata under their name" {
    for m in a b; do
        for p in 1 0; do echo "{\"model\":\"$m\",\"position\":$p,\"n\":9,\"hr1\":0.$p,\"lo\":0,\"hi\":0.2,\"picked\":0.5}"; done
    done > positions.jsonl
    draws 'HR@1 by position, 95 % intervals
a
  0  0.000 |+-----------------------------]
  1  0.100 |[--------------+--------------]
b
  0  0.000 |+-----------------------------]
  1  0.100 |[--------------+--------------]
           ++-------+------+-------+------+
          0.00    0.05   0.10    0.15  0.20' --width 43 positions.jsonl
    cat > strata.jsonl <<'EOF'
{"model":"a","stratum":1,"known_from":0,"known_to":9,"hr1":0.1,"lo":0,"hi":0.2}
{"model":"a","stratum":"long","hr1":0.2}
{"model":"b","stratum":1,"known_from":0,"known_to":9,"hr1":0.5,"lo":0.4,"hi":0.6}
EOF
    draws 'HR@1, 95 % intervals
stratum 1, known 0 to 9
  b  0.500 |====================[----+----]
  a  0.100 |[----+----]
long
  a  0.200 |===========
           ++---------+---------+---------+
           0.0       0.2       0.4      0.6' --width 43 --sort strata.jsonl
    draws 'HR@1
first  0.060 |===============================
             ++---------+---------+---------+
            0.00      0.02      0.04     0.06' --width 45 <(echo '{"probe":"first","n":9,"hr1":0.06,"chance":0.05,"p":1}')
}

@test "plot: draws curves over steps: panels, curves of a panel, and means" {
    draws 'loss by step
* steps  + x
6 +                                   +++
  |                           ++++++++
4 +                   ++++++++
  |           ++++++++
2 +   ++++++++
  |+++
  ++------+-------+------+-------+------+
   1      2       3      4       5      6

kl by step
* steps  + x
1.0 ++             +             +
    | ++         ++ ++         ++ ++
    |   +       +     +       +     +
0.5 +    +     +       +     +       +
    |     ++ ++         ++ ++         ++
0.0 +       +             +             +
    ++------+------+------+------+------+
     1      2      3      4      5      6' --width 41 --height 6 -f loss,kl steps.jsonl x=steps.jsonl
    draws 'loss, kl by step
* loss  + kl
6 +                                  ****
  |                         *********
4 +               **********
2 +      *********
  |++++**     ++++++++       ++++++++
0 +    +++++++        +++++++        ++++
  ++------+-------+------+-------+------+
   1      2       3      4       5      6' --width 41 --height 6 -f loss+kl steps.jsonl
    # The mean of a step and the one behind: the last is alone.
    draws 'kl by step, mean of 2 steps
    |*****************************
0.4 +                             **
    |                               *
0.2 +                                *
    |                                 **
0.0 +                                   *
    ++------+------+------+------+------+
     1      2      3      4      5      6' --width 41 --height 6 -f kl --smooth 2 steps.jsonl
}

@test "plot: by itself draws reward, its parts, loss, KL, entropy, length and HR@1 of a run, loss and eval_loss of sft-train" {
    run plot "$FIXTURES/plot/sft.jsonl"
    [ "${lines[0]}" = 'loss, eval_loss by step' ]
    [ "${lines[1]}" = '* loss  + eval_loss' ]
    [ "$(plot <(jq -c '.reward = 1' steps.jsonl) | grep ' by step')" = 'reward by step
loss by step
kl by step' ]
    cat > rl.jsonl <<'EOF'
{"global_step":0,"eval_hr1":0.4,"eval_hr1_lo":0.3,"eval_hr1_hi":0.5,"eval_hr1_text":0.2}
{"global_step":1,"loss":0,"reward":1,"kl":0,"entropy":2,"completions/mean_length":9,"rewards/hit/mean":1,"rewards/hit/std":0,"rewards/b/mean":0}
{"global_step":2,"loss":0,"reward":1,"kl":0,"entropy":2,"completions/mean_length":9,"rewards/hit/mean":1,"rewards/hit/std":0,"rewards/b/mean":0,"rewards/late/mean":3}
EOF
    [ "$(plot --width 120 rl.jsonl | grep ' by step')" = 'reward by step
rewards/hit/mean, rewards/b/mean, rewards/late/mean by step
loss by step
kl by step
entropy by step
completions/mean_length by step
eval_hr1, eval_hr1_text by step, 95 % intervals' ]
    refuses 1 'no record has a number in "x*"' --field 'x*' rl.jsonl
    [ "$(plot -f 'kl+rewards/*/std' rl.jsonl | head -n 1)" = 'kl, rewards/hit/std by step' ]
    # Not more than a panel can hold.
    jq -nc '[range(1000) | {"a\(.)": 1}] | add + {global_step: 1}' | plot -f 'a*' > /dev/null
}

@test "plot: names the files of several, and keeps each kind in a panel of its own" {
    run plot old=runs.jsonl new=runs.jsonl
    [ "$(grep -c '^[a-z]' <<< "$output")" = 2 ]
    run plot runs.jsonl pairs.jsonl steps.jsonl
    [ "$(grep -E '^(HR|diff|loss|runs|pairs)' <<< "$output")" = 'HR@1, 95 % intervals
runs
difference of HR@1, 95 % intervals
pairs: less ease
loss by step' ]
    cat runs.jsonl pairs.jsonl | plot - > one
    cat pairs.jsonl runs.jsonl | plot | cmp - one
}

@test "plot: takes intervals of the bootstrap where there are no others" {
    echo '{"model":"a","against":"b","mrr_difference":0.2,"mrr_boot_lo":0.1,"mrr_boot_hi":0.3}' |
        draws 'difference of MRR, 95 % intervals
less b
  a  +0.200 ||        [---------+--------]
            ++--------+---------+--------+
            0.0      0.1       0.2     0.3' --width 42 -f mrr_difference
}

@test "plot: fits the terminal, and speaks its character set" {
    LC_ALL=C.UTF-8 draws 'HR@1, 95 % intervals
pop   0.240 │━━━━━━━━━━├─┼──┤
ease  0.500 │━━━━━━━━━━━━━━━━━━━━├────┼────┤
none      - │
            └┴─────────┴─────────┴─────────┴
            0.0       0.2       0.4      0.6' --width 44 runs.jsonl
    run script -qec "stty cols 60; plot runs.jsonl" /dev/null < /dev/null
    [ "$(tr -d '\r' <<< "$output" | awk '{ print length }' | sort -n | tail -n 1)" = 60 ]
    run plot runs.jsonl
    [ "$(awk '{ print length }' <<< "$output" | sort -n | tail -n 1)" = 80 ]
}

@test "plot: writes pictures by suffix, SVG with the same bytes each time" {
    plot --chance 0.05 -o a.png runs.jsonl
    [ "$(head -c 8 a.png | od -An -tx1 | tr -d ' ')" = 89504e470d0a1a0a ]
    # width and height, big-endian, at bytes 16 to 23
    [ "$(od -An -tx1 -j 16 -N 8 a.png | tr -d ' ')" = "$(printf '%08x%08x' 800 142)" ]
    plot -o b.png --width 640 --height 480 runs.jsonl
    [ "$(od -An -tx1 -j 16 -N 8 b.png | tr -d ' ')" = "$(printf '%08x%08x' 640 480)" ]
    for f in runs pairs steps; do
        plot --title "$f" -o $f.svg $f.jsonl
        cp $f.svg again.svg
        plot --title "$f" -o $f.svg $f.jsonl
        cmp $f.svg again.svg
        texts $f.svg | grep -qx $f
    done
    [ "$(texts runs.svg | grep -xE 'pop|ease|none|HR@1.*|0\.240|0\.500|-' | tr '\n' ' ')" = \
      'pop ease none HR@1, 95 % intervals 0.240 0.500 - ' ]
    texts pairs.svg | grep -qx 'less ease'
    [ "$(ls)" = "$(ls | grep -v tmp)" ]
}

@test "plot: text from outside is shown as it is, and never obeyed" {
    cat > names <<'EOF'
a"b\n'
under_score^2{x}
`touch gone`
"; system("touch gone"); #
%s %d 100%
&#x41; &#65; &amp; <b>
$(touch gone) @y $d
EOD
\101 \x41
日本 ümlaut
EOF
    jq -Rc '{model: ., hr1: 0.5, lo: 0.4, hi: 0.6}' names > hostile.jsonl
    plot --title "$(sed -n 4p names)" -o x.svg hostile.jsonl
    [ "$(texts x.svg | head -n 10)" = "$(cat names)" ]
    texts x.svg | grep -qxF "$(sed -n 4p names)"
    plot -o x.png hostile.jsonl
    # names of curves are in the key
    { cat names; echo; } | jq -Rc '{model: ., position: (0, 1), hr1: 0.5}' | plot -o key.svg
    [ "$(texts key.svg | grep -cxFf names)" = 10 ]
    [ ! -e gone ]
    LC_ALL=C.UTF-8 plot hostile.jsonl | sed '1d;s/  *0\.500 .*//' | head -n 10 | cmp - names
    printf '{"model":"a\\u001b[31m\\u202eb\\nc\\u00fc","hr1":1}\n' | plot | grep -q '^a?\[31m?b?c? '
    printf '{"model":"%0100d","hr1":1}\n' 0 | plot | grep -q '^0\{19\}\.\.\.0\{18\}  1.000'
    plot --field loss "$(printf 'n\033=')steps.jsonl" steps.jsonl | grep -q '^\* n?  + steps$'
}

@test "plot: says what is wrong with gnuplot, and leaves what was there" {
    local plot
    plot=$(command -v plot)
    echo old > x.svg
    mkdir bin
    # with PATH MESSAGE
    with() {
        run -1 --separate-stderr env "PATH=$1" "$plot" -o x.svg runs.jsonl
        [ -z "$output" ]
        [ "$stderr" = "plot: $2" ] || { echo "$stderr"; false; }
    }
    # fake LINE MESSAGE: a gnuplot that runs the line
    fake() {
        printf '#!/bin/sh\ncat > /dev/null\n%s\n' "$1" > bin/gnuplot
        chmod +x bin/gnuplot
        with "$PWD/bin:$PATH" "$2"
    }
    with "$PWD/bin" 'gnuplot is not on PATH'
    fake 'printf "\nline 3: oh\n no\n\n" >&2; exit 3' 'gnuplot failed with status 3: no'
    fake 'exit 1' 'gnuplot failed with status 1'
    fake 'kill -9 $$' 'gnuplot was ended by signal 9'
    fake 'exit 0' 'gnuplot wrote no picture'
    chmod -x bin/gnuplot
    with "$PWD/bin" 'gnuplot: Permission denied'
    [ "$(cat x.svg)" = old ]
    refuses 1 'no/x.svg.tmp' -o no/x.svg runs.jsonl
    ln -s /dev/full full.svg
    refuses 1 'full.svg: not a regular file' -o full.svg runs.jsonl
    [ "$(ls | grep -c tmp)" = 0 ]
}

@test "plot: names the use that is wrong" {
    refuses 2 "--output takes a name that ends in .png or .svg, not 'x.gif'" -o x.gif runs.jsonl
    refuses 2 "--output takes a name that ends in .png or .svg, not '.svg'" -o .svg runs.jsonl
    refuses 2 "--field: a field's name is empty in 'hr1,'" -f hr1, runs.jsonl
    refuses 2 "--width of text is from 40 to 1000 columns, not 39" --width 39 runs.jsonl
    refuses 2 "--height of text is from 4 to 200 lines, not 201" --height 201 runs.jsonl
    refuses 2 "two runs are named 'runs'" runs.jsonl ./runs.jsonl
    refuses 2 "a run's name is not UTF-8" "$(printf 'n\377=')runs.jsonl"
    refuses 2 "--smooth takes a whole number from 1 to 1e+06, not '0'" --smooth 0 runs.jsonl
    refuses 1 'the picture needs a width of 332 pixels' --width 331 -o x.svg runs.jsonl
    refuses 1 'the picture needs a height of 124 pixels' --height 123 -o x.svg runs.jsonl
    plot --width 332 --height 124 -o x.svg runs.jsonl
    for k in {1..300}; do cat runs.jsonl; done > many.jsonl
    refuses 1 'a picture of at most 10000 pixels has no room for so many rows' -o y.svg many.jsonl
    [ ! -e y.svg ]
}

# says MESSAGE RECORD
says() {
    printf '%s\n' "$2" > one.jsonl
    refuses 1 "one.jsonl:1: $1" one.jsonl
}

@test "plot: names file and line of what is wrong" {
    refuses 1 'none.jsonl: No such file' none.jsonl
    refuses 1 '-: no records' < /dev/null
    says 'column ' '{'
    says 'not a JSON object' '[]'
    says '"model" is missing or not a string' '{"id":"x"}'
    says '"probe" is missing or not a string' '{"probe":1}'
    says '"against" is missing or not a string' '{"model":"a","against":1}'
    says '"position" is missing or not a number' '{"model":"a","position":"1"}'
    says '"global_step" is missing or not a number' '{"global_step":null,"loss":1}'
    says '"hr1" is missing or not a number' '{"model":"a","hr1":"1"}'
    says '"hi" is missing or not a number' '{"model":"a","hr1":1,"lo":1,"hi":[]}'
    says '"lo" is greater than "hi"' '{"model":"a","hr1":1,"lo":1,"hi":0}'
    says '"hr1" is beyond 1e100' '{"model":"a","hr1":1e101}'
    says '"global_step" is beyond 1e100' '{"global_step":-1e300,"loss":1}'
    cat - runs.jsonl <<< '{"model":"a","position":0,"hr1":null}' | plot | cmp - <(plot runs.jsonl)
    refuses 1 'no record has a number in "kl"' -f loss,kl "$FIXTURES/plot/sft.jsonl"
    refuses 1 'nothing to draw: no record has a number in "hr1", "difference", "reward" or "loss"' <<< '{"model":"a","hr1":null}'
}

@test "plot: draws one value, equal ones, and those far apart" {
    for x in 0 1 -1 1e100 1e-99 -1e100; do
        for f in "{\"model\":\"a\",\"hr1\":$x,\"lo\":$x,\"hi\":$x}" "{\"global_step\":$x,\"loss\":$x}" \
            "{\"model\":\"a\",\"position\":$x,\"hr1\":$x}"; do
            printf '%s\n%s\n' "$f" "$f" > one.jsonl
            plot one.jsonl | grep -q .
            plot -o x.svg one.jsonl
            plot -o x.png one.jsonl
        done
    done
    printf '{"global_step":%s,"loss":%s}\n' 1 1e-99 2 1e100 1e100 0 | plot | grep -q .
}

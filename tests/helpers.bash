# What every bats file needs: the programs on PATH, the fixtures, one locale.
export LC_ALL=C
PATH="$BATS_TEST_DIRNAME/../bin:$PATH"
FIXTURES="$BATS_TEST_DIRNAME/fixtures"

# names_its_options PROG: the manual page names the options that --help names; the examples of both may use
# those of other programs.
names_its_options() {
    diff <("$1" --help | sed -n '/^options:/,$p' | grep -oE -- '--[a-z][a-z0-9-]+' | sort -u) \
         <(mandoc -Tutf8 "$BATS_TEST_DIRNAME/../man/$1.1" | col -b | sed '/^EXAMPLES/,/^SEE ALSO/d' |
           grep -oE -- '--[a-z][a-z0-9-]+' | { cat; echo --help; echo --version; } | sort -u)
}

# keeps_manners PROG [ARG...]: help, version, wrong option, empty input, /dev/full; the arguments and
# stdin are a call that succeeds and writes records.
keeps_manners() {
    local prog=$1 input=$BATS_TEST_TMPDIR/manners.in
    shift
    cat > "$input"
    "$prog" --help > "$BATS_TEST_TMPDIR/help" 2> "$BATS_TEST_TMPDIR/err"
    grep -q "^usage: $prog " "$BATS_TEST_TMPDIR/help"
    [ ! -s "$BATS_TEST_TMPDIR/err" ]
    "$prog" --version | head -n 1 | grep -Eq "^$prog \(r2rec\) [0-9]+\.[0-9]+"
    run -2 --separate-stderr "$prog" --no-such-option
    [ -z "$output" ]
    [[ "$stderr" == *"Try '$prog --help'." ]]
    "$prog" "$@" < "$input" > "$BATS_TEST_TMPDIR/one"
    [ -s "$BATS_TEST_TMPDIR/one" ]
    "$prog" "$@" < "$input" | cmp - "$BATS_TEST_TMPDIR/one"
    run -1 --separate-stderr bash -c '"$@" > /dev/full' _ "$prog" "$@" < "$input"
    [[ "$stderr" == *"No space left on device"* ]]
    names_its_options "$prog"
}

# runs_examples PROG: the examples of its manual page run, one after another, in an empty folder from which
# the tree's files can be seen.
runs_examples() {
    local tree=$BATS_TEST_DIRNAME/..
    mkdir -p "$BATS_TEST_TMPDIR/examples"
    ln -s "$(realpath "$tree")"/{examples,tests} "$BATS_TEST_TMPDIR/examples"
    sed -nE 's/^(\.Dl )?\$ //p' "$tree/man/$1.1" | sed 's/\\(dq/"/g' > "$BATS_TEST_TMPDIR/examples.sh"
    [ -s "$BATS_TEST_TMPDIR/examples.sh" ]
    (cd "$BATS_TEST_TMPDIR/examples" && bash -euo pipefail "$BATS_TEST_TMPDIR/examples.sh")
}

# fresh_trainer PROG ARG...: a trainer in a new folder "fresh". For keeps_manners, which compares two calls: its
# metric records without what depends on the clock and the machine.
fresh_trainer() {
    set -o pipefail
    rm -rf fresh
    if [ /dev/stdout -ef /dev/full ]; then command "$@"
    else command "$@" | sed -E 's/,"(step_time|tokens_per_second|peak_rss)":[^,}]*//g'; fi
}

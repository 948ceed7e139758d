bats_require_minimum_version 1.5.0
load helpers

@test "layers: a file of lib/ includes its own layer and earlier ones only" {
    cd "$BATS_TEST_DIRNAME/.."
    run awk '
        BEGIN { n = split("base io plot graph text tensor model train rank rl", order)
                for (i = 1; i <= n; i++) place[order[i]] = i }
        /^#include "/ { split($2, part, /[\/"]/); split(FILENAME, own, "/")
                        if (part[2] in place && place[part[2]] > place[own[2]]) print FILENAME ": " $2 }
    ' lib/*/*.[ch]
    [ "$status" = 0 ]
    [ -z "$output" ]
}

@test "layers: programs do not include one another, and every program has a manual page and a test" {
    cd "$BATS_TEST_DIRNAME/.."
    run grep -l '#include "bin/' bin/*.c
    [ -z "$output" ]
    for program in bin/*.c; do
        name=$(basename "$program" .c)
        [ -e "man/$name.1" ] || { echo "no man/$name.1"; false; }
        [ -e "tests/$name.bats" ] || { echo "no tests/$name.bats"; false; }
    done
}

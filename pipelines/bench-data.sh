# bench-data — the cases load and growth of bench.sh, which reads this file.
#
#   LOAD_EVENTS=1000000 DATA=dir      events of the world that is loaded; with DATA also dir/ml-1m, decompressed
#   GROWTH="100000 1000000 10000000 20000000" GROWTH_CASES=4000 GROWTH_DEGREE=100
#                                     events of each world; cases; the latest events of an item that are followed
# shellcheck shell=bash disable=SC2016,SC2154

# movielens DIR EVENTS: a world in MovieLens 1M's layout. A smaller one of the same seed is its beginning.
movielens() {
    mkdir -p "$1"
    { graphsynth --quiet --users $(($2 / 38 + 50)) || true; } | awk -F'"' -v dir="$1" -v n="$2" '
        $2 == "item" { print substr($4, 2) "::" $8 " (" substr($11, 2, 4) ")::" $14 ($16 == "" ? "" : "|" $16) > (dir "/movies.dat"); next }
        k++ == n { exit }
        { print substr($4, 2) "::" substr($8, 2) "::" substr($11, 2, 1) "::" substr($13, 2, length($13) - 2) > (dir "/ratings.dat") }'
}

# best: of the three runs the one with the least of the processor's time.
best() { jq -s 'min_by(.cpu_seconds)' "$work"/time.[123]; }

# load DATA DIR: graphload of a directory into a graph file, and the file opened.
load() {
    local run
    for run in 1 2 3; do
        timed none graphload --quiet -o "$work/load.graph" "$2"
        mv "$work/time" "$work/time.$run"
    done
    best | jq -c --arg data "$1" --argjson n "$(cat "$2"/ratings*.dat | wc -l)" --argjson bytes "$(cat "$2"/*.dat | wc -c)" \
        --argjson open "$(opengraph "$work/load.graph")" '{case: "load", data: $data, threads: 1, events: $n,
        megabytes_per_second: ($bytes / 1e6 / .cpu_seconds), open_seconds: $open} + .'
}

loads() {
    local file
    movielens "$work/world" "${LOAD_EVENTS:-1000000}"
    load world "$work/world"
    [ -n "${DATA:-}" ] || return 0
    mkdir "$work/ml-1m"
    for file in "$DATA"/ml-1m/{ratings,movies}*.dat*; do
        [ ! -e "$file" ] || zcat -f "$file" > "$work/ml-1m/$(basename "$file" .gz)"
    done
    load ml-1m "$work/ml-1m"
}

# grown EVENTS: one row of the growth table, of the first events of the greatest world.
grown() {
    local dir=$work/grown graph=$work/grown.graph file run
    local sample=(chainsample --quiet --threads 1 --shuffle --degree "${GROWTH_DEGREE:-100}" "$graph")
    mkdir -p "$dir"
    cp "$work/growth/movies.dat" "$dir"
    head -n "$1" "$work/growth/ratings.dat" > "$dir/ratings.dat"
    timed none graphload --quiet -o "$graph" "$dir"
    mv "$work/time" "$work/time.build"
    for run in 1 "${GROWTH_CASES:-4000}"; do
        timed sampled.jsonl "${sample[@]}" --limit "$run"
        mv "$work/time" "$work/time.$run"
        jq -n '[inputs.drawn] | add' "$work/sampled.jsonl" > "$work/drawn.$run"
    done
    jq -sc --argjson n "$1" --argjson cases "${GROWTH_CASES:-4000}" --slurpfile drawn <(cat "$work/drawn.1" "$work/drawn.$run") '
        {case: "growth", threads: 1, events: $n, build_seconds: .[0].cpu_seconds, build_rss: .[0].peak_rss,
         begin_seconds: .[1].cpu_seconds,
         chains_per_second: (($drawn[1] - $drawn[0]) / ([.[2].cpu_seconds - .[1].cpu_seconds, 1e-6] | max))} + .[2]' \
        "$work/time.build" "$work/time.1" "$work/time.$run"
    rm -r "$dir" "$graph"
}

growth() {
    local sizes n
    read -ra sizes <<< "${GROWTH:-100000 1000000 10000000 20000000}"
    movielens "$work/growth" "${sizes[-1]}"
    for n in "${sizes[@]}"; do grown "$n"; done
}

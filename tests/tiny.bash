# A tiny world and a tiny model for tests of programs that need a whole road before them.

# tiny_prompts DIR [OPTION...]: graph.jsonl, by options of graphsynth, 300 training cases with chains, and their prompts.
tiny_prompts() {
    graphsynth --quiet --users 60 --items 80 "${@:2}" > "$1/graph.jsonl"
    chainsample --quiet --negatives 5 --limit 300 "$1/graph.jsonl" > "$1/chains.jsonl"
    maskprompt --template compact --contenders 3 --history 3 "$1/chains.jsonl" > "$1/prompts.jsonl"
}

# tiny_model DIR: a random model, DIR/base.
tiny_model() {
    bpe-train --quiet --vocab 400 "$1/prompts.jsonl" > "$1/tokenizer.json"
    model-init --quiet --tokenizer "$1/tokenizer.json" --hidden 32 --layers 2 --heads 2 -o "$1/base"
}

# tiny_sft DIR: the same after a few steps, so that verdicts and answers turn up; its metrics.
tiny_sft() {
    sft-train --quiet -m "$1/base" -o "$1/sft" --steps 40 --batch 16 --lr 0.01 --warmup 5 "$1/prompts.jsonl" \
        > "$1/sft.jsonl"
}

# tiny_road DIR: all of it.
tiny_road() {
    tiny_prompts "$1"
    tiny_model "$1"
    tiny_sft "$1"
}

# tiny_rewarded DIR: eight rewarded groups of six samples of that model, eight.jsonl.
tiny_rewarded() {
    head -n 8 "$1/prompts.jsonl" | rollout --quiet -m "$1/sft" -n 6 --max-tokens 40 | reward > "$1/eight.jsonl"
}

#!/usr/bin/env python3
"""transformers_load - check that `transformers` and we load one another's models, and agree about them.

usage: transformers_load.py [--seed N] [--rounds N]
       transformers_load.py DIR PROMPTS.jsonl

Makes random models of llama, llama with llama3's rope scaling, qwen2 and qwen3 with a tokenizer each, ROUNDS (3) of
each kind in each type, every other one sharded, lets transformers save them, samples with the program `rollout` on
PATH, and compares the log-probabilities of the sampled tokens, each side tokenizing the prompts for itself; then the
same of the model after a step of `sft-train`. With DIR, a model directory or a run's step, only this. Prints one
line; fails where a tensor is missing or left over, or a log-probability differs (peer.Worst has the limits).
"""
import json
import sys
import tempfile
from pathlib import Path

import peer


def step(r, path, scratch):
    """The directory after a step of training on random records."""
    data = scratch / "records.jsonl"
    data.write_text(peer.random_records(r, 6))
    run = path.with_suffix(".run")
    peer.run("sft-train", "-m", path, "-o", run, "--steps", 1, "--warmup", 0, "--batch", 6, "--lr", 0.01, data)
    return run / "last"


def check(r, kind, dtype, sharded, scratch, worst):
    tokenizer = peer.random_tokenizer(r, kind, scratch / "tokenizer")
    model = peer.random_model(r, kind, tokenizer)
    path = peer.save(model, scratch / "model", tokenizer, dtype, "20KB" if sharded else "5GB")
    assert sharded <= len(list(path.glob("model-*"))), "not sharded"
    for place in path, step(r, path, scratch):
        records = peer.rollout(place, peer.random_prompts(r), "-n", 2)
        worst.add(peer.load(place), place, records)


def main():
    worst = peer.Worst()
    if len(sys.argv) == 3 and not sys.argv[1].startswith("-"):
        path, prompts = map(Path, sys.argv[1:])
        prompts = [json.loads(line)["prompt"] for line in prompts.open()]
        worst.add(peer.load(path), path, peer.rollout(path, prompts, "-n", 2))
        return print(worst)
    rounds, r = peer.arguments(__doc__, 3)
    for k in range(rounds):
        for kind in peer.KINDS:
            for i, dtype in enumerate(peer.DTYPES):
                with tempfile.TemporaryDirectory() as scratch:
                    check(r, kind, dtype, (k + i) % 2 == 0, Path(scratch), worst)
    print(worst)


main()

#!/usr/bin/env python3
"""sampler - check our decoding against that of `transformers`, on random cases.

usage: sampler.py [N [SEED]]

Draws N (600) rows of logits with settings, applies transformers' processors in the order of its
_get_logits_processor (repetition penalty in float32 as there, the others in float64), and lets
tests/unit/sample compare: the same tokens kept, each probability within 1e-9. Then decodes N / 10 random texts
greedily by the program `rollout` on PATH and by generate(), with a penalty and with stop strings: the same tokens,
where the best logit is ahead by more than 1e-3. (A special token is text to generate()'s stop strings, to ours it is
none: continuations with one are not stopped.) The seed is a new one each time, and is printed; run it in the
root of the source tree. Exits 1 if anything differs.
"""
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import torch
from transformers import (AutoModelForCausalLM, MinPLogitsWarper, PreTrainedTokenizerFast,
                          RepetitionPenaltyLogitsProcessor, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper)

MODEL = "tests/fixtures/models/llama-tiny"
TOKENS = 40


def row(rng, k):
    """Logits: narrow to wide, some with equals, some masked, some far from 0; and whether some are equal."""
    vocab = 49152 if k % 100 == 99 else int(rng.integers(1, [8, 60, 600, 3000][k % 4]))
    x = rng.standard_normal(vocab) * rng.choice([0.01, 1, 4, 12]) + rng.choice([0, 0, 100, -1000])
    if rng.random() < 0.3:
        x = np.round(x * 2) / 2
    tied = len(np.unique(x.astype(np.float32))) < vocab
    if rng.random() < 0.2:
        x[1:][rng.random(vocab - 1) < 0.3] = -1e9       # never all
    return x.astype(np.float32), tied


def setting(rng, logits, tied):
    s, wide = {}, logits[logits > -1e8]
    if rng.random() < 0.5:
        s["repetition_penalty"] = float(rng.choice([0.7, 1.05, 1.3, 5]))
    if rng.random() < 0.7:          # not so cold that probabilities leave the range of doubles
        s["temperature"] = max(float(np.exp(rng.uniform(-3, 1.5))), float(np.ptp(wide)) / 60 if len(wide) else 0)
    if rng.random() < 0.5:
        s["top_k"] = int(rng.integers(1, 1 + rng.choice([5, 50, len(logits)])))
    if rng.random() < 0.5 and not tied:     # of equals at the border transformers keeps any
        s["top_p"] = float(rng.choice([rng.random(), 0.9, 0.99, 0.01]))
    if rng.random() < 0.4:
        s["min_p"] = float(rng.choice([rng.random(), 0.05, 0.001]))
    return s


def left(logits, seen, s):
    scores = torch.tensor(logits)[None]
    if "repetition_penalty" in s and len(seen):
        scores = RepetitionPenaltyLogitsProcessor(s["repetition_penalty"])(torch.tensor([seen]), scores)
    scores = scores.double()
    if "temperature" in s:
        scores = TemperatureLogitsWarper(s["temperature"])(None, scores)
    if "top_k" in s:
        scores = TopKLogitsWarper(s["top_k"])(None, scores)
    if "top_p" in s:
        scores = TopPLogitsWarper(s["top_p"])(None, scores)
    if "min_p" in s:
        scores = MinPLogitsWarper(s["min_p"])(None, scores)
    return scores.softmax(-1)[0]


def distributions(rng, n):
    rows, cases = {}, []
    for k in range(n):
        logits, tied = row(rng, k)
        seen = rng.integers(0, len(logits), rng.integers(0, 12)).tolist()
        s = setting(rng, logits, tied)
        p = left(logits, seen, s)
        kept = torch.nonzero(p > 0)[:, 0].tolist()
        rows[str(k)] = [float(x) for x in logits]
        cases.append({"logits": str(k), "setting": s, "seen": seen, "kept": kept, "probabilities": [float(p[t]) for t in kept]})
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "cases.json")
        with open(path, "w") as f:
            json.dump({"rows": rows, "cases": cases, "tolerance": {"probabilities": "1e-9"}}, f)
        subprocess.run(["tests/unit/sample", path], check=True)


def rollout(text, *options):
    command = ["rollout", "--quiet", "-m", MODEL, "--greedy", "--max-tokens", str(TOKENS), *options]
    out = subprocess.run(command, input=json.dumps({"prompt": text}), capture_output=True, text=True, check=True).stdout
    return json.loads(out)["samples"][0]


def generate(model, tokenizer, ids, **options):
    """generate()'s tokens, and how many are sure: those before the first that is ahead by less than 1e-3."""
    out = model.generate(torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long), do_sample=False,
                         max_new_tokens=TOKENS, output_scores=True, return_dict_in_generate=True, temperature=None,
                         top_p=None, top_k=None, pad_token_id=0, tokenizer=tokenizer, **options)
    gaps = [float(best[0] - best[1]) for best in (scores[0].topk(2).values for scores in out.scores)]
    sure = next((i for i, gap in enumerate(gaps) if gap < 1e-3), len(gaps))
    return out.sequences[0, len(ids):].tolist(), sure


def continuations(rng, n):
    model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32)
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=os.path.join(MODEL, "tokenizer.json"))
    special = {token for token, added in tokenizer.added_tokens_decoder.items() if added.special}
    compared = stopped = 0
    for _ in range(n):
        text = tokenizer.decode(rng.integers(0, len(tokenizer), rng.integers(1, 60)).tolist()).replace("\0", "")
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        penalty = float(rng.choice([0.8, 1.1, 1.5]))
        want, sure = generate(model, tokenizer, ids, repetition_penalty=penalty)
        got = rollout(text, "--repetition-penalty", str(penalty))["tokens"]
        if got[:sure] != want[:sure] or sure == len(want) != len(got):
            sys.exit(f"penalty {penalty}: {text!r}: {got} is not {want}")
        compared += sure
        said = tokenizer.decode(want)
        start = int(rng.integers(0, max(1, len(said) - 8)))
        stop = said[start:start + int(rng.integers(1, 9))]
        if not stop or "\ufffd" in stop or "\0" in stop or special.intersection(want):
            continue
        want, sure = generate(model, tokenizer, ids, repetition_penalty=penalty, stop_strings=[stop])
        sample = rollout(text, "--repetition-penalty", str(penalty), "--stop", stop)
        if sure == len(want) and (sample["tokens"] != want or stop in sample["text"]):
            sys.exit(f"stop {stop!r}: {text!r}: {sample} is not {want}")
        stopped += sample["finish"] == "stop" and sure == len(want)
    print(f"{n} continuations: the same {compared} tokens under a penalty, {stopped} ends by a stop string the same")


def main():
    n, seed = [int(x) for x in sys.argv[1:]] + [600, int.from_bytes(os.urandom(4), "big")][len(sys.argv) - 1:]
    print("seed", seed, flush=True)
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    distributions(rng, n)
    continuations(rng, n // 10)


main()

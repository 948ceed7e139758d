#!/usr/bin/env python3
"""transformers_load - check that `transformers` loads a model directory made here, and agrees with it.

usage: transformers_load.py DIR PROMPTS.jsonl

DIR is a model directory or a run's step. Loads model and tokenizer by AutoModelForCausalLM and AutoTokenizer
(no network), samples with the program `rollout` on PATH, and compares for each prompt the log-probabilities
of the sampled tokens, the prompt being put through the chat template by each side for itself. Prints one
line; exits 1 if a tensor is missing or left over, or a log-probability differs by more than 1e-3.
"""
import json
import subprocess
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def prompt_ids(tokenizer, prompt):
    if isinstance(prompt, str):
        return tokenizer(prompt, add_special_tokens=False)["input_ids"]
    text = tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def main():
    path, prompts = sys.argv[1:]
    model, info = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, output_loading_info=True)
    left = [k for k in ("missing_keys", "unexpected_keys", "mismatched_keys") if info[k]]
    if left:
        sys.exit(f"{path}: {left[0]}: {info[left[0]]}")
    tokenizer = AutoTokenizer.from_pretrained(path)
    command = ["rollout", "--quiet", "-m", path, "-n", "2", "--no-scores", "--max-tokens", "24", prompts]
    records = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    worst = compared = 0
    for record in map(json.loads, records):
        head = prompt_ids(tokenizer, record["prompt"])
        for sample in record["samples"]:
            ids = head + sample["tokens"]
            with torch.no_grad():
                logp = model(torch.tensor([ids])).logits[0].log_softmax(-1)
            for k, (token, given) in enumerate(zip(sample["tokens"], sample["logprobs"])):
                worst = max(worst, abs(float(logp[len(head) + k - 1, token]) - given))
                compared += 1
    print(f"{path}: {model.config.model_type}, {compared} log-probabilities, greatest difference {worst:.2g}")
    sys.exit(not compared or worst > 1e-3)


main()

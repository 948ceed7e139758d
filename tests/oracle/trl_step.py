#!/usr/bin/env python3
"""trl_step - check two steps of `rl-update` against the same steps taken by torch.

usage: trl_step.py DIR RECORDS.jsonl [REF]

DIR is a model directory or a run's step, RECORDS rewarded records, REF a reference model. Runs the program
`rl-update` on PATH, and takes the same two steps with transformers, autograd and torch.optim.AdamW: advantages
within the group, silent groups left out, TRL's GRPO loss (its loss_type "grpo": the mean over a sequence's
tokens, then over sequences), clipping of the gradient. It is the more telling the further DIR is from the model
that sampled the records. Prints a line a step and one for the parameters; exits 1 if a loss, gradient norm or
parameter differs by more than 1e-5, relative where it is above 1.
"""
import json
import os
import subprocess
import sys
import tempfile

import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

BETA, LOW, HIGH, LR, EPS, DECAY, NORM = 0.1, 0.1, 0.3, 0.003, 1e-3, 0.1, 0.5
OPTIONS = ["--beta", BETA, "--clip-low", LOW, "--clip-high", HIGH, "--lr", LR, "--eps", EPS, "--weight-decay", DECAY,
           "--max-grad-norm", NORM, "--epochs", 2, "--off-policy"]


def load(path):
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)


def prompt_ids(tokenizer, prompt):
    text = tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def sequences(tokenizer, records):
    """(prompt, tokens, old log-probabilities, advantage) of each sample of a group with signal."""
    for record in records:
        rewards = torch.tensor([s["reward"] for s in record["samples"]], dtype=torch.float64)
        if (rewards == rewards[0]).all():
            continue
        advantages = (rewards - rewards.mean()) / (rewards.std() + 1e-4)
        head = prompt_ids(tokenizer, record["prompt"])
        for sample, advantage in zip(record["samples"], advantages):
            yield head, sample["tokens"], torch.tensor(sample["logprobs"]), advantage.float()


def token_logprobs(model, head, tokens):
    logits = model(torch.tensor([head + tokens])).logits[0, len(head) - 1 : -1]
    return logits.log_softmax(-1).gather(-1, torch.tensor(tokens)[:, None])[:, 0]


def loss_of(policy, reference, batch):
    total = 0
    for head, tokens, old, advantage in batch:
        logp = token_logprobs(policy, head, tokens)
        ratio = torch.exp(logp - old)
        loss = -torch.min(ratio * advantage, ratio.clamp(1 - LOW, 1 + HIGH) * advantage)
        if reference is not None:
            with torch.no_grad():
                ref = token_logprobs(reference, head, tokens)
            loss = loss + BETA * (torch.exp(ref - logp) - (ref - logp) - 1)
        total = total + loss.mean() / len(batch)
    return total


def optimizer_of(model):
    named = list(model.named_parameters())
    matrices = [p for _, p in named if p.dim() > 1]
    rest = [p for _, p in named if p.dim() < 2]
    return torch.optim.AdamW([{"params": matrices, "weight_decay": DECAY}, {"params": rest, "weight_decay": 0}],
                             lr=LR, betas=(0.9, 0.99), eps=EPS)


def ours(path, records, reference):
    """Metric records of rl-update, and the tensors of its last step."""
    with tempfile.TemporaryDirectory() as run:
        command = ["rl-update", "-m", path, "-o", run, *map(str, OPTIONS), records]
        command += ["--ref", reference] if reference else []
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return [json.loads(line) for line in out.splitlines()], load_file(os.path.join(run, "last/model.safetensors"))


def main():
    path, records, *reference = sys.argv[1:]
    reference = reference[0] if reference else None
    metrics, tensors = ours(path, records, reference)
    policy, tokenizer = load(path), AutoTokenizer.from_pretrained(path)
    before = {name: p.detach().clone() for name, p in policy.named_parameters()}
    with open(records) as lines:
        batch = list(sequences(tokenizer, map(json.loads, lines)))
    optimizer, worst = optimizer_of(policy), 0
    for metric in metrics:
        optimizer.zero_grad()
        loss = loss_of(policy, load(reference) if reference else None, batch)
        loss.backward()
        norm = float(torch.nn.utils.clip_grad_norm_(policy.parameters(), NORM))
        optimizer.step()
        loss = float(loss.detach())
        print(f"step {metric['global_step']}: loss {metric['loss']:.7f} {loss:.7f}, "
              f"norm {metric['grad_norm']:.7f} {norm:.7f}, clipped {metric['clip_ratio']:.3f}, kl {metric['kl']:.4f}")
        for given, own in (metric["loss"], loss), (metric["grad_norm"], norm):
            worst = max(worst, abs(given - own) / max(1, abs(own)))
    named = dict(policy.named_parameters())
    moved = max(float((named[k] - before[k]).detach().abs().max()) for k in tensors)
    apart = max(float((named[k] - tensors[k]).detach().abs().max()) for k in tensors)
    print(f"{len(batch)} sequences, {len(tensors)} tensors moved by up to {moved:.2g}, apart by up to {apart:.2g}")
    sys.exit(set(tensors) != set(named) or not batch or max(worst, apart) > 1e-5)


main()

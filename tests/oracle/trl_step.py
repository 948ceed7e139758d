#!/usr/bin/env python3
"""trl_step - check steps of `rl-update` against the same steps taken by torch, for each of its algorithms.

usage: trl_step.py DIR RECORDS.jsonl REF

DIR is a model directory or a run's step, RECORDS rewarded records, REF a reference model. Runs the program
`rl-update` on PATH, two passes over the records, and takes the same two steps with transformers, autograd and
torch.optim.AdamW: advantages as rl_formulas.py writes them out, silent groups left out, TRL's own
GRPOTrainer._compute_loss or RLOOTrainer._compute_loss where TRL has the algorithm, the formula for reinforce++, and
clipping of the gradient. It is the more telling the further DIR is from the model that sampled the records. Prints a line
an algorithm; exits 1 if a loss, gradient norm or parameter differs by more than 1e-5, relative where it is above 1.
"""
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import rl_formulas
import torch
import trl_loss
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

LR, EPS, DECAY, NORM = 0.001, 1e-3, 0.1, 0.5
# loss, options of rl-update beyond those of all, the same for the formulas
TASKS = [
    ("grpo", ["--weigh-kl", "--tis", "1.1"], {"weigh": True, "trust": 1.1}),
    ("grpo", ["--scale", "batch"], {"scale": "batch"}),
    *((name, [], {}) for name in rl_formulas.ALGORITHMS),
    ("gspo", ["--tis", "1.1", "--clip-low", "0.01", "--clip-high", "0.01"], {"trust": 1.1, "low": 0.01, "high": 0.01}),
    ("grpo", ["--kl-in", "reward", "--kl", "k2"], {"kl_in": "reward", "kl": "k2"}),
]
COMMON = ["--clip-low", 0.1, "--clip-high", 0.3, "--lr", LR, "--eps", EPS, "--weight-decay", DECAY, "--max-grad-norm",
          NORM, "--epochs", 2, "--max-tokens", 40, "--beta", 0.1, "--off-policy"]


def task_of(name, more):
    _, _, _, scale, kl, where = rl_formulas.ALGORITHMS[name]
    return {"loss": name, "scale": scale, "kl": kl, "kl_in": where, "beta": 0.1, "weigh": False, "low": 0.1,
            "high": 0.3, "length": 40, "trust": None} | more


def load(path):
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float64)


def prompt_ids(tokenizer, prompt):
    text = tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def all_logprobs(model, samples):
    """Log-probabilities of each sample's tokens; what stands behind a causal sequence does not matter."""
    whole = [torch.tensor(s["head"] + s["tokens"]) for s in samples]
    logp = model(torch.nn.utils.rnn.pad_sequence(whole, batch_first=True)).logits.log_softmax(-1)
    return [logp[i, len(s["head"]) - 1 : len(w) - 1].gather(-1, torch.tensor(s["tokens"])[:, None])[:, 0].double()
            for i, (s, w) in enumerate(zip(samples, whole))]


def read_groups(records, tokenizer, loss):
    """The groups with signal; where the batch is the measure, all of them."""
    groups = []
    with open(records) as lines:
        for record in map(json.loads, lines):
            if loss != "reinforce++" and len({s["reward"] for s in record["samples"]}) == 1:
                continue
            head = prompt_ids(tokenizer, record["prompt"])
            groups.append([{"head": head, "tokens": s["tokens"], "reward": s["reward"],
                            "old": np.array(s["logprobs"], dtype=np.float32).astype(float)} for s in record["samples"]])
    return groups


def optimizer_of(model):
    named = list(model.named_parameters())
    matrices = [p for _, p in named if p.dim() > 1]
    rest = [p for _, p in named if p.dim() < 2]
    return torch.optim.AdamW([{"params": matrices, "weight_decay": DECAY}, {"params": rest, "weight_decay": 0}],
                             lr=LR, betas=(0.9, 0.99), eps=EPS)


def prepare(groups, policy, reference, task):
    """References, importance weights and advantages, as they are before the first step."""
    samples = [s for g in groups for s in g]
    with torch.no_grad():
        for s, ref, new in zip(samples, all_logprobs(reference, samples), all_logprobs(policy, samples)):
            s["ref"], s["trust"] = ref.numpy(), np.ones(len(ref))
            if task["trust"]:
                s["trust"], s["old"] = np.minimum(np.exp(new.numpy() - s["old"]), task["trust"]), new.numpy()
    advantages = [torch.tensor(a) for a in rl_formulas.advantages_of(groups, task)]
    for s in samples:
        for field in "ref", "old", "trust":
            s[field] = torch.tensor(s[field])
    return samples, advantages


def ours(path, records, reference, name, options):
    """Metric records of rl-update, and the tensors of its last step."""
    with tempfile.TemporaryDirectory() as run:
        command = ["rl-update", "-m", path, "-o", run, "--ref", reference, "--loss", name, *map(str, COMMON), *options,
                   records]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return [json.loads(line) for line in out.splitlines()], load_file(os.path.join(run, "last/model.safetensors"))


def compare(path, records, reference, name, options, more):
    """The greatest differences of losses and norms, and of parameters, and how far these moved."""
    task, tokenizer, policy = task_of(name, more), AutoTokenizer.from_pretrained(path), load(path)
    metrics, tensors = ours(path, records, reference, name, options)
    before = {k: p.detach().clone() for k, p in policy.named_parameters()}
    samples, advantages = prepare(read_groups(records, tokenizer, name), policy, load(reference), task)
    # TRL has no whitened advantages, which may differ from token to token, and no estimate but k3 in its loss.
    by_trl = "reinforce" not in name
    optimizer, worst = optimizer_of(policy), 0
    for metric in metrics:
        optimizer.zero_grad()
        for s, logp in zip(samples, all_logprobs(policy, samples)):
            s["logp"] = logp
        loss = trl_loss.compute(samples, advantages, task) if by_trl else rl_formulas.loss_of(samples, advantages, task, torch)
        loss.backward()
        norm = float(torch.nn.utils.clip_grad_norm_(policy.parameters(), NORM))
        optimizer.step()
        for given, own in (metric["loss"], float(loss.detach())), (metric["grad_norm"], norm):
            worst = max(worst, abs(given - own) / max(1, abs(own)))
    named = dict(policy.named_parameters())
    moved = max(float((named[k] - before[k]).detach().abs().max()) for k in tensors)
    apart = max(float((named[k] - tensors[k]).detach().abs().max()) for k in tensors)
    clipped = metrics[-1]["clip_ratio/region_mean"]
    print(f"{name} {' '.join(options)}: {'TRL' if by_trl else 'formula'}, {len(samples)} samples, losses and norms within "
          f"{worst:.1g}, clipped {clipped:.2f}, tensors moved {moved:.2g}, apart {apart:.2g}", flush=True)
    return max(worst, apart) if set(tensors) == set(named) and samples and len(metrics) == 2 else 1


def main():
    path, records, reference = sys.argv[1:]
    sys.exit(max(compare(path, records, reference, *task) for task in TASKS) > 1e-5)


main()

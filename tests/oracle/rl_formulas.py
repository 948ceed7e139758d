#!/usr/bin/env python3
"""rl_formulas - the algorithms of `rl-update` written out, in float64 on random numbers.

usage: rl_formulas.py SEED > cases.json

Prints groups of samples (rewards, log-probabilities of tokens under the policy, the sampler and the reference) and,
for each algorithm with different options, the advantages of tokens, the loss and its derivative by each
log-probability, by central differences. tests/unit/credit.c compares what C makes of them; tests/fixtures/rl/formulas.json
are those of seed 1. Where TRL can be imported its own GRPOTrainer._compute_loss or RLOOTrainer._compute_loss has to
give the same loss: else the exit status is 1. The functions take numpy or torch as `xp`.
"""
import json
import sys

import numpy as np

# ratio of a token, or of a sequence by the mean or sum over its tokens; mean; baseline; scale; KL; where
ALGORITHMS = {
    "grpo": ("token", "sequence", "group", "group", "k3", "loss"),
    "dr_grpo": ("token", "constant", "group", "none", "k3", "loss"),
    "dapo": ("token", "tokens", "group", "group", "k3", "loss"),
    "bnpo": ("token", "tokens", "group", "group", "k3", "loss"),
    "gspo": ("mean", "sequence", "group", "group", "k3", "loss"),
    "reinforce++": ("token", "tokens", "none", "whiten", "k1", "reward"),
    "reinforce++-baseline": ("token", "tokens", "group", "whiten", "k2", "loss"),
    "rloo": ("sum", "sequence", "siblings", "none", "k1", "reward"),
}


def estimate(kl, logp, ref, xp):
    gap = ref - logp
    return {"k1": -gap, "k2": gap * gap / 2, "k3": xp.exp(gap) - gap - 1}[kl]


def advantages_of(groups, task):
    """One array a sample; groups are lists of samples with "reward", "old" and "ref"."""
    _, _, base, _, _, _ = ALGORITHMS[task["loss"]]
    scale, kl, where, beta = task["scale"], task["kl"], task["kl_in"], task["beta"]
    if kl == "none" or where == "loss":
        beta, kl = 0, "k1"
    penalty = [[beta * estimate(kl, s["old"], s["ref"], np) for s in g] for g in groups]
    rewards = [np.array([s["reward"] - p.sum() for s, p in zip(g, ps)]) for g, ps in zip(groups, penalty)]
    deviation = np.std(np.concatenate(rewards), ddof=1)
    out = []
    for g, r, ps in zip(groups, rewards, penalty):
        n = len(r)
        a = {"none": r, "group": r - r.mean(), "siblings": r - (r.sum() - r) / (n - 1)}[base]
        a = a / {"none": 1, "whiten": 1, "group": r.std(ddof=1) + 1e-4, "batch": deviation + 1e-4}[scale]
        for s, x, p in zip(g, a, ps):
            tokens = np.full(len(s["old"]), x)
            out.append(tokens + (np.cumsum(p) - p if base == "none" else 0))
    if scale == "whiten":
        every = np.concatenate(out)
        out = [(a - every.mean()) / np.sqrt(every.var(ddof=1) + 1e-8) for a in out]
    return out


def loss_of(samples, advantages, task, xp):
    """The loss of samples with "logp", "old", "ref" and "trust", arrays of xp."""
    ratio, mean, _, _, _, _ = ALGORITHMS[task["loss"]]
    tokens = sum(len(s["logp"]) for s in samples)
    total = 0
    for s, a in zip(samples, advantages):
        change = s["logp"] - s["old"]
        n = len(change)
        if ratio != "token":
            change = change.sum() / (n if ratio == "mean" else 1)
            a = a[0]
        r = xp.exp(change)
        each = -xp.minimum(r * a, xp.clip(r, 1 - task["low"], 1 + task["high"]) * a) * s["trust"]
        if task["kl"] != "none" and task["kl_in"] == "loss":
            each = each + task["beta"] * estimate(task["kl"], s["logp"], s["ref"], xp) * (r if task["weigh"] else 1)
        weight = {"sequence": 1 / (n * len(samples)), "tokens": 1 / tokens,
                  "constant": 1 / (task["length"] * len(samples))}[mean]
        total = total + (each * weight).sum()
    return total


def slope_of(samples, advantages, task, step=1e-6):
    slopes = []
    for s in samples:
        keep = s["logp"]
        slopes.append([])
        for t in range(len(keep)):
            ends = []
            for sign in 1, -1:
                s["logp"] = keep.copy()
                s["logp"][t] += sign * step
                ends.append(loss_of(samples, advantages, task, np))
            s["logp"] = keep
            slopes[-1].append((ends[0] - ends[1]) / (2 * step))
    return slopes


def tasks(rng):
    for loss, (_, _, _, scale, kl, where) in ALGORITHMS.items():
        plain = {"loss": loss, "scale": scale, "kl": kl, "kl_in": where, "beta": 0.3, "weigh": False, "low": 0.2,
                 "high": 0.28, "length": 16, "trust": False}
        yield plain
        yield plain | {"kl": "none"}
        yield plain | {"trust": True}
        for k in "k1", "k2", "k3":
            yield plain | {"kl": k, "kl_in": "loss", "weigh": bool(rng.integers(2))}
            yield plain | {"kl": k, "kl_in": "reward", "low": 0.05, "high": 0.05}
        if scale != "whiten":
            yield plain | {"scale": "batch"}


def short(x):
    """Nine digits of every number."""
    if isinstance(x, dict):
        return {k: short(v) for k, v in x.items()}
    if isinstance(x, (list, np.ndarray)):
        return [short(v) for v in x]
    return float(f"{x:.9g}") if isinstance(x, float) else x


def make(rng, groups=3, size=3):
    out = []
    for _ in range(groups):
        out.append([])
        for _ in range(size):
            n = int(rng.integers(1, 7))
            logp = -5 * rng.random(n) - 0.1
            out[-1].append({"reward": float(rng.integers(4)) / 2, "logp": logp, "old": logp + rng.normal(0, 0.15, n),
                            "ref": logp + rng.normal(0, 0.4, n), "trust": np.minimum(np.exp(rng.normal(0, 0.3, n)), 1.2)})
        out[-1][0]["reward"] += 0.25
    return out


def trl_loss(samples, advantages, task):
    """TRL's own loss, or None where it has none or cannot be imported."""
    ratio, _, _, _, _, _ = ALGORITHMS[task["loss"]]
    in_loss = task["kl"] != "none" and task["kl_in"] == "loss"
    if "reinforce" in task["loss"] or (in_loss and task["kl"] != "k3") or (ratio == "sum" and (in_loss or task["trust"])):
        return None
    try:
        import trl_loss as trl
    except ImportError:
        return None
    return trl.loss_of(samples, advantages, task)


def main():
    rng = np.random.default_rng(int(sys.argv[1]))
    groups = [[{k: np.array(v) if isinstance(v, list) else v for k, v in short(s).items()} for s in g] for g in make(rng)]
    samples = [s for g in groups for s in g]
    cases, compared, worst = [], 0, 0.0
    for task in tasks(rng):
        batch = [s if task["trust"] else s | {"trust": np.ones(len(s["logp"]))} for s in samples]
        advantages = advantages_of(groups, task)
        loss = float(loss_of(batch, advantages, task, np))
        trl = trl_loss(batch, advantages, task)
        if trl is not None:
            compared, worst = compared + 1, max(worst, abs(trl - loss))
        cases.append(task | {"advantages": advantages, "value": loss, "dlogp": slope_of(batch, advantages, task)})
    print(json.dumps(short({"groups": groups, "cases": cases}), separators=(",", ":")))
    print(f"{len(cases)} cases, {compared} against TRL, apart by up to {worst:.1g}", file=sys.stderr)
    sys.exit(worst > 1e-9)


if __name__ == "__main__":
    main()

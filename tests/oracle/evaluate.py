#!/usr/bin/env python3
"""evaluate - check the program evaluate against a second computation with numpy and scipy.

usage: evaluate.py [SEED]

Draws random cases (ties, nulls, candidate counts, orders, rollouts, ratings), anew at each call unless a
SEED is given, writes them as records, and compares every number of `evaluate --against` on PATH with
its own. Expectations over ties are averaged over all orders that the tied candidates can take. Prints
the seed and the largest difference; exits 1 if it is above 1e-6.
"""
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
from scipy import stats

TOLERANCE = 1e-6
Z = stats.norm.ppf(0.975)


def measures(scores, target):
    """One case: each place that the tie leaves open, averaged."""
    s = np.array([-np.inf if x is None else x for x in scores], dtype=float)
    order = np.sort(s)[::-1]
    ranks = np.flatnonzero(order == s[target]) + 1.0
    gain = 1 / np.log2(1 + ranks)
    return dict(hr1=np.mean(ranks == 1), hr5=np.mean(ranks <= 5), hr10=np.mean(ranks <= 10),
                ndcg5=np.mean(gain * (ranks <= 5)), ndcg10=np.mean(gain * (ranks <= 10)),
                mrr=np.mean(1 / ranks))


def normal(x, low, high):
    half = Z * np.std(x, ddof=1) / np.sqrt(len(x))
    return max(low, np.mean(x) - half), min(high, np.mean(x) + half)


def wilson(p, n):
    """The two roots of (p - q)^2 = z^2 q (1 - q) / n."""
    roots = np.roots([1 + Z * Z / n, -2 * p - Z * Z / n, p * p])
    return sorted(np.clip(roots.real, 0, 1))


def draw_case(rng, n, skill, grid):
    """Scores on a coarse or a fine grid, some of them null; skill lifts the target."""
    target = int(rng.integers(n))
    x = rng.normal(size=n)
    x[target] += skill
    x = np.round(x / grid) * grid if grid else x
    scores = [None if rng.random() < 0.1 else float(v) for v in x]
    return target, scores


def records(rng, kind, cases, skill, grid):
    """Records of a run and, by case, what they say: scores, and for rollouts (valid, right)."""
    out, said, valid, right = [], {}, [], []
    for case, (n, target) in cases.items():
        while True:
            t, scores = draw_case(rng, n, skill, grid)
            if t == target:
                break
        said[case] = scores
        base = dict(id=case, target=target, source=dict(hash="0123456789abcdef", split="loo"))
        if rng.random() < 0.5 or kind == "rate":
            base["candidates"] = [dict(item=str(k), title='a "b" \u00e9') for k in range(n)]
        if kind == "scored":
            out.append(base | dict(scores=scores, model="m"))
        elif kind == "choose":
            answer = [None, "A", "B"][rng.integers(3)]
            base["answer"] = "AB"[rng.integers(2)]
            valid.append(answer is not None)
            right.append(answer == base["answer"])
            sample = dict(text="x", answer=answer, scores=scores, forced=False)
            out.append(base | dict(form="choose", samples=[sample, dict(answer="A", scores=None)]))
        else:
            for k, x in enumerate(scores):
                answer = None if rng.random() < 0.2 else "3"
                valid.append(answer is not None)
                out.append(base | dict(id=f"{case}:{k}", case=case, candidate=k, form="rate", answer="?",
                                       samples=[dict(answer=answer, rating=x, scores=[x])]))
    order = rng.permutation(len(out))
    return [out[i] for i in order], said, valid, right


def expected(cases, said, valid, right):
    rows = {c: measures(said[c], cases[c][1]) for c in cases}
    want = {k: np.mean([r[k] for r in rows.values()]) for k in next(iter(rows.values()))}
    want["n"] = len(cases)
    want["lo"], want["hi"] = wilson(want["hr1"], len(cases))
    want["ndcg5_lo"], want["ndcg5_hi"] = normal([r["ndcg5"] for r in rows.values()], 0, 1)
    want["valid"] = np.mean(valid) if valid else None
    want["hr1_text"] = np.mean(right) if right else None
    return want, np.array([rows[c]["hr1"] for c in cases])


def paired(a, b):
    d = a - b
    wins, losses = int(np.sum(d > 1e-9)), int(np.sum(d < -1e-9))
    lo, hi = normal(d, -1, 1)
    p = stats.binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
    return dict(n=len(d), difference=np.mean(d), lo=lo, hi=hi, wins=wins, losses=losses, p=p)


def distance(got, want):
    worst = 0.0
    for key, x in want.items():
        if (got[key] is None) != (x is None):
            return np.inf
        if x is not None:
            worst = max(worst, abs(got[key] - x))
    return worst


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else int.from_bytes(os.urandom(4), "little")
    rng = np.random.default_rng(seed)
    worst = 0.0
    for trial in range(20):
        cases = {}
        for i in range(int(rng.integers(2, 300))):
            n = int(rng.integers(1, 26))
            cases[f"u{i}#{rng.integers(99)}"] = (n, int(rng.integers(n)))
        kinds = ["scored", "choose", "rate", "scored"]
        runs = [records(rng, k, cases, rng.uniform(0, 3), [0, 0.5, 1, 3][rng.integers(4)]) for k in kinds]
        want = [expected(cases, *r[1:]) for r in runs]
        with tempfile.TemporaryDirectory() as folder:
            names = [f"r{i}" for i in range(len(runs))]
            for name, run in zip(names, runs):
                with open(f"{folder}/{name}.jsonl", "w", encoding="utf-8") as f:
                    f.writelines(json.dumps(r, ensure_ascii=bool(rng.integers(2))) + "\n" for r in run[0])
            got = subprocess.run(["evaluate", "--against", "r1"] + [f"{folder}/{x}.jsonl" for x in names],
                                 check=True, capture_output=True, text=True).stdout
        rows = {(r["model"], r.get("against")): r for r in map(json.loads, got.splitlines())}
        if len(rows) != 2 * len(names) - 1:
            sys.exit(f"seed {seed}: {len(rows)} rows")
        for i, name in enumerate(names):
            worst = max(worst, distance(rows[name, None], want[i][0]))
            if i != 1:
                worst = max(worst, distance(rows[name, "r1"], paired(want[i][1], want[1][1])))
    print(f"seed {seed}: the largest difference is {worst:.2g}")
    sys.exit(1 if worst > TOLERANCE else 0)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""floors - check baseline against a second, plain computation of the same models with numpy.

usage: floors.py GRAPH.jsonl CASES.jsonl

Reads graph records and case records, works out for each case what is known by the words of
man r2rec-records (nothing is shared with the C code), builds dense matrices of exactly that, and
compares the scores with those of the program `baseline` on PATH. Training cases get a matrix of their
own, so give few of them. Prints a line a model; exits 1 if a score differs by more than 1e-9.
"""
import json
import os
import subprocess
import sys

import numpy as np

MODELS = [
    ("pop", dict()),
    ("pop", dict(days=14)),
    ("itemknn", dict()),
    ("itemknn", dict(shrink=50, recency=10)),
    ("markov", dict()),
    ("markov", dict(steps=3, recency=3, pop_power=0.5)),
    ("ease", dict()),
    ("ease", {"lambda": 2000, "recency": 5}),
    ("ease", {"lambda": 2000, "recency": 5, "pop_power": 0.25}),
]
DAY = 86400
TOLERANCE = 1e-9


def read_events(path):
    """Sorted events: user, item, time arrays, the ordinal in the user's order, the users' order."""
    last, users, items, timed = {}, {}, {}, True
    for line, text in enumerate(open(path, encoding="utf-8")):
        rec = json.loads(text)
        if "user" not in rec:
            continue
        timed = timed and "time" in rec
        u = users.setdefault(rec["user"], len(users))
        i = items.setdefault(rec["item"], len(items))
        key = (rec.get("time", line), line)
        last[u, i] = max(last.get((u, i), key), key)
    rows = sorted((u, time, line, i) for (u, i), (time, line) in last.items())
    u, t, line, i = (np.array(x) for x in zip(*rows))
    if not timed:
        t = line
    first = np.searchsorted(u, np.arange(len(users) + 1))
    return dict(u=u, i=i, t=t, first=first, users=users, items=items, timed=timed)


def cuts(ev, q):
    t = np.sort(ev["t"])
    test = t[min(int(q * len(t)), len(t) - 1)]
    before = t[t < test]
    return (before[min(int(q * len(before)), len(before) - 1)] if len(before) else test), test


def knowledge(ev, rec):
    """What the case may know: a key, a mask of events, the end in time, the user's items, oldest first."""
    user = ev["users"][rec["user"]]
    target = ev["first"][user] + int(rec["id"].rsplit("#", 1)[1]) - 1
    part, source = rec["split"], rec["source"]
    from_end = ev["first"][ev["u"] + 1] - 1 - np.arange(len(ev["u"]))
    key, end = (part, source["split"], source.get("cut")), None
    if source["split"] == "loo":
        mask = from_end >= (1 if part == "test" else 2)
    else:
        valid, test = cuts(ev, source["cut"])
        mask = ev["t"] < (test if part == "test" else valid)
    if part == "train":
        key += (int(target),)
        if source["split"] == "global":
            end = ev["t"][target]
            mask = mask & (ev["t"] < end)
        mask = mask.copy()
        mask[target] = False
        known_before = mask
    else:
        known_before = mask
    if end is None:         # just after the latest event of the common knowledge, target edge or not
        common = from_end >= (1 if part == "test" else 2) if source["split"] == "loo" else mask
        end = ev["t"][common].max() + 1
    mine = np.arange(ev["first"][user], target)
    return key, known_before, end, ev["i"][mine[known_before[mine]]]


def matrices(ev, mask, steps):
    """Item counts, co-occurrence, and how often c follows i within `steps`, of the events in mask."""
    n = len(ev["items"])
    u, i = ev["u"][mask], ev["i"][mask]
    x = np.zeros((len(ev["users"]), n))
    x[u, i] = 1
    near = np.zeros((n, n))
    for lag in range(1, steps + 1):
        same = u[lag:] == u[:-lag]
        np.add.at(near, (i[:-lag][same], i[lag:][same]), 1)
    return x.sum(0), x.T @ x, near


def table(model, o, ev, mask, end):
    """scores = weights of the user's items times this [items, items], or [items] for pop."""
    count, both, near = matrices(ev, mask, o.get("steps", 5) if model == "markov" else 0)
    if model == "pop":
        recent = mask & (ev["t"] < end)
        if "days" in o:
            recent &= ev["t"] >= end - o["days"] * DAY
        return np.bincount(ev["i"][recent], minlength=len(count)).astype(float), count
    if model == "itemknn":
        norm = np.sqrt(np.outer(count, count)) + o.get("shrink", 0)
        return np.divide(both, norm, out=np.zeros_like(both), where=both > 0), count
    if model == "markov":
        return near, count
    p = np.linalg.inv(both + o.get("lambda", 250) * np.eye(len(count)))
    b = -p / np.diag(p)
    np.fill_diagonal(b, 0)
    return b, count


def expected(model, o, ev, cases):
    memo, out = (None, None), []
    for rec in cases:
        key, mask, end, history = knowledge(ev, rec)
        if memo[0] != key:
            memo = key, table(model, o, ev, mask, end)
        weights, count = memo[1]
        cands = [ev["items"][c["item"]] for c in rec["candidates"]]
        if model == "pop":
            out.append(weights[cands])
            continue
        rank = np.arange(len(history))[::-1]
        w = np.exp(-rank / o["recency"]) if "recency" in o else np.ones(len(history))
        score = w @ weights[np.ix_(history, cands)]
        out.append(score / np.maximum(count[cands], 1) ** o.get("pop_power", 0))
    return out


def actual(model, o, graph, cases):
    args = ["baseline", "--quiet", "--graph", graph, "--model", model]
    for name, value in o.items():
        args += ["--" + name.replace("_", "-"), str(value)]
    done = subprocess.run(args + [cases], stdout=subprocess.PIPE, check=True)
    return [json.loads(line)["scores"] for line in done.stdout.splitlines()]


def hit_rate(scores, cases):
    hits = 0
    for s, rec in zip(scores, cases):
        s, t = np.asarray(s), s[rec["target"]]
        hits += (s <= t).all() / (s == t).sum()
    return hits / len(cases)


def main(graph, path):
    ev = read_events(graph)
    cases = [json.loads(line) for line in open(path, encoding="utf-8")]
    failed = False
    for model, o in MODELS:
        if "days" in o and not ev["timed"]:
            continue
        want, got = expected(model, o, ev, cases), actual(model, o, graph, path)
        gap = max(np.max(np.abs(w - g) / np.maximum(1, np.abs(w))) for w, g in zip(want, got))
        bad = len(want) != len(got) or not gap <= TOLERANCE
        failed |= bad
        options = " ".join(f"{k.replace('_', '-')}={v}" for k, v in o.items())
        print(f"{'FAIL' if bad else 'ok':4} {model:8} {options:36} n={len(cases)} "
              f"hr1={hit_rate(got, cases):.4f} largest difference {gap:.1e}")
    return failed


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    os.environ["LC_ALL"] = "C"
    sys.exit(main(*sys.argv[1:]))

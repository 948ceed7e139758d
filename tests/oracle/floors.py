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
    ("pop", dict(log_pop=0.5)),
    ("recent-pop", dict()),
    ("recent-pop", dict(days=90, pop_power=0.25)),
    ("itemknn", dict()),
    ("itemknn", dict(shrink=50, recency=10)),
    ("itemknn", dict(neighbours=20, recency=3)),
    ("itemknn", dict(similarity="bm25")),
    ("itemknn", dict(similarity="bm25", neighbours=5, k1=0.3, b=0.5, recency=3, log_pop=0.1)),
    ("userknn", dict()),
    ("userknn", dict(neighbours=10, shrink=5, recency=4, pop_power=0.5)),
    ("markov", dict()),
    ("markov", dict(steps=3, recency=3, pop_power=0.5)),
    ("ease", dict()),
    ("ease", {"lambda": 2000, "recency": 5}),
    ("ease", {"lambda": 2000, "recency": 5, "pop_power": 0.25}),
    ("als", dict()),
    ("als", dict(dim=16, epochs=4, alpha=5, reg=1, recency=3)),
]
DAY = 86400
TOLERANCE = 1e-9
MASK = (1 << 64) - 1


def read_events(path):
    """Sorted events: user, item, time arrays, the ordinal in the user's order, the users' order."""
    last, users, items, described, timed = {}, {}, {}, [], True
    for line, text in enumerate(open(path, encoding="utf-8")):
        rec = json.loads(text)
        if "user" not in rec:
            described.append(rec["item"])
            continue
        timed = timed and "time" in rec
        u = users.setdefault(rec["user"], len(users))
        i = items.setdefault(rec["item"], len(items))
        key = (rec.get("time", line), line)
        last[u, i] = max(last.get((u, i), key), key)
    for item in described:
        items.setdefault(item, len(items))
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
    elif source["split"] == "users":
        order = np.argsort(ev["t"][ev["first"][:-1]], kind="stable")
        mask = np.isin(ev["u"], order[:8 * len(order) // 10])
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
        if source["split"] == "users":
            common = np.isin(ev["u"], order[:8 * len(order) // 10])
        end = ev["t"][common].max() + 1
    mine = np.arange(ev["first"][user], target)
    if source["split"] != "users":
        mine = mine[known_before[mine]]
    return key, known_before, end, ev["i"][mine]


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


def nearest(weights, k):
    """The weights, without those of each column that are below its k-th greatest."""
    if not k or k >= len(weights):
        return weights
    bound = -np.sort(-weights, axis=0)[k - 1]
    return np.where(weights >= bound * (1 - 1e-12), weights, 0)


def similarities(o, x, count, both):
    """Of items, by column."""
    if o.get("similarity") == "bm25":
        k1, b = o.get("k1", 1.2), o.get("b", 0.75)
        idf = np.log(len(count)) - np.log1p(x.sum(1))
        weighted = x * idf[:, None] * ((k1 + 1) / (k1 * (1 - b + b * count / count.mean()) + 1))
        s = weighted.T @ weighted
        np.fill_diagonal(s, 0)
        return s
    norm = np.sqrt(np.outer(count, count)) + o.get("shrink", 0)
    s = np.divide(both, norm, out=np.zeros_like(both), where=both > 0)
    np.fill_diagonal(s, 0)
    return s


def mix(z):
    z = (z + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def normals(n, what, seed=1):
    """The first n standard normals of the stream `what` of lib/base/rng.h."""
    stream = 0xCBF29CE484222325
    for byte in what.encode() + b"\0":
        stream = ((stream ^ byte) * 0x100000001B3) & MASK
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        stream = ((stream ^ (stream >> 33)) * factor) & MASK
    stream ^= stream >> 33
    key = mix(mix(seed) ^ stream)
    u = np.array([(mix(key ^ i) >> 11) * 2.0 ** -53 for i in range(2 * n)]).reshape(n, 2)
    return np.sqrt(-2 * np.log(1 - u[:, 0])) * np.cos(2 * np.pi * u[:, 1])


def als_solve(o, y, weights):
    """Factors against y of rows whose known entries have these weights."""
    alpha, gram = o.get("alpha", 1), y.T @ y + o.get("reg", 0.01) * np.eye(y.shape[1])
    return np.array([np.linalg.solve(gram + alpha * (y.T * w) @ y, (1 + alpha) * (w @ y)) for w in weights])


def als_items(o, x):
    d = o.get("dim", 64)
    y = 0.01 * normals(x.shape[1] * d, "als").reshape(-1, d)
    for _ in range(o.get("epochs", 15)):
        y = als_solve(o, als_solve(o, y, x), x.T)
    return y


def model_of(model, o, ev, mask, end):
    """A function from the user, his items and their weights to the scores of all items; and the items' counts."""
    count, both, near = matrices(ev, mask, o.get("steps", 5) if model == "markov" else 0)
    x = np.zeros((len(ev["users"]), len(ev["items"])))
    x[ev["u"][mask], ev["i"][mask]] = 1
    if model in ("pop", "recent-pop"):
        recent = mask & (ev["t"] < end)
        if model == "recent-pop":
            recent &= ev["t"] >= end - o.get("days", 14) * DAY
        counts = np.bincount(ev["i"][recent], minlength=len(count)).astype(float)
        return (lambda user, items, w: counts), count
    if model == "userknn":
        def score(user, items, w):
            s = x[:, items] @ w / (np.sqrt(np.maximum(x.sum(1), 1) * (w @ w)) + o.get("shrink", 0))
            s[user] = 0
            return nearest(s[:, None], o.get("neighbours", 0))[:, 0] @ x
        return score, count
    if model == "als":
        y = als_items(o, x)

        def score(user, items, w):
            return y @ als_solve(o, y, np.bincount(items, w, len(y))[None])[0]
        return score, count
    if model == "itemknn":
        table = nearest(similarities(o, x, count, both), o.get("neighbours", 0))
    elif model == "markov":
        table = near
    else:
        p = np.linalg.inv(both + o.get("lambda", 250) * np.eye(len(count)))
        table = -p / np.diag(p)
        np.fill_diagonal(table, 0)
    return (lambda user, items, w: w @ table[items]), count


def expected(model, o, ev, cases):
    memo, out = (None, None), []
    for rec in cases:
        key, mask, end, history = knowledge(ev, rec)
        if memo[0] != key:
            memo = key, model_of(model, o, ev, mask, end)
        score, count = memo[1]
        cands = [ev["items"][c["item"]] for c in rec["candidates"]]
        rank = np.arange(len(history))[::-1]
        w = np.exp(-rank / o["recency"]) if "recency" in o else np.ones(len(history))
        s = score(ev["users"][rec["user"]], history, w)[cands]
        power = np.maximum(count[cands], 1) ** o.get("pop_power", 0)
        s = np.where(s < 0, s * power, s / power)
        out.append(s - o.get("log_pop", 0) * np.log1p(count[cands]))
    return out


def actual(model, o, graph, cases):
    lines = "".join(json.dumps(rec) + "\n" for rec in cases).encode()
    args = ["baseline", "--quiet", "--graph", graph, "--model", model]
    for name, value in o.items():
        args += ["--" + name.replace("_", "-"), str(value)]
    done = subprocess.run(args, input=lines, stdout=subprocess.PIPE, check=True)
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
        if model == "recent-pop" and not ev["timed"]:
            continue
        given = [rec for rec in cases if model != "als" or rec["split"] != "train"]     # it learned their targets
        want, got = expected(model, o, ev, given), actual(model, o, graph, given)
        gap = max(np.max(np.abs(w - g) / np.maximum(1, np.abs(w))) for w, g in zip(want, got))
        bad = len(want) != len(got) or not gap <= TOLERANCE
        failed |= bad
        options = " ".join(f"{k.replace('_', '-')}={v}" for k, v in o.items())
        print(f"{'FAIL' if bad else 'ok':4} {model:10} {options:52} n={len(given)} "
              f"hr1={hit_rate(got, given):.4f} largest difference {gap:.1e}")
    return failed


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    os.environ["LC_ALL"] = "C"
    sys.exit(main(*sys.argv[1:]))

#!/usr/bin/env python3
"""evaluate - check the program evaluate against RecBole's metric code, scikit-learn, scipy and numpy.

usage: evaluate.py [SEED]
       evaluate.py --write DIR SEED     the golden run of tests/evaluate.bats: one trial of each kind

Draws random cases (ties, nulls, candidate counts, orders, permutations, rollouts, ratings), anew at each call
unless a SEED is given, writes them as records, and compares every number of `evaluate` on PATH with a second
computation: hits, NDCG, MRR, MAP, AUC, coverage and Gini by recbole.evaluator on the same scores, each rank that a
tie leaves open being one of its rows; RMSE and MAE by scikit-learn; Wilson, McNemar and the probes' test by
scipy; the bootstrap by numpy with the same draws; Holm, strata, novelty, positions and the estimates of full
rankings written out, the known counts from the graph itself. Prints the seed and the largest difference; exits 1 if
it is above 1e-6.
"""
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
from scipy import stats

np.float = float        # RecBole 1.2.1 asks for a name that numpy has dropped
from recbole.evaluator import metrics as recbole
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

TOLERANCE = 1e-6
Z = stats.norm.ppf(0.975)
CUTS = [1, 5, 10]
B = 200
CONFIG = {"topk": CUTS, "metric_decimal_place": 15}
NO_SCORE = -1e300


# Metrics of one record: the true candidate's open ranks, each a row of RecBole's.

def open_ranks(x, target):
    """How many stand above the true candidate, and how many share its place; without a score it stands last."""
    if x[target] == NO_SCORE:
        return len(x) - 1, 1
    return int(np.sum(x > x[target])), int(np.sum(x == x[target]))


def row_means(scores, target):
    x = np.array([NO_SCORE if s is None else s for s in scores])
    first, tied = open_ranks(x, target)
    wide = max(len(x), max(CUTS))
    hits = np.zeros((tied, wide), dtype=bool)
    hits[np.arange(tied), first + np.arange(tied)] = True
    one = np.ones(tied, dtype=int)
    hit = recbole.Hit(CONFIG).metric_info(hits).mean(axis=0)
    ndcg = recbole.NDCG(CONFIG).metric_info(hits, one).mean(axis=0)
    average = recbole.MAP(CONFIG).metric_info(hits, one).mean(axis=0)
    out = {"hr1": hit[0], "mrr": recbole.MRR(CONFIG).metric_info(hits).mean(axis=0)[-1]}
    for k in CUTS:
        out |= {f"hr{k}": hit[k - 1], f"ndcg{k}": ndcg[k - 1], f"map{k}": average[k - 1]}
    if len(x) > 1:
        rank = np.array([[first + (tied + 1) / 2]])
        out["auc"] = float(recbole.GAUC(CONFIG).metric_info(rank, np.array([len(x)]), np.array([1])))
    return out


def wilson(p, n):
    hits = p * n
    if abs(hits - round(hits)) < 1e-9:
        ci = stats.binomtest(round(hits), n).proportion_ci(method="wilson")
        return ci.low, ci.high
    roots = np.roots([1 + Z * Z / n, -2 * p - Z * Z / n, p * p])     # (p - q)^2 = z^2 q (1 - q) / n
    return sorted(np.clip(roots.real, 0, 1))


def normal(x, low, high):
    if len(x) < 2:
        return None, None
    half = Z * np.std(x, ddof=1) / np.sqrt(len(x))
    return max(low, np.mean(x) - half), min(high, np.mean(x) + half)


def holm(p):
    order, out, last = np.argsort(p, kind="stable"), [0.0] * len(p), 0.0
    for step, i in enumerate(order):
        last = out[i] = max(last, min(1.0, (len(p) - step) * p[i]))
    return out


# The draws of lib/base/rng.h: rng_start(seed, "bootstrap", NULL), then rng_below(n) again and again.

def draws(seed, n):
    def mix(z):
        z = z + np.uint64(0x9e3779b97f4a7c15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xbf58476d1ce4e5b9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94d049bb133111eb)
        return z ^ (z >> np.uint64(31))

    h = 0xcbf29ce484222325
    for byte in b"bootstrap\0":
        h = (h ^ byte) * 0x100000001b3 % 2**64
    h = (h ^ h >> 33) * 0xff51afd7ed558ccd % 2**64
    h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53 % 2**64
    stream = np.uint64(h ^ h >> 33)
    with np.errstate(over="ignore"):
        bits = mix(mix(mix(np.uint64(seed)) ^ stream) ^ np.arange(B * n + 64, dtype=np.uint64))
    return (bits[bits >= np.uint64(2**64 % n)][:B * n] % np.uint64(n)).astype(int).reshape(B, n)


# Random records.

def draw_scores(rng, n, target, skill, grid, nulls):
    """Scores on a coarse or a fine grid, some of them null; skill lifts the target."""
    x = rng.normal(size=n)
    x[target] += skill
    x = np.round(x / grid) * grid if grid else x
    return [None if rng.random() < nulls else float(v) for v in x]


def write_run(rng, kind, records, skill, grid, nulls, named):
    """Lines of a run and what they say: scores by id, valid, right, ratings and errors."""
    out, said, valid, right, rated = [], {}, [], [], []
    for rec in records:
        n, target, key = len(rec["items"]), rec["target"], rec["id"]
        scores = said[key] = draw_scores(rng, n, target, skill, grid, nulls)
        base = {k: v for k, v in rec.items() if k not in ("items", "base")}
        if named or kind == "rate":
            base["candidates"] = [dict(item=x, title='a "b" \u00e9') for x in rec["items"]]
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
            base["target_rating"] = float(rng.integers(1, 6))
            if scores[target] is not None:
                rated.append((base["target_rating"], scores[target]))
            for k, x in enumerate(scores):
                answer = None if rng.random() < 0.2 else "3"
                valid.append(answer is not None)
                out.append(base | dict(id=f"{key}:{k}", case=key, candidate=k, form="rate", answer="?",
                                       samples=[dict(answer=answer, rating=x, scores=[x])]))
    order = rng.permutation(len(out))
    return [out[i] for i in order], dict(said=said, valid=valid, right=right, rated=rated)


def tops(scores, k):
    order = sorted((i for i, s in enumerate(scores) if s is not None), key=lambda i: -scores[i])    # stable
    return order[:k]


def expected_lists(records, said, catalogue, bits=None):
    """Coverage and Gini by RecBole where all lists are full, else by its formulas; novelty."""
    want = {}
    for k in CUTS:
        lists = [[r["items"][i] for i in tops(said[r["id"]], k)] for r in records]
        flat = [x for one in lists for x in one]
        if not flat:
            want |= {f"coverage{k}": None, f"gini{k}": None, f"novelty{k}": None}
            continue
        matrix = np.array(lists) if all(len(one) == k for one in lists) else np.array([flat])
        want[f"coverage{k}"] = recbole.ItemCoverage(CONFIG).get_coverage(matrix, catalogue)
        want[f"gini{k}"] = recbole.GiniIndex(CONFIG).get_gini(matrix, catalogue)
        want[f"novelty{k}"] = np.mean([bits[x] for x in flat]) if bits else None
    return want


def expected_agreement(records, said, first_seen):
    groups = {}
    for r in records:
        best = tops(said[r["id"]], 1)
        top = [i for i, s in enumerate(said[r["id"]]) if best and s == said[r["id"]][best[0]]]
        groups.setdefault(r["base"], []).append(min((r["items"][i] for i in top), key=first_seen.get, default=None))
    pairs = [a == b and a is not None for g in groups.values() for i, a in enumerate(g) for b in g[:i]]
    return np.mean(pairs) if pairs else None


def expected_places(records, said):
    wide, rows = max(len(r["items"]) for r in records), []
    picks = np.zeros(wide)
    offered = np.zeros(wide)
    hits = [{} for _ in range(wide)]
    for r in records:
        x = np.array([NO_SCORE if s is None else s for s in said[r["id"]]])
        offered[:len(x)] += 1
        if x.max() > NO_SCORE:
            picks[:len(x)] += (x == x.max()) / np.sum(x == x.max())
        hits[r["target"]].setdefault(r["base"], []).append(row_means(said[r["id"]], r["target"])["hr1"])
    for p in range(wide):
        h = [np.mean(v) for v in hits[p].values()]
        lo, hi = wilson(np.mean(h), len(h)) if h else (None, None)
        rows.append(dict(position=p, n=len(h), hr1=np.mean(h) if h else None, lo=lo, hi=hi,
                         picked=picks[p] / offered[p]))
    return rows


class Run:
    """What a run should give; the cases are in the order of the first run's file."""

    def __init__(self, records, order, told):
        self.records, self.said = records, told["said"]
        rows = {}
        for r in records:
            rows.setdefault(r["base"], []).append(row_means(self.said[r["id"]], r["target"]))
        self.case = [{k: np.mean([x[k] for x in rows[b]]) for k in rows[b][0]} for b in order]
        self.n = len(order)
        self.want = {k: np.mean(v) if (v := [c[k] for c in self.case if k in c]) else None
                     for k in [*self.case[0], "auc"]}
        self.want["n"] = self.n
        self.want["lo"], self.want["hi"] = wilson(self.want["hr1"], self.n)
        for k in CUTS[1:]:
            self.want[f"hr{k}_lo"], self.want[f"hr{k}_hi"] = wilson(self.want[f"hr{k}"], self.n)
        for k in CUTS:
            self.want[f"ndcg{k}_lo"], self.want[f"ndcg{k}_hi"] = normal(self.of(f"ndcg{k}"), 0, 1)
        for field, list_ in (("valid", "valid"), ("hr1_text", "right")):
            share = np.mean(told[list_]) if told[list_] else None
            self.want[field] = share
            self.want[f"{field}_lo"], self.want[f"{field}_hi"] = wilson(share, len(told[list_])) if told[list_] else (None, None)
        rated = np.array(told["rated"])
        self.want["rmse"] = root_mean_squared_error(*rated.T) if len(rated) else None
        self.want["mae"] = mean_absolute_error(*rated.T) if len(rated) else None

    def of(self, metric):
        return np.array([c[metric] for c in self.case])

    def bootstrap(self, chosen):
        for m in ["hr1", "mrr"] + [f"ndcg{k}" for k in CUTS]:
            lo, hi = np.percentile(self.of(m)[chosen].mean(axis=1), [2.5, 97.5])
            self.want |= {f"{m}_boot_lo": lo, f"{m}_boot_hi": hi}


def paired(runs, against, chosen):
    wants = []
    for a in (r for r in runs if r is not against):
        d = a.of("hr1") - against.of("hr1")
        wins, losses = int(np.sum(d > 1e-9)), int(np.sum(d < -1e-9))
        lo, hi = normal(d, -1, 1)
        p = stats.binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
        want = dict(n=len(d), difference=np.mean(d), lo=lo, hi=hi, wins=wins, losses=losses, p=p)
        for m in ["hr1", "mrr"] + [f"ndcg{k}" for k in CUTS]:
            d = a.of(m) - against.of(m)
            again = d[chosen].mean(axis=1)
            lo, hi = np.percentile(again, [2.5, 97.5])
            beyond = np.sum(np.abs(again - d.mean()) >= np.abs(d.mean()) - 1e-7)
            want |= {f"{m}_boot_lo": lo, f"{m}_boot_hi": hi, f"{m}_boot_p": (1 + beyond) / (1 + B)}
            if m != "hr1":
                want[f"{m}_difference"] = d.mean()
        wants.append(want)
    for p in [k for k in wants[0] if k == "p" or k.endswith("_p")]:
        for want, corrected in zip(wants, holm([w[p] for w in wants])):
            want[p + "_holm"] = corrected
    return wants


def evaluate(folder, args):
    text = subprocess.run(["evaluate", *args], cwd=folder, check=True, capture_output=True, text=True).stdout
    return list(map(json.loads, text.splitlines()))


def write(path, records, rng):
    with open(path, "w", encoding="utf-8") as f:
        f.writelines(json.dumps(r, ensure_ascii=bool(rng.integers(2))) + "\n" for r in records)


def distance(got, want):
    worst = 0.0
    for key, x in want.items():
        if (got[key] is None) != (x is None):
            sys.exit(f"{key} is {got[key]}, not {x}")
        if x is not None and not abs(got[key] - x) <= TOLERANCE:
            print(f"{key} is {got[key]}, not {x}", file=sys.stderr)
        worst = max(worst, 0 if x is None else abs(got[key] - x))
    return worst


def permuted(rng, rec, permutations):
    """The case's records: the same candidates in other orders."""
    out = []
    for p in range(1, permutations + 1):
        order = rng.permutation(len(rec["items"]))
        one = rec | dict(id=rec["base"] + (f"~{p}" if p > 1 else ""), items=[rec["items"][i] for i in order],
                         target=int(np.flatnonzero(order == rec["target"])[0]))
        out.append(one | (dict(permutation=p) if permutations > 1 else {}))
    return out


def first_order(lines):
    """Cases in the order of a file, and the items."""
    cases, items = {}, {}
    for rec in lines:
        cases.setdefault(rec.get("case", rec["id"]).split("~")[0])
        for c in rec.get("candidates", []):
            items.setdefault(c["item"], len(items))
    return list(cases), items


def plain_trial(rng, folder):
    """Four runs of made-up cases, compared with the second of them."""
    even, permutations = rng.random() < 0.5, int(rng.integers(1, 4))
    records = []
    for i in range(int(rng.integers(2, 120))):
        n = int(rng.integers(max(CUTS), 26)) if even else int(rng.integers(1, 26))
        rec = dict(base=f"u{i}#{rng.integers(1, 99)}", target=int(rng.integers(n)),
                   source=dict(hash="0123456789abcdef", split="loo"),
                   items=[str(x) for x in rng.choice(200, n, replace=False)])
        records += permuted(rng, rec, permutations)
    lines, told = zip(*(write_run(rng, kind, records, rng.uniform(0, 3), [0, 0.5, 1, 3][rng.integers(4)],
                                  0 if even else 0.1, even or rng.random() < 0.8)
                        for kind in ("scored", "choose", "rate", "scored")))
    cases, _ = first_order(lines[0])
    runs = [Run(records, cases, t) for t in told]
    seed = int(rng.integers(2**32))
    chosen = draws(seed, len(cases))
    names = [f"r{i}.jsonl" for i in range(len(runs))]
    for name, one in zip(names, lines):
        write(f"{folder}/{name}", one, rng)
    _, seen = first_order(sum(lines, []))
    places = []
    for run, one in zip(runs, lines):
        run.bootstrap(chosen)
        if all("candidates" in r for r in one):
            run.want |= expected_lists(records, run.said, len(seen))
            if permutations > 1:
                run.want["agreement"] = expected_agreement(records, run.said, seen)
        places += expected_places(records, run.said)
    args = ["--against", "r1", "--bootstrap", str(B), "--seed", str(seed), "--positions", *names]
    return [(args, [run.want for run in runs] + paired(runs, runs[1], chosen) + places)]


def estimates(N, n):
    """m[rank - 1] of each metric, Krichene and Rendle's bias-variance estimator with gamma 0.01."""
    r, gamma = np.arange(1, N + 1), 0.01
    P = stats.hypergeom.pmf(np.arange(n)[None], N - 1, (r - 1)[:, None], n - 1)
    A = P / np.sqrt(N)
    left = (1 - gamma) * A.T @ A + gamma * np.diag(P.mean(axis=0))
    out = {}
    for k in CUTS:
        for name, M in ((f"hr{k}_full", r <= k), (f"ndcg{k}_full", (r <= k) / np.log2(1 + r))):
            out[name] = np.linalg.solve(left, A.T @ (M / np.sqrt(N)))
    return out


def graph_trial(rng, folder):
    """Cases of `candidates` over a random graph: what a graph adds, and the probes."""
    users, items, permutations, n = int(rng.integers(30, 90)), int(rng.integers(60, 120)), int(rng.integers(1, 3)), 8
    draw = ["uniform", "popular"][rng.integers(2)]
    pull = rng.random(items) ** 3
    events = {f"u{u}": [str(x) for x in rng.choice(items, int(rng.integers(8, 25)), replace=False, p=pull / pull.sum())]
              for u in range(users)}
    graph, cases, scored = (f"{folder}/{name}.jsonl" for name in ("g", "cases", "m"))
    titles = {x: "t" * int(rng.integers(1, 30)) for one in events.values() for x in one}
    write(graph, [dict(item=x, title=t) for x, t in titles.items()] +
          [dict(user=u, item=x, time=t) for u, one in events.items() for t, x in enumerate(one)], rng)
    with open(cases, "w", encoding="utf-8") as f:
        subprocess.run(["candidates", "--quiet", "--split", "test", "--negatives", str(n - 1), "--draw", draw,
                        "--permutations", str(permutations), "--seed", str(rng.integers(1000)), graph],
                       check=True, stdout=f)
    with open(cases, encoding="utf-8") as f:
        lines = list(map(json.loads, f))
    count = {x: sum(x in one[:-1] for one in events.values()) for x in titles}
    bits = {x: -np.log2(max(1, c) / users) for x, c in count.items()}
    records = [dict(base=r["id"].split("~")[0], id=r["id"], user=r["user"], target=r["target"],
                    items=[c["item"] for c in r["candidates"]]) for r in lines]
    said = {r["id"]: draw_scores(rng, n, r["target"], 1, 0.5, 0.05) for r in records}
    write(scored, [r | dict(scores=said[r["id"]]) for r in lines], rng)
    order = list(dict.fromkeys(r["base"] for r in records))
    run = Run(records, order, dict(said=said, valid=[], right=[], rated=[]))
    run.want |= expected_lists(records, said, len(titles), bits)
    full = {}
    for r in records:
        x = np.array([NO_SCORE if s is None else s for s in said[r["id"]]])
        above, tied = open_ranks(x, r["target"])
        for name, m in estimates(len(titles) - len(events[r["user"]]) + 1, n).items():
            full.setdefault(name, []).append(m[above:above + tied].mean() if draw == "uniform" else None)
    run.want |= {k: np.mean(v) if v[0] is not None else None for k, v in full.items()}
    groups, strata = int(rng.integers(1, 6)), []
    known = {r["base"]: count[r["items"][r["target"]]] for r in records}
    ranked = sorted(range(len(order)), key=lambda i: known[order[i]])
    level = [known[order[i]] for i in ranked]
    cuts = [len(order) * g // groups for g in range(groups + 1)]        # no cut parts cases of one count
    cuts = [c if c in (0, len(order)) else next((k for k in range(c, len(order)) if level[k] != level[k - 1]), len(order))
            for c in cuts]
    for g in range(groups):
        part = ranked[cuts[g]:cuts[g + 1]]
        if not part:
            continue
        hr1 = run.of("hr1")[part].mean()
        lo, hi = wilson(hr1, len(part))
        strata.append(dict(n=len(part), hr1=hr1, lo=lo, hi=hi, stratum=g + 1, known_from=known[order[part[0]]],
                           known_to=known[order[part[-1]]],
                           **{f"ndcg{k}": run.of(f"ndcg{k}")[part].mean() for k in CUTS}))
    return [(["--graph", "g.jsonl", "--strata", str(groups), "m.jsonl"], [run.want] + strata),
            (["--probes", "--graph", "g.jsonl", "cases.jsonl"], probes(records, events, titles, count, order))]


def probes(records, events, titles, count, order):
    scores = [lambda r, i: count[r["items"][i]], lambda r, i: -count[r["items"][i]],
              lambda r, i: -abs(int(r["items"][i]) - int(events[r["user"]][-2])),
              lambda r, i: -len(titles[r["items"][i]]), lambda r, i: len(titles[r["items"][i]]), lambda r, i: -i]
    wants = []
    for score in scores:
        hits = {}
        for r in records:
            x = [score(r, i) for i in range(len(r["items"]))]
            hits.setdefault(r["base"], []).append(row_means(x, r["target"])["hr1"])
        hr1, n, chance = np.mean([np.mean(v) for v in hits.values()]), len(order), 1 / len(records[0]["items"])
        lo, hi = wilson(hr1, n)
        p = stats.binomtest(int(np.ceil(hr1 * n - 0.5 - 1e-6)), n, chance).pvalue
        wants.append(dict(n=n, hr1=hr1, lo=lo, hi=hi, chance=chance, p=p))
    return wants


def run_trial(trial, rng, folder):
    """The largest difference; what was asked and wanted goes into the folder."""
    worst = 0.0
    with open(f"{folder}/want.jsonl", "w", encoding="utf-8") as f:
        for args, wants in trial(rng, folder):
            rows = evaluate(folder, args)
            print(json.dumps(dict(args=args, want=wants), default=float), file=f)
            for got, want in zip(rows, wants, strict=True):
                worst = max(worst, distance(got, want))
    return worst


def main():
    if sys.argv[1:2] == ["--write"]:
        for trial in (plain_trial, graph_trial):
            folder = f"{sys.argv[2]}/{trial.__name__.removesuffix('_trial')}"
            os.makedirs(folder, exist_ok=True)
            run_trial(trial, np.random.default_rng(int(sys.argv[3])), folder)
        return
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else int.from_bytes(os.urandom(4), "little")
    rng = np.random.default_rng(seed)
    worst = 0.0
    for trial in [plain_trial, graph_trial] * 10:
        with tempfile.TemporaryDirectory() as folder:
            worst = max(worst, run_trial(trial, rng, folder))
    print(f"seed {seed}: the largest difference is {worst:.2g}")
    sys.exit(1 if worst > TOLERANCE else 0)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""recbole_models - train one of RecBole's models on what test cases may know, and score their candidates.

usage: recbole_models.py MODEL GRAPH.jsonl CASES.jsonl EPOCHS SEED [name=value ...] > scored.jsonl

MODEL is BPR, LightGCN, SASRec or GRU4Rec. The cases are leave-one-out test cases: RecBole gets every event
but the last of each user, in the order of `graphload`, and its own defaults but for what name=value says.
Scored records go to stdout; stderr ends with one line of JSON: seconds of fit and seconds an epoch.
"""
import json
import logging
import os
import sys
import tempfile
import time

import numpy as np
import torch

torch.set_flush_denormal(True)      # moments that fade away cost torch most of its time otherwise
for old, new in dict(bool8="bool_", float_="float64", complex_="complex128", unicode_="str_").items():
    setattr(np, old, getattr(np, new))      # names that RecBole 1.2.1 still uses
from recbole.config import Config                                   # noqa: E402
from recbole.data import create_dataset, create_samplers            # noqa: E402
from recbole.data.interaction import Interaction                    # noqa: E402
from recbole.data.utils import get_dataloader                       # noqa: E402
from recbole.utils import get_model, get_trainer, init_seed         # noqa: E402


def known_events(path):
    """{user: items in order}, without each user's last event."""
    last, order = {}, {}
    for line, text in enumerate(open(path, encoding="utf-8")):
        rec = json.loads(text)
        if "user" in rec:
            key = (rec.get("time", line), line)
            pair = rec["user"], rec["item"]
            last[pair] = max(last.get(pair, key), key)
    for (user, item), key in last.items():
        order.setdefault(user, []).append((key, item))
    return {u: [item for _, item in sorted(rows)[:-1]] for u, rows in order.items()}


def write_atomic(folder, name, known):
    os.makedirs(f"{folder}/{name}")
    with open(f"{folder}/{name}/{name}.inter", "w", encoding="utf-8") as f:
        f.write("user_id:token\titem_id:token\ttimestamp:float\n")
        for user, items in known.items():
            for k, item in enumerate(items):
                f.write(f"{user}\t{item}\t{k}\n")


def patch_lightgcn():
    """SciPy's dok_matrix lost the private method that RecBole fills it by."""
    import scipy.sparse as sp
    sp.dok_matrix._update = lambda self, data: self._dict.update(data)


def fit(model_name, folder, name, epochs, seed, extra):
    config = Config(model=model_name, dataset=name, config_dict=dict(
        data_path=folder, epochs=epochs, seed=seed, reproducibility=True, use_gpu=False, state="WARNING",
        load_col={"inter": ["user_id", "item_id", "timestamp"]}, show_progress=False,
        eval_args=dict(split={"RS": [1, 0, 0]}, order="TO", group_by="none", mode="full"),
        train_neg_sample_args=dict(distribution="uniform", sample_num=1, alpha=1.0, dynamic=False,
                                   candidate_num=0) if model_name in ("BPR", "LightGCN") else None,
        checkpoint_dir=folder + "/saved", **extra))
    logging.disable(logging.WARNING)
    init_seed(seed, True)
    dataset = create_dataset(config)
    built = dataset.build()
    samplers = create_samplers(config, dataset, built)
    data = get_dataloader(config, "train")(config, built[0], samplers[0], shuffle=True)
    init_seed(seed, True)
    model = get_model(model_name)(config, data.dataset).to("cpu")
    trainer = get_trainer(config["MODEL_TYPE"], model_name)(config, model)
    start = time.perf_counter()
    trainer.fit(data, None, saved=False, show_progress=False)
    return model.eval(), data.dataset, config, time.perf_counter() - start


def interaction(model_name, dataset, config, user, history):
    if model_name in ("BPR", "LightGCN"):
        return Interaction({"user_id": torch.tensor([dataset.token2id("user_id", user)])})
    length = config["MAX_ITEM_LIST_LENGTH"]
    ids = [dataset.token2id("item_id", i) for i in history[-length:]]
    row = torch.zeros(1, length, dtype=torch.long)
    row[0, :len(ids)] = torch.tensor(ids)
    return Interaction({"item_id_list": row, "item_length": torch.tensor([len(ids)])})


def main(model_name, graph, cases, epochs, seed, *extra):
    known = known_events(graph)
    values = {k: json.loads(v) for k, v in (x.split("=", 1) for x in extra)}
    if model_name == "LightGCN":
        patch_lightgcn()
    with tempfile.TemporaryDirectory() as folder:
        write_atomic(folder, "known", known)
        model, dataset, config, seconds = fit(model_name, folder, "known", int(epochs), int(seed), values)
    tokens = dataset.field2token_id["item_id"]
    with torch.no_grad():
        for text in open(cases, encoding="utf-8"):
            rec = json.loads(text)
            scores = model.full_sort_predict(interaction(model_name, dataset, config, rec["user"],
                                                         known[rec["user"]])).reshape(-1)
            ids = [tokens.get(c["item"]) for c in rec["candidates"]]
            print(json.dumps(dict(
                id=rec["id"], source=rec["source"], target=rec["target"], model=model_name,
                candidates=[dict(item=c["item"]) for c in rec["candidates"]],
                scores=[float(scores[i]) if i is not None else None for i in ids])))
    print(json.dumps(dict(model=model_name, seed=int(seed), epochs=int(epochs), seconds=seconds,
                          seconds_per_epoch=seconds / int(epochs), threads=torch.get_num_threads())),
          file=sys.stderr)


if __name__ == "__main__":
    if len(sys.argv) < 6:
        sys.exit(__doc__)
    main(*sys.argv[1:])

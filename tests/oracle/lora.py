#!/usr/bin/env python3
"""lora - check that peft and we load one another's adapters, and agree about them.

usage: lora.py [--seed N] [--rounds N]

For ROUNDS (3) random base models of each kind: an adapter of random rank, alpha and matrices trained by `sft-train` for
a few steps, and one of peft's, its B drawn, with its scale by rank or by root of the rank. peft's PeftModel has the
log-probabilities that `rollout` of the adapter's directory records, `model-convert` merges base and adapter to the
parameters that peft's merge_and_unload has, but for the rounding of the product, and peft loads, with the tensors and
the settings it gave, what `sft-train` writes of its adapter untrained. The programs are those on PATH. Prints one line;
fails at the first difference.
"""
import json
import tempfile
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file

import peer

MATRICES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
ROUNDING = 1e-6         # of a merged matrix, beside the greatest sum of its terms' sizes


def targets(r):
    return r.choice(["all-linear", ["q_proj", "v_proj"], r.sample(MATRICES, r.randrange(1, 8))])


def train(r, base, out, data, *options):
    peer.run("sft-train", "-m", base, "-o", out, "--batch", 6, "--warmup", 0, *options, data)
    return out / "last"


def ours(r, base, scratch, data):
    names = targets(r)
    return train(r, base, scratch / "ours", data, "--steps", 3, "--lr", 0.02, "--lora-rank", r.randrange(1, 20),
                 "--lora-alpha", r.uniform(1, 40), "--lora-targets", names if names == "all-linear" else ",".join(names))


def theirs(r, base, scratch):
    config = LoraConfig(r=r.randrange(1, 20), lora_alpha=r.randrange(1, 40), target_modules=targets(r),
                        use_rslora=r.random() < 0.5, task_type="CAUSAL_LM")
    model = get_peft_model(peer.load(base), config)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "lora_B" in name:
                p.normal_(0, 0.05)
    model.save_pretrained(scratch / "theirs")
    return scratch / "theirs"


def terms(module):
    """The greatest |W| + scale |B| |A| of an adapted matrix: what its rounding is to be measured by."""
    a, b = module.lora_A["default"].weight.abs(), module.lora_B["default"].weight.abs()
    return float((module.base_layer.weight.abs() + module.scaling["default"] * b @ a).max())


def check_merged(adapted, adapter, scratch):
    out = scratch / f"{adapter.parent.name}-merged"
    peer.run("model-convert", "--merge", "-o", out, adapter)
    summed = {name.removeprefix("base_model.model.") + ".weight": terms(m) for name, m in adapted.named_modules()
              if hasattr(m, "lora_A")}
    want, worst = dict(adapted.merge_and_unload().named_parameters()), 0
    for name, p in peer.load(out).named_parameters():
        worst = max(worst, float((p - want[name]).abs().max() / summed.get(name, want[name].abs().max())))
    assert worst < ROUNDING, f"{adapter}: merged matrices differ by {worst:.2g}"
    return worst


def check_untrained(r, adapter, scratch, data):
    """What sft-train makes of an adapter in no steps is the same adapter."""
    again = train(r, adapter, scratch / "again", data, "--steps", 1, "--lr", 0)
    a, b = (load_file(d / "adapter_model.safetensors") for d in (adapter, again))
    assert a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a), f"{adapter}: other tensors"
    a, b = (json.loads((d / "adapter_config.json").read_text()) for d in (adapter, again))
    for key in ["r", "lora_alpha", "use_rslora", "task_type", "bias"]:
        assert a[key] == b[key], f"{adapter}: {key}: {b[key]}"


def check(r, kind, dtype, scratch, worst):
    tokenizer = peer.random_tokenizer(r, peer.random_pre(r, kind), scratch / "tokenizer")
    base = peer.save(peer.random_model(r, kind, tokenizer), scratch / "base", tokenizer, dtype)
    data, merged = scratch / "records.jsonl", 0
    data.write_text(peer.random_records(r, 6))
    for adapter in ours(r, base, scratch, data), theirs(r, base, scratch):
        adapted = PeftModel.from_pretrained(peer.load(base), adapter).eval()
        records = peer.rollout(adapter, peer.random_prompts(r), "-n", 2)
        worst.add(adapted, base, records)
        merged = max(merged, check_merged(adapted, adapter, scratch))
    check_untrained(r, adapter, scratch, data)
    return merged


def main():
    args, r = peer.arguments(__doc__, 3)
    worst, merged = peer.Worst(), 0
    for _ in range(args.rounds):
        for kind in peer.KINDS:
            with tempfile.TemporaryDirectory() as scratch:
                merged = max(merged, check(r, kind, r.choice(list(peer.DTYPES)), Path(scratch), worst))
    print(f"{worst}; merged matrices {merged:.1g}")


main()

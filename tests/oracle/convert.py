#!/usr/bin/env python3
"""convert - check what `model-convert` writes against `transformers`, `gguf` and llama.cpp.

usage: convert.py DIR ...

Each DIR is a small model directory with its tokenizer. It is converted to every format and type by the
program `model-convert` on PATH, into a scratch folder:
  safetensors   transformers loads model and tokenizer; logits equal those of the original rounded to the type,
                tokens those of the original's tokenizer
  GGUF          tensors have the bytes that gguf-py gives them; llama.cpp, on the same weights, has the same logits
                but for its rounding, the same greedy text unless that decides, and the same tokens; back as
                safetensors, a F32 file has the original's parameters, and any file its tokenizer
Prints one line a file; exits 1 if one is wrong.
"""
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from gguf import GGUFReader, MODEL_ARCH_NAMES, get_tensor_name_map
from gguf.quants import quantize
from llama_cpp import Llama
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

TEXTS = ["The end of the film", "I've 1234567 ratings; he'll see \"Salt & Iron\" (2003)!\n\n\tyes  no   x",
         "<|im_start|>user\nWhat?<|im_end|>\n<|im_start|>assistant\n<think>é 你好 😀</think>", " 3.14 a_b\r\n"]
DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
ROUNDING = {"f32": 1e-4, "f16": 0.05, "bf16": 0.5, "q8_0": 2}       # llama.cpp rounds activations to the type, too
bad = 0


def report(name, fine, text):
    global bad
    bad += not fine
    print("ok" if fine else "BAD", name, text, flush=True)


def convert(*args):
    subprocess.run(["model-convert", "--quiet", *map(str, args)], check=True)


def load(path, dtype=torch.float32):
    model, info = AutoModelForCausalLM.from_pretrained(path, dtype=dtype, output_loading_info=True)
    left = {k: v for k, v in info.items() if v and k != "error_msgs"}
    return model.eval(), left


def logits(model, ids):
    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0].double().numpy()


def check_safetensors(source, scratch, dtype):
    out = scratch / f"{source.name}-{dtype}"
    convert("--dtype", dtype, "-o", out, source)
    model, left = load(out, "auto")
    want, _ = load(source, DTYPES[dtype])
    a, b = AutoTokenizer.from_pretrained(out), AutoTokenizer.from_pretrained(source)
    ids = b(TEXTS[0])["input_ids"]
    same = all(torch.equal(p, dict(model.named_parameters())[n]) for n, p in want.named_parameters())
    fine = (not left and same and model.dtype == DTYPES[dtype] and np.array_equal(logits(model, ids), logits(want, ids))
            and all(a(t) == b(t) for t in TEXTS) and a.chat_template == b.chat_template
            and model.generation_config.to_dict() == want.generation_config.to_dict())
    report(out.name, fine, f"{model.dtype} {left or ''}")


def same_bytes(reader, model):
    """Whether a GGUF file has the model's tensors as gguf-py packs them, q and k turned for llama."""
    c = model.config
    names = get_tensor_name_map(next(a for a, n in MODEL_ARCH_NAMES.items() if n == c.model_type), c.num_hidden_layers)
    tensors = {t.name: t for t in reader.tensors}
    for name, p in model.named_parameters():
        w, t = p.detach().numpy(), tensors.pop(names.get_name(name, (".weight", ".bias")))
        heads = {"q_proj": c.num_attention_heads, "k_proj": c.num_key_value_heads}.get(name.split(".")[-2])
        if c.model_type == "llama" and heads:
            w = w.reshape(heads, 2, w.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(w.shape)
        if quantize(np.ascontiguousarray(w), t.tensor_type).tobytes() != t.data.tobytes():
            return False
    return set(tensors) <= {"rope_freqs.weight"}


def greedy(llama, ids, n):
    llama.reset()
    out = []
    llama.eval(ids)
    for _ in range(n):
        out.append(int(np.argmax(llama.scores[llama.n_tokens - 1])))
        llama.eval(out[-1:])
    return out


def greedy_here(model, ids, n):
    out, gaps = [], []
    for _ in range(n):
        last = np.sort(logits(model, ids + out)[-1])
        gaps.append(last[-1] - last[-2])
        out.append(int(np.argmax(logits(model, ids + out)[-1])))
    return out, min(gaps)


def check_gguf(source, scratch, dtype):
    out, back = scratch / f"{source.name}-{dtype}.gguf", scratch / f"{source.name}-{dtype}-back"
    convert("--dtype", dtype, "-o", out, source)
    convert("-o", back, out)
    model, left = load(back)
    original, _ = load(source)
    tokenizer = AutoTokenizer.from_pretrained(source)
    again = AutoTokenizer.from_pretrained(back)
    llama = Llama(str(out), n_ctx=128, logits_all=True, verbose=False, n_threads=1, flash_attn=False, type_k=0, type_v=0)
    reader = GGUFReader(out)
    kinds = sorted({t.tensor_type.name for t in reader.tensors})
    ids = tokenizer(TEXTS[1])["input_ids"][:48]
    llama.eval(ids)
    worst = np.abs(llama.scores[:len(ids)] - logits(model, ids)).max()
    same = dtype != "f32" or all(torch.equal(p, dict(original.named_parameters())[n]) for n, p in model.named_parameters())
    here, gap = greedy_here(model, ids, 24)
    there = greedy(llama, ids, 24)
    tokens = sum(llama.tokenize(t.encode(), add_bos=False, special=True) == again(t, add_special_tokens=False)["input_ids"] for t in TEXTS)
    same = same and same_bytes(reader, original)
    fine = (not left and same and (here == there or gap < 2 * worst) and worst < ROUNDING[dtype] and tokens == len(TEXTS)
            and all(again(t) == tokenizer(t) for t in TEXTS) and again.chat_template == tokenizer.chat_template
            and model.config.eos_token_id == original.config.eos_token_id and model.config.bos_token_id == original.config.bos_token_id)
    report(out.name, fine, f"{' '.join(kinds)}; logits {worst:.1e}, {'equal' if here == there else f'unequal (gap {gap:.1e})'} text, "
                           f"{tokens} of {len(TEXTS)} texts with equal tokens {left or ''}")


def main():
    logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as scratch:
        for source in map(Path, sys.argv[1:]):
            for dtype in DTYPES:
                check_safetensors(source, Path(scratch), dtype)
            for dtype in [*DTYPES, "q8_0"]:
                check_gguf(source, Path(scratch), dtype)
    sys.exit(bad > 0)


main()

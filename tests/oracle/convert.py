#!/usr/bin/env python3
"""convert - check what `model-convert` writes against `transformers`, `gguf` and llama.cpp.

usage: convert.py [--seed N] [--rounds N] [DIR ...]

Each DIR is a small model directory with its tokenizer; without one, ROUNDS (2) random models of each kind are made. Each
is converted to every format and type by the program `model-convert` on PATH, into a scratch folder:
  safetensors   transformers loads model and tokenizer; logits equal those of the original rounded to the type,
                tokens those of the original's tokenizer
  GGUF          tensors have the bytes that gguf-py gives them; back as safetensors, a F32 file has the original's
                parameters, and any file its tokenizer; llama.cpp has the same tokens, and of the parameters in the file
                the logits within 3e-4 and the greedy text of `rollout`. Of types but F32 llama.cpp rounds what enters
                a matrix to the matrix's type: its logits may then differ by three times what the same
                rounding does to them in transformers, and a text may part at two tokens that are closer than twice
                the difference found.
Prints one line; fails at the first that is wrong.
"""
import copy
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from gguf import GGMLQuantizationType, GGUFReader
from gguf.quants import dequantize, quantize
from llama_cpp import Llama
from transformers import AutoModelForCausalLM, AutoTokenizer

import peer

TEXTS = ["The end of the film", "I've 1234567 ratings; he'll see \"Salt & Iron\" (2003)!\n\n\tyes  no   x",
         "<|im_start|>user\nWhat?<|im_end|>\n<|im_start|>assistant\n<think>é 你好 😀</think>", " 3.14 a_b\r\n"]


def convert(*args):
    peer.run("model-convert", *args)


def logits(model, ids):
    with torch.no_grad():
        return model(torch.tensor([ids])).logits[0].double().numpy()


def same_parameters(a, b):
    b = dict(b.named_parameters())
    return all(torch.equal(p, b[name]) for name, p in a.named_parameters())


def check_safetensors(source, out, dtype):
    convert("--dtype", dtype, "-o", out, source)
    peer.load(out)
    model = AutoModelForCausalLM.from_pretrained(out, dtype="auto").eval()
    want = AutoModelForCausalLM.from_pretrained(source, dtype=peer.DTYPES[dtype]).eval()
    a, b = AutoTokenizer.from_pretrained(out), AutoTokenizer.from_pretrained(source)
    ids = b(TEXTS[0])["input_ids"]
    assert model.dtype == want.dtype and same_parameters(want, model), f"{out}: other parameters"
    assert np.array_equal(logits(model, ids), logits(want, ids)), f"{out}: other logits"
    assert all(a(t) == b(t) for t in TEXTS) and a.chat_template == b.chat_template, f"{out}: another tokenizer"
    assert model.generation_config.to_dict() == want.generation_config.to_dict(), f"{out}: another generation_config.json"


def check_bytes(out, model):
    """A GGUF file has the model's tensors as gguf-py packs them. Parameter to type."""
    tensors, kinds = {t.name: t for t in GGUFReader(out).tensors}, {}
    for name, there, w in peer.gguf_tensors(model):
        t = tensors.pop(there)
        kinds[name] = t.tensor_type
        assert quantize(w, t.tensor_type).tobytes() == t.data.tobytes(), f"{out}: {name}"
    assert set(tensors) <= {"rope_freqs.weight"}, f"{out}: {set(tensors)} left over"
    return kinds


def round_inputs(model, kinds):
    """A copy of the model that rounds what enters a matrix to its type, as llama.cpp does."""
    model = copy.deepcopy(model)
    for name, module in model.named_modules():
        kind = kinds.get(name + ".weight", kinds["model.embed_tokens.weight"])
        if isinstance(module, torch.nn.Linear) and kind != GGMLQuantizationType.F32:
            module.register_forward_pre_hook(lambda _, x, k=kind: torch.from_numpy(dequantize(quantize(x[0].numpy(), k), k)))
    return model


def greedy(llama, ids, n):
    llama.reset()
    out = []
    llama.eval(ids)
    for _ in range(n):
        out.append(int(np.argmax(llama.scores[llama.n_tokens - 1])))
        llama.eval(out[-1:])
    return out


class Tally:
    """Of a type: files, texts, those that are equal, how close a tie decides the others, differences of logits."""

    def __init__(self):
        self.files = self.texts = self.equal = 0
        self.worst = self.moved = self.tie = 0.0
        self.kinds = set()

    def text(self, llama, model, rounded, ids, here):
        """llama.cpp's logits and greedy text behind ids against the model's, of which rollout gave the text `here`."""
        llama.reset()
        llama.eval(ids + here)
        own = logits(model, ids + here)
        worst = np.abs(llama.scores[:len(own)] - own).max()
        moved = np.abs(logits(rounded, ids + here) - own).max()
        self.worst, self.moved, self.texts = max(self.worst, worst), max(self.moved, moved), self.texts + 1
        assert worst < 3 * moved + 3e-4, (f"{peer.describe(model.config)}: logits differ by {worst:.2g}, "
                                          f"and by {moved:.2g} for their inputs' rounding")
        there = greedy(llama, ids, len(here))
        if here == there:
            self.equal += 1
            return
        k = next(i for i in range(len(here)) if here[i] != there[i])
        gap = own[len(ids) + k - 1, here[k]] - own[len(ids) + k - 1, there[k]]
        self.tie = max(self.tie, gap)
        assert -3e-4 < gap < 2 * worst, (f"{peer.describe(model.config)}: token {k} of the text is {there[k]}, "
                                         f"not {here[k]}, which is ahead by {gap:.2g}")

    def __str__(self):
        return (f"{self.files} files ({' '.join(sorted(self.kinds))}), logits within {self.worst:.1g}"
                + (f" (rounding gives {self.moved:.1g})" if self.moved else "") + f", {self.equal} of {self.texts} texts equal"
                + (f", others from a tie within {self.tie:.1g}" if self.equal < self.texts else ""))


def check_gguf(source, out, dtype, prompts, tally):
    back = out.with_suffix(".back")
    convert("--dtype", dtype, "-o", out, source)
    convert("-o", back, out)
    model, original = peer.load(back), peer.load(source)
    tokenizer, again = AutoTokenizer.from_pretrained(source), AutoTokenizer.from_pretrained(back)
    same = all(again(t) == tokenizer(t) for t in TEXTS) and again.chat_template == tokenizer.chat_template
    kinds = check_bytes(out, original)
    tally.kinds |= {k.name for k in kinds.values()}
    tally.files += 1
    assert dtype != "f32" or same_parameters(original, model), f"{out}: other parameters"
    assert same, f"{out}: another tokenizer"
    original.load_state_dict(model.state_dict())      # the original's configuration with the parameters of the file
    for key in "eos_token_id", "bos_token_id":
        assert getattr(model.config, key) == getattr(original.config, key), f"{out}: another {key}"
    llama = Llama(str(out), n_ctx=256, logits_all=True, verbose=False, n_threads=1, n_threads_batch=1,
                  flash_attn=False, type_k=0, type_v=0)
    for text in TEXTS + prompts:
        ids = llama.tokenize(text.encode(), add_bos=False, special=True)
        assert ids == again(text, add_special_tokens=False)["input_ids"], f"{out}: other tokens of {text!r}"
    rounded = round_inputs(original, kinds)
    for record in peer.rollout(back, prompts, "--greedy"):
        ids = tokenizer(record["prompt"], add_special_tokens=False)["input_ids"]
        tally.text(llama, original, rounded, ids, record["samples"][0]["tokens"])


def check(r, source, scratch, tallies):
    tokenizer = AutoTokenizer.from_pretrained(source)
    prompts = [t for t in TEXTS[1:2] + [peer.random_text(r, r.randrange(1, 9)) for _ in range(6)]
               if len(tokenizer(t)["input_ids"]) < 200]
    for dtype in peer.DTYPES:
        check_safetensors(source, scratch / dtype, dtype)
    for dtype in [*peer.DTYPES, "q8_0"]:
        check_gguf(source, scratch / f"{dtype}.gguf", dtype, prompts, tallies[dtype])


def random_source(r, kind, scratch):
    tokenizer = peer.random_tokenizer(r, peer.random_pre(r, kind), scratch / "tokenizer")
    model = peer.random_model(r, kind, tokenizer, kind in ("llama3", "qwen2") or r.random() < 0.5)
    return peer.save(model, scratch / "source", tokenizer, r.choice(list(peer.DTYPES)))


def main():
    args, r = peer.arguments(__doc__, 2, "dirs")
    tallies = defaultdict(Tally)
    for source in args.dirs or list(peer.KINDS) * args.rounds:
        with tempfile.TemporaryDirectory() as scratch:
            scratch = Path(scratch)
            check(r, source if args.dirs else random_source(r, source, scratch), scratch, tallies)
    print("; ".join(f"{dtype}: {t}" for dtype, t in tallies.items()))


main()

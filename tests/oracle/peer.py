"""peer - what the checks share: options, random models and texts, transformers' numbers, our programs on PATH."""
import argparse
import json
import os
import random
import shutil
import subprocess
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")

import numpy as np
import torch
from gguf import MODEL_ARCH_NAMES, get_tensor_name_map
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, Qwen2Config, Qwen3Config
from transformers.utils import logging

torch.set_num_threads(1)
logging.disable_progress_bar()
logging.set_verbosity_error()

KINDS = {"llama": LlamaConfig, "llama3": LlamaConfig, "qwen2": Qwen2Config, "qwen3": Qwen3Config}
DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
LETTERS = ["etaoinshr", "etaoinshr", "aábcéß", "日本語かな", "абв", "a😀b"]
MARKS = [" ", " ", " ", ", ", ".\n", "'s ", "  ", "\n\n", " 42 ", "7", "!? ", "\t"]


def arguments(doc, rounds, operands=None):
    """Options of a check and its generator, whose seed is printed."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    parser.add_argument("--rounds", type=int, default=rounds)
    if operands:
        parser.add_argument(operands, nargs="*", type=Path)
    args = parser.parse_args()
    print("seed", args.seed, flush=True)
    torch.manual_seed(args.seed)
    return args, random.Random(args.seed)


def random_text(r, words):
    return "".join("".join(r.choices(r.choice(LETTERS), k=r.randrange(1, 8))) + r.choice(MARKS) for _ in range(words))


def random_prompts(r, long=150):
    """Texts, a conversation, and a text far longer than what rotary positions are first stretched for."""
    return [random_text(r, r.randrange(1, 40)) for _ in range(3)] + [random_text(r, long)] + [
        [{"role": "user", "content": random_text(r, 5)}, {"role": "assistant", "content": random_text(r, 5)},
         {"role": "user", "content": random_text(r, 9)}]]


def random_records(r, n):
    """Training records, as text."""
    return "".join(json.dumps({"prompt": random_text(r, 8), "completion": random_text(r, 5)}) + "\n" for _ in range(n))


def random_pre(r, kind):
    """A way to cut words. transformers 5 takes Qwen2's for every model of type qwen2, whatever tokenizer.json says."""
    return "qwen2" if kind == "qwen2" else r.choice(["smollm", "gpt2", "qwen2"])


def random_tokenizer(r, pre, path):
    """A model directory for its tokenizer: learned from random texts, with model-init's chat template."""
    texts = "".join(json.dumps({"text": random_text(r, 60)}) + "\n" for _ in range(30))
    learned = path.with_suffix(".json")
    learned.write_text(run("bpe-train", "--field", "text", "--vocab", r.randrange(300, 600), "--pre", pre,
                           data=texts))
    run("model-init", "--tokenizer", learned, "--hidden", 2, "--layers", 1, "--heads", 1, "-o", path)
    return path


def random_model(r, kind, tokenizer, usual=False):
    """A model of odd sizes, every parameter drawn. usual: as published models are, which is what GGUF can hold: rows of
    whole blocks, qwen2's heads as wide as the model, llama3's scaling with Llama 3.1's bounds."""
    heads = r.randrange(1, 7)
    kv = r.choice([k for k in range(1, heads + 1) if heads % k == 0])
    head_dim, hidden = 2 * r.randrange(4, 33), heads * r.randrange(4, 24)       # transformers wants a multiple
    if usual:
        head_dim, hidden = 32 * r.randrange(1, 3), 32 * heads * r.randrange(1, 3)
        hidden = heads * head_dim if kind == "qwen2" else hidden
    rope = {"rope_type": "default", "rope_theta": 10 ** r.uniform(3, 6)}
    if kind == "llama3":
        rope |= {"rope_type": "llama3", "factor": r.uniform(2, 32), "low_freq_factor": r.uniform(0.5, 2),
                 "high_freq_factor": r.uniform(3, 8), "original_max_position_embeddings": r.choice([32, 64, 256])}
        if usual:
            rope |= {"factor": float(r.choice([2, 8, 32])), "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    vocab = json.loads((tokenizer / "config.json").read_text())["vocab_size"]
    config = KINDS[kind](
        vocab_size=vocab + (0 if usual else r.randrange(20)), hidden_size=hidden, num_attention_heads=heads,
        num_key_value_heads=kv, head_dim=head_dim, num_hidden_layers=r.randrange(1, 4),
        intermediate_size=r.choice([96, 160, 256]) if usual else r.randrange(8, 200), max_position_embeddings=4096,
        rms_norm_eps=r.choice([1e-5, 1e-6, 1e-3]), tie_word_embeddings=r.random() < 0.5, rope_parameters=rope,
        bos_token_id=None, eos_token_id=0, pad_token_id=None)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.dim() == 2:
                p.normal_(0, r.uniform(1, 2) / p.shape[1] ** 0.5)
            else:
                p.normal_(1 if "norm" in name else 0, 0.3)
    return model


def save(model, path, tokenizer, dtype="f32", shard="5GB"):
    model.to(DTYPES[dtype]).save_pretrained(path, max_shard_size=shard)
    for name in "tokenizer.json", "tokenizer_config.json":
        shutil.copy(tokenizer / name, path)
    return path


def gguf_tensors(model):
    """Name, GGUF's name and numbers of each parameter as GGUF has them: q and k turned for llama."""
    c = model.config
    names = get_tensor_name_map(next(a for a, n in MODEL_ARCH_NAMES.items() if n == c.model_type), c.num_hidden_layers)
    for name, p in model.named_parameters():
        w = p.detach().float().numpy()
        heads = {"q_proj": c.num_attention_heads, "k_proj": c.num_key_value_heads}.get(name.split(".")[-2])
        if c.model_type == "llama" and heads:
            w = w.reshape(heads, 2, w.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(w.shape)
        yield name, names.get_name(name, (".weight", ".bias")), np.ascontiguousarray(w)


def describe(config):
    return (f"{config.model_type}, {config.num_attention_heads}/{config.num_key_value_heads} heads of {config.head_dim}, "
            f"{config.hidden_size} wide, {config.rope_parameters}")


def load(path):
    """The model as transformers loads it, in 32 bits: nothing may be missing or left over."""
    model, info = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, output_loading_info=True)
    left = {k: v for k, v in info.items() if v}
    assert not left, f"{path}: {left}"
    return model.eval()


def run(program, *args, data=None):
    done = subprocess.run([program, "--quiet", *map(str, args)], input=data, capture_output=True, text=True)
    assert not done.returncode, f"{program}: {done.stderr}"
    return done.stdout


def rollout(path, prompts, *options):
    """Rollout records of a model for prompts."""
    lines = "".join(json.dumps({"prompt": p}) + "\n" for p in prompts)
    out = run("rollout", "-m", path, "--no-scores", "--max-tokens", 24, *options, data=lines)
    return [json.loads(line) for line in out.split("\n") if line]


def prompt_ids(tokenizer, prompt):
    if not isinstance(prompt, str):
        prompt = tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
    return tokenizer(prompt, add_special_tokens=False)["input_ids"]


def token_logprobs(model, head, tokens):
    """Log-probability of each token behind those of the head."""
    with torch.no_grad():
        logp = model(torch.tensor([head + tokens])).logits[0, len(head) - 1:-1].log_softmax(-1)
    return logp.gather(-1, torch.tensor(tokens)[:, None])[:, 0]


def frequencies(config, scaled=True):
    """Radians that each pair of a head turns from a position to the next, in double precision."""
    rope, size = config.rope_parameters, getattr(config, "head_dim", 0) or config.hidden_size // config.num_attention_heads
    freq = rope["rope_theta"] ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
    if rope["rope_type"] == "llama3" and scaled:
        turns = rope["original_max_position_embeddings"] * freq / (2 * torch.pi)
        low, high = rope["low_freq_factor"], rope["high_freq_factor"]
        kept = ((turns - low) / (high - low)).clamp(0, 1)
        freq = freq * (kept + (1 - kept) / rope["factor"])
    return freq


def exact_angles(model):
    """Lets transformers' model compute its rotary angles in double precision, as we do. By itself it rounds them to
    floats, which is off by a ten-thousandth at position 1000."""
    freq = frequencies(model.config)

    def forward(x, position_ids):
        angles = position_ids[..., None].double() * torch.cat([freq, freq])
        return angles.cos().to(x.dtype), angles.sin().to(x.dtype)

    model.get_decoder().rotary_emb.forward = forward
    return model


class Worst:
    """Greatest differences between log-probabilities in rollout records and transformers': of prompts of up to 256
    tokens with its own rotary angles, of all prompts with exact ones."""

    def __init__(self):
        self.near = self.exact = self.compared = self.models = 0

    def gap(self, model, path, records, longest, limit):
        tokenizer, gaps = AutoTokenizer.from_pretrained(path), []
        for record in records:
            head = prompt_ids(tokenizer, record["prompt"])
            for sample in record["samples"] if len(head) <= longest else []:
                gaps += (token_logprobs(model, head, sample["tokens"]) - torch.tensor(sample["logprobs"])).abs().tolist()
        assert gaps, f"{path}: no tokens"
        assert max(gaps) < limit, f"{describe(model.config)}, {path.name}: {max(gaps):.2g}"
        self.compared += len(gaps)
        return max(gaps)

    def add(self, model, path, records):
        self.near = max(self.near, self.gap(model, path, records, 256, 1e-3))
        self.exact = max(self.exact, self.gap(exact_angles(model), path, records, 10**9, 2e-4))
        self.models += 1

    def __str__(self):
        return (f"{self.models} models, {self.compared} log-probabilities, greatest difference {self.near:.1g} up to "
                f"position 256, {self.exact:.1g} anywhere with exact rotary angles")

#!/usr/bin/env python3
"""gguf_read - check that we read the GGUF files that the `gguf` package and llama.cpp write.

usage: gguf_read.py [--seed N] [--rounds N]

For ROUNDS (2) random models of each kind: a file of each type that the package can pack, written with the keys that
llama.cpp's converter writes, and llama.cpp's own mixtures with K-quants, made by its quantiser. The program
`model-convert` on PATH makes a directory of each, with the parameters, to the bit, that gguf's dequantize finds in the
file, and the tokenizer; and `rollout` has the log-probabilities that transformers computes of the original with those
parameters. Prints one line; fails at the first difference.
"""
import copy
import ctypes
import json
import tempfile
from pathlib import Path

import llama_cpp
import numpy as np
from gguf import GGMLQuantizationType as Q, GGUFReader, GGUFWriter, TokenType
from gguf.quants import dequantize, quantize
from transformers import AutoTokenizer

import peer

PACKED = [Q.F32, Q.F16, Q.BF16, Q.Q8_0, Q.Q4_0, Q.Q4_1, Q.Q5_0, Q.Q5_1]
MIXTURES = [llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_M, llama_cpp.LLAMA_FTYPE_MOSTLY_Q5_K_S, llama_cpp.LLAMA_FTYPE_MOSTLY_Q6_K]
PRE = {"gpt2": "gpt-2", "smollm": "smollm", "qwen2": "qwen2"}
QUIET = llama_cpp.llama_log_callback(lambda level, text, data: None)


def add_sizes(w, c):
    w.add_context_length(c.max_position_embeddings)
    w.add_embedding_length(c.hidden_size)
    w.add_block_count(c.num_hidden_layers)
    w.add_feed_forward_length(c.intermediate_size)
    w.add_head_count(c.num_attention_heads)
    w.add_head_count_kv(c.num_key_value_heads)
    w.add_key_length(c.head_dim)
    w.add_value_length(c.head_dim)
    w.add_rope_dimension_count(c.head_dim)
    w.add_rope_freq_base(c.rope_parameters["rope_theta"])
    w.add_layer_norm_rms_eps(c.rms_norm_eps)
    w.add_vocab_size(c.vocab_size)


def add_tokenizer(w, folder, pre):
    t = json.loads((folder / "tokenizer.json").read_text())
    special = {a["id"] for a in t["added_tokens"]}
    tokens = {i: text for text, i in t["model"]["vocab"].items()} | {a["id"]: a["content"] for a in t["added_tokens"]}
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre(PRE[pre])
    w.add_token_list([tokens[i] for i in range(len(tokens))])
    w.add_token_types([TokenType.CONTROL if i in special else TokenType.NORMAL for i in range(len(tokens))])
    w.add_token_merges([" ".join(m) for m in t["model"]["merges"]])
    w.add_eos_token_id(0)
    w.add_add_bos_token(False)
    w.add_chat_template(json.loads((folder / "tokenizer_config.json").read_text())["chat_template"])


def write(path, model, kind, tokenizer, pre):
    """As llama.cpp's converter does: vectors in 32 bits, llama3's scaling as factors."""
    w = GGUFWriter(path, model.config.model_type)
    add_sizes(w, model.config)
    add_tokenizer(w, tokenizer, pre)
    for _, name, x in peer.gguf_tensors(model):
        k = kind if x.ndim == 2 else Q.F32
        w.add_tensor(name, quantize(x, k), raw_dtype=k)
    if model.config.rope_parameters["rope_type"] == "llama3":
        factors = peer.frequencies(model.config, scaled=False) / peer.frequencies(model.config)
        w.add_tensor("rope_freqs.weight", factors.float().numpy())
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def quantise(source, path, mixture):
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype, params.nthread = mixture, 1
    assert not llama_cpp.llama_model_quantize(str(source).encode(), str(path).encode(), ctypes.byref(params)), path


def check(r, path, model, tokenizer, worst, kinds):
    """Compares what model-convert makes of the file with the file's numbers, and with the model that has them."""
    out = path.with_suffix("")
    peer.run("model-convert", "-o", out, path)
    got, model, tensors = peer.load(out), copy.deepcopy(model), {t.name: t for t in GGUFReader(path).tensors}
    for name, there, x in peer.gguf_tensors(got):
        t = tensors[there]
        kinds.add(t.tensor_type.name)
        assert np.array_equal(dequantize(t.data, t.tensor_type).reshape(x.shape), x), f"{path}: {name}"
    assert got.config.eos_token_id == 0 and got.config.max_position_embeddings == model.config.max_position_embeddings
    library, again, prompts = AutoTokenizer.from_pretrained(tokenizer), AutoTokenizer.from_pretrained(out), peer.random_prompts(r)
    assert library.chat_template == again.chat_template, f"{path}: another chat template"
    assert all(peer.prompt_ids(library, p) == peer.prompt_ids(again, p) for p in prompts), f"{path}: another tokenizer"
    model.load_state_dict(got.state_dict())
    worst.add(model, out, peer.rollout(out, prompts, "-n", 1))


def check_model(r, kind, scratch, worst, kinds):
    pre = peer.random_pre(r, kind)
    tokenizer = peer.random_tokenizer(r, pre, scratch / "tokenizer")
    model = peer.random_model(r, kind, tokenizer, usual=True)
    for packed in PACKED:
        path = scratch / f"{packed.name}.gguf"
        write(path, model, packed, tokenizer, pre)
        check(r, path, model, tokenizer, worst, kinds)
    for mixture in MIXTURES:
        path = scratch / f"mixture-{mixture}.gguf"
        quantise(scratch / "F32.gguf", path, mixture)
        check(r, path, model, tokenizer, worst, kinds)


def main():
    args, r = peer.arguments(__doc__, 2)
    llama_cpp.llama_log_set(QUIET, ctypes.c_void_p())
    worst, kinds = peer.Worst(), set()
    for kind in list(peer.KINDS) * args.rounds:
        with tempfile.TemporaryDirectory() as scratch:
            check_model(r, kind, Path(scratch), worst, kinds)
    print(f"{worst}; parameters of {' '.join(sorted(kinds))} equal to the bit")


main()

#!/usr/bin/env python3
"""llamacpp_lm - speed of llama.cpp on a GGUF file: a prompt, then sequences that go on from it side by side (its keys are
shared). A record with tokens a second of both parts, and of both together.

usage: llamacpp_lm.py MODEL.gguf [--threads N] [--prompt N] [--response N] [--batch N]
"""
import argparse
import importlib.metadata
import json
import resource
import time

import llama_cpp as L


def put(batch, i, token, pos, seq, logits):
    batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = token, pos, 1, logits
    batch.seq_id[i][0] = seq


def context(model, a):
    p = L.llama_context_default_params()
    p.n_ctx, p.n_seq_max = a.prompt + a.batch * a.response + 64, a.batch
    p.n_batch, p.n_ubatch = 1024, 512
    p.n_threads = p.n_threads_batch = a.threads
    p.kv_unified = True
    return L.llama_init_from_model(model, p)


def decode(ctx, batch, n):
    """Seconds for the n tokens of the batch, the logits included."""
    batch.n_tokens = n
    start = time.perf_counter()
    if L.llama_decode(ctx, batch):
        raise SystemExit("llama_decode failed")
    return time.perf_counter() - start


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("gguf")
    for name, value in dict(threads=2, prompt=600, response=60, batch=8).items():
        ap.add_argument("--" + name, type=int, default=value)
    a = ap.parse_args()
    quiet = L.llama_log_callback(lambda *_: None)       # kept: the library calls it
    L.llama_log_set(quiet, None)
    L.llama_backend_init()
    ctx = context(L.llama_model_load_from_file(a.gguf.encode(), L.llama_model_default_params()), a)
    batch = L.llama_batch_init(1024, 0, a.batch)
    for i in range(a.prompt):
        put(batch, i, (i * 7919) % 40000 + 100, i, 0, i == a.prompt - 1)
    read, spoken = decode(ctx, batch, a.prompt), 0.0
    for s in range(1, a.batch):
        L.llama_memory_seq_cp(L.llama_get_memory(ctx), 0, s, -1, -1)
    for k in range(a.response):
        for s in range(a.batch):
            put(batch, s, (k * 31 + s * 977) % 40000 + 100, a.prompt + k, s, True)
        spoken += decode(ctx, batch, a.batch)
    tokens = a.batch * a.response
    print(json.dumps({**vars(a), "gguf": a.gguf.rsplit("/", 1)[-1],
                      "llama_cpp_python": importlib.metadata.version("llama-cpp-python"),
                      "prefill_tokens_per_second": round(a.prompt / read, 1),
                      "decode_tokens_per_second": round(tokens / spoken, 1),
                      "tokens_per_second": round(tokens / (read + spoken), 1),
                      "peak_rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


if __name__ == "__main__":
    main()

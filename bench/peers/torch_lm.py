#!/usr/bin/env python3
"""torch_lm - speed of PyTorch with transformers and peft on random weights: a record with tokens a second, seconds of a
step (the median) and the peak of resident memory.

usage: torch_lm.py --case sft|lora|grpo|decode [--model smollm2|small] [--dtype float32|bfloat16] [--threads N] ...

Steps are whole: forward, backward, AdamW, logits of the response alone. The group of grpo is computed copy by copy, as
TRL does; decode is transformers' generate, the prompt included.
"""
import argparse
import json
import resource
import time

import torch
from transformers import LlamaConfig, LlamaForCausalLM

SHAPES = {
    "smollm2": dict(vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30,
                    num_attention_heads=9, num_key_value_heads=3, rope_theta=100000.0, max_position_embeddings=8192),
    "small": dict(vocab_size=4096, hidden_size=256, intermediate_size=704, num_hidden_layers=8,
                  num_attention_heads=8, num_key_value_heads=4, rope_theta=10000.0, max_position_embeddings=2048)}


def arguments():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--case", choices=["sft", "lora", "grpo", "decode"], default="sft")
    ap.add_argument("--model", choices=SHAPES, default="smollm2")
    ap.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    for name, value in dict(threads=2, batch=4, prompt=400, response=112, steps=3).items():
        ap.add_argument("--" + name, type=int, default=value)
    return ap.parse_args()


def step(model, opt, ids, prompt):
    """One step on ids [B,T], whose loss is the mean NLL of what follows the prompt."""
    tail = ids.shape[1] - prompt
    logits = model(ids, logits_to_keep=tail + 1).logits[:, :-1].float()
    loss = -torch.gather(logits.log_softmax(-1), 2, ids[:, prompt:, None]).mean()
    loss.backward()
    opt.step()
    opt.zero_grad(set_to_none=True)


def work(a, model, vocab):
    """A function that does one step of the case, and the tokens that count for it."""
    prompts = torch.randint(0, vocab, (1, a.prompt)).repeat(a.batch, 1)
    if a.case == "decode":
        model.eval()
        options = dict(attention_mask=torch.ones_like(prompts), max_new_tokens=a.response,
                       min_new_tokens=a.response, do_sample=True, pad_token_id=0)
        return lambda: torch.inference_mode()(model.generate)(prompts, **options), a.batch * a.response
    if a.case == "lora":
        from peft import LoraConfig, get_peft_model
        model = get_peft_model(model, LoraConfig(r=16, lora_alpha=32, target_modules="all-linear"))
    opt = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4, fused=True)
    ids = torch.randint(0, vocab, (a.batch, a.prompt + a.response))
    if a.case == "grpo":
        ids[:, :a.prompt] = prompts
    return lambda: step(model, opt, ids, a.prompt), ids.numel()


def main():
    a = arguments()
    torch.set_num_threads(a.threads)
    torch.manual_seed(0)
    shape = SHAPES[a.model]
    model = LlamaForCausalLM(LlamaConfig(**shape, tie_word_embeddings=True)).to(getattr(torch, a.dtype))
    run, tokens = work(a, model, shape["vocab_size"])
    times = []
    for _ in range(a.steps + 1):        # the first touches memory and is left out
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    median = sorted(times[1:])[a.steps // 2]
    print(json.dumps({**vars(a), "torch": torch.__version__, "tokens": tokens, "seconds": round(median, 4),
                      "tokens_per_second": round(tokens / median, 1),
                      "peak_rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


if __name__ == "__main__":
    main()

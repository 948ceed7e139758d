/* gguf_refused — what reading a model in a GGUF file refuses, and in which words. */
#define _GNU_SOURCE
#include "gguf_make.h"

#define MATRIX(name, rows, cols) { name, QUANT_F32, 2, { rows, cols } }
static const struct {
    const char *want;
    struct key key;
    struct gguf_spec tensor;
} refused[] = {
    { "key general.architecture is missing", .key = { "general.architecture", 0, 0, NULL } },
    { "key general.architecture is UINT32, not a string",
      .key = { "general.architecture", 'u', 7, NULL } },
    { "general.architecture \"gemma\" is not supported (llama, qwen2, qwen3 are)",
      .key = { "general.architecture", 's', 0, "gemma" } },
    { "key qwen2.embedding_length is missing", .key = { "general.architecture", 's', 0, "qwen2" } },
    { "key llama.block_count is missing", .key = { L "block_count", 0, 0, NULL } },
    { "key llama.block_count is 0, not from 1 to 10000", .key = { L "block_count", 'u', 0, NULL } },
    { "key llama.block_count is 4294967295, not from 1 to 10000",
      .key = { L "block_count", 'u', 4294967295, NULL } },
    { "key llama.block_count is FLOAT32, not an integer",
      .key = { L "block_count", 'f', 1, NULL } },
    { "tensor blk.1.attn_norm.weight is missing", .key = { L "block_count", 'u', 10000, NULL } },
    { "key llama.context_length is STRING, not an integer",
      .key = { L "context_length", 's', 0, "64" } },
    { "key llama.embedding_length is 16777217, not from 1 to 16777216",
      .key = { L "embedding_length", 'u', 16777217, NULL } },
    { "tensor token_embd.weight: its shape is [6, 32], not [6, 64]",
      .key = { L "embedding_length", 'u', 64, NULL } },
    { "key llama.attention.head_count is an array of INT32, not an integer",
      .key = { L "attention.head_count", 'i', 0, "4 4" } },
    { "key llama.attention.head_count is 0, not from 1 to 1024",
      .key = { L "attention.head_count", 'u', 0, NULL } },
    { "key llama.attention.key_length is missing",
      .key = { L "attention.head_count", 'u', 64, NULL } },
    { "num_attention_heads 4 is not a multiple of num_key_value_heads 3",
      .key = { L "attention.head_count_kv", 'u', 3, NULL } },
    { "key llama.attention.value_length is 8, and that of keys 16: not supported",
      .key = { L "attention.key_length", 'u', 16, NULL } },
    { "key llama.attention.key_length is 1024, not from 1 to 256",
      .key = { L "attention.key_length", 'u', 1024, NULL } },
    { "key llama.rope.dimension_count is 4, not the 8 of a head: not supported",
      .key = { L "rope.dimension_count", 'u', 4, NULL } },
    { "rms_norm_eps is not between 0 and 1",
      .key = { L "attention.layer_norm_rms_epsilon", 'f', 0, NULL } },
    { "key llama.attention.layer_norm_rms_epsilon is UINT32, not a real number",
      .key = { L "attention.layer_norm_rms_epsilon", 'u', 0, NULL } },
    { "rope_theta is not from 1 to 1e12", .key = { L "rope.freq_base", 'f', 1e30, NULL } },
    { "key llama.expert_count: a mixture of experts is not supported",
      .key = { L "expert_count", 'u', 8, NULL } },
    { "key llama.attention.sliding_window: sliding-window attention is not supported",
      .key = { L "attention.sliding_window", 'u', 4096, NULL } },
    { "key llama.attention.scale: another scale of attention is not supported",
      .key = { L "attention.scale", 'f', 0.1, NULL } },
    { "key llama.rope.scaling.factor: linear or YaRN rope scaling is not supported",
      .key = { L "rope.scaling.factor", 'f', 4, NULL } },
    { "key llama.rope.scale_linear: linear rope scaling is not supported",
      .key = { L "rope.scale_linear", 'f', 2, NULL } },
    { "key llama.rope.scaling.attn_factor: YaRN rope scaling is not supported",
      .key = { L "rope.scaling.attn_factor", 'f', 0.5, NULL } },
    { "key llama.rope.scaling.type: rope scaling \"yarn\" is not supported",
      .key = { L "rope.scaling.type", 's', 0, "yarn" } },
    { "tensor token_embd.weight is missing", .tensor = MATRIX("token_embd.weight", 0, 0) },
    { "tensor token_embd.weight is not a matrix of at most 16777216 rows",
      .tensor = { "token_embd.weight", QUANT_F32, 1, { 32 } } },
    { "tokenizer.ggml.tokens holds 6 tokens, token_embd.weight 7 rows",
      .tensor = MATRIX("token_embd.weight", 7, 32) },
    { "tensor blk.0.attn_k.weight is missing", .tensor = MATRIX("blk.0.attn_k.weight", 0, 0) },
    { "tensor blk.0.attn_k.weight: its shape is [32, 16], not [16, 32]",
      .tensor = MATRIX("blk.0.attn_k.weight", 32, 16) },
    { "tensor blk.0.attn_norm.weight: its shape is [1, 32], not [32]",
      .tensor = MATRIX("blk.0.attn_norm.weight", 1, 32) },
    { "tensor blk.0.attn_q.bias is not one of this architecture",
      .tensor = { "blk.0.attn_q.bias", QUANT_F32, 1, { 32 } } },
    { "tensor output.weight: its shape is [5, 32], not [6, 32]",
      .tensor = MATRIX("output.weight", 5, 32) },
    { "tensor rope_freqs.weight does not hold a number for each pair of a head",
      .tensor = { GGUF_ROPE_FREQS, QUANT_F32, 1, { 5 } } },
    { "tensor rope_freqs.weight holds another scaling than that of Llama 3.1",
      .tensor = { GGUF_ROPE_FREQS, QUANT_F32, 1, { 4 } } },
    { "key tokenizer.ggml.model is UINT32, not a string", .key = { T "model", 'u', 1, NULL } },
    { "tokenizer.ggml.model \"llama\", SentencePiece, is not supported (gpt2, byte-level BPE, is)",
      .key = { T "model", 's', 0, "llama" } },
    { "tokenizer.ggml.model \"bert\" is not supported (gpt2, byte-level BPE, is)",
      .key = { T "model", 's', 0, "bert" } },
    { "tokenizer.ggml.pre \"tekken\" is not supported", .key = { T "pre", 's', 0, "tekken" } },
    { "key tokenizer.ggml.tokens is missing", .key = { T "tokens", 0, 0, NULL } },
    { "key tokenizer.ggml.tokens is an array of INT32, not an array of strings",
      .key = { T "tokens", 'i', 0, "1 2 3 4 5 6" } },
    { "tokenizer.ggml.tokens holds 5 tokens, token_embd.weight 6 rows",
      .key = { T "tokens", 't', 0, "a b c d ab" } },
    { "tokenizer.ggml.tokens: token 2 is empty", .key = { T "tokens", 't', 0, "a b  d ab <s>" } },
    { "tokenizer.ggml.tokens: token 2 is \"a\", as is another",
      .key = { T "tokens", 't', 0, "a b a d ab <s>" } },
    { "tokenizer.ggml.token_type holds 2 types for 6 tokens",
      .key = { T "token_type", 'i', 0, "1 1" } },
    { "tokenizer.ggml.token_type: token 1 is of type 7",
      .key = { T "token_type", 'i', 0, "1 7 1 1 1 3" } },
    { "tokenizer.ggml: \"vocab\" is empty", .key = { T "token_type", 'i', 0, "5 5 5 5 5 5" } },
    { "key tokenizer.ggml.merges is missing", .key = { T "merges", 0, 0, NULL } },
    { "tokenizer.ggml.merges: merge 1 is not two tokens", .key = { T "merges", 't', 0, "a_b ab" } },
    { "tokenizer.ggml: merge 0: \"a\" \"c\": a part or the whole is not in the vocabulary",
      .key = { T "merges", 't', 0, "a_c" } },
    { "tokenizer.ggml.eos_token_id is 6, and there are 6 tokens",
      .key = { T "eos_token_id", 'u', 6, NULL } },
    { "key tokenizer.ggml.bos_token_id is STRING, not an integer",
      .key = { T "bos_token_id", 's', 0, "<s>" } },
    { "tokenizer.ggml.unknown_token_id is 9, and there are 6 tokens",
      .key = { T "unknown_token_id", 'u', 9, NULL } },
    { "tokenizer.ggml.eot_token_id is 4294967295, and there are 6 tokens",
      .key = { T "eot_token_id", 'u', 4294967295, NULL } },
    { "key tokenizer.ggml.add_bos_token is UINT32, not a bool",
      .key = { T "add_bos_token", 'u', 1, NULL } },
    { "key tokenizer.chat_template is an array of STRING, not a string",
      .key = { "tokenizer.chat_template", 't', 0, "a b" } },
};

int main(void) {
    char path[32];

    make_path(path);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct config c;
        struct bpe_files f;
        struct err err = { "nothing" };
        int r;

        make(path, &refused[i].key, refused[i].key.name != NULL,
             refused[i].tensor.name ? &refused[i].tensor : NULL, NULL);
        r = read_all(path, &c, &f, &err);
        bpe_files_free(&f);
        if (r && !strcmp(err.msg, refused[i].want)) continue;
        fprintf(stderr, "instead of \"%s\": \"%s\"\n", refused[i].want, err.msg);
        exit(1);
    }
    unlink(path);
    return 0;
}

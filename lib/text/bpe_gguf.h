/* bpe_gguf — a tokenizer as the metadata of a GGUF file (tokenizer.ggml.*), from and to Hugging
 * Face's files. GGUF names the pre-tokenizer instead of describing it; the names are llama.cpp's
 * (llama-vocab.cpp). */
#ifndef TEXT_BPE_GGUF_H
#define TEXT_BPE_GGUF_H

#include "base/err.h"
#include "io/gguf.h"
#include "text/bpe.h"
#include "text/bpe_files.h"

/* The tokenizer of a file whose model has `vocab` token ids; no files where it has none. 0, or -1
 * with a sentence that names the key. */
int bpe_gguf_read(struct bpe_files *f, const struct gguf *g, int vocab, struct err *err);

/* The ids that a file names for bos, eos, pad in `role` and eot in *eot; -1: none. 0 or -1. */
int bpe_gguf_roles(const struct gguf *g, int vocab, int role[BPE_ROLES], int *eot, struct err *err);

/* Adds the keys of a tokenizer, or those of none, for a model of `vocab` ids. `role` serves where
 * the files name no token for a role; -1: none. 0, or -1 with a sentence. */
int bpe_gguf_write(struct gguf_meta *m, const struct bpe_files *f, int vocab,
                   const int role[BPE_ROLES], struct err *err);

#endif

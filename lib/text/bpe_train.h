/* bpe_train — learn a byte-level BPE vocabulary from text, as the BpeTrainer of `tokenizers` does with
 * the byte alphabet: the most frequent pair of neighbours becomes a token, of equals the one with the
 * smaller ids, until the vocabulary is full or no pair is left. */
#ifndef TEXT_BPE_TRAIN_H
#define TEXT_BPE_TRAIN_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"

enum bpe_pre { BPE_PRE_SMOLLM, BPE_PRE_GPT2, BPE_PRE_QWEN2 };      /* "smollm|gpt2|qwen2" */

struct bpe_trainer;

/* Words are cut by the pre-tokenizer; free it with bpe_trainer_free. */
struct bpe_trainer *bpe_trainer_new(enum bpe_pre pre);
void bpe_trainer_free(struct bpe_trainer *t);

/* Counts the words of a text. Bytes that are not UTF-8 are passed over. */
void bpe_trainer_add(struct bpe_trainer *t, const char *text, size_t n);

/* Learns up to `vocab` tokens: the special ones, the 256 bytes, then merges of pairs that occur
 * min_count times or more. What a special token spells has its id, a byte or merge too. Returns the
 * tokenizer.json, a new reference. */
json_t *bpe_trainer_run(struct bpe_trainer *t, int vocab, long min_count, const char *const *special,
                        size_t n_special);

#endif

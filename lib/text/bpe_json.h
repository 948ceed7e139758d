/* bpe_json — a tokenizer.json in pieces, as `tokenizers` writes it: a byte-level BPE model, added
 * tokens, a pre-tokenizer. Private to lib/text. */
#ifndef TEXT_BPE_JSON_H
#define TEXT_BPE_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"

/* An added token, matched before anything else. */
json_t *bpe_added_json(int id, const char *content, bool special);

/* The pre-tokenizer that applies expressions one after another, each match a piece of its own; the
 * list ends with NULL. GPT-2's at the end, and single digits, have shorter names. */
json_t *bpe_pre_json(const char *const *steps);

/* Writes the expressions of a pre-tokenizer, borrowed from it, into a list of at most PRE_STEPS and
 * the NULL behind the last. *space: it puts a blank before a text; where `space` is NULL this is
 * refused. Returns 0, or -1 with a sentence if it is of another kind. */
int bpe_pre_steps(const json_t *pre, const char **steps, bool *space, struct err *err);

/* The file; takes over the references. */
json_t *bpe_tokenizer_json(json_t *vocab, json_t *merges, json_t *added, json_t *pre);

#endif

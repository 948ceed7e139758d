/* chat — messages ([{"role","content"}, ...]) as text and ids, by the tokenizer's chat template.
 *
 * A Jinja template is not evaluated but recognised: ChatML with or without a default system message
 * (SmolLM2, Qwen2), Llama 3, and our own CHAT_PLAIN_TEMPLATE. `messages` may also be one string,
 * which is taken as it is. */
#ifndef TEXT_CHAT_H
#define TEXT_CHAT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "text/bpe.h"

/* Contents one after another, the end token after each answer. For models made here. */
#define CHAT_PLAIN_TEMPLATE \
    "{% for m in messages %}{{ m['content'] }}" \
    "{% if m['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"

struct chat;

/* The form of conversation that the tokenizer's template asks for. Returns NULL with a sentence: no
 * template, one that is not known, or a token of its that the vocabulary lacks. Borrows the
 * tokenizer's vocabulary; chat_free. */
struct chat *chat_new(const struct bpe *t, struct err *err);

/* NULL is fine. */
void chat_free(struct chat *c);

/* The token that ends an answer: generation stops there. */
int chat_end(const struct chat *c);

/* Adds the messages as the template writes them; `generate`: and the opening of the answer.
 * Returns 0, or -1 on a message without role or content. */
int chat_text(const struct chat *c, const json_t *messages, bool generate, struct buf *text,
              struct err *err);

/* Adds the text of a completion, whose first message continues the opening of the answer; it ends
 * with the end token and nothing after it. Returns 0 or -1. */
int chat_completion(const struct chat *c, const json_t *messages, struct buf *text, struct err *err);

/* Adds the ids of the prompt with the opening of the answer, then those of the completion (NULL:
 * none), each text encoded by itself as TRL does, so that the prompt's ids begin the whole's.
 * *start is the index of the completion's first id in `ids`. Returns 0 or -1. */
int chat_encode(const struct chat *c, struct bpe *t, const json_t *prompt, const json_t *completion,
                struct bpe_ids *ids, size_t *start, struct err *err);

#endif

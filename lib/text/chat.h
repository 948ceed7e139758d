/* chat — messages ([{"role","content"}, ...]) as text and ids, by the tokenizer's chat template.
 *
 * A Jinja template is not evaluated but recognised, by its canonical form (jinja.h): ChatML,
 * SmolLM2 and Qwen2 with whatever default system message, Qwen2.5, Qwen3, Llama 3, and
 * CHAT_PLAIN_TEMPLATE, our own. Messages then become what transformers makes of them without tools.
 * Llama 3.1 to 3.3 begin with a system message that holds two dates; today's is the one that the
 * template names (26 Jul 2024), where transformers gives Llama 3.2 the clock's. Thinking is left to
 * Qwen3, as is its default; behind its last question an answer without thoughts has empty ones.
 * `messages` may also be one string, which is taken as it is. */
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
 * template, one that is none of those known, or a vocabulary without its end token. chat_free. */
struct chat *chat_new(const struct bpe *t, struct err *err);

/* NULL is fine. */
void chat_free(struct chat *c);

/* The token that ends an answer: generation stops there. */
int chat_end(const struct chat *c);

/* Adds the messages as the template writes them; `generate`: and the opening of the answer. Returns
 * 0, or -1 on none, or one without role or content, or of a kind that the form does not write like
 * any other: of a tool, with tool calls. */
int chat_text(const struct chat *c, const json_t *messages, bool generate, struct buf *text,
              struct err *err);

/* Adds the ids of the prompt with the opening of the answer, then those of the completion (NULL:
 * none): what the template adds to that text when the completion follows, up to the end token of
 * its last message, the assistant's. Each text is encoded by itself, so that the prompt's ids begin
 * the whole's. *start is the index of the completion's first id in `ids`. A string is taken as it
 * is, a completion with an end. Returns 0 or -1. */
int chat_encode(const struct chat *c, struct bpe *t, const json_t *prompt, const json_t *completion,
                struct bpe_ids *ids, size_t *start, struct err *err);

#endif

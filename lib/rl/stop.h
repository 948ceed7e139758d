/* stop — what ends a sample: end tokens, and strings in its text. */
#ifndef RL_STOP_H
#define RL_STOP_H

#include <stdbool.h>

#include "base/cli.h"
#include "base/err.h"
#include "model/config.h"
#include "text/bpe.h"
#include "text/chat.h"

struct stop {
    const struct config *cfg;       /* its end tokens count */
    struct bpe_ids tokens;          /* and these */
    struct cli_list strings;        /* none of them empty */
};

/* Gathers the end tokens: of the configuration, of DIR/generation_config.json if there is one, of the
 * chat template (NULL: none), and `tokens`, each an id or a token as the vocabulary spells it. Strings
 * that spell a special token are end tokens, too. Configuration and strings are borrowed. Returns 0,
 * or -1 with a sentence. Call stop_free in both cases. */
int stop_init(struct stop *s, const char *dir, const struct config *cfg, const struct bpe *bpe,
              const struct chat *chat, const struct cli_list *strings, const struct cli_list *tokens,
              struct err *err);
void stop_free(struct stop *s);

bool stop_is_token(const struct stop *s, int token);

/* Where the stop string begins that ends first behind the `from`-th of n bytes, of several the longest.
 * SIZE_MAX: none. */
size_t stop_find(const struct stop *s, const char *text, size_t n, size_t from);

#endif

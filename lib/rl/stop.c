/* stop — end tokens from four places, stop strings by looking back from every byte. */
#include "rl/stop.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/jsonl.h"

/* One id, a list of ids, or none. */
static int add_ids(struct stop *s, const json_t *v, struct err *err) {
    size_t n = json_is_array(v) ? json_array_size(v) : 1;

    if (!v || json_is_null(v)) return 0;
    for (size_t i = 0; i < n; i++) {
        const json_t *id = json_is_array(v) ? json_array_get(v, i) : v;

        if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) > INT32_MAX)
            return err_set(err, "\"eos_token_id\" is not a token id");
        bpe_push(&s->tokens, (int32_t)json_integer_value(id));
    }
    return 0;
}

/* Chat models name more end tokens here than in config.json. */
static int add_generation(struct stop *s, const char *dir, struct err *err) {
    struct buf path = { 0 };
    json_t *obj;
    int r = 0;

    buf_printf(&path, "%s/generation_config.json", dir);
    if (!access(path.s, F_OK)) {
        obj = jsonl_load(path.s, err);
        r = obj ? 0 : -1;
        if (obj && add_ids(s, json_object_get(obj, "eos_token_id"), err))
            r = err_prefix(err, "%s", path.s);
        json_decref(obj);
    }
    buf_free(&path);
    return r;
}

/* The id that is written in digits, or the token that is spelled so; -1. */
static int token_of(const struct bpe *bpe, int vocab, const char *name) {
    long id;

    if (!*name || name[strspn(name, "0123456789")]) return bpe_id(bpe, name);
    id = strtol(name, NULL, 10);
    return id < vocab ? (int)id : -1;
}

static int add_given(struct stop *s, const struct bpe *bpe, const struct cli_list *tokens,
                     struct err *err) {
    for (size_t i = 0; i < s->strings.n; i++) {
        int id = bpe_id(bpe, s->strings.values[i]);

        if (bpe_is_special(bpe, id)) bpe_push(&s->tokens, id);
    }
    for (size_t i = 0; i < tokens->n; i++) {
        int id = token_of(bpe, s->cfg->vocab, tokens->values[i]);

        if (id < 0)
            return err_set(err, "--stop-token: the vocabulary has no '%s'", tokens->values[i]);
        bpe_push(&s->tokens, id);
    }
    return 0;
}

int stop_init(struct stop *s, const char *dir, const struct config *cfg, const struct bpe *bpe,
              const struct chat *chat, const struct cli_list *strings, const struct cli_list *tokens,
              struct err *err) {
    *s = (struct stop){ .cfg = cfg, .strings = *strings };
    if (chat) bpe_push(&s->tokens, chat_end(chat));
    return add_generation(s, dir, err) || add_given(s, bpe, tokens, err) ? -1 : 0;
}

void stop_free(struct stop *s) {
    free(s->tokens.id);
}

bool stop_is_token(const struct stop *s, int token) {
    if (config_is_eos(s->cfg, token)) return true;
    for (size_t i = 0; i < s->tokens.n; i++)
        if (s->tokens.id[i] == token) return true;
    return false;
}

size_t stop_find(const struct stop *s, const char *text, size_t n, size_t from) {
    size_t start = SIZE_MAX;

    for (size_t end = from + 1; end <= n && start == SIZE_MAX; end++)
        for (size_t i = 0; i < s->strings.n; i++) {
            const char *string = s->strings.values[i];
            size_t length = strlen(string);

            if (length <= end && end - length < start && !memcmp(text + end - length, string, length))
                start = end - length;
        }
    return start;
}

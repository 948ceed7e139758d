/* likelihood — one forward over prompt and completion, as training has them. */
#include "rl/likelihood.h"

#include <stdlib.h>

#include "base/mem.h"
#include "model/decoder.h"
#include "text/chat.h"
#include "train/checkpoint.h"

struct likelihood {
    struct pool *pool;
    struct model *model;
    struct bpe *bpe;
    struct chat *chat;
    struct decoder *decoder;
};

struct likelihood *likelihood_new(const char *dir, int threads, struct err *err) {
    struct likelihood *l = mem_calloc(1, sizeof *l);
    char *place = model_dir_resolve(dir);

    l->pool = pool_new(threads);
    if ((l->model = model_load(place, err)) && (l->bpe = checkpoint_tokenizer(place, err)) &&
        (l->chat = chat_new(l->bpe, err))) {
        l->decoder = decoder_new(l->model, l->pool);
    } else {
        likelihood_free(l);
        l = NULL;
    }
    free(place);
    return l;
}

void likelihood_free(struct likelihood *l) {
    if (!l) return;
    if (l->decoder) decoder_free(l->decoder);
    chat_free(l->chat);
    bpe_free(l->bpe);
    model_free(l->model);
    pool_free(l->pool);
    free(l);
}

/* Token t is predicted by the row of token t - 1. */
static int mean_of(struct likelihood *l, const struct bpe_ids *ids, size_t start, double *mean, struct err *err) {
    const struct seq seq = { 0, (int)ids->n, -1 };
    int n = (int)(ids->n - start), bad;
    struct target *targets = mem_alloc((size_t)n, sizeof *targets);
    real *logprob = mem_alloc((size_t)n, sizeof *logprob);
    int *tokens = mem_alloc(ids->n, sizeof *tokens);
    const struct packed in = { tokens, &seq, targets, (int)ids->n, 1, n };
    double sum = 0;

    for (size_t t = 0; t < ids->n; t++) tokens[t] = ids->id[t];
    for (int t = 0; t < n; t++) targets[t] = (struct target){ (int)start + t - 1, tokens[(int)start + t] };
    bad = decoder_check(&l->model->cfg, &in, err);
    if (!bad) decoder_forward(l->decoder, &in, logprob, NULL);
    for (int t = 0; t < n && !bad; t++) sum += (double)logprob[t];
    *mean = sum / n;
    free(targets);
    free(logprob);
    free(tokens);
    return bad;
}

int likelihood_of(struct likelihood *l, const json_t *rec, double *mean, struct err *err) {
    const json_t *prompt = json_object_get(rec, "prompt"), *completion = json_object_get(rec, "completion");
    struct bpe_ids ids = { 0 };
    size_t start = 0;
    int bad = chat_encode(l->chat, l->bpe, prompt, completion, &ids, &start, err);

    if (!bad && (!start || start >= ids.n)) bad = err_set(err, "the prompt or the completion is empty");
    if (!bad) bad = mean_of(l, &ids, start, mean, err);
    free(ids.id);
    return bad;
}

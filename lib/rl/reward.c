/* reward — the parts of a sample's reward. */
#include "rl/reward.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/jsonl.h"
#include "text/answer.h"
#include "text/steps.h"
#include "text/view.h"

enum { MAX_SCORES = 1024 };

/* Edges of a chain: the third leads to the candidate, the fourth closes it and is masked. */
enum { EDGE_CANDIDATE = 3 };

const char *const reward_names[REWARD_PARTS] = {
    "hit", "mrr", "ndcg", "prob", "rating", "format", "grounding", "leak", "length", "overlong", "repetition"
};

bool reward_answered(const json_t *sample) {
    return json_is_string(json_object_get(sample, "answer"));
}

bool reward_known(const json_t *rec) {
    const char *answer = json_string_value(json_object_get(rec, "answer"));

    return answer && strcmp(answer, "?");
}

double reward_rank(const double *scores, size_t n, size_t k) {
    double rank = 1;

    for (size_t i = 0; i < n; i++) {
        if (i == k) continue;
        if (scores[i] > scores[k]) rank += 1;
        else if (scores[i] == scores[k]) rank += 0.5;
    }
    return rank;
}

/* Reads the sample's scores, null as minus infinity. Returns their number, 0 where there are none, -1. */
static int read_scores(double *x, const json_t *sample, struct err *err) {
    const json_t *scores = json_object_get(sample, "scores");
    size_t n = json_array_size(scores);

    if (n > MAX_SCORES) return err_set(err, "\"scores\" has more than %d entries", MAX_SCORES);
    for (size_t k = 0; k < n; k++) {
        const json_t *v = json_array_get(scores, k);

        if (!json_is_number(v) && !json_is_null(v)) return err_set(err, "\"scores\" holds what is not a number");
        x[k] = json_is_number(v) ? json_number_value(v) : -INFINITY;
    }
    return (int)n;
}

static int rank_parts(double *parts, const json_t *rec, const json_t *sample, long top, struct err *err) {
    double x[MAX_SCORES], rank, sum = 0;
    int64_t target = 0;
    int n = read_scores(x, sample, err);

    if (n <= 0) return n;
    if (jsonl_int(rec, "target", 0, n - 1, &target, err)) return -1;
    rank = reward_rank(x, (size_t)n, (size_t)target);
    parts[REWARD_MRR] = 1 / rank;
    parts[REWARD_NDCG] = rank <= (double)top ? 1 / log2(1 + rank) : 0;
    for (int k = 0; k < n; k++) sum += exp(x[k] - x[target]);
    parts[REWARD_PROB] = isfinite(x[target]) ? 1 / sum : 0;
    return 0;
}

static double rating_part(const json_t *rec, const json_t *sample) {
    const json_t *got = json_object_get(sample, "rating"), *want = json_object_get(rec, "target_rating");

    if (!json_is_number(got) || !json_is_number(want)) return 0;
    return fmax(0, 1 - fabs(json_number_value(got) - json_number_value(want)) / 4);
}

/* Whether n bytes of text hold the name as a word of its own. */
static bool names(const char *text, size_t n, const char *name) {
    size_t length = strlen(name);

    for (size_t i = 0; length && i + length <= n; i++)
        if (!memcmp(text + i, name, length) && !(i && isalnum((unsigned char)text[i - 1])) &&
            !isalnum((unsigned char)text[i + length]))
            return true;
    return false;
}

/* Whether the thought text[from, to), which cites c, names what its step may not. */
static bool leaks(const json_t *rec, const struct citation *c, const char *text, size_t from, size_t to) {
    const json_t *candidate = json_array_get(json_object_get(rec, "candidates"), (size_t)c->candidate);
    const char *title = candidate ? view_title(candidate) : NULL;

    if (c->edge >= EDGE_CANDIDATE) return c->edge > EDGE_CANDIDATE;
    for (size_t i = from; i < to; i++)
        if (text[i] == '\n') from = i + 1;
    return title && names(text + from, to - from, title);
}

static void citation_parts(double *parts, const json_t *rec, const char *text) {
    struct citation c;
    double all = 0, good = 0, bad = 0;

    for (size_t from = 0, to = 0; answer_citation(text, &to, &c); from = to) {
        all++;
        good += steps_shows(rec, &c);
        bad += leaks(rec, &c, text, from, to);
    }
    parts[REWARD_GROUNDING] = all > 0 ? good / all : 1;
    parts[REWARD_LEAK] = all > 0 ? bad / all : 0;
}

/* The runs of n tokens, to be sorted: equal ones become neighbours. */
struct gram {
    const json_int_t *token;
    long n;
};

static int compare_grams(const void *a, const void *b) {
    const struct gram *x = a, *y = b;

    for (long i = 0; i < x->n; i++)
        if (x->token[i] != y->token[i]) return x->token[i] < y->token[i] ? -1 : 1;
    return 0;
}

static double repetition_part(const json_t *tokens, long ngram) {
    size_t n = json_array_size(tokens), grams = n < (size_t)ngram ? 0 : n - (size_t)ngram + 1;
    json_int_t *token = mem_alloc(n + 1, sizeof *token);
    struct gram *gram = mem_alloc(grams + 1, sizeof *gram);
    double again = 0;

    for (size_t i = 0; i < n; i++) token[i] = json_integer_value(json_array_get(tokens, i));
    for (size_t i = 0; i < grams; i++) gram[i] = (struct gram){ token + i, ngram };
    qsort(gram, grams, sizeof *gram, compare_grams);
    for (size_t i = 1; i < grams; i++) again += !compare_grams(&gram[i - 1], &gram[i]);
    free(token);
    free(gram);
    return grams ? again / (double)grams : 0;
}

static void token_parts(double *parts, const json_t *sample, const struct reward_options *o) {
    const json_t *tokens = json_object_get(sample, "tokens");
    double n = (double)json_array_size(tokens), over = n - (double)o->soft;

    parts[REWARD_LENGTH] = n / 100;
    parts[REWARD_OVERLONG] = over > 0 ? -fmin(over / (double)(o->most - o->soft), 1) : 0;
    parts[REWARD_REPETITION] = repetition_part(tokens, o->ngram);
}

int reward_sample(double parts[REWARD_PARTS], const json_t *rec, const json_t *sample,
                  const struct reward_options *o, struct err *err) {
    const char *text, *finish, *answer;
    bool answered = reward_answered(sample);

    memset(parts, 0, REWARD_PARTS * sizeof *parts);
    if (jsonl_string(sample, "text", &text, err) || jsonl_string(sample, "finish", &finish, err) ||
        jsonl_string(rec, "answer", &answer, err))
        return -1;
    token_parts(parts, sample, o);
    parts[REWARD_HIT] = answered && reward_known(rec) &&
                        !strcmp(json_string_value(json_object_get(sample, "answer")), answer);
    parts[REWARD_FORMAT] = answered && !strcmp(finish, "stop");
    citation_parts(parts, rec, text);
    if (json_object_get(sample, "rating")) {
        parts[REWARD_RATING] = rating_part(rec, sample);
        return 0;
    }
    return rank_parts(parts, rec, sample, o->top, err);
}

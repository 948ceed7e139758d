/* reward — the parts of a sample's reward. */
#include "rl/reward.h"

#include <math.h>
#include <string.h>

#include "io/jsonl.h"
#include "text/answer.h"

enum { MAX_SCORES = 1024 };

const char *const reward_names[REWARD_PARTS] = {
    "hit", "mrr", "ndcg", "prob", "rating", "format", "grounding", "length"
};

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

static int rank_parts(double *parts, const json_t *rec, const json_t *sample, struct err *err) {
    double x[MAX_SCORES], rank, sum = 0;
    int64_t target = 0;
    int n = read_scores(x, sample, err);

    if (n <= 0) return n;
    if (jsonl_int(rec, "target", 0, n - 1, &target, err)) return -1;
    rank = reward_rank(x, (size_t)n, (size_t)target);
    parts[REWARD_MRR] = 1 / rank;
    parts[REWARD_NDCG] = 1 / log2(1 + rank);
    for (int k = 0; k < n; k++) sum += exp(x[k] - x[target]);
    parts[REWARD_PROB] = isfinite(x[target]) ? 1 / sum : 0;
    return 0;
}

static double rating_part(const json_t *rec, const json_t *sample) {
    const json_t *got = json_object_get(sample, "rating"), *want = json_object_get(rec, "target_rating");

    if (!json_is_number(got) || !json_is_number(want)) return 0;
    return fmax(0, 1 - fabs(json_number_value(got) - json_number_value(want)) / 4);
}

static double grounding_part(const json_t *rec, const char *text) {
    const json_t *shown = json_object_get(rec, "shown");
    struct citation c;
    size_t pos = 0;
    double all = 0, good = 0;

    while (answer_citation(text, &pos, &c)) {
        json_int_t chains = json_integer_value(json_array_get(shown, (size_t)c.candidate));

        all++;
        good += c.chain <= chains && c.edge <= 3;
    }
    return all > 0 ? good / all : 1;
}

int reward_sample(double parts[REWARD_PARTS], const json_t *rec, const json_t *sample, struct err *err) {
    const char *text, *finish, *answer;
    const json_t *given = json_object_get(sample, "answer");

    memset(parts, 0, REWARD_PARTS * sizeof *parts);
    if (jsonl_string(sample, "text", &text, err) || jsonl_string(sample, "finish", &finish, err) ||
        jsonl_string(rec, "answer", &answer, err))
        return -1;
    parts[REWARD_HIT] = json_is_string(given) && !strcmp(json_string_value(given), answer);
    parts[REWARD_FORMAT] = json_is_string(given) && !strcmp(finish, "stop");
    parts[REWARD_GROUNDING] = grounding_part(rec, text);
    parts[REWARD_LENGTH] = (double)json_array_size(json_object_get(sample, "tokens")) / 100;
    if (json_object_get(sample, "rating")) {
        parts[REWARD_RATING] = rating_part(rec, sample);
        return 0;
    }
    return rank_parts(parts, rec, sample, err);
}

/* reward — score every sample of a rollout record.
 *
 * in   {"answer":"C","target":2,"samples":[{"text":"...",...}],...}
 * out  the same record; each sample has gained "reward" and "parts", the record what its group says together */
#include "rl/reward.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/cli.h"
#include "base/mem.h"
#include "io/jsonl.h"
#include "rl/advantage.h"

struct options {
    double weight[REWARD_PARTS];
    struct reward_options parts;
    bool quiet;
};

#define WEIGHT(part) offsetof(struct options, weight) + (part) * sizeof(double), -1e3, 1e3
#define AT(field) offsetof(struct options, field)

static const struct cli_opt opts[] = {
    { 0, "hit", CLI_REAL, WEIGHT(REWARD_HIT), "weight of the right answer", NULL },
    { 0, "mrr", CLI_REAL, WEIGHT(REWARD_MRR), "weight of the true candidate's reciprocal rank", NULL },
    { 0, "ndcg", CLI_REAL, WEIGHT(REWARD_NDCG), "weight of its discounted gain", NULL },
    { 0, "prob", CLI_REAL, WEIGHT(REWARD_PROB), "weight of its probability", NULL },
    { 0, "rating", CLI_REAL, WEIGHT(REWARD_RATING), "weight of a rating near the true one", NULL },
    { 0, "format", CLI_REAL, WEIGHT(REWARD_FORMAT), "weight of a well-formed text", NULL },
    { 0, "grounding", CLI_REAL, WEIGHT(REWARD_GROUNDING), "weight of true citations", NULL },
    { 0, "leak", CLI_REAL, WEIGHT(REWARD_LEAK), "weight of thoughts that name what is masked", NULL },
    { 0, "length", CLI_REAL, WEIGHT(REWARD_LENGTH), "weight of 100 tokens", NULL },
    { 0, "overlong", CLI_REAL, WEIGHT(REWARD_OVERLONG), "weight of DAPO's soft punishment of long texts", NULL },
    { 0, "repetition", CLI_REAL, WEIGHT(REWARD_REPETITION), "weight of repeated runs of tokens", NULL },
    { 0, "top", CLI_INT, AT(parts.top), 1, 1024, "ranks that have a gain in ndcg", NULL },
    { 0, "soft-tokens", CLI_INT, AT(parts.soft), 0, 1e6, "a text of more tokens begins to be overlong", NULL },
    { 0, "max-tokens", CLI_INT, AT(parts.most), 1, 1e6, "a text of so many is wholly", NULL },
    { 0, "ngram", CLI_INT, AT(parts.ngram), 1, 1000, "tokens of a run that may be repeated", NULL },
    { 'q', "quiet", CLI_FLAG, AT(quiet), 0, 0, "no count of unknown answers", NULL },
    { 0 }
};

static const struct cli cli = {
    .name = "reward", .operands = "[file ...]", .opts = opts,
    .purpose = "Score every sample of rollout records.",
    .example = "rollout -m sft prompts.jsonl | reward --hit 1 --format 0.2 | rl-update -m sft -o rl"
};

struct counts {
    size_t records, unknown;            /* unknown: the right answer is */
    size_t samples, unanswered;
};

static int reward_one(json_t *rec, json_t *sample, const struct options *o, double *sum, struct err *err) {
    double parts[REWARD_PARTS];
    json_t *obj;

    if (reward_sample(parts, rec, sample, &o->parts, err)) return -1;
    obj = json_object();
    *sum = 0;
    for (int p = 0; p < REWARD_PARTS; p++) {
        *sum += o->weight[p] * parts[p];
        json_object_set_new(obj, reward_names[p], jsonl_real(parts[p]));
    }
    json_object_set_new(sample, "reward", jsonl_real(*sum));
    json_object_set_new(sample, "parts", obj);
    return 0;
}

/* Mean and deviation of the group's rewards, and whether they are all the same. */
static void add_group(json_t *rec, const double *reward, size_t n) {
    double mean, deviation;
    bool silent = advantage_silent(reward, n);

    advantage_moments(reward, n, &mean, &deviation);
    json_object_set_new(rec, "reward", jsonl_real(mean));
    json_object_set_new(rec, "reward_std", jsonl_real(silent ? 0 : deviation));
    json_object_set_new(rec, "silent", json_boolean(silent));
}

static int reward_record(json_t *rec, const struct options *o, struct counts *counts, struct err *err) {
    json_t *samples, *sample;
    double *reward;
    size_t i, n;
    int r = 0;

    if (jsonl_array(rec, "samples", &samples, err)) return -1;
    n = json_array_size(samples);
    reward = mem_alloc(n + 1, sizeof *reward);
    json_array_foreach(samples, i, sample) {
        if ((r = reward_one(rec, sample, o, &reward[i], err))) {
            err_prefix(err, "sample %zu", i);
            break;
        }
        counts->unanswered += !reward_answered(sample);
    }
    if (!r && n) add_group(rec, reward, n);
    free(reward);
    counts->records++;
    counts->unknown += !reward_known(rec);
    counts->samples += n;
    return r;
}

static void tell(const struct counts *c) {
    if (c->unanswered)
        cli_note(&cli, "%zu of %zu samples hold no answer: hit and format are 0 there", c->unanswered, c->samples);
    if (c->unknown)
        cli_note(&cli, "%zu of %zu records do not know the right answer: hit is 0 there", c->unknown, c->records);
}

int main(int argc, char **argv) {
    struct options o = { .weight = { [REWARD_HIT] = 1, [REWARD_PROB] = 1, [REWARD_RATING] = 1,
                                     [REWARD_FORMAT] = 0.2, [REWARD_GROUNDING] = 0.2 },
                         .parts = { .top = 1024, .soft = 205, .most = 256, .ngram = 4 } };
    char **operands = cli_parse(&cli, &o, argc, argv);
    struct counts counts = { 0 };
    struct jsonl in;
    struct err err;
    json_t *rec = NULL;
    int r;

    if (o.parts.soft >= o.parts.most) cli_usage(&cli, "--soft-tokens is less than --max-tokens");
    jsonl_open(&in, operands);
    while ((r = jsonl_next(&in, &rec, &err)) > 0) {
        if ((r = reward_record(rec, &o, &counts, &err)) < 0) break;
        jsonl_write(stdout, rec);
        json_decref(rec);
        rec = NULL;
    }
    if (r < 0) cli_complain(&cli, in.name, in.line, err.msg);
    else if (!o.quiet) tell(&counts);
    json_decref(rec);
    jsonl_close(&in);
    return cli_finish(&cli) | (r < 0 ? EXIT_DATA : EXIT_OK);
}

/* reward — score every sample of a rollout record.
 *
 * in   {"answer":"C","target":2,"samples":[{"text":"...",...}],...}
 * out  the same record; each sample has gained "reward" and "parts" */
#include "rl/reward.h"

#include <stddef.h>

#include "base/cli.h"
#include "io/jsonl.h"

struct options {
    double weight[REWARD_PARTS];
};

#define WEIGHT(part) offsetof(struct options, weight) + (part) * sizeof(double), -1e3, 1e3

static const struct cli_opt opts[] = {
    { 0, "hit", CLI_REAL, WEIGHT(REWARD_HIT), "weight of the right answer", NULL },
    { 0, "mrr", CLI_REAL, WEIGHT(REWARD_MRR), "weight of the true candidate's reciprocal rank", NULL },
    { 0, "ndcg", CLI_REAL, WEIGHT(REWARD_NDCG), "weight of its discounted gain", NULL },
    { 0, "prob", CLI_REAL, WEIGHT(REWARD_PROB), "weight of its probability", NULL },
    { 0, "rating", CLI_REAL, WEIGHT(REWARD_RATING), "weight of a rating near the true one", NULL },
    { 0, "format", CLI_REAL, WEIGHT(REWARD_FORMAT), "weight of a well-formed text", NULL },
    { 0, "grounding", CLI_REAL, WEIGHT(REWARD_GROUNDING), "weight of true citations", NULL },
    { 0, "length", CLI_REAL, WEIGHT(REWARD_LENGTH), "weight of 100 tokens", NULL },
    { 0 }
};

static const struct cli cli = {
    .name = "reward", .operands = "[file ...]", .opts = opts,
    .purpose = "Score every sample of rollout records.",
    .example = "rollout -m sft prompts.jsonl | reward --hit 1 --format 0.2 | rl-update -m sft -o rl"
};

static int reward_record(json_t *rec, const struct options *o, struct err *err) {
    json_t *samples, *sample;
    size_t i;

    if (jsonl_array(rec, "samples", &samples, err)) return -1;
    json_array_foreach(samples, i, sample) {
        double parts[REWARD_PARTS], sum = 0;
        json_t *obj = json_object();

        if (reward_sample(parts, rec, sample, err)) {
            json_decref(obj);
            return err_prefix(err, "sample %zu", i);
        }
        for (int p = 0; p < REWARD_PARTS; p++) {
            sum += o->weight[p] * parts[p];
            json_object_set_new(obj, reward_names[p], jsonl_real(parts[p]));
        }
        json_object_set_new(sample, "reward", jsonl_real(sum));
        json_object_set_new(sample, "parts", obj);
    }
    return 0;
}

int main(int argc, char **argv) {
    struct options o = { .weight = { [REWARD_HIT] = 1, [REWARD_PROB] = 1, [REWARD_RATING] = 1,
                                     [REWARD_FORMAT] = 0.2, [REWARD_GROUNDING] = 0.2 } };
    char **operands = cli_parse(&cli, &o, argc, argv);
    struct jsonl in;
    struct err err;
    json_t *rec = NULL;
    int r;

    jsonl_open(&in, operands);
    while ((r = jsonl_next(&in, &rec, &err)) > 0) {
        if ((r = reward_record(rec, &o, &err)) < 0) break;
        jsonl_write(stdout, rec);
        json_decref(rec);
        rec = NULL;
    }
    if (r < 0) cli_complain(&cli, in.name, in.line, err.msg);
    json_decref(rec);
    jsonl_close(&in);
    return cli_finish(&cli) | (r < 0 ? EXIT_DATA : EXIT_OK);
}

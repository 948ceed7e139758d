/* fixture — reference numbers of tests/fixtures: arrays, batches, tolerances. Tests run in the root of the
 * source tree, or with the folder of fixtures as their argument. */
#ifndef TESTS_UNIT_FIXTURE_H
#define TESTS_UNIT_FIXTURE_H

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "model/decoder.h"

#define UNUSED_OK __attribute__((unused))

/* A path below the fixtures, in a buffer of the caller. */
static UNUSED_OK const char *fixture_path(char *buf, size_t n, const char *root, const char *kind,
                                          const char *model, const char *file) {
    snprintf(buf, n, "%s/%s/%s%s%s", root, kind, model, file ? "/" : "", file ? file : "");
    return buf;
}

/* The float32 numbers of a .npy file; free() them. */
static UNUSED_OK float *fixture_npy(const char *path, size_t *n) {
    FILE *f = fopen(path, "rb");
    unsigned char head[10];
    long start, end;
    float *x;

    CHECK(f);
    CHECK(fread(head, 1, 10, f) == 10);
    start = 10 + head[8] + 256 * head[9];
    fseek(f, 0, SEEK_END);
    end = ftell(f);
    fseek(f, start, SEEK_SET);
    *n = (size_t)(end - start) / sizeof *x;
    x = malloc(*n * sizeof *x);
    CHECK(fread(x, sizeof *x, *n, f) == *n);
    fclose(f);
    return x;
}

/* The greatest difference of n numbers; NaN where one is none. */
static UNUSED_OK double worst(const real *got, const real *want, size_t n) {
    double w = 0;

    for (size_t i = 0; i < n; i++) {
        double e = fabs((double)got[i] - (double)want[i]);

        if (!(e <= w)) w = e;
    }
    return w;
}

/* Sequences of a batch.json, packed; targets: every token but each sequence's first. */
struct fixture_batch {
    int *tokens, *starts;           /* first completion token of each sequence */
    struct seq *seqs;
    struct target *targets;
    bool *completion;               /* of each target */
    struct packed in;
    int n_completion;
};

static UNUSED_OK void fixture_batch_load(struct fixture_batch *b, const char *path) {
    json_t *obj = json_load_file(path, 0, NULL), *seqs, *seq, *starts;
    size_t i, k, at = 0, n = 0;

    CHECK(obj);
    seqs = json_object_get(obj, "sequences");
    starts = json_object_get(obj, "completion_starts");
    b->tokens = calloc(4096, sizeof *b->tokens);
    b->targets = calloc(4096, sizeof *b->targets);
    b->completion = calloc(4096, sizeof *b->completion);
    b->seqs = calloc(json_array_size(seqs), sizeof *b->seqs);
    b->starts = calloc(json_array_size(seqs), sizeof *b->starts);
    b->n_completion = 0;
    json_array_foreach(seqs, i, seq) {
        int first = (int)json_integer_value(json_array_get(starts, i));

        b->starts[i] = first;
        b->seqs[i] = (struct seq){ .start = (int)at, .len = (int)json_array_size(seq), .parent = -1 };
        for (k = 0; k < json_array_size(seq); k++, at++) {
            b->tokens[at] = (int)json_integer_value(json_array_get(seq, k));
            if (!k) continue;
            b->targets[n] = (struct target){ .row = (int)at - 1, .token = b->tokens[at] };
            b->completion[n] = (int)k >= first;
            b->n_completion += b->completion[n++];
        }
    }
    b->in = (struct packed){ .tokens = b->tokens, .seqs = b->seqs, .targets = b->targets, .n_tokens = (int)at,
                             .n_seqs = (int)json_array_size(seqs), .n_targets = (int)n };
    json_decref(obj);
}

static UNUSED_OK void fixture_batch_free(struct fixture_batch *b) {
    free(b->tokens);
    free(b->targets);
    free(b->completion);
    free(b->seqs);
    free(b->starts);
}

/* Logits [n, vocab] of these rows of the batch, each named once, by a forward of their own. */
static UNUSED_OK void fixture_logits(struct decoder *d, const struct packed *in, const int *rows, int n, real *logits) {
    struct target *targets = calloc((size_t)n, sizeof *targets);
    real *logprob = calloc((size_t)n, sizeof *logprob);
    struct packed all = *in;

    for (int i = 0; i < n; i++) targets[i].row = rows[i];
    all.targets = targets;
    all.n_targets = n;
    decoder_forward(d, &all, logprob, NULL);
    decoder_logits(d, logits);
    free(targets);
    free(logprob);
}

/* The number obj.group.name, or obj.name when group is NULL; texts are read as numbers. */
static UNUSED_OK double fixture_number(const json_t *obj, const char *group, const char *name) {
    const json_t *v = json_object_get(group ? json_object_get(obj, group) : obj, name);

    CHECK(v);
    return json_is_string(v) ? atof(json_string_value(v)) : json_number_value(v);
}

#endif

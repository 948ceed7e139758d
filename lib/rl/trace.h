/* trace — one sample of a group while it is generated, and the scores that are read on the way.
 *
 * The sample first runs freely: tokens are drawn until the end token or the limit. At a verdict the
 * chance of "yes" against "no" is noted for the candidate of that line. When the sample said yes, the
 * candidates behind it have no score yet: a second run goes on from the same place with "no" instead,
 * greedily, answering each further verdict with "no", until the answer's slot, whose labels score the
 * candidates that were not visited (see text/prompt.h for the distribution). Where the run that leads
 * there ends without an answer's slot, the prefix is forced upon it.
 *
 * The first tokens may be given. Where these end in the answer's slot, the label is the last token of the sample.
 *
 * The trace says what to feed the model (trace_feed) and is told the logits (trace_take). */
#ifndef RL_TRACE_H
#define RL_TRACE_H

#include <jansson.h>

#include "base/buf.h"
#include "base/rng.h"
#include "model/sample.h"
#include "rl/stop.h"
#include "text/slots.h"

enum trace_mode { TRACE_FREE, TRACE_AGAIN, TRACE_LABELS, TRACE_DONE };

/* What holds for every sample. */
struct trace_rules {
    const struct bpe *bpe;
    int vocab;                  /* of the model */
    struct sample_options sampling;
    struct stop stop;
    int limit;                  /* tokens a run may have */
    bool scored;                /* scores are wanted */
};

struct trace {
    const struct trace_rules *rules;
    const struct slots *slots;
    const struct bpe_ids *prompt;
    const struct bpe_ids *prefix;   /* the tokens that are given; NULL: none. Set it behind trace_start */
    struct rng rng;
    bool scored;                /* scores are still to come */
    enum trace_mode mode;
    struct buf text;            /* of the free, later of the second run, without special tokens */
    struct bpe_ids run;         /* tokens of the present run */
    struct bpe_ids free_run;    /* tokens of the free run, the sample itself */
    struct buf free_text;
    float *logprobs;            /* [free_run.n] */
    size_t cap;
    bool stopped;               /* the free run reached an end token or a stop string */
    bool restart;               /* feed from the root again (the caller makes a new branch) */
    bool forced;                /* the labels were scored behind a prefix that no run wrote */
    size_t fed;                 /* tokens of the present run that the model has read */
    size_t yes_at;              /* tokens before the free run's first "yes"; SIZE_MAX: none */
    size_t yes_text;            /* bytes of text before it */
    double log_none;            /* log-probability that none of the visited is it */
    bool has[SLOTS_LABELS];
    double score[SLOTS_LABELS];
};

/* Begins a sample that is drawn by the numbers of `rng`. Without labels (slots->n = 0) there are no scores
 * and no answer. Everything is borrowed. Free with trace_free. */
void trace_start(struct trace *t, const struct trace_rules *rules, const struct slots *slots,
                 const struct bpe_ids *prompt, struct rng rng);
void trace_free(struct trace *t);

/* The tokens to feed next: *tokens (borrowed until trace_take) and their number; 0 when done. If
 * t->restart is set they belong to a new branch of the prompt. */
int trace_feed(const struct trace *t, const int **tokens);

/* Takes the logits after the tokens of trace_feed; `dist` is scratch. For a new trace, call it first with
 * the logits after the prompt. Different traces may be served by different threads. */
void trace_take(struct trace *t, const real *logits, struct sample_dist *dist);

/* The finished sample as a record's "samples" entry, a new reference. */
json_t *trace_json(const struct trace *t, bool rate);

#endif

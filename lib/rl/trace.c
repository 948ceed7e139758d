/* trace — a free run, a second run for the scores, a forced answer. */
#define _GNU_SOURCE
#include "rl/trace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/jsonl.h"
#include "model/kvcache.h"
#include "text/answer.h"

void trace_start(struct trace *t, const struct trace_rules *rules, const struct slots *slots,
                 const struct bpe_ids *prompt, struct rng rng) {
    *t = (struct trace){ .rules = rules, .slots = slots, .prompt = prompt, .rng = rng,
                         .scored = rules->scored && slots->n, .yes_at = SIZE_MAX };
}

void trace_free(struct trace *t) {
    buf_free(&t->text);
    buf_free(&t->free_text);
    free(t->run.id);
    free(t->free_run.id);
    free(t->logprobs);
}

int trace_feed(const struct trace *t, const int **tokens) {
    *tokens = t->run.id + t->fed;
    return t->mode == TRACE_DONE ? 0 : (int)(t->run.n - t->fed);
}

/* Adds bytes; a zero byte, which records cannot hold, becomes U+FFFD. */
static void add_bytes(struct buf *b, const char *s, size_t n) {
    while (n) {
        size_t k = strnlen(s, n);

        buf_add(b, s, k);
        if (k < n) buf_puts(b, "\xef\xbf\xbd"), k++;
        s += k;
        n -= k;
    }
}

static bool ends(const struct trace *t, int token) {
    return stop_is_token(&t->rules->stop, token);
}

/* Adds what the token says. Returns whether it ends the run: as an end token, or by a stop string. */
static bool add_text(struct trace *t, int token) {
    size_t n, before = t->text.n;
    const char *piece = bpe_piece(t->rules->bpe, token, &n);

    if (ends(t, token)) return true;
    if (piece && !bpe_is_special(t->rules->bpe, token)) add_bytes(&t->text, piece, n);
    return stop_find(&t->rules->stop, buf_text(&t->text), t->text.n, before) != SIZE_MAX;
}

static void force_answer(struct trace *t) {
    if (t->run.n && ends(t, t->run.id[t->run.n - 1])) t->run.n--;
    for (size_t i = 0; i < t->slots->answer_ids.n; i++) bpe_push(&t->run, t->slots->answer_ids.id[i]);
    t->forced = true;
    t->mode = TRACE_LABELS;
}

/* Every candidate has a verdict: what is left behind the last "no" is shared out in proportion. */
static void share_rest(struct trace *t) {
    double any = -expm1(t->log_none);           /* probability that one of them is it */

    for (int k = 0; k < t->slots->n && any > 0; k++) t->score[k] -= log(any);
}

/* Scores the candidates without a verdict by their labels, and ends. */
static void score_labels(struct trace *t, const real *logits) {
    const struct slots *s = t->slots;
    double max = -INFINITY, sum = 0;

    for (int k = 0; k < s->n; k++)
        if (!t->has[k]) max = fmax(max, logits[s->label[k]]);
    if (max == -INFINITY) share_rest(t);
    for (int k = 0; k < s->n; k++)
        if (!t->has[k]) sum += exp((double)logits[s->label[k]] - max);
    for (int k = 0; k < s->n; k++) {
        if (t->has[k]) continue;
        t->score[k] = t->log_none + (double)logits[s->label[k]] - max - log(sum);
        t->has[k] = true;
    }
    t->scored = false;
}

/* Notes the chance of "yes" for the candidate of this line, log_none + log p(yes | yes or no). */
static void note_verdict(struct trace *t, const real *logits) {
    int c = slots_visited(t->slots, buf_text(&t->text));
    double margin = (double)logits[t->slots->yes] - (double)logits[t->slots->no];

    if (c < 0 || t->has[c]) return;
    t->has[c] = true;
    t->score[c] = t->log_none - log1p(exp(-margin));
    t->log_none -= log1p(exp(margin));
}

/* The run goes on from the first "yes" with "no" instead, in a new branch. */
static void begin_again(struct trace *t) {
    t->run.n = 0;
    for (size_t i = 0; i < t->yes_at; i++) bpe_push(&t->run, t->free_run.id[i]);
    bpe_push(&t->run, t->slots->no);
    buf_clear(&t->text);
    buf_add(&t->text, buf_text(&t->free_text), t->yes_text);
    t->fed = 0;
    t->restart = true;
    t->mode = TRACE_AGAIN;
    if (add_text(t, t->slots->no)) force_answer(t);
}

static void end_free_run(struct trace *t) {
    for (size_t i = 0; i < t->run.n; i++) bpe_push(&t->free_run, t->run.id[i]);
    buf_add(&t->free_text, buf_text(&t->text), t->text.n);
    if (!t->scored) t->mode = TRACE_DONE;
    else if (t->yes_at != SIZE_MAX) begin_again(t);
    else if (slots_at_answer(t->slots, buf_text(&t->text), t->text.n)) t->mode = TRACE_LABELS;
    else force_answer(t);
}

static bool is_verdict(const struct trace *t, int token) {
    return t->slots->verdicts && (token == t->slots->yes || token == t->slots->no);
}

static void take_free(struct trace *t, const real *logits, struct sample_dist *dist) {
    const struct sample_seen seen = { t->prompt->id, t->run.id, t->prompt->n, t->run.n };
    int token = sample_token(dist, logits, t->rules->vocab, &t->rules->sampling, &seen, &t->rng);
    size_t given = t->prefix ? t->prefix->n : 0;
    bool open = t->yes_at == SIZE_MAX;
    bool last = given && t->run.n == given && t->slots->n && slots_at_answer(t->slots, buf_text(&t->text), t->text.n);

    if (t->run.n < given) token = t->prefix->id[t->run.n];
    if (t->scored && open && slots_at_answer(t->slots, buf_text(&t->text), t->text.n))
        score_labels(t, logits);
    if (t->scored && open && is_verdict(t, token)) note_verdict(t, logits);
    if (open && t->slots->verdicts && token == t->slots->yes) {
        t->yes_at = t->run.n;
        t->yes_text = t->text.n;
    }
    t->logprobs = mem_grow(t->logprobs, t->run.n, &t->cap, sizeof *t->logprobs);
    t->logprobs[t->run.n] = (float)kvcache_logprob(logits, t->rules->vocab, token);
    bpe_push(&t->run, token);
    t->stopped = add_text(t, token);
    if (t->stopped || last || t->run.n == (size_t)t->rules->limit) end_free_run(t);
}

static void take_again(struct trace *t, const real *logits, struct sample_dist *dist) {
    static const struct sample_options greedy = { .penalty = 1, .temperature = 0, .top_p = 1 };
    int token = sample_token(dist, logits, t->rules->vocab, &greedy, NULL, &t->rng);

    if (slots_at_answer(t->slots, buf_text(&t->text), t->text.n)) {
        score_labels(t, logits);
        t->mode = TRACE_DONE;
        return;
    }
    if (ends(t, token) || t->run.n == (size_t)t->rules->limit) {
        force_answer(t);
        return;
    }
    if (is_verdict(t, token)) {
        note_verdict(t, logits);
        token = t->slots->no;
    }
    bpe_push(&t->run, token);
    if (add_text(t, token)) force_answer(t);
}

void trace_take(struct trace *t, const real *logits, struct sample_dist *dist) {
    t->fed = t->run.n;
    t->restart = false;
    if (t->mode == TRACE_FREE) {
        take_free(t, logits, dist);
    } else if (t->mode == TRACE_AGAIN) {
        take_again(t, logits, dist);
    } else if (t->mode == TRACE_LABELS) {
        score_labels(t, logits);
        t->mode = TRACE_DONE;
    }
}

/* The expected rating under the labels' probabilities: label k stands for rating k + 1. */
static double expected_rating(const struct trace *t) {
    double sum = 0;

    for (int k = 0; k < t->slots->n; k++) sum += exp(t->score[k]) * (k + 1);
    return sum;
}

static json_t *scores_json(const struct trace *t) {
    json_t *scores = json_array();

    for (int k = 0; k < t->slots->n; k++)
        json_array_append_new(scores, t->has[k] ? jsonl_float((float)t->score[k]) : json_null());
    return scores;
}

/* Adds the text of the sample: UTF-8, without the end token or what begins with a stop string. */
static void sample_text(const struct trace *t, struct buf *text) {
    size_t n = t->free_run.n, cut;
    struct buf decoded = { 0 };

    if (n && ends(t, t->free_run.id[n - 1])) n--;
    bpe_decode(t->rules->bpe, t->free_run.id, n, false, &decoded);
    add_bytes(text, buf_text(&decoded), decoded.n);
    buf_free(&decoded);
    cut = stop_find(&t->rules->stop, buf_text(text), text->n, 0);
    if (cut == SIZE_MAX) return;
    text->n = cut;
    text->s[cut] = 0;
}

json_t *trace_json(const struct trace *t, bool rate) {
    json_t *tokens = json_array(), *logprobs = json_array(), *out;
    struct buf text = { 0 };
    int answer = -1;

    sample_text(t, &text);
    if (t->slots->n)
        answer = answer_parse(buf_text(&text), t->slots->answer, t->slots->text, (size_t)t->slots->n);
    out = json_pack("{s:o}", "text", json_stringn(buf_text(&text), text.n));
    buf_free(&text);
    for (size_t i = 0; i < t->free_run.n; i++) {
        json_array_append_new(tokens, json_integer(t->free_run.id[i]));
        json_array_append_new(logprobs, jsonl_float(t->logprobs[i]));
    }
    json_object_set_new(out, "tokens", tokens);
    json_object_set_new(out, "logprobs", logprobs);
    json_object_set_new(out, "finish", json_string(t->stopped ? "stop" : "length"));
    json_object_set_new(out, "answer", answer < 0 ? json_null()
                        : json_string(t->slots->text[answer] + strspn(t->slots->text[answer], " \n")));
    if (t->slots->n && t->has[0] && !rate) json_object_set_new(out, "scores", scores_json(t));
    if (t->has[0] && rate) {
        json_object_set_new(out, "scores", json_pack("[o]", jsonl_real(expected_rating(t))));
        json_object_set_new(out, "rating", jsonl_real(expected_rating(t)));
    }
    json_object_set_new(out, "forced", json_boolean(t->forced));
    return out;
}

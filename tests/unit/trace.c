/* trace — what is fed, what is scored and where it ends when a model says known things at known places; and what
 * answer, slots and stop strings read in a text. The model is a table: behind this text, these tokens with these logits. */
#include "check.h"

#include <string.h>

#include "base/mem.h"
#include "io/jsonl.h"
#include "rl/trace.h"
#include "text/answer.h"
#include "text/bpe.h"

/* Behind `text`, each token of `say` (apart by '|') has a logit of `logit`; all others -60. */
struct place {
    const char *text, *say;
    double logit[6];
};

struct world {
    struct bpe *bpe;
    struct trace_rules rules;
    int end;
    real *logits;
    struct sample_dist dist;
    struct bpe_ids prefix;      /* what samples begin with */
};

static int token(const struct world *w, const char *text, size_t n) {
    struct bpe_ids ids = { 0 };
    struct err err;
    int id;

    if (n == 3 && !memcmp(text, "END", 3)) return w->end;
    if (n == 5 && !memcmp(text, "START", 5)) return bpe_id(w->bpe, "<|im_start|>");
    CHECK(!bpe_encode(w->bpe, text, n, false, &ids, &err));
    CHECK(ids.n == 1);
    id = ids.id[0];
    free(ids.id);
    return id;
}

static void set_logits(struct world *w, const struct place *places, const char *text) {
    const char *s;
    int k = 0;

    for (; places->text && strcmp(places->text, text); places++) continue;
    if (!places->text) fprintf(stderr, "nothing is known behind '%s'\n", text);
    CHECK(places->text);
    for (int t = 0; t < w->rules.vocab; t++) w->logits[t] = -60;
    for (s = places->say; *s; k++) {
        size_t n = strcspn(s, "|");

        w->logits[token(w, s, n)] = (real)places->logit[k];
        s += n + (s[n] == '|');
    }
}

/* Runs a greedy trace over the table. Returns the sample; *fed counts what the model has read. */
static json_t *run(struct world *w, const struct place *places, const char *slots, int limit, bool scored,
                   bool rate, int *fed) {
    const struct bpe_ids prompt = { 0 };
    struct err err = { "" };
    json_t *rec = jsonl_parse(slots, strlen(slots), &err), *sample;
    struct slots s;
    struct trace t;
    const int *tokens;
    int n;

    CHECK(rec && !slots_read(&s, w->bpe, rec, &err));
    w->rules.limit = limit;
    w->rules.scored = scored;
    trace_start(&t, &w->rules, &s, &prompt, rng_start(1, "rollout", "x"));
    t.prefix = &w->prefix;
    set_logits(w, places, "");
    trace_take(&t, w->logits, &w->dist);
    for (*fed = 0; (n = trace_feed(&t, &tokens)) > 0; *fed += n) {
        struct buf text = { 0 };
        size_t all = (size_t)(tokens + n - t.run.id);

        CHECK(all == t.run.n && (!t.restart || tokens == t.run.id));
        CHECK(tokens[n - 1] != w->end);
        bpe_decode(w->bpe, t.run.id, all, true, &text);
        set_logits(w, places, buf_text(&text));
        trace_take(&t, w->logits, &w->dist);
        buf_free(&text);
    }
    sample = trace_json(&t, rate);
    trace_free(&t);
    slots_free(&s);
    json_decref(rec);
    return sample;
}

static double logistic(double x) {
    return 1 / (1 + exp(-x));
}

static double score(const json_t *sample, size_t k) {
    return exp(json_number_value(json_array_get(json_object_get(sample, "scores"), k)));
}

/* Checks text, end, answer and forced of a sample; NULL answer: none. */
static void check_sample(const json_t *sample, const char *text, const char *finish, const char *answer, bool forced) {
    const char *got = json_string_value(json_object_get(sample, "answer"));

    CHECK(!strcmp(json_string_value(json_object_get(sample, "text")), text));
    CHECK(!strcmp(json_string_value(json_object_get(sample, "finish")), finish));
    CHECK(answer ? got && !strcmp(got, answer) : !got);
    CHECK(json_is_true(json_object_get(sample, "forced")) == forced);
}

/* The verdicts and labels are words that the fixture's small vocabulary has. */
#define SLOTS_OF(labels) "{\"slots\":{\"yes\":\" is\",\"no\":\" not\",\"next\":\"\\n\",\"answer\":\"\\n=\"," \
                         "\"labels\":[" labels "]}}"
#define SLOTS SLOTS_OF("\" a\",\" b\",\" c\",\" d\"")
#define LABELS " a| b| c| d"

/* b is refused, d taken: the second run refuses d too, and the labels share what is left between a and c. */
static void test_two_runs(struct world *w) {
    static const struct place places[] = {
        { "", "b", { 0 } }, { "b", " is| not", { 0.5, 1.5 } }, { "b not", "\n", { 0 } }, { "b not\n", "d", { 0 } },
        { "b not\nd", " is| not", { 2, 1 } }, { "b not\nd is", "\n", { 0 } }, { "b not\nd is\n", "=", { 0 } },
        { "b not\nd is\n=", " d", { 0 } }, { "b not\nd is\n= d", "END", { 0 } },
        { "b not\nd not", "\n", { 0 } }, { "b not\nd not\n", "=", { 0 } },
        { "b not\nd not\n=", LABELS, { 0.3, 9, -0.7, 9 } },
        { NULL, NULL, { 0 } }
    };
    double none = logistic(1);
    int fed;
    json_t *s = run(w, places, SLOTS, 20, true, false, &fed);

    check_sample(s, "b not\nd is\n= d", "stop", "d", false);
    CHECK_NEAR(score(s, 1), logistic(-1), 1e-6);
    CHECK_NEAR(score(s, 3), none * logistic(1), 1e-6);
    none *= logistic(-1);
    CHECK_NEAR(score(s, 0), none * logistic(1), 1e-6);
    CHECK_NEAR(score(s, 2), none * logistic(-1), 1e-6);
    CHECK(fed == 8 + 7);            /* all but the end token; again from the prompt: five, and "\n=" */
    json_decref(s);
    s = run(w, places, SLOTS, 20, false, false, &fed);
    check_sample(s, "b not\nd is\n= d", "stop", "d", false);
    CHECK(!json_object_get(s, "scores") && fed == 8);
    json_decref(s);
}

/* All are refused, none by the labels: the verdicts are made to sum to 1. */
static void test_all_refused(struct world *w) {
    static const struct place places[] = {
        { "", "a", { 0 } }, { "a", " is| not", { 0, 1 } }, { "a not", "\n", { 0 } }, { "a not\n", "b", { 0 } },
        { "a not\nb", " is| not", { 0, 2 } }, { "a not\nb not", "\n", { 0 } }, { "a not\nb not\n", "=", { 0 } },
        { "a not\nb not\n=", " a", { 0 } }, { "a not\nb not\n= a", "END", { 0 } }, { NULL, NULL, { 0 } }
    };
    double a = logistic(-1), b = logistic(1) * logistic(-2);
    int fed;
    json_t *s = run(w, places, SLOTS_OF("\" a\",\" b\""), 20, true, false, &fed);

    check_sample(s, "a not\nb not\n= a", "stop", "a", false);
    CHECK_NEAR(score(s, 0), a / (a + b), 1e-6);
    CHECK_NEAR(score(s, 1), b / (a + b), 1e-6);
    json_decref(s);
}

/* Ends that lead to no answer: by the end token, by the limit, in the second run; and the limit just at the slot. */
static void test_forced(struct world *w) {
    static const struct place places[] = {
        { "", "b", { 0 } }, { "b", "END", { 0 } }, { "b\n=", LABELS, { 0, 1, 2, 3 } },
        { NULL, NULL, { 0 } }
    }, longer[] = {
        { "", "b", { 0 } }, { "b", " not| is", { 1, 0 } }, { "b not\n=", LABELS, { 0, 9, 0, 0 } }, { NULL, NULL, { 0 } }
    }, again[] = {
        { "", "c", { 0 } }, { "c", " is| not", { 1, 0 } }, { "c is", "\n", { 0 } }, { "c is\n", "=", { 0 } },
        { "c is\n=", " c", { 0 } }, { "c is\n= c", "END", { 0 } }, { "c not", "END", { 0 } },
        { "c not\n=", LABELS, { 0, 0, 0, 0 } }, { NULL, NULL, { 0 } }
    }, slot[] = {
        { "", "\n", { 0 } }, { "\n", "=", { 0 } }, { "\n=", LABELS, { 0, 0, 0, 0 } }, { NULL, NULL, { 0 } }
    };
    double sum = 1 + exp(1) + exp(2) + exp(3);
    int fed;
    json_t *s = run(w, places, SLOTS, 20, true, false, &fed);

    check_sample(s, "b", "stop", NULL, true);
    for (size_t k = 0; k < 4; k++) CHECK_NEAR(score(s, k), exp((double)k) / sum, 1e-6);
    CHECK(fed == 3);
    json_decref(s);
    s = run(w, longer, SLOTS, 2, true, false, &fed);
    check_sample(s, "b not", "length", NULL, true);
    CHECK_NEAR(score(s, 1), logistic(-1), 1e-6);
    CHECK_NEAR(score(s, 0), logistic(1) / 3, 1e-6);
    CHECK(fed == 4);
    json_decref(s);
    s = run(w, again, SLOTS, 20, true, false, &fed);
    check_sample(s, "c is\n= c", "stop", "c", true);
    CHECK_NEAR(score(s, 2), logistic(1), 1e-6);
    CHECK_NEAR(score(s, 0), logistic(-1) / 3, 1e-6);
    json_decref(s);
    s = run(w, slot, SLOTS, 2, true, false, &fed);
    check_sample(s, "\n=", "length", NULL, false);
    CHECK(fed == 2);
    json_decref(s);
}

/* A verdict on a line that names no candidate, and a second one on the same candidate, score nothing. */
static void test_odd_lines(struct world *w) {
    static const struct place places[] = {
        { "", "x", { 0 } }, { "x", " is| not", { 0, 1 } }, { "x not", "\n", { 0 } }, { "x not\n", "b", { 0 } },
        { "x not\nb", " is| not", { 0, 1 } }, { "x not\nb not", " is| not", { 0, 5 } }, { "x not\nb not not", "\n", { 0 } },
        { "x not\nb not not\n", "=", { 0 } }, { "x not\nb not not\n=", LABELS, { 1, 0, 0, 0 } },
        { "x not\nb not not\n= a", "END", { 0 } }, { NULL, NULL, { 0 } }
    };
    int fed;
    json_t *s = run(w, places, SLOTS, 20, true, false, &fed);

    check_sample(s, "x not\nb not not\n= a", "stop", "a", false);
    CHECK_NEAR(score(s, 1), logistic(-1), 1e-6);
    CHECK_NEAR(score(s, 0), logistic(1) * exp(1) / (exp(1) + 2), 1e-6);
    json_decref(s);
}

/* Stop strings: within a token and across two, with a slot in front, and in the second run, which is forced then.
 * The tokens stay; the model does not read the last. */
static void test_stop_strings(struct world *w) {
    static const struct place places[] = {
        { "", "b", { 0 } }, { "b", " is", { 0 } }, { "b is", "\n", { 0 } }, { "b is\n", " not", { 0 } },
        { "b is\n not", "END", { 0 } }, { "b not", "\n", { 0 } }, { "b not\n=", LABELS, { 0, 9, 0, 0 } },
        { "b not\n\n=", LABELS, { 0, 9, 0, 0 } }, { NULL, NULL, { 0 } }
    };
    static const struct place refused[] = {
        { "", "c", { 0 } }, { "c", " is| not", { 1, 0 } }, { "c is", "END", { 0 } }, { "c not", "\n", { 0 } },
        { "c not\n", "=", { 0 } }, { "c not\n=", LABELS, { 0, 0, 9, 0 } }, { NULL, NULL, { 0 } }
    };
    static const struct {
        const char *stop, *text, *finish;
        size_t tokens;
        int fed;
    } cases[] = {
        { "s\n ", "b i", "stop", 4, 3 }, { "s", "b i", "stop", 2, 1 }, { " not", "b is\n", "stop", 4, 3 },
        { "b", "", "stop", 1, 0 }, { "n", "b is\n ", "stop", 4, 3 }, { "\n n", "b is", "stop", 4, 3 },
        { "b is\n not", "", "stop", 4, 3 }, { "x", "b is\n not", "stop", 5, 4 }, { "t ", "b is\n not", "stop", 5, 4 }
    };
    int fed;
    json_t *s;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *stops[] = { "nothing", cases[i].stop };

        w->rules.stop.strings = (struct cli_list){ stops, 2 };
        s = run(w, places, SLOTS, 20, false, false, &fed);
        check_sample(s, cases[i].text, cases[i].finish, NULL, false);
        CHECK(fed == cases[i].fed && json_array_size(json_object_get(s, "tokens")) == cases[i].tokens);
        CHECK(json_array_size(json_object_get(s, "logprobs")) == cases[i].tokens);
        json_decref(s);
    }
    w->rules.stop.strings = (struct cli_list){ (const char *[]){ "\n" }, 1 };
    s = run(w, places, SLOTS, 20, true, false, &fed);
    check_sample(s, "b is", "stop", NULL, true);
    CHECK_NEAR(score(s, 0), 1 / 3.0 * (1 - score(s, 1)), 1e-6);
    CHECK(fed == 2 + 2 + 3);            /* "b is"; again "b not"; "\n" and the forced "\n=" */
    json_decref(s);
    for (int stopped = 0; stopped < 2; stopped++) {             /* at the "no" that begins the second run */
        w->rules.stop.strings = (struct cli_list){ (const char *[]){ " not" }, (size_t)stopped };
        s = run(w, refused, SLOTS, 20, true, false, &fed);
        check_sample(s, "c is", "stop", NULL, stopped);
        json_decref(s);
    }
    w->rules.stop.strings.n = 0;
}

/* The first tokens are given against the model's will; their log-probabilities and verdicts are the model's.
 * Behind the answer's slot only the label comes. */
static void test_prefix(struct world *w) {
    static const struct place places[] = {
        { "", "a|b", { 2, 1 } }, { "b", " is| not", { 0.5, 1.5 } }, { "b is", "END", { 0 } }, { "b is\n", "a", { 0 } },
        { "b is\n=", " d", { 0 } }, { "b not", "\n", { 0 } }, { "b not\n", "=", { 0 } },
        { "b not\n=", LABELS, { 0, 9, 0, 0 } }, { NULL, NULL, { 0 } }
    };
    struct err err;
    int fed;
    json_t *s;

    CHECK(!bpe_encode(w->bpe, "b is\n=", 6, false, &w->prefix, &err));
    s = run(w, places, SLOTS, 20, true, false, &fed);
    check_sample(s, "b is\n= d", "length", "d", false);
    CHECK_NEAR(score(s, 1), logistic(-1), 1e-6);
    CHECK_NEAR(json_number_value(json_array_get(json_object_get(s, "logprobs"), 0)), log(logistic(-1)), 1e-6);
    json_decref(s);
    free(w->prefix.id);
    w->prefix = (struct bpe_ids){ 0 };
}

/* Whatever a token holds, the string that is complete first counts, of two the one that begins first. */
static void test_stop_find(void) {
    static const char *const three[] = { "cd", "bcd", "abcdef" };
    const struct stop s = { .strings = { (const char **)three, 3 } }, none = { 0 };

    CHECK(stop_find(&s, "abcdef", 6, 0) == 1);
    CHECK(stop_find(&s, "abcdef", 6, 3) == 1);
    CHECK(stop_find(&s, "abcdef", 6, 4) == 0);
    CHECK(stop_find(&s, "abcdef", 5, 4) == SIZE_MAX);
    CHECK(stop_find(&s, "cdcd", 4, 2) == 2);
    CHECK(stop_find(&s, "", 0, 0) == SIZE_MAX);
    CHECK(stop_find(&none, "abcdef", 6, 0) == SIZE_MAX);
}

/* End tokens of the model's files and of options; a stop string that spells a special token is one. */
static void test_stop_init(const struct bpe *bpe) {
    const char *strings[] = { "\n", "<|im_start|>" }, *tokens[] = { "7", "\xc4\x8a" }, *no_tokens[] = { "12x" };
    const struct cli_list texts = { strings, 2 }, given = { tokens, 2 }, wrong = { no_tokens, 1 };
    struct config cfg = config_default(ARCH_LLAMA);
    struct err err = { "" };
    struct stop s;

    cfg.vocab = bpe_size(bpe);
    cfg.eos[cfg.n_eos++] = 5;
    CHECK(!stop_init(&s, "/no/such", &cfg, bpe, NULL, &texts, &given, &err));
    CHECK(s.tokens.n == 3 && stop_is_token(&s, 5) && stop_is_token(&s, 7) && !stop_is_token(&s, 6));
    CHECK(stop_is_token(&s, bpe_id(bpe, "<|im_start|>")) && stop_is_token(&s, bpe_id(bpe, "\xc4\x8a")));
    stop_free(&s);
    CHECK(stop_init(&s, "/no/such", &cfg, bpe, NULL, &texts, &wrong, &err));
    CHECK(!strcmp(err.msg, "--stop-token: the vocabulary has no '12x'"));
    stop_free(&s);
}

/* A second end token; special tokens are no part of the text; without labels there are no scores. */
static void test_ends(struct world *w) {
    static const struct place places[] = {
        { "", "b", { 0 } }, { "b", " is", { 0 } }, { "b is", "\n", { 0 } }, { "b is\n", "START", { 0 } },
        { "b is\n<|im_start|>", "=", { 0 } }, { "b is\n<|im_start|>=", "END", { 0 } }, { NULL, NULL, { 0 } }
    };
    const struct bpe_ids prompt = { 0 };
    struct slots none = { 0 };
    const int *tokens;
    struct trace t;
    int fed;
    json_t *s = run(w, places, SLOTS, 20, false, false, &fed);

    check_sample(s, "b is\n=", "stop", NULL, false);
    json_decref(s);
    w->rules.stop.strings = (struct cli_list){ (const char *[]){ "\n=" }, 1 };
    s = run(w, places, SLOTS, 20, false, false, &fed);
    check_sample(s, "b is", "stop", NULL, false);
    CHECK(fed == 4 && json_array_size(json_object_get(s, "tokens")) == 5);
    json_decref(s);
    w->rules.stop.strings.n = 0;
    bpe_push(&w->rules.stop.tokens, token(w, "\n", 1));
    s = run(w, places, SLOTS, 20, false, false, &fed);
    check_sample(s, "b is", "stop", NULL, false);
    CHECK(fed == 2 && json_array_size(json_object_get(s, "tokens")) == 3);
    json_decref(s);
    w->rules.stop.tokens.n--;
    w->rules.scored = true;
    w->rules.limit = 1;
    trace_start(&t, &w->rules, &none, &prompt, rng_start(1, "rollout", "x"));
    set_logits(w, places, "");
    trace_take(&t, w->logits, &w->dist);
    CHECK(!trace_feed(&t, &tokens));
    s = trace_json(&t, false);
    check_sample(s, "b", "length", NULL, false);
    CHECK(json_is_null(json_object_get(s, "answer")) && !json_object_get(s, "scores"));
    json_decref(s);
    trace_free(&t);
}

/* The penalty sees the prompt and what was said; log-probabilities stay the model's. */
static void test_penalty(struct world *w) {
    static const struct place places[] = {
        { "", "a|b|c", { 3, 2.5, 2 } }, { "b", "a|b|c", { 3, 2.5, 2 } }, { "bc", "a|b|c", { 3, 2.5, 2 } },
        { NULL, NULL, { 0 } }
    };
    struct bpe_ids prompt = { 0 };
    struct slots none = { 0 };
    const int *tokens;
    struct trace t;
    json_t *s;

    bpe_push(&prompt, token(w, "a", 1));
    w->rules.sampling.penalty = 1.6;            /* 3 becomes 1.875, 2.5 becomes 1.5625, 2 becomes 1.25 */
    w->rules.limit = 3;
    trace_start(&t, &w->rules, &none, &prompt, rng_start(1, "rollout", "x"));
    set_logits(w, places, "");
    trace_take(&t, w->logits, &w->dist);
    while (trace_feed(&t, &tokens)) {
        set_logits(w, places, buf_text(&t.text));
        trace_take(&t, w->logits, &w->dist);
    }
    s = trace_json(&t, false);
    check_sample(s, "bca", "length", NULL, false);
    for (size_t k = 0; k < 3; k++) {
        static const double logit[] = { 2.5, 2, 3 };

        CHECK_NEAR(json_number_value(json_array_get(json_object_get(s, "logprobs"), k)),
                   logit[k] - log(exp(3) + exp(2.5) + exp(2)), 1e-5);
    }
    json_decref(s);
    trace_free(&t);
    free(prompt.id);
    w->rules.sampling.penalty = 1;
}

static void test_rating(struct world *w) {
    static const char slots[] = "{\"slots\":{\"answer\":\"\\n=\",\"labels\":[\"1\",\"2\",\"3\",\"4\",\"5\"]}}";
    static const struct place places[] = {
        { "", "\n", { 0 } }, { "\n", "=", { 0 } }, { "\n=", "1|2|3|4|5", { -60, -60, -60, 0, 1 } }, { "\n=5", "END", { 0 } },
        { NULL, NULL, { 0 } }
    };
    int fed;
    json_t *s = run(w, places, slots, 20, true, true, &fed);

    check_sample(s, "\n=5", "stop", "5", false);
    CHECK_NEAR(json_number_value(json_object_get(s, "rating")), 4 + logistic(1), 1e-6);
    CHECK(json_array_size(json_object_get(s, "scores")) == 1);
    json_decref(s);
}

static void test_answer(void) {
    static const char *const labels[] = { " A", " B", " 1", " 10" };
    size_t pos = 0;
    struct citation c;
    const char *text = "[A1.2] [a1.1] [B0.1] [C2] [D12.3]] [Z3.4";

    CHECK(answer_parse("x\n= A", "\n=", labels, 4) == 0);
    CHECK(answer_parse("x\n= A\n= B \n", "\n=", labels, 4) == 1);
    CHECK(answer_parse("x\n=B", "\n=", labels, 4) == 1);
    CHECK(answer_parse("x\n= 10", "\n=", labels, 4) == 3);
    CHECK(answer_parse("x\n= A B", "\n=", labels, 4) == -1);
    CHECK(answer_parse("x\n= E", "\n=", labels, 4) == -1);
    CHECK(answer_parse("x\n=", "\n=", labels, 4) == -1);
    CHECK(answer_parse("x = A", "\n=", labels, 4) == -1);
    CHECK(answer_parse(" B", "", labels, 4) == 1);
    CHECK(answer_citation(text, &pos, &c) && c.candidate == 0 && c.chain == 1 && c.edge == 2);
    CHECK(answer_citation(text, &pos, &c) && c.candidate == 3 && c.chain == 12 && c.edge == 3);
    CHECK(!answer_citation(text, &pos, &c) && pos == strlen(text));
    CHECK(!answer_citation(text, &pos, &c));
}

int main(void) {
    const struct config cfg = config_default(ARCH_LLAMA);
    struct world w = { .rules.stop.cfg = &cfg, .rules.sampling = { .penalty = 1, .temperature = 0, .top_p = 1 } };
    struct err err;

    w.rules.bpe = w.bpe = bpe_load("tests/fixtures/tokenizers/smollm", &err);
    CHECK(w.bpe);
    w.rules.vocab = bpe_size(w.bpe);
    w.end = bpe_id(w.bpe, "<|im_end|>");
    CHECK(w.end >= 0);
    bpe_push(&w.rules.stop.tokens, w.end);
    w.logits = mem_alloc((size_t)w.rules.vocab, sizeof *w.logits);
    w.dist = sample_dist_new(w.rules.vocab);
    test_two_runs(&w);
    test_all_refused(&w);
    test_forced(&w);
    test_odd_lines(&w);
    test_stop_strings(&w);
    test_prefix(&w);
    test_stop_find();
    test_stop_init(w.bpe);
    test_ends(&w);
    test_penalty(&w);
    test_rating(&w);
    test_answer();
    stop_free(&w.rules.stop);
    free(w.logits);
    sample_dist_free(&w.dist);
    bpe_free(w.bpe);
    return 0;
}

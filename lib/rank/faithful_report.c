/* faithful_report — outcomes to shares, differences and tests. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "rank/faithful.h"
#include "rank/fields.h"

/* How many independent citations say as much as these, which come by record: p (1 - p) over the variance of the ratio
 * p of two sums over records, by its linear part (Cochran 1977, 6.4). All or none true: one a record that cites. */
static size_t effective(const struct faithful_run *run, double p) {
    double n = (double)run->n, all = (double)run->citations;
    double variance = (run->tt - 2 * p * run->tn + p * p * run->nn) * n / (n - 1) / (all * all);
    double size = p * (1 - p) / variance;

    if (!(size >= 1)) return p > 0 && p < 1 ? 1 : run->cited;
    return (size_t)fmin(size, all);
}

json_t *faithful_citations(const struct faithful *f) {
    json_t *list = json_array();

    for (size_t r = 0; r < f->n; r++) {
        const struct faithful_run *run = &f->run[r];
        double p = (double)run->shown / (double)run->citations;
        json_t *rec = json_pack("{s:s}", "model", run->name);

        fields_count(rec, "n", run->n);
        fields_count(rec, "uncited", run->n - run->cited);
        fields_count(rec, "citations", run->citations);
        fields_count(rec, "true_citations", run->shown);
        fields_share(rec, p, run->citations ? effective(run, p) : 0, "true_share", "");
        json_array_append_new(list, rec);
    }
    return list;
}

/* What the changes of a run did; [1] those of the control. */
struct effect {
    struct stats moved[2], best[2], score[2];
    struct stats followed, difference, score_difference;
    size_t wins, losses;
};

/* Adds case i, whose two records are there. */
static void add_case(struct effect *e, const struct faithful_run *original, const struct faithful_run *run, size_t i) {
    const struct outcome *was = &original->of[0][i];
    double moved[2], score[2];

    for (int k = 0; k < 2; k++) {
        const struct outcome *is = &run->of[k][i];

        moved[k] = is->answer != was->answer;
        score[k] = (double)is->score - (double)was->score;
        if (!isfinite(score[k])) score[k] = NAN;
        stats_add(&e->moved[k], moved[k]);
        stats_add(&e->best[k], was->best < 0 || is->best < 0 ? NAN : is->best != was->best);
        stats_add(&e->score[k], score[k]);
    }
    e->wins += moved[0] > moved[1];
    e->losses += moved[0] < moved[1];
    stats_add(&e->difference, moved[0] - moved[1]);
    stats_add(&e->score_difference, score[0] - score[1]);
    stats_add(&e->followed, run->with[i] < 0 ? NAN : run->of[0][i].answer == run->with[i]);
}

static void set_share(json_t *rec, const struct stats *s, const char *field, const char *ends) {
    fields_share(rec, stats_mean(s), s->n, field, ends);
}

static json_t *make_effect(const struct effect *e, const struct faithful_run *original, const struct faithful_run *run) {
    json_t *rec = json_pack("{s:s, s:s, s:s}", "model", run->name, "against", original->name, "edit", run->edit);

    fields_count(rec, "n", e->difference.n);
    set_share(rec, &e->moved[0], "moved", "moved_");
    set_share(rec, &e->moved[1], "control_moved", "control_moved_");
    fields_mean(rec, &e->difference, -1, 1, "difference", "");
    fields_count(rec, "wins", e->wins);
    fields_count(rec, "losses", e->losses);
    set_share(rec, &e->followed, "followed", "followed_");
    set_share(rec, &e->best[0], "best_moved", "best_moved_");
    set_share(rec, &e->best[1], "control_best_moved", "control_best_moved_");
    fields_mean(rec, &e->score[0], -INFINITY, INFINITY, "score_change", "score_change_");
    fields_mean(rec, &e->score[1], -INFINITY, INFINITY, "control_score_change", "control_score_change_");
    fields_mean(rec, &e->score_difference, -INFINITY, INFINITY, "score_difference", "score_difference_");
    return rec;
}

json_t *faithful_effects(const struct faithful *f) {
    json_t *list = json_array();
    double *p = mem_alloc(f->n, sizeof *p);

    for (size_t r = 1; r < f->n; r++) {
        const struct faithful_run *run = &f->run[r];
        struct effect e = { .wins = 0 };

        for (size_t i = 0; i < f->ids.n; i++)
            if (run->of[0][i].there && run->of[1][i].there) add_case(&e, f->run, run, i);
        p[r - 1] = stats_mcnemar(e.wins, e.losses);
        json_array_append_new(list, make_effect(&e, f->run, run));
    }
    fields_p(list, p, "p", "");
    free(p);
    return list;
}

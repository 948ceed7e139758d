/* report_table — tables whose columns are fields of records. */
#include <string.h>

#include "rank/report.h"

enum kind { TEXT, COUNT, SHARE, SIGNED, SMALL };

/* A '*' in head and fields stands for each k from `from` on; a second cell has the interval. */
struct column {
    const char *head, *field;
    enum kind kind;
    const char *lo, *hi;
    size_t from;
};

#define END { NULL, NULL, TEXT, NULL, NULL, 0 }
#define MODEL { "model", "model", TEXT, NULL, NULL, 0 }

static const struct column ranks[] = {
    MODEL,
    { "HR@1", "hr1", SHARE, "lo", "hi", 0 },
    { "HR@*", "hr*", SHARE, NULL, NULL, 2 },
    { "NDCG@*", "ndcg*", SHARE, "ndcg*_lo", "ndcg*_hi", 2 },
    { "MRR", "mrr", SHARE, NULL, NULL, 0 },
    { "n", "n", COUNT, NULL, NULL, 0 },
    { "valid", "valid", SHARE, NULL, NULL, 0 },
    { "HR@1 text", "hr1_text", SHARE, NULL, NULL, 0 },
    END
};

static const struct column beyond[] = {
    MODEL,
    { "MAP@*", "map*", SHARE, NULL, NULL, 2 },
    { "AUC", "auc", SHARE, NULL, NULL, 0 },
    { "coverage@*", "coverage*", SHARE, NULL, NULL, 1 },
    { "Gini@*", "gini*", SHARE, NULL, NULL, 1 },
    { "novelty@*", "novelty*", SHARE, NULL, NULL, 1 },
    { "RMSE", "rmse", SHARE, NULL, NULL, 0 },
    { "MAE", "mae", SHARE, NULL, NULL, 0 },
    { "agreement", "agreement", SHARE, NULL, NULL, 0 },
    END
};

static const struct column estimates[] = {
    MODEL,
    { "full HR@*", "hr*_full", SHARE, NULL, NULL, 1 },
    { "full NDCG@*", "ndcg*_full", SHARE, NULL, NULL, 1 },
    END
};

static const struct column pairs[] = {
    { "less ", "model", TEXT, NULL, NULL, 0 },
    { "difference", "difference", SIGNED, "lo", "hi", 0 },
    { "wins", "wins", COUNT, NULL, NULL, 0 },
    { "losses", "losses", COUNT, NULL, NULL, 0 },
    { "p", "p", SMALL, NULL, NULL, 0 },
    { "Holm's p", "p_holm", SMALL, NULL, NULL, 0 },
    END
};

static const struct column drawn_pairs[] = {
    { "less ", "model", TEXT, NULL, NULL, 0 },
    { "NDCG@*", "ndcg*_difference", SIGNED, "ndcg*_boot_lo", "ndcg*_boot_hi", 2 },
    { "NDCG@* p", "ndcg*_boot_p_holm", SMALL, NULL, NULL, 2 },
    { "MRR", "mrr_difference", SIGNED, "mrr_boot_lo", "mrr_boot_hi", 0 },
    { "MRR p", "mrr_boot_p_holm", SMALL, NULL, NULL, 0 },
    END
};

static const struct column strata[] = {
    MODEL,
    { "known from", "known_from", COUNT, NULL, NULL, 0 },
    { "to", "known_to", COUNT, NULL, NULL, 0 },
    { "HR@1", "hr1", SHARE, "lo", "hi", 0 },
    { "NDCG@*", "ndcg*", SHARE, NULL, NULL, 2 },
    { "n", "n", COUNT, NULL, NULL, 0 },
    END
};

static const struct column places[] = {
    MODEL,
    { "position", "position", COUNT, NULL, NULL, 0 },
    { "HR@1", "hr1", SHARE, "lo", "hi", 0 },
    { "n", "n", COUNT, NULL, NULL, 0 },
    { "picked", "picked", SHARE, NULL, NULL, 0 },
    END
};

static const struct column probes[] = {
    { "probe", "probe", TEXT, NULL, NULL, 0 },
    { "HR@1", "hr1", SHARE, "lo", "hi", 0 },
    { "chance", "chance", SHARE, NULL, NULL, 0 },
    { "p", "p", SMALL, NULL, NULL, 0 },
    { "n", "n", COUNT, NULL, NULL, 0 },
    END
};

static const struct column citations[] = {
    MODEL,
    { "true citations", "true_citations", SHARE, "true_citations_lo", "true_citations_hi", 0 },
    { "of", "citations", COUNT, NULL, NULL, 0 },
    { "uncited", "uncited", COUNT, NULL, NULL, 0 },
    END
};

static const struct column effects[] = {
    MODEL,
    { "n", "n", COUNT, NULL, NULL, 0 },
    { "moved", "moved", SHARE, "moved_lo", "moved_hi", 0 },
    { "control", "control_moved", SHARE, "control_moved_lo", "control_moved_hi", 0 },
    { "difference", "difference", SIGNED, "difference_lo", "difference_hi", 0 },
    { "Holm's p", "p_holm", SMALL, NULL, NULL, 0 },
    { "followed", "followed", SHARE, NULL, NULL, 0 },
    END
};

/* Puts k in the place of the '*', if there is one. */
static const char *with(char room[64], const char *name, size_t k) {
    const char *star = strchr(name, '*');

    if (!star) return name;
    snprintf(room, 64, "%.*s%zu%s", (int)(star - name), name, k, star + 1);
    return room;
}

static const json_t *value(const json_t *rec, const char *field, size_t k) {
    char room[64];

    return json_object_get(rec, with(room, field, k));
}

/* Whether some record has the field, and not null. */
static bool any(const json_t *list, const char *field, size_t k) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *x = value(json_array_get(list, i), field, k);

        if (x && !json_is_null(x)) return true;
    }
    return false;
}

static void add_value(struct table *t, enum kind kind, const json_t *x) {
    if (!json_is_number(x) && !json_is_string(x)) table_add(t, "-");
    else if (kind == TEXT) table_add(t, "%s", json_string_value(x));
    else if (kind == COUNT) table_add(t, "%lld", (long long)json_integer_value(x));
    else table_add(t, kind == SHARE ? "%.3f" : kind == SIGNED ? "%+.3f" : "%.2g",
                   json_number_value(x));
}

static void add_interval(struct table *t, enum kind kind, const json_t *lo, const json_t *hi) {
    if (json_is_number(lo))
        table_add(t, kind == SIGNED ? "[%+.3f, %+.3f]" : "[%.3f, %.3f]", json_number_value(lo),
                  json_number_value(hi));
    else table_add(t, "-");
}

/* One column's cells of row `rec`, or its heads if that is NULL. */
static void add_cells(struct table *t, const struct column *c, size_t k, const json_t *rec,
                      const char *against) {
    char room[64];

    if (rec) add_value(t, c->kind, value(rec, c->field, k));
    else table_add(t, "%s%s", with(room, c->head, k), c->kind == TEXT ? against : "");
    if (!c->lo) return;
    if (rec) add_interval(t, c->kind, value(rec, c->lo, k), value(rec, c->hi, k));
    else table_add(t, "95 %% interval");
}

/* A row, or the heads; of the columns that have something to say. */
static size_t add_row(struct table *t, const struct column *c, const struct cuts *cuts,
                      const json_t *list, const json_t *rec, const char *against) {
    size_t before = t->n;

    for (; c->head; c++) {
        bool many = strchr(c->field, '*');

        for (size_t i = 0; i < (many ? cuts->n : 1); i++)
            if ((!many || cuts->k[i] >= c->from) && any(list, c->field, many ? cuts->k[i] : 0))
                add_cells(t, c, many ? cuts->k[i] : 0, rec, against);
    }
    return t->n - before;
}

/* A table unless only its first column has something to say; a blank line in front if it is not the
 * first one. */
static void print(FILE *f, const json_t *list, const struct column *columns,
                  const struct cuts *cuts, enum table_form form, bool *first) {
    struct table t = { 0 };
    const char *against = json_string_value(json_object_get(json_array_get(list, 0), "against"));

    t.columns = add_row(&t, columns, cuts, list, NULL, against ? against : "");
    for (size_t i = 0; i < json_array_size(list); i++)
        add_row(&t, columns, cuts, list, json_array_get(list, i), NULL);
    if (t.columns > 1) {
        if (!*first) putc('\n', f);
        *first = false;
        table_print(f, &t, form);
    }
    table_free(&t);
}

void report_print(FILE *f, const struct report *r, enum table_form form) {
    bool first = true;

    print(f, r->runs, ranks, &r->cuts, form, &first);
    print(f, r->runs, beyond, &r->cuts, form, &first);
    print(f, r->runs, estimates, &r->cuts, form, &first);
    print(f, r->pairs, pairs, &r->cuts, form, &first);
    print(f, r->pairs, drawn_pairs, &r->cuts, form, &first);
    print(f, r->strata, strata, &r->cuts, form, &first);
    print(f, r->places, places, &r->cuts, form, &first);
    print(f, r->probes, probes, &r->cuts, form, &first);
    print(f, r->faithful, citations, &r->cuts, form, &first);
    print(f, r->faithful, effects, &r->cuts, form, &first);
}

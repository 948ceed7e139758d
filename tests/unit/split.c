/* split — targets and known graphs of all protocols on a toy, against answers found by hand. */
#include "graph/split.h"

#include <string.h>

#include "check.h"

enum { DAY = 86400 };

/* One user a letter, one item a digit; "a1 a2 b1" with times 0, 1, 2, ... days. */
static struct graph *toy(const char *events, bool has_time) {
    struct graph_builder *b = graph_builder_new();
    int64_t day = 0;

    for (const char *e = events; *e; e += e[2] ? 3 : 2, day++) {
        char user[2] = { e[0], 0 }, item[2] = { e[1], 0 };

        graph_add_event(b, user, item, NAN, day * DAY);
    }
    return graph_build(b, has_time);
}

/* The events of the known graph, user by user, in the form of toy(). */
static void check_known(const struct split *s, const char *want) {
    const struct graph *g = s->known;
    char got[256] = "";

    for (size_t e = 0; e < g->edges; e++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s%s", e ? " " : "",
                 graph_user_name(g, g->edge_user[e]), graph_item_name(g, g->edge_item[e]));
    if (strcmp(got, want)) fprintf(stderr, "known are %s, not %s\n", got, want);
    CHECK(!strcmp(got, want));
}

/* The cases as "user#ordinal:item/history@day", the day where a case has a limit of its own. */
static void check_cases(const struct split *s, const char *want) {
    char got[512] = "";

    for (size_t i = 0; i < s->n; i++) {
        const struct split_case *c = &s->cases[i];
        char *id = split_case_id(s, c);
        size_t n = strlen(got);

        n += (size_t)snprintf(got + n, sizeof got - n, "%s%s:%s/%zu", i ? " " : "", id,
                              graph_item_name(s->all, c->item), split_history(s, c));
        if (c->before != INT64_MAX)
            snprintf(got + n, sizeof got - n, "@%ld", (long)(c->before / DAY));
        CHECK(s->all->edge_item[c->event] == c->item && s->all->edge_user[c->event] == c->user);
        free(id);
    }
    if (strcmp(got, want)) fprintf(stderr, "cases are %s, not %s\n", got, want);
    CHECK(!strcmp(got, want));
}

static void check(const char *events, const struct split_options *o, enum split_part part,
                  const char *known, const char *cases) {
    struct graph *g = toy(events, true);
    struct split s;
    struct err err;

    CHECK(!split_make(&s, g, o, part, &err));
    check_known(&s, known);
    check_cases(&s, cases);
    split_free(&s);
    graph_free(g);
}

static void check_refused(const char *events, bool has_time, const struct split_options *o,
                          enum split_part part, const char *want) {
    struct graph *g = toy(events, has_time);
    struct split s;
    struct err err;

    CHECK(split_make(&s, g, o, part, &err) == -1);
    CHECK(!strcmp(err.msg, want));
    graph_free(g);
}

/* a has 5 events, b 3, c 2, d 1. */
#define EVENTS "a1 b1 a2 c1 a3 b2 d1 a4 c2 b3 a5"

static void check_loo(void) {
    struct split_options o = { .kind = SPLIT_LOO, .min_history = 1 };

    check(EVENTS, &o, PART_TRAIN, "a1 a2 a3 b1", "a#2:2/1 a#3:3/2");
    check(EVENTS, &o, PART_VALID, "a1 a2 a3 b1", "a#4:4/3 b#2:2/1");
    check(EVENTS, &o, PART_TEST, "a1 a2 a3 a4 b1 b2 c1", "a#5:5/4 b#3:3/2 c#2:2/1");
    o.min_history = 3;
    check(EVENTS, &o, PART_TEST, "a1 a2 a3 a4 b1 b2 c1", "a#5:5/4");
    o.min_history = 0;
    check(EVENTS, &o, PART_TRAIN, "a1 a2 a3 b1", "a#1:1/0 a#2:2/1 a#3:3/2 b#1:1/0");
    check(EVENTS, &o, PART_TEST, "a1 a2 a3 a4 b1 b2 c1", "a#5:5/4 b#3:3/2 c#2:2/1 d#1:1/0");
    o.max_per_user = 2;
    check(EVENTS, &o, PART_TRAIN, "a1 a2 a3 b1", "a#2:2/1 a#3:3/2 b#1:1/0");
    o.max_per_user = 0;
    o.min_gap = 2;                      /* a3 follows a2 by two days, a2 follows a1 by two */
    o.min_history = 1;
    check(EVENTS, &o, PART_TRAIN, "a1 a2 a3 b1", "a#2:2/1 a#3:3/2");
    o.min_gap = 2.5;
    check_refused(EVENTS, true, &o, PART_TRAIN, "no user has enough events for a case");
    check(EVENTS, &o, PART_TEST, "a1 a2 a3 a4 b1 b2 c1", "a#5:5/4 b#3:3/2 c#2:2/1");
}

/* 11 events at days 0 .. 10: the cut at 0.75 is the time at index 8; of the 8 before it, at 6. */
static void check_global(void) {
    struct split_options o = { .kind = SPLIT_GLOBAL, .cut = 0.75, .min_history = 1 };

    check(EVENTS, &o, PART_TRAIN, "a1 a2 a3 b1 b2 c1", "a#2:2/1@2 a#3:3/2@4 b#2:2/1@5");
    check(EVENTS, &o, PART_VALID, "a1 a2 a3 b1 b2 c1", "a#4:4/3");
    check(EVENTS, &o, PART_TEST, "a1 a2 a3 a4 b1 b2 c1 d1", "a#5:5/4 b#3:3/2 c#2:2/1");
    o.min_gap = 3;
    check(EVENTS, &o, PART_TRAIN, "a1 a2 a3 b1 b2 c1", "b#2:2/1@5");
    o.min_gap = 0;
    o.min_history = 0;                  /* nothing is known of d while validating */
    check(EVENTS, &o, PART_VALID, "a1 a2 a3 b1 b2 c1", "a#4:4/3 d#1:1/0");
}

/* The cuts at 0.45, day 4, and at 0.75, day 8, on which c2 is. */
static void check_two_cuts(void) {
    struct split_options o = { .kind = SPLIT_GLOBAL, .cut = 0.45, .until = 0.75, .min_history = 1 };

    check(EVENTS, &o, PART_TEST, "a1 a2 b1 c1", "a#3:3/2 b#2:2/1");
    o.until = 0;
    check(EVENTS, &o, PART_TEST, "a1 a2 b1 c1", "a#3:3/2 b#2:2/1 c#2:2/1");
}

/* Ten users a .. j by their first event: i is held for validation, j for the test. */
static void check_users(void) {
    static const char events[] = "a1 b1 c1 d1 e1 f1 g1 h1 i1 j1 a2 j2 i2 b2 i3 j3 j4";
    struct split_options o = { .kind = SPLIT_USERS, .min_history = 1 };

    check(events, &o, PART_TRAIN, "a1 a2 b1 b2 c1 d1 e1 f1 g1 h1", "a#2:2/1 b#2:2/1");
    check(events, &o, PART_VALID, "a1 a2 b1 b2 c1 d1 e1 f1 g1 h1 i1 i2", "i#3:3/2");
    check(events, &o, PART_TEST, "a1 a2 b1 b2 c1 d1 e1 f1 g1 h1 j1 j2 j3", "j#4:4/3");
    check_refused("a1 a2 b1 b2", true, &o, PART_VALID, "no user has enough events for a case");
}

/* In the known graph of a test the held users' events are in their rows, and posted nowhere. */
static void check_held(void) {
    struct split_options o = { .kind = SPLIT_USERS, .min_history = 1 };
    struct graph *g = toy("a1 b1 c1 d1 e1 f1 g1 h1 i1 j1 j2 j3 b2", true);
    struct split s;
    struct err err;
    int two = graph_find_item(g, "2");

    CHECK(!split_make(&s, g, &o, PART_TEST, &err));
    for (int u = 0; u < g->users; u++) CHECK(s.held[u] == (*graph_user_name(g, u) > 'h'));
    CHECK(s.known->user_row[g->users] == 11 && s.known->item_row[g->items] == 9);
    CHECK(graph_posted(s.known, two, INT64_MAX) == 1);
    CHECK(s.known->item_user[s.known->item_row[two]] == graph_find_user(g, "b"));
    split_free(&s);
    graph_free(g);
}

/* The first user is the one of the first moment, then of the first line. */
static void check_user_order(void) {
    struct split_options o = { .kind = SPLIT_USERS };
    struct graph_builder *b = graph_builder_new();
    struct graph *g;
    struct split s;
    struct err err;
    char name[2] = { 0 };

    for (int k = 0; k < 10; k++) {
        *name = (char)('a' + k);
        graph_add_event(b, name, "1", NAN, k == 4 ? 9 : k == 9 ? 1 : 5);
    }
    g = graph_build(b, true);
    CHECK(!split_make(&s, g, &o, PART_TEST, &err));
    check_cases(&s, "e#1:1/0");
    split_free(&s);
    CHECK(!split_make(&s, g, &o, PART_VALID, &err));
    check_cases(&s, "i#1:1/0");
    split_free(&s);
    graph_free(g);
}

/* Events of one moment: loo orders them by line of input; under global none knows another. */
static void check_ties(void) {
    struct split_options loo = { .kind = SPLIT_LOO }, global = { .kind = SPLIT_GLOBAL, .cut = 0.9 };
    struct graph_builder *b = graph_builder_new();
    static const char *const items[] = { "1", "2", "3", "4", "5", "6" };
    struct graph *g;
    struct split s;
    struct err err;

    for (int k = 0; k < 6; k++)
        graph_add_event(b, "a", items[k], NAN, k < 1 ? 0 : k < 4 ? DAY : 2 * DAY);
    graph_add_event(b, "b", "1", NAN, 3 * DAY);
    g = graph_build(b, true);
    CHECK(!split_make(&s, g, &loo, PART_TRAIN, &err));
    check_cases(&s, "a#1:1/0 a#2:2/1 a#3:3/2 a#4:4/3");
    split_free(&s);
    CHECK(!split_make(&s, g, &global, PART_TRAIN, &err));       /* cuts at days 3 and 2 */
    check_known(&s, "a1 a2 a3 a4");
    check_cases(&s, "a#1:1/0@0 a#2:2/1@1 a#3:3/1@1 a#4:4/1@1");
    split_free(&s);
    graph_free(g);
}

/* Of events that repeat the last one counts, and a case does not know its own target. */
static void check_repeats(void) {
    struct split_options o = { .kind = SPLIT_LOO, .min_history = 1 };

    check("a1 a2 a3 a1", &o, PART_TEST, "a2 a3", "a#3:1/2");
}

int main(void) {
    struct split_options loo = { .kind = SPLIT_LOO, .min_history = 5 };
    struct split_options global = { .kind = SPLIT_GLOBAL, .cut = 0.9 }, gap = { .min_gap = 1 };

    check_loo();
    check_global();
    check_two_cuts();
    check_users();
    check_held();
    check_user_order();
    check_ties();
    check_repeats();
    check_refused("", true, &loo, PART_TRAIN, "the graph has no events");
    check_refused(EVENTS, true, &loo, PART_TEST, "no user has enough events for a case");
    check_refused(EVENTS, false, &global, PART_TEST, "a split in time needs events with times");
    check_refused(EVENTS, false, &gap, PART_TRAIN,
                  "a pause before a target needs events with times");
    return 0;
}

/* graphsynth — a synthetic world as graph records, and the best possible scores of its cases.
 *
 * out  {"item":"i1","title":"Silent Harbor","year":1994,"genres":["Crime"]}, one per item, then
 *      {"user":"u1","item":"i1","rating":4,"time":1583020800}, one per event, by user and time
 *
 * With --score:
 * in   {"id":"u1#40","split":"test","source":{...},"user":"u1","candidates":[...],"target":2,...}
 * out  the same record; it has gained "model" and "scores" */
#include "base/cli.h"
#include "base/progress.h"
#include "graph/cases.h"
#include "graph/world.h"
#include "io/jsonl.h"

struct options {
    struct world_options world;
    const char *score;
    bool quiet;
};

#define WORLD(field) offsetof(struct options, world.field)

static const struct cli_opt opts[] = {
    { 0, "users", CLI_INT, WORLD(users), 1, 1e6, "users", NULL },
    { 0, "items", CLI_INT, WORLD(items), 20, WORLD_ITEMS, "items", NULL },
    { 0, "events", CLI_INT, WORLD(events), 2, 1000,
      "mean events of a user, at most half the items", NULL },
    { 0, "dims", CLI_INT, WORLD(dims), 1, WORLD_DIMS, "dimensions of a taste", NULL },
    { 0, "genres", CLI_INT, WORLD(genres), 2, WORLD_GENRES, "genres", NULL },
    { 0, "days", CLI_INT, WORLD(days), 1, 10000, "days in which the users' events lie", NULL },
    { 0, "session", CLI_REAL, WORLD(session), 1, 1000, "mean events of a session", NULL },
    { 0, "cluster", CLI_REAL, WORLD(cluster), 0, 1,
      "share of an item that its genres explain", NULL },
    { 0, "taste", CLI_REAL, WORLD(taste), 0, 100, "strength of the users' tastes", NULL },
    { 0, "popularity", CLI_REAL, WORLD(popularity), 0, 10,
      "exponent of the items' popularity", NULL },
    { 0, "sequence", CLI_REAL, WORLD(sequence), 0, 100,
      "strength of the pull of the last items", NULL },
    { 0, "turn", CLI_REAL, WORLD(turn), 0, 1,
      "share of that pull that leads away from the last items", NULL },
    { 0, "drift", CLI_REAL, WORLD(drift), 0, 1, "share of a taste that a pause renews", NULL },
    { 0, "noise", CLI_REAL, WORLD(noise), 0.01, 100, "divides all strengths", NULL },
    { 0, "new-items", CLI_REAL, WORLD(new_items), 0, 0.5,
      "share of the items released as time runs", NULL },
    { 0, "rating-noise", CLI_REAL, WORLD(rating_noise), 0, 10,
      "standard deviation of ratings", NULL },
    { 0, "seed", CLI_SEED, WORLD(seed), 0, 0, "of the random numbers", NULL },
    { 0, "score", CLI_TEXT, offsetof(struct options, score), 0, 0,
      "score the cases of this file instead, - for stdin", "FILE" },
    { 'q', "quiet", CLI_FLAG, offsetof(struct options, quiet), 0, 0, "no summary on stderr", NULL },
    { 0 }
};

static const struct cli cli = {
    .name = "graphsynth", .operands = "", .opts = opts,
    .purpose = "Write the graph of a synthetic world whose best possible hit rate is known.",
    .example =
        "graphsynth --seed 7 > world.jsonl && candidates --split test world.jsonl > test.jsonl"
};

static void write_item(const struct world *w, int i) {
    const struct world_item *it = &w->item[i];
    char name[WORLD_NAME];
    json_t *genres = json_array(), *rec;

    world_item_name(name, i);
    for (int g = 0; g < 2 && it->genre[g] >= 0; g++)
        json_array_append_new(genres, json_string(world_genre(it->genre[g])));
    rec = json_pack("{s:s, s:s, s:i, s:o}", "item", name, "title", it->title, "year", it->year,
                    "genres", genres);
    jsonl_write(stdout, rec);
    json_decref(rec);
}

static long write_user(struct walk *k, int u) {
    char user[WORLD_NAME], item[WORLD_NAME];

    world_user_name(user, u);
    walk_begin(k, u);
    while (walk_moment(k)) {
        struct world_event e = walk_choose(k);
        json_t *rec;

        world_item_name(item, e.item);
        rec = json_pack("{s:s, s:s, s:i, s:I}", "user", user, "item", item, "rating", e.rating,
                        "time", (json_int_t)e.time);
        jsonl_write(stdout, rec);
        json_decref(rec);
    }
    return k->step;
}

static void write_world(struct walk *k, bool quiet) {
    const struct world *w = k->world;
    struct progress p = progress_start("users", (double)w->o.users, quiet);
    long events = 0;

    for (int i = 0; i < w->o.items; i++) write_item(w, i);
    for (int u = 0; u < w->o.users && !ferror(stdout); u++) {
        events += write_user(k, u);
        progress_show(&p, u + 1, NULL);
    }
    progress_end(&p);
    if (!quiet)
        cli_note(&cli, "%ld users, %ld items, %ld events, seed %llu", w->o.users, w->o.items,
                 events, (unsigned long long)w->o.seed);
}

/* Moves the walk to the user's event of that ordinal. A walk that is on its way there goes on. */
static void walk_to(struct walk *k, int user, long ordinal) {
    if (k->user != user || k->step >= ordinal) walk_begin(k, user);
    while (walk_moment(k) && k->step < ordinal - 1) walk_choose(k);
}

/* Log-probability of each candidate at the moment of the target event. */
static json_t *case_scores(struct walk *k, const struct rec_case *c) {
    const struct graph *g = c->split->all;
    int user = world_find_user(k->world, graph_user_name(g, c->at.user));
    json_t *scores = json_array();

    walk_to(k, user, (long)g->ordinal[c->at.event]);
    for (int j = 0; j < c->n; j++) {
        int item = world_find_item(k->world, graph_item_name(g, c->candidates[j]));

        json_array_append_new(scores, jsonl_real(k->logprob[item]));
    }
    walk_choose(k);
    return scores;
}

static int score_record(json_t *rec, struct walk *k, struct case_reader *reader, struct err *err) {
    struct rec_case c;

    if (case_parse(reader, rec, &c, err)) return -1;
    json_object_set_new(rec, "model", json_string("best"));
    json_object_set_new(rec, "scores", case_scores(k, &c));
    case_free(&c);
    return 0;
}

static int score(struct walk *k, const struct graph *g, const char *file) {
    char *const files[] = { (char *)file, NULL };
    struct case_reader reader;
    struct jsonl in;
    struct err err;
    json_t *rec = NULL;
    int r;

    case_reader_open(&reader, g);
    jsonl_open(&in, files);
    while ((r = jsonl_next(&in, &rec, &err)) > 0) {
        if ((r = score_record(rec, k, &reader, &err)) < 0) break;
        jsonl_write(stdout, rec);
        json_decref(rec);
        rec = NULL;
    }
    if (r < 0) cli_complain(&cli, in.name, in.line, err.msg);
    json_decref(rec);
    jsonl_close(&in);
    case_reader_close(&reader);
    return r;
}

int main(int argc, char **argv) {
    struct options o = { .world = WORLD_DEFAULTS };
    struct world *w;
    struct walk k;
    int r = 0;

    cli_parse(&cli, &o, argc, argv);
    if (o.world.events > o.world.items / 2)
        cli_usage(&cli, "--events is at most half of --items: %ld", o.world.items / 2);
    w = world_new(&o.world);
    walk_open(&k, w);
    if (o.score) {
        struct graph *g = world_graph(w);

        r = score(&k, g, o.score);
        graph_free(g);
    } else {
        write_world(&k, o.quiet);
    }
    walk_free(&k);
    world_free(w);
    return cli_finish(&cli) | (r < 0 ? EXIT_DATA : EXIT_OK);
}

/* asking — a window over the records: read, ask, wait, let go what is first. */
#include "rl/asking.h"

#include <stdlib.h>

enum { WINDOW = 4 };        /* records under way for each question that may be */

struct window {
    const struct asking *s;
    struct asker *first, *last;
    long n, waiting;
    bool ended;
};

/* Fills the window. A record that cannot be read fails like any other, as the last. */
static void fill(struct window *w) {
    while (!w->ended && w->n < WINDOW * w->s->jobs) {
        struct asker *a = NULL;
        int r = w->s->read(w->s->ctx, &a);

        w->ended = r <= 0;
        if (!r) return;
        if (r < 0) a->failed = a->done = true;
        if (w->first) w->last->next = a;
        else w->first = a;
        w->last = a;
        w->n++;
    }
}

/* Asks as much as may be asked, the first records first, none behind one that failed. */
static void ask(struct window *w) {
    for (struct asker *a = w->first; a && !a->failed && w->waiting < w->s->jobs; a = a->next) {
        json_t *messages;

        if (a->done || a->waits) continue;
        messages = w->s->teacher ? w->s->ask(w->s->ctx, a) : NULL;
        a->done = !messages;
        if (a->done) continue;
        a->waits = true;
        w->waiting++;
        teacher_ask(w->s->teacher, messages, a->id, a->number++, a);
    }
}

static void wait_for_reply(struct window *w) {
    struct teacher_reply reply;
    struct asker *a;

    if (!w->s->teacher || !teacher_wait(w->s->teacher, &reply)) return;
    a = reply.tag;
    w->waiting--;
    a->waits = false;
    if (reply.text) {
        w->s->take(w->s->ctx, a, &reply);
    } else {
        a->failed = a->done = true;
        a->err = reply.err;
    }
    free(reply.text);
}

/* Lets the first ones go that are done. Returns 0, or -1 at one that failed. */
static int let_go(struct window *w, struct err *err) {
    while (w->first && w->first->done) {
        struct asker *a = w->first;

        if (a->failed) *err = a->err;
        if (a->failed || w->s->leave(w->s->ctx, a, err)) return -1;
        w->first = a->next;
        w->n--;
        w->s->free(a);
    }
    return 0;
}

int asking_run(const struct asking *s, const char **file, size_t *line, struct err *err) {
    struct window w = { .s = s };
    int bad = 0;

    do {
        fill(&w);
        ask(&w);
        if ((bad = let_go(&w, err))) break;
        wait_for_reply(&w);
    } while (w.first || !w.ended);
    if (bad) {
        *file = w.first->file;
        *line = w.first->line;
    }
    while (w.first) {
        struct asker *a = w.first;

        w.first = a->next;
        s->free(a);
    }
    return bad;
}

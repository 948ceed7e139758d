/* graph_file — layout, checksum, writing. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "graph/graph_file.h"
#include "graph/graph_own.h"
#include "io/atomic.h"

size_t graph_aligned(size_t n) {
    return (n + GRAPH_ALIGN - 1) & ~(size_t)(GRAPH_ALIGN - 1);
}

struct graph_layout graph_lay_out(const struct graph_header *h) {
    struct graph_layout l = {
        .size = sizeof *h,
        .bytes = {
            [USER_ROW] = (h->users + 1) * 8, [ITEM_ROW] = (h->items + 1) * 8,
            [EDGE_USER] = h->edges * 4,      [EDGE_ITEM] = h->edges * 4,
            [EDGE_RATING] = h->edges * 4,    [EDGE_TIME] = h->edges * 8,
            [ORDINAL] = h->edges * 8,        [ITEM_EDGE] = h->edges * 8,
            [ITEM_USER] = h->edges * 4,      [YEAR] = h->items * 4,
        },
    };

    for (int k = 0; k < TEXTS; k++) {
        l.bytes[AT + k] = (k == TEXT_USER ? h->users : h->items) * 8;
        l.bytes[TEXT + k] = h->text[k];
    }
    for (int s = 0; s < SECTIONS; s++) {
        l.at[s] = l.size;
        l.size += graph_aligned(l.bytes[s]);
    }
    return l;
}

uint64_t graph_checksum(uint64_t sum, const void *data, size_t n) {
    const unsigned char *p = data;

    for (size_t i = 0; i < n; i += 8) {
        uint64_t w;

        memcpy(&w, p + i, sizeof w);
        sum ^= w;
        sum = (sum << 29 | sum >> 35) * 0x9e3779b97f4a7c15u;
    }
    return sum;
}

struct writer {
    FILE *f;
    uint64_t sum;
};

/* One section and the zeros behind it. */
static void put(struct writer *w, const void *data, size_t n) {
    unsigned char tail[GRAPH_ALIGN] = { 0 };
    size_t whole = n & ~(size_t)7;

    fwrite(data, 1, n, w->f);
    w->sum = graph_checksum(w->sum, data, whole);
    memcpy(tail, (const unsigned char *)data + whole, n - whole);
    fwrite(tail + (n - whole), 1, graph_aligned(n) - n, w->f);
    w->sum = graph_checksum(w->sum, tail, graph_aligned(n) - whole);
}

/* A string table without the gaps that renaming leaves. */
static void pack_names(const struct names *names, size_t n, size_t *at, struct buf *text) {
    for (size_t i = 0; i < n; i++) {
        const char *s = names->text + names->at[i];

        at[i] = text->n;
        buf_add(text, s, strlen(s) + 1);
    }
}

/* Header, sections, and the header again with the checksum in it. */
static void put_graph(FILE *f, const struct graph *g, struct graph_header *h, size_t *const *at,
                      const struct buf *text) {
    const void *const data[] = { g->user_row,    g->item_row,  g->edge_user, g->edge_item,
                                 g->edge_rating, g->edge_time, g->ordinal,   g->item_edge,
                                 g->item_user,   graph_strings(g)->year };
    struct graph_layout l = graph_lay_out(h);
    struct writer w = { .f = f };

    h->size = l.size;
    w.sum = graph_checksum(0, h, sizeof *h);
    fwrite(h, 1, sizeof *h, f);
    for (int s = 0; s <= YEAR; s++) put(&w, data[s], l.bytes[s]);
    for (int k = 0; k < TEXTS; k++) put(&w, at[k], l.bytes[AT + k]);
    for (int k = 0; k < TEXTS; k++) put(&w, buf_text(&text[k]), l.bytes[TEXT + k]);
    h->checksum = w.sum;
    rewind(f);
    fwrite(h, 1, sizeof *h, f);
}

int graph_save(const struct graph *g, const char *path, struct err *err) {
    const struct graph_own *own = graph_strings(g);
    const struct names *const tables[] = { &own->user_name, &own->item_name, &own->title,
                                           &own->genres };
    struct graph_header h = { .version = GRAPH_VERSION, .order = GRAPH_ORDER_MARK,
                              .users = (uint64_t)g->users, .items = (uint64_t)g->items,
                              .edges = g->edges, .has_time = g->has_time, .hash = g->hash };
    struct buf text[TEXTS] = { { 0 } };
    size_t *at[TEXTS];
    struct atomic_file out;

    if (atomic_open(&out, path, err)) return -1;
    memcpy(h.magic, GRAPH_MAGIC, sizeof h.magic);
    for (int k = 0; k < TEXTS; k++) {
        size_t n = (size_t)(k == TEXT_USER ? g->users : g->items);

        at[k] = mem_alloc(n, sizeof **at);
        pack_names(tables[k], n, at[k], &text[k]);
        h.text[k] = text[k].n;
    }
    put_graph(out.f, g, &h, at, text);
    for (int k = 0; k < TEXTS; k++) {
        free(at[k]);
        buf_free(&text[k]);
    }
    return atomic_commit(&out, err);
}

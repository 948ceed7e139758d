/* graph_file — what is saved is what is read; a hostile file, its checksum made right again, is
 * refused with a sentence or is a graph that can be walked. */
#define _GNU_SOURCE
#include "check.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rng.h"
#include "graph/graph_file.h"
#include "graph/graph_own.h"

enum { USERS = 7, ITEMS = 9 };

static char path[] = "/tmp/r2rec-graph-file-XXXXXX";

static struct graph *make(void) {
    struct graph_builder *b = graph_builder_new();
    struct rng r = rng_start(1, "graph file", NULL);
    char user[8], item[8];

    graph_add_item(b, "i0", "A title", 1999, "Drama|Crime");
    graph_add_item(b, "i8", "\xc3\x89t\xc3\xa9", 0, NULL);
    for (int k = 0; k < 40; k++) {
        snprintf(user, sizeof user, "u%d", (int)rng_below(&r, USERS));
        snprintf(item, sizeof item, "i%d", (int)rng_below(&r, ITEMS));
        graph_add_event(b, user, item, k % 3 ? (float)(k % 5) : NAN, (int64_t)rng_below(&r, 30));
    }
    return graph_build(b, true);
}

static struct graph *read_file(struct err *err) {
    return graph_read((char *const[]){ path, NULL }, err);
}

static unsigned char *slurp(size_t *n) {
    FILE *f = fopen(path, "rb");
    unsigned char *bytes;

    CHECK(f && !fseek(f, 0, SEEK_END));
    *n = (size_t)ftell(f);
    rewind(f);
    bytes = mem_alloc(*n, 1);
    CHECK(fread(bytes, 1, *n, f) == *n);
    fclose(f);
    return bytes;
}

/* In place: some file systems wait for the disk when a file is cut to nothing and written again. */
static void write_file(const unsigned char *bytes, size_t n) {
    FILE *f = fopen(path, "r+b");

    CHECK(f && fwrite(bytes, 1, n, f) == n && !fclose(f) && !truncate(path, (off_t)n));
}

/* Makes the checksum of a changed file right, and writes it. */
static void forge(unsigned char *bytes, size_t n) {
    struct graph_header *h = (struct graph_header *)bytes;

    h->checksum = 0;
    h->checksum = graph_checksum(0, bytes, n);
    write_file(bytes, n);
}

/* Follows everything that a graph points to. Returns a number so that nothing is left out. */
static size_t walk(const struct graph *g) {
    size_t sum = 0;

    for (int u = 0; u < g->users; u++) sum += strlen(graph_user_name(g, u));
    for (int c = 0; c < g->items; c++) {
        sum += strlen(graph_item_name(g, c)) + strlen(graph_item_title(g, c)) +
               strlen(graph_item_genres(g, c)) + (size_t)graph_item_year(g, c);
        CHECK(graph_find_item(g, graph_item_name(g, c)) == c);
        for (size_t k = g->item_row[c]; k < g->item_row[c + 1]; k++)
            sum += strlen(graph_user_name(g, g->edge_user[g->item_edge[k]]));
    }
    for (size_t e = 0; e < g->edges; e++) {
        CHECK(graph_has(g, g->edge_user[e], g->edge_item[e]));
        sum += strlen(graph_item_title(g, g->edge_item[e])) + g->ordinal[e];
    }
    return sum;
}

static void check_same(const struct graph *a, const struct graph *b) {
    size_t n = a->edges;

    CHECK(a->users == b->users && a->items == b->items && n == b->edges && a->hash == b->hash);
    CHECK(a->has_time == b->has_time && walk(a) == walk(b));
    CHECK(!memcmp(a->user_row, b->user_row, (size_t)(a->users + 1) * sizeof *a->user_row));
    CHECK(!memcmp(a->item_row, b->item_row, (size_t)(a->items + 1) * sizeof *a->item_row));
    CHECK(!memcmp(a->edge_user, b->edge_user, n * sizeof *a->edge_user));
    CHECK(!memcmp(a->edge_item, b->edge_item, n * sizeof *a->edge_item));
    CHECK(!memcmp(a->edge_rating, b->edge_rating, n * sizeof *a->edge_rating));
    CHECK(!memcmp(a->edge_time, b->edge_time, n * sizeof *a->edge_time));
    CHECK(!memcmp(a->ordinal, b->ordinal, n * sizeof *a->ordinal));
    CHECK(!memcmp(a->item_edge, b->item_edge, n * sizeof *a->item_edge));
    CHECK(!memcmp(a->item_user, b->item_user, n * sizeof *a->item_user));
}

/* Saved and read; and again from what was read; and a filtered graph, which borrows its names. */
static void check_round_trip(const struct graph *g) {
    struct err err;
    struct graph *back, *part;
    bool keep[64];

    CHECK(!graph_save(g, path, &err));
    back = read_file(&err);
    CHECK(back);
    check_same(g, back);
    for (size_t e = 0; e < g->edges; e++) keep[e] = e % 3 != 1;
    part = graph_filter(back, keep, NULL);
    CHECK(!graph_save(part, path, &err));
    graph_free(part);
    graph_free(back);
    part = graph_filter(g, keep, NULL);
    back = read_file(&err);
    CHECK(back);
    check_same(part, back);
    graph_free(back);
    graph_free(part);
}

/* One word of one section changed, the checksum right again: the sentence. */
static void check_message(const struct graph *g, size_t at, const void *word, size_t n,
                          const char *want) {
    struct err err;
    struct graph *back;
    unsigned char *bytes;
    size_t size;

    CHECK(!graph_save(g, path, &err));
    bytes = slurp(&size);
    memcpy(bytes + at, word, n);
    forge(bytes, size);
    back = read_file(&err);
    if (back || strcmp(err.msg + strlen(path) + 2, want)) {
        fprintf(stderr, "not \"%s\" but \"%s\"\n", want, back ? "a graph" : err.msg);
        exit(1);
    }
    free(bytes);
}

static void check_messages(const struct graph *g) {
    static const uint64_t huge = UINT64_MAX / 8, one = 1, before = UINT64_MAX - 4;
    static const int big = 1000, minus = -1, year = 20000;
    static const char zero = 0, high = (char)0xff, letter = 'x';
    struct err err;
    struct graph_header h;
    struct graph_layout l;
    unsigned char *bytes;
    size_t n;

    CHECK(!graph_save(g, path, &err));
    bytes = slurp(&n);
    memcpy(&h, bytes, sizeof h);
    l = graph_lay_out(&h);
#define HEADER(field, word, want) \
    check_message(g, offsetof(struct graph_header, field), &word, sizeof h.field, want)
#define SECTION(s, i, word, want) \
    check_message(g, l.at[s] + (i) * sizeof(word), &(word), sizeof(word), want)
    HEADER(version, big, "a graph file of version 1000, not 1");
    HEADER(order, big, "a graph file of a machine with another order of bytes");
    HEADER(users, huge, "the counts in the header do not fit the file");
    HEADER(items, huge, "the counts in the header do not fit the file");
    HEADER(edges, huge, "the counts in the header do not fit the file");
    HEADER(text[1], huge, "the counts in the header do not fit the file");
    HEADER(has_time, huge, "the counts in the header do not fit the file");
    SECTION(USER_ROW, 0, one, "the rows of user do not cover the events");
    SECTION(USER_ROW, 1, huge, "the rows of user go back at user 1");
    SECTION(ITEM_ROW, 1, huge, "the rows of item go back at item 1");
    SECTION(EDGE_USER, 0, big, "event 0 is in the row of another user");
    SECTION(EDGE_ITEM, 0, big, "event 0: item 1000 is out of range");
    SECTION(EDGE_ITEM, 0, minus, "event 0: item -1 is out of range");
    SECTION(EDGE_ITEM, 1, g->edge_item[0], "event 1: user and item occur twice");
    SECTION(EDGE_TIME, 0, huge, "event 0: the time is out of range");
    SECTION(EDGE_TIME, 1, before, "event 1 is not in the order of time");
    SECTION(EDGE_TIME, 0, one, "posting 17 is not in the order of time");
    SECTION(ORDINAL, 1, one, "event 1: the ordinals do not rise");
    SECTION(ITEM_EDGE, 0, huge, "posting 0 does not agree with the events");
    SECTION(ITEM_USER, 0, minus, "posting 0 does not agree with the events");
    SECTION(YEAR, 0, year, "item 0: the year is out of range");
    SECTION(AT, 0, one, "string 0 of the users is out of place");
    SECTION(AT + TEXT_TITLE, 1, huge, "string 1 of the titles is out of place");
    SECTION(TEXT, 0, zero, "string 0 of the users is empty");
    SECTION(TEXT, 0, high, "string 0 of the users is not UTF-8");
    SECTION(TEXT, h.text[0] - 1, letter, "the last string of the users is not terminated");
    SECTION(TEXT, 4, graph_user_name(g, 0)[1], "string 1 of the users is there twice");
    free(bytes);
}

/* Every word of the file changed in turn, as small and as large numbers. */
static void check_all_words(const struct graph *g) {
    static const uint64_t words[] = { 0, 1, 7, 1000, UINT64_MAX, 0x7fffffff, (uint64_t)1 << 40 };
    struct err err;
    unsigned char *bytes;
    size_t n, refused = 0, read = 0;

    CHECK(!graph_save(g, path, &err));
    bytes = slurp(&n);
    for (size_t at = sizeof GRAPH_MAGIC - 1; at < n; at += 4) {
        for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
            unsigned char old[4];
            struct graph *back;

            memcpy(old, bytes + at, 4);
            memcpy(bytes + at, &words[k], 4);
            forge(bytes, n);
            back = read_file(&err);
            if (back) walk(back);
            read += back != NULL;
            refused += back == NULL;
            graph_free(back);
            memcpy(bytes + at, old, 4);
        }
    }
    CHECK(refused > 1000 && read > 100);
    free(bytes);
}

/* Cut off anywhere, or one byte changed without the checksum: never a graph. */
static void check_damage(const struct graph *g) {
    struct err err;
    unsigned char *bytes;
    size_t n;

    CHECK(!graph_save(g, path, &err));
    bytes = slurp(&n);
    for (size_t cut = sizeof(struct graph_header) - 64; cut < n; cut += 32) {
        write_file(bytes, cut);
        CHECK(!read_file(&err));
    }
    for (size_t at = 8; at < n; at += 13) {
        bytes[at] ^= 1;
        write_file(bytes, n);
        CHECK(!read_file(&err));
        bytes[at] ^= 1;
    }
    free(bytes);
}

int main(void) {
    struct graph *g = make();

    CHECK(!close(mkstemp(path)));
    check_round_trip(g);
    check_messages(g);
    check_all_words(g);
    check_damage(g);
    graph_free(g);
    unlink(path);
    return 0;
}

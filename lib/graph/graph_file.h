/* graph_file — the flat file: a header, then sections, each at a multiple of 64 bytes, zeros
 * between them; whole numbers of the machine's own order (little-endian everywhere we run: the
 * order mark says so). Written once, then used in place through mmap by any number of programs.
 *
 * The checksum covers every byte but its own, so an accident is found at once; since anyone can
 * compute a right one, every count, offset and index is checked all the same before it is
 * followed. Private to lib/graph. */
#ifndef GRAPH_GRAPH_FILE_H
#define GRAPH_GRAPH_FILE_H

#include <stddef.h>
#include <stdint.h>

#define GRAPH_MAGIC "R2GRAPH\n"

enum { GRAPH_VERSION = 1, GRAPH_ORDER_MARK = 0x01020304, GRAPH_ALIGN = 64 };

/* String tables. */
enum { TEXT_USER, TEXT_ITEM, TEXT_TITLE, TEXT_GENRES, TEXTS };

struct graph_header {
    char magic[8];
    uint32_t version, order;
    uint64_t users, items, edges, has_time, hash;
    uint64_t text[TEXTS];       /* bytes of each string table */
    uint64_t size;              /* of the file */
    uint64_t checksum;          /* of all bytes, these eight taken as 0 */
    uint64_t reserved[3];       /* zeros */
};

_Static_assert(sizeof(struct graph_header) == 2 * GRAPH_ALIGN && sizeof(size_t) == 8 &&
                   sizeof(int) == 4,
               "the graph file is written as the structures lie in memory");

/* In the order of the file; the arrays of graph.h, years, then the string tables: where each string
 * begins, and their text. */
enum graph_section {
    USER_ROW, ITEM_ROW, EDGE_USER, EDGE_ITEM, EDGE_RATING, EDGE_TIME, ORDINAL, ITEM_EDGE, ITEM_USER,
    YEAR, AT, TEXT = AT + TEXTS, SECTIONS = TEXT + TEXTS
};

struct graph_layout {
    size_t at[SECTIONS], bytes[SECTIONS], size;
};

/* Where everything lies. No sum overflows if no count or size is beyond that of a real file. */
struct graph_layout graph_lay_out(const struct graph_header *h);

/* n at the next multiple of 64. */
size_t graph_aligned(size_t n);

/* Goes on with a checksum, eight bytes at a time: each step can be undone, so a change of one word
 * always shows. n is a multiple of 8. */
uint64_t graph_checksum(uint64_t sum, const void *data, size_t n);

#endif

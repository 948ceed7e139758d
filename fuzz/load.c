/* load — any bytes as a data set, in the format that they seem to have or that the last byte asks
 * for: refused with a sentence, or the records that graphload writes give the graph it saves. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "graph/graph_file.h"
#include "graph/graph_own.h"
#include "graph/load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);

/* Most mutants of a graph file are cut to a size that fits, and get their checksum. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed) {
    struct graph_header h;

    size = LLVMFuzzerMutate(data, size, max);
    if (size <= sizeof h || memcmp(data, GRAPH_MAGIC, sizeof h.magic) || !(seed % 8)) return size;
    size = (size - 1) / GRAPH_ALIGN * GRAPH_ALIGN;
    memcpy(&h, data, sizeof h);
    h.size = size;
    h.checksum = 0;
    h.checksum = graph_checksum(graph_checksum(0, &h, sizeof h), data + sizeof h, size - sizeof h);
    memcpy(data, &h, sizeof h);
    return size + 1;
}

/* A file in memory that has a path. */
static int keep(const void *bytes, size_t n, char path[32]) {
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    if (fd < 0 || write(fd, bytes, n) != (ssize_t)n) abort();
    snprintf(path, 32, "/proc/self/fd/%d", fd);
    return fd;
}

static void check_records(const struct load *l) {
    struct graph *g = load_graph(l), *again;
    struct err err;
    char path[32], *text;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    int fd;

    load_write(l, f);
    fclose(f);
    fd = keep(text, n, path);
    again = graph_read((char *const[]){ path, NULL }, &err);
    if (!again || again->hash != g->hash) abort();
    graph_free(again);
    graph_free(g);
    close(fd);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct load_options o = { .k_core = 1 };
    struct err err = { "" };
    struct load *l;
    char path[32];
    int fd;

    if (!size) return 0;
    o.format = data[size - 1] % (LOAD_JSONL + 1);
    fd = keep(data, size - 1, path);
    l = load_new(&o);
    if (!load_path(l, path, &err) && !load_filter(l, &err)) check_records(l);
    else if (!*err.msg) abort();
    load_free(l);
    close(fd);
    return 0;
}

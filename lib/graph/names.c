/* names — a string table and its index. Private to lib/graph. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "graph/graph_own.h"

size_t name_add(struct names *names, const char *s) {
    size_t n = strlen(s) + 1;

    while (names->bytes + n > names->cap) {
        names->cap = names->cap ? names->cap * 2 : 4096;
        names->text = mem_realloc(names->text, names->cap, 1);
    }
    memcpy(names->text + names->bytes, s, n);
    names->at = mem_grow(names->at, names->n, &names->at_cap, sizeof *names->at);
    names->at[names->n] = names->bytes;
    names->bytes += n;
    return names->n++;
}

/* The slot of a string, or the empty one where it would go. */
static size_t place(const struct names *names, const struct name_table *t, const char *s) {
    struct hash h = hash_start();
    size_t i;

    hash_string(&h, s);
    for (i = hash_value(&h) & (t->size - 1); t->slot[i]; i = (i + 1) & (t->size - 1))
        if (!strcmp(names->text + names->at[t->slot[i] - 1], s)) break;
    return i;
}

int name_find(const struct names *names, const struct name_table *table, const char *s) {
    return table->size ? (int)table->slot[place(names, table, s)] - 1 : -1;
}

void name_enter(const struct names *names, struct name_table *table, size_t i) {
    if (2 * (i + 1) > table->size) {
        table->size = table->size ? table->size * 2 : 1024;
        free(table->slot);
        table->slot = mem_calloc(table->size, sizeof *table->slot);
        for (size_t k = 0; k < i; k++)
            table->slot[place(names, table, names->text + names->at[k])] = (uint32_t)k + 1;
    }
    table->slot[place(names, table, names->text + names->at[i])] = (uint32_t)i + 1;
}

int name_index(struct names *names, struct name_table *table, const char *s) {
    int i = name_find(names, table, s);

    if (i >= 0) return i;
    i = (int)name_add(names, s);
    name_enter(names, table, (size_t)i);
    return i;
}

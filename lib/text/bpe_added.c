/* bpe_added — the tokens that are found in a text before it is cut into words. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "text/bpe_own.h"

void bpe_added_add(struct added_set *set, const char *text, size_t n, int32_t id) {
    struct added *a;

    set->t = mem_realloc(set->t, (size_t)set->n + 1, sizeof *set->t);
    a = &set->t[set->n++];
    *a = (struct added){ mem_alloc(n, 1), n, id };
    memcpy(a->text, text, n);
    set->starts[(unsigned char)*text] = true;
}

/* The longest first; of those of one text the one that came first, which has the lower id. */
static int longer(const void *a, const void *b) {
    const struct added *x = a, *y = b;

    if (x->n != y->n) return x->n > y->n ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

void bpe_added_sort(struct added_set *set) {
    if (set->n) qsort(set->t, (size_t)set->n, sizeof *set->t, longer);
}

void bpe_added_free(struct added_set *set) {
    for (int i = 0; i < set->n; i++) free(set->t[i].text);
    free(set->t);
}

const struct added *bpe_added_at(const struct added_set *set, const char *s, size_t n) {
    if (!set->starts[(unsigned char)*s]) return NULL;
    for (int i = 0; i < set->n; i++)
        if (set->t[i].n <= n && !memcmp(s, set->t[i].text, set->t[i].n)) return &set->t[i];
    return NULL;
}

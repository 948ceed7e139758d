/* gguf — any bytes as a GGUF file: refused with a sentence, or every key and tensor can be read. */
#include <stdlib.h>
#include <string.h>

#include "io/gguf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every getter, of which one at most fits. */
static void read_key(const struct gguf *g, const char *key) {
    struct err err;
    const char *s;
    int64_t i;
    double x;
    bool b;
    size_t n;

    if (!gguf_string(g, key, &s, &err) && strlen(s) > g->size) abort();
    gguf_integer(g, key, &i, &err);
    gguf_real(g, key, &x, &err);
    gguf_bool(g, key, &b, &err);
    free(gguf_strings(g, key, &n, &err));
    free(gguf_integers(g, key, &n, &err));
    free(gguf_reals(g, key, &n, &err));
}

/* All at once: an element takes half a byte of the file or more. */
static void read_tensor(const struct gguf *g, const char *name) {
    const struct gguf_tensor *t = gguf_tensor(g, name);
    float *x = mem_alloc(t->n, sizeof *x);

    gguf_read(t, 0, t->n, x);
    free(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct gguf g;
    struct err err = { "" };

    if (gguf_open_memory(&g, data, size, &err)) {
        if (!*err.msg) abort();
        return 0;
    }
    for (size_t i = 0; i < g.n_values; i++) read_key(&g, g.values[i].key);
    for (size_t i = 0; i < g.n_tensors; i++) read_tensor(&g, g.tensors[i].name);
    gguf_close(&g);
    return 0;
}

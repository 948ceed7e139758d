/* safetensors — any bytes as a file: refused with a sentence, or every tensor is found and read,
 * and they fill the file. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "io/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);

/* Most mutants keep a length that fits: the header ends with its last brace. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed) {
    size_t end;

    size = end = LLVMFuzzerMutate(data, size, max);
    while (end > 8 && data[end - 1] != '}') end--;
    if (end > 8 && seed % 8)
        for (int k = 0; k < 8; k++) data[k] = (uint8_t)((end - 8) >> 8 * k);
    return size;
}

static void read_tensor(const struct safetensors_tensor *t) {
    float *x = malloc(t->n * sizeof *x + t->bytes + 1);
    char shape[256];

    safetensors_shape_text(shape, sizeof shape, t->shape, t->dims);
    if (t->type != ST_OTHER) safetensors_read(t, 0, t->n, x);
    else memcpy(x, t->data, t->bytes);
    free(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct safetensors st;
    struct err err = { "" };
    size_t bytes = 0;

    if (safetensors_open_memory(&st, data, size, &err)) {
        if (!*err.msg) abort();
        return 0;
    }
    for (size_t i = 0; i < st.n; i++) {
        if (safetensors_find(&st, st.tensors[i].name) != &st.tensors[i]) abort();
        read_tensor(&st.tensors[i]);
        bytes += st.tensors[i].bytes;
    }
    if (bytes != st.bytes) abort();
    safetensors_meta(&st, "checksum");
    safetensors_close(&st);
    return 0;
}

/* sort — against the definition: rising keys, equal ones in the order they had. */
#include "check.h"

#include "base/mem.h"
#include "base/rng.h"
#include "base/sort.h"

/* n keys of so many bits, some of them negative. */
static void check_sort(size_t n, int bits) {
    struct rng r = rng_start(1, "sort", NULL);
    int64_t *key = mem_alloc(n, sizeof *key);
    size_t *index = mem_alloc(n, sizeof *index);

    for (size_t i = 0; i < n; i++) {
        key[i] = (int64_t)((uint64_t)rng_below(&r, UINT64_MAX) >> (64 - bits)) - (INT64_C(1) << (bits - 2));
        index[i] = n - 1 - i;
    }
    sort_by(index, n, key);
    for (size_t i = 1; i < n; i++) {
        int64_t a = key[index[i - 1]], b = key[index[i]];

        CHECK(a < b || (a == b && index[i - 1] > index[i]));
    }
    free(key);
    free(index);
}

int main(void) {
    int64_t ends[] = { INT64_MAX, 0, INT64_MIN, 7 };
    size_t index[] = { 0, 1, 2, 3 };

    for (size_t n = 0; n < 400; n += 1 + n / 3)
        for (int bits = 2; bits < 64; bits += 3) check_sort(n, bits);
    check_sort(100000, 27);
    sort_by(index, 4, ends);
    CHECK(index[0] == 2 && index[1] == 1 && index[2] == 3 && index[3] == 0);
    return 0;
}

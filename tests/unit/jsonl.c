/* jsonl — numbers are written in the fewest of 15, 16 or 17 digits that keep them, and a float in nine:
 * what the C library's printf says, for random numbers of every kind. */
#define _GNU_SOURCE
#include "io/jsonl.h"

#include <string.h>

#include "base/rng.h"
#include "check.h"

enum { DRAWS = 50000 };

static void expect(json_t *v, const char *want) {
    json_t *rec = json_pack("{s:o}", "x", v);
    char line[80], *got;
    size_t n;
    FILE *f = open_memstream(&got, &n);

    jsonl_write(f, rec);
    fclose(f);
    snprintf(line, sizeof line, "{\"x\":%s}\n", want);
    if (strcmp(got, line)) fprintf(stderr, "written %s, not %s", got, line);
    CHECK(!strcmp(got, line));
    free(got);
    json_decref(rec);
}

/* As jsonl.h puts it; a real stays a real. */
static void check_real(double x) {
    char s[64];

    for (int digits = 15; digits <= 17; digits++) {
        snprintf(s, 40, "%.*g", digits, x);
        if (strtod(s, NULL) == x) break;
    }
    if (!strpbrk(s, ".e")) strcat(s, ".0");
    expect(json_real(x), s);
}

static void check_float(float x) {
    json_t *v = jsonl_float(x);
    char s[40];

    snprintf(s, sizeof s, "%.9g", (double)x);
    CHECK(json_is_real(v) && json_real_value(v) == strtod(s, NULL));
    CHECK((float)json_real_value(v) == x && !signbit(json_real_value(v)) == !signbit(x));
    json_decref(v);
}

static void check_random(struct rng *r) {
    double size = pow(10, (double)rng_below(r, 24) - 12);
    double x = (rng_real(r) - 0.5) * size;
    uint64_t bits = rng_next(r);

    check_real(x);
    check_real((double)(float)x);
    check_real(floor(x));
    check_real(floor(x * 1000) / 1000);
    check_float((float)x);
    check_float((float)rng_below(r, 5000) / 4096);      /* many lie between two of nine digits */
    memcpy(&x, &bits, sizeof x);
    if (isfinite(x)) check_real(x);
    if (isfinite((float)x)) check_float((float)x);
}

/* Whole numbers to the last, and no others. */
static void check_whole(const char *text, int64_t lo, int64_t hi, bool want, int64_t value) {
    json_t *rec = json_pack("{s:o}", "x", json_loads(text, JSON_DECODE_ANY, NULL));
    int64_t x = 7;
    struct err err;

    CHECK(!jsonl_int(rec, "x", lo, hi, &x, &err) == want && x == (want ? value : 7));
    json_decref(rec);
}

static void check_bounds(void) {
    const int64_t large = 1LL << 60;

    check_whole("4.0", 0, 4, true, 4);
    check_whole("4.5", 0, 9, false, 0);
    check_whole("-0.0", 0, 0, true, 0);
    check_whole("5", 0, 4, false, 0);
    check_whole("1152921504606846976", 0, large, true, large);
    check_whole("1152921504606846977", 0, large, false, 0);
    check_whole("9223372036854775807", INT64_MIN, INT64_MAX, true, INT64_MAX);
    check_whole("9223372036854775808.0", INT64_MIN, INT64_MAX, false, 0);
    check_whole("-9223372036854775808.0", INT64_MIN, INT64_MAX, true, INT64_MIN);
    check_whole("1e300", INT64_MIN, INT64_MAX, false, 0);
}

int main(void) {
    static const double edges[] = { 0, -0.0, 1, -1, 0.1, 1e-3, 1e-5, 1e3, 999.9999999999999, 1e15, 1e16,
                                    0.000999999999999999, 9007199254740993, 1e300, 5e-324, 1.5e-3 };
    struct rng r = rng_start(1, "jsonl", NULL);

    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        check_real(edges[i]);
        check_real(nextafter(edges[i], 1));
        if (isfinite((float)edges[i])) check_float((float)edges[i]);
    }
    for (int i = 0; i < DRAWS; i++) check_random(&r);
    check_bounds();
    expect(json_integer(INT64_MIN), "-9223372036854775808");
    expect(json_integer(INT64_MAX), "9223372036854775807");
    expect(json_integer(0), "0");
    expect(jsonl_real(NAN), "null");
    expect(jsonl_float(INFINITY), "null");
    return 0;
}

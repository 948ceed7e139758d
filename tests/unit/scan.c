/* scan — takes and refuses what jansson takes and refuses, and reads the same numbers and strings. */
#include "io/scan.h"

#include <jansson.h>
#include <string.h>

#include "base/rng.h"
#include "check.h"

static bool scans(const char *text) {
    struct scan s = { text };

    return scan_skip(&s) && scan_end(&s, text + strlen(text));
}

static bool parses(const char *text) {
    json_t *v = json_loads(text, JSON_DECODE_ANY, NULL);
    bool well = v != NULL;

    json_decref(v);
    return well;
}

static void check_syntax(void) {
    static const char *const texts[] = {
        "{}", "[]", "[1,2]", "[1,]", "[,1]", "[1 2]", "{\"a\":1}", "{\"a\":1,}", "{,}", "{\"a\"}", "{\"a\":}",
        "{a:1}", "[", "{", "{\"a\":[1,{\"b\":null}]} ", "tru", "true", "nullx", "null", "0", "-0", "01", "-",
        "1.", "1.5", ".5", "1e", "1e5", "1E+05", "+1", "\"\"", "\"", "\"\\\"\"", "\"\\", "\"\\x\"",
        "\"\\u12\"", "\"\\u0041\"", "\"a\tb\"", "\"\\\\\"", "[\"\\u004g\"]", "[[[]]]", "[[[]]", "[]]", "", " ",
        "[true,false , null]", "{\"a\" : \"b\" }", "[1}", "{\"a\":1]", "NaN", "-x",
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (scans(texts[i]) != parses(texts[i])) fprintf(stderr, "%s\n", texts[i]);
        CHECK(scans(texts[i]) == parses(texts[i]));
    }
}

static void check_fields(void) {
    static const char *const names[] = { "a", "list", "gone", "ab" };
    const char *text = " {\"ab\":\"x\\u00e9\\n\", \"b\":{\"a\":7}, \"list\":[1,null,-2.5], \"a\":3} ";
    struct scan s = { text }, v[4];
    struct buf out = { 0 };
    bool first = true;
    double x;

    CHECK(scan_fields(&s, names, 4, v) && scan_end(&s, text + strlen(text)));
    CHECK(scan_peek(&v[0]) == '3' && scan_number(&v[0], &x) && x == 3);
    CHECK(!v[2].p && !scan_peek(&v[2]) && !scan_number(&v[2], &x) && !scan_skip(&v[2]));
    CHECK(scan_string(&v[3], &out) && !strcmp(buf_text(&out), "x\xc3\xa9\n"));
    CHECK(scan_array(&v[1]));
    CHECK(scan_entry(&v[1], &first) && scan_number(&v[1], &x) && x == 1);
    CHECK(scan_entry(&v[1], &first) && scan_null(&v[1]));
    CHECK(scan_entry(&v[1], &first) && !scan_null(&v[1]) && scan_number(&v[1], &x) && x == -2.5);
    CHECK(!scan_entry(&v[1], &first) && v[1].p);
    s.p = "{\"a\":1,\"a\":2}";
    CHECK(!scan_fields(&s, names, 4, v) && !s.p);
    s.p = "{\"b\":1,\"b\":2}";
    CHECK(scan_fields(&s, names, 4, v));
    s.p = "\"\xff\"";
    CHECK(!scan_string(&s, &out));
    s.p = "1e999";
    CHECK(!scan_number(&s, &x));
    buf_free(&out);
}

/* Numbers as short and as long as programs write them: the bits of strtod. */
static void check_numbers(void) {
    static const char *const forms[] = { "%.3f", "%.17g", "%.15g", "%.9g", "%.0f", "%.6e" };
    struct rng r = rng_start(1, "scan", NULL);
    char text[64];

    for (int i = 0; i < 60000; i++) {
        double x = ldexp(rng_real(&r) - 0.5, (int)rng_below(&r, 60) - 20), got;
        struct scan s = { text };

        snprintf(text, sizeof text, forms[i % 6], x);
        CHECK(scan_number(&s, &got) && s.p == text + strlen(text));
        CHECK(got == strtod(text, NULL));
    }
}

/* Damaged text never leads the scan out of it: run under the address sanitizer. */
static void check_damage(void) {
    static const char whole[] = "{\"id\":\"a\\\"b\",\"n\":[1,-2.5e3,null,true],\"o\":{\"x\":\"\\u00e9\"}}";
    static const char bytes[] = "{}[]\",:\\u0-.e tn\x80";
    struct rng r = rng_start(2, "scan", NULL);

    for (int i = 0; i < 20000; i++) {
        size_t n = 1 + rng_below(&r, sizeof whole - 1);
        char *text = malloc(n + 1);

        memcpy(text, whole, n);
        text[n] = 0;
        for (int k = 0; k < 2; k++) text[rng_below(&r, n)] = bytes[rng_below(&r, sizeof bytes - 1)];
        if (!memchr(text, '\x80', n) && !strstr(text, "\\u")) CHECK(scans(text) == parses(text));
        else (void)scans(text);
        free(text);
    }
}

int main(void) {
    check_syntax();
    check_fields();
    check_numbers();
    check_damage();
    return 0;
}

/* gguf_hostile — malformed files, each refused with its sentence; damaged ones, refused or read
 * whole. Bytes lie in a block of their own size: the address sanitizer sees a step beyond it. */
#define _GNU_SOURCE
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../fuzz/gguf.c"
#include "base/rng.h"
#include "check.h"

static void add_number(struct buf *b, const char *digits, size_t n) {
    uint64_t x = strtoull(digits, NULL, 0);

    buf_add(b, (const char *)&x, n);
}

/* A file from a list of words: bN, wN, qN are numbers of 1, 4 and 8 bytes; =TEXT is text, .TEXT a
 * string with its length; zN is N zeros, pN zeros up to a multiple of N. */
static void assemble(struct buf *b, const char *words) {
    char list[1024], *save = NULL;

    snprintf(list, sizeof list, "%s", words);
    buf_clear(b);
    for (char *w = strtok_r(list, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        size_t n = (size_t)atoi(w + 1);

        if (*w == '.') add_number(b, (char[]){ (char)('0' + strlen(w + 1)), 0 }, 8);
        if (*w == '.' || *w == '=') buf_puts(b, w + 1);
        else if (*w == 'b') add_number(b, w + 1, 1);
        else if (*w == 'w') add_number(b, w + 1, 4);
        else if (*w == 'q') add_number(b, w + 1, 8);
        else if (*w == 'z') for (; n; n--) buf_add(b, "", 1);
        else while (b->n % n) buf_add(b, "", 1);
    }
}

#define HEAD(tensors, keys) "=GGUF w3 q" #tensors " q" #keys " "
#define KEY(value) HEAD(0, 1) ".k " value
#define TENSOR(rest) HEAD(1, 0) ".t " rest
#define ALIGNMENT "q17 =general.alignment "
/* a vector of 8 floats at an offset */
#define VECTOR(name, offset) "." #name " w1 q8 w0 q" #offset " "

static const struct {
    const char *words, *message;        /* NULL: it is well */
} files[] = {
    { "", "not a GGUF file" },
    { "=GGU", "not a GGUF file" },
    { "=GGML w1 z64", "not a GGUF file" },
    { "=GGUF", "the file ends within its header" },
    { "=GGUF w3", "the file ends within its header" },
    { "=GGUF w3 q0 w0", "the file ends within its header" },
    { "=GGUF w0 q0 q0", "a GGUF file of version 0: only 2 and 3 are read" },
    { "=GGUF w1 w0 w0", "a GGUF file of version 1: only 2 and 3 are read" },
    { "=GGUF w4 q0 q0", "a GGUF file of version 4: only 2 and 3 are read" },
    { "=GGUF w0x03000000 q0 q0", "a big-endian GGUF file: only little-endian ones are read" },
    { HEAD(0, 0), NULL },
    { "=GGUF w2 q0 q0", NULL },
    { HEAD(0, 0) "p32", NULL },
    { HEAD(0, 0) "p32 b0", "1 bytes after the last tensor" },
    /* counts */
    { HEAD(0, 1), "1 keys are more than the file holds" },
    { HEAD(0, -1) "z64", "18446744073709551615 keys are more than the file holds" },
    { HEAD(0, 0x1000000000000000) "z64", "1152921504606846976 keys are more than the file holds" },
    { HEAD(1, 0), "1 tensors are more than the file holds" },
    { HEAD(-1, 0) "z64", "18446744073709551615 tensors are more than the file holds" },
    /* keys */
    { HEAD(0, 1) "q99 =name z8", "key 1 of 1: a string ends beyond the file" },
    { HEAD(0, 1) "q-1 =name z8", "key 1 of 1: a string ends beyond the file" },
    { HEAD(0, 2) ".k w7 b1 q4 =ab z11", "key 2 of 2: a string is not text" },
    { HEAD(0, 1) "q2 b0xc3 =( w7 b1", "key 1 of 1: a string is not text" },
    { HEAD(0, 1) "q2 b27 =[ w7 b1", "key 1 of 1: a string is not a name" },
    { HEAD(0, 1) "q5 =abcde", "key abcde: the file ends here" },
    { KEY("w4"), "key k: its value ends beyond the file" },
    { HEAD(0, 1) ".key w4 w7", NULL },
    { HEAD(0, 1) ".key w4 b7", "key key: its value ends beyond the file" },
    { KEY("w13 q0"), "key k: values of type 13 are not known" },
    { KEY("w-1 q0"), "key k: values of type 4294967295 are not known" },
    { KEY("w7 b2"), "key k: a BOOL of 2 is neither true nor false" },
    { KEY("w8 q3 =ab"), "key k: a string ends beyond the file" },
    { KEY("w8 q-1 =ab"), "key k: a string ends beyond the file" },
    { KEY("w8 q3 =a b0 =b"), "key k: a string is not text" },
    { KEY("w8 q1 b0xff"), "key k: a string is not text" },
    { HEAD(0, 2) ".k w7 b1 .k w7 b1", "key k: it occurs twice" },
    /* arrays */
    { KEY("w9 w4"), "key k: the file ends here" },
    { KEY("w9 w9 q1 w4 q1 w7"), "key k: an array of arrays is not supported" },
    { KEY("w9 w13 q0"), "key k: values of type 13 are not known" },
    { KEY("w9 w10 q0x2000000000000001 q7"), "key k: its value ends beyond the file" },
    { KEY("w9 w0 q-1 b7"), "key k: its value ends beyond the file" },
    { KEY("w9 w8 q-1 .a .b"), "key k: a string ends beyond the file" },
    { KEY("w9 w8 q2 .a q2 b0xc3 b0x28"), "key k: a string is not text" },
    { KEY("w9 w7 q3 b0 b1 b255"), "key k: a BOOL of 255 is neither true nor false" },
    { KEY("w9 w8 q2 .a .b"), NULL },
    /* alignment */
    { HEAD(0, 1) ALIGNMENT "w4 w0", "key general.alignment: 0 is not a power of two" },
    { HEAD(0, 1) ALIGNMENT "w4 w24", "key general.alignment: 24 is not a power of two" },
    { HEAD(0, 1) ALIGNMENT "w10 q32", "key general.alignment: it is not a UINT32" },
    { HEAD(0, 1) ALIGNMENT "w5 w32", "key general.alignment: it is not a UINT32" },
    { HEAD(0, 1) ALIGNMENT "w9 w4 q1 w32", "key general.alignment: it is not a UINT32" },
    { HEAD(1, 1) ALIGNMENT "w4 w0x80000000 " VECTOR(t, 0) "p32 z32",
      "tensor t: its data end beyond the file" },
    { HEAD(1, 1) ALIGNMENT "w4 w1 " VECTOR(t, 0) "z32", NULL },
    { HEAD(1, 1) ALIGNMENT "w4 w256 " VECTOR(t, 0) "p256 z32", NULL },
    /* tensors */
    { HEAD(1, 0) "q99 z32", "tensor 1 of 1: a string ends beyond the file" },
    { HEAD(1, 0) "q2 b10 b10 z32", "tensor 1 of 1: a string is not a name" },
    { TENSOR("w0 w0 q0 z32"), "tensor t: 0 dimensions are not 1 to 4" },
    { TENSOR("w5 q1 q1 q1 q1 q1 w0 q0"), "tensor t: 5 dimensions are not 1 to 4" },
    { TENSOR("w-1 z64"), "tensor t: 4294967295 dimensions are not 1 to 4" },
    { TENSOR("w4 q1 q1 q1"), "tensor t: the file ends here" },
    { TENSOR("w2 q32 q0 w0 q0"), "tensor t: a dimension is 0" },
    { TENSOR("w2 q0x100000000 q0x100000000 w0 q0"), "tensor t: its shape is too large" },
    { TENSOR("w3 q4194305 q4194305 q211106198978564 w0 q0 p32 z16"),
      "tensor t: its shape is too large" },
    { TENSOR("w1 q0x4000000000000008 w0 q0 p32 z32"), "tensor t: its shape is too large" },
    { TENSOR("w1 q0x2000000000000000 w0 q0 p32 z32"), "tensor t: its data end beyond the file" },
    { TENSOR("w2 q8 q1 w0 w0"), "tensor t: the file ends here" },
    { TENSOR("w1 q32 w4 q0"), "tensor t: type 4 is not known" },
    { TENSOR("w1 q32 w42 q0"), "tensor t: type 42 is not known" },
    { TENSOR("w1 q32 w-1 q0"), "tensor t: type 4294967295 is not known" },
    { TENSOR("w1 q32 w26 q0"), "tensor t: type I32 is not supported" },
    { TENSOR("w1 q256 w23 q0"), "tensor t: type IQ4_XS is not supported" },
    { TENSOR("w2 q48 q2 w8 q0"), "tensor t: rows of 48 are not whole blocks of Q8_0" },
    { TENSOR("w1 q128 w12 q0"), "tensor t: rows of 128 are not whole blocks of Q4_K" },
    /* places */
    { TENSOR("w1 q8 w0 q0"), "tensor t: its data end beyond the file" },
    { TENSOR("w1 q8 w0 q0 p32 z31"), "tensor t: its data end beyond the file" },
    { TENSOR("w1 q8 w0 q4 p32 z36"), "tensor t: its data begin at 4, not at 0" },
    { TENSOR("w1 q8 w0 q-32 p32 z32"),
      "tensor t: its data begin at 18446744073709551584, not at 0" },
    { HEAD(2, 0) VECTOR(a, 0) VECTOR(b, 32) "p32 z64", NULL },
    { HEAD(2, 0) VECTOR(a, 32) VECTOR(b, 0) "p32 z64", NULL },
    { HEAD(2, 0) VECTOR(a, 0) VECTOR(b, 0) "p32 z64", "tensor b: its data begin at 0, not at 32" },
    { HEAD(2, 0) VECTOR(a, 0) VECTOR(b, 40) "p32 z72",
      "tensor b: its data begin at 40, not at 32" },
    { HEAD(2, 0) VECTOR(a, 0) VECTOR(b, 64) "p32 z96",
      "tensor b: its data begin at 64, not at 32" },
    { HEAD(2, 0) VECTOR(a, 0) VECTOR(b, 32) "p32 z63", "tensor b: its data end beyond the file" },
    { HEAD(2, 0) VECTOR(a, 0) VECTOR(a, 32) "p32 z64", "tensor a: it occurs twice" },
    { HEAD(2, 0) ".a w1 q4 w0 q0 " VECTOR(b, 32) "p32 z16",
      "tensor b: its data end beyond the file" },
    { TENSOR("w1 q4 w0 q0 p32 z32"), NULL },
    { TENSOR("w1 q4 w0 q0 p32 z33"), "1 bytes after the last tensor" },
};

/* Opens a copy that has just the bytes' size, and reads everything if it can. */
static bool opens(const char *bytes, size_t n, struct err *err) {
    unsigned char *copy = mem_alloc(n, 1);
    struct gguf g;
    bool well;

    if (n) memcpy(copy, bytes, n);
    LLVMFuzzerTestOneInput(copy, n);
    well = !gguf_open_memory(&g, copy, n, err);
    if (well) gguf_close(&g);
    free(copy);
    return well;
}

static void check_messages(void) {
    struct buf b = { 0 };
    struct err err;

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const char *want = files[i].message ? files[i].message : "well";

        assemble(&b, files[i].words);
        if (opens(b.s, b.n, &err)) snprintf(err.msg, sizeof err.msg, "well");
        if (!strcmp(err.msg, want)) continue;
        fprintf(stderr, "%s\nnot \"%s\" but \"%s\"\n", files[i].words, want, err.msg);
        exit(1);
    }
    buf_free(&b);
}

/* Names so long that the sentence would not fit: the end of it does. */
static void check_long_name(void) {
    struct buf b = { 0 };
    struct err err;

    assemble(&b, HEAD(0, 1) "q3000");
    for (int i = 0; i < 3000; i++) buf_puts(&b, "n");
    buf_add(&b, "\15\0\0\0", 4);
    CHECK(!opens(b.s, b.n, &err));
    CHECK(!strncmp(err.msg, "key nnnn", 8));
    CHECK(strstr(err.msg, "nn: values of type 13 are not known"));
    buf_free(&b);
}

static void slurp(struct buf *b, const char *path) {
    char piece[4096];
    FILE *f = fopen(path, "rb");
    size_t n;

    CHECK(f);
    buf_clear(b);
    while ((n = fread(piece, 1, sizeof piece, f)) > 0) buf_add(b, piece, n);
    fclose(f);
}

/* Cut off anywhere before the last padding, a file is refused; with bytes changed, it may be read. */
static void check_damage(const char *root, const char *name, size_t padding) {
    static const unsigned char values[] = { 0, 1, 2, 8, 9, 31, 127, 128, 255 };
    struct rng r = rng_start(1, name, NULL);
    struct buf b = { 0 };
    struct err err;
    char path[512];
    size_t well = 0;

    snprintf(path, sizeof path, "%s/gguf/%s", root, name);
    slurp(&b, path);
    CHECK(opens(b.s, b.n, &err) && opens(b.s, b.n - padding, &err));
    for (size_t n = 0; n < b.n - padding; n++) CHECK(!opens(b.s, n, &err));
    for (size_t i = 0; i < 20000; i++) {
        size_t at = rng_below(&r, b.n < 900 ? b.n : 900), also = rng_below(&r, b.n);
        char old[2] = { b.s[at], b.s[also] };

        b.s[also] = (char)values[rng_below(&r, sizeof values)];
        b.s[at] = (char)values[rng_below(&r, sizeof values)];
        well += opens(b.s, b.n, &err);
        b.s[also] = old[1];
        b.s[at] = old[0];
    }
    CHECK(well > 100 && well < 19900 && opens(b.s, b.n, &err));
    buf_free(&b);
}

static void check_file(const char *path, const char *want) {
    struct gguf g;
    struct err err;

    CHECK(gguf_open(&g, path, &err));
    CHECK(!strncmp(err.msg, path, strlen(path)) && !strcmp(err.msg + strlen(path), want));
}

/* What is no file, an empty one, one that is something else, a pipe in which no one writes. */
static void check_files(void) {
    char dir[] = "/tmp/r2rec-gguf-XXXXXX", path[64];
    FILE *f;

    CHECK(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/x", dir);
    check_file(dir, ": not a regular file");
    check_file("/dev/zero", ": not a regular file");
    check_file(path, ": No such file or directory");
    CHECK(!mkfifo(path, 0600));
    check_file(path, ": not a regular file");
    CHECK(!unlink(path) && (f = fopen(path, "w")));
    check_file(path, ": not a GGUF file");
    CHECK(fputs("{\"config\":1}", f) >= 0 && !fclose(f));
    check_file(path, ": not a GGUF file");
    CHECK(!unlink(path) && !rmdir(dir));
}

int main(int argc, char **argv) {
    const char *root = argc > 1 ? argv[1] : "tests/fixtures";

    check_messages();
    check_long_name();
    check_files();
    check_damage(root, "metadata.gguf", 32);
    check_damage(root, "type_Q4_K.gguf", 0);
    return 0;
}

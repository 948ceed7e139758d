/* gguf — values of every type equal those of gguf-py to the bit; keys and values; what is written
 * is read back, and is what gguf-py writes. With --read FILE or --write TYPE a filter for
 * tests/oracle/kquants.py: the numbers of tensor "w", or numbers from stdin as blocks. */
#define _GNU_SOURCE
#include "io/gguf.h"

#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "io/half.h"
#include "io/safetensors.h"

static char path[] = "/tmp/r2rec-gguf-XXXXXX";

static void open_fixture(struct gguf *g, const char *root, const char *name) {
    struct err err;
    char file[512];

    if (gguf_open(g, fixture_path(file, sizeof file, root, "gguf", name, NULL), &err)) {
        fprintf(stderr, "%s\n", err.msg);
        exit(1);
    }
}

static float *read_all(const struct gguf *g, const char *name, size_t *n) {
    const struct gguf_tensor *t = gguf_tensor(g, name);
    float *x;

    CHECK(t);
    x = malloc(t->n * sizeof *x);
    gguf_read(t, 0, t->n, x);
    *n = t->n;
    return x;
}

/* Values of a type, at once and row by row. */
static void check_type(const char *root, const char *type) {
    char name[64], file[512];
    struct gguf g;
    const struct gguf_tensor *t;
    size_t n, want_n, row;
    float *x, *want;

    snprintf(name, sizeof name, "type_%s.gguf", type);
    open_fixture(&g, root, name);
    snprintf(name, sizeof name, "type_%s.npy", type);
    want = fixture_npy(fixture_path(file, sizeof file, root, "gguf", name, NULL), &want_n);
    x = read_all(&g, "w", &n);
    t = gguf_tensor(&g, "w");
    row = t->shape[1];
    CHECK(n == want_n && t->dims == 2 && t->shape[0] * row == n);
    CHECK(!strcmp(quant_info(t->type)->name, type));
    CHECK(!memcmp(x, want, n * sizeof *x));
    for (size_t i = t->shape[0]; i-- > 0;) {
        memset(x, 0, row * sizeof *x);
        gguf_read(t, i * row, row, x);
        CHECK(!memcmp(x, want + i * row, row * sizeof *x));
    }
    gguf_close(&g);
    free(x);
    free(want);
}

static void check_types(const char *root) {
    static const char *const types[] = { "F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0",
                                         "Q5_1", "Q4_K", "Q5_K", "Q6_K" };
    struct gguf g;
    size_t n;
    float *v;

    for (size_t i = 0; i < sizeof types / sizeof *types; i++) check_type(root, types[i]);
    open_fixture(&g, root, "type_Q5_1.gguf");
    v = read_all(&g, "v", &n);
    CHECK(n == 3 && v[0] == 1 && v[1] == -2.5f && v[2] == 3.25f && gguf_tensor(&g, "v")->dims == 1);
    CHECK(!gguf_tensor(&g, "x"));
    free(v);
    gguf_close(&g);
}

static void check_array(const struct gguf *g, const char *key, const json_t *want) {
    const struct gguf_value *v = gguf_find(g, key);
    struct err err;
    size_t n = v->n;
    const char **s = v->type == GGUF_STRING ? gguf_strings(g, key, &n, &err) : NULL;
    bool whole = v->type == GGUF_INT32 || v->type == GGUF_UINT64;
    int64_t *i = whole ? gguf_integers(g, key, &n, &err) : NULL;
    double *x = v->type == GGUF_FLOAT32 ? gguf_reals(g, key, &n, &err) : NULL;

    CHECK(v->array && n == json_array_size(want));
    for (size_t k = 0; k < n; k++) {
        const json_t *w = json_array_get(want, k);

        if (s) CHECK(!strcmp(s[k], json_string_value(w)));
        else if (i) CHECK(i[k] == json_integer_value(w));
        else if (x) CHECK(x[k] == json_number_value(w));
        else CHECK(v->type == GGUF_BOOL && v->data[k] == json_is_true(w));
    }
    free(s);
    free(i);
    free(x);
}

static void check_value(const struct gguf *g, const char *key, const char *type,
                        const json_t *want) {
    const struct gguf_value *v = gguf_find(g, key);
    struct err err;
    const char *s = "";
    int64_t i = 0;
    double x = 0;
    bool b = false;

    CHECK(v && !strcmp(type + (v->array ? strlen("ARRAY of ") : 0), gguf_type_name(v->type)));
    if (v->array) check_array(g, key, want);
    else if (json_is_string(want)) CHECK(!gguf_string(g, key, &s, &err));
    else if (json_is_integer(want)) CHECK(!gguf_integer(g, key, &i, &err));
    else if (json_is_real(want)) CHECK(!gguf_real(g, key, &x, &err));
    else CHECK(!gguf_bool(g, key, &b, &err));
    CHECK(!json_is_string(want) || !strcmp(s, json_string_value(want)));
    CHECK(i == json_integer_value(want) && x == json_real_value(want) && b == json_is_true(want));
}

static void check_tensors(const struct gguf *g, const json_t *list) {
    const json_t *obj;
    size_t i, n;

    json_array_foreach(list, i, obj) {
        const json_t *dims = json_object_get(obj, "dimensions_in_file");
        const char *name = json_string_value(json_object_get(obj, "name"));
        const struct gguf_tensor *t = gguf_tensor(g, name);
        float *x = read_all(g, name, &n);

        CHECK((size_t)t->dims == json_array_size(dims));
        for (int k = 0; k < t->dims; k++)
            CHECK((json_int_t)t->shape[k] ==
                  json_integer_value(json_array_get(dims, (size_t)(t->dims - 1 - k))));
        CHECK(t->data - (unsigned char *)g->map ==
              json_integer_value(json_object_get(obj, "offset_in_file")));
        for (size_t k = 0; k < n; k++) CHECK(x[k] == (float)k);
        free(x);
    }
}

static void check_metadata(const char *root) {
    char file[512];
    const char *listed = fixture_path(file, sizeof file, root, "gguf", "metadata.json", NULL);
    json_t *all = json_load_file(listed, 0, NULL);
    const json_t *obj;
    struct gguf g;
    size_t i;

    open_fixture(&g, root, "metadata.gguf");
    CHECK(g.version == 3 && g.alignment == 64 && g.n_values == 20 && g.n_tensors == 2);
    for (i = 1; i < g.n_values; i++) CHECK(strcmp(g.values[i - 1].key, g.values[i].key) < 0);
    json_array_foreach(json_object_get(all, "metadata"), i, obj)
        check_value(&g, json_string_value(json_object_get(obj, "key")),
                    json_string_value(json_object_get(obj, "type")), json_object_get(obj, "value"));
    check_tensors(&g, json_object_get(all, "tensors"));
    gguf_close(&g);
    json_decref(all);
}

/* What each getter says of a key that is missing or of another kind. */
static void check_kinds(const char *root) {
    struct gguf g;
    struct err err;
    const char *s;
    int64_t i;
    double x;
    bool b;
    size_t n;

    open_fixture(&g, root, "metadata.gguf");
#define SAYS(call, want) CHECK((call) && !strcmp(err.msg, want))
    SAYS(gguf_string(&g, "gone", &s, &err), "key gone is missing");
    SAYS(gguf_string(&g, "k.int8", &s, &err), "key k.int8 is INT8, not a string");
    SAYS(gguf_string(&g, "a.string", &s, &err),
         "key a.string is an array of STRING, not a string");
    SAYS(gguf_integer(&g, "k.float32", &i, &err), "key k.float32 is FLOAT32, not an integer");
    SAYS(gguf_integer(&g, "k.true", &i, &err), "key k.true is BOOL, not an integer");
    SAYS(gguf_real(&g, "k.uint8", &x, &err), "key k.uint8 is UINT8, not a real number");
    SAYS(gguf_bool(&g, "k.uint8", &b, &err), "key k.uint8 is UINT8, not a bool");
    SAYS(!gguf_strings(&g, "k.string", &n, &err),
         "key k.string is STRING, not an array of strings");
    SAYS(!gguf_integers(&g, "a.bool", &n, &err),
         "key a.bool is an array of BOOL, not an array of integers");
    SAYS(!gguf_reals(&g, "a.int32", &n, &err),
         "key a.int32 is an array of INT32, not an array of real numbers");
    gguf_close(&g);
}

/* A whole model: its vocabulary, and the matrix that no permutation touches. */
static void check_model(const char *root) {
    char file[512];
    struct gguf g;
    struct safetensors st;
    struct err err;
    const char **tokens;
    int64_t *types;
    size_t n, tokens_n, types_n;
    float *x, *want;

    open_fixture(&g, root, "llama-tiny-f32.gguf");
    fixture_path(file, sizeof file, root, "models", "llama-tiny", "model.safetensors");
    CHECK(!safetensors_open(&st, file, &err));
    x = read_all(&g, "token_embd.weight", &n);
    want = malloc(n * sizeof *want);
    safetensors_read(safetensors_find(&st, "model.embed_tokens.weight"), 0, n, want);
    CHECK(!memcmp(x, want, n * sizeof *x));
    tokens = gguf_strings(&g, "tokenizer.ggml.tokens", &tokens_n, &err);
    types = gguf_integers(&g, "tokenizer.ggml.token_type", &types_n, &err);
    CHECK(tokens && types && tokens_n == types_n);
    CHECK(tokens_n == gguf_tensor(&g, "token_embd.weight")->shape[0]);
    free(tokens);
    free(types);
    free(x);
    free(want);
    safetensors_close(&st);
    gguf_close(&g);
}

/* Written again, a fixture's tensor has the fixture's bytes: those of gguf-py. */
static void check_packed(const char *root, const char *name, size_t piece) {
    struct gguf f32, g, back;
    struct gguf_meta meta = { 0 };
    struct gguf_spec specs[2] = { { "w", 0, 2, { 5, 96 } }, { "v", QUANT_F32, 1, { 3 } } };
    struct gguf_writer w;
    struct err err;
    size_t n, m;
    float *x, *v;

    open_fixture(&f32, root, "type_F32.gguf");
    open_fixture(&g, root, name);
    x = read_all(&f32, "w", &n);
    v = read_all(&f32, "v", &m);
    specs[0].type = gguf_tensor(&g, "w")->type;
    gguf_put_string(&meta, "general.architecture", "test");
    CHECK(!gguf_begin(&w, path, &meta, specs, 2, &err));
    for (size_t i = 0; i < n; i += piece) gguf_add(&w, x + i, n - i < piece ? n - i : piece);
    gguf_add(&w, v, m);
    CHECK(!gguf_end(&w, &err));
    CHECK(!gguf_open(&back, path, &err));
    CHECK(back.size == g.size && !memcmp(back.map, g.map, g.size));
    gguf_close(&back);
    gguf_close(&g);
    gguf_close(&f32);
    gguf_meta_free(&meta);
    free(x);
    free(v);
}

static void check_written_values(void) {
    static const char *const words[] = { "", "\xc3\xa9t\xc3\xa9", "c" };
    static const int32_t ints[] = { INT32_MIN, -1, 7 };
    static const float reals[] = { 0.5f, -INFINITY };
    struct gguf_meta meta = { 0 };
    struct gguf_writer w;
    struct gguf g;
    struct err err;
    const char *s, **list;
    int64_t i, *is;
    double x, *xs;
    bool b;
    size_t n;

    gguf_put_string(&meta, "s", "text");
    gguf_put_uint32(&meta, "u", 4000000000u);
    gguf_put_float32(&meta, "f", 1e-5f);
    gguf_put_bool(&meta, "yes", true);
    gguf_put_bool(&meta, "no", false);
    gguf_put_strings(&meta, "words", words, 3);
    gguf_put_int32s(&meta, "ints", ints, 3);
    gguf_put_float32s(&meta, "reals", reals, 2);
    gguf_put_strings(&meta, "none", words, 0);
    CHECK(!gguf_begin(&w, path, &meta, NULL, 0, &err) && !gguf_end(&w, &err));
    CHECK(!gguf_open(&g, path, &err));
    CHECK(!gguf_string(&g, "s", &s, &err) && !strcmp(s, "text"));
    CHECK(!gguf_integer(&g, "u", &i, &err) && i == 4000000000);
    CHECK(!gguf_real(&g, "f", &x, &err) && x == 1e-5f);
    CHECK(!gguf_bool(&g, "yes", &b, &err) && b && !gguf_bool(&g, "no", &b, &err) && !b);
    list = gguf_strings(&g, "words", &n, &err);
    CHECK(n == 3 && !strcmp(list[0], "") && !strcmp(list[1], words[1]) && !strcmp(list[2], "c"));
    free(list);
    is = gguf_integers(&g, "ints", &n, &err);
    CHECK(n == 3 && is[0] == INT32_MIN && is[1] == -1 && is[2] == 7);
    free(is);
    xs = gguf_reals(&g, "reals", &n, &err);
    CHECK(n == 2 && xs[0] == 0.5 && xs[1] == -INFINITY);
    free(xs);
    list = gguf_strings(&g, "none", &n, &err);
    CHECK(list && !n);
    free(list);
    gguf_close(&g);
    gguf_meta_free(&meta);
}

/* The largest numbers that fit, and those that do not: the file is then gone. */
static void check_refused(void) {
    static const struct {
        enum quant_type type;
        float most, more;
    } rows[] = { { QUANT_F32, 3e38f, INFINITY },
                 { QUANT_F16, 65519.99f, -65520 },
                 { QUANT_BF16, 0x1.fe8p127f, 0x1.ffp127f },
                 { QUANT_Q8_0, 8321039.5f, 8321040 },
                 { QUANT_F16, 0, NAN } };
    struct gguf_meta meta = { 0 };
    struct gguf_spec spec = { "w", 0, 1, { 64 } };
    struct gguf_writer w;
    struct err err;
    char want[256];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        float x[64] = { [40] = rows[i].most };

        spec.type = rows[i].type;
        CHECK(!gguf_begin(&w, path, &meta, &spec, 1, &err));
        gguf_add(&w, x, 64);
        CHECK(!gguf_end(&w, &err));
        x[40] = rows[i].more;
        CHECK(!gguf_begin(&w, path, &meta, &spec, 1, &err));
        gguf_add(&w, x, 32);
        gguf_add(&w, x + 32, 32);
        snprintf(want, sizeof want, "%s: tensor w: a number is not finite or too large for %s",
                 path, quant_info(spec.type)->name);
        SAYS(gguf_end(&w, &err), want);
    }
    spec = (struct gguf_spec){ "w", QUANT_Q8_0, 2, { 32, 48 } };
    SAYS(gguf_begin(&w, path, &meta, &spec, 1, &err),
         "tensor w: rows of 48 are not whole blocks of Q8_0");
    CHECK(gguf_begin(&w, "/gone/x", &meta, &spec, 0, &err));
}

static void check_half(void) {
    uint16_t h;
    float x;

    for (unsigned bits = 0; bits < 65536; bits++) {
        h = (uint16_t)bits;
        x = half_widen(h);
        CHECK(half_narrow(x) == h || (isnan(x) && half_narrow(x) == (h | 0x200)));
        x = bf16_widen(h);
        CHECK(bf16_narrow(x) == h || (isnan(x) && bf16_narrow(x) == (h | 0x40)));
    }
    /* ties to even, subnormals, the border of infinity */
    CHECK(half_narrow(1 + 0x1p-11f) == 0x3c00 && half_narrow(1 + 0x3p-11f) == 0x3c02);
    CHECK(half_narrow(0x1p-25f) == 0 && half_narrow(0x1.8p-24f) == 2);
    CHECK(half_narrow(-0x1p-24f) == 0x8001);
    CHECK(half_narrow(65519.99f) == 0x7bff && half_narrow(65520) == 0x7c00);
    CHECK(bf16_narrow(1 + 0x1p-8f) == 0x3f80 && bf16_narrow(1 + 0x3p-8f) == 0x3f82);
    CHECK(bf16_narrow(0x1.ffp127f) == 0x7f80 && bf16_narrow(-0.0f) == 0x8000);
}

static int dump(const char *file) {
    struct gguf g;
    struct err err;
    size_t n;
    float *x;

    CHECK(!gguf_open(&g, file, &err));
    x = read_all(&g, "w", &n);
    CHECK(fwrite(x, sizeof *x, n, stdout) == n);
    free(x);
    gguf_close(&g);
    return 0;
}

static int pack(uint32_t type) {
    const struct quant_info *info = quant_info(type);
    float x[256];
    unsigned char bytes[sizeof x];
    size_t n;

    while ((n = fread(x, sizeof *x, 256, stdin)) > 0) {
        CHECK(!quant_write((enum quant_type)type, x, n, bytes));
        CHECK(fwrite(bytes, info->bytes, n / info->block, stdout) == n / info->block);
    }
    return 0;
}

int main(int argc, char **argv) {
    static const char *const packed[] = { "type_F32.gguf", "type_F16.gguf", "type_BF16.gguf",
                                          "type_Q8_0.gguf" };
    const char *root = argc > 1 ? argv[1] : "tests/fixtures";

    if (argc > 2) return strcmp(argv[1], "--read") ? pack((uint32_t)atoi(argv[2])) : dump(argv[2]);
    CHECK(!close(mkstemp(path)));
    check_types(root);
    check_metadata(root);
    check_kinds(root);
    check_model(root);
    for (size_t i = 0; i < 4; i++) {
        check_packed(root, packed[i], 480);
        check_packed(root, packed[i], 32);
    }
    check_written_values();
    check_refused();
    check_half();
    unlink(path);
    return 0;
}

/* safetensors — hostile files: each is refused with its own sentence, at once and with little memory; the
 * like of them that are well are read. */
#include "hostile.h"
#include "io/safetensors.h"

/* Files of a header and zeros behind it. */
#define T(name, type, shape, at) "\"" name "\":{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":" at "}"
#define A(shape, at) "{" T("a", "F32", shape, at) "}"
#define TEN "[[[[[[[[[["
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
static const struct {
    const char *header;
    size_t data;
    const char *want;           /* NULL: it is well */
} files[] = {
    { A("[2,2]", "[0,16]"), 16, NULL },
    { " {}", 0, "the header does not begin with '{'" },
    { "[]", 0, "the header does not begin with '{'" },
    { "", 0, "the header does not begin with '{'" },
    { "{}", 0, NULL },
    { "{}   ", 0, NULL },
    { "{}x", 0, "the header is not JSON behind its tensor none" },
    { "{", 0, "the header is not JSON behind its tensor none" },
    { "{}", 1, "bytes after the last tensor" },
    { "{\"\xff\":1}", 0, "the header is not UTF-8" },
    { "{\"\xed\xa0\x80\":1}", 0, "the header is not UTF-8" },
    { "{\"a\":1}", 0, "tensor a: not an object of JSON" },
    { "{\"a\":{}}", 0, "tensor a: dtype \"\" is not known" },
    { "{\"a\":" HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED, 0,
      "tensor a: not an object of JSON" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"x\":" HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED, 0,
      "tensor a: not an object of JSON" },
    { "{" T("a", "F32", "[1]", "[0,4]") "," T("a", "F32", "[1]", "[4,8]") "}", 8,
      "tensor a: the header names it twice" },
    { "{" T("a", "F32", "[1]", "[0,4]") "," T("\\u0061", "F32", "[1]", "[4,8]") "}", 8,
      "tensor a: the header names it twice" },
    { "{" T("a\\u0000b", "F32", "[1]", "[0,4]") "}", 4, "the header is not JSON behind its tensor none" },
    { "{" T("a\\nb", "F33", "[1]", "[0,4]") "}", 4, "tensor a?b: dtype \"F33\" is not known" },
    { "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
      "tensor a: not an object of JSON" },
    { "{\"a\":{\"dtype\":32,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "tensor a: dtype \"\" is not known" },
    { "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "tensor a: \"shape\" is missing or not an array" },
    { A("4", "[0,4]"), 4, "tensor a: \"shape\" is missing or not an array" },
    { A("[1,]", "[0,4]"), 4, "tensor a: not an object of JSON" },
    { A("[-1]", "[0,4]"), 4, "tensor a: \"shape\" holds a bad size" },
    { A("[1.0]", "[0,4]"), 4, "tensor a: \"shape\" holds a bad size" },
    { A("[1e0]", "[0,4]"), 4, "tensor a: \"shape\" holds a bad size" },
    { A("[\"1\"]", "[0,4]"), 4, "tensor a: \"shape\" holds a bad size" },
    { A("[18446744073709551617]", "[0,4]"), 4, "tensor a: \"shape\" holds a bad size" },
    { A("[4194305,4194305,211106198978564]", "[0,16]"), 16, "tensor a: \"shape\" holds a bad size" },
    { A("[4294967296,4294967296,0]", "[0,0]"), 0, "tensor a: \"shape\" holds a bad size" },
    { A("[4611686018427387905]", "[0,4]"), 4, "tensor a: its shape does not have 4 bytes" },
    { A("[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4, "tensor a: \"shape\" has more than 8 sizes" },
    { A("[1,1,1,1,1,1,1,1]", "[0,4]"), 4, NULL },
    { A("[2]", "[0,4]"), 4, "tensor a: its shape does not have 4 bytes" },
    { "{" T("a", "BF16", "[1]", "[0,4]") "}", 4, "tensor a: its shape does not have 4 bytes" },
    { A("[]", "[0,4]"), 4, NULL },
    { A("[1]", "[0,4,8]"), 8, "tensor a: \"data_offsets\" are not two places in the file" },
    { A("[1]", "[4]"), 4, "tensor a: \"data_offsets\" are not two places in the file" },
    { A("[1]", "[0,4.0]"), 4, "tensor a: \"data_offsets\" are not two places in the file" },
    { A("[1]", "[-4,0]"), 4, "tensor a: \"data_offsets\" are not two places in the file" },
    { A("[1]", "[4,0]"), 4, "tensor a: \"data_offsets\" are not two places in the file" },
    { A("[1]", "[0,4]"), 3, "tensor a: \"data_offsets\" are not two places in the file" },
    { A("[1]", "[18446744073709551612,0]"), 4, "tensor a: \"data_offsets\" are not two places in the file" },
    { A("[1]", "[4,8]"), 8, "tensor a: its bytes overlap others or leave a gap" },
    { A("[1]", "[0,4]"), 8, "bytes after the last tensor" },
    { "{" T("a", "F32", "[2]", "[0,8]") "," T("b", "F32", "[2]", "[4,12]") "}", 12,
      "tensor b: its bytes overlap others or leave a gap" },
    { "{" T("a", "F32", "[1]", "[0,4]") "," T("b", "F32", "[1]", "[8,12]") "}", 12,
      "tensor b: its bytes overlap others or leave a gap" },
    { "{" T("a", "F32", "[1]", "[0,4]") "," T("b", "F32", "[1]", "[0,4]") "}", 4,
      "tensor b: its bytes overlap others or leave a gap" },
    { "{" T("b", "F32", "[1]", "[4,8]") "," T("a", "F32", "[0]", "[4,4]") "," T("c", "F32", "[0,9]", "[4,4]") ","
      T("d", "F32", "[1]", "[0,4]") "}", 8, NULL },
    { "{" T("a", "F32", "[0]", "[2,2]") "," T("d", "F32", "[1]", "[0,4]") "}", 4,
      "tensor a: its bytes overlap others or leave a gap" },
    { "{\"__metadata__\":{\"k\":\"v\",\"e\":\"\"}}", 0, NULL },
    { "{\"__metadata__\":{\"k\":1}}", 0, "\"__metadata__\" is not an object of texts" },
    { "{\"__metadata__\":[]}", 0, "\"__metadata__\" is not an object of texts" },
    { "{\"__metadata__\":{\"k\":\"v\"}, \"__metadata__\":{}}", 0, "\"__metadata__\" is there twice" },
};

static const struct {
    const char *bytes;
    size_t n;
    const char *want;
} raw[] = {
    { "", 0, "too short for a safetensors file" },
    { "\2\0\0\0\0\0\0", 7, "too short for a safetensors file" },
    { "\2\0\0\0\0\0\0\0", 8, "the header's length of 2 bytes is beyond the file" },
    { "\0\0\0\0\0\0\0\0{}", 10, "the header does not begin with '{'" },
    { "\3\0\0\0\0\0\0\0{}", 10, "the header's length of 3 bytes is beyond the file" },
    { "\0\xe1\xf5\5\0\0\0\0{}", 10, "the header's length of 100000000 bytes is beyond the file" },
    { "\1\xe1\xf5\5\0\0\0\0{}", 10, "the header's length of 100000001 bytes is beyond the file" },
    { "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10, "the header's length of 18446744073709551615 bytes is beyond the file" },
    { "\xf8\xff\xff\xff\xff\xff\xff\x7f{}", 10, "the header's length of 9223372036854775800 bytes is beyond the file" },
    { "\3\0\0\0\0\0\0\0{\0}", 11, "the header is not JSON behind its tensor none" },
};

/* Parses a copy of just these bytes, and reads what it holds. */
static void check_file(const char *what, const void *bytes, size_t n, const char *want) {
    struct safetensors st;
    struct err err = { "" };
    double start = now();
    char *copy = malloc(n ? n : 1);
    int r;

    memcpy(copy, bytes, n);
    r = safetensors_open_memory(&st, copy, n, &err);
    CHECK(now() - start < MAX_MS);
    check_sentence(what, r, err.msg, want);
    for (size_t i = 0; !r && i < st.n; i++) CHECK(safetensors_find(&st, st.tensors[i].name) == &st.tensors[i]);
    if (!r) safetensors_close(&st);
    free(copy);
}

static void check_files(void) {
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t n = strlen(files[i].header);
        char *bytes = calloc(8 + n + files[i].data, 1);

        for (int k = 0; k < 8; k++) bytes[k] = (char)(n >> 8 * k);
        memcpy(bytes + 8, files[i].header, n);
        check_file(files[i].header, bytes, 8 + n + files[i].data, files[i].want);
        free(bytes);
    }
    for (size_t i = 0; i < sizeof raw / sizeof *raw; i++) check_file("raw", raw[i].bytes, raw[i].n, raw[i].want);
}

int main(void) {
    check_files();
    check_rss();
    return 0;
}

/* bpe_json — pieces of a tokenizer.json. */
#include "text/bpe_json.h"

#include <string.h>

#include "text/bpe_own.h"

json_t *bpe_added_json(int id, const char *content, bool special) {
    return json_pack("{s:i, s:s, s:b, s:b, s:b, s:b, s:b}", "id", id, "content", content,
                     "single_word", 0, "lstrip", 0, "rstrip", 0, "normalized", 0, "special",
                     special);
}

static json_t *byte_level(bool prefix, bool regex) {
    return json_pack("{s:s, s:b, s:b, s:b}", "type", "ByteLevel", "add_prefix_space", prefix,
                     "trim_offsets", 1, "use_regex", regex);
}

static json_t *step_json(const char *step) {
    if (!strcmp(step, bpe_digit_pattern))
        return json_pack("{s:s, s:b}", "type", "Digits", "individual_digits", 1);
    return json_pack("{s:s, s:{s:s}, s:s, s:b}", "type", "Split", "pattern", "Regex", step,
                     "behavior", "Isolated", "invert", 0);
}

json_t *bpe_pre_json(const char *const *steps) {
    json_t *list = json_array();
    bool gpt2;

    while (steps[0] && (steps[1] || strcmp(*steps, bpe_gpt2_pattern)))
        json_array_append_new(list, step_json(*steps++));
    gpt2 = *steps;
    json_array_append_new(list, byte_level(false, gpt2));
    if (json_array_size(list) > 1)
        return json_pack("{s:s, s:o}", "type", "Sequence", "pretokenizers", list);
    json_decref(list);
    return byte_level(false, gpt2);
}

/* A pre-tokenizer that is being read. */
struct reading {
    const char **steps;
    int n;
    bool *space;
    bool bytes;             /* ByteLevel was reached: it comes last */
};

static int add_step(struct reading *r, const char *step, struct err *err) {
    if (r->n == PRE_STEPS)
        return err_set(err, "the pre-tokenizer has more than %d steps", PRE_STEPS);
    r->steps[r->n++] = step;
    r->steps[r->n] = NULL;
    return 0;
}

static int split_step(struct reading *r, const json_t *pre, struct err *err) {
    const json_t *pattern = json_object_get(pre, "pattern");
    const char *regex = json_string_value(json_object_get(pattern, "Regex"));
    const char *behavior = json_string_value(json_object_get(pre, "behavior"));

    if (!regex || !behavior || strcmp(behavior, "Isolated") ||
        json_is_true(json_object_get(pre, "invert")))
        return err_set(err, "the pre-tokenizer splits in a way that is not supported: a Regex, "
                            "Isolated, is");
    return add_step(r, regex, err);
}

static int byte_step(struct reading *r, const json_t *pre, struct err *err) {
    r->bytes = true;
    if (json_is_true(json_object_get(pre, "add_prefix_space"))) {
        if (r->n || !r->space)
            return err_set(err, "the pre-tokenizer adds a blank in a place that is not supported");
        *r->space = true;
    }
    if (json_is_false(json_object_get(pre, "use_regex"))) return 0;
    return add_step(r, bpe_gpt2_pattern, err);
}

static int read_step(struct reading *r, const json_t *pre, struct err *err) {
    const char *type = json_string_value(json_object_get(pre, "type"));
    const json_t *list = json_object_get(pre, "pretokenizers");

    if (!type) type = "?";
    if (!strcmp(type, "Sequence")) {
        for (size_t i = 0; i < json_array_size(list); i++)
            if (read_step(r, json_array_get(list, i), err)) return -1;
        return 0;
    }
    if (r->bytes)
        return err_set(err, "the pre-tokenizer goes on behind ByteLevel, which is not supported");
    if (!strcmp(type, "Split")) return split_step(r, pre, err);
    if (!strcmp(type, "ByteLevel")) return byte_step(r, pre, err);
    if (!strcmp(type, "Digits") && json_is_true(json_object_get(pre, "individual_digits")))
        return add_step(r, bpe_digit_pattern, err);
    if (!strcmp(type, "Digits")) return add_step(r, bpe_number_pattern, err);
    return err_set(err, "the pre-tokenizer is of a kind that is not supported: %s", type);
}

int bpe_pre_steps(const json_t *pre, const char **steps, bool *space, struct err *err) {
    struct reading r = { .steps = steps, .space = space };

    *steps = NULL;
    if (read_step(&r, pre, err)) return -1;
    return r.bytes ? 0 : err_set(err, "the pre-tokenizer is not ByteLevel");
}

json_t *bpe_tokenizer_json(json_t *vocab, json_t *merges, json_t *added, json_t *pre) {
    json_t *model = json_pack("{s:s, s:n, s:n, s:n, s:n, s:b, s:b, s:o, s:o}", "type", "BPE",
                              "dropout", "unk_token", "continuing_subword_prefix",
                              "end_of_word_suffix", "fuse_unk", 0, "byte_fallback", 0, "vocab",
                              vocab, "merges", merges);

    return json_pack("{s:s, s:n, s:n, s:o, s:n, s:o, s:n, s:o, s:o}", "version", "1.0",
                     "truncation", "padding", "added_tokens", added, "normalizer",
                     "pre_tokenizer", pre, "post_processor", "decoder", byte_level(true, true),
                     "model", model);
}

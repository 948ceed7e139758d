/* config — any JSON as a config.json: refused with a sentence, or what is written of it reads back
 * the same, and its angles are numbers. And as PEFT's adapter_config.json of a small model. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "model/config.h"
#include "model/lora_impl.h"
#include "model/rope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rope(const struct config *c) {
    struct rope rope = { 0 };

    rope_reach(&rope, c, 2);
    for (int i = 0; i < 2 * rope.half; i++)
        if (!(fabs((double)rope.cosine[i]) <= 1 && fabs((double)rope.sine[i]) <= 1)) abort();
    rope_free(&rope);
}

static void check_config(const json_t *obj) {
    struct config c, again;
    struct err err = { "" };
    json_t *a, *b;

    if (config_read(&c, obj, &err)) {
        if (!*err.msg) abort();
        return;
    }
    a = config_json(&c);
    if (!a || config_read(&again, a, &err)) abort();
    b = config_json(&again);
    if (!json_equal(a, b)) abort();
    json_decref(a);
    json_decref(b);
    check_rope(&c);
    if (c.layers < 100) model_fits(&c, sizeof(real), &err);
}

static void check_adapter(const json_t *obj) {
    struct config c = config_default(ARCH_LLAMA);
    struct err err = { "" };
    struct lora *l = NULL;
    struct model *m;

    c.vocab = c.hidden = c.intermediate = 4;
    c.layers = c.heads = c.kv_heads = 1;
    c.head_dim = 4;
    m = model_new(&c);
    if (lora_read_config(m, obj, &l, &err) && !*err.msg) abort();
    lora_free(l);
    model_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const size_t flags = JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES;
    json_t *obj = json_loadb((const char *)data, size, flags, NULL);

    if (json_is_object(obj)) {
        check_config(obj);
        check_adapter(obj);
    }
    json_decref(obj);
    return 0;
}

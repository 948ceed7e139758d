/* config — hostile config.json: each is refused with a sentence that names the key; what the makers of models
 * publish is read, in both spellings. */
#include "hostile.h"
#include "model/config.h"
#include "model/model.h"

static const char tiny[] =
    "{\"model_type\":\"llama\",\"vocab_size\":600,\"hidden_size\":64,\"num_hidden_layers\":2,\"num_attention_heads\":4,"
    "\"intermediate_size\":172,\"rope_theta\":10000.0}";

#define SIZE(name) "\"" name "\" is not a whole number from 1 to 16777216"
#define NO_NUMBER(name) "\"" name "\" is missing or not a number"
#define EACH_SIZE(name) \
    { "{\"" name "\":0}", SIZE(name) }, { "{\"" name "\":-1}", SIZE(name) }, { "{\"" name "\":2.5}", SIZE(name) }, \
    { "{\"" name "\":16777217}", SIZE(name) }, { "{\"" name "\":1e300}", SIZE(name) }, \
    { "{\"" name "\":\"64\"}", NO_NUMBER(name) }, { "{\"" name "\":[64]}", NO_NUMBER(name) }, \
    { "{\"" name "\":true}", NO_NUMBER(name) }
#define LLAMA3 "\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":1,\"high_freq_factor\":4"

/* What is changed of the object above; null takes a member away. */
static const struct {
    const char *change, *want;
} configs[] = {
    EACH_SIZE("vocab_size"), EACH_SIZE("hidden_size"), EACH_SIZE("num_hidden_layers"),
    EACH_SIZE("num_attention_heads"), EACH_SIZE("intermediate_size"), EACH_SIZE("num_key_value_heads"),
    EACH_SIZE("head_dim"), EACH_SIZE("max_position_embeddings"),
    { "{\"vocab_size\":null}", NO_NUMBER("vocab_size") },
    { "{\"hidden_size\":null}", NO_NUMBER("hidden_size") },
    { "{\"num_hidden_layers\":null}", NO_NUMBER("num_hidden_layers") },
    { "{\"num_attention_heads\":null}", NO_NUMBER("num_attention_heads") },
    { "{\"intermediate_size\":null}", NO_NUMBER("intermediate_size") },
    { "{\"num_key_value_heads\":null,\"head_dim\":null,\"max_position_embeddings\":null}", NULL },
    { "{\"vocab_size\":600.0}", NULL },
    { "{\"num_key_value_heads\":3}", "num_attention_heads 4 is not a multiple of num_key_value_heads 3" },
    { "{\"num_key_value_heads\":8}", "num_attention_heads 4 is not a multiple of num_key_value_heads 8" },
    { "{\"num_attention_heads\":3}", "hidden_size 64 is not a multiple of num_attention_heads 3" },
    { "{\"num_attention_heads\":128}", "hidden_size 64 is not a multiple of num_attention_heads 128" },
    { "{\"num_attention_heads\":64}", "head_dim 1 is odd" },
    { "{\"head_dim\":15}", "head_dim 15 is odd" },
    { "{\"head_dim\":258}", "head_dim is 258, not from 1 to 256" },
    { "{\"head_dim\":128}", NULL },
    { "{\"num_attention_heads\":2048,\"head_dim\":2}", "num_attention_heads is 2048, not from 1 to 1024" },
    { "{\"num_hidden_layers\":10001}", "num_hidden_layers is 10001, not from 1 to 10000" },
    { "{\"hidden_size\":16777216,\"vocab_size\":16777216,\"head_dim\":32}",
      "a matrix of this model has more than 1e12 numbers" },
    { "{\"rms_norm_eps\":0}", "rms_norm_eps is not between 0 and 1" },
    { "{\"rms_norm_eps\":\"1e-5\"}", NO_NUMBER("rms_norm_eps") },
    { "{\"rope_theta\":0.5}", "rope_theta is not from 1 to 1e12" },
    { "{\"rope_theta\":-10000}", "rope_theta is not from 1 to 1e12" },
    { "{\"rope_theta\":\"big\"}", NO_NUMBER("rope_theta") },
    { "{\"rope_theta\":null}", NULL },
    { "{\"rope_scaling\":\"llama3\"}", "\"rope_scaling\" is missing or not an object" },
    { "{\"rope_parameters\":[]}", "\"rope_parameters\" is missing or not an object" },
    { "{\"rope_parameters\":{}}", NULL },
    { "{\"rope_parameters\":{\"rope_theta\":10000,\"rope_type\":\"default\"}}", NULL },
    { "{\"rope_parameters\":{\"rope_theta\":500000,\"rope_type\":\"default\"}}",
      "rope_theta is 10000 and, in rope_parameters, 500000" },
    { "{\"rope_scaling\":{" LLAMA3 ",\"original_max_position_embeddings\":64},\"rope_parameters\":{" LLAMA3
      ",\"original_max_position_embeddings\":64}}", NULL },
    { "{\"rope_scaling\":{" LLAMA3 ",\"original_max_position_embeddings\":64},\"rope_parameters\":{" LLAMA3
      ",\"original_max_position_embeddings\":65}}", "rope_scaling and rope_parameters are not the same" },
    { "{\"rope_scaling\":{" LLAMA3 ",\"original_max_position_embeddings\":64},\"rope_parameters\":{}}",
      "rope_scaling and rope_parameters are not the same" },
    { "{\"rope_scaling\":{" LLAMA3 "}}", NO_NUMBER("original_max_position_embeddings") },
    { "{\"rope_scaling\":{" LLAMA3 ",\"original_max_position_embeddings\":0}}",
      SIZE("original_max_position_embeddings") },
    { "{\"rope_scaling\":{\"rope_type\":\"llama3\"}}", NO_NUMBER("factor") },
    { "{\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":0.5,\"low_freq_factor\":1,\"high_freq_factor\":4,"
      "\"original_max_position_embeddings\":64}}", "the factors of the llama3 rope scaling are out of range" },
    { "{\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":2,\"low_freq_factor\":4,\"high_freq_factor\":4,"
      "\"original_max_position_embeddings\":64}}", "the factors of the llama3 rope scaling are out of range" },
    { "{\"rope_scaling\":{\"type\":\"linear\",\"factor\":2}}", "rope type \"linear\" is not supported" },
    { "{\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":4}}", "rope type \"yarn\" is not supported" },
    { "{\"rope_parameters\":{\"rope_type\":\"dynamic\",\"factor\":4}}", "rope type \"dynamic\" is not supported" },
    { "{\"rope_scaling\":{\"type\":\"yarn\",\"rope_type\":\"default\"}}", "the rope type is \"default\" and \"yarn\"" },
    { "{\"rope_scaling\":{\"factor\":2}}", "a rope factor without a rope type" },
    { "{\"rope_scaling\":{\"rope_type\":3}}", "\"rope_type\" is missing or not a string" },
    { "{\"rope_parameters\":{\"full_attention\":{\"rope_theta\":1e6}}}",
      "rope_parameters by kind of layer are not supported" },
    { "{\"partial_rotary_factor\":0.5}", "partial_rotary_factor 0.5 is not supported" },
    { "{\"rope_parameters\":{\"partial_rotary_factor\":0.25}}", "partial_rotary_factor 0.25 is not supported" },
    { "{\"partial_rotary_factor\":1.0}", NULL },
    { "{\"use_sliding_window\":true}", "use_sliding_window: sliding-window attention is not supported" },
    { "{\"model_type\":\"qwen2\",\"use_sliding_window\":true,\"sliding_window\":32768}",
      "use_sliding_window: sliding-window attention is not supported" },
    { "{\"model_type\":\"qwen2\",\"sliding_window\":32768}", NULL },
    { "{\"sliding_window\":4096}", "sliding_window: sliding-window attention is not supported" },
    { "{\"sliding_window\":4096,\"use_sliding_window\":false}", NULL },
    { "{\"layer_types\":[\"full_attention\",\"sliding_attention\"]}", "layer_types: layer 1 is not \"full_attention\"" },
    { "{\"layer_types\":[\"full_attention\"]}", "layer_types has 1 entries, num_hidden_layers is 2" },
    { "{\"layer_types\":\"full_attention\"}", "\"layer_types\" is missing or not an array" },
    { "{\"layer_types\":[\"full_attention\",7]}", "layer_types: layer 1 is not \"full_attention\"" },
    { "{\"quantization_config\":{\"bits\":4}}", "quantization_config: a quantised checkpoint is not supported" },
    { "{\"attention_bias\":true}", "attention_bias: a bias in attention is not supported" },
    { "{\"attention_bias\":\"yes\"}", "attention_bias: a bias in attention is not supported" },
    { "{\"model_type\":\"qwen3\",\"attention_bias\":true}", "attention_bias: a bias in attention is not supported" },
    { "{\"model_type\":\"qwen2\",\"attention_bias\":true}", NULL },
    { "{\"mlp_bias\":true}", "mlp_bias: a bias in the MLP is not supported" },
    { "{\"num_experts\":128}", "num_experts: a mixture of experts is not supported" },
    { "{\"num_local_experts\":8}", "num_local_experts: a mixture of experts is not supported" },
    { "{\"n_routed_experts\":64}", "n_routed_experts: a mixture of experts is not supported" },
    { "{\"hidden_act\":\"gelu\"}", "hidden_act \"gelu\" is not supported" },
    { "{\"hidden_act\":1}", "\"hidden_act\" is missing or not a string" },
    { "{\"pretraining_tp\":2}", NULL },         /* a way of cutting the same sums */
    { "{\"tie_word_embeddings\":1}", "\"tie_word_embeddings\" is neither true nor false" },
    { "{\"eos_token_id\":600}", "eos_token_id 600 is beyond the vocabulary of 600" },
    { "{\"eos_token_id\":\"</s>\"}", "\"eos_token_id\" is not a token id" },
    { "{\"eos_token_id\":[1,null]}", "\"eos_token_id\" is not a token id" },
    { "{\"eos_token_id\":[1,2,3,4,5,6,7,8,9]}", "more than 8 eos_token_id" },
    { "{\"bos_token_id\":9223372036854775807}", "bos_token_id 9223372036854775807 is beyond the vocabulary of 600" },
    { "{\"pad_token_id\":-2}", "\"pad_token_id\" is not a token id" },
    { "{\"pad_token_id\":-1,\"eos_token_id\":[]}", NULL },
    { "{\"model_type\":null}", "\"model_type\" is missing or not a string" },
    { "{\"model_type\":\"mistral\"}", "model_type \"mistral\" is not supported (llama, qwen2, qwen3 are)" },
    { "{\"model_type\":\"qwen3_moe\"}", "model_type \"qwen3_moe\" is not supported (llama, qwen2, qwen3 are)" },
    { "{\"model_type\":\"gemma2\"}", "model_type \"gemma2\" is not supported (llama, qwen2, qwen3 are)" },
};

static void check_configs(void) {
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        json_t *obj = json_loads(tiny, 0, NULL), *change = json_loads(configs[i].change, 0, NULL);
        double start = now();
        struct config c;
        struct err err;

        CHECK(obj && change);
        json_object_update(obj, change);
        check_sentence(configs[i].change, config_read(&c, obj, &err), err.msg, configs[i].want);
        CHECK(now() - start < MAX_MS);
        json_decref(obj);
        json_decref(change);
    }
}

/* Models of the world as their makers publish them, and what they are known to have. */
static const struct {
    const char *text;
    size_t parameters;
    double theta, eps;
    int kv_heads, head_dim, eos;
} known[] = {
    { "{\"architectures\":[\"LlamaForCausalLM\"],\"attention_bias\":false,\"attention_dropout\":0.0,\"bos_token_id\":128000,"
      "\"eos_token_id\":128001,\"head_dim\":64,\"hidden_act\":\"silu\",\"hidden_size\":2048,\"initializer_range\":0.02,"
      "\"intermediate_size\":8192,\"max_position_embeddings\":131072,\"mlp_bias\":false,\"model_type\":\"llama\","
      "\"num_attention_heads\":32,\"num_hidden_layers\":16,\"num_key_value_heads\":8,\"pretraining_tp\":1,"
      "\"rms_norm_eps\":1e-05,\"rope_scaling\":{\"factor\":32.0,\"high_freq_factor\":4.0,\"low_freq_factor\":1.0,"
      "\"original_max_position_embeddings\":8192,\"rope_type\":\"llama3\"},\"rope_theta\":500000.0,"
      "\"tie_word_embeddings\":true,\"torch_dtype\":\"bfloat16\",\"transformers_version\":\"4.45.0.dev0\","
      "\"use_cache\":true,\"vocab_size\":128256}", 1235814400, 500000, 1e-5, 8, 64, 128001 },    /* Llama-3.2-1B */
    { "{\"architectures\":[\"Qwen2ForCausalLM\"],\"attention_dropout\":0.0,\"bos_token_id\":151643,\"eos_token_id\":151643,"
      "\"hidden_act\":\"silu\",\"hidden_size\":896,\"initializer_range\":0.02,\"intermediate_size\":4864,"
      "\"max_position_embeddings\":32768,\"max_window_layers\":24,\"model_type\":\"qwen2\",\"num_attention_heads\":14,"
      "\"num_hidden_layers\":24,\"num_key_value_heads\":2,\"rms_norm_eps\":1e-06,\"rope_theta\":1000000.0,"
      "\"sliding_window\":32768,\"tie_word_embeddings\":true,\"torch_dtype\":\"bfloat16\",\"use_cache\":true,"
      "\"use_mrope\":false,\"use_sliding_window\":false,\"vocab_size\":151936}",
      494032768, 1e6, 1e-6, 2, 64, 151643 },                                                    /* Qwen2.5-0.5B */
    { "{\"architectures\":[\"Qwen3ForCausalLM\"],\"attention_bias\":false,\"attention_dropout\":0.0,\"bos_token_id\":151643,"
      "\"eos_token_id\":151645,\"head_dim\":128,\"hidden_act\":\"silu\",\"hidden_size\":1024,\"initializer_range\":0.02,"
      "\"intermediate_size\":3072,\"max_position_embeddings\":40960,\"max_window_layers\":28,\"model_type\":\"qwen3\","
      "\"num_attention_heads\":16,\"num_hidden_layers\":28,\"num_key_value_heads\":8,\"rms_norm_eps\":1e-06,"
      "\"rope_scaling\":null,\"rope_theta\":1000000,\"sliding_window\":null,\"tie_word_embeddings\":true,"
      "\"torch_dtype\":\"bfloat16\",\"use_cache\":true,\"use_sliding_window\":false,\"vocab_size\":151936}",
      596049920, 1e6, 1e-6, 8, 128, 151645 },                                                   /* Qwen3-0.6B */
    { "{\"architectures\":[\"LlamaForCausalLM\"],\"attention_bias\":false,\"attention_dropout\":0.0,\"bos_token_id\":0,"
      "\"eos_token_id\":0,\"hidden_act\":\"silu\",\"hidden_size\":576,\"initializer_range\":0.041666666666666664,"
      "\"intermediate_size\":1536,\"is_llama_config\":true,\"max_position_embeddings\":8192,\"model_type\":\"llama\","
      "\"num_attention_heads\":9,\"num_hidden_layers\":30,\"num_key_value_heads\":3,\"pretraining_tp\":1,"
      "\"quantization_config\":null,\"head_dim\":null,\"rms_norm_eps\":1e-05,\"rope_interleaved\":false,"
      "\"rope_scaling\":null,\"rope_theta\":100000,\"tie_word_embeddings\":true,\"torch_dtype\":\"bfloat16\","
      "\"use_cache\":true,\"vocab_size\":49152}", 134515008, 100000, 1e-5, 3, 64, 0 },          /* SmolLM2-135M */
};

/* rope_theta and rope_scaling become the one object of transformers 5. */
static void spell_anew(json_t *obj) {
    json_t *rope = json_object(), *old = json_object_get(obj, "rope_scaling");

    json_object_update(rope, json_is_object(old) ? old : rope);
    json_object_set(rope, "rope_theta", json_object_get(obj, "rope_theta"));
    json_object_set_new(obj, "rope_parameters", rope);
    json_object_del(obj, "rope_theta");
    json_object_del(obj, "rope_scaling");
}

static void check_known(void) {
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        json_t *obj = json_loads(known[i].text, 0, NULL), *a, *b;
        struct config c, d;
        struct model *m;
        struct err err;

        CHECK(obj);
        check_sentence(known[i].text, config_read(&c, obj, &err), err.msg, NULL);
        m = model_layout(&c);
        CHECK(m->p.n_params == known[i].parameters);
        model_free(m);
        CHECK(c.rope_theta == known[i].theta && c.norm_eps == known[i].eps && c.kv_heads == known[i].kv_heads);
        CHECK(c.head_dim == known[i].head_dim && c.n_eos == 1 && c.eos[0] == known[i].eos && c.tied);
        CHECK((c.scaling.factor == 32) == (i == 0));
        spell_anew(obj);
        check_sentence("anew", config_read(&d, obj, &err), err.msg, NULL);
        a = config_json(&c);
        b = config_json(&d);
        CHECK(json_equal(a, b));
        check_sentence("ours", config_read(&d, a, &err), err.msg, NULL);
        json_decref(obj);
        json_decref(a);
        json_decref(b);
    }
}

/* Each size within its bounds, and far more than there is: refused before anything is allocated. */
static void check_memory(void) {
    struct config c = config_default(ARCH_QWEN3);
    struct err err;
    double need, have;
    size_t n;

    c.vocab = c.hidden = 1000000;
    c.layers = 10000;
    c.heads = c.kv_heads = 1024;
    c.head_dim = 256;
    c.intermediate = 1000000;
    CHECK(!config_check(&c, &err));
    CHECK(model_fits(&c, 4, &err) && sscanf(err.msg, "%zu parameters take %lf MiB, %lf MiB are free", &n, &need,
                                            &have) == 3);
    CHECK(n == 2000001000000 + 10000 * (2000000 + 4 * 262144000000 + 512 + 3000000000000));
    CHECK_NEAR(need * 1048576 / 4, (double)n, 1e6);
    CHECK(have > 0 && have < need);
}

int main(void) {
    check_configs();
    check_known();
    check_memory();
    check_rss();
    return 0;
}

/* bpe_files — load and save. */
#define _GNU_SOURCE
#include "text/bpe_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/mem.h"
#include "io/jsonl.h"

char *bpe_files_path(const char *path) {
    struct stat st;
    char *file;

    if (stat(path, &st) || !S_ISDIR(st.st_mode)) return mem_strdup(path);
    if (asprintf(&file, "%s/tokenizer.json", path) < 0) abort();
    return file;
}

/* The path of a file beside `file`; free() it. */
static char *beside(const char *file, const char *name) {
    const char *slash = strrchr(file, '/');
    char *path;

    if (asprintf(&path, "%.*s%s", slash ? (int)(slash - file) + 1 : 0, file, name) < 0) abort();
    return path;
}

static json_t *load_config(const char *file, struct err *err) {
    char *path = beside(file, "tokenizer_config.json");
    struct stat st;
    json_t *config = stat(path, &st) && errno == ENOENT ? json_object() : jsonl_load(path, err);

    free(path);
    return config;
}

/* chat_template.jinja, where it is there, comes before the configuration's. */
static void load_template(json_t *config, const char *file) {
    char *path = beside(file, "chat_template.jinja"), part[4096];
    FILE *f = fopen(path, "rb");
    struct buf b = { 0 };
    size_t n;

    free(path);
    if (!f) return;
    while ((n = fread(part, 1, sizeof part, f)) > 0) buf_add(&b, part, n);
    fclose(f);
    json_object_set_new(config, "chat_template", json_string(buf_text(&b)));
    buf_free(&b);
}

int bpe_files_load(struct bpe_files *f, const char *path, struct err *err) {
    char *file = bpe_files_path(path);

    *f = (struct bpe_files){ .tokenizer = jsonl_load(file, err) };
    if (f->tokenizer) f->config = load_config(file, err);
    if (f->config) load_template(f->config, file);
    else bpe_files_free(f);
    free(file);
    return f->config ? 0 : -1;
}

int bpe_files_save(const struct bpe_files *f, const char *dir, struct err *err) {
    return jsonl_save(f->tokenizer, dir, "tokenizer.json", false, err) ||
           jsonl_save(f->config, dir, "tokenizer_config.json", false, err) ? -1 : 0;
}

void bpe_files_free(struct bpe_files *f) {
    json_decref(f->tokenizer);
    json_decref(f->config);
    *f = (struct bpe_files){ 0 };
}

const char *bpe_files_token(const struct bpe_files *f, const char *role) {
    const json_t *token = json_object_get(f->config, role);

    return json_string_value(json_is_object(token) ? json_object_get(token, "content") : token);
}

const char *bpe_files_template(const struct bpe_files *f) {
    const json_t *field = json_object_get(f->config, "chat_template"), *found = field, *entry;
    size_t i;

    json_array_foreach(field, i, entry) {           /* of named ones the one named "default" */
        const char *name = json_string_value(json_object_get(entry, "name"));

        if (name && !strcmp(name, "default")) found = json_object_get(entry, "template");
    }
    return json_string_value(found);
}

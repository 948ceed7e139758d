/* bpe_files — the files of a tokenizer as they are: tokenizer.json, and tokenizer_config.json with
 * the chat template, whichever file holds that. */
#ifndef TEXT_BPE_FILES_H
#define TEXT_BPE_FILES_H

#include <jansson.h>

#include "base/err.h"

/* Zero-initialised: no tokenizer. */
struct bpe_files {
    json_t *tokenizer;
    json_t *config;             /* an object, empty where there is no such file */
};

/* The tokenizer.json that a path names, itself or the folder around it; free() it. */
char *bpe_files_path(const char *path);

/* Reads a tokenizer.json and what lies beside it, unchecked. Returns 0, or -1 with a sentence that
 * names the file. */
int bpe_files_load(struct bpe_files *f, const char *path, struct err *err);

/* Writes both files into a folder. 0 or -1. */
int bpe_files_save(const struct bpe_files *f, const char *dir, struct err *err);

void bpe_files_free(struct bpe_files *f);

/* A token that the configuration names ("eos_token"), and the chat template; or NULL. Borrowed. */
const char *bpe_files_token(const struct bpe_files *f, const char *role);
const char *bpe_files_template(const struct bpe_files *f);

#endif

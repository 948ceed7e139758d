/* bpe_gguf_own — what both directions of bpe_gguf share. Private to lib/text. */
#ifndef TEXT_BPE_GGUF_OWN_H
#define TEXT_BPE_GGUF_OWN_H

#include "text/bpe_own.h"

/* Kinds of tokens (gguf-py, constants.py, TokenType). */
enum {
    TOKEN_UNDEFINED, TOKEN_NORMAL, TOKEN_UNKNOWN, TOKEN_CONTROL, TOKEN_USER_DEFINED, TOKEN_UNUSED,
    TOKEN_BYTE
};

/* A pre-tokenizer and what llama.cpp takes its name to say. */
struct gguf_pre {
    const char *names[9];               /* NULL behind the last; the first is the one to write */
    const char *steps[PRE_STEPS + 1];   /* expressions, as in bpe_pre_json */
    bool nfc, ignore_merges;
    bool add_bos;                       /* unless the file says otherwise */
};

extern const struct gguf_pre gguf_pres[];
extern const int gguf_n_pres;

/* Keys of the token of each role, and the field of tokenizer_config.json. */
struct gguf_role {
    const char *key, *field;
};
enum { GGUF_ROLES = BPE_ROLES + 1 };    /* and the unknown token's */
extern const struct gguf_role gguf_roles[GGUF_ROLES];

#endif

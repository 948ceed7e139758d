/* checkpoint — everything that a run needs to go on: a model directory, the moments of AdamW, and a
 * state of its own, in one step folder. The state's "optimizer_step" is AdamW's count of steps. */
#ifndef TRAIN_CHECKPOINT_H
#define TRAIN_CHECKPOINT_H

#include <jansson.h>

#include "base/err.h"
#include "model/model.h"
#include "text/bpe.h"
#include "train/adamw.h"
#include "train/rundir.h"

/* Writes step `step` of the run: the model or its adapter (model_save), the tokenizer's files copied from the
 * model directory `base`, exp_avg.safetensors, exp_avg_sq.safetensors, state.json. Returns 0 or -1. */
int checkpoint_save(const struct rundir *r, long step, const struct model *m, const struct adamw *a,
                    const char *base, json_t *state, struct err *err);

/* Reads the moments and the state (a new reference) of the run's last step into `a`, whose blocks are
 * there. Returns 0 or -1. */
int checkpoint_load(const struct rundir *r, const struct model *m, struct adamw *a, json_t **state,
                    struct err *err);

/* Copies a file, complete or not at all; one that is absent is no error. Returns 0 or -1. */
int checkpoint_copy_file(const char *from, const char *to, struct err *err);

/* The folder with a model directory's tokenizer: itself, or the base of an adapter that has none, as peft saves it;
 * free() it. NULL with a sentence. */
char *checkpoint_tokenizer_folder(const char *dir, struct err *err);

/* Reads the tokenizer there; bpe_free. NULL with a sentence. */
struct bpe *checkpoint_tokenizer(const char *dir, struct err *err);

/* Copies the tokenizer's files that are there into the folder `to`. Returns 0 or -1. */
int checkpoint_copy_tokenizer(const char *dir, const char *to, struct err *err);

/* Compares the options of two runs. Returns 0, or -1 with a sentence that names the first to differ. */
int checkpoint_same_options(const json_t *then, const json_t *now, struct err *err);

#endif

/* atomic — output files complete or absent: write beside the target, fsync, rename, fsync the folder. */
#ifndef IO_ATOMIC_H
#define IO_ATOMIC_H

#include <stdio.h>

#include "base/err.h"

struct atomic_file {
    FILE *f;                /* write here */
    char *path, *tmp;       /* the target, and the file beside it */
};

/* Opens a temporary file beside `path`, which is absent or a regular file: a device is not replaced,
 * and neither is a symbolic link, but what it points to.
 * Returns 0, or -1 with a sentence that names the path. */
int atomic_open(struct atomic_file *a, const char *path, struct err *err);

/* Puts the file in its place. Returns 0, or -1 with the temporary file removed and the old one kept. */
int atomic_commit(struct atomic_file *a, struct err *err);

/* Removes the temporary file; the old one is kept. Nothing happens after atomic_commit. */
void atomic_abort(struct atomic_file *a);

/* fsync of a folder, so that a rename in it survives a power cut. Returns 0 or -1. */
int atomic_sync_dir(const char *dir, struct err *err);

/* Makes `link` point at `target` (a relative name) in one step. Returns 0 or -1. */
int atomic_symlink(const char *target, const char *link, struct err *err);

#endif

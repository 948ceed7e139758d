/* map — a whole regular file as memory that is read. */
#ifndef IO_MAP_H
#define IO_MAP_H

#include <stddef.h>

#include "base/err.h"

/* The file's *size bytes, or NULL with a sentence that begins with the path. */
void *map_open(const char *path, size_t *size, struct err *err);

/* Nothing happens to NULL. */
void map_close(void *map, size_t size);

#endif

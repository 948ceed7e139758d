/* map — a whole regular file as memory that is read. */
#ifndef IO_MAP_H
#define IO_MAP_H

#include <stddef.h>

#include "base/err.h"

/* The file's *size bytes, or NULL with a sentence that begins with the path. */
void *map_open(const char *path, size_t *size, struct err *err);

/* Gives back the memory of n bytes of a map that have been read, whole pages of it; reading them again
 * reads the file again. Nothing happens where `map` is NULL. */
void map_drop(const void *map, const void *bytes, size_t n);

/* Lets the map be written, too, page by page in copies of our own. 0 or -1. */
int map_own(void *map, size_t size);

/* Nothing happens to NULL. */
void map_close(void *map, size_t size);

#endif

/* cache — answers kept in a folder by their questions, each in a file of its own, complete or absent. */
#ifndef IO_CACHE_H
#define IO_CACHE_H

#include <jansson.h>

#include "base/err.h"

/* Makes the folder if need be. Returns 0 or -1. */
int cache_open(const char *dir, struct err *err);

/* The answer to the question, a new reference; NULL: there is none, or its file is damaged. */
json_t *cache_find(const char *dir, const char *question);

/* Keeps it. Returns 0 or -1. */
int cache_keep(const char *dir, const char *question, json_t *answer, struct err *err);

#endif

/* utf8 — is it UTF-8, and Latin-1 made into it. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Whether n bytes are UTF-8 as RFC 3629 has it: shortest forms, no surrogates, at most U+10FFFF. */
bool utf8_valid(const char *s, size_t n);

/* Adds n bytes of ISO 8859-1 to `out` as UTF-8. */
void utf8_from_latin1(struct buf *out, const char *s, size_t n);

/* Adds one character; U+FFFD for what is none (surrogates, beyond U+10FFFF). */
void utf8_add(struct buf *out, unsigned long c);

#endif

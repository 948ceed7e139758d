/* lines — lines of text, of any length, from a plain or a gzip file, as UTF-8. */
#ifndef IO_LINES_H
#define IO_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

struct lines {
    const char *name;       /* of the file; "-" is stdin */
    size_t line;            /* number of the line last read, from 1; 0: none yet */
    bool latin1;            /* every line is Latin-1, rather than those only that are not UTF-8 */
    bool converted;         /* some line was taken for Latin-1 */
    void *gz;               /* zlib's gzFile, which reads plain files as they are */
    char *chunk;
    size_t at, end;         /* what is left of the chunk */
    char *s;                /* the line last read, n bytes: in the chunk or in one of the two: */
    size_t n;
    struct buf raw, text;   /* a line that goes beyond its chunk; one that was converted */
    bool held;              /* lines_back: the next line is the last one again */
};

/* Opens a file; `name` is borrowed. Returns 0, or -1 with a sentence without the name. */
int lines_open(struct lines *in, const char *name, bool latin1, struct err *err);

/* Reads a line, without its end (\n or \r\n) and, in the first, without a byte order mark. *text,
 * of n bytes and a zero byte, may be written into and lives until the next call. Returns 1, 0 at
 * the end, -1 on a failed read, damaged gzip data, or a zero byte in the line. */
int lines_next(struct lines *in, char **text, size_t *n, struct err *err);

/* Gives the last line back: lines_next returns it again. It must not have been written into. */
void lines_back(struct lines *in);

/* Closes. Nothing happens to a struct of zeros. */
void lines_close(struct lines *in);

#endif

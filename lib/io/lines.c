/* lines — zlib's gzread in chunks, cut at the ends of lines. */
#define _GNU_SOURCE
#include "io/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/mem.h"
#include "base/utf8.h"

enum { CHUNK = 1 << 17 };

int lines_open(struct lines *in, const char *name, bool latin1, struct err *err) {
    *in = (struct lines){ .name = name, .latin1 = latin1 };
    errno = 0;
    if (strcmp(name, "-")) {
        in->gz = gzopen(name, "rbe");
    } else {
        int fd = dup(STDIN_FILENO);     /* gzclose closes what it reads */

        in->gz = fd < 0 ? NULL : gzdopen(fd, "rb");
        if (fd >= 0 && !in->gz) close(fd);
    }
    if (!in->gz) return err_set(err, "%s", errno ? strerror(errno) : "out of memory");
    gzbuffer(in->gz, CHUNK / 2);    /* a smaller one than ours: a plain file is read straight into the chunk */
    in->chunk = mem_alloc(CHUNK, 1);
    return 0;
}

/* Returns 1, 0 at the end, -1. */
static int fill(struct lines *in, struct err *err) {
    int n = gzread(in->gz, in->chunk, CHUNK), code;
    const char *message = gzerror(in->gz, &code);

    if (n < 0 || (n == 0 && code == Z_BUF_ERROR)) {
        if (code == Z_ERRNO) return err_set(err, "%s", strerror(errno));
        return err_set(err, "damaged gzip data: %s", code == Z_BUF_ERROR ? "cut off" : message);
    }
    in->at = 0;
    in->end = (size_t)n;
    return n > 0;
}

/* The next line as it is in the file. Returns 1, 0, -1. */
static int next_raw(struct lines *in, struct err *err) {
    char *end = NULL;

    buf_clear(&in->raw);
    while (!end) {
        char *from;
        int r;

        if (in->at == in->end && (r = fill(in, err)) <= 0) {
            if (r || !in->raw.n) return r;
            break;
        }
        from = in->chunk + in->at;
        end = memchr(from, '\n', in->end - in->at);
        in->n = (size_t)((end ? end : in->chunk + in->end) - from);
        in->at += in->n + (end != NULL);
        if (end && !in->raw.n) {
            *end = 0;
            in->s = from;
            return 1;
        }
        buf_add(&in->raw, from, in->n);
    }
    in->s = in->raw.s;
    in->n = in->raw.n;
    return 1;
}

int lines_next(struct lines *in, char **text, size_t *n, struct err *err) {
    if (!in->held) {
        int r = next_raw(in, err);

        if (r <= 0) return r;
        in->line++;
        if (memchr(in->s, 0, in->n)) return err_set(err, "a zero byte: this is not text");
        while (in->n && in->s[in->n - 1] == '\r') in->s[--in->n] = 0;
        if ((in->latin1 && in->n) || !utf8_valid(in->s, in->n)) {
            buf_clear(&in->text);
            utf8_from_latin1(&in->text, in->s, in->n);
            in->s = in->text.s;
            in->n = in->text.n;
            in->converted = true;
        } else if (in->line == 1 && in->n >= 3 && !memcmp(in->s, "\xef\xbb\xbf", 3)) {
            in->s += 3;
            in->n -= 3;
        }
    }
    in->held = false;
    *text = in->s;
    *n = in->n;
    return 1;
}

void lines_back(struct lines *in) {
    in->held = true;
}

void lines_close(struct lines *in) {
    if (in->gz) gzclose(in->gz);
    free(in->chunk);
    buf_free(&in->raw);
    buf_free(&in->text);
    *in = (struct lines){ 0 };
}

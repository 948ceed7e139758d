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
    gzbuffer(in->gz, CHUNK);
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

/* The next line as it is in the file, in in->raw. Returns 1, 0, -1. */
static int next_raw(struct lines *in, struct err *err) {
    buf_clear(&in->raw);
    for (;;) {
        const char *from, *end;
        int r;

        if (in->at == in->end && (r = fill(in, err)) <= 0) return r ? r : in->raw.n > 0;
        from = in->chunk + in->at;
        end = memchr(from, '\n', in->end - in->at);
        if (end) {
            buf_add(&in->raw, from, (size_t)(end - from));
            in->at = (size_t)(end + 1 - in->chunk);
            return 1;
        }
        buf_add(&in->raw, from, in->end - in->at);
        in->at = in->end;
    }
}

int lines_next(struct lines *in, char **text, size_t *n, struct err *err) {
    bool bom;
    size_t length;
    int r;

    if (!in->held) {
        if ((r = next_raw(in, err)) <= 0) return r;
        in->line++;
        length = in->raw.n;
        if (memchr(in->raw.s, 0, length)) return err_set(err, "a zero byte: this is not text");
        while (length && in->raw.s[length - 1] == '\r') length--;
        bom = in->line == 1 && length >= 3 && !memcmp(in->raw.s, "\xef\xbb\xbf", 3);
        buf_clear(&in->text);
        if (in->latin1 || !utf8_valid(in->raw.s, length)) {
            utf8_from_latin1(&in->text, in->raw.s, length);
            in->converted = true;
        } else {
            buf_add(&in->text, in->raw.s + 3 * bom, length - (size_t)(3 * bom));
        }
    }
    in->held = false;
    *text = in->text.s;
    *n = in->text.n;
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

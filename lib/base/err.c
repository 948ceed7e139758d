/* err — one sentence a failure. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

/* Names from files may hold anything: no control character of theirs reaches a terminal. */
static void make_plain(char *s) {
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f) *s = '?';
}

int err_set(struct err *err, const char *fmt, ...) {
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    va_end(ap);
    make_plain(err->msg);
    return -1;
}

int err_prefix(struct err *err, const char *fmt, ...) {
    char prefix[sizeof err->msg / 2];
    struct err old = *err;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(prefix, sizeof prefix, fmt, ap);
    va_end(ap);
    /* The compiler warns that two long sentences may not fit; they are cut, as promised. */
    if (snprintf(err->msg, sizeof err->msg, "%s: %s", prefix, old.msg) < 0) err->msg[0] = 0;
    make_plain(err->msg);
    return -1;
}

/* err — how a failure travels from lib/ to main().
 *
 * A function that can meet bad data or a failed read returns -1 and leaves one sentence in *err,
 * without program name or newline. Only main() prints, and only main() chooses the exit status. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

struct err {
    char msg[512];
};

/* Formats the sentence, cut to fit, '?' for control characters. Always returns -1. */
int err_set(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Puts "prefix: " in front of the sentence that is there. Always returns -1. */
int err_prefix(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif

/* http — POSTs of JSON to one address, several at a time, tried again where that may help.
 *
 * Tried again, with waits that double from `backoff` on and vary by chance: 408, 429 and 5xx, replies that
 * are cut off or that the caller does not accept, timeouts, connections that fail. Retry-After is kept to.
 * Nothing is redirected, so the key goes nowhere else, and no sentence ever holds it. */
#ifndef IO_HTTP_H
#define IO_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct http_options {
    const char *url;        /* http or https */
    const char *key;        /* sent as "Authorization: Bearer KEY"; NULL: none */
    double timeout;         /* seconds that a try may take */
    double backoff;         /* seconds before the first retry */
    long retries;
};

/* Whether a reply of n bytes (and a zero byte) is what was hoped for; else a sentence. */
typedef int http_accept(const char *body, size_t n, struct err *err);

struct http_reply {
    void *tag;              /* of http_post */
    char *body;             /* free() it; NULL when it failed */
    size_t n;
    long tries;
    struct err err;         /* why it failed */
};

struct http;

/* The options' strings are borrowed. NULL with a sentence: not an address. */
struct http *http_new(const struct http_options *o, http_accept *accept, struct err *err);
void http_free(struct http *h);

/* Sends a copy of the body as soon as http_wait is called. */
void http_post(struct http *h, const char *body, void *tag);

/* Waits until a post is answered, or given up. Returns false when there is none under way. */
bool http_wait(struct http *h, struct http_reply *reply);

#endif

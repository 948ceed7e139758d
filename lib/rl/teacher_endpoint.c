/* teacher_endpoint — chat completions over HTTP. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "io/http.h"
#include "rl/teacher_own.h"

enum { KEY_MAX = 4096 };

struct endpoint {
    struct http_options o;
    struct buf url;
    char key[KEY_MAX];
    struct http *http;
};

/* The first line of the file, of printable characters. */
static int read_key(char key[KEY_MAX], const char *file, struct err *err) {
    FILE *f;
    size_t n;

    errno = 0;
    f = fopen(file, "re");
    if (!f || !fgets(key, KEY_MAX, f)) {
        err_set(err, "%s: %s", file, errno ? strerror(errno) : "no key");
        if (f) fclose(f);
        return -1;
    }
    fclose(f);
    n = strcspn(key, "\r\n");
    key[n] = 0;
    for (const char *p = key; *p; p++)
        if (*p < 0x21 || *p > 0x7e) return err_set(err, "%s: a key has no blanks nor special characters", file);
    return n && n < KEY_MAX - 2 ? 0 : err_set(err, "%s: %s", file, n ? "too long for a key" : "no key");
}

static int accept_reply(const char *body, size_t n, struct err *err) {
    json_t *answer = teacher_read(body, n, err);

    json_decref(answer);
    return answer ? 0 : -1;
}

static void endpoint_free(void *state) {
    struct endpoint *e = state;

    http_free(e->http);
    buf_free(&e->url);
    free(e);
}

void *teacher_endpoint_new(const struct teacher_options *o, struct err *err) {
    static const char path[] = "/chat/completions";
    struct endpoint *e = mem_calloc(1, sizeof *e);
    size_t n = strlen(o->endpoint), k = strlen(path);

    while (n && o->endpoint[n - 1] == '/') n--;
    buf_add(&e->url, o->endpoint, n);
    if (n < k || strncmp(o->endpoint + n - k, path, k)) buf_puts(&e->url, path);
    e->o = (struct http_options){ .url = buf_text(&e->url), .timeout = o->timeout, .backoff = o->backoff,
                                  .retries = o->retries };
    if (!o->key_file || !read_key(e->key, o->key_file, err)) {
        if (o->key_file) e->o.key = e->key;
        if ((e->http = http_new(&e->o, accept_reply, err))) return e;
    }
    endpoint_free(e);
    return NULL;
}

static void endpoint_ask(void *state, struct question *q) {
    http_post(((struct endpoint *)state)->http, q->text, q);
}

static struct question *endpoint_wait(void *state, long *again) {
    struct http_reply reply;
    struct question *q;

    http_wait(((struct endpoint *)state)->http, &reply);
    q = reply.tag;
    *again += reply.tries - 1;
    if (reply.body) q->answer = teacher_read(reply.body, reply.n, &q->err);
    else q->err = reply.err;
    if (!q->answer) err_prefix(&q->err, "the endpoint");
    free(reply.body);
    return q;
}

const struct teacher_kind teacher_endpoint = { endpoint_ask, endpoint_wait, endpoint_free };

/* http — libcurl's multi interface; a post waits, runs, and waits again or is done. */
#define _GNU_SOURCE
#include "io/http.h"

#include <curl/curl.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/progress.h"
#include "base/rng.h"
#include "base/version.h"

enum { BODY_MAX = 16 << 20, WAIT_MAX = 60, ASKED_WAIT_MAX = 3600 };

struct post {
    struct post *next;
    void *tag;
    char *request;
    CURL *easy;             /* NULL: waits until `due` */
    struct buf body;
    bool too_long;
    double due;
    long tries;
    struct err err;         /* of the last try */
};

struct http {
    const struct http_options *o;
    http_accept *accept;
    CURLM *multi;
    struct curl_slist *headers;
    struct post *posts;     /* under way */
    struct rng rng;
};

struct http *http_new(const struct http_options *o, http_accept *accept, struct err *err) {
    struct http *h;

    if (strncmp(o->url, "http://", 7) && strncmp(o->url, "https://", 8)) {
        err_set(err, "'%s' is not an address with http:// or https://", o->url);
        return NULL;
    }
    h = mem_calloc(1, sizeof *h);
    h->o = o;
    h->accept = accept;
    h->rng = rng_start((uint64_t)getpid(), "backoff", NULL);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    h->multi = curl_multi_init();
    h->headers = curl_slist_append(NULL, "Content-Type: application/json");
    h->headers = curl_slist_append(h->headers, "Expect:");
    if (o->key) {
        struct buf line = { 0 };

        buf_printf(&line, "Authorization: Bearer %s", o->key);
        h->headers = curl_slist_append(h->headers, buf_text(&line));
        buf_free(&line);
    }
    return h;
}

static void free_post(struct http *h, struct post *p) {
    if (p->easy) {
        curl_multi_remove_handle(h->multi, p->easy);
        curl_easy_cleanup(p->easy);
    }
    buf_free(&p->body);
    free(p->request);
    free(p);
}

void http_free(struct http *h) {
    if (!h) return;
    while (h->posts) {
        struct post *p = h->posts;

        h->posts = p->next;
        free_post(h, p);
    }
    curl_multi_cleanup(h->multi);
    curl_slist_free_all(h->headers);
    curl_global_cleanup();
    free(h);
}

void http_post(struct http *h, const char *body, void *tag) {
    struct post *p = mem_calloc(1, sizeof *p), **end = &h->posts;

    p->tag = tag;
    p->request = mem_strdup(body);
    while (*end) end = &(*end)->next;
    *end = p;
}

static size_t take_bytes(char *bytes, size_t size, size_t n, void *post) {
    struct post *p = post;

    p->too_long = size * n > BODY_MAX - p->body.n;
    if (p->too_long) return 0;
    buf_add(&p->body, bytes, size * n);
    return size * n;
}

/* Not with CURLOPT_NOSIGNAL: then libcurl would leave the SIGPIPE of a TLS connection that broke to kill us. */
static void begin(struct http *h, struct post *p) {
    CURL *e = curl_easy_init();

    if (!e) abort();
    p->easy = e;
    p->tries++;
    buf_clear(&p->body);
    curl_easy_setopt(e, CURLOPT_URL, h->o->url);
    curl_easy_setopt(e, CURLOPT_POSTFIELDS, p->request);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, h->headers);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "r2rec/" R2REC_VERSION);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)ceil(h->o->timeout * 1000));
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, p);
    curl_easy_setopt(e, CURLOPT_PRIVATE, p);
    if (curl_multi_add_handle(h->multi, e)) abort();
}

/* What the server says in the body of an error: {"error":{"message":"..."}} or {"error":"..."}. */
static void add_message(struct err *err, const struct post *p) {
    json_t *body = json_loadb(buf_text(&p->body), p->body.n, 0, NULL);
    const json_t *error = json_object_get(body, "error"), *message = json_object_get(error, "message");
    const char *text = json_string_value(message ? message : error);
    struct err status = *err;

    if (text) err_set(err, "%s: %s", status.msg, text);
    json_decref(body);
}

/* Takes the key out of what a server or library said. */
static void hide_key(struct err *err, const char *key) {
    struct buf text = { 0 };
    const char *from = err->msg;

    if (!key) return;
    for (const char *p; (p = strstr(from, key)); from = p + strlen(key)) {
        buf_add(&text, from, (size_t)(p - from));
        buf_puts(&text, "***");
    }
    buf_puts(&text, from);
    err_set(err, "%s", buf_text(&text));
    buf_free(&text);
}

/* Whether curl's own failure may be a passing one. */
static bool passing(CURLcode code) {
    return code != CURLE_URL_MALFORMAT && code != CURLE_UNSUPPORTED_PROTOCOL &&
           code != CURLE_PEER_FAILED_VERIFICATION && code != CURLE_SSL_CACERT_BADFILE;
}

enum outcome { GOOD, AGAIN, HOPELESS };

/* Judges a finished try; leaves a sentence unless it is good. *wait: the seconds that the server asks for. */
static enum outcome judge(struct http *h, struct post *p, CURLcode code, double *wait) {
    curl_off_t after = 0;
    long status = 0;

    curl_easy_getinfo(p->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(p->easy, CURLINFO_RETRY_AFTER, &after);
    if (p->too_long) {
        err_set(&p->err, "a reply of more than %d MiB", BODY_MAX >> 20);
        return HOPELESS;
    }
    if (code) {
        err_set(&p->err, "%s", curl_easy_strerror(code));
        return passing(code) ? AGAIN : HOPELESS;
    }
    if (status >= 200 && status < 300) return h->accept(buf_text(&p->body), p->body.n, &p->err) ? AGAIN : GOOD;
    err_set(&p->err, "HTTP status %ld", status);
    add_message(&p->err, p);
    *wait = (double)after;
    return status == 408 || status == 429 || status >= 500 ? AGAIN : HOPELESS;
}

/* Ends a try. Returns whether the post is done; else it waits for its next try. */
static bool end_try(struct http *h, struct post *p, CURLcode code) {
    double wait = 0, own = h->o->backoff * exp2((double)p->tries - 1);
    enum outcome outcome = judge(h, p, code, &wait);
    struct err why = p->err;

    curl_multi_remove_handle(h->multi, p->easy);
    curl_easy_cleanup(p->easy);
    p->easy = NULL;
    if (outcome == GOOD) return true;
    if (outcome == AGAIN && wait > ASKED_WAIT_MAX) err_set(&p->err, "%s; it asks to wait %.0f seconds", why.msg, wait);
    else if (outcome == AGAIN && p->tries > h->o->retries) err_set(&p->err, "%s, tried %ld times", why.msg, p->tries);
    else if (outcome == AGAIN) {
        p->due = progress_clock() + fmax(wait, fmin(own, WAIT_MAX) * (0.5 + rng_real(&h->rng)));
        return false;
    }
    hide_key(&p->err, h->o->key);
    buf_free(&p->body);
    return true;
}

static void unlink_post(struct http *h, const struct post *p) {
    struct post **at = &h->posts;

    while (*at != p) at = &(*at)->next;
    *at = p->next;
}

static void begin_due(struct http *h) {
    double now = progress_clock();

    for (struct post *p = h->posts; p; p = p->next)
        if (!p->easy && p->due <= now) begin(h, p);
}

/* Milliseconds until a post is due, 1000 at most. */
static int idle_time(const struct http *h) {
    double now = progress_clock(), next = now + 1;

    for (const struct post *p = h->posts; p; p = p->next)
        if (!p->easy) next = fmin(next, fmax(p->due, now));
    return (int)ceil((next - now) * 1000);
}

/* The next post that is done, or NULL. */
static struct post *next_done(struct http *h) {
    CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(h->multi, &left))) {
        char *post = NULL;

        if (m->msg != CURLMSG_DONE) continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &post);
        if (end_try(h, (struct post *)(void *)post, m->data.result)) return (struct post *)(void *)post;
    }
    return NULL;
}

bool http_wait(struct http *h, struct http_reply *reply) {
    struct post *p = NULL;

    while (h->posts) {
        int running;

        begin_due(h);
        curl_multi_perform(h->multi, &running);
        if ((p = next_done(h))) break;
        curl_multi_poll(h->multi, NULL, 0, idle_time(h), NULL);
    }
    if (!p) return false;
    unlink_post(h, p);
    *reply = (struct http_reply){ .tag = p->tag, .body = p->body.s, .n = p->body.n, .tries = p->tries, .err = p->err };
    p->body = (struct buf){ 0 };
    free_post(h, p);
    return true;
}

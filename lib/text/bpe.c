/* bpe — encode and decode.
 *
 * text → added tokens apart → valid UTF-8 apart → NFC → words (bpe_pre) → cache, or merging by rank */
#include "text/bpe.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"
#include "text/bpe_own.h"

static uint64_t hash_of(const char *s, size_t n) {
    struct hash h = hash_start();

    hash_bytes(&h, s, n);
    return hash_value(&h);
}

int32_t bpe_find(const struct vocabulary *v, const char *bytes, size_t n) {
    for (size_t i = hash_of(bytes, n) & (v->table.size - 1);; i = (i + 1) & (v->table.size - 1)) {
        int32_t id = v->table.id[i];

        if (id < 0 || (v->pieces[id].n == n && !memcmp(v->pieces[id].bytes, bytes, n))) return id;
    }
}

const struct merge *bpe_find_merge(const struct vocabulary *v, int32_t left, int32_t right) {
    uint64_t key = rng_bits((uint64_t)(uint32_t)left, (uint64_t)(uint32_t)right, 0);

    for (size_t i = key & (v->merges_size - 1);; i = (i + 1) & (v->merges_size - 1)) {
        const struct merge *m = &v->merges[i];

        if (m->left < 0) return NULL;
        if (m->left == left && m->right == right) return m;
    }
}

void bpe_push(struct bpe_ids *ids, int32_t id) {
    ids->id = mem_grow(ids->id, ids->n, &ids->cap, sizeof *ids->id);
    ids->id[ids->n++] = id;
}

/* A symbol of a word that is being merged: a doubly linked list. */
struct symbol {
    int32_t id;             /* -1: swallowed by its left neighbour */
    int prev, next;
};

/* A merge that may be done; stale when the symbols have changed since. */
struct choice {
    int32_t rank, id;
    int left;
    int32_t left_id, right_id;
};

struct heap {
    struct choice *c;
    size_t n, cap;
};

/* The lower rank first, then the place further left. */
static bool earlier(const struct choice *a, const struct choice *b) {
    return a->rank != b->rank ? a->rank < b->rank : a->left < b->left;
}

static void heap_push(struct heap *h, struct choice c) {
    size_t i;

    h->c = mem_grow(h->c, h->n, &h->cap, sizeof *h->c);
    for (i = h->n++; i && earlier(&c, &h->c[(i - 1) / 2]); i = (i - 1) / 2) h->c[i] = h->c[(i - 1) / 2];
    h->c[i] = c;
}

static struct choice heap_pop(struct heap *h) {
    struct choice top = h->c[0], last = h->c[--h->n];
    size_t i = 0, k;

    while ((k = 2 * i + 1) < h->n) {
        if (k + 1 < h->n && earlier(&h->c[k + 1], &h->c[k])) k++;
        if (!earlier(&h->c[k], &last)) break;
        h->c[i] = h->c[k];
        i = k;
    }
    h->c[i] = last;
    return top;
}

static void offer(struct heap *h, const struct vocabulary *v, const struct symbol *s, int left) {
    const struct merge *m;

    if (left < 0 || s[left].next < 0) return;
    m = bpe_find_merge(v, s[left].id, s[s[left].next].id);
    if (m) heap_push(h, (struct choice){ m->rank, m->id, left, s[left].id, s[s[left].next].id });
}

/* The bytes of a word; one that the vocabulary lacks is left out, as `tokenizers` does without an unknown
 * token. Returns their number. */
static int spell(const struct vocabulary *v, const char *s, size_t n, struct symbol *sym) {
    int k = 0;

    for (size_t i = 0; i < n; i++) {
        int32_t id = v->byte_id[(unsigned char)s[i]];

        if (id < 0) continue;
        sym[k] = (struct symbol){ id, k - 1, k + 1 };
        k++;
    }
    if (k) sym[k - 1].next = -1;
    return k;
}

/* Joins the pair of the lowest rank until none is left. */
static void merge_word(const struct vocabulary *v, const char *s, size_t n, struct bpe_ids *ids) {
    struct symbol *sym = mem_alloc(n, sizeof *sym);
    struct heap h = { 0 };
    int len = spell(v, s, n, sym);

    for (int i = 0; i < len; i++) offer(&h, v, sym, i);
    while (h.n) {
        struct choice c = heap_pop(&h);
        struct symbol *l = &sym[c.left];
        int r = l->next;

        if (l->id != c.left_id || r < 0 || sym[r].id != c.right_id) continue;
        l->id = c.id;
        l->next = sym[r].next;
        if (l->next >= 0) sym[l->next].prev = c.left;
        sym[r].id = -1;
        offer(&h, v, sym, l->prev);
        offer(&h, v, sym, c.left);
    }
    for (int i = len ? 0 : -1; i >= 0; i = sym[i].next) bpe_push(ids, sym[i].id);
    free(sym);
    free(h.c);
}

static void encode_new(const struct vocabulary *v, const char *s, size_t n, struct bpe_ids *ids) {
    int32_t whole = v->ignore_merges ? bpe_find(v, s, n) : -1;

    if (whole >= 0) bpe_push(ids, whole);
    else merge_word(v, s, n, ids);
}

/* Remembers the ids of a word, in place of what hashed there before. */
static void remember(struct cache_entry *e, uint64_t hash, const char *s, size_t n, const int32_t *ids,
                     size_t n_ids) {
    free(e->bytes);
    free(e->ids);
    *e = (struct cache_entry){ hash, mem_alloc(n, 1), mem_alloc(n_ids, sizeof *ids), (uint32_t)n,
                               (uint32_t)n_ids };
    memcpy(e->bytes, s, n);
    memcpy(e->ids, ids, n_ids * sizeof *ids);
}

struct encoding {
    struct bpe *t;
    struct bpe_ids *ids;
};

static void encode_word(void *ctx, const char *s, size_t n) {
    struct encoding *x = ctx;
    uint64_t hash = hash_of(s, n);
    struct cache_entry *e = &x->t->cache[hash & (CACHE_SIZE - 1)];
    size_t before = x->ids->n;

    if (e->bytes && e->hash == hash && e->n_bytes == n && !memcmp(e->bytes, s, n)) {
        for (uint32_t i = 0; i < e->n_ids; i++) bpe_push(x->ids, e->ids[i]);
        return;
    }
    encode_new(x->t->v, s, n, x->ids);
    if (n <= CACHE_WORD) remember(e, hash, s, n, x->ids->id + before, x->ids->n - before);
}

static bool ascii(const char *s, size_t n) {
    while (n && (unsigned char)s[n - 1] < 0x80) n--;
    return !n;
}

/* Valid UTF-8 between two added tokens. */
static void encode_valid(struct encoding *x, const char *s, size_t n) {
    const struct vocabulary *v = x->t->v;
    struct buf nfc = { 0 };

    if (!n) return;
    if (v->nfc && !ascii(s, n)) {
        bpe_nfc(s, n, &nfc);
        s = nfc.s;
        n = nfc.n;
    }
    bpe_split(v->steps, v->n_steps, x->t->match, s, n, encode_word, x);
    buf_free(&nfc);
}

/* Text between two added tokens: bytes that are not UTF-8 stand alone. */
static void encode_text(struct encoding *x, const char *s, size_t n) {
    const char *end = s + n, *from = s;
    int len;

    for (; s < end; s += len) {
        if (bpe_char(s, end, &len) >= 0) continue;
        encode_valid(x, from, (size_t)(s - from));
        if (x->t->v->byte_id[(unsigned char)*s] >= 0) bpe_push(x->ids, x->t->v->byte_id[(unsigned char)*s]);
        from = s + 1;
    }
    encode_valid(x, from, (size_t)(end - from));
}

/* The added token that begins at s, or -1. */
static int32_t added_at(const struct vocabulary *v, const char *s, size_t n, bool special) {
    if (!v->starts[(unsigned char)*s]) return -1;
    for (int k = 0; k < v->n_added; k++) {
        const struct piece *p = &v->pieces[v->added[k]];

        if (p->n <= n && (special || !p->special) && !memcmp(s, p->bytes, p->n)) return v->added[k];
    }
    return -1;
}

void bpe_encode(struct bpe *t, const char *text, size_t n, bool special, struct bpe_ids *ids) {
    struct encoding x = { t, ids };
    size_t from = 0, at = 0;

    while (at < n) {
        int32_t id = added_at(t->v, text + at, n - at, special);

        if (id < 0) {
            at++;
            continue;
        }
        encode_text(&x, text + from, at - from);
        bpe_push(ids, id);
        from = at += t->v->pieces[id].n;
    }
    encode_text(&x, text + from, n - from);
}

/* Length of the part of a character at s that a decoder may have begun to read: what one U+FFFD stands
 * for (Unicode 3.9, "maximal subpart"). */
static int bad_length(const char *s, const char *end) {
    unsigned char a = (unsigned char)s[0], b = s + 1 < end ? (unsigned char)s[1] : 0;
    int want = a >= 0xc2 && a < 0xe0 ? 2 : a >= 0xe0 && a < 0xf0 ? 3 : a >= 0xf0 && a < 0xf5 ? 4 : 1;
    unsigned char lo = a == 0xe0 ? 0xa0 : a == 0xf0 ? 0x90 : 0x80, hi = a == 0xed ? 0x9f : a == 0xf4 ? 0x8f : 0xbf;
    int n = 1;

    if (want < 2 || b < lo || b > hi) return 1;
    for (n = 2; n < want && s + n < end && ((unsigned char)s[n] & 0xc0) == 0x80; n++) continue;
    return n;
}

void bpe_decode(const struct bpe *t, const int32_t *ids, size_t n, bool special, struct buf *text) {
    struct buf raw = { 0 };
    const char *s, *end, *from;
    int len;

    for (size_t i = 0; i < n; i++) {
        size_t bytes;
        const char *piece = bpe_piece(t, ids[i], &bytes);

        if (piece && (special || !bpe_is_special(t, ids[i]))) buf_add(&raw, piece, bytes);
    }
    s = from = buf_text(&raw);
    for (end = s + raw.n; s < end; s += len) {
        if (bpe_char(s, end, &len) >= 0) continue;
        buf_add(text, from, (size_t)(s - from));
        buf_puts(text, "\xef\xbf\xbd");
        len = bad_length(s, end);
        from = s + len;
    }
    buf_add(text, from, (size_t)(end - from));
    buf_free(&raw);
}

int bpe_size(const struct bpe *t) {
    return t->v->size;
}

int bpe_id(const struct bpe *t, const char *token) {
    const struct vocabulary *v = t->v;
    struct buf b = { 0 };
    int id = -1;

    for (int k = 0; k < v->n_added; k++) {
        const struct piece *p = &v->pieces[v->added[k]];

        if (p->n == strlen(token) && !memcmp(p->bytes, token, p->n)) return v->added[k];
    }
    bpe_spelled(token, &b);
    if (b.n) id = bpe_find(v, b.s, b.n);
    buf_free(&b);
    return id;
}

const char *bpe_piece(const struct bpe *t, int id, size_t *n) {
    bool known = id >= 0 && id < t->v->size;

    *n = known ? t->v->pieces[id].n : 0;
    return known ? t->v->pieces[id].bytes : NULL;
}

bool bpe_is_special(const struct bpe *t, int id) {
    return id >= 0 && id < t->v->size && t->v->pieces[id].special;
}

int bpe_special(const struct bpe *t, enum bpe_role role) {
    return t->v->role[role];
}

const char *bpe_chat_template(const struct bpe *t) {
    return t->v->template;
}

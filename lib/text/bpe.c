/* bpe — encode and decode.
 *
 * text → added tokens apart → valid UTF-8 apart → NFC → added tokens apart that are to be found in
 * what NFC made → words (bpe_pre) → cache, or merging by rank */
#include "text/bpe.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/utf8.h"
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
    for (i = h->n++; i && earlier(&c, &h->c[(i - 1) / 2]); i = (i - 1) / 2)
        h->c[i] = h->c[(i - 1) / 2];
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

/* The bytes of a word; one that the vocabulary lacks is left out, as `tokenizers` does without an
 * unknown token. Returns their number. */
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

/* Remembers the ids of a word, those from the from-th on, in place of what hashed there before. */
static void remember(struct cache_entry *e, uint64_t hash, const char *s, size_t n,
                     const struct bpe_ids *ids, size_t from) {
    size_t n_ids = ids->n - from;

    free(e->bytes);
    free(e->ids);
    *e = (struct cache_entry){ hash, mem_alloc(n, 1), mem_alloc(n_ids, sizeof *e->ids),
                               (uint32_t)n, (uint32_t)n_ids };
    memcpy(e->bytes, s, n);
    if (n_ids) memcpy(e->ids, ids->id + from, n_ids * sizeof *e->ids);
}

struct encoding {
    struct bpe *t;
    struct bpe_ids *ids;
    bool special;
    struct err *err;
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
    if (n <= CACHE_WORD) remember(e, hash, s, n, x->ids, before);
}

/* Finds the tokens of a set; what lies between them is encoded by `rest`. A special token that is
 * not asked for is passed over, and so are those that begin in it, as `tokenizers` does. */
static int encode_around(struct encoding *x, const struct added_set *set, const char *s, size_t n,
                         int (*rest)(struct encoding *x, const char *s, size_t n)) {
    size_t from = 0, at = 0;

    while (set->n && at < n) {
        const struct added *a = bpe_added_at(set, s + at, n - at);

        at += a ? a->n : 1;
        if (!a || (!x->special && bpe_is_special(x->t, a->id))) continue;
        if (rest(x, s + from, at - a->n - from)) return -1;
        bpe_push(x->ids, a->id);
        from = at;
    }
    return rest(x, s + from, n - from);
}

/* A text between two added tokens. */
static int encode_words(struct encoding *x, const char *s, size_t n) {
    struct buf spaced = { 0 };
    int r;

    if (x->t->v->space && n && *s != ' ') {
        buf_puts(&spaced, " ");
        buf_add(&spaced, s, n);
        s = spaced.s;
        n = spaced.n;
    }
    r = bpe_split(&x->t->split, s, n, encode_word, x, x->err);
    buf_free(&spaced);
    return r;
}

static bool ascii(const char *s, size_t n) {
    while (n && (unsigned char)s[n - 1] < 0x80) n--;
    return !n;
}

static int encode_composed(struct encoding *x, const char *s, size_t n) {
    return encode_around(x, &x->t->v->added[1], s, n, encode_words);
}

/* Valid UTF-8. */
static int encode_valid(struct encoding *x, const char *s, size_t n) {
    struct buf nfc = { 0 };
    int r;

    if (!x->t->v->nfc || ascii(s, n)) return encode_composed(x, s, n);
    bpe_nfc(s, n, &nfc);
    r = encode_composed(x, buf_text(&nfc), nfc.n);
    buf_free(&nfc);
    return r;
}

/* Bytes that are not UTF-8 stand alone. */
static int encode_bytes(struct encoding *x, const char *s, size_t n) {
    const char *end = s + n, *from = s;
    int len;

    for (; s < end; s += len) {
        int32_t id = x->t->v->byte_id[(unsigned char)*s];

        if (bpe_char(s, end, &len) >= 0) continue;
        if (encode_valid(x, from, (size_t)(s - from))) return -1;
        if (id >= 0) bpe_push(x->ids, id);
        from = s + 1;
    }
    return encode_valid(x, from, (size_t)(end - from));
}

int bpe_encode(struct bpe *t, const char *text, size_t n, bool special, struct bpe_ids *ids,
               struct err *err) {
    struct encoding x = { t, ids, special, err };

    return encode_around(&x, &t->v->added[0], text, n, encode_bytes);
}

/* Length of the part of a character at s that a decoder may have begun to read: what one U+FFFD
 * stands for (Unicode 3.9, "maximal subpart"). */
static int bad_length(const char *s, const char *end) {
    unsigned char a = (unsigned char)s[0], b = s + 1 < end ? (unsigned char)s[1] : 0;
    int want = a < 0xc2 || a >= 0xf5 ? 1 : a < 0xe0 ? 2 : a < 0xf0 ? 3 : 4;
    unsigned char lo = a == 0xe0 ? 0xa0 : a == 0xf0 ? 0x90 : 0x80;
    unsigned char hi = a == 0xed ? 0x9f : a == 0xf4 ? 0x8f : 0xbf;
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
    struct buf b = { 0 };
    size_t n = strlen(token);
    int id = -1;

    for (int k = 0; k < 2 && id < 0; k++) {
        const struct added *a = n ? bpe_added_at(&t->v->added[k], token, n) : NULL;

        if (a && a->n == n) id = a->id;
    }
    if (id < 0 && bpe_spelled(token, &b) && b.n) id = bpe_find(t->v, b.s, b.n);
    buf_free(&b);
    return id;
}

const char *bpe_piece(const struct bpe *t, int id, size_t *n) {
    bool known = id >= 0 && id < t->v->size;

    *n = known ? t->v->pieces[id].n : 0;
    return known ? t->v->pieces[id].bytes : NULL;
}

void bpe_spelling(const struct bpe *t, int id, struct buf *out) {
    const struct piece *p = id >= 0 && id < t->v->size ? &t->v->pieces[id] : NULL;

    for (uint32_t i = 0; p && p->bytes && i < p->n; i++) {
        if (p->mapped) utf8_add(out, bpe_byte_char((unsigned char)p->bytes[i]));
        else buf_add(out, p->bytes + i, 1);
    }
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

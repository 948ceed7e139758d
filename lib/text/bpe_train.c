/* bpe_train — words with their counts; pairs with theirs and the words that hold them; a heap of
 * pairs, some of them stale, from which the best is taken. */
#include "text/bpe_train.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/utf8.h"
#include "text/bpe_json.h"
#include "text/bpe_own.h"

/* The expressions that cut words, NULL behind the last. */
static const char *const pre_steps[][3] = {
    [BPE_PRE_SMOLLM] = { bpe_digit_pattern, bpe_gpt2_pattern },
    [BPE_PRE_GPT2] = { bpe_gpt2_pattern },
    [BPE_PRE_QWEN2] = { bpe_qwen2_pattern },
};

struct word {
    char *bytes;
    int32_t *sym;
    int n, n_bytes;
    long count;
};

/* Where a pair occurs: numbers of words, some of which may have lost it since. */
struct pair {
    int32_t left, right;    /* left -1: empty */
    long count;
    int *words;
    size_t n, cap;
};

struct bpe_trainer {
    enum bpe_pre pre;
    struct splitter split;
    struct word *words;
    size_t n, cap;
    uint32_t *slot;         /* word number + 1 by the hash of its bytes */
    size_t slots;
};

struct bpe_trainer *bpe_trainer_new(enum bpe_pre pre) {
    struct bpe_trainer *t = mem_calloc(1, sizeof *t);
    struct err err;

    t->pre = pre;
    for (const char *const *step = pre_steps[pre]; *step; step++)
        bpe_split_add(&t->split, *step, &err);
    return t;
}

void bpe_trainer_free(struct bpe_trainer *t) {
    if (!t) return;
    bpe_split_free(&t->split);
    for (size_t i = 0; i < t->n; i++) {
        free(t->words[i].bytes);
        free(t->words[i].sym);
    }
    free(t->words);
    free(t->slot);
    free(t);
}

static size_t word_place(const struct bpe_trainer *t, const char *s, size_t n) {
    struct hash h = hash_start();
    size_t i;

    hash_bytes(&h, s, n);
    for (i = hash_value(&h) & (t->slots - 1); t->slot[i]; i = (i + 1) & (t->slots - 1)) {
        const struct word *w = &t->words[t->slot[i] - 1];

        if ((size_t)w->n_bytes == n && !memcmp(w->bytes, s, n)) break;
    }
    return i;
}

static void grow_slots(struct bpe_trainer *t) {
    t->slots = t->slots ? 2 * t->slots : 1024;
    free(t->slot);
    t->slot = mem_calloc(t->slots, sizeof *t->slot);
    for (size_t k = 0; k < t->n; k++)
        t->slot[word_place(t, t->words[k].bytes, (size_t)t->words[k].n_bytes)] = (uint32_t)k + 1;
}

static void count_word(void *ctx, const char *s, size_t n) {
    struct bpe_trainer *t = ctx;
    struct word *w;
    size_t i;

    if (2 * (t->n + 1) > t->slots) grow_slots(t);
    i = word_place(t, s, n);
    if (t->slot[i]) {
        t->words[t->slot[i] - 1].count++;
        return;
    }
    t->words = mem_grow(t->words, t->n, &t->cap, sizeof *t->words);
    w = &t->words[t->n++];
    *w = (struct word){ .bytes = mem_alloc(n, 1), .n = (int)n, .n_bytes = (int)n, .count = 1 };
    memcpy(w->bytes, s, n);
    t->slot[i] = (uint32_t)t->n;
}

static void count_words(struct bpe_trainer *t, const char *s, size_t n) {
    struct err err;
    int r = bpe_split(&t->split, s, n, count_word, t, &err);

    assert(!r);             /* the known expressions never give up */
    (void)r;
}

void bpe_trainer_add(struct bpe_trainer *t, const char *text, size_t n) {
    const char *end = text + n, *from = text;
    int len;

    for (const char *s = text; s < end; s += len) {
        if (bpe_char(s, end, &len) >= 0) continue;
        count_words(t, from, (size_t)(s - from));
        from = s + len;
    }
    count_words(t, from, (size_t)(end - from));
}

/* The tokens learned so far, and what is needed to find the next. */
struct learning {
    struct bpe_trainer *t;
    struct pair *pairs;     /* open addressing */
    size_t size, used;
    struct best {
        long count;
        int32_t left, right;
    } *heap;
    size_t n_heap, cap_heap;
    char **piece;           /* [vocab] tokens in the byte-level alphabet; owned */
    int n, n_special;
    int *seen;              /* [words] the merge that visited the word last, from 1 */
};

static struct pair *find_pair(struct learning *l, int32_t left, int32_t right) {
    size_t i = rng_bits((uint64_t)(uint32_t)left, (uint64_t)(uint32_t)right, 0) & (l->size - 1);

    while (l->pairs[i].left >= 0 && (l->pairs[i].left != left || l->pairs[i].right != right))
        i = (i + 1) & (l->size - 1);
    return &l->pairs[i];
}

static void grow_pairs(struct learning *l) {
    struct pair *old = l->pairs;
    size_t n = l->size;

    l->size = n ? 2 * n : 4096;
    l->pairs = mem_calloc(l->size, sizeof *l->pairs);
    for (size_t i = 0; i < l->size; i++) l->pairs[i].left = -1;
    for (size_t i = 0; i < n; i++)
        if (old[i].left >= 0) *find_pair(l, old[i].left, old[i].right) = old[i];
    free(old);
}

static bool better(const struct best *a, const struct best *b) {
    if (a->count != b->count) return a->count > b->count;
    return a->left != b->left ? a->left < b->left : a->right < b->right;
}

static void heap_push(struct learning *l, struct best b) {
    size_t i;

    l->heap = mem_grow(l->heap, l->n_heap, &l->cap_heap, sizeof *l->heap);
    for (i = l->n_heap++; i && better(&b, &l->heap[(i - 1) / 2]); i = (i - 1) / 2)
        l->heap[i] = l->heap[(i - 1) / 2];
    l->heap[i] = b;
}

static struct best heap_pop(struct learning *l) {
    struct best top = l->heap[0], last = l->heap[--l->n_heap];
    size_t i = 0, k;

    while ((k = 2 * i + 1) < l->n_heap) {
        if (k + 1 < l->n_heap && better(&l->heap[k + 1], &l->heap[k])) k++;
        if (!better(&l->heap[k], &last)) break;
        l->heap[i] = l->heap[k];
        i = k;
    }
    l->heap[i] = last;
    return top;
}

/* Changes a pair's count by what happens in word w; a pair that gains is offered to the heap. */
static void change(struct learning *l, int32_t left, int32_t right, int w, long count) {
    struct pair *p;

    if (2 * (l->used + 1) > l->size) grow_pairs(l);
    p = find_pair(l, left, right);
    if (p->left < 0) {
        *p = (struct pair){ .left = left, .right = right };
        l->used++;
    }
    p->count += count;
    if (count <= 0) return;
    if (!p->n || p->words[p->n - 1] != w) {
        p->words = mem_grow(p->words, p->n, &p->cap, sizeof *p->words);
        p->words[p->n++] = w;
    }
    if (l->seen) heap_push(l, (struct best){ p->count, left, right });
}

/* Joins left and right to `id` throughout a word. */
static void merge_in(struct learning *l, int number, int32_t left, int32_t right, int32_t id) {
    struct word *w = &l->t->words[number];
    int k = 0;

    for (int i = 0; i < w->n; i++, k++) {
        if (i + 1 == w->n || w->sym[i] != left || w->sym[i + 1] != right) {
            w->sym[k] = w->sym[i];
            continue;
        }
        if (k) {
            change(l, w->sym[k - 1], left, number, -w->count);
            change(l, w->sym[k - 1], id, number, w->count);
        }
        if (i + 2 < w->n) {
            change(l, right, w->sym[i + 2], number, -w->count);
            change(l, id, w->sym[i + 2], number, w->count);
        }
        w->sym[k] = id;
        i++;
    }
    w->n = k;
}

/* The id of a token by its spelling, which it takes over: a new one, unless a special token is
 * spelt the same. */
static int32_t add_piece(struct learning *l, char *piece) {
    for (int i = 0; i < l->n_special; i++)
        if (!strcmp(l->piece[i], piece)) {
            free(piece);
            return i;
        }
    l->piece[l->n] = piece;
    return l->n++;
}

/* Tokens of single bytes, in the order of their characters. */
static void add_bytes(struct learning *l, int32_t of_byte[256]) {
    for (uint32_t c = 0; c < 0x200; c++) {
        int byte = bpe_char_byte(c);
        struct buf b = { 0 };

        if (byte < 0) continue;
        utf8_add(&b, c);
        of_byte[byte] = add_piece(l, b.s);
    }
}

static void count_pairs(struct learning *l, const int32_t of_byte[256]) {
    for (size_t k = 0; k < l->t->n; k++) {
        struct word *w = &l->t->words[k];

        w->n = w->n_bytes;
        free(w->sym);
        w->sym = mem_alloc((size_t)w->n, sizeof *w->sym);
        for (int i = 0; i < w->n; i++) w->sym[i] = of_byte[(unsigned char)w->bytes[i]];
        for (int i = 0; i + 1 < w->n; i++) change(l, w->sym[i], w->sym[i + 1], (int)k, w->count);
    }
    for (size_t i = 0; i < l->size; i++)
        if (l->pairs[i].left >= 0)
            heap_push(l, (struct best){ l->pairs[i].count, l->pairs[i].left, l->pairs[i].right });
}

/* Merges the best pair. The list of words is taken out of the pair: the table may move. */
static void merge_pair(struct learning *l, const struct best *b, int number) {
    struct pair *p = find_pair(l, b->left, b->right);
    size_t n = p->n;
    int *words = p->words, id;
    struct buf whole = { 0 };

    p->words = NULL;
    p->n = p->cap = 0;
    buf_puts(&whole, l->piece[b->left]);
    buf_puts(&whole, l->piece[b->right]);
    id = add_piece(l, whole.s);
    for (size_t k = 0; k < n; k++) {
        if (l->seen[words[k]] == number) continue;
        l->seen[words[k]] = number;
        merge_in(l, words[k], b->left, b->right, id);
    }
    find_pair(l, b->left, b->right)->count = 0;
    free(words);
}

static json_t *learn_merges(struct learning *l, int vocab, long min_count) {
    json_t *merges = json_array();

    while (l->n < vocab && l->n_heap) {
        struct best b = heap_pop(l);
        long count = find_pair(l, b.left, b.right)->count;

        if (count < min_count || count < 1) continue;
        if (count != b.count) {
            b.count = count;
            heap_push(l, b);
            continue;
        }
        json_array_append_new(merges, json_pack("[s,s]", l->piece[b.left], l->piece[b.right]));
        merge_pair(l, &b, (int)json_array_size(merges));
    }
    return merges;
}

static json_t *tokenizer_json(const struct learning *l, json_t *merges, size_t n_special) {
    json_t *vocab = json_object(), *added = json_array();

    for (int i = 0; i < l->n; i++) json_object_set_new(vocab, l->piece[i], json_integer(i));
    for (size_t i = 0; i < n_special; i++)
        json_array_append_new(added, bpe_added_json((int)i, l->piece[i], true));
    return bpe_tokenizer_json(vocab, merges, added, bpe_pre_json(pre_steps[l->t->pre]));
}

json_t *bpe_trainer_run(struct bpe_trainer *t, int vocab, long min_count, const char *const *special,
                        size_t n_special) {
    struct learning l = { .t = t };
    int32_t of_byte[256];
    json_t *out;

    grow_pairs(&l);
    l.piece = mem_calloc((size_t)vocab + n_special + 256, sizeof *l.piece);
    for (size_t i = 0; i < n_special; i++) l.piece[l.n++] = mem_strdup(special[i]);
    l.n_special = l.n;
    add_bytes(&l, of_byte);
    count_pairs(&l, of_byte);
    l.seen = mem_calloc(t->n, sizeof *l.seen);
    out = tokenizer_json(&l, learn_merges(&l, vocab, min_count), n_special);
    for (int i = 0; i < l.n; i++) free(l.piece[i]);
    for (size_t i = 0; i < l.size; i++)
        if (l.pairs[i].left >= 0) free(l.pairs[i].words);
    free(l.piece);
    free(l.pairs);
    free(l.heap);
    free(l.seen);
    return out;
}

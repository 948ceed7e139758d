/* chat — a conversation as its template writes it: what each form puts before, between and behind
 * the messages. */
#define _GNU_SOURCE
#include "text/chat.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/jsonl.h"
#include "text/bpe_own.h"
#include "text/chat_forms.h"
#include "text/jinja.h"

struct chat {
    const struct form *form;
    const char *open, *opened;          /* around a role */
    char *head;             /* what a conversation begins with */
    char *hole;             /* ChatML: the default system message, or ""; Llama 3.1: today */
    int end;
    char *end_text;
};

static char *piece_text(const struct bpe *t, int id) {
    size_t n;
    const char *piece = bpe_piece(t, id, &n);
    char *text = mem_calloc(n + 1, 1);

    if (n) memcpy(text, piece, n);
    return text;
}

/* An added token, so that what the template writes becomes its id. */
static int set_end(struct chat *c, const struct bpe *t, const char *token, struct err *err) {
    c->end = token ? bpe_id(t, token) : bpe_special(t, BPE_EOS);
    c->end_text = piece_text(t, c->end);
    for (int k = 0; k < 2 && c->end >= 0; k++) {
        const struct added *a = bpe_added_at(&t->v->added[k], c->end_text, strlen(c->end_text));

        if (a && a->id == c->end && a->n == strlen(c->end_text)) return 0;
    }
    return err_set(err, "the vocabulary has no %s, which the chat template needs",
                   token ? token : "eos_token");
}

static int set_form(struct chat *c, const struct bpe *t, struct err *err) {
    static const char *const marks[][3] = {
        [FAMILY_PLAIN] = { "", "", NULL },
        [FAMILY_CHATML] = { "<|im_start|>", "\n", "<|im_end|>" },
        [FAMILY_LLAMA3] = { "<|start_header_id|>", "<|end_header_id|>\n\n", "<|eot_id|>" },
    };
    const char *const *mark = marks[c->form->family];

    c->open = mark[0];
    c->opened = mark[1];
    c->head = piece_text(t, c->form->family == FAMILY_LLAMA3 ? bpe_special(t, BPE_BOS) : -1);
    return set_end(c, t, mark[2], err);
}

static int recognise(struct chat *c, const char *template, struct err *err) {
    struct buf canonical = { 0 }, hole = { 0 };
    const char *text;
    bool known;

    if (!template) return err_set(err, "the tokenizer has no chat template");
    known = !jinja_canonical(template, &canonical);
    text = buf_text(&canonical);
    if (!strncmp(text, NO_OP, sizeof NO_OP - 1)) text += sizeof NO_OP - 1;
    for (size_t i = 0; known && !c->form && i < sizeof forms / sizeof *forms; i++) {
        buf_clear(&hole);
        if (jinja_matches(forms[i].pattern, text, &hole)) c->form = &forms[i];
    }
    if (c->form) c->hole = mem_strdup(buf_text(&hole));
    buf_free(&canonical);
    buf_free(&hole);
    if (c->form) return 0;
    return err_set(err, "the chat template%s is none of those known: plain, ChatML, SmolLM2, "
                        "Qwen2, Qwen2.5, Qwen3, Llama 3 to 3.3",
                   strstr(template, "<|im_start|>") ? " holds <|im_start|> but" : "");
}

struct chat *chat_new(const struct bpe *t, struct err *err) {
    struct chat *c = mem_calloc(1, sizeof *c);

    if (!recognise(c, bpe_chat_template(t), err) && !set_form(c, t, err)) return c;
    chat_free(c);
    return NULL;
}

void chat_free(struct chat *c) {
    if (!c) return;
    free(c->head);
    free(c->hole);
    free(c->end_text);
    free(c);
}

int chat_end(const struct chat *c) {
    return c->end;
}

/* A message. */
struct turn {
    const char *role, *content, *reasoning;
    bool first, last;
    bool asked;             /* it stands behind the last question */
};

static int read_turn(const struct chat *c, const json_t *message, struct turn *t, struct err *err) {
    const json_t *calls = json_object_get(message, "tool_calls");

    if (jsonl_string(message, "role", &t->role, err) ||
        jsonl_string(message, "content", &t->content, err))
        return -1;
    t->reasoning = json_string_value(json_object_get(message, "reasoning_content"));
    if (!c->form->strict) return 0;
    if (calls && !json_is_null(calls)) return err_set(err, "\"tool_calls\" are not supported");
    if (strcmp(t->role, "user") && strcmp(t->role, "assistant") && strcmp(t->role, "system"))
        return err_set(err, "the role \"%s\" is not supported with this chat template", t->role);
    return 0;
}

/* Whether c is white space for Python's str.strip, which is Jinja's trim. */
static bool is_space(int32_t c) {
    return (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
           c == 0x202f || c == 0x205f || c == 0x3000;
}

static void put_trimmed(const char *s, struct buf *text) {
    const char *end = s + strlen(s), *from = NULL, *to = s;
    int len;

    for (; s < end; s += len) {
        if (is_space(bpe_char(s, end, &len))) continue;
        if (!from) from = s;
        to = s + len;
    }
    if (from) buf_add(text, from, (size_t)(to - from));
}

static void strip_newlines(const char **s, size_t *n) {
    while (*n && **s == '\n') ++*s, --*n;
    while (*n && (*s)[*n - 1] == '\n') --*n;
}

/* Takes the thoughts off an answer of Qwen3's; returns the rest. */
static const char *split_thoughts(const char *content, const char **thought, size_t *n) {
    static const char open[] = "<think>", close[] = "</think>";
    const char *p = strstr(content, close);

    if (!p) return content;
    *thought = content;
    *n = (size_t)(p - content);
    while ((p = memmem(*thought, *n, open, sizeof open - 1))) {
        *n -= (size_t)(p + sizeof open - 1 - *thought);
        *thought = p + sizeof open - 1;
    }
    strip_newlines(thought, n);
    while ((p = strstr(content, close))) content = p + sizeof close - 1;
    return content + strspn(content, "\n");
}

/* An answer of Qwen3's: thoughts are kept behind the last question only, and the last answer has
 * some, if none. */
static void put_thinking(const struct turn *t, struct buf *text) {
    const char *thought = t->reasoning ? t->reasoning : "", *content = t->content;
    size_t n = strlen(thought);

    if (!t->reasoning) content = split_thoughts(content, &thought, &n);
    if (t->asked && (t->last || n)) {
        strip_newlines(&thought, &n);
        buf_puts(text, "<think>\n");
        buf_add(text, thought, n);
        buf_puts(text, "\n</think>\n\n");
        content += strspn(content, "\n");
    }
    buf_puts(text, content);
}

static void put_role(const struct chat *c, const char *role, struct buf *text) {
    if (c->form->family != FAMILY_PLAIN) buf_printf(text, "%s%s%s", c->open, role, c->opened);
}

static void put_end(const struct chat *c, const char *role, struct buf *text) {
    if (c->form->family != FAMILY_PLAIN || !strcmp(role, "assistant")) buf_puts(text, c->end_text);
    if (c->form->family == FAMILY_CHATML) buf_puts(text, "\n");
}

/* The system message that the template writes by itself; `first` is the first message. Returns
 * whether it has taken that one's place. */
static bool put_system(const struct chat *c, const struct turn *first, struct buf *text) {
    bool given = !strcmp(first->role, "system");

    if (c->form->dated) {
        put_role(c, "system", text);
        buf_printf(text, "Cutting Knowledge Date: December 2023\nToday Date: %s\n\n", c->hole);
        if (given) put_trimmed(first->content, text);
    } else if (*c->hole && !given) {
        put_role(c, "system", text);
        buf_puts(text, c->hole);
    } else {
        return false;
    }
    put_end(c, "system", text);
    return c->form->dated && given;
}

/* Index of the last question: of the user, and not what a tool answered. */
static size_t last_question(const json_t *messages) {
    static const char open[] = "<tool_response>", close[] = "</tool_response>";
    size_t n = json_array_size(messages);

    for (size_t i = n; i-- > 0; ) {
        const json_t *m = json_array_get(messages, i);
        const char *role = json_string_value(json_object_get(m, "role"));
        const char *content = json_string_value(json_object_get(m, "content"));
        size_t length = content ? strlen(content) : 0;

        if (!role || !content || strcmp(role, "user")) continue;
        if (strncmp(content, open, sizeof open - 1) || length < sizeof close - 1 ||
            strcmp(content + length - (sizeof close - 1), close))
            return i;
    }
    return n - 1;
}

static void put_message(const struct chat *c, const struct turn *t, struct buf *text) {
    if (t->first && put_system(c, t, text)) return;
    put_role(c, t->role, text);
    if (c->form->think && !strcmp(t->role, "assistant")) put_thinking(t, text);
    else if (c->form->family == FAMILY_LLAMA3) put_trimmed(t->content, text);
    else buf_puts(text, t->content);
    put_end(c, t->role, text);
}

int chat_text(const struct chat *c, const json_t *messages, bool generate, struct buf *text,
              struct err *err) {
    size_t n = json_array_size(messages), question;

    if (json_is_string(messages)) {
        buf_puts(text, json_string_value(messages));
        return 0;
    }
    if (!n) return err_set(err, "no messages");
    question = last_question(messages);
    buf_puts(text, c->head);
    for (size_t i = 0; i < n; i++) {
        struct turn t = { .first = !i, .last = i + 1 == n, .asked = i > question };

        if (read_turn(c, json_array_get(messages, i), &t, err))
            return err_prefix(err, "message %zu", i);
        put_message(c, &t, text);
    }
    if (generate) put_role(c, "assistant", text);
    return 0;
}

/* Adds what the template writes behind the prompt, which it has written as `before`, for the
 * completion, up to the end token. */
static int completion_text(const struct chat *c, const json_t *prompt, const json_t *completion,
                           const struct buf *before, struct buf *text, struct err *err) {
    json_t *all = json_array();
    struct buf whole = { 0 };
    size_t last = strlen(c->end_text);
    int r;

    json_array_extend(all, (json_t *)prompt);
    json_array_extend(all, (json_t *)completion);
    r = chat_text(c, completion, false, &whole, err);   /* so that errors count its messages */
    buf_clear(&whole);
    if (!r) r = chat_text(c, all, false, &whole, err);
    if (!r && c->form->family == FAMILY_CHATML) whole.n--;      /* the newline behind the end */
    if (!r && (whole.n < before->n + last || memcmp(whole.s, buf_text(before), before->n) ||
               memcmp(whole.s + whole.n - last, c->end_text, last)))
        r = err_set(err, "the template does not write it as the answer to the prompt");
    if (!r) buf_add(text, whole.s + before->n, whole.n - before->n);
    json_decref(all);
    buf_free(&whole);
    return r;
}

/* A completion's text; a string is taken as it is, with an end. */
static int chat_completion(const struct chat *c, const json_t *prompt, const json_t *completion,
                           const struct buf *before, struct buf *text, struct err *err) {
    if (json_is_string(completion)) {
        buf_printf(text, "%s%s", json_string_value(completion), c->end_text);
        return 0;
    }
    if (json_is_string(prompt)) return err_set(err, "messages, behind a prompt that is a string");
    return completion_text(c, prompt, completion, before, text, err);
}

int chat_encode(const struct chat *c, struct bpe *t, const json_t *prompt, const json_t *completion,
                struct bpe_ids *ids, size_t *start, struct err *err) {
    struct buf before = { 0 }, text = { 0 };
    int r = chat_text(c, prompt, true, &before, err) ||
            bpe_encode(t, buf_text(&before), before.n, true, ids, err) ? -1 : 0;

    if (r) err_prefix(err, "\"prompt\"");
    *start = ids->n;
    if (!r && completion) {
        r = chat_completion(c, prompt, completion, &before, &text, err) ||
            bpe_encode(t, buf_text(&text), text.n, true, ids, err) ? -1 : 0;
        if (r) err_prefix(err, "\"completion\"");
    }
    buf_free(&before);
    buf_free(&text);
    return r;
}

/* chat — three forms of conversation, recognised by what their templates hold. */
#include "text/chat.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/jsonl.h"

enum form { FORM_PLAIN, FORM_CHATML, FORM_LLAMA3 };

struct chat {
    enum form form;
    const char *head;       /* what a conversation begins with */
    char *system;           /* ChatML: the system message where none is given; NULL: none */
    int end;
    char *end_text;
};

/* The message that a ChatML template puts in front when the first one is no system message: the text
 * that stands, as a literal, between "<|im_start|>system\n" and "<|im_end|>". */
static char *default_system(const char *template) {
    static const char open[] = "<|im_start|>system", close[] = "<|im_end|>";

    for (const char *p = template; (p = strstr(p, open)); ) {
        const char *end, *quote;
        char *text;

        p += sizeof open - 1;
        if (p[0] == '\\' && p[1] == 'n') p += 2;
        else if (*p == '\n') p++;
        end = strstr(p, close);
        quote = strpbrk(p, "'\"{");
        if (!isalpha((unsigned char)*p) || !end || (quote && quote < end)) continue;
        text = mem_calloc((size_t)(end - p) + 1, 1);
        memcpy(text, p, (size_t)(end - p));
        return text;
    }
    return NULL;
}

static int set_end(struct chat *c, const struct bpe *t, const char *token, struct err *err) {
    size_t n;
    const char *piece;

    c->end = token ? bpe_id(t, token) : bpe_special(t, BPE_EOS);
    if (c->end < 0)
        return err_set(err, "the vocabulary has no %s, which the chat template needs", token ? token : "eos_token");
    piece = bpe_piece(t, c->end, &n);
    c->end_text = mem_calloc(n + 1, 1);
    memcpy(c->end_text, piece, n);
    return 0;
}

static int recognise(struct chat *c, const struct bpe *t, const char *template, struct err *err) {
    if (!template) return err_set(err, "the tokenizer has no chat template");
    if (!strcmp(template, CHAT_PLAIN_TEMPLATE)) {
        c->form = FORM_PLAIN;
        return set_end(c, t, NULL, err);
    }
    if (strstr(template, "<|im_start|>") && strstr(template, "<|im_end|>")) {
        c->form = FORM_CHATML;
        c->system = default_system(template);
        return set_end(c, t, "<|im_end|>", err);
    }
    if (strstr(template, "<|start_header_id|>") && strstr(template, "<|eot_id|>")) {
        c->form = FORM_LLAMA3;
        c->head = "<|begin_of_text|>";
        return set_end(c, t, "<|eot_id|>", err);
    }
    return err_set(err, "the chat template is none of those known: ChatML, Llama 3, plain");
}

struct chat *chat_new(const struct bpe *t, struct err *err) {
    struct chat *c = mem_calloc(1, sizeof *c);

    c->head = "";
    if (!recognise(c, t, bpe_chat_template(t), err)) return c;
    chat_free(c);
    return NULL;
}

void chat_free(struct chat *c) {
    if (!c) return;
    free(c->system);
    free(c->end_text);
    free(c);
}

int chat_end(const struct chat *c) {
    return c->end;
}

/* What opens a message of this role. */
static void put_role(const struct chat *c, const char *role, struct buf *text) {
    if (c->form == FORM_CHATML) buf_printf(text, "<|im_start|>%s\n", role);
    if (c->form == FORM_LLAMA3) buf_printf(text, "<|start_header_id|>%s<|end_header_id|>\n\n", role);
}

/* Content; Llama 3's template strips blanks around it. */
static void put_content(const struct chat *c, const char *content, struct buf *text) {
    size_t n = strlen(content);

    while (c->form == FORM_LLAMA3 && n && isspace((unsigned char)*content)) content++, n--;
    while (c->form == FORM_LLAMA3 && n && isspace((unsigned char)content[n - 1])) n--;
    buf_add(text, content, n);
}

static void put_message(const struct chat *c, const char *role, const char *content, struct buf *text) {
    put_role(c, role, text);
    put_content(c, content, text);
    if (c->form != FORM_PLAIN || !strcmp(role, "assistant")) buf_puts(text, c->end_text);
    if (c->form == FORM_CHATML) buf_puts(text, "\n");
}

static int read_message(const json_t *message, const char **role, const char **content, struct err *err) {
    return jsonl_string(message, "role", role, err) || jsonl_string(message, "content", content, err) ? -1 : 0;
}

int chat_text(const struct chat *c, const json_t *messages, bool generate, struct buf *text, struct err *err) {
    const char *role, *content;

    if (json_is_string(messages)) {
        buf_puts(text, json_string_value(messages));
        return 0;
    }
    buf_puts(text, c->head);
    for (size_t i = 0; i < json_array_size(messages); i++) {
        if (read_message(json_array_get(messages, i), &role, &content, err)) return err_prefix(err, "message %zu", i);
        if (!i && c->system && strcmp(role, "system")) put_message(c, "system", c->system, text);
        put_message(c, role, content, text);
    }
    if (generate) put_role(c, "assistant", text);
    return 0;
}

int chat_completion(const struct chat *c, const json_t *messages, struct buf *text, struct err *err) {
    size_t n = json_array_size(messages);
    const char *role, *content;

    if (json_is_string(messages)) {
        buf_printf(text, "%s%s", json_string_value(messages), c->end_text);
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        if (read_message(json_array_get(messages, i), &role, &content, err)) return err_prefix(err, "message %zu", i);
        if (i) put_role(c, role, text);
        put_content(c, content, text);
        buf_puts(text, c->end_text);
        if (i + 1 < n && c->form == FORM_CHATML) buf_puts(text, "\n");
    }
    return 0;
}

int chat_encode(const struct chat *c, struct bpe *t, const json_t *prompt, const json_t *completion,
                struct bpe_ids *ids, size_t *start, struct err *err) {
    struct buf text = { 0 };
    int r = chat_text(c, prompt, true, &text, err);

    if (!r) bpe_encode(t, buf_text(&text), text.n, true, ids);
    else err_prefix(err, "\"prompt\"");
    *start = ids->n;
    buf_clear(&text);
    if (!r && completion && (r = chat_completion(c, completion, &text, err))) err_prefix(err, "\"completion\"");
    if (!r && completion) bpe_encode(t, buf_text(&text), text.n, true, ids);
    buf_free(&text);
    return r;
}

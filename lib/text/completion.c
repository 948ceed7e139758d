/* completion — one visit after another, then the answer. */
#include "text/completion.h"

void completion_write(struct buf *out, const struct completion_words *w, const struct visit *visits, int n,
                      int chosen, const char *label) {
    for (int k = 0; k < n; k++) {
        const struct visit *v = &visits[k];

        if (k) buf_puts(out, w->next);
        buf_puts(out, v->before);
        buf_puts(out, v->thoughts);
        buf_puts(out, v->after);
        if (w->yes) buf_puts(out, v->candidate == chosen ? w->yes : w->no);
        if (v->candidate == chosen) break;
    }
    buf_puts(out, w->answer);
    buf_puts(out, label);
}

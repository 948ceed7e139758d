/* times — laps, and a line of their sums. */
#include "io/times.h"

#include <errno.h>
#include <string.h>

#include "base/progress.h"
#include "io/jsonl.h"

struct times times_start(void) {
    return (struct times){ .last = progress_clock() };
}

void times_lap(struct times *t, enum times_part part) {
    double now = progress_clock();

    t->seconds[part] += now - t->last;
    t->last = now;
}

int times_append(const struct times *t, const char *program, const char *file, struct err *err) {
    FILE *f = file ? fopen(file, "a") : NULL;
    json_t *rec;
    int bad;

    if (!file) return 0;
    if (!f) return err_set(err, "%s: %s", file, strerror(errno));
    rec = json_pack("{s:s, s:f, s:f, s:f, s:f}", "program", program, "load", t->seconds[TIMES_LOAD],
                    "json", t->seconds[TIMES_JSON], "work", t->seconds[TIMES_WORK], "save", t->seconds[TIMES_SAVE]);
    jsonl_write(f, rec);
    json_decref(rec);
    bad = ferror(f);
    if (fclose(f) || bad) return err_set(err, "%s: %s", file, strerror(errno));
    return 0;
}

/* profile — laps, and a line of their sums. */
#include "io/profile.h"

#include <errno.h>
#include <string.h>

#include "base/progress.h"
#include "io/jsonl.h"

struct profile profile_start(void) {
    return (struct profile){ .last = progress_clock() };
}

void profile_lap(struct profile *p, enum profile_part part) {
    double now = progress_clock();

    p->seconds[part] += now - p->last;
    p->last = now;
}

int profile_append(const struct profile *p, const char *program, const char *file, struct err *err) {
    FILE *f = file ? fopen(file, "a") : NULL;
    json_t *rec;
    int bad;

    if (!file) return 0;
    if (!f) return err_set(err, "%s: %s", file, strerror(errno));
    rec = json_pack("{s:s, s:f, s:f, s:f, s:f}", "program", program, "load", p->seconds[PROFILE_LOAD],
                    "json", p->seconds[PROFILE_JSON], "work", p->seconds[PROFILE_WORK], "save", p->seconds[PROFILE_SAVE]);
    jsonl_write(f, rec);
    json_decref(rec);
    bad = ferror(f);
    if (fclose(f) || bad) return err_set(err, "%s: %s", file, strerror(errno));
    return 0;
}

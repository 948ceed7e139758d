/* load_file — one file: what it holds is seen from its first bytes, unless the format is given. */
#include <string.h>

#include "graph/load_own.h"

/* Columns that are asked for make a table of any text that is not JSON. */
static bool wants_table(const struct load_options *o) {
    bool wants = o->delimiter != NULL;

    for (int c = 0; c < LOAD_COLUMNS; c++) wants = wants || o->column[c];
    return wants;
}

static enum load_format recognise(const char *line, const struct load_options *o) {
    if (o->format != LOAD_AUTO) return (enum load_format)o->format;
    if (line[strspn(line, " \t")] == '{') return LOAD_JSONL;
    if (load_is_recbole(line)) return LOAD_RECBOLE;
    if (wants_table(o)) return LOAD_CSV;
    return load_is_llara(line) ? LOAD_LLARA : load_is_movielens(line) ? LOAD_ML_100K : LOAD_CSV;
}

static int read_lines(struct load *l, struct lines *in, struct err *err) {
    char *line;
    size_t n;
    int r;

    do {
        if ((r = lines_next(in, &line, &n, err)) <= 0) return r;
    } while (!n);
    lines_back(in);
    switch (recognise(line, l->o)) {
    case LOAD_ML_100K:
    case LOAD_ML_1M: return load_movielens(l, in, err);
    case LOAD_RECBOLE:
        if (load_is_recbole(line)) return load_table(l, in, true, err);
        return err_set(err, "the header has no types, as in \"user_id:token\"");
    case LOAD_LLARA: return *line == '{' ? load_json(l, in, err) : load_llara(l, in, err);
    case LOAD_CSV: return load_table(l, in, false, err);
    default: return load_json(l, in, err);
    }
}

int load_file(struct load *l, const char *path, struct err *err) {
    struct lines in;
    int r;

    if (graph_file_is(path)) return load_graph_file(l, path, err);
    if (lines_open(&in, path, l->o->latin1, err)) return err_prefix(err, "%s", path);
    r = read_lines(l, &in, err);
    if (r && in.line) err_prefix(err, "%s:%zu", path, in.line);
    else if (r) err_prefix(err, "%s", path);
    if (in.converted && !l->o->latin1 && !l->latin1.n) buf_puts(&l->latin1, path);
    lines_close(&in);
    return r;
}

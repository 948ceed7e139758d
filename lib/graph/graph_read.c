/* graph_read — graph records, or a graph file, to a graph. */
#include "graph/graph_own.h"
#include "graph/record.h"
#include "io/jsonl.h"

/* The graph file among the files, or NULL. None at all, and "-", are stdin. */
static const char *find_graph_file(char *const *files) {
    if (!files || !*files) return graph_file_is("-") ? "-" : NULL;
    for (size_t i = 0; files[i]; i++)
        if (graph_file_is(files[i])) return files[i];
    return NULL;
}

static struct graph *read_records(char *const *files, struct err *err) {
    struct graph_builder *b = graph_builder_new();
    struct graph_record rec = { 0 };
    bool has_time = true;
    struct jsonl in;
    json_t *j = NULL;
    struct graph *g;
    int r;

    jsonl_open(&in, files);
    while ((r = jsonl_next(&in, &j, err)) > 0) {
        r = graph_record_parse(&rec, j, err);
        if (!r && rec.user) {
            has_time = has_time && rec.has_time;
            graph_add_event(b, rec.user, rec.item, rec.rating, rec.time);
        } else if (!r) {
            graph_add_item(b, rec.item, rec.title, rec.year, buf_text(&rec.genres));
        }
        json_decref(j);
        if (r < 0) break;
    }
    if (r < 0) err_prefix(err, in.line ? "%s:%zu" : "%s", in.name, in.line);
    jsonl_close(&in);
    graph_record_free(&rec);
    g = graph_build(b, has_time);
    if (r >= 0) return g;
    graph_free(g);
    return NULL;
}

struct graph *graph_read(char *const *files, struct err *err) {
    const char *flat = find_graph_file(files);

    if (!flat) return read_records(files, err);
    if (files && *files && files[1]) {
        err_set(err, "%s: a graph file is a whole graph and cannot be joined with others", flat);
        return NULL;
    }
    return graph_file_map(flat, err);
}

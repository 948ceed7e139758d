/* plot — draw evaluation and metric records: as text, or through gnuplot as a picture.
 *
 * in   {"model":"ease","n":943,"hr1":0.40,"lo":0.37,"hi":0.43,...}, {"model":...,"against":...,...},
 *      {"model":...,"position":...}, {"model":...,"stratum":...}, {"global_step":1,"loss":2.3,...}
 * out  text on stdout, or with --output a file in PNG or SVG */
#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/operand.h"
#include "io/atomic.h"
#include "io/child.h"
#include "plot/chart.h"


struct options {
    const char *output, *field, *title;
    bool sort;
    double chance;
    long smooth, width, height;
};

#define AT(field) offsetof(struct options, field)

static const struct cli_opt opts[] = {
    { 'o', "output", CLI_TEXT, AT(output), 0, 0,
      "a picture, in PNG or SVG by suffix, in place of text", "FILE" },
    { 'f', "field", CLI_TEXT, AT(field), 0, 0,
      "what is drawn: a panel for A, one that B and C share", "A,B+C" },
    { 't', "title", CLI_TEXT, AT(title), 0, 0, "a line above", NULL },
    { 's', "sort", CLI_FLAG, AT(sort), 0, 0, "rows in falling order", NULL },
    { 0, "chance", CLI_REAL, AT(chance), 0, 1, "where a line for reference is drawn; 0: none", NULL },
    { 0, "smooth", CLI_INT, AT(smooth), 1, 1e6, "mean of so many steps", NULL },
    { 0, "width", CLI_INT, AT(width), 0, 1e4, "pixels, of text columns; 0: fit", NULL },
    { 0, "height", CLI_INT, AT(height), 0, 1e4, "pixels, of text lines of a curve; 0: fit", NULL },
    { 0 }
};

static const struct cli cli = {
    .name = "plot", .operands = "[[name=]file ...]", .opts = opts,
    .purpose = "Draw evaluation and metric records.",
    .example = "evaluate ease=ease.jsonl sft=sft.jsonl | plot --chance 0.05 -o hr1.svg"
};

static bool ends_in(const char *s, const char *suffix) {
    size_t n = strlen(s), k = strlen(suffix);

    return n > k && !strcmp(s + n - k, suffix);
}

static void check(const struct options *o) {
    if (o->output && !ends_in(o->output, ".png") && !ends_in(o->output, ".svg"))
        cli_usage(&cli, "--output takes a name that ends in .png or .svg, not '%s'", o->output);
    if (!o->output && o->width && (o->width < 40 || o->width > 1000))
        cli_usage(&cli, "--width of text is from 40 to 1000 columns, not %ld", o->width);
    if (!o->output && o->height && (o->height < 4 || o->height > 200))
        cli_usage(&cli, "--height of text is from 4 to 200 lines, not %ld", o->height);
}

/* Reads all files and complains by itself. */
static int read_chart(struct chart *c, const struct operand *list, size_t n, bool sort) {
    struct err err;
    size_t line;

    for (size_t i = 0; i < n; i++)
        if (chart_read(c, list[i].name, list[i].file, &line, &err)) {
            cli_complain(&cli, list[i].file, line, err.msg);
            return -1;
        }
    if (!chart_finish(c, sort, &err)) return 0;
    cli_complain(&cli, NULL, 0, err.msg);
    return -1;
}

static size_t terminal_width(void) {
    struct winsize w;

    return !ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) && w.ws_col >= 40 ? w.ws_col : 80;
}

static void print(const struct chart *c, const struct options *o) {
    setlocale(LC_CTYPE, "");
    chart_print(stdout, c, o->width ? (size_t)o->width : terminal_width(),
                o->height ? (size_t)o->height : 16, !strcmp(nl_langinfo(CODESET), "UTF-8"));
}

static int save(const char *path, const struct buf *picture, struct err *err) {
    struct atomic_file a;

    if (atomic_open(&a, path, err)) return -1;
    fwrite(picture->s, 1, picture->n, a.f);
    return atomic_commit(&a, err);
}

/* Without ~/.gnuplot and the system's settings: the same picture for everyone. */
static int draw(const struct chart *c, const struct options *o, struct err *err) {
    char *gnuplot[] = { "gnuplot", "--default-settings", NULL };
    struct buf script = { 0 }, picture = { 0 };
    bool svg = ends_in(o->output, ".svg");
    int r = chart_script(&script, c, svg, (size_t)o->width, (size_t)o->height, err);

    if (!r) r = child_filter(&picture, gnuplot, &script, err);
    if (!r && !picture.n) r = err_set(err, "gnuplot wrote no picture");
    if (!r) r = save(o->output, &picture, err);
    buf_free(&script);
    buf_free(&picture);
    return r;
}

int main(int argc, char **argv) {
    struct options o = { .smooth = 1 };
    struct operand *list;
    size_t n = operand_list(&list, cli_parse(&cli, &o, argc, argv), &cli);
    struct chart c = {
        .title = o.title, .chance = o.chance > 0 ? o.chance : NAN, .smooth = (size_t)o.smooth
    };
    struct err err;
    int r;

    check(&o);
    if (chart_open(&c, o.field, n, &err)) cli_usage(&cli, "--field: %s in '%s'", err.msg, o.field);
    r = read_chart(&c, list, n, o.sort);
    if (!r && !o.output) print(&c, &o);
    if (!r && o.output && (r = draw(&c, &o, &err))) cli_complain(&cli, NULL, 0, err.msg);
    chart_free(&c);
    operand_free(list, n);
    return cli_finish(&cli) | (r < 0 ? EXIT_DATA : EXIT_OK);
}

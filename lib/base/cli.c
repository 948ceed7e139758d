/* cli — options by GNU getopt_long, driven from one table. */
#define _GNU_SOURCE
#include "base/cli.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/version.h"

enum { MAX_OPTS = 64, OPT_HELP = 1000, OPT_VERSION, OPT_FIRST };

static volatile sig_atomic_t stop_signal;       /* the one thing a signal handler can reach */

static size_t count(const struct cli_opt *opts) {
    size_t n = 0;

    while (opts[n].name) n++;
    return n;
}

/* The value's name as help shows it. */
static const char *meta(const struct cli_opt *o) {
    static const char *const by_type[] = {
        [CLI_INT] = "N", [CLI_REAL] = "X", [CLI_SEED] = "N", [CLI_TEXT] = "TEXT", [CLI_MANY] = "TEXT"
    };

    return o->meta ? o->meta : by_type[o->type];
}

/* Prints word number k of "a|b|c". */
static void print_word(FILE *f, const char *words, int k) {
    while (k-- > 0) words += strcspn(words, "|") + 1;
    fprintf(f, "%.*s", (int)strcspn(words, "|"), words);
}

static void print_default(FILE *f, const struct cli_opt *o, const void *value) {
    if (o->type == CLI_INT) fprintf(f, " (%g to %g, default %ld)", o->lo, o->hi, *(const long *)value);
    if (o->type == CLI_REAL) fprintf(f, " (%g to %g, default %g)", o->lo, o->hi, *(const double *)value);
    if (o->type == CLI_SEED) fprintf(f, " (default %llu)", (unsigned long long)*(const uint64_t *)value);
    if (o->type == CLI_TEXT && *(const char *const *)value)
        fprintf(f, " (default %s)", *(const char *const *)value);
    if (o->type == CLI_CHOICE) {
        fputs(" (default ", f);
        print_word(f, o->meta, *(const int *)value);
        putc(')', f);
    }
    if (o->type == CLI_MANY) fputs(" (may be repeated)", f);
}

static void print_help(FILE *f, const struct cli *cli, const void *defaults) {
    fprintf(f, "usage: %s [options]%s%s\n%s\n\nexample:\n  %s\n\noptions:\n", cli->name,
            *cli->operands ? " " : "", cli->operands, cli->purpose, cli->example);
    for (const struct cli_opt *o = cli->opts; o->name; o++) {
        char left[80];

        snprintf(left, sizeof left, "%c%c%c --%s%s%s", o->short_name ? '-' : ' ',
                 o->short_name ? o->short_name : ' ', o->short_name ? ',' : ' ', o->name,
                 o->type == CLI_FLAG ? "" : " ", o->type == CLI_FLAG ? "" : meta(o));
        fprintf(f, "  %-32s %s", left, o->help);
        print_default(f, o, (const char *)defaults + o->offset);
        putc('\n', f);
    }
    fprintf(f, "  -h, --help                       print this help\n"
               "      --version                    print the version\n"
               "\nexit status: 0 success, 1 bad data or failed input or output, 2 wrong usage.\n"
               "See also: man %s\n", cli->name);
}

_Noreturn void cli_usage(const struct cli *cli, const char *fmt, ...) {
    va_list ap;

    fprintf(stderr, "%s: ", cli->name);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\nTry '%s --help'.\n", cli->name);
    exit(EXIT_USAGE);
}

static int choice(const struct cli *cli, const struct cli_opt *o, const char *arg) {
    const char *w = o->meta;

    for (int k = 0;; k++) {
        size_t n = strcspn(w, "|");

        if (strlen(arg) == n && !memcmp(arg, w, n)) return k;
        if (!w[n]) cli_usage(cli, "--%s takes one of %s, not '%s'", o->name, o->meta, arg);
        w += n + 1;
    }
}

static double number(const struct cli *cli, const struct cli_opt *o, const char *arg) {
    char *end;
    double x = strtod(arg, &end);
    bool whole = o->type == CLI_REAL || x == floor(x);

    if (end == arg || *end || !(x >= o->lo && x <= o->hi) || !whole)
        cli_usage(cli, "--%s takes a%s number from %g to %g, not '%s'", o->name,
                  o->type == CLI_INT ? " whole" : "", o->lo, o->hi, arg);
    return x;
}

static uint64_t seed(const struct cli *cli, const struct cli_opt *o, const char *arg) {
    char *end;
    unsigned long long x;

    errno = 0;
    x = strtoull(arg, &end, 10);
    if (*arg < '0' || *arg > '9' || *end || errno)
        cli_usage(cli, "--%s takes a whole number from 0 to 18446744073709551615, not '%s'", o->name, arg);
    return x;
}

static void store(const struct cli *cli, const struct cli_opt *o, void *options, const char *arg) {
    void *p = (char *)options + o->offset;
    struct cli_list *list = p;

    switch (o->type) {
    case CLI_FLAG: *(bool *)p = true; break;
    case CLI_INT: *(long *)p = (long)number(cli, o, arg); break;
    case CLI_REAL: *(double *)p = number(cli, o, arg); break;
    case CLI_SEED: *(uint64_t *)p = seed(cli, o, arg); break;
    case CLI_TEXT: *(const char **)p = arg; break;
    case CLI_CHOICE: *(int *)p = choice(cli, o, arg); break;
    case CLI_MANY:
        list->values = mem_realloc(list->values, list->n + 1, sizeof *list->values);
        list->values[list->n++] = arg;
        break;
    }
}

/* Fills getopt's two descriptions of the table; long options answer OPT_FIRST + their row. */
static void describe(const struct cli *cli, struct option *longs, char *shorts) {
    size_t n = count(cli->opts);

    *shorts++ = ':';
    for (size_t i = 0; i < n; i++) {
        const struct cli_opt *o = &cli->opts[i];

        longs[i] = (struct option){ o->name, o->type == CLI_FLAG ? no_argument : required_argument,
                                    NULL, OPT_FIRST + (int)i };
        if (!o->short_name) continue;
        *shorts++ = (char)o->short_name;
        if (o->type != CLI_FLAG) *shorts++ = ':';
    }
    longs[n] = (struct option){ "help", no_argument, NULL, OPT_HELP };
    longs[n + 1] = (struct option){ "version", no_argument, NULL, OPT_VERSION };
    *shorts++ = 'h';
    *shorts = 0;
}

static const struct cli_opt *row(const struct cli *cli, int answer) {
    if (answer >= OPT_FIRST) return &cli->opts[answer - OPT_FIRST];
    for (const struct cli_opt *o = cli->opts; o->name; o++)
        if (o->short_name == answer) return o;
    return NULL;
}

static void print_version(const struct cli *cli) {
    printf("%s (r2rec) %s\nMIT license: no warranty, to the extent permitted by law.\n", cli->name,
           R2REC_VERSION);
}

char **cli_parse(const struct cli *cli, void *options, int argc, char **argv) {
    bool given[MAX_OPTS];

    return cli_parse_given(cli, options, argc, argv, given);
}

char **cli_parse_given(const struct cli *cli, void *options, int argc, char **argv, bool *given) {
    struct option longs[MAX_OPTS + 3] = { { 0 } };
    char shorts[2 * MAX_OPTS + 4];
    const struct cli_opt *o;
    int answer;

    if (count(cli->opts) > MAX_OPTS) abort();
    describe(cli, longs, shorts);
    opterr = 0;
    while ((answer = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        if (answer == OPT_HELP || answer == 'h') {
            print_help(stdout, cli, options);
            exit(cli_finish(cli));
        }
        if (answer == OPT_VERSION) {
            print_version(cli);
            exit(cli_finish(cli));
        }
        if (answer == ':') cli_usage(cli, "'%s' needs a value", argv[optind - 1]);
        if (answer == '?') cli_usage(cli, "no option '%s'", argv[optind - 1]);
        o = row(cli, answer);
        given[o - cli->opts] = true;
        store(cli, o, options, optarg);
    }
    if (!*cli->operands) {
        if (optind < argc) cli_usage(cli, "no operand is taken, but there is '%s'", argv[optind]);
        return argv + optind;
    }
    if (optind == argc && (cli->need_operand || (!cli->any_stdin && isatty(STDIN_FILENO)))) {
        fprintf(stderr, "usage: %s [options] %s\n", cli->name, cli->operands);
        cli_usage(cli, "%s", cli->need_operand ? "an operand is missing" : "stdin is a terminal");
    }
    return argv + optind;
}

void cli_complain(const struct cli *cli, const char *file, size_t line, const char *message) {
    fflush(stdout);
    fprintf(stderr, "%s: ", cli->name);
    if (file) fprintf(stderr, "%s:", file);
    if (file && line) fprintf(stderr, "%zu:", line);
    fprintf(stderr, "%s%s\n", file ? " " : "", message);
}

void cli_note(const struct cli *cli, const char *fmt, ...) {
    va_list ap;

    fprintf(stderr, "%s: ", cli->name);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    putc('\n', stderr);
}

/* errno of an earlier failure may be overwritten by now: what is still in the buffer fails again, and
 * says why. */
int cli_finish(const struct cli *cli) {
    bool failed = ferror(stdout);
    int cause = 0;

    errno = 0;
    if (fflush(stdout)) {
        failed = true;
        cause = errno;
    }
    if (fclose(stdout)) {
        failed = true;
        if (!cause) cause = errno;
    }
    if (!failed) return EXIT_OK;
    fprintf(stderr, "%s: stdout: %s\n", cli->name, cause ? strerror(cause) : "a write failed");
    return EXIT_DATA;
}

static void on_stop(int signal) {
    if (stop_signal) _exit(128 + signal);
    stop_signal = signal;
}

void cli_catch_stop(void) {
    struct sigaction act = { .sa_handler = on_stop, .sa_flags = SA_RESTART }, was;

    sigemptyset(&act.sa_mask);
    sigaction(SIGINT, &act, NULL);
    if (!sigaction(SIGTERM, NULL, &was) && was.sa_handler != SIG_IGN) sigaction(SIGTERM, &act, NULL);
}

int cli_stop_signal(void) {
    return stop_signal;
}

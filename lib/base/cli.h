/* cli — what every program shares: a table of options, help that cannot lie, exit statuses,
 * messages, the checked end of stdout, and notice of SIGTERM and SIGINT.
 *
 * A program describes itself in a `struct cli` and its options in a struct of its own, whose initial
 * values are the defaults. The table names each option's place in that struct. */
#ifndef BASE_CLI_H
#define BASE_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cli_exit { EXIT_OK = 0, EXIT_DATA = 1, EXIT_USAGE = 2, EXIT_LOCKED = 75 };

enum cli_type {
    CLI_FLAG,       /* bool, set to true                                                   */
    CLI_INT,        /* long, from lo to hi                                                 */
    CLI_REAL,       /* double, from lo to hi                                               */
    CLI_SEED,       /* uint64_t                                                            */
    CLI_TEXT,       /* const char *; NULL is "none"                                        */
    CLI_CHOICE,     /* int, the index of the word in `meta`, words apart by '|'            */
    CLI_MANY        /* struct cli_list, one entry each time the option is given            */
};

/* Values of an option that may be given several times, in order; borrowed from argv. */
struct cli_list {
    const char **values;
    size_t n;
};

struct cli_opt {
    int short_name;             /* a letter or 0 */
    const char *name;           /* without the dashes; NULL ends the table */
    enum cli_type type;
    size_t offset;              /* in the program's options struct */
    double lo, hi;              /* bounds of CLI_INT and CLI_REAL, both allowed */
    const char *help;           /* a phrase; its range and default are added by --help */
    const char *meta;           /* name of the value (FILE), or the words of a choice; NULL: by type */
};

struct cli {
    const char *name;           /* of the program */
    const char *operands;       /* "[file ...]"; "": the program takes none, and reads no stdin for them */
    const char *purpose;        /* one sentence */
    const char *example;        /* one command line */
    const struct cli_opt *opts;
    bool need_operand;          /* refuse to run without operands, rather than read stdin */
    bool any_stdin;             /* whether stdin may be a terminal is the program's own matter */
};

/* Parses argv into *options. Returns the operands, a NULL-terminated list inside argv (empty: stdin).
 * Ends the program after --help and --version (status 0), or on a wrong option (status 2), or when
 * stdin would be read but is a terminal (status 2). */
char **cli_parse(const struct cli *cli, void *options, int argc, char **argv);

/* The same; given[k] becomes true where the table's row k was given. */
char **cli_parse_given(const struct cli *cli, void *options, int argc, char **argv, bool *given);

/* Ends the program with status 2 and a sentence: what cli_parse cannot check by itself. */
_Noreturn void cli_usage(const struct cli *cli, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Prints "prog: file:line: message" on stderr; line 0 leaves out the line, file NULL both. */
void cli_complain(const struct cli *cli, const char *file, size_t line, const char *message);

/* Prints "prog: ..." on stderr: a warning, a count. */
void cli_note(const struct cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Closes stdout; a write that failed is reported. Returns EXIT_OK or EXIT_DATA. */
int cli_finish(const struct cli *cli);

/* From now on SIGTERM and SIGINT only set a flag; a second one ends the program at once. A SIGTERM that
 * was ignored when the program began stays ignored. (A shell has SIGINT ignored by all that it starts with &.) */
void cli_catch_stop(void);

/* The signal that asked the program to stop, or 0. */
int cli_stop_signal(void);

#endif

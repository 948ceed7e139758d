/* jansson — the yardstick of the filters: records that jansson parses, and prints again, and nothing else.
 *
 *   jansson parse|print FILE
 *
 * Lines are read and parsed as io/jsonl does it. */
#define _GNU_SOURCE
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Returns 0 or 1, as main. */
static int run(FILE *f, int print) {
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;

    while ((n = getline(&line, &cap, f)) > 0) {
        json_t *rec = json_loadb(line, (size_t)n, JSON_REJECT_DUPLICATES, NULL);

        if (!rec) break;
        if (print) {
            json_dumpf(rec, stdout, JSON_COMPACT);
            putchar('\n');
        }
        json_decref(rec);
    }
    free(line);
    return !feof(f) || fflush(stdout);
}

int main(int argc, char **argv) {
    FILE *f = argc == 3 ? fopen(argv[2], "re") : NULL;

    if (f) return run(f, !strcmp(argv[1], "print"));
    fputs("usage: jansson parse|print FILE\n", stderr);
    return 2;
}

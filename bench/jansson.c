/* jansson — the yardstick of the filters: records parsed by jansson alone and, unless told not to, printed
 * by it again.
 *
 *   jansson [--parse] < FILE
 *
 * Lines are read and parsed as io/jsonl does it; nothing is asked of the records. */
#define _GNU_SOURCE
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) {
    bool print = argc < 2 || strcmp(argv[1], "--parse");
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;

    while ((n = getline(&line, &cap, stdin)) > 0) {
        json_t *rec = json_loadb(line, (size_t)n, JSON_REJECT_DUPLICATES, NULL);

        if (!rec) return 1;
        if (print) {
            json_dumpf(rec, stdout, JSON_COMPACT);
            putchar('\n');
        }
        json_decref(rec);
    }
    free(line);
    return ferror(stdin) || fflush(stdout) ? 1 : 0;
}

/* operand — NAME=FILE among a program's operands: files with names of their own. */
#ifndef BASE_OPERAND_H
#define BASE_OPERAND_H

#include <stddef.h>

#include "base/cli.h"

struct operand {
    char *name;
    const char *file;       /* borrowed from argv */
};

/* Parts a NULL-terminated list of operands; none: stdin. A FILE alone is called by its base name less
 * ".jsonl". Ends the program when a name or a file is empty, or two have the same name ("two runs are
 * named ..."). Returns their number; operand_free. */
size_t operand_list(struct operand **list, char **operands, const struct cli *cli);

/* Frees the list and its names. */
void operand_free(struct operand *list, size_t n);

#endif

/* operand — the name ends at the first '='. */
#include "base/operand.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

static struct operand split(const char *operand, const struct cli *cli) {
    const char *equals = strchr(operand, '='), *slash = strrchr(operand, '/');
    const char *base = equals || !slash ? operand : slash + 1;
    struct operand o = { mem_strdup(base), equals ? equals + 1 : operand };
    size_t n = strlen(o.name);

    if (equals) o.name[equals - operand] = 0;
    else if (n > 6 && !strcmp(o.name + n - 6, ".jsonl")) o.name[n - 6] = 0;
    if (!utf8_valid(o.name, strlen(o.name))) cli_usage(cli, "a run's name is not UTF-8");
    if (!*o.name || !*o.file) cli_usage(cli, "an operand is name=file or file, not '%s'", operand);
    return o;
}

size_t operand_list(struct operand **list, char **operands, const struct cli *cli) {
    char *only_stdin[] = { "-", NULL };
    size_t n = 0, cap = 0;

    if (!*operands) operands = only_stdin;
    for (*list = NULL; operands[n]; n++) {
        *list = mem_grow(*list, n, &cap, sizeof **list);
        (*list)[n] = split(operands[n], cli);
        for (size_t k = 0; k < n; k++)
            if (!strcmp((*list)[k].name, (*list)[n].name))
                cli_usage(cli, "two runs are named '%s'", (*list)[n].name);
    }
    return n;
}

void operand_free(struct operand *list, size_t n) {
    while (n) free(list[--n].name);
    free(list);
}

/* times — where a program's seconds go: the time since the last lap is put down to a part. For what costs more than
 * a look at the clock, some 30 ns. */
#ifndef IO_TIMES_H
#define IO_TIMES_H

#include "base/err.h"

enum times_part { TIMES_LOAD, TIMES_JSON, TIMES_WORK, TIMES_SAVE, TIMES_PARTS };

struct times {
    double seconds[TIMES_PARTS];
    double last;                /* when the last lap ended */
};

/* The first lap begins. */
struct times times_start(void);

/* Ends a lap, which was spent on this part. */
void times_lap(struct times *t, enum times_part part);

/* Adds {"program","load","json","work","save"} to a file of records. Returns 0 or -1; 0, too, without a file. */
int times_append(const struct times *t, const char *program, const char *file, struct err *err);

#endif

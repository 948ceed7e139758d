/* profile — where a program's seconds go: the time since the last lap is put down to a part. For what costs more than
 * a look at the clock, some 30 ns. */
#ifndef IO_PROFILE_H
#define IO_PROFILE_H

#include "base/err.h"

enum profile_part { PROFILE_LOAD, PROFILE_JSON, PROFILE_WORK, PROFILE_SAVE, PROFILE_PARTS };

struct profile {
    double seconds[PROFILE_PARTS];
    double last;                /* when the last lap ended */
};

/* The first lap begins. */
struct profile profile_start(void);

/* Ends a lap, which was spent on this part. */
void profile_lap(struct profile *p, enum profile_part part);

/* Adds {"program","load","json","work","save"} to a file of records. Returns 0 or -1; 0, too, without a file. */
int profile_append(const struct profile *p, const char *program, const char *file, struct err *err);

#endif

/* cores — how many threads pay: the physical cores this process may run on, within its share of time. */
#ifndef BASE_CORES_H
#define BASE_CORES_H

#include <stdbool.h>

enum { CORES_MOST = 1024 };

/* Of the processors allowed[CORES_MOST], two threads of one core count once; a limit on the control group's time
 * (cpu.max, or cpu.cfs_quota_us of the older kind; its parents', too) rounds down to whole cores. At least 1.
 * Files of /sys and /proc are looked for under `root`; what is not there limits nothing. */
int cores_count(const bool *allowed, const char *root);

/* The same for this process and its affinity. */
int cores_usable(void);

#endif

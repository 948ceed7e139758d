/* cores — counted by hand: threads of a core, affinity, limits of both kinds of control groups and of parents. */
#define _GNU_SOURCE
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cores.h"

/* Writes a file under root, its folders too. */
static void put(const char *root, const char *path, const char *text) {
    char name[512];
    FILE *f;

    snprintf(name, sizeof name, "%s%s", root, path);
    for (char *p = strchr(name + strlen(root) + 1, '/'); p; p = strchr(p + 1, '/')) {
        *p = 0;
        mkdir(name, 0777);
        *p = '/';
    }
    f = fopen(name, "w");
    CHECK(f != NULL);
    if (f) fputs(text, f), fclose(f);
}

static int count(const char *root, const char *cpus) {
    bool allowed[CORES_MOST] = { false };

    for (int i = 0; cpus[i]; i++) allowed[i] = cpus[i] == '1';
    return cores_count(allowed, root);
}

int main(void) {
    char root[] = "/tmp/cores.XXXXXX", command[64];

    CHECK(mkdtemp(root) != NULL);
    CHECK(count(root, "11111111") == 8);            /* nothing is known of the machine */
    CHECK(count(root, "") == 1);
    for (int cpu = 0; cpu < 8; cpu++) {
        char path[96], siblings[16];

        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
        if (cpu < 4) snprintf(siblings, sizeof siblings, "%d-%d\n", cpu / 2 * 2, cpu / 2 * 2 + 1);
        else snprintf(siblings, sizeof siblings, "%d,%d\n", cpu % 2 + 4, cpu % 2 + 6);
        put(root, path, siblings);
    }
    CHECK(count(root, "11111111") == 4);
    CHECK(count(root, "01010011") == 4);            /* the second threads alone are cores, too */
    CHECK(count(root, "11000000") == 1);
    CHECK(count(root, "10100000") == 2);

    put(root, "/proc/self/cgroup", "0::/a/b\n");
    CHECK(count(root, "11111111") == 4);
    put(root, "/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
    CHECK(count(root, "11111111") == 4);
    put(root, "/sys/fs/cgroup/a/cpu.max", "250000 100000\n");
    CHECK(count(root, "11111111") == 2);
    put(root, "/sys/fs/cgroup/a/b/cpu.max", "50000 100000\n");
    CHECK(count(root, "11111111") == 1);

    put(root, "/proc/self/cgroup", "4:cpuset:/a\n3:cpu,cpuacct:/a\n0::/\n");
    CHECK(count(root, "11111111") == 4);
    put(root, "/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "-1\n");
    CHECK(count(root, "11111111") == 4);
    put(root, "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "150000\n");
    put(root, "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "50000\n");
    CHECK(count(root, "11111111") == 3);
    put(root, "/proc/self/cgroup", "nonsense\n:\n7:cpuacct:/a\n");
    CHECK(count(root, "11111111") == 4);

    CHECK(cores_usable() >= 1);
    snprintf(command, sizeof command, "rm -r %s", root);
    CHECK(system(command) == 0);
    return 0;
}

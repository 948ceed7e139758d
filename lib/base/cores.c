/* cores — affinity, topology and control groups of Linux. */
#define _GNU_SOURCE
#include "base/cores.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

static FILE *open_under(const char *root, const char *path) {
    struct buf name = { 0 };
    FILE *f;

    buf_printf(&name, "%s%s", root, path);
    f = fopen(buf_text(&name), "re");
    buf_free(&name);
    return f;
}

/* The first line of a file under root, without its end; NULL if there is none. */
static char *read_line(const char *root, const char *path, char *line, int size) {
    FILE *f = open_under(root, path);
    char *got;

    if (!f) return NULL;
    got = fgets(line, size, f);
    fclose(f);
    if (got) line[strcspn(line, "\n")] = 0;
    return got;
}

/* Whether an allowed processor in front of this one belongs to the same core: "0-1" or "0,64". */
static bool core_is_taken(const bool *allowed, const char *root, int cpu) {
    char path[96], line[256], *p = line;

    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
    if (!read_line(root, path, line, sizeof line)) return false;
    while (*p >= '0' && *p <= '9') {
        long from = strtol(p, &p, 10), to = *p == '-' ? strtol(p + 1, &p, 10) : from;

        for (; from <= to && from < cpu; from++)
            if (allowed[from]) return true;
        if (*p == ',') p++;
    }
    return false;
}

/* Cores' worth of time that one control group has. */
static double quota_of(const char *root, const char *dir, bool older) {
    char path[512], line[64];
    double quota = -1, period = 1e5;

    snprintf(path, sizeof path, "%s/%s", dir, older ? "cpu.cfs_quota_us" : "cpu.max");
    if (read_line(root, path, line, sizeof line)) sscanf(line, "%lf %lf", &quota, &period);
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", dir);
    if (older && read_line(root, path, line, sizeof line)) sscanf(line, "%lf", &period);
    return quota > 0 && period > 0 ? quota / period : CORES_MOST;
}

/* The least of a group and its parents. */
static double least_quota(const char *root, const char *controllers, const char *group) {
    char dir[400];
    int mount = snprintf(dir, sizeof dir, "/sys/fs/cgroup%s%s", *controllers ? "/" : "", controllers);
    double least = CORES_MOST;

    if (mount + strlen(group) >= sizeof dir) return least;
    strcpy(dir + mount, group);
    for (char *end = dir + strlen(dir); end >= dir + mount; end = strrchr(dir, '/')) {
        double quota;

        *end = 0;
        quota = quota_of(root, dir, *controllers);
        if (quota < least) least = quota;
    }
    return least;
}

static bool names_cpu(const char *controllers) {
    const char *at = strstr(controllers, "cpu");

    for (; at; at = strstr(at + 1, "cpu"))
        if ((at == controllers || at[-1] == ',') && (!at[3] || at[3] == ',')) return true;
    return !*controllers;
}

/* Lines of /proc/self/cgroup: number:controllers:group. */
static double time_limit(const char *root) {
    FILE *f = open_under(root, "/proc/self/cgroup");
    char line[512];
    double least = CORES_MOST;

    while (f && fgets(line, sizeof line, f)) {
        char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
        double quota;

        if (!group) continue;
        *group++ = 0;
        group[strcspn(group, "\n")] = 0;
        quota = names_cpu(controllers + 1) ? least_quota(root, controllers + 1, group) : CORES_MOST;
        if (quota < least) least = quota;
    }
    if (f) fclose(f);
    return least;
}

int cores_count(const bool *allowed, const char *root) {
    double limit = time_limit(root);
    int n = 0;

    for (int cpu = 0; cpu < CORES_MOST; cpu++) n += allowed[cpu] && !core_is_taken(allowed, root, cpu);
    if (n > limit) n = (int)limit;
    return n > 0 ? n : 1;
}

int cores_usable(void) {
    bool allowed[CORES_MOST] = { true };
    cpu_set_t set;

    if (!sched_getaffinity(0, sizeof set, &set))
        for (int cpu = 0; cpu < CORES_MOST; cpu++) allowed[cpu] = CPU_ISSET((size_t)cpu, &set);
    return cores_count(allowed, "");
}

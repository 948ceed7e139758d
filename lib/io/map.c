/* map — mmap. A page is mapped of an empty file too, and never looked at. */
#define _GNU_SOURCE
#include "io/map.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

void *map_open(const char *path, size_t *size, struct err *err) {
    /* a named pipe without a writer must not hold us */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat s;
    void *map;

    if (fd < 0) {
        err_set(err, "%s: %s", path, strerror(errno));
        return NULL;
    }
    if (fstat(fd, &s) || !S_ISREG(s.st_mode)) {
        close(fd);
        err_set(err, "%s: not a regular file", path);
        return NULL;
    }
    *size = (size_t)s.st_size;
    map = mmap(NULL, *size + !*size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (map != MAP_FAILED) return map;
    err_set(err, "%s: cannot be mapped: %s", path, strerror(errno));
    return NULL;
}

void map_drop(const void *map, const void *bytes, size_t n) {
    if (map) mem_drop(bytes, n);
}

int map_own(void *map, size_t size) {
    return mprotect(map, size, PROT_READ | PROT_WRITE);
}

void map_close(void *map, size_t size) {
    if (map) munmap(map, size + !size);
}

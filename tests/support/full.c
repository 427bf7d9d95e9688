/*
 * Loaded into a server by LD_PRELOAD: while the file named by DUALMASTERD_TEST_FULL is there, a write to a
 * file whose path begins with one of its lines finds no space, as on a disk of its own that is full.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int is_full(int fd)
{
    char link[64], path[4096], line[4096];
    const char *name = getenv("DUALMASTERD_TEST_FULL");
    if (!name || access(name, R_OK) != 0)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0)
        return 0;
    path[length] = 0;
    FILE *file = fopen(name, "re");
    int full = 0;
    while (file && !full && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        full = line[0] && strncmp(path, line, strlen(line)) == 0;
    }
    if (file)
        fclose(file);
    if (full)
        errno = ENOSPC;
    return full;
}

#define NEXT(name) \
    static __typeof__(&name) next; \
    if (!next) \
        next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *bytes, size_t count)
{
    NEXT(write);
    return is_full(fd) ? -1 : next(fd, bytes, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at)
{
    NEXT(pwrite);
    return is_full(fd) ? -1 : next(fd, bytes, count, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at)
{
    NEXT(pwrite64);
    return is_full(fd) ? -1 : next(fd, bytes, count, at);
}

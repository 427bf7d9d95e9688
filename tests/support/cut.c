/*
 * Loaded into dualmasterd by LD_PRELOAD: kills it at a begin record, after the record and before the
 * effect. While the file named by DUALMASTERD_TEST_CUT holds a number N, the N-th line written to a
 * history.jsonl since the file appeared is the last thing that the daemon does.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int is_history(int fd)
{
    static const char name[] = "/history.jsonl";
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < (ssize_t)sizeof name - 1)
        return 0;
    path[length] = 0;
    return strcmp(path + length - (sizeof name - 1), name) == 0;
}

static long wanted(void)
{
    const char *path = getenv("DUALMASTERD_TEST_CUT");
    FILE *file = path ? fopen(path, "re") : NULL;
    long number = 0;
    if (file) {
        if (fscanf(file, "%ld", &number) != 1)
            number = 0;
        fclose(file);
    }
    return number;
}

ssize_t write(int fd, const void *bytes, size_t count)
{
    static ssize_t (*next)(int, const void *, size_t);
    static long seen;
    if (!next)
        next = (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    ssize_t written = next(fd, bytes, count);
    if (is_history(fd)) {
        long number = wanted();
        seen = number > 0 ? seen + 1 : 0;
        if (number > 0 && seen == number)
            kill(getpid(), SIGKILL);
    }
    return written;
}

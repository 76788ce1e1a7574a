/* fork and exec, and /proc. */
#include "server/commands/bench/process.h"

#include "server/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

pid_t vv_process_start(char *const argv[], int *out, const char *log) {
    int ends[2] = {-1, -1};
    if (pipe2(ends, O_CLOEXEC))
        return -errno;
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent)
            _exit(1); /* we were gone before the line above */
        int error = log ? open(log, O_WRONLY | O_CREAT | O_TRUNC, 0644) : -1;
        dup2(ends[1], STDOUT_FILENO);
        if (error >= 0)
            dup2(error, STDERR_FILENO);
        execv("/proc/self/exe", argv);
        _exit(127);
    }
    int failure = errno;
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return -failure;
    }
    *out = ends[0];
    return pid;
}

static int status_of(int status) {
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int vv_process_stop(pid_t pid, double seconds) {
    int status = 0;
    const struct timespec nap = {.tv_nsec = 10000000};
    kill(pid, SIGTERM);
    for (VvTime end = vv_now() + (VvTime)(seconds * 1e6); vv_now() < end; nanosleep(&nap, NULL))
        if (waitpid(pid, &status, WNOHANG) == pid)
            return status_of(status);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return status_of(status);
}

bool vv_ready_url(const char *line, char *url, size_t size) {
    static const char *const schemes[] = {"ws://", "wss://", "http://", "https://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        const char *at = strstr(line, schemes[i]);
        if (!at)
            continue;
        at += strlen(schemes[i]);
        size_t length = strcspn(at, "/ \t\r\n,;)\"'");
        int wrote = snprintf(url, size, "%s://%.*s/v1/session", i % 2 ? "wss" : "ws", (int)length, at);
        return length && wrote > 0 && (size_t)wrote < size;
    }
    return false;
}

int vv_process_ready(int fd, double seconds, char *url, size_t size) {
    char text[4096];
    size_t used = 0;
    VvTime end = vv_now() + (VvTime)(seconds * 1e6);
    for (;;) {
        struct pollfd waits = {.fd = fd, .events = POLLIN};
        VvTime left = end - vv_now();
        int ready = left > 0 ? poll(&waits, 1, (int)(left / VV_MS) + 1) : 0;
        if (ready == 0)
            return -ETIMEDOUT;
        if (ready < 0 && errno == EINTR)
            continue;
        ssize_t got = read(fd, text + used, sizeof text - 1 - used);
        if (got <= 0)
            return -EPIPE;
        used += (size_t)got;
        text[used] = 0;
        char *line = text, *stop;
        for (; (stop = strchr(line, '\n')); line = stop + 1) {
            *stop = 0;
            if (vv_ready_url(line, url, size))
                return 0;
        }
        used = strlen(line);
        memmove(text, line, used + 1);
        if (used == sizeof text - 1)
            used = 0;
    }
}

bool vv_usage_parse(const char *text, double tick, double page, VvUsage *usage) {
    /* The name in brackets may hold anything, brackets too: the fields begin behind the last one. */
    const char *fields = strrchr(text, ')');
    unsigned long long user, system;
    long threads, pages;
    if (!fields ||
        sscanf(fields + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %ld %*d %*u %*u %ld",
               &user, &system, &threads, &pages) != 4)
        return false;
    usage->cpu_seconds = (double)(user + system) / tick;
    usage->rss_bytes = (double)pages * page;
    usage->threads = (int)threads;
    return true;
}

bool vv_process_usage(pid_t pid, VvUsage *usage) {
    char path[64], text[1024];
    if (pid <= 0)
        return false;
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    if (fd >= 0)
        close(fd);
    if (got <= 0)
        return false;
    text[got] = 0;
    return vv_usage_parse(text, (double)sysconf(_SC_CLK_TCK), (double)sysconf(_SC_PAGESIZE), usage);
}

/* Other processes: the daemon that the benchmark starts, and what a process on this machine uses. */
#ifndef VV_PROCESS_H
#define VV_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Starts this very program with other arguments (argv[0] included, NULL at the end). Its standard output is the pipe
 * `*out`, its standard error goes to `log` (NULL: as ours). It is told to end when we do. The pid, or -errno. */
pid_t vv_process_start(char *const argv[], int *out, const char *log);

/* Asks it to end, waits at most `seconds`, then kills it. Returns its exit status, or 128 + the signal. */
int vv_process_stop(pid_t pid, double seconds);

/* Finds host:port in a line such as the daemon's when it is ready, and writes ws://host:port/v1/session. Pure. */
bool vv_ready_url(const char *line, char *url, size_t size);

/* Reads lines from `fd` until one has a URL in it, at most `seconds`. 0 or -errno. */
int vv_process_ready(int fd, double seconds, char *url, size_t size);

typedef struct VvUsage {
    double cpu_seconds; /* used so far, all threads */
    double rss_bytes;   /* resident now */
    int threads;
} VvUsage;

/* What a process uses. False if it cannot be read: the process is gone, or on another machine. */
bool vv_process_usage(pid_t pid, VvUsage *usage);

/* Reads the text of /proc/PID/stat. Pure. `tick` is the clock ticks in a second, `page` a page's bytes. */
bool vv_usage_parse(const char *text, double tick, double page, VvUsage *usage);

#endif

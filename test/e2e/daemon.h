/* The real program, started as its users start it. */
#ifndef E2E_DAEMON_H
#define E2E_DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

/* A running `visavis serve`. */
typedef struct Daemon {
    pid_t pid;
    int port;
    bool tls;
    FILE *errors; /* its standard error: the log, and what a sanitizer has to say */
} Daemon;

/* Starts a daemon on any free port of 127.0.0.1 with the page's files, the test pattern, which tests can read, and the
 * options given (strings, at least one; a later one wins), and waits for its ready line. */
#define daemon_start(...) daemon_start_list((const char *const[]){__VA_ARGS__, NULL})
Daemon *daemon_start_list(const char *const options[]);

/* Tells it to stop (SIGTERM), while the peers' loop runs on, and holds it to exit status 0 and silence of sanitizers.
 * Ends every test that began a daemon. */
void daemon_stop(Daemon **daemon);

/* The same without the signal: it is expected to end. */
void daemon_wait(Daemon **daemon);

/* Whether it has ended; then daemon_wait returns at once. */
bool daemon_ended(Daemon *daemon);

void daemon_signal(const Daemon *daemon, int signal);

/* What it uses: resident memory in kilobytes, and open files. */
long daemon_memory(const Daemon *daemon);
int daemon_files(const Daemon *daemon);

/* How many of its log lines contain `text`. */
int daemon_logged(const Daemon *daemon, const char *text);

/* After a failed test: kills what is still there, and shows its log. */
void daemons_kill(void);

/* ---- the other commands ---------------------------------------------------------------------------------------- */

typedef struct Run {
    int status; /* exit status */
    char out[16384], err[16384];
} Run;

/* Runs the program with these arguments (NULL-terminated) and waits for its end, while the peers' loop runs on. With
 * `name` an environment variable is set for it. */
void run_list(Run *run, const char *name, const char *value, const char *const arguments[]);
#define run_visavis(run, ...) run_list(run, NULL, NULL, (const char *const[]){__VA_ARGS__, NULL})

/* ---- files ----------------------------------------------------------------------------------------------------- */

/* A fresh folder, removed with its contents when the program ends. */
const char *scratch_folder(void);

/* Path of `name` in the scratch folder; good until the next few calls. */
const char *scratch_path(const char *name);

/* Writes a file there and returns its path. */
const char *scratch_write(const char *name, const char *text);

/* Runs a shell command and expects success. */
void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif

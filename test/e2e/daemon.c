/* See daemon.h. */
#include "test/e2e/daemon.h"

#include "test/e2e/loop.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define DAEMONS_MAX 4
#define ARGUMENTS_MAX 48

static Daemon *daemons[DAEMONS_MAX];

static const char *program(void) {
    const char *path = getenv("VISAVIS");
    if (!path)
        fail_msg("VISAVIS must name the program: VISAVIS=build/visavis %s", "build/test/e2e/call_test");
    return path;
}

/* ---- processes ------------------------------------------------------------------------------------------------- */

/* In the child. It dies with this program, so that a broken test leaves nothing behind. */
static void become(const char *const argv[], int out, int err) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (out >= 0)
        dup2(out, STDOUT_FILENO);
    if (err >= 0)
        dup2(err, STDERR_FILENO);
    char *copy[ARGUMENTS_MAX + 8];
    int count = 0;
    for (; argv[count] && count < ARGUMENTS_MAX + 7; count++)
        copy[count] = strdup(argv[count]);
    copy[count] = NULL;
    execv(copy[0], copy);
    _exit(127);
}

static FILE *new_file(void) {
    FILE *file = tmpfile();
    assert_non_null(file);
    return file;
}

/* Reads all of a file that another process wrote. */
static char *contents(FILE *file, size_t *length) {
    struct stat status;
    assert_int_equal(fstat(fileno(file), &status), 0);
    char *text = malloc((size_t)status.st_size + 1);
    assert_non_null(text);
    const ssize_t size = pread(fileno(file), text, (size_t)status.st_size, 0);
    assert_true(size >= 0);
    text[size] = '\0';
    if (length)
        *length = (size_t)size;
    return text;
}

static void expect_no_sanitizer(const char *text) {
    static const char *const words[] = {"AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "runtime error:"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strstr(text, words[i]))
            fail_msg("a sanitizer spoke:\n%s", text);
}

/* ---- the daemon -------------------------------------------------------------------------------------------------- */

static void show_log(const Daemon *daemon) {
    char *text = contents(daemon->errors, NULL);
    print_error("---- log of the daemon on port %d\n%s----\n", daemon->port, text);
    free(text);
}

/* The daemon's ready line, "visavis: serving http://localhost:PORT (...)". */
static void read_ready(Daemon *daemon, int out) {
    char line[512] = "";
    size_t size = 0;
    const VvTime guard = e2e_guard();
    while (!strchr(line, '\n')) {
        struct pollfd wait = {.fd = out, .events = POLLIN};
        ssize_t got = 0;
        if (poll(&wait, 1, 100) > 0)
            got = read(out, line + size, sizeof line - 1 - size);
        else if (vv_now() < guard)
            continue;
        if (got <= 0) {
            show_log(daemon);
            fail_msg("the daemon did not become ready; it said: %s", line);
        }
        size += (size_t)got;
        line[size] = '\0';
    }
    char scheme[8];
    if (sscanf(line, "visavis: serving %7[a-z]://localhost:%d (", scheme, &daemon->port) != 2)
        fail_msg("not a ready line: %s", line);
    daemon->tls = strcmp(scheme, "https") == 0;
}

Daemon *daemon_start_list(const char *const options[]) {
    const char *argv[ARGUMENTS_MAX] = {program(),   "serve",      "--port",   "0",        "--address",
                                       "127.0.0.1", "--web-root", "web-demo", "--avatar", "test-pattern"};
    int slot = 0, count = 10, out[2];
    while (slot < DAEMONS_MAX && daemons[slot])
        slot++;
    assert_true(slot < DAEMONS_MAX);
    for (; *options; options++) {
        assert_true(count < ARGUMENTS_MAX - 1);
        argv[count++] = *options;
    }
    Daemon *daemon = calloc(1, sizeof *daemon);
    assert_non_null(daemon);
    daemons[slot] = daemon;
    daemon->errors = new_file();
    assert_int_equal(pipe(out), 0);
    daemon->pid = fork();
    assert_true(daemon->pid >= 0);
    if (daemon->pid == 0) {
        close(out[0]);
        become(argv, out[1], fileno(daemon->errors));
    }
    close(out[1]);
    read_ready(daemon, out[0]);
    close(out[0]);
    return daemon;
}

static void forget(Daemon *daemon) {
    for (int i = 0; i < DAEMONS_MAX; i++)
        if (daemons[i] == daemon)
            daemons[i] = NULL;
    fclose(daemon->errors);
    free(daemon);
}

bool daemon_ended(Daemon *daemon) {
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)daemon->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == daemon->pid;
}

static bool ended(void *arg) {
    return daemon_ended(arg);
}

void daemon_wait(Daemon **owned) {
    Daemon *daemon = *owned;
    int status;
    e2e_until(ended, daemon, "the daemon's end");
    assert_int_equal(waitpid(daemon->pid, &status, 0), daemon->pid);
    daemon->pid = 0;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("the daemon ended with %s %d", WIFEXITED(status) ? "status" : "signal",
                 WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    char *text = contents(daemon->errors, NULL);
    expect_no_sanitizer(text);
    free(text);
    *owned = NULL;
    forget(daemon);
}

void daemon_stop(Daemon **daemon) {
    daemon_signal(*daemon, SIGTERM);
    daemon_wait(daemon);
}

void daemon_signal(const Daemon *daemon, int signal) {
    assert_int_equal(kill(daemon->pid, signal), 0);
}

void daemons_kill(void) {
    for (int i = 0; i < DAEMONS_MAX; i++) {
        Daemon *daemon = daemons[i];
        if (!daemon)
            continue;
        if (daemon->pid > 0) {
            kill(daemon->pid, SIGKILL);
            waitpid(daemon->pid, NULL, 0);
        }
        show_log(daemon);
        forget(daemon);
    }
}

long daemon_memory(const Daemon *daemon) {
    char path[64], line[256];
    long kilobytes = -1;
    snprintf(path, sizeof path, "/proc/%d/status", (int)daemon->pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "VmRSS: %ld kB", &kilobytes) == 1)
            break;
    fclose(file);
    assert_true(kilobytes > 0);
    return kilobytes;
}

int daemon_files(const Daemon *daemon) {
    char path[64];
    int count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)daemon->pid);
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder));)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

int daemon_logged(const Daemon *daemon, const char *text) {
    char *log = contents(daemon->errors, NULL);
    int count = 0;
    for (const char *at = log; (at = strstr(at, text)); at += strlen(text))
        count++;
    free(log);
    return count;
}

/* ---- the other commands ------------------------------------------------------------------------------------------ */

static void copy_contents(FILE *file, char *to, size_t room) {
    size_t size;
    char *text = contents(file, &size);
    if (size >= room)
        size = room - 1;
    memcpy(to, text, size);
    to[size] = '\0';
    free(text);
    fclose(file);
}

void run_list(Run *run, const char *name, const char *value, const char *const arguments[]) {
    const char *argv[ARGUMENTS_MAX] = {program()};
    FILE *out = new_file(), *err = new_file();
    for (int i = 0; arguments[i]; i++) {
        assert_true(i < ARGUMENTS_MAX - 2);
        argv[i + 1] = arguments[i];
    }
    Daemon process = {.pid = fork()};
    assert_true(process.pid >= 0);
    if (process.pid == 0) {
        if (name)
            setenv(name, value, 1);
        become(argv, fileno(out), fileno(err));
    }
    int status;
    e2e_until(ended, &process, argv[1]);
    assert_int_equal(waitpid(process.pid, &status, 0), process.pid);
    run->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    copy_contents(out, run->out, sizeof run->out);
    copy_contents(err, run->err, sizeof run->err);
    expect_no_sanitizer(run->err);
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static char folder[64];

static void remove_folder(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command))
        fprintf(stderr, "%s is left behind\n", folder);
}

const char *scratch_folder(void) {
    if (!folder[0]) {
        snprintf(folder, sizeof folder, "%s", "/tmp/visavis-e2e-XXXXXX");
        assert_non_null(mkdtemp(folder));
        atexit(remove_folder);
    }
    return folder;
}

const char *scratch_path(const char *name) {
    static char paths[8][256];
    static int next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", scratch_folder(), name);
    return path;
}

const char *scratch_write(const char *name, const char *text) {
    const char *path = scratch_path(name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    return path;
}

void shell(const char *format, ...) {
    char command[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    const int status = system(command);
    if (status != 0)
        fail_msg("status %d: %s", status, command);
}

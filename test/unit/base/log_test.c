/* The log: its lines, its levels, many threads, and what it does when it cannot keep up. Standard error is a pipe here.
 */
#include "server/base/log.h"
#include "server/base/metrics.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int kept, pipe_ends[2];
static char *text;
static size_t text_size;

static int catch (void **state) {
    (void)state;
    kept = dup(STDERR_FILENO);
    if (kept < 0 || pipe(pipe_ends) || dup2(pipe_ends[1], STDERR_FILENO) < 0)
        return -1;
    close(pipe_ends[1]);
    text = calloc(1, 1 << 22);
    text_size = 0;
    return text ? 0 : -1;
}

static int release(void **state) {
    (void)state;
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(pipe_ends[0]);
    free(text);
    return 0;
}

/* All that was written; the log must be closed. */
static void *read_all(void *unused) {
    ssize_t got;
    while ((got = read(pipe_ends[0], text + text_size, (1 << 22) - 1 - text_size)) > 0)
        text_size += (size_t)got;
    text[text_size] = '\0';
    return unused;
}

/* Lets the reader see the end, and puts standard error back. */
static void finish(void) {
    dup2(kept, STDERR_FILENO);
}

static void test_text_lines(void **state) {
    (void)state;
    assert_int_equal(vv_log_open(VV_LOG_INFO, false), 0);
    vv_log(VV_LOG_DEBUG, "net", "not shown");
    vv_log(VV_LOG_INFO, "net", "port %d", 8080);
    vv_log(VV_LOG_ERROR, "session", "two\nlines and \x1b[31m colour");
    vv_log_close();
    finish();
    read_all(NULL);
    assert_null(strstr(text, "not shown"));
    const char *first = text, *second = strchr(text, '\n') + 1;
    /* 2026-01-02T03:04:05.678Z info    net      port 8080 */
    assert_int_equal(first[10], 'T');
    assert_int_equal(first[19], '.');
    assert_memory_equal(first + 23, "Z info    net      port 8080\n", 29);
    assert_string_equal(second + 23, "Z error   session  two?lines and ?[31m colour\n");
}

static void test_json_lines(void **state) {
    (void)state;
    assert_int_equal(vv_log_open(VV_LOG_DEBUG, true), 0);
    vv_log(VV_LOG_DEBUG, "net", "said \"no\" \\ and\tleft");
    vv_log_close();
    finish();
    read_all(NULL);
    assert_memory_equal(text, "{\"time\":\"", 9);
    assert_string_equal(text + 9 + 24, "\",\"level\":\"debug\",\"part\":\"net\",\"text\":\"said \\\"no\\\" \\\\ "
                                       "and\\u0009left\"}\n");
}

static void test_long_lines_are_cut(void **state) {
    (void)state;
    char longer[2000];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(vv_log_open(VV_LOG_INFO, false), 0);
    vv_log(VV_LOG_INFO, "a part with a long name", "%s", longer);
    vv_log_close();
    finish();
    read_all(NULL);
    assert_true(text_size > 400 && text_size < 600);
    assert_int_equal(text[text_size - 1], '\n');
}

static void test_without_a_writer(void **state) {
    (void)state;
    vv_log(VV_LOG_WARNING, "serve", "early");
    finish();
    read_all(NULL);
    assert_non_null(strstr(text, "Z warning serve    early\n"));
}

static void test_levels(void **state) {
    (void)state;
    assert_int_equal(vv_log_level("debug"), VV_LOG_DEBUG);
    assert_int_equal(vv_log_level("info"), VV_LOG_INFO);
    assert_int_equal(vv_log_level("warning"), VV_LOG_WARNING);
    assert_int_equal(vv_log_level("error"), VV_LOG_ERROR);
    assert_int_equal(vv_log_level("loud"), -1);
    assert_int_equal(vv_log_level(""), -1);
}

/* ---- many threads -------------------------------------------------------------------------------------- */

enum { THREADS = 4, LINES = 3000 };

static void *write_lines(void *name) {
    for (int i = 0; i < LINES; i++)
        vv_log(VV_LOG_INFO, "test", "%s %d", (const char *)name, i);
    return NULL;
}

/* Every line comes once, in its thread's order, or is counted as dropped; and the log says how many were. */
static void test_many_threads(void **state) {
    (void)state;
    static char names[THREADS][8];
    pthread_t threads[THREADS], reader;
    int last[THREADS], shown = 0;
    unsigned long long told = 0;
    const uint64_t before = vv_counter(VV_COUNTER_LOG_DROPPED);
    assert_int_equal(vv_log_open(VV_LOG_INFO, false), 0);
    assert_int_equal(pthread_create(&reader, NULL, read_all, NULL), 0);
    for (int i = 0; i < THREADS; i++) {
        last[i] = -1;
        snprintf(names[i], sizeof names[i], "t%d", i);
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, names[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    vv_log_close();
    finish();
    pthread_join(reader, NULL);
    const uint64_t dropped = vv_counter(VV_COUNTER_LOG_DROPPED) - before;
    for (char *rest = text, *line; (line = strsep(&rest, "\n")) && *line;) {
        int thread, number;
        unsigned long long lines;
        const char *message = strstr(line, " test     t"), *lost = strstr(line, " log      ");
        if (message && sscanf(message, " test t%d %d", &thread, &number) == 2) {
            assert_true(thread >= 0 && thread < THREADS && number > last[thread]);
            last[thread] = number;
            shown++;
        } else {
            assert_non_null(lost);
            assert_int_equal(sscanf(lost, " log %llu lines were dropped here", &lines), 1);
            told += lines;
        }
    }
    assert_int_equal((uint64_t)shown + dropped, THREADS * LINES);
    assert_int_equal(told, dropped);
}

/* Nobody reads standard error: no caller waits, what does not fit is dropped and counted, and said afterwards. */
static void test_nobody_reads(void **state) {
    (void)state;
    enum { MANY = 5000 };
    char long_line[400];
    pthread_t reader;
    memset(long_line, 'y', sizeof long_line - 1);
    long_line[sizeof long_line - 1] = '\0';
    const uint64_t before = vv_counter(VV_COUNTER_LOG_DROPPED);
    assert_int_equal(vv_log_open(VV_LOG_INFO, false), 0);
    for (int i = 0; i < MANY; i++)
        vv_log(VV_LOG_INFO, "test", "%d %s", i, long_line);
    const uint64_t dropped = vv_counter(VV_COUNTER_LOG_DROPPED) - before;
    assert_true(dropped > 1000); /* a pipe's 64 KiB and 1024 slots are all that is kept */
    assert_int_equal(pthread_create(&reader, NULL, read_all, NULL), 0);
    vv_log_close();
    finish();
    pthread_join(reader, NULL);
    uint64_t told = 0;
    for (const char *at = text; (at = strstr(at, " log      "));) {
        at += 10;
        told += strtoull(at, NULL, 10);
    }
    assert_int_equal(told, dropped);
    assert_non_null(strstr(text, " test     0 y")); /* the oldest were kept */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_text_lines, catch, release),
        cmocka_unit_test_setup_teardown(test_json_lines, catch, release),
        cmocka_unit_test_setup_teardown(test_long_lines_are_cut, catch, release),
        cmocka_unit_test_setup_teardown(test_without_a_writer, catch, release),
        cmocka_unit_test(test_levels),
        cmocka_unit_test_setup_teardown(test_many_threads, catch, release),
        cmocka_unit_test_setup_teardown(test_nobody_reads, catch, release),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}

/* Starting: options from everywhere, and one clear line for everything that stands in the way. */
#include "test/e2e/loop.h"
#include "test/e2e/peer.h"
#include "test/e2e/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static Run run;

static int lines(const char *text) {
    int count = 0;
    for (; *text; text++)
        count += *text == '\n';
    return count;
}

/* The last run ended with this status and one line on standard error, with these words in it. */
static void expect_refusal(int status, const char *words) {
    if (run.status != status || lines(run.err) != 1 || !strstr(run.err, words))
        fail_msg("status %d, expected %d and one line with \"%s\":\n%s", run.status, status, words, run.err);
    assert_string_equal(run.out, "");
}

#define refuse(status, words, ...)                                                                                     \
    do {                                                                                                               \
        run_visavis(&run, "serve", "--port=0", "--avatar=test-pattern", __VA_ARGS__);                                  \
        expect_refusal(status, words);                                                                                 \
    } while (0)

static void what_stands_in_the_way(void **state) {
    (void)state;
    const char *file = scratch_write("file", "not what it should be, but long enough to be a secret\n");
    const char *none = scratch_path("none");
    refuse(1, none, "--web-root", none);
    refuse(1, file, "--web-root", file);
    refuse(1, "certificate", "--web-root=web-demo", "--tls-cert", none, "--tls-key", file);
    refuse(1, "certificate", "--web-root=web-demo", "--tls-cert", file, "--tls-key", file);
    refuse(1, "--tls-key", "--web-root=web-demo", "--tls-cert", file);
    refuse(1, none, "--web-root=web-demo", "--token-secret-file", none);
    refuse(1, "shorter than", "--web-root=web-demo", "--token-secret-file", scratch_write("short", "abc\n"));
    refuse(1, "RSA", "--web-root=web-demo", "--token-public-file", file);
    refuse(1, "either", "--web-root=web-demo", "--token-public-file", file, "--token-secret-file", file);
    refuse(1, "origin", "--web-root=web-demo", "--origins=call.example.org");
    refuse(1, "192.0.2.1", "--web-root=web-demo", "--address=192.0.2.1", "--token-secret-file", file);
    refuse(1, "not an IP address", "--web-root=web-demo", "--address=nowhere", "--token-secret-file", file);
    refuse(1, "only this machine", "--web-root=web-demo", "--address=192.0.2.1");
    refuse(1, "even", "--web-root=web-demo", "--width=255");
    refuse(1, "there are: model, test-pattern", "--web-root=web-demo", "--avatar=nobody");
    refuse(1, none, "--web-root=web-demo", "--avatar=model", "--weights", none);
    refuse(1, "no kernels \"abacus\"", "--web-root=web-demo", "--avatar=model", "--kernels=abacus");
}

static void a_port_in_use(void **state) {
    (void)state;
    char port[32];
    Daemon *daemon = daemon_start("--workers=2");
    Peer *witness = peer_join(daemon, "{\"type\":\"session.start\",\"role\":\"viewer\"}");
    snprintf(port, sizeof port, "--port=%d", daemon->port);
    run_visavis(&run, "serve", port, "--avatar=test-pattern", "--web-root=web-demo");
    expect_refusal(1, "is in use by another program");
    peer_expect_well(witness, daemon);
    peer_leave(witness);
    daemon_stop(&daemon);
}

static void wrong_command_lines(void **state) {
    (void)state;
    refuse(2, "--wings", "--wings");
    refuse(2, "stray", "stray");
    refuse(2, "--width", "--width");
    refuse(2, "width", "--width=wide");
    refuse(2, "width", "--width=9999");
    refuse(2, "capacity", "--capacity=-1");
    refuse(2, "capacity", "--capacity=12x");
    refuse(2, "log-level", "--log-level=loud");
    refuse(2, "demo", "--demo=perhaps");
    refuse(2, "none", "--config", scratch_path("none"));
    refuse(2, "line 2", "--config", scratch_write("c1", "# a comment\nwings = 2\n"));
    refuse(2, "line 1", "--config", scratch_write("c2", "width\n"));
    refuse(2, "line 3", "--config", scratch_write("c3", "width = 128\n\nheight = tall\n"));
    run_visavis(&run, "dance");
    assert_int_equal(run.status, 2);
    assert_non_null(strstr(run.err, "there is no command \"dance\""));
    run_list(&run, NULL, NULL, (const char *const[]){NULL});
    assert_int_equal(run.status, 2);
    assert_string_equal(run.out, "");
    static const char *const commands[] = {"serve", "render", "assistant", "bench", "doctor", "token"};
    run_visavis(&run, "--help");
    assert_int_equal(run.status, 0);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        Run help;
        assert_non_null(strstr(run.out, commands[i]));
        run_visavis(&help, commands[i], "--help");
        if (help.status != 0 || help.err[0] || !strstr(help.out, "usage: visavis "))
            fail_msg("%s --help: status %d\n%s%s", commands[i], help.status, help.out, help.err);
        run_visavis(&help, commands[i], "--wings");
        if (help.status != 2 || lines(help.err) != 1 || help.out[0])
            fail_msg("%s --wings: status %d\n%s%s", commands[i], help.status, help.out, help.err);
    }
    run_visavis(&run, "--version");
    assert_int_equal(run.status, 0);
    assert_int_equal(strncmp(run.out, "visavis ", 8), 0);
}

/* ---- where options come from ---------------------------------------------------------------------------------------
 */

/* Starts a daemon and expects its pictures to be so wide. */
static void expect_width(int64_t width, const char *config, const char *option) {
    Daemon *daemon = option ? daemon_start("--config", config, option) : daemon_start("--config", config);
    Peer *viewer = peer_join(daemon, "{\"type\":\"session.start\",\"role\":\"viewer\"}");
    assert_int_equal(peer_message(viewer, VV_MSG_SESSION_READY, 0)->message->body.SessionReady.video_width, width);
    peer_await_more(viewer, 2);
    peer_leave(viewer);
    daemon_stop(&daemon);
}

static void configurations(void **state) {
    (void)state;
    run_visavis(&run, "serve", "--print-config");
    assert_int_equal(run.status, 0);
    assert_string_equal(run.err, "");
    assert_non_null(strstr(run.out, "\n#width = 256\n"));
    const char *sample = scratch_write("sample", run.out), *full = scratch_path("full");
    const char *file = scratch_path("file.conf");
    expect_width(256, sample, NULL);
    shell("sed -E 's/^#([a-z-]+ = .+)/\\1/' '%s' >'%s' && grep -q '^capacity = 0' '%s'", sample, full, full);
    expect_width(256, full, NULL); /* every default, written out */
    shell("sed -E 's/^#width = .*/width = 128/' '%s' >'%s'", sample, file);
    /* Default, file, environment, command line: the later wins. */
    expect_width(128, file, NULL);
    setenv("VISAVIS_WIDTH", "192", 1);
    expect_width(192, file, NULL);
    expect_width(224, file, "--width=224");
    setenv("VISAVIS_WIDTH", "narrow", 1);
    refuse(2, "VISAVIS_WIDTH", "--web-root=web-demo");
    unsetenv("VISAVIS_WIDTH");
}

/* The port from the environment: taken by the daemon, and so found in use by a second one. */
static void the_environment(void **state) {
    (void)state;
    char port[16];
    Daemon *daemon = daemon_start("--workers=2");
    snprintf(port, sizeof port, "%d", daemon->port);
    run_list(&run, "VISAVIS_PORT", port,
             (const char *const[]){"serve", "--avatar=test-pattern", "--web-root=web-demo", NULL});
    expect_refusal(1, port);
    daemon_stop(&daemon);
}

/* Pictures of other sizes than the usual. */
static void sizes(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--width=512", "--height=384", "--log-json", "--log-level=debug");
    Peer *viewer = peer_join(daemon, "{\"type\":\"session.start\",\"role\":\"viewer\"}");
    const VvSessionReady *ready = &peer_message(viewer, VV_MSG_SESSION_READY, 0)->message->body.SessionReady;
    assert_int_equal(ready->video_width, 512);
    assert_int_equal(ready->video_height, 384);
    peer_await_more(viewer, 5);
    assert_true(daemon_logged(daemon, "{\"") > 0);
    peer_leave(viewer);
    daemon_stop(&daemon);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        e2e_test(what_stands_in_the_way), e2e_test(a_port_in_use),   e2e_test(wrong_command_lines),
        e2e_test(configurations),         e2e_test(the_environment), e2e_test(sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* TLS: calls over wss, and a certificate that is replaced while they go on. */
#include "test/e2e/loop.h"
#include "test/e2e/peer.h"
#include "test/e2e/sight.h"
#include "test/e2e/wire.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define BOTH "{\"type\":\"session.start\",\"role\":\"both\",\"session\":\"s\"}"

/* A key and a certificate that it signed itself, in the files that the daemon was given. */
static void make_certificate(const char *name) {
    const char *key = scratch_path("key.pem"), *cert = scratch_path("cert.pem");
    shell("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj '/CN=%s' "
          "-addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' -keyout '%s' -out '%s' 2>/dev/null",
          name, key, cert);
}

static Daemon *start(void) {
    return daemon_start("--tls-cert", scratch_path("cert.pem"), "--tls-key", scratch_path("key.pem"));
}

/* What a client's command prints, given this to send. */
static const char *client(const Daemon *daemon, const char *request, const char *options, const char *filter) {
    static char text[16384];
    char command[2048];
    snprintf(command, sizeof command, "printf '%s' | timeout 60 openssl s_client -connect 127.0.0.1:%d %s 2>&1 %s",
             request, daemon->port, options, filter);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    text[fread(text, 1, sizeof text - 1, pipe)] = '\0';
    pclose(pipe);
    return text;
}

/* Whether a new connection is shown the certificate of this name. */
typedef struct Shown {
    const Daemon *daemon;
    const char *name;
} Shown;

static bool is_shown(void *arg) {
    const Shown *shown = arg;
    char subject[128];
    snprintf(subject, sizeof subject, "subject=CN = %s\n", shown->name);
    return strstr(client(shown->daemon, "", "", "| openssl x509 -noout -subject"), subject) != NULL;
}

static void calls_over_tls(void **state) {
    (void)state;
    make_certificate("first");
    Daemon *daemon = start();
    assert_true(daemon->tls);
    Peer *both = peer_join(daemon, BOTH);
    const uint32_t said = peer_say(both, VV_SPEECH_OPUS, 48000, 1);
    peer_await(both, VV_MSG_PLAYBACK_FINISHED, 1);
    peer_await_more(both, 2);
    assert_int_equal(peer_finished(both, said)->message->body.PlaybackFinished.position_ms, 1000);
    peer_check_media(both);
    Sight *sight = sight_open(both);
    assert_true(sight_mouth(sight, said).now >= 0.95);
    sight_close(&sight);
    const char *answer = client(daemon, "GET /healthz HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n",
                                "-quiet -verify_quiet", "");
    assert_non_null(strstr(answer, "HTTP/1.1 200 OK"));
    assert_non_null(strstr(answer, "\r\n\r\nok\n"));
    peer_leave(both);
    daemon_stop(&daemon);
}

/* Who speaks no TLS to a port with TLS is hung up on. */
static void only_tls(void **state) {
    (void)state;
    make_certificate("first");
    Daemon *daemon = start();
    Peer *both = peer_join(daemon, BOTH);
    static Reply reply;
    http_request(&reply, daemon, "GET", "/healthz", "");
    assert_true(reply.status == 0 || reply.status >= 300);
    static const char rubbish[] = "\x16\x03\x01\xff\xff rubbish that begins as a handshake does";
    const int fd = wire_connect(daemon, 0);
    wire_send(fd, rubbish, sizeof rubbish);
    peer_await_more(both, 3);
    close(fd);
    peer_await_more(both, 3);
    assert_true(is_shown(&(Shown){daemon, "first"}));
    peer_leave(both);
    daemon_stop(&daemon);
}

static void certificates_are_replaced(void **state) {
    (void)state;
    make_certificate("first");
    Daemon *daemon = start();
    Shown first = {daemon, "first"}, second = {daemon, "second"};
    Peer *early = peer_join(daemon, BOTH);
    assert_true(is_shown(&first));
    const uint32_t said = peer_say(early, VV_SPEECH_PCM, 24000, 2);
    peer_await_frames(early, said, 3);
    make_certificate("second");
    assert_true(is_shown(&first)); /* not before it is told */
    daemon_signal(daemon, SIGHUP);
    e2e_until(is_shown, &second, "the new certificate");
    Peer *late = peer_join(daemon, "{\"type\":\"session.start\",\"role\":\"viewer\",\"session\":\"t\"}");
    peer_await_more(late, 3);

    scratch_write("cert.pem", "no certificate\n"); /* what cannot be used changes nothing */
    daemon_signal(daemon, SIGHUP);
    const VvTime guard = e2e_guard();
    while (!daemon_logged(daemon, "certificate not reloaded")) {
        assert_true(vv_now() < guard);
        e2e_turn();
    }
    assert_true(is_shown(&second));
    peer_await(early, VV_MSG_PLAYBACK_FINISHED, 1);
    assert_int_equal(peer_finished(early, said)->message->body.PlaybackFinished.position_ms, 2000);
    assert_false(peer_finished(early, said)->message->body.PlaybackFinished.interrupted);
    peer_check_media(early); /* the old call never noticed */
    peer_leave(early);
    peer_leave(late);
    daemon_stop(&daemon);

    daemon = daemon_start("--workers=2"); /* without TLS the signal means nothing */
    Peer *plain = peer_join(daemon, BOTH);
    daemon_signal(daemon, SIGHUP);
    peer_expect_well(plain, daemon);
    peer_leave(plain);
    daemon_stop(&daemon);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        e2e_test(calls_over_tls),
        e2e_test(only_tls),
        e2e_test(certificates_are_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

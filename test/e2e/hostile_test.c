/* Everyone at once who means no good, beside a call that must not notice: two that flood, one that never reads, one
 * that sends rubbish again and again, one that says nothing, and half a request. Takes as long as the daemon's
 * patience with floods (half a minute): all the others lose theirs within it. */
#include "test/e2e/loop.h"
#include "test/e2e/peer.h"
#include "test/e2e/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* What the daemon may have grown by, at any time and in the end. Sanitizers keep freed memory for a while. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define MEMORY_MOST (512 * 1024)
#else
#define MEMORY_MOST (24 * 1024)
#endif
#define GOOD "{\"type\":\"session.start\",\"role\":\"both\",\"session\":\"good\"}"

/* ---- those who flood --------------------------------------------------------------------------------------------- */

/* The same few messages over and over, as fast as they are taken. */
typedef struct Flood {
    int fd;
    uint8_t *bytes;
    size_t size, at;
    double sent;
    bool over;
    WireEnd end;
} Flood;

static void start_session(int fd, const char *session, const char *more) {
    char start[256];
    const int size = snprintf(start, sizeof start,
                              "{\"type\":\"session.start\",\"role\":\"viewer\",\"session\":\"%s\"%s}", session, more);
    wire_send_frame(fd, WIRE_FINAL | WIRE_TEXT, start, (size_t)size);
}

static Flood flood(const Daemon *daemon, const char *session, int first, const void *message, size_t size, int times) {
    Flood made = {.fd = wire_session(daemon, 0), .bytes = malloc((size_t)times * (size + 14))};
    assert_non_null(made.bytes);
    start_session(made.fd, session, ",\"want\":[]");
    for (int i = 0; i < times; i++)
        made.size += wire_frame(made.bytes + made.size, first, message, size);
    return made;
}

/* One round. What comes back is little, and lies in the socket until the end. */
static void pour(Flood *flooding) {
    static char came[65536];
    if (flooding->over)
        return;
    for (int i = 0; i < 16; i++) {
        const long sent = wire_send_some(flooding->fd, flooding->bytes + flooding->at, flooding->size - flooding->at);
        if (sent <= 0)
            break;
        flooding->at = (flooding->at + (size_t)sent) % flooding->size;
        flooding->sent += (double)sent;
    }
    const ssize_t size = recv(flooding->fd, came, sizeof came, MSG_PEEK);
    if (size > 0 && memmem(came, (size_t)size, "\"fatal\":true", 12)) {
        flooding->end = wire_end(flooding->fd);
        flooding->over = true;
    }
}

static void expect_flood_ended(Flood *flooding) {
    assert_string_equal(flooding->end.error, "rate_limited");
    assert_int_equal(flooding->end.code, 1008);
    free(flooding->bytes);
}

/* ---- the one who sends rubbish -------------------------------------------------------------------------------------
 */

static uint32_t dice(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Rubbish in good frames until the daemon has had enough of it; then rubbish instead of HTTP. */
static void send_rubbish(const Daemon *daemon, uint32_t *state) {
    uint8_t rubbish[600], frames[40 * 614];
    size_t size = 0;
    const int fd = wire_session(daemon, 0);
    start_session(fd, "rubbish", "");
    for (int i = 0; i < 40; i++) {
        const size_t length = dice(state) % sizeof rubbish;
        for (size_t k = 0; k < length; k++)
            rubbish[k] = (uint8_t)dice(state);
        if (length > 3 && i % 2) /* of a version and a kind that are looked at further */
            rubbish[0] = 1, rubbish[1] = (uint8_t)(1 + dice(state) % 3);
        size += wire_frame(frames + size, WIRE_FINAL | (i % 2 ? WIRE_BINARY : WIRE_TEXT), rubbish, length);
    }
    wire_send(fd, frames, size);
    const WireEnd end = wire_end(fd);
    assert_string_equal(end.error, "too_many_errors");
    assert_int_equal(end.code, 1008);
    const int raw = wire_connect(daemon, 0);
    wire_send(raw, frames, sizeof rubbish);
    wire_await_closed(raw);
    close(raw);
}

/* ---- the good call -------------------------------------------------------------------------------------------------
 */

/* Everything that was sent to it came, in order; and if frame times passed without a frame, it was told of windows that
 * were late. */
static void check_good(const Peer *good) {
    const int told = peer_messages(good, VV_MSG_STATS);
    assert_true(told > 0);
    const PeerMessage *last = peer_message(good, VV_MSG_STATS, told - 1);
    const VvStats *stats = &last->message->body.Stats;
    int frames = 0, missing = 0;
    const VvFrameHeader *before = NULL;
    for (int i = 0; i < good->frame_count; i++) {
        const PeerFrame *frame = &good->frames[i];
        if (frame->header.kind != VV_KIND_AVATAR_VIDEO)
            continue;
        frames += frame->order < last->order;
        if (before)
            missing += (int)((frame->header.pts - before->pts) / 40000) - 1;
        before = &frame->header;
    }
    print_message("# the good call: %d frames, %d of its frame times without one; windows late: %lld of %lld\n", frames,
                  missing, (long long)stats->windows_late, (long long)stats->windows);
    assert_int_equal(stats->dropped_video, 0);
    assert_int_equal(frames, stats->frames);
    assert_true(missing == 0 || stats->windows_late > 0);
    assert_int_equal(peer_messages(good, VV_MSG_ERROR), 0);
    peer_check_media(good);
}

static void all_at_once(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--output-kbytes=64", "--rate-kbytes=512", "--resume-seconds=1");
    Peer *good = peer_join(daemon, GOOD);
    good->forgets = true;
    uint32_t seed = 20;
    send_rubbish(daemon, &seed);
    peer_await_more(good, 25);
    const long memory = daemon_memory(daemon);
    long most = memory;

    static const char update[] = "{\"type\":\"session.update\"}";
    static uint8_t camera[65536] = {1, 2, 0, 1}; /* a message of kind 2 that waits for a key frame for ever */
    const uint32_t length = sizeof camera - VV_FRAME_HEADER_SIZE;
    memcpy(camera + 20, &length, sizeof length);
    camera[VV_FRAME_HEADER_SIZE] = 1;
    Flood floods[2] = {flood(daemon, "many", WIRE_FINAL | WIRE_TEXT, update, strlen(update), 200),
                       flood(daemon, "much", WIRE_FINAL | WIRE_BINARY, camera, sizeof camera, 4)};
    const int deaf = wire_session(daemon, 4096), silent = wire_session(daemon, 0), half = wire_connect(daemon, 0);
    start_session(deaf, "deaf", ",\"video\":{\"width\":512,\"height\":512,\"kbps\":4000}");
    wire_send(half, "GET / HTTP/1.1\r\nHost: ", 22);

    const VvTime guard = e2e_guard();
    for (int round = 0; !floods[0].over || !floods[1].over; round++) {
        assert_true(vv_now() < guard);
        pour(&floods[0]);
        pour(&floods[1]);
        if (round % 200 == 0)
            send_rubbish(daemon, &seed);
        if (round % 500 == 0)
            peer_say(good, VV_SPEECH_PCM, 16000, 0.5);
        const long now = daemon_memory(daemon);
        most = now > most ? now : most;
        e2e_turn();
    }
    expect_flood_ended(&floods[0]);
    expect_flood_ended(&floods[1]);
    assert_true(metric(daemon, "throttled_total") > 10);
    const WireEnd end = wire_end(silent);
    assert_string_equal(end.error, "not_started");
    assert_int_equal(end.code, 1008);
    wire_await_closed(half);
    close(half);
    metric_at_least(daemon, "slow_clients_total", 1);
    metric_until(daemon, "connections", 1); /* all are gone but the good one */
    metric_until(daemon, "sessions", 1);
    close(deaf);
    print_message("# floods: %.0f and %.0f kB were taken; memory: %ld kB, %ld at most, %ld in the end\n",
                  floods[0].sent / 1e3, floods[1].sent / 1e3, memory, most, daemon_memory(daemon));
    assert_true(most - memory < MEMORY_MOST);
    peer_await(good, VV_MSG_PLAYBACK_FINISHED, (int)good->utterance);
    peer_await(good, VV_MSG_STATS, peer_messages(good, VV_MSG_STATS) + 1);
    check_good(good);
    peer_expect_well(good, daemon);
    peer_leave(good);
    daemon_stop(&daemon);
}

int main(void) {
    const struct CMUnitTest tests[] = {e2e_test(all_at_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Everyone at once who means no good, beside a call that must not notice: two that flood, one that never reads, one
 * that sends rubbish again and again, one that says nothing, and half a request. Takes as long as the daemon's
 * patience with floods (half a minute): all the others lose theirs within it. */
#include "test/e2e/loop.h"
#include "test/e2e/peer.h"
#include "test/e2e/wire.h"

#include <errno.h>
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
#define MEMORY_MOST (32 * 1024)
#endif
#define GOOD "{\"type\":\"session.start\",\"role\":\"both\",\"session\":\"good\"}"

/* ---- those who flood --------------------------------------------------------------------------------------------- */

/* The same few messages over and over, as fast as they are taken. */
typedef struct Flood {
    int fd; /* -1: it was hung up on */
    uint8_t *bytes;
    size_t size, at;
    double sent;
    uint8_t came[65536]; /* all that came back: it asks for nothing, so that is little */
    size_t came_size;
} Flood;

static void start_session(int fd, const char *session, const char *more) {
    char start[256];
    const int size = snprintf(start, sizeof start,
                              "{\"type\":\"session.start\",\"role\":\"viewer\",\"session\":\"%s\"%s}", session, more);
    wire_send_frame(fd, WIRE_FINAL | WIRE_TEXT, start, (size_t)size);
}

static void start_flood(Flood *flood, const Daemon *daemon, const char *session, int first, const void *message,
                        size_t size, int times) {
    flood->fd = wire_session(daemon, 0);
    flood->bytes = malloc((size_t)times * (size + 14));
    assert_non_null(flood->bytes);
    start_session(flood->fd, session, ",\"want\":[]");
    for (int i = 0; i < times; i++)
        flood->size += wire_frame(flood->bytes + flood->size, first, message, size);
}

/* One round: sends what is taken, keeps what comes. */
static void pour(Flood *flood) {
    if (flood->fd < 0)
        return;
    for (int i = 0; i < 16; i++) {
        const long sent = wire_send_some(flood->fd, flood->bytes + flood->at, flood->size - flood->at);
        if (sent <= 0)
            break;
        flood->at = (flood->at + (size_t)sent) % flood->size;
        flood->sent += (double)sent;
    }
    const ssize_t got = recv(flood->fd, flood->came + flood->came_size, sizeof flood->came - flood->came_size, 0);
    if (got > 0) {
        flood->came_size += (size_t)got;
    } else if (got == 0 || errno != EAGAIN) {
        close(flood->fd);
        flood->fd = -1;
    }
}

/* The last it was told is why, then a close frame that says 1008. */
static void expect_flood_ended(const Flood *flood) {
    static const char why[] = "\"code\":\"rate_limited\"";
    static const uint8_t close_frame[] = {0x88, 2, 1008 >> 8, 1008 & 255};
    if (!memmem(flood->came, flood->came_size, why, strlen(why)))
        fail_msg("the flood was ended without a word, after %.0f kB", flood->sent / 1e3);
    assert_memory_equal(flood->came + flood->came_size - sizeof close_frame, close_frame, sizeof close_frame);
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

/* Everything that was sent to it came, in order; and of every frame time that passed without a frame it was told. */
static void check_good(const Peer *good) {
    const int told = peer_messages(good, VV_MSG_STATS);
    assert_true(told > 0);
    const PeerMessage *last = peer_message(good, VV_MSG_STATS, told - 1);
    const VvStats *stats = &last->message->body.Stats;
    int frames = 0, missing = 0; /* until the last statistics */
    const VvFrameHeader *before = NULL;
    for (int i = 0; i < good->frame_count; i++) {
        const PeerFrame *frame = &good->frames[i];
        if (frame->header.kind != VV_KIND_AVATAR_VIDEO)
            continue;
        frames += frame->order < last->order;
        if (before)
            missing += frame->order < last->order ? (int)((frame->header.pts - before->pts) / 40000) - 1 : 0;
        before = &frame->header;
    }
    print_message("# the good call: %d frames, %d of its frame times without one; windows late: %lld of %lld\n", frames,
                  missing, (long long)stats->windows_late, (long long)stats->windows);
    assert_int_equal(stats->dropped_video, 0);
    assert_int_equal(frames, stats->frames);
    assert_true(missing <= stats->frames_late);
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
    Flood *floods = calloc(2, sizeof *floods);
    assert_non_null(floods);
    start_flood(&floods[0], daemon, "many", WIRE_FINAL | WIRE_TEXT, update, strlen(update), 200);
    start_flood(&floods[1], daemon, "much", WIRE_FINAL | WIRE_BINARY, camera, sizeof camera, 4);
    const int deaf = wire_session(daemon, 4096), silent = wire_session(daemon, 0), half = wire_connect(daemon, 0);
    start_session(deaf, "deaf", ",\"video\":{\"width\":512,\"height\":512,\"kbps\":4000}");
    wire_send(half, "GET / HTTP/1.1\r\nHost: ", 22);

    const VvTime guard = e2e_guard();
    for (int round = 0; floods[0].fd >= 0 || floods[1].fd >= 0; round++) {
        if (vv_now() > guard)
            fail_msg("floods go on: %s%s", floods[0].fd >= 0 ? "of messages " : "",
                     floods[1].fd >= 0 ? "of bytes" : "");
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
    for (int i = 0; i < 2; i++)
        free(floods[i].bytes);
    free(floods);
    peer_leave(good);
    daemon_stop(&daemon);
}

int main(void) {
    const struct CMUnitTest tests[] = {e2e_test(all_at_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

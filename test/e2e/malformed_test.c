/* Traffic that no proper client sends: each message is refused by its name, alone, while a call beside it goes on. */
#include "test/e2e/loop.h"
#include "test/e2e/peer.h"
#include "test/e2e/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define WITNESS "{\"type\":\"session.start\",\"role\":\"viewer\",\"session\":\"witness\"}"
#define VIEWER "{\"type\":\"session.start\",\"role\":\"viewer\",\"session\":\"s\"}"
#define BACKEND "{\"type\":\"session.start\",\"role\":\"backend\",\"session\":\"s\"}"

/* ---- text -------------------------------------------------------------------------------------------------------- */

typedef struct Text {
    const char *text;
    size_t size; /* 0: up to NUL */
    VvErr error;
    const char *ref;
} Text;

static const Text bad_texts[] = {
    {"", 0, VV_ERR_BAD_JSON, ""},
    {"{", 0, VV_ERR_BAD_JSON, ""},
    {"[]", 0, VV_ERR_BAD_JSON, ""},
    {"\"ping\"", 0, VV_ERR_BAD_JSON, ""},
    {"{\"type\":\"ping\",\"t\":1} x", 0, VV_ERR_BAD_JSON, ""},
    {"{\"type\":\"ping\",\"t\":1,\"t\":2}", 0, VV_ERR_BAD_JSON, ""},
    {"{\"type\":\"ping\",\"t\":1,\"x\":[[[[[[[[[[]]]]]]]]]]}", 0, VV_ERR_BAD_JSON, ""},
    {"{\"type\":\"ping\",\"t\":1,\"x\":\"\0\"}", 29, VV_ERR_BAD_UTF8, ""},
    {"{\"type\":\"dialogue.turn\",\"speaker\":\"user\",\"text\":\"\\u0000\"}", 0, VV_ERR_BAD_FIELD, ""},
    {"{\"type\":\"ping\",\"x\":\"\xff\xfe\"}", 0, VV_ERR_BAD_UTF8, ""},
    {"{\"type\":\"ping\",\"x\":\"\xc0\xaf\"}", 0, VV_ERR_BAD_UTF8, ""},     /* an overlong slash */
    {"{\"type\":\"ping\",\"x\":\"\xed\xa0\x80\"}", 0, VV_ERR_BAD_UTF8, ""}, /* half a surrogate pair */
    {"{}", 0, VV_ERR_MISSING_FIELD, ""},
    {"{\"id\":\"a\"}", 0, VV_ERR_MISSING_FIELD, "a"},
    {"{\"type\":7}", 0, VV_ERR_BAD_FIELD, ""},
    {"{\"type\":\"dance\",\"id\":\"b\"}", 0, VV_ERR_UNKNOWN_TYPE, "b"},
    {"{\"type\":\"ping\",\"id\":\"c\"}", 0, VV_ERR_MISSING_FIELD, "c"},
    {"{\"type\":\"ping\",\"t\":null,\"id\":\"d\"}", 0, VV_ERR_BAD_FIELD, "d"},
    {"{\"type\":\"ping\",\"t\":-1,\"id\":\"e\"}", 0, VV_ERR_BAD_FIELD, "e"},
    {"{\"type\":\"ping\",\"t\":1.5,\"id\":\"f\"}", 0, VV_ERR_BAD_FIELD, "f"},
    {"{\"type\":\"ping\",\"t\":\"1\",\"id\":\"g\"}", 0, VV_ERR_BAD_FIELD, "g"},
    {"{\"type\":\"dialogue.turn\",\"speaker\":\"god\",\"text\":\"\",\"id\":\"h\"}", 0, VV_ERR_BAD_FIELD, "h"},
    {"{\"type\":\"speech.begin\",\"utterance\":1,\"codec\":\"opus\",\"rate\":48000,\"id\":\"i\"}", 0,
     VV_ERR_BAD_DIRECTION, "i"},
    {"{\"type\":\"speech.end\",\"utterance\":1,\"id\":\"j\"}", 0, VV_ERR_BAD_DIRECTION, "j"},
    {"{\"type\":\"playback.finished\",\"utterance\":1,\"position_ms\":0,\"interrupted\":false,\"id\":\"k\"}", 0,
     VV_ERR_BAD_DIRECTION, "k"},
    {"{\"type\":\"video.keyframe\",\"stream\":\"user_video\",\"id\":\"l\"}", 0, VV_ERR_BAD_DIRECTION, "l"},
    {"{\"type\":\"session.start\",\"role\":\"viewer\",\"id\":\"m\"}", 0, VV_ERR_ALREADY_STARTED, "m"},
    {"{\"type\":\"session.update\",\"style\":\"none\",\"id\":\"n\"}", 0, VV_ERR_UNKNOWN_STYLE, "n"},
    {"{\"type\":\"session.update\",\"character\":\"nobody\",\"id\":\"o\"}", 0, VV_ERR_UNKNOWN_CHARACTER, "o"},
};

static bool has_errors(void *arg) {
    const struct {
        const Peer *peer;
        int count;
    } *need = arg;
    return need->peer->closed || peer_messages(need->peer, VV_MSG_ERROR) >= need->count;
}

/* Waits for the n-th error and expects it to be this one, and not to end anything. */
static void expect_error(Peer *peer, int n, VvErr error, const char *ref, const char *what) {
    struct {
        const Peer *peer;
        int count;
    } need = {peer, n};
    e2e_until(has_errors, &need, what);
    const PeerMessage *got = peer_message(peer, VV_MSG_ERROR, n - 1);
    if (!got)
        fail_msg("%s: the connection was closed", what);
    const VvError *body = &got->message->body.Error;
    if (body->code != (int32_t)error)
        fail_msg("%s: %s (%s), not %s", what, vv_err_name((VvErr)body->code), body->message, vv_err_name(error));
    assert_string_equal(got->message->ref, ref);
    assert_int_equal(body->fatal, vv_err_fatal(error));
}

static void texts(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--max-errors=1000");
    Peer *witness = peer_join(daemon, WITNESS), *viewer = peer_join(daemon, VIEWER);
    int errors = 0;
    for (size_t i = 0; i < sizeof bad_texts / sizeof *bad_texts; i++) {
        const Text *bad = &bad_texts[i];
        assert_true(vv_client_send_raw(viewer->client, false, bad->text, bad->size ? bad->size : strlen(bad->text)));
        expect_error(viewer, ++errors, bad->error, bad->ref, bad->text);
    }
    peer_clock(viewer); /* the connection goes on */
    peer_await_more(viewer, 2);
    assert_int_equal((int)metric(daemon, "protocol_errors_total"), errors - 2); /* the session itself refuses looks */
    peer_expect_well(witness, daemon);
    peer_leave(viewer);
    peer_leave(witness);
    daemon_stop(&daemon);
}

/* ---- binary ------------------------------------------------------------------------------------------------------ */

typedef struct Binary {
    VvErr error;
    const char *hex;
} Binary;

#define NONE "00000000"

/* A header in hex (version, kind, flags and codec; time; utterance; length), and what follows it. */
#define TIMED(head, pts, utterance, length, payload) head NONE pts utterance length payload
#define MEDIA(head, utterance, length, payload) TIMED(head, NONE NONE, utterance, length, payload)

static const Binary from_viewer[] = {
    {VV_ERR_TRUNCATED, ""},
    {VV_ERR_TRUNCATED, "01"},
    {VV_ERR_TRUNCATED, MEDIA("01010000", NONE, "000000", "")},
    {VV_ERR_BAD_VERSION, MEDIA("00010000", NONE, "01000000", "aa")},
    {VV_ERR_BAD_VERSION, MEDIA("02010000", NONE, "01000000", "aa")},
    {VV_ERR_BAD_KIND, MEDIA("01000000", NONE, "01000000", "aa")},
    {VV_ERR_BAD_KIND, MEDIA("01070000", NONE, "01000000", "aa")},
    {VV_ERR_BAD_KIND, MEDIA("01ff0000", NONE, "01000000", "aa")},
    {VV_ERR_BAD_KIND, MEDIA("01030002", "01000000", "02000000", "aaaa")}, /* a viewer does not speak */
    {VV_ERR_BAD_KIND, MEDIA("01040000", NONE, "01000000", "aa")},         /* nor does it show an avatar */
    {VV_ERR_BAD_KIND, MEDIA("01050001", NONE, "01000000", "aa")},
    {VV_ERR_BAD_KIND, MEDIA("01060003", NONE, "02000000", "aaaa")},
    {VV_ERR_BAD_FLAGS, MEDIA("01012000", NONE, "01000000", "aa")},
    {VV_ERR_BAD_CODEC, MEDIA("01010001", NONE, "01000000", "aa")},
    {VV_ERR_BAD_CODEC, MEDIA("01020000", NONE, "01000000", "aa")},
    {VV_ERR_BAD_CODEC, MEDIA("01010009", NONE, "01000000", "aa")},
    {VV_ERR_BAD_FIELD, TIMED("01010000", "ffffffffffffffff", NONE, "01000000", "aa")}, /* before all time */
    {VV_ERR_BAD_LENGTH, MEDIA("01010000", NONE, "00000000", "aa")},
    {VV_ERR_BAD_LENGTH, MEDIA("01010000", NONE, "02000000", "aa")},
    {VV_ERR_BAD_LENGTH, MEDIA("01010000", NONE, "ffffffff", "aa")},
    {VV_ERR_BAD_MEDIA, MEDIA("01010000", NONE, "04000000", "ffffffff")},               /* no Opus */
    {VV_ERR_BAD_MEDIA, MEDIA("01020101", NONE, "0b000000", "3000009d012aff3fff3faa")}, /* 16383 x 16383 */
};

static const Binary from_backend[] = {
    {VV_ERR_BAD_KIND, MEDIA("01010000", NONE, "01000000", "aa")}, /* a backend has no microphone */
    {VV_ERR_BAD_KIND, MEDIA("01020101", NONE, "01000000", "aa")},
    {VV_ERR_UTTERANCE_UNKNOWN, MEDIA("01030002", "09000000", "02000000", "aaaa")},
    {VV_ERR_UTTERANCE_UNKNOWN, MEDIA("01030002", NONE, "02000000", "aaaa")},
    {VV_ERR_BAD_CODEC, MEDIA("01030000", "01000000", "02000000", "aaaa")}, /* begun as PCM */
    {VV_ERR_BAD_CODEC, MEDIA("01030001", "01000000", "02000000", "aaaa")},
    {VV_ERR_BAD_MEDIA, MEDIA("01030002", "01000000", "03000000", "aaaaaa")}, /* a sample and a half */
};

static size_t from_hex(const char *hex, uint8_t *out) {
    size_t size = 0;
    for (; hex[0]; hex += 2) {
        const char digits[3] = {hex[0], hex[1], '\0'};
        out[size++] = (uint8_t)strtol(digits, NULL, 16);
    }
    return size;
}

static void send_all(Peer *peer, const Binary *list, size_t count) {
    const int before = peer_messages(peer, VV_MSG_ERROR);
    for (size_t i = 0; i < count; i++) {
        uint8_t bytes[128];
        peer_send_binary(peer, bytes, from_hex(list[i].hex, bytes));
        expect_error(peer, before + 1 + (int)i, list[i].error, "", list[i].hex);
    }
}

static void binaries(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--max-errors=1000");
    Peer *witness = peer_join(daemon, WITNESS);
    Peer *viewer = peer_join(daemon, VIEWER), *backend = peer_join(daemon, BACKEND);
    send_all(viewer, from_viewer, sizeof from_viewer / sizeof *from_viewer);
    static const uint8_t rubbish[10]; /* what is no VP8 after that waits for a key frame, which is asked for */
    peer_send_media(
        viewer, (VvFrameHeader){.kind = VV_KIND_USER_VIDEO, .codec = VV_CODEC_VP8, .length = sizeof rubbish}, rubbish);
    assert_int_equal(peer_await(viewer, VV_MSG_VIDEO_KEYFRAME, 1)->body.VideoKeyframe.stream, VV_STREAM_USER_VIDEO);
    peer_expect_well(witness, daemon);
    peer_begin(backend, VV_SPEECH_PCM, 16000, "");
    send_all(backend, from_backend, sizeof from_backend / sizeof *from_backend);
    static int16_t pcm[6400];
    peer_speech(backend, pcm, sizeof pcm, true); /* what is right is heard after all that */
    peer_await(viewer, VV_MSG_PLAYBACK_FINISHED, 1);
    assert_int_equal(peer_finished(viewer, 1)->message->body.PlaybackFinished.position_ms, 400);
    peer_check_media(viewer);
    peer_expect_well(witness, daemon);
    peer_leave(viewer);
    peer_leave(witness);
    daemon_stop(&daemon);
}

/* Opus speech that is none: told, replaced, and the utterance goes on to its end. */
static void speech_that_is_none(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--workers=2");
    Peer *both = peer_join(daemon, "{\"type\":\"session.start\",\"role\":\"both\",\"session\":\"s\"}");
    const uint32_t said = peer_begin(both, VV_SPEECH_OPUS, 48000, "");
    static const uint8_t rubbish[40] = {0xff, 0xff, 0xff};
    for (int i = 0; i < 5; i++)
        peer_send_media(both,
                        (VvFrameHeader){.kind = VV_KIND_SPEECH,
                                        .flags = i == 4 ? VV_FLAG_END : 0,
                                        .codec = VV_CODEC_OPUS,
                                        .utterance = said,
                                        .length = sizeof rubbish},
                        rubbish);
    assert_false(peer_await_error(both, VV_ERR_BAD_MEDIA, 1)->fatal);
    peer_await(both, VV_MSG_PLAYBACK_FINISHED, 1);
    assert_int_equal(peer_finished(both, said)->message->body.PlaybackFinished.utterance, said);
    peer_leave(both);
    daemon_stop(&daemon);
}

/* ---- order ---------------------------------------------------------------------------------------------------------
 */

static void order_of_speech(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--max-errors=1000");
    Peer *witness = peer_join(daemon, WITNESS), *backend = peer_join(daemon, BACKEND);
    static const char begin[] = "{\"type\":\"speech.begin\",\"id\":\"x\",\"utterance\":%u,\"codec\":\"pcm_s16le\","
                                "\"rate\":16000}";
    int errors = 0;
    peer_send(backend, "{\"type\":\"speech.end\",\"utterance\":5,\"id\":\"x\"}");
    expect_error(backend, ++errors, VV_ERR_UTTERANCE_UNKNOWN, "x", "an end without a beginning");
    backend->utterance = 4;
    peer_begin(backend, VV_SPEECH_PCM, 16000, "");
    peer_send(backend, begin, 6u);
    expect_error(backend, ++errors, VV_ERR_UTTERANCE_OPEN, "x", "a second one");
    static uint8_t block[VV_MESSAGE_BYTES_MAX - VV_FRAME_HEADER_SIZE];
    const VvFrameHeader header = {
        .kind = VV_KIND_SPEECH, .codec = VV_CODEC_PCM, .utterance = 5, .length = sizeof block};
    while (backend->sent + VV_MESSAGE_BYTES_MAX <= backend->credit) {
        peer_send_media(backend, header, block);
        backend->sent += VV_MESSAGE_BYTES_MAX;
    }
    assert_int_equal(peer_messages(backend, VV_MSG_ERROR), errors);
    peer_send_media(backend, header, block);
    expect_error(backend, ++errors, VV_ERR_CREDIT_EXCEEDED, "", "beyond the credit");
    peer_send(backend, "{\"type\":\"speech.end\",\"utterance\":5}");
    peer_send(backend, begin, 5u);
    expect_error(backend, ++errors, VV_ERR_UTTERANCE_USED, "x", "the same again");
    peer_send(backend, begin, 3u);
    expect_error(backend, ++errors, VV_ERR_UTTERANCE_USED, "x", "a lower number");
    peer_send(backend, "{\"type\":\"speech.interrupt\",\"utterance\":77}"); /* nothing to clear */
    /* Nobody listens, so nothing is heard: as many wait as were announced. */
    const int most = (int)peer_message(backend, VV_MSG_SESSION_READY, 0)->message->body.SessionReady.utterances;
    for (unsigned n = 6; n < 6 + (unsigned)most; n++) {
        peer_send(backend, begin, n);
        peer_send(backend, "{\"type\":\"speech.end\",\"utterance\":%u}", n);
    }
    expect_error(backend, ++errors, VV_ERR_TOO_MANY_UTTERANCES, "x", "one more than may wait");
    peer_clock(backend);
    peer_send(backend, "{\"type\":\"speech.interrupt\"}");
    peer_await(backend, VV_MSG_PLAYBACK_FINISHED, most);
    peer_expect_well(witness, daemon);
    peer_leave(backend);
    peer_leave(witness);
    daemon_stop(&daemon);
}

static void order_of_start(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--workers=2");
    Peer *witness = peer_join(daemon, WITNESS);
    static const char *const early[] = {
        "{\"type\":\"session.end\"}",
        "{\"type\":\"session.update\"}",
        "{\"type\":\"speech.interrupt\"}",
        "{\"type\":\"dialogue.turn\",\"speaker\":\"user\",\"text\":\"\"}",
    };
    for (size_t i = 0; i < sizeof early / sizeof *early; i++) {
        Peer *peer = peer_connect(daemon, NULL);
        peer_send(peer, "%s", early[i]);
        assert_true(peer_await_error(peer, VV_ERR_NOT_STARTED, 1)->fatal);
        peer_await_closed(peer, 1008);
    }
    Peer *hasty = peer_connect(daemon, NULL);
    peer_send_media(hasty, (VvFrameHeader){.kind = VV_KIND_USER_AUDIO, .length = 3}, "abc");
    assert_true(peer_await_error(hasty, VV_ERR_NOT_STARTED, 1)->fatal);
    peer_await_closed(hasty, 1008);

    Peer *patient = peer_connect(daemon, NULL); /* a ping may come first, and a mistake does not end it */
    assert_int_equal(peer_clock(patient), 0);
    peer_send(patient, "{\"type\":\"session.start\",\"role\":\"clown\"}");
    peer_await_error(patient, VV_ERR_BAD_FIELD, 1);
    peer_send(patient, "{\"type\":\"session.start\",\"role\":\"viewer\",\"session\":\"a/b\"}");
    peer_await_error(patient, VV_ERR_BAD_FIELD, 2);
    peer_send(patient, "%s", VIEWER);
    peer_await(patient, VV_MSG_SESSION_READY, 1);
    peer_expect_well(witness, daemon);
    peer_leave(patient);
    peer_leave(witness);
    daemon_stop(&daemon);
}

/* ---- too much ------------------------------------------------------------------------------------------------------
 */

static void too_large(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--workers=2");
    Peer *witness = peer_join(daemon, WITNESS);
    static char text[VV_MESSAGE_BYTES_MAX + 1];
    memset(text, ' ', sizeof text);
    static const char ping[] = "{\"type\":\"ping\",\"t\":0}";
    memcpy(text, ping, strlen(ping));
    for (int binary = 0; binary < 2; binary++) {
        const size_t most = binary ? VV_MESSAGE_BYTES_MAX : VV_TEXT_BYTES_MAX;
        Peer *peer = peer_join(daemon, VIEWER);
        assert_true(vv_client_send_raw(peer->client, binary, text, most)); /* as much as there may be */
        peer_clock(peer);
        assert_int_equal(peer_messages(peer, VV_MSG_ERROR), binary); /* the binary one is not a header */
        assert_true(vv_client_send_raw(peer->client, binary, text, most + 1));
        assert_true(peer_await_error(peer, VV_ERR_TOO_LARGE, 1)->fatal);
        peer_await_closed(peer, 1009);
        metric_until(daemon, "connections", 1);
        /* The same in pieces that never end. */
        const int fd = wire_session(daemon, 0);
        wire_send_frame(fd, WIRE_TEXT + binary, text, 1000);
        for (size_t sent = 1000; sent <= most; sent += 1000)
            wire_send_frame(fd, WIRE_CONTINUATION, text, 1000);
        const WireEnd end = wire_end(fd);
        assert_string_equal(end.error, "too_large");
        assert_int_equal(end.code, 1009);
        peer_expect_well(witness, daemon);
        metric_until(daemon, "sessions", 1); /* who was shown the door does not come back */
        Peer *back = peer_connect(daemon, NULL);
        peer_send(back, "{\"type\":\"session.start\",\"role\":\"viewer\",\"resume\":\"%s\"}", peer->token);
        peer_await_error(back, VV_ERR_RESUME_UNKNOWN, 1);
    }
    peer_leave(witness);
    daemon_stop(&daemon);
}

static void too_many_errors(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--max-errors=3");
    Peer *witness = peer_join(daemon, WITNESS), *viewer = peer_join(daemon, VIEWER);
    for (int i = 0; i < 3; i++)
        peer_send(viewer, "{");
    peer_clock(viewer);
    assert_int_equal(peer_messages(viewer, VV_MSG_ERROR), 3);
    peer_send(viewer, "{");
    assert_true(peer_await_error(viewer, VV_ERR_TOO_MANY_ERRORS, 1)->fatal);
    peer_await_closed(viewer, 1008);
    assert_int_equal(peer_messages(viewer, VV_MSG_ERROR), 5);
    peer_expect_well(witness, daemon);
    peer_leave(witness);
    daemon_stop(&daemon);
}

/* ---- below the messages ----------------------------------------------------------------------------- */

/* Frames that break RFC 6455, and bytes that are no frames: the connection ends, nothing else. */
static void broken_frames(void **state) {
    (void)state;
    Daemon *daemon = daemon_start("--workers=2");
    Peer *witness = peer_join(daemon, WITNESS);
    static const struct {
        const char *what, *hex;
    } broken[] = {
        {"a reserved opcode", "83"
                              "80"
                              "00000000"},
        {"a reserved control opcode", "8b"
                                      "80"
                                      "00000000"},
        {"reserved bits", "f1"
                          "80"
                          "00000000"},
        {"a control frame in pieces", "09"
                                      "80"
                                      "00000000"},
        {"a long control frame", "89"
                                 "fe"
                                 "0100"
                                 "00000000"},
        {"a continuation of nothing", "80"
                                      "80"
                                      "00000000"},
        {"a length beyond all bounds", "82"
                                       "ff"
                                       "ffffffffffffffff"
                                       "00000000"},
        {"an unmasked frame", "81"
                              "02"
                              "7b7d"},
        {"HTTP again", "474554202f20485454502f312e310d0a0d0a"},
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        uint8_t bytes[64];
        const int fd = wire_session(daemon, 0);
        print_message("# %s\n", broken[i].what);
        wire_send(fd, bytes, from_hex(broken[i].hex, bytes));
        wire_await_closed(fd);
        close(fd);
        peer_expect_well(witness, daemon);
    }
    /* Cut off in the middle: of a request, a frame's head, a message. */
    static const char *const cut[] = {"", "81", "82fe04",
                                      "82fe0400"
                                      "00000000"
                                      "0101"};
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
        uint8_t bytes[64];
        const int fd = wire_session(daemon, 0), request = wire_connect(daemon, 0);
        wire_send(fd, bytes, from_hex(cut[i], bytes));
        wire_send(request, "GET /v1/ses", 11);
        close(fd);
        close(request);
        peer_expect_well(witness, daemon);
    }
    metric_until(daemon, "connections", 1);
    peer_leave(witness);
    daemon_stop(&daemon);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        e2e_test(texts),          e2e_test(binaries),  e2e_test(speech_that_is_none), e2e_test(order_of_speech),
        e2e_test(order_of_start), e2e_test(too_large), e2e_test(too_many_errors),     e2e_test(broken_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

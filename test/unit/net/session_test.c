/* The WebSocket side of the server: every refusal by its name, fragments, limits, order, the end. */
#include "server/base/metrics.h"
#include "test/unit/net/bench.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static Bench bench;
static Told told;

static int open_bench(void **state) {
    (void)state;
    bench_init(&bench);
    bench_open(&bench);
    return 0;
}

static int close_bench(void **state) {
    (void)state;
    bench_close(&bench);
    return 0;
}

static void expect(int at, const char *line) {
    bench_until(&bench, &told.count, at + 1);
    assert_string_equal(told.line[at], line);
}

/* ---- before session.start ------------------------------------------------------------------------------ */

static void test_ping_comes_before_start(void **state) {
    (void)state;
    VvClient *client = bench_connect(&bench, NULL, &told);
    bench_send(client, "{\"type\":\"ping\",\"t\":77,\"id\":\"p1\"}");
    expect(0, "open");
    expect(1, "pong");
    assert_string_equal(told.ref[1], "p1");
    assert_int_equal(told.last.body.Pong.t, 77);
    assert_int_equal(told.last.body.Pong.t_server, 0);
    assert_int_equal(vv_double.pings, 0);
    bench_start(&bench, &told, "viewer");
    bench_send(client, "{\"type\":\"ping\",\"t\":78}");
    expect(3, "pong");
    assert_int_equal(told.last.body.Pong.t_server, 4242);
    assert_int_equal(vv_double.pings, 1);
    assert_int_equal(vv_double.ping_client, 78);
}

static void expect_refusal(const char *text, const char *error, const char *closed) {
    bench_connect(&bench, NULL, &told);
    bench_send(told.client, text);
    expect(1, error);
    if (closed)
        expect(2, closed);
}

static void test_what_may_not_come_first(void **state) {
    (void)state;
    expect_refusal("{\"type\":\"speech.interrupt\",\"id\":\"x\"}", "error:not_started", "closed:1008");
    assert_string_equal(told.ref[1], "x");
    assert_true(told.last.body.Error.fatal);
    expect_refusal("{\"type\":\"session.end\"}", "error:not_started", "closed:1008");
    VvClient *client = bench_connect(&bench, NULL, &told);
    assert_true(vv_client_send_raw(client, true, "x", 1));
    expect(1, "error:not_started");
    expect(2, "closed:1008");
    assert_int_equal(vv_double.joins, 0);
}

static void test_start_refused(void **state) {
    (void)state;
    expect_refusal("{\"type\":\"session.start\",\"role\":\"viewer\",\"session\":\"taken\",\"id\":\"7\"}",
                   "error:role_taken", "closed:1008");
    assert_string_equal(told.ref[1], "7");
    expect_refusal("{\"type\":\"session.start\",\"role\":\"viewer\",\"character\":\"unknown\"}",
                   "error:unknown_character", "closed:1008");
    assert_true(told.last.body.Error.fatal);
    vv_double.capacity = 0;
    expect_refusal("{\"type\":\"session.start\",\"role\":\"viewer\"}", "error:server_full", "closed:1008");
    vv_double.capacity = 10;
    /* one that is malformed may be sent again */
    expect_refusal("{\"type\":\"session.start\",\"role\":\"boss\"}", "error:bad_field", NULL);
    bench_start(&bench, &told, "viewer");
}

/* ---- protocol errors ----------------------------------------------------------------------------------- */

static void test_errors_by_name(void **state) {
    (void)state;
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"{", "error:bad_json"},
        {"[1]", "error:bad_json"},
        {"{\"type\":\"no.such\"}", "error:unknown_type"},
        {"{\"type\":\"speech.end\"}", "error:missing_field"},
        {"{\"type\":\"speech.end\",\"utterance\":0}", "error:bad_field"},
        {"{\"type\":\"pong\",\"t\":1,\"t_server\":2}", "error:bad_direction"},
        {"{\"type\":\"speech.end\",\"utterance\":1}", "error:bad_direction"}, /* a viewer has no speech */
        {"{\"type\":\"session.start\",\"role\":\"viewer\"}", "error:already_started"},
    };
    const int count = sizeof cases / sizeof *cases;
    bench_connect(&bench, NULL, &told);
    bench_start(&bench, &told, "viewer");
    vv_client_close(told.client, 1000);
    bench_until_true(&bench, &told.closed);
    for (int i = 0; i < count; i += 4) {
        bench_connect(&bench, NULL, &told);
        bench_start(&bench, &told, "viewer");
        for (int j = 0; j < 4; j++) {
            bench_send(told.client, cases[i + j].text);
            expect(2 + j, cases[i + j].error);
            assert_false(told.last.body.Error.fatal);
        }
        bench_send(told.client, "{\"type\":\"ping\",\"t\":1}");
        expect(6, "pong");
    }
}

static void test_binary_errors_by_name(void **state) {
    (void)state;
    uint8_t frame[VV_FRAME_HEADER_SIZE + 4];
    VvFrameHeader header = {.kind = VV_KIND_USER_AUDIO, .codec = VV_CODEC_OPUS, .length = 4};
    bench_connect(&bench, NULL, &told);
    bench_start(&bench, &told, "viewer");
    assert_true(vv_client_send_raw(told.client, true, "abc", 3));
    expect(2, "error:truncated");
    memset(frame, 0, sizeof frame);
    vv_frame_write(&header, frame);
    frame[0] = 9;
    assert_true(vv_client_send_raw(told.client, true, frame, sizeof frame));
    expect(3, "error:bad_version");
    vv_frame_write(&header, frame);
    assert_true(vv_client_send_raw(told.client, true, frame, sizeof frame - 1));
    expect(4, "error:bad_length");
    header.kind = VV_KIND_SPEECH; /* not a viewer's */
    assert_true(vv_client_send_media(told.client, &header, "abcd"));
    expect(5, "error:bad_kind");
    assert_int_equal(vv_double.media, 0);
}

static void test_too_many_errors(void **state) {
    (void)state;
    bench_connect(&bench, NULL, &told);
    bench_start(&bench, &told, "viewer");
    const uint64_t before = vv_counter(VV_COUNTER_PROTOCOL_ERRORS);
    for (int i = 0; i < 10; i++)
        vv_client_send_raw(told.client, false, "{", 1);
    for (int i = 0; i < 6; i++) /* max_errors is 5: the sixth is one too many */
        expect(2 + i, "error:bad_json");
    expect(8, "error:too_many_errors");
    expect(9, "closed:1008");
    assert_int_equal(vv_counter(VV_COUNTER_PROTOCOL_ERRORS) - before, 6);
    bench_settle(&bench);
    assert_int_equal(vv_double.leaves, 1);
}

/* ---- sizes --------------------------------------------------------------------------------------------- */

static void test_large_messages(void **state) {
    (void)state;
    enum { PAYLOAD = VV_MESSAGE_BYTES_MAX - VV_FRAME_HEADER_SIZE };
    uint8_t *payload = malloc(PAYLOAD);
    VvFrameHeader header = {.kind = VV_KIND_USER_VIDEO, .codec = VV_CODEC_VP8, .flags = VV_FLAG_KEY, .length = PAYLOAD};
    for (int i = 0; i < PAYLOAD; i++)
        payload[i] = (uint8_t)i;
    bench_connect(&bench, NULL, &told);
    bench_start(&bench, &told, "viewer");
    for (int i = 1; i <= 3; i++) {
        assert_true(vv_client_send_media(told.client, &header, payload));
        bench_until(&bench, &vv_double.media, i);
    }
    assert_int_equal(vv_double.media_bytes, 3 * PAYLOAD); /* every byte in its place */
    header.length = 0;                                    /* and one more: a message of a header alone */
    assert_true(vv_client_send_media(told.client, &header, NULL));
    bench_until(&bench, &vv_double.media, 4);
    free(payload);
}

static void test_too_large(void **state) {
    (void)state;
    char *bytes = calloc(1, VV_MESSAGE_BYTES_MAX + 1);
    bench_connect(&bench, NULL, &told);
    bench_start(&bench, &told, "viewer");
    assert_true(vv_client_send_raw(told.client, true, bytes, VV_MESSAGE_BYTES_MAX + 1));
    expect(2, "error:too_large");
    expect(3, "closed:1009");
    bench_connect(&bench, NULL, &told);
    bench_start(&bench, &told, "viewer");
    memset(bytes, ' ', VV_TEXT_BYTES_MAX + 1);
    assert_true(vv_client_send_raw(told.client, false, bytes, VV_TEXT_BYTES_MAX + 1));
    expect(2, "error:too_large");
    expect(3, "closed:1009");
    /* the largest text is not too large */
    bench_connect(&bench, NULL, &told);
    bench_start(&bench, &told, "viewer");
    memcpy(bytes, "{\"type\":\"ping\",\"t\":1}", 21);
    assert_true(vv_client_send_raw(told.client, false, bytes, VV_TEXT_BYTES_MAX));
    expect(2, "pong");
    free(bytes);
}

/* ---- pausing ------------------------------------------------------------------------------------------- */

static int open_slow_bench(void **state) {
    (void)state;
    bench_init(&bench);
    bench.config.rate_messages = 200;
    bench_open(&bench);
    return 0;
}

static void test_a_flood_waits_and_keeps_its_order(void **state) {
    (void)state;
    enum { FLOOD = 400 };
    const uint64_t before = vv_counter(VV_COUNTER_THROTTLED);
    char text[128];
    bench_connect(&bench, NULL, &told);
    bench_start(&bench, &told, "viewer");
    for (int i = 0; i < FLOOD; i++) {
        snprintf(text, sizeof text, "{\"type\":\"ping\",\"t\":%d,\"id\":\"%d\"}", i, i);
        bench_send(told.client, text);
    }
    bench_until(&bench, &told.count, 2 + FLOOD);
    for (int i = 0; i < FLOOD; i++) {
        snprintf(text, sizeof text, "%d", i);
        assert_string_equal(told.line[2 + i], "pong");
        assert_string_equal(told.ref[2 + i], text);
    }
    assert_true(vv_counter(VV_COUNTER_THROTTLED) > before);
    bench_send(told.client, "{\"type\":\"session.end\"}");
    expect(2 + FLOOD, "session.end");
    expect(3 + FLOOD, "closed:1000");
}

static void test_a_full_inbox_is_waited_for(void **state) {
    (void)state;
    char text[128];
    bench_connect(&bench, NULL, &told);
    bench_start(&bench, &told, "viewer");
    vv_double.inbox_full = 3;
    for (int i = 0; i < 20; i++) {
        snprintf(text, sizeof text,
                 "{\"type\":\"dialogue.turn\",\"speaker\":\"user\",\"text\":\"turn %d\",\"id\":\"%d\"}", i, i);
        bench_send(told.client, text);
        if (i == 10)
            vv_double.inbox_full += 2;
    }
    bench_until(&bench, &vv_double.controls, 20);
    assert_int_equal(vv_double.inbox_full, 0);
    assert_string_equal(vv_double.last_text, "turn 19");
    bench_until(&bench, &told.count, 22);
    for (int i = 0; i < 20; i++)
        assert_string_equal(told.line[2 + i], "dialogue.turn");
    /* one who leaves while its message waits */
    vv_double.inbox_full = 1000000;
    bench_send(told.client, "{\"type\":\"speech.interrupt\"}");
    bench_settle(&bench);
    vv_client_drop(told.client);
    bench_until_true(&bench, &told.closed);
    vv_double.inbox_full = 0;
    bench_until(&bench, &vv_double.leaves, 1);
}

/* ---- output -------------------------------------------------------------------------------------------- */

enum { PUSHES = 2000 };

static void *push_many(void *seat) {
    uint8_t frame[VV_FRAME_HEADER_SIZE + 300] = {0};
    VvFrameHeader header = {.kind = VV_KIND_AVATAR_VIDEO, .codec = VV_CODEC_VP8, .length = 300};
    for (uint32_t i = 0; i < PUSHES;) {
        header.sequence = i;
        vv_frame_write(&header, frame);
        if (vv_double_push(seat, VV_OUTPUT_BINARY, frame, sizeof frame))
            i++;
        else
            sched_yield();
    }
    return NULL;
}

static void test_output_of_other_threads_in_order(void **state) {
    (void)state;
    Told other;
    pthread_t threads[2];
    bench_connect(&bench, NULL, &told);
    bench_start(&bench, &told, "viewer");
    bench_connect(&bench, NULL, &other);
    bench_start(&bench, &other, "viewer");
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, push_many, vv_double.seats[i]), 0);
    bench_until(&bench, &told.count, 2 + PUSHES);
    bench_until(&bench, &other.count, 2 + PUSHES);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < PUSHES; i++) {
        char line[32];
        snprintf(line, sizeof line, "media:%d", i);
        assert_string_equal(told.line[2 + i], line);
        assert_string_equal(other.line[2 + i], line);
    }
}

static void test_pong_overtakes_the_outbox(void **state) {
    (void)state;
    bench_connect(&bench, NULL, &told);
    bench_start(&bench, &told, "viewer");
    const int before = told.count;
    bench_send(told.client, "{\"type\":\"ping\",\"t\":5}");
    /* the outbox is filled before the server can read the ping */
    static uint8_t frame[VV_FRAME_HEADER_SIZE + 60000];
    VvFrameHeader header = {.kind = VV_KIND_AVATAR_VIDEO, .codec = VV_CODEC_VP8, .length = 60000};
    int pushed = 0;
    for (;; pushed++) {
        header.sequence = (uint32_t)pushed;
        vv_frame_write(&header, frame);
        if (!vv_double_push(vv_double.seats[0], VV_OUTPUT_BINARY, frame, sizeof frame))
            break;
    }
    bench_until(&bench, &told.count, before + pushed + 1);
    int at = before;
    while (strcmp(told.line[at], "pong") != 0)
        at++;
    assert_true(pushed > 10);
    assert_true(at < before + pushed); /* not behind all of it */
}

static void test_a_deaf_client_is_closed(void **state) {
    (void)state;
    const uint64_t before = vv_counter(VV_COUNTER_SLOW_CLIENTS);
    static const char ping[] = "{\"type\":\"ping\",\"t\":9007199254740991,\"id\":"
                               "\"an identifier that is as long as one may be, so that pongs are\"}";
    VvClient *client = bench_connect(&bench, &(VvClientConfig){.deaf = true}, &told);
    bench_until_true(&bench, &told.open);
    bench_send(client, "{\"type\":\"session.start\",\"role\":\"viewer\"}");
    /* it asks and asks, and never reads the answers: they fill the sockets, then the queue of answers */
    while (vv_counter(VV_COUNTER_SLOW_CLIENTS) == before && !told.closed) {
        if (vv_client_queued(client) < 100000)
            for (int i = 0; i < 1000; i++)
                vv_client_send_raw(client, false, ping, strlen(ping));
        ev_run(bench.loop, EVRUN_NOWAIT);
    }
    assert_int_equal(vv_counter(VV_COUNTER_SLOW_CLIENTS), before + 1);
}

/* ---- the end ------------------------------------------------------------------------------------------- */

static void test_close_by_the_client(void **state) {
    (void)state;
    bench_connect(&bench, NULL, &told);
    bench_start(&bench, &told, "backend");
    vv_client_close(told.client, 1000);
    bench_until_true(&bench, &told.closed);
    assert_string_equal(told.line[told.count - 1], "closed:1000");
    bench_until(&bench, &vv_double.leaves, 1);
}

static void test_lost_client(void **state) {
    (void)state;
    bench_connect(&bench, NULL, &told);
    bench_start(&bench, &told, "viewer");
    vv_client_drop(told.client);
    bench_until(&bench, &vv_double.leaves, 1);
    bench_until_true(&bench, &told.closed);
    assert_string_equal(told.line[told.count - 1], "closed:1006");
    assert_int_equal(vv_gauge(VV_GAUGE_OPEN_CONNECTIONS), 0);
}

static void test_connections_come_and_go(void **state) {
    (void)state;
    for (int i = 1; i <= 100; i++) {
        bench_connect(&bench, NULL, &told);
        bench_start(&bench, &told, "both");
        if (i % 2)
            vv_client_close(told.client, 1000);
        else
            vv_client_drop(told.client);
        bench_until(&bench, &vv_double.leaves, i);
        bench_until_true(&bench, &told.closed);
    }
    assert_int_equal(vv_gauge(VV_GAUGE_OPEN_CONNECTIONS), 0);
}

static void test_closed_server(void **state) {
    (void)state;
    Told more[5];
    for (int i = 0; i < 5; i++) {
        bench_connect(&bench, NULL, &more[i]);
        bench_start(&bench, &more[i], "viewer");
    }
    vv_server_close(&bench.server);
    assert_int_equal(vv_double.leaves, 5);
    for (int i = 0; i < 5; i++)
        bench_until_true(&bench, &more[i].closed);
}

static void test_drain(void **state) {
    (void)state;
    Told late, idle;
    bench_connect(&bench, NULL, &told);
    bench_start(&bench, &told, "viewer");
    bench_connect(&bench, NULL, &idle);
    bench_until_true(&bench, &idle.open);
    vv_server_drain(bench.server);
    assert_true(vv_double.draining);
    bench_connect(&bench, NULL, &late);
    bench_until_true(&bench, &late.closed);
    assert_string_equal(late.line[0], "closed:503");
    assert_false(told.closed); /* what is being said is said */
    bench_send(told.client, "{\"type\":\"ping\",\"t\":5}");
    expect(2, "pong");
    vv_double_end_all();
    ev_run(bench.loop, 0); /* until the server breaks it */
    bench_until_true(&bench, &told.closed);
    assert_string_equal(told.line[3], "session.end");
    assert_string_equal(told.line[4], "closed:1000");
    bench_until_true(&bench, &idle.closed);
    assert_string_equal(idle.line[1], "closed:1001");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ping_comes_before_start, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_what_may_not_come_first, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_start_refused, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_errors_by_name, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_binary_errors_by_name, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_too_many_errors, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_large_messages, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_too_large, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_a_flood_waits_and_keeps_its_order, open_slow_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_a_full_inbox_is_waited_for, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_output_of_other_threads_in_order, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_pong_overtakes_the_outbox, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_a_deaf_client_is_closed, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_close_by_the_client, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_lost_client, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_connections_come_and_go, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_closed_server, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_drain, open_bench, close_bench),
    };
    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}

/* The process of the bad clients. */
#include "server/commands/bench/bad.h"

#include "server/net/client.h"

#include <ev.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FLOOD_EVERY 0.002
#define FLOOD_QUEUE (256 * 1024) /* kept full: it sends as fast as the server reads */
#define GARBAGE_EVERY 0.005
#define AGAIN 0.5 /* seconds until a closed one comes back */
#define GARBAGE_BYTES 600

typedef struct Bad {
    int kind; /* one of VV_BAD_* */
    const char *name;
    const VvBenchOptions *options;
    VvClients *clients;
    struct ev_loop *loop;
    VvClient *client;
    ev_timer work, again;
    uint32_t sequence;
    uint32_t random;
    uint64_t connected, closed, errors, sent;
} Bad;

static const struct {
    const char *name;
    int kind;
} kinds[] = {{"flood", VV_BAD_FLOOD}, {"deaf", VV_BAD_DEAF}, {"garbage", VV_BAD_GARBAGE}, {"all", VV_BAD_ALL}};

int vv_bad_parse(const char *text) {
    int set = 0;
    while (*text) {
        size_t length = strcspn(text, ",");
        int kind = 0;
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
            if (strlen(kinds[i].name) == length && strncmp(kinds[i].name, text, length) == 0)
                kind = kinds[i].kind;
        if (!kind)
            return 0;
        set |= kind;
        text += length + (text[length] == ',');
    }
    return set;
}

static uint32_t next_random(Bad *bad) {
    bad->random = bad->random * 1664525u + 1013904223u;
    return bad->random >> 8;
}

static void flood(Bad *bad) {
    static const uint8_t packet[] = {0x78, 0xff, 0xfe}; /* 20 ms of Opus silence */
    while (bad->client && vv_client_queued(bad->client) < FLOOD_QUEUE) {
        VvFrameHeader header = {.kind = VV_KIND_USER_AUDIO,
                                .codec = VV_CODEC_OPUS,
                                .sequence = bad->sequence,
                                .pts = (int64_t)bad->sequence * 20000,
                                .length = sizeof packet};
        bad->sequence++;
        if (!vv_client_send_media(bad->client, &header, packet))
            return;
        bad->sent += VV_FRAME_HEADER_SIZE + sizeof packet;
    }
}

static void garbage(Bad *bad) {
    static const char *const texts[] = {"{",
                                        "[]",
                                        "{\"type\":\"no.such\"}",
                                        "{\"type\":7}",
                                        "\xff\xfe",
                                        "{\"type\":\"speech.begin\",\"utterance\":-1}"};
    uint8_t bytes[GARBAGE_BYTES];
    size_t size = next_random(bad) % sizeof bytes;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)next_random(bad);
    if (next_random(bad) % 2 && size)
        bytes[0] = VV_FRAME_VERSION; /* some get a little further */
    bool sent;
    if (next_random(bad) % 2) {
        sent = vv_client_send_raw(bad->client, true, bytes, size);
    } else {
        const char *text = texts[next_random(bad) % (sizeof texts / sizeof *texts)];
        size = strlen(text);
        sent = vv_client_send_raw(bad->client, false, text, size);
    }
    bad->sent += sent ? size : 0;
}

static void on_work(struct ev_loop *loop, ev_timer *timer, int events) {
    (void)loop;
    (void)events;
    Bad *bad = timer->data;
    if (!bad->client)
        return;
    if (bad->kind == VV_BAD_FLOOD)
        flood(bad);
    else if (bad->kind == VV_BAD_GARBAGE && vv_client_queued(bad->client) < FLOOD_QUEUE)
        garbage(bad);
}

static void opened(void *user, VvClient *client) {
    Bad *bad = user;
    VvMessage message;
    vv_message_init(&message, VV_MSG_SESSION_START);
    VvSessionStart *start = &message.body.SessionStart;
    start->role = VV_ROLE_BOTH;
    snprintf(start->session, sizeof start->session, "bad-%s-%ld-%u", bad->name, (long)getpid(),
             (unsigned)bad->connected);
    VV_MARK(start, SessionStart, session);
    vv_client_send(client, &message);
    bad->connected++;
    if (bad->kind != VV_BAD_DEAF)
        ev_timer_again(bad->loop, &bad->work);
}

static void took(void *user, VvClient *client, const VvMessage *message) {
    (void)client;
    Bad *bad = user;
    bad->errors += message->type == VV_MSG_ERROR;
}

static void closed(void *user, VvClient *client, int code, const char *reason) {
    (void)client;
    (void)code;
    (void)reason;
    Bad *bad = user;
    bad->client = NULL;
    bad->closed++;
    ev_timer_stop(bad->loop, &bad->work);
    ev_timer_again(bad->loop, &bad->again);
}

static void on_again(struct ev_loop *loop, ev_timer *timer, int events) {
    (void)events;
    static const VvClientEvents callbacks = {.open = opened, .message = took, .closed = closed};
    Bad *bad = timer->data;
    VvClientConfig config = {.url = bad->options->url,
                             .token = bad->options->token,
                             .deaf = bad->kind == VV_BAD_DEAF,
                             .events = &callbacks,
                             .user = bad};
    ev_timer_stop(loop, timer);
    bad->client = vv_client_connect(bad->clients, &config);
    if (!bad->client)
        ev_timer_again(loop, timer);
}

static void on_end(struct ev_loop *loop, ev_signal *signal, int events) {
    (void)signal;
    (void)events;
    ev_break(loop, EVBREAK_ALL);
}

static void print_result(const Bad *bads, size_t count) {
    json_t *all = json_object();
    for (size_t i = 0; i < count; i++)
        json_object_set_new(all, bads[i].name,
                            json_pack("{s:I, s:I, s:I, s:I}", "connected", (json_int_t)bads[i].connected, "closed",
                                      (json_int_t)bads[i].closed, "errors", (json_int_t)bads[i].errors, "bytes_sent",
                                      (json_int_t)bads[i].sent));
    json_dumpf(all, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(all);
}

int vv_bench_be_bad(const VvBenchOptions *options) {
    struct ev_loop *loop = EV_DEFAULT;
    VvClients *clients = vv_clients_open(loop);
    Bad bads[3] = {0};
    size_t count = 0;
    ev_signal end;
    if (!clients)
        return 1;
    ev_signal_init(&end, on_end, SIGTERM);
    ev_signal_start(loop, &end);
    for (size_t i = 0; i < 3; i++) {
        if (!(options->be_bad & kinds[i].kind))
            continue;
        Bad *bad = &bads[count++];
        *bad = (Bad){.kind = kinds[i].kind, .name = kinds[i].name, .options = options, .clients = clients};
        bad->loop = loop;
        bad->random = (uint32_t)options->seed + (uint32_t)i;
        ev_timer_init(&bad->work, on_work, 0.0, bad->kind == VV_BAD_FLOOD ? FLOOD_EVERY : GARBAGE_EVERY);
        ev_timer_init(&bad->again, on_again, 0.0, AGAIN);
        bad->work.data = bad->again.data = bad;
        ev_timer_start(loop, &bad->again); /* at once, the first time */
    }
    ev_run(loop, 0);
    print_result(bads, count);
    vv_clients_close(&clients);
    return 0;
}

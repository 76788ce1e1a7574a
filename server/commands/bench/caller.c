/* The call itself: joining, microphone and camera at their pace, leaving. */
#include "server/commands/bench/caller_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TICK 0.02
#define PING_EVERY VV_SECOND
#define BACKLOG (256 * 1024) /* a socket that takes no more: the user's media waits, as a page would let it */

double vv_caller_random(VvCaller *caller) {
    caller->random = caller->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(caller->random >> 11) / 9007199254740992.0;
}

/* ---- what a user sends ----------------------------------------------------------------------------------- */

static void send_user(VvCaller *caller, VvKind kind, VvCodec codec, uint32_t sequence, VvTime pts,
                      const VvCoded *coded) {
    VvFrameHeader header = {.kind = (uint8_t)kind,
                            .flags = coded->key && kind == VV_KIND_USER_VIDEO ? VV_FLAG_KEY : 0,
                            .codec = (uint8_t)codec,
                            .sequence = sequence,
                            .pts = pts,
                            .length = (uint32_t)coded->size};
    if (coded->size && vv_client_send_media(caller->client, &header, coded->data) && caller->run->recording)
        caller->run->counts.bytes_out += VV_FRAME_HEADER_SIZE + header.length;
}

/* Sends the packets and pictures that are due. After a delay of our own they come in one go, as from a real device. */
static void send_media(VvCaller *caller, VvTime clock) {
    const VvClips *clips = caller->run->clips;
    const VvTime camera_us = VV_SECOND / caller->run->options->camera_fps;
    while ((VvTime)caller->packets * VV_CALLER_PACKET_US <= clock) {
        send_user(caller, VV_KIND_USER_AUDIO, VV_CODEC_OPUS, caller->packets,
                  (VvTime)caller->packets * VV_CALLER_PACKET_US, &clips->packet[caller->packets % VV_CLIPS_PACKETS]);
        caller->packets++;
    }
    while ((VvTime)caller->frames * camera_us <= clock) {
        send_user(caller, VV_KIND_USER_VIDEO, VV_CODEC_VP8, caller->frames, (VvTime)caller->frames * camera_us,
                  &clips->frame[caller->camera % VV_CLIPS_FRAMES]);
        caller->frames++;
        caller->camera++;
    }
}

static void send_ping(VvCaller *caller, VvTime now) {
    VvMessage message;
    vv_message_init(&message, VV_MSG_PING);
    message.body.Ping.t = now - caller->clock;
    if (caller->rtt) {
        message.body.Ping.rtt = caller->rtt;
        VV_MARK(&message.body.Ping, Ping, rtt);
    }
    vv_client_send(caller->client, &message);
    caller->next_ping = now + PING_EVERY;
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int events) {
    (void)loop;
    (void)events;
    VvCaller *caller = timer->data;
    VvTime now = vv_now();
    if (!caller->client || !caller->joined || caller->leaving)
        return;
    if (now >= caller->next_ping)
        send_ping(caller, now);
    if (vv_client_queued(caller->client) < BACKLOG)
        send_media(caller, now - caller->clock);
    vv_caller_speech_tick(caller, now);
}

/* ---- the connection -------------------------------------------------------------------------------------- */

static void opened(void *user, VvClient *client) {
    VvCaller *caller = user;
    const VvBenchOptions *options = caller->run->options;
    VvMessage message;
    vv_message_init(&message, VV_MSG_SESSION_START);
    VvSessionStart *start = &message.body.SessionStart;
    start->role = VV_ROLE_BOTH;
    snprintf(start->session, sizeof start->session, "%s", caller->name);
    start->seed = (int64_t)options->seed + caller->index;
    start->video_width = options->width;
    start->video_height = options->height;
    start->video_kbps = options->kbps;
    start->want = 1u << VV_WANT_AVATAR_VIDEO | 1u << VV_WANT_AVATAR_AUDIO | 1u << VV_WANT_EVENTS;
    VV_MARK(start, SessionStart, session);
    VV_MARK(start, SessionStart, seed);
    VV_MARK(start, SessionStart, video_width);
    VV_MARK(start, SessionStart, video_height);
    VV_MARK(start, SessionStart, video_kbps);
    VV_MARK(start, SessionStart, want);
    vv_client_send(client, &message);
}

static void took_ready(VvCaller *caller, const VvSessionReady *ready, VvTime now) {
    VvTime phase = (VvTime)(vv_caller_random(caller) * VV_CALLER_PACKET_US);
    caller->joined = true;
    caller->run->counts.joined++;
    caller->window_ms = (int)ready->window_ms;
    caller->clock = now - phase;
    caller->packets = caller->frames = caller->camera = 0;
    vv_samples_add(&caller->samples[VV_MEASURE_JOIN], (double)(now - caller->dialled) / 1000.0);
    vv_caller_speech_begin(caller);
    send_ping(caller, now);
    /* Callers tick at different phases, as users do. */
    ev_timer_set(&caller->tick, (double)phase / (double)VV_SECOND, TICK);
    ev_timer_start(caller->run->loop, &caller->tick);
}

static void took(void *user, VvClient *client, const VvMessage *message) {
    (void)client;
    VvCaller *caller = user;
    VvBenchRun *run = caller->run;
    VvTime now = vv_now();
    switch (message->type) {
    case VV_MSG_SESSION_READY:
        took_ready(caller, &message->body.SessionReady, now);
        break;
    case VV_MSG_PONG:
        caller->rtt = now - caller->clock - message->body.Pong.t;
        vv_caller_record(caller, VV_MEASURE_ROUND_TRIP, caller->rtt);
        break;
    case VV_MSG_STATS:
        vv_caller_take_stats(caller, &message->body.Stats);
        break;
    case VV_MSG_ERROR:
        run->counts.errors++;
        snprintf(run->complaint, sizeof run->complaint, "%s: %s", vv_err_name((VvErr)message->body.Error.code),
                 message->body.Error.message);
        break;
    case VV_MSG_VIDEO_KEYFRAME:
        caller->camera = 0; /* the clip begins with one */
        break;
    default:
        vv_caller_speech_message(caller, message, now);
    }
}

static void took_text(void *user, VvClient *client, const char *text, size_t size) {
    (void)client;
    (void)text;
    VvCaller *caller = user;
    if (caller->run->recording)
        caller->run->counts.bytes_in += size;
}

static void took_media(void *user, VvClient *client, const VvFrameHeader *header, const uint8_t *payload) {
    (void)client;
    vv_caller_take_media(user, header, payload, vv_now());
}

static void closed(void *user, VvClient *client, int code, const char *reason) {
    (void)client;
    VvCaller *caller = user;
    VvBenchRun *run = caller->run;
    ev_timer_stop(run->loop, &caller->tick);
    if (!caller->leaving) {
        if (caller->joined)
            run->counts.lost++;
        else
            run->counts.refused++;
        if (!run->complaint[0])
            snprintf(run->complaint, sizeof run->complaint, "connection closed: %d %s", code, reason ? reason : "");
    }
    caller->client = NULL;
    caller->joined = false;
}

/* ---- life ------------------------------------------------------------------------------------------------ */

VvCaller *vv_caller_new(VvBenchRun *run, int index, bool inspected) {
    VvCaller *caller = calloc(1, sizeof *caller);
    if (!caller)
        return NULL;
    caller->run = run;
    caller->index = index;
    caller->random = (uint64_t)run->options->seed * 7919 + (uint64_t)index + 1;
    for (int i = 0; i < 4; i++)
        vv_caller_random(caller); /* neighbours' first numbers are alike */
    snprintf(caller->name, sizeof caller->name, "bench-%ld-%d", (long)getpid(), index);
    for (int i = 0; i < VV_CALLER_RECENT; i++)
        caller->audio[i].pts = caller->video[i].pts = -1;
    ev_timer_init(&caller->tick, on_tick, 0.0, TICK);
    caller->tick.data = caller;
    caller->inspector = inspected ? vv_inspector_new() : NULL;
    if (inspected && !caller->inspector)
        vv_caller_free(&caller);
    return caller;
}

void vv_caller_dial(VvCaller *caller) {
    static const VvClientEvents events = {
        .open = opened, .text = took_text, .message = took, .media = took_media, .closed = closed};
    VvClientConfig config = {
        .url = caller->run->url, .token = caller->run->options->token, .events = &events, .user = caller};
    caller->leaving = false;
    caller->dialled = vv_now();
    caller->client = vv_client_connect(caller->run->clients, &config);
    if (!caller->client)
        caller->run->counts.refused++;
}

void vv_caller_leave(VvCaller *caller) {
    if (!caller->client || caller->leaving)
        return;
    VvMessage message;
    vv_message_init(&message, VV_MSG_SESSION_END);
    caller->leaving = true;
    ev_timer_stop(caller->run->loop, &caller->tick);
    vv_client_send(caller->client, &message);
    vv_client_close(caller->client, 1000);
}

bool vv_caller_connected(const VvCaller *caller) {
    return caller->client != NULL;
}

bool vv_caller_joined(const VvCaller *caller) {
    return caller->joined;
}

bool vv_caller_seen(const VvCaller *caller) {
    return caller->any_frame;
}

VvSamples *vv_caller_samples(VvCaller *caller, VvMeasure measure) {
    return &caller->samples[measure];
}

void vv_caller_clear(VvCaller *caller) {
    for (int i = 0; i < VV_MEASURE_COUNT; i++)
        vv_samples_clear(&caller->samples[i]);
}

const VvInspector *vv_caller_inspector(const VvCaller *caller) {
    return caller->inspector;
}

void vv_caller_free(VvCaller **caller) {
    if (!*caller)
        return;
    ev_timer_stop((*caller)->run->loop, &(*caller)->tick);
    for (int i = 0; i < VV_MEASURE_COUNT; i++)
        vv_samples_free(&(*caller)->samples[i]);
    vv_inspector_free(&(*caller)->inspector);
    free(*caller);
    *caller = NULL;
}

/* The hub in memory. A session is a seat: names are not looked at, but for these, which are refused: "taken",
 * "unknown". */
#include "test/unit/net/hub_double.h"

#include "server/base/ring.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUTBOX_BYTES (1 << 20)

struct VvHub {
    VvHubConfig config;
};

struct VvSeat {
    VvHub *hub;
    void *user;
    VvRole role;
    VvRing *outbox;
    atomic_bool dirty;
};

VvDouble vv_double;

int vv_hub_open(const VvHubConfig *config, VvHub **hub) {
    vv_double = (VvDouble){.capacity = config->capacity ? config->capacity : DOUBLE_SEATS};
    *hub = calloc(1, sizeof **hub);
    if (!*hub)
        return -12;
    (*hub)->config = *config;
    return 0;
}

void vv_hub_close(VvHub **hub) {
    free(*hub);
    *hub = NULL;
}

void vv_hub_drain(VvHub *hub, VvTime patience) {
    (void)hub, (void)patience;
    vv_double.draining = true;
}

int vv_hub_sessions(const VvHub *hub) {
    (void)hub;
    return vv_double.joins - vv_double.leaves;
}

int vv_hub_capacity(const VvHub *hub) {
    (void)hub;
    return vv_double.capacity;
}

bool vv_hub_ready(const VvHub *hub) {
    (void)hub;
    return !vv_double.draining;
}

void vv_hub_poll(VvHub *hub, void (*each)(void *user, VvSeat *seat), void *arg) {
    (void)hub;
    for (int i = 0; i < DOUBLE_SEATS; i++)
        if (vv_double.seats[i] && atomic_exchange(&vv_double.seats[i]->dirty, false))
            each(arg, vv_double.seats[i]);
}

bool vv_double_push(VvSeat *seat, VvOutput kind, const void *data, size_t size) {
    const VvTime now = vv_now();
    const VvSpan spans[] = {{&now, sizeof now}, {data, size}};
    if (!vv_ring_push(seat->outbox, kind, spans, 2))
        return false;
    atomic_store(&seat->dirty, true);
    seat->hub->config.wake(seat->hub->config.ctx);
    return true;
}

static void push_message(VvSeat *seat, const VvMessage *message) {
    char text[VV_TEXT_BYTES_MAX];
    const size_t size = vv_message_encode(message, text, sizeof text);
    vv_double_push(seat, VV_OUTPUT_TEXT, text, size);
}

static void push_end(VvSeat *seat) {
    VvMessage message;
    vv_message_init(&message, VV_MSG_SESSION_END);
    push_message(seat, &message);
    vv_double_push(seat, VV_OUTPUT_CLOSE, NULL, 0);
}

void vv_double_end_all(void) {
    for (int i = 0; i < DOUBLE_SEATS; i++)
        if (vv_double.seats[i])
            push_end(vv_double.seats[i]);
}

static VvErr refuse(VvFault *fault, VvErr code, const char *text) {
    *fault = (VvFault){.code = code};
    snprintf(fault->text, sizeof fault->text, "%s", text);
    return code;
}

static void push_ready(VvSeat *seat, const VvSessionStart *start, const char *id) {
    static const char example[] =
        "{\"type\":\"session.ready\",\"session\":\"demo\",\"resume_token\":\"5f0c6e1d9a7b4c2e8f3a1b6d7c9e0f24\","
        "\"resumed\":false,\"avatar\":\"test-pattern\",\"character\":\"bars\",\"characters\":\"bars\",\"style\":"
        "\"plain\","
        "\"styles\":\"plain\",\"limits\":{\"message_bytes\":131072,\"text_bytes\":16384,\"speech_bytes\":524288,"
        "\"utterances\":32},\"window_ms\":200,\"lookahead_ms\":0,\"clock\":0,\"video\":{\"width\":256,\"height\":256,"
        "\"fps\":25},\"audio\":{\"rate\":48000}}";
    VvMessage ready;
    VvFault fault;
    vv_message_decode(example, sizeof example - 1, &ready, &fault);
    snprintf(ready.ref, sizeof ready.ref, "%s", id);
    if (start->session[0])
        snprintf(ready.body.SessionReady.session, sizeof ready.body.SessionReady.session, "%s", start->session);
    push_message(seat, &ready);
}

VvErr vv_hub_join(VvHub *hub, const VvSessionStart *start, const char *id, void *user, VvSeat **out, VvFault *fault) {
    if (strcmp(start->session, "taken") == 0)
        return refuse(fault, VV_ERR_ROLE_TAKEN, "another connection holds this role");
    if (strcmp(start->character, "unknown") == 0)
        return refuse(fault, VV_ERR_UNKNOWN_CHARACTER, "no such character");
    if (vv_hub_sessions(hub) >= vv_double.capacity)
        return refuse(fault, VV_ERR_SERVER_FULL, "full");
    int i = 0;
    while (vv_double.seats[i])
        i++;
    VvSeat *seat = calloc(1, sizeof *seat);
    if (!seat)
        return refuse(fault, VV_ERR_INTERNAL, "out of memory");
    seat->hub = hub;
    seat->user = user;
    seat->role = (VvRole)start->role;
    seat->outbox = vv_ring_new(OUTBOX_BYTES);
    vv_double.seats[i] = seat;
    vv_double.joins++;
    snprintf(vv_double.session, sizeof vv_double.session, "%s", start->session);
    *out = seat;
    push_ready(seat, start, id);
    if (hub->config.created && seat->role != VV_ROLE_BACKEND)
        hub->config.created(hub->config.ctx, start->session);
    return VV_ERR_OK;
}

void *vv_seat_user(const VvSeat *seat) {
    return seat->user;
}

VvRole vv_seat_role(const VvSeat *seat) {
    return seat->role;
}

/* A turn of the dialogue comes back as it is; the end of the session comes back and closes. */
VvErr vv_seat_control(VvSeat *seat, const VvMessage *message) {
    if (vv_double.inbox_full > 0) {
        vv_double.inbox_full--;
        return VV_ERR_RATE_LIMITED;
    }
    vv_double.controls++;
    if (message->type == VV_MSG_DIALOGUE_TURN) {
        snprintf(vv_double.last_text, sizeof vv_double.last_text, "%.100s", message->body.DialogueTurn.text);
        push_message(seat, message);
    } else if (message->type == VV_MSG_SESSION_END) {
        push_end(seat);
    }
    return VV_ERR_OK;
}

VvErr vv_seat_media(VvSeat *seat, const VvFrameHeader *header, const uint8_t *payload) {
    const bool speech = header->kind == VV_KIND_SPEECH;
    if (speech == (seat->role == VV_ROLE_VIEWER))
        return VV_ERR_BAD_KIND;
    vv_double.media++;
    for (uint32_t i = 0; i < header->length; i++)
        vv_double.media_bytes += payload[i] == (uint8_t)i;
    return VV_ERR_OK;
}

VvTime vv_seat_clock(const VvSeat *seat) {
    (void)seat;
    return 4242;
}

void vv_seat_ping(VvSeat *seat, VvTime client, VvTime rtt) {
    (void)seat, (void)rtt;
    vv_double.pings++;
    vv_double.ping_client = client;
}

bool vv_seat_peek(VvSeat *seat, VvOutput *kind, const uint8_t **data, size_t *size, VvTime *queued) {
    VvRecord record;
    if (!vv_ring_peek(seat->outbox, &record))
        return false;
    *kind = (VvOutput)record.tag;
    memcpy(queued, record.data, sizeof *queued);
    *data = record.data + sizeof *queued;
    *size = record.size - sizeof *queued;
    return true;
}

void vv_seat_pop(VvSeat *seat) {
    vv_ring_pop(seat->outbox);
}

void vv_seat_leave(VvSeat **seat, bool resumable) {
    (void)resumable;
    for (int i = 0; i < DOUBLE_SEATS; i++)
        if (vv_double.seats[i] == *seat)
            vv_double.seats[i] = NULL;
    vv_ring_free(&(*seat)->outbox);
    free(*seat);
    *seat = NULL;
    vv_double.leaves++;
}

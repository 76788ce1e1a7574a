/* Output of one connection: an SPSC ring of whole messages, each with the time it was queued.
 *
 * The budget protects everyone else from a client that reads slowly: video is the first to go (from half full, up to
 * the next key frame below a quarter), audio goes when nothing fits beside a reserve, and if a control message does not
 * fit even into the reserve, the connection is closed. */
#include "server/session/seat.h"

#include "server/base/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESERVE (VV_TEXT_BYTES_MAX + 4096) /* kept for control messages */

VvSeat *vv_seat_new(VvSession *session, const VvSessionStart *start, void *user, size_t bytes) {
    VvSeat *seat = calloc(1, sizeof *seat);
    if (!seat)
        return NULL;
    seat->session = session;
    seat->role = (VvRole)start->role;
    seat->user = user;
    if (VV_HAS(start, SessionStart, want))
        seat->want = start->want;
    else if (seat->role == VV_ROLE_BACKEND)
        seat->want = 1u << VV_WANT_EVENTS;
    else
        seat->want = 1u << VV_WANT_AVATAR_VIDEO | 1u << VV_WANT_AVATAR_AUDIO | 1u << VV_WANT_EVENTS;
    seat->outbox = vv_ring_new(bytes);
    if (!seat->outbox)
        vv_seat_free(&seat);
    return seat;
}

void vv_seat_free(VvSeat **seat) {
    if (*seat) {
        vv_ring_free(&(*seat)->outbox);
        free(*seat);
        *seat = NULL;
    }
}

static void mark_dirty(VvSeat *seat, VvOutlet *outlet) {
    if (!atomic_exchange_explicit(&seat->dirty, true, memory_order_acq_rel)) {
        vv_mailbox_push(&outlet->dirty, &seat->dirty_node);
        outlet->wake(outlet->ctx);
    }
}

static bool push(VvSeat *seat, VvOutlet *outlet, VvOutput kind, const VvSpan *spans, int count) {
    const VvTime now = vv_now();
    const VvSpan all[3] = {
        {&now, sizeof now}, count > 0 ? spans[0] : (VvSpan){NULL, 0}, count > 1 ? spans[1] : (VvSpan){NULL, 0}};
    if (!vv_ring_push(seat->outbox, (uint32_t)kind, all, 3))
        return false;
    mark_dirty(seat, outlet);
    return true;
}

void vv_seat_close(VvSeat *seat, VvOutlet *outlet) {
    if (seat->closing)
        return;
    seat->closing = true;
    /* A record without data always fits: nothing else may use the ring's last bytes. */
    push(seat, outlet, VV_OUTPUT_CLOSE, NULL, 0);
}

static bool fits(const VvSeat *seat, size_t size, size_t reserve) {
    return vv_ring_room(seat->outbox) >= size + sizeof(VvTime) + reserve;
}

void vv_seat_text(VvSeat *seat, VvOutlet *outlet, const VvMessage *message) {
    char text[VV_TEXT_BYTES_MAX];
    if (seat->closing)
        return;
    const size_t size = vv_message_encode(message, text, sizeof text);
    if (size && fits(seat, size, 64)) {
        push(seat, outlet, VV_OUTPUT_TEXT, &(VvSpan){text, size}, 1);
    } else if (size) {
        vv_count(VV_COUNTER_SLOW_CLIENTS, 1);
        vv_seat_close(seat, outlet);
    }
}

void vv_seat_error(VvSeat *seat, VvOutlet *outlet, VvErr code, const char *id, const char *text) {
    VvMessage message;
    vv_message_init(&message, VV_MSG_ERROR);
    snprintf(message.ref, sizeof message.ref, "%s", id);
    message.body.Error.code = (int32_t)code;
    message.body.Error.fatal = vv_err_fatal(code);
    snprintf(message.body.Error.message, sizeof message.body.Error.message, "%s", text);
    vv_seat_text(seat, outlet, &message);
    if (vv_err_fatal(code))
        vv_seat_close(seat, outlet);
}

bool vv_seat_send(VvSeat *seat, VvOutlet *outlet, const VvFrameHeader *header, const uint8_t *payload) {
    if (seat->closing)
        return true;
    uint8_t head[VV_FRAME_HEADER_SIZE];
    vv_frame_write(header, head);
    const VvSpan spans[2] = {{head, sizeof head}, {payload, header->length}};
    const bool video = header->kind == VV_KIND_AVATAR_VIDEO;
    const size_t used = vv_ring_used(seat->outbox), capacity = vv_ring_capacity(seat->outbox);
    if (video) {
        const bool key = (header->flags & VV_FLAG_KEY) != 0;
        const bool room = used < (seat->waiting_key ? capacity / 4 : capacity / 2);
        const bool send = room && (key || !seat->waiting_key);
        if (!send || !fits(seat, sizeof head + header->length, RESERVE)) {
            seat->waiting_key = true;
            seat->dropped_video++;
            vv_count(VV_COUNTER_FRAMES_DROPPED, 1);
            return !room; /* with room again, a key frame is what it waits for */
        }
        seat->waiting_key = false;
    } else if (!fits(seat, sizeof head + header->length, RESERVE)) {
        /* Not even audio goes through: seconds behind. The next control message ends it. */
        vv_count(VV_COUNTER_SLOW_CLIENTS, 1);
        vv_seat_error(seat, outlet, VV_ERR_TOO_SLOW, "", "the client reads too slowly: its output budget is full");
        return true;
    }
    push(seat, outlet, VV_OUTPUT_BINARY, spans, 2);
    return true;
}

VvTime vv_seat_media_time(const VvSeat *seat, VvTime client, VvTime arrived) {
    if (!atomic_load_explicit(&seat->clock_known, memory_order_acquire))
        return arrived;
    const VvTime time = client + atomic_load_explicit(&seat->clock_offset, memory_order_relaxed);
    /* Nothing was taken after it arrived; and a clock that jumped must not pin it in the past. */
    return time > arrived || time < arrived - 10 * VV_SECOND ? arrived : time;
}

/* ---- the network's side ------------------------------------------------------------------------------------------ */

void *vv_seat_user(const VvSeat *seat) {
    return seat->user;
}

VvRole vv_seat_role(const VvSeat *seat) {
    return seat->role;
}

bool vv_seat_peek(VvSeat *seat, VvOutput *kind, const uint8_t **data, size_t *size, VvTime *queued) {
    VvRecord record;
    if (!vv_ring_peek(seat->outbox, &record))
        return false;
    memcpy(queued, record.data, sizeof *queued);
    *kind = (VvOutput)record.tag;
    *data = record.data + sizeof *queued;
    *size = record.size - sizeof *queued;
    return true;
}

void vv_seat_pop(VvSeat *seat) {
    vv_ring_pop(seat->outbox);
}

/* A connection's place in a session, and its output. The session's worker writes, the network thread reads. */
#ifndef VV_SEAT_H
#define VV_SEAT_H

#include "server/base/ring.h"
#include "server/session/mailbox.h"
#include "server/session/session.h"

#include <stdatomic.h>

struct VvSeat {
    VvSession *session;
    VvRole role;
    uint32_t want; /* set of 1 << VV_WANT_* */
    char token[33];
    VvRing *outbox;

    /* Network thread. */
    void *user;
    bool left;

    /* Either. */
    atomic_bool dirty; /* in the hub's list of seats with output */
    VvNode dirty_node;
    VvNode grave_node;
    _Atomic int64_t clock_offset; /* session's media clock minus the client's clock */
    atomic_bool clock_known;

    /* Worker. */
    bool attached, closing;
    bool waiting_key; /* video is dropped until a key frame */
    int64_t dropped_video;
};

/* What the output needs of the hub: to tell the network thread. */
typedef struct VvOutlet {
    VvMailbox dirty;
    void (*wake)(void *ctx);
    void *ctx;
} VvOutlet;

/* Network thread: a seat with an outbox of `bytes`. NULL if out of memory. */
VvSeat *vv_seat_new(VvSession *session, const VvSessionStart *start, void *user, size_t bytes);
void vv_seat_free(VvSeat **seat);

/* Worker, as all that follow. A message that does not fit closes the connection (too_slow). */
void vv_seat_text(VvSeat *seat, VvOutlet *outlet, const VvMessage *message);

/* An `error` message; closes the connection if the code is fatal. `id` is the offending message's, or "". */
void vv_seat_error(VvSeat *seat, VvOutlet *outlet, VvErr code, const char *id, const char *text);

/* Media. Video that finds the outbox half full is dropped up to the next key frame; returns false if it was dropped and
 * a key frame is needed to go on. Audio is dropped only if nothing fits. */
bool vv_seat_send(VvSeat *seat, VvOutlet *outlet, const VvFrameHeader *header, const uint8_t *payload);

/* Says that the connection shall be closed after what is queued. */
void vv_seat_close(VvSeat *seat, VvOutlet *outlet);

/* The session's media time of a client's time stamp; `arrived` (media clock) if its clock is not known yet. */
VvTime vv_seat_media_time(const VvSeat *seat, VvTime client, VvTime arrived);

#endif

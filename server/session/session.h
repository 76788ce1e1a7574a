/* Sessions as the network sees them.
 *
 * A hub holds every session, the media workers that run them and the scheduler that batches their windows. The network
 * thread joins a connection to a session and gets a seat: it puts messages in, takes output out, and leaves. All
 * functions here are called by the network thread alone, except where it says otherwise; none of them blocks.
 *
 *   network thread --inbox ring--> session (on its media worker) --outbox ring per seat--> network thread
 *                                        |   ^
 *                                 window |   | frames
 *                                        v   |
 *                                     scheduler (a thread per device)
 */
#ifndef VV_SESSION_H
#define VV_SESSION_H

#include "protocol/vv_protocol.h"
#include "server/avatar/avatar.h"
#include "server/base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct VvHub VvHub;
typedef struct VvSeat VvSeat;
typedef struct VvSession VvSession; /* inside the hub */

typedef struct VvHubConfig {
    VvAvatar *avatar;        /* borrowed; must outlive the hub */
    int workers;             /* media threads; 0: one per core */
    int capacity;            /* sessions at most; 0: as measured at start */
    int resume_seconds;      /* how long a lost connection may resume; 60 */
    int output_bytes;        /* output budget of a connection; 0: 1 MiB */
    void (*wake)(void *ctx); /* called from any thread when some seat has output or a session ended */
    /* Called by the network thread inside vv_hub_join when a new session was made by a viewer; may be NULL. */
    void (*created)(void *ctx, const char *session);
    void *ctx;
} VvHubConfig;

/* Opens the hub: starts its threads and measures the machine (under a second). 0 or -errno. */
int vv_hub_open(const VvHubConfig *config, VvHub **hub);

/* Ends all sessions at once, joins the threads, frees everything. Seats must have been left. */
void vv_hub_close(VvHub **hub);

/* From now on no new session; each running one finishes what is being said, then ends (session.end "shutting down").
 * After `patience` microseconds they end at once. */
void vv_hub_drain(VvHub *hub, VvTime patience);

/* Sessions that exist, those waiting for a resume included. */
int vv_hub_sessions(const VvHub *hub);

/* Sessions that this machine can carry. */
int vv_hub_capacity(const VvHub *hub);

/* Whether the hub takes new sessions (started, not draining). */
bool vv_hub_ready(const VvHub *hub);

/* To be called by the network thread after a wake: frees sessions that have ended, and calls `each` for every seat that
 * has output since the last call. */
void vv_hub_poll(VvHub *hub, void (*each)(void *user, VvSeat *seat), void *arg);

/* Joins a connection. `user` is the network's own pointer for it, given back by vv_hub_poll and vv_seat_user. On
 * VV_ERR_OK `*seat` is the caller's until vv_seat_leave; session.ready follows through its outbox. Otherwise `fault`
 * says why (server_full, draining, role_taken, resume_unknown, unknown_character, ...). `id` is the message's id, for
 * the answer's ref. */
VvErr vv_hub_join(VvHub *hub, const VvSessionStart *start, const char *id, void *user, VvSeat **seat, VvFault *fault);

void *vv_seat_user(const VvSeat *seat);
VvRole vv_seat_role(const VvSeat *seat);

/* A decoded control message (any but session.start and ping). VV_ERR_OK, or VV_ERR_RATE_LIMITED if the session's inbox
 * is full: the caller stops reading this connection for a while and tries again. */
VvErr vv_seat_control(VvSeat *seat, const VvMessage *message);

/* A validated binary message. Refuses kinds that the seat's role does not send (VV_ERR_BAD_KIND). Speech within its
 * credit always finds room; without room a camera frame is dropped and counted, a microphone packet is dropped and
 * later concealed: both return VV_ERR_OK. Speech beyond its credit: VV_ERR_CREDIT_EXCEEDED. */
VvErr vv_seat_media(VvSeat *seat, const VvFrameHeader *header, const uint8_t *payload);

/* The session's media clock now, microseconds; for pong, without going through the session. */
VvTime vv_seat_clock(const VvSeat *seat);

/* Tells the session this connection's clock: at the time of a ping, `client` is the client's clock and the server's is
 * now; `rtt` is 0 if unknown. */
void vv_seat_ping(VvSeat *seat, VvTime client, VvTime rtt);

typedef enum VvOutput { VV_OUTPUT_TEXT, VV_OUTPUT_BINARY, VV_OUTPUT_CLOSE } VvOutput;

/* The oldest message to send on this connection, in place; false if there is none. VV_OUTPUT_CLOSE has no data: flush
 * and close the connection. `queued` is when it was put there. */
bool vv_seat_peek(VvSeat *seat, VvOutput *kind, const uint8_t **data, size_t *size, VvTime *queued);
void vv_seat_pop(VvSeat *seat);

/* Gives the seat back when the connection is gone. `resumable`: it may come back with its token within the time to
 * resume; otherwise (it was expelled) its token is void, and a session that nobody else is in ends. */
void vv_seat_leave(VvSeat **seat, bool resumable);

#endif

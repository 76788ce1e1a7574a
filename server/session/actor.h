/* The inside of a session, for the files of this folder.
 *
 * Three threads meet in it, each with fields of its own:
 *   the network thread puts records into `inbox` and speech into the speech store, and keeps `door`;
 *   the worker runs it (vv_session_run): everything else;
 *   the device's thread holds playout.window between submit and done.
 *
 * Its end: the worker stops it, waits until every seat was left and no window is with the scheduler, and proposes its
 * death to the network thread (`grave`). If no new seat was taken meanwhile, that thread forgets the session and gives
 * it back to the worker to free; it is the last touch of either. */
#ifndef VV_ACTOR_H
#define VV_ACTOR_H

#include "server/session/names.h"
#include "server/session/playout.h"
#include "server/session/seat.h"
#include "server/session/worker.h"

enum { VV_SLOT_VIEWER, VV_SLOT_BACKEND, VV_SLOTS };

/* Records in the inbox. All but the wish begin with the seat's pointer. */
typedef enum VvInbox {
    VV_INBOX_JOIN,    /* VvInboxJoin */
    VV_INBOX_LEAVE,   /* VvInboxLeave */
    VV_INBOX_CONTROL, /* VvInboxHead, then the used part of a VvMessage */
    VV_INBOX_MEDIA,   /* VvInboxHead, VvFrameHeader, then the payload */
    VV_INBOX_GO_ON,   /* nothing: the death was refused, a new seat came */
} VvInbox;

typedef struct VvInboxHead {
    VvSeat *seat;
    VvTime arrived;
    int64_t base; /* speech.begin: bytes of speech received before it */
} VvInboxHead;

typedef struct VvInboxJoin {
    VvInboxHead head;
    VvSessionStart start;
    char id[VV_ID_BYTES_MAX + 1];
    bool resumed;
} VvInboxJoin;

typedef struct VvInboxLeave {
    VvInboxHead head;
    bool resumable;
} VvInboxLeave;

/* What a role was not told while its connection was lost: utterances that finished. The oldest is forgotten when there
 * are more than may ever wait. */
typedef struct VvMissed {
    VvPlaybackFinished finished[VV_UTTERANCES_MAX];
    int count;
} VvMissed;

/* What the network thread knows of the speech that passes its door, so that refusals come at once. */
typedef struct VvDoor {
    uint32_t last;    /* the last utterance begun */
    uint32_t open;    /* the one that audio may come for; 0: none */
    uint8_t codec;    /* its VvCodec */
    uint32_t shut;    /* the last one that an interrupt closed while it was open */
    uint32_t cleared; /* the last one whose late audio was refused in words */
} VvDoor;

typedef struct VvSessionHub {
    VvAvatar *avatar;
    VvScheduler *scheduler;
    VvOutlet outlet;
    VvMailbox graves;      /* sessions that propose to die (VvSession.grave_node) */
    VvMailbox seat_graves; /* seats that the worker has let go (VvSeat.grave_node) */
    VvTime resume_time;
    _Atomic int64_t drain_until; /* 0: not draining; else the time when patience ends */
} VvSessionHub;

struct VvSession {
    VvSessionHub *hub;
    VvWorker *worker;
    char name[65];
    VvTime epoch; /* monotonic time of media time 0; never changes */

    /* Network thread. */
    VvDoor door;
    VvSeat *taken[VV_SLOTS];   /* seats not left yet, by slot */
    char tokens[VV_SLOTS][33]; /* resume tokens */
    VvTime lost[VV_SLOTS];     /* when the slot's connection was lost; 0: it was not */
    int seats;                 /* not left yet */

    /* Network thread writes, worker reads. */
    VvRing *inbox;
    VvSpeech *speech;

    /* Either. */
    atomic_bool open;              /* takes new seats */
    atomic_bool evicted;           /* its place was given to another */
    atomic_bool ready;             /* in the worker's ready mailbox */
    atomic_int waiting;            /* utterances begun and not finished */
    _Atomic uint32_t cleared_open; /* the open utterance was cleared by the worker */
    VvNode ready_node, dead_node, grave_node;

    /* Worker. */
    VvSeat *slot[VV_SLOTS];
    VvMissed missed[VV_SLOTS];
    VvSeat *attached[4]; /* every seat not let go yet: both slots, and ones that were taken over */
    int attached_count;
    VvUser *user;
    VvPlayout playout;
    ev_timer timer;
    VvTime empty_since;     /* no seat since then; 0: there is one */
    VvTime stats_at;        /* when statistics are next sent */
    VvTime busy, busy_mark; /* CPU time of this session's work; at the last statistics */
    uint32_t sequence[8];   /* by kind */
    int64_t turns;          /* dialogue turns so far */
    bool auto_interrupt, barged_in;
    bool sized; /* somebody chose the video's size */
    bool ending, proposed;
};

/* Network thread: a new session. NULL if out of memory. */
VvSession *vv_session_new(VvSessionHub *hub, VvWorker *worker, const char *name, uint64_t seed);
void vv_session_free(VvSession **session);

/* Network thread: appends to the inbox and has the worker run; false if it does not fit beside `reserve` bytes. */
bool vv_session_put(VvSession *session, VvInbox kind, const VvSpan *spans, int count, size_t reserve);

/* Any thread: has the worker run the session. */
void vv_session_nudge(VvSession *session);

/* Worker. */
void vv_session_run(VvSession *session);
void vv_session_window_done(VvSession *session);

/* Worker: the parts of a session's work, in files of their own. control.c: */
void vv_session_join(VvSession *session, const VvInboxJoin *join);
void vv_session_control(VvSession *session, const VvInboxHead *head, const VvMessage *message);
void vv_session_end(VvSession *session, const char *reason);
/* talk.c: utterances from beginning to end. */
void vv_session_clear_speech(VvSession *session, uint32_t utterance, VvTime since);
void vv_session_talk(VvSession *session);
void vv_session_finished(VvSession *session, const VvPlaybackFinished *finished);
void vv_session_catch_up(VvSession *session, VvSeat *seat, int slot, bool resumed);
void vv_session_credit(VvSession *session, const char *ref);

/* Sends to all seats, or to those that want something. */
void vv_session_tell(VvSession *session, const VvMessage *message, uint32_t want);
void vv_session_event(VvSession *session, VvEvent kind, double value, VvTime now);

#endif

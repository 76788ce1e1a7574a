/* What the assistant says in one session, and in which order: the echo voice without its socket.
 *
 * Text comes in, from the viewer or from whoever owns the talk; it is cut into sentences, and each becomes an utterance
 * of its own. Messages of the server go in with vv_talk_message, messages for it come out of the port. There is no
 * language model behind it: it says what it is told. One thread; it never waits. */
#ifndef VV_TALK_H
#define VV_TALK_H

#include "server/commands/assistant/sender.h"

#define VV_TALK_QUEUE 64 /* sentences that may wait; more are refused, aloud and in the counts */
#define VV_TALK_AHEAD 3  /* utterances that the server may hold unplayed: an interrupt finds the rest still here */

typedef struct VvTalk VvTalk;

typedef struct VvTalkConfig {
    const char *greeting; /* said when the session is joined first; NULL or "": nothing. Borrowed */
    bool echo;            /* say what the viewer types */
    bool auto_interrupt;  /* the session interrupts by itself when the user speaks over the avatar */
    VvSenderPort port;
} VvTalkConfig;

typedef struct VvTalkCounts {
    uint64_t said;        /* sentences played to their end */
    uint64_t interrupted; /* cut short, or dropped from the queue for an interrupt */
    uint64_t refused;     /* not taken: the queue was full */
    uint64_t lost;        /* refused by the server, or gone with a session that could not be resumed */
} VvTalkCounts;

/* NULL if out of memory. The voice must be open (vv_voice_open). */
VvTalk *vv_talk_new(const VvTalkConfig *config);
void vv_talk_free(VvTalk **talk);

/* Queues text as one turn. Returns the sentences that were refused because the queue was full. */
size_t vv_talk_say(VvTalk *talk, const char *text, size_t size);

/* The connection is gone; nothing is sent until the next session.ready. */
void vv_talk_lost(VvTalk *talk);

/* A message of the server. */
void vv_talk_message(VvTalk *talk, const VvMessage *message);

/* Sends what can be sent. Returns when it wants to be called again, or 0: after the next message. At most one sentence
 * is synthesised in a call, so that many talks can share a thread. */
VvTime vv_talk_pump(VvTalk *talk, VvTime now);

/* Whether everything was said, or given up. */
bool vv_talk_idle(const VvTalk *talk);

/* Sentences that still find room. */
size_t vv_talk_room(const VvTalk *talk);

VvTalkCounts vv_talk_counts(const VvTalk *talk);

#endif

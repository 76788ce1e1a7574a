/* A well-behaved client: connects, sends, and keeps everything that comes back, in order. Many of them run on the
 * test's loop; nothing is looked at before a wait of the test's own. */
#ifndef E2E_PEER_H
#define E2E_PEER_H

#include "server/net/client.h"
#include "test/e2e/daemon.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct PeerFrame {
    VvFrameHeader header;
    uint8_t *payload;
    int order; /* among messages and frames of this peer */
} PeerFrame;

typedef struct PeerMessage {
    int order;
    VvMessage *message; /* as long as its type needs: see vv_message_size */
} PeerMessage;

typedef struct Peer {
    VvClient *client; /* NULL once closed */
    bool open, closed;
    int code; /* once closed: see VvClientEvents */
    char reason[128];
    int order;
    PeerMessage *messages;
    int message_count, message_room;
    PeerFrame *frames;
    int frame_count, frame_room;
    char token[65];       /* to resume with; of the newest session.ready */
    uint32_t sequence[7]; /* of what it sends, by kind */
    uint32_t utterance;   /* the last one begun by peer_begin */
    int64_t credit, sent; /* of that one, in bytes as the protocol counts them */
    bool forgets;         /* keeps no frames' payloads */
} Peer;

typedef struct PeerOptions {
    const char *token, *origin;
    const char *path; /* NULL: /v1/session */
    bool deaf;
} PeerOptions;

/* Connects; `options` may be NULL. Waits until it is open, or closed. Peers are freed when the test ends. */
Peer *peer_connect(const Daemon *daemon, const PeerOptions *options);

/* Connects, sends session.start (JSON) and waits for session.ready; fails the test if that does not come. */
Peer *peer_join(const Daemon *daemon, const char *start);

/* The same without waiting, on a connection of before. */
void peer_send(Peer *peer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void peer_send_binary(Peer *peer, const void *data, size_t size);

/* A media message, its sequence number filled in. */
void peer_send_media(Peer *peer, VvFrameHeader header, const void *payload);

void peer_drop(Peer *peer);  /* loses the socket: no close frame */
void peer_leave(Peer *peer); /* session.end, and waits until closed */
void peers_close(void);

/* ---- speech ---------------------------------------------------------------------------------------------------- */

/* Speech-like sound: harmonics under four syllables a second and a slower swell. */
void make_tone(int16_t *pcm, int count, int rate);

/* speech.begin of the peer's next utterance; waits for its credit. */
uint32_t peer_begin(Peer *peer, VvSpeechCodec codec, int rate, const char *text);

/* Sends part of it as soon as credit allows, never beyond; END on it if `last`. */
void peer_speech(Peer *peer, const void *data, size_t size, bool last);

/* All of an utterance: `seconds` of the tone. Returns its number. */
uint32_t peer_say(Peer *peer, VvSpeechCodec codec, int rate, double seconds);

/* ---- what came --------------------------------------------------------------------------------------------------- */

/* Waits for the n-th (from 1) message of a type. Fails if the connection ends before. */
const VvMessage *peer_await(Peer *peer, VvMessageType type, int n);

/* Waits until so many video frames of an utterance (0: idle; -1: any) have come. */
void peer_await_frames(Peer *peer, int64_t utterance, int count);

/* Waits for so many more of them than there are. */
void peer_await_more(Peer *peer, int count);

/* Waits for an error of this code (the n-th, from 1). */
const VvError *peer_await_error(Peer *peer, VvErr code, int n);

/* Waits until it is closed, and expects this code (-1: any). */
void peer_await_closed(Peer *peer, int code);

/* The n-th (from 0) message of a type, or NULL; and how many there are. */
const PeerMessage *peer_message(const Peer *peer, VvMessageType type, int n);
int peer_messages(const Peer *peer, VvMessageType type);

/* The same for frames; `utterance` -1: any. */
const PeerFrame *peer_frame(const Peer *peer, VvKind kind, int64_t utterance, int n);
int peer_frames(const Peer *peer, VvKind kind, int64_t utterance);

/* playback.started and .finished of an utterance; fails if there is not exactly one (started: or none, then NULL). */
const PeerMessage *peer_started(const Peer *peer, uint32_t utterance);
const PeerMessage *peer_finished(const Peer *peer, uint32_t utterance);

/* Holds all media to the protocol's order: sequence numbers without a gap, pictures on a grid of 40 ms, sound of 20 ms
 * packets side by side, jumps only where they are flagged. */
void peer_check_media(const Peer *peer);

/* Holds a call beside whatever was done to the daemon: its frames go on, it was told of no error, and the daemon says
 * that it is healthy. */
void peer_expect_well(Peer *witness, const Daemon *daemon);

/* The media clock now, by a ping. */
int64_t peer_clock(Peer *peer);

#endif

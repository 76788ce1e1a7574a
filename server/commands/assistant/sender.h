/* Sends one utterance after another under the server's credit: the part of a backend that must be exact.
 *
 * The order is that of the protocol: speech.begin; nothing more until its first speech.credit; audio as far as the
 * credit reaches, every message counted whole with its header; speech.end. It knows no socket: what it sends goes
 * through a port, so that tests can stand at the other end. One thread. */
#ifndef VV_SENDER_H
#define VV_SENDER_H

#include "protocol/vv_protocol.h"
#include "server/base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VV_SENDER_CHUNK_MAX 3200 /* samples in one message at most: 200 ms at 16 kHz */

/* Where it sends; each function as its namesake in client.h. */
typedef struct VvSenderPort {
    bool (*message)(void *ctx, const VvMessage *message);
    bool (*media)(void *ctx, const VvFrameHeader *header, const void *payload);
    size_t (*queued)(void *ctx);
    void *ctx;
} VvSenderPort;

typedef enum VvSenderState {
    VV_SENDER_IDLE,   /* no utterance is open */
    VV_SENDER_CREDIT, /* waits for credit */
    VV_SENDER_LATER,  /* the port is full, or the next audio is not due: pump again at `due` */
} VvSenderState;

typedef struct VvSender {
    VvSenderPort port;
    int chunk;            /* samples in a message */
    size_t queue_limit;   /* bytes that the port may hold before the sender waits */
    bool real_time;       /* send as a live voice would: each message when its audio has been spoken */
    uint32_t utterance;   /* the open one; 0: none */
    uint32_t sequence;    /* of the next audio message; counts on over utterances */
    int rate;             /* samples a second */
    const int16_t *pcm;   /* borrowed while the utterance is open */
    size_t samples, at;   /* how many, and how many were sent */
    int64_t credit, sent; /* bytes of this utterance: allowed, and used */
    VvTime first, due;    /* when its first audio was sent; when the next is */
    uint64_t bytes;       /* audio messages sent in all */
} VvSender;

/* Prepares a sender with messages of `chunk_ms` (20..200 at 16 kHz). */
void vv_sender_init(VvSender *sender, const VvSenderPort *port, int chunk_ms, bool real_time);

/* Sends speech.begin (with id "u<number>") for samples that the caller keeps until the utterance is no longer open.
 * `text` may be NULL; what exceeds the protocol's limit is cut off. False if one is open or the port refuses. */
bool vv_sender_open(VvSender *sender, uint32_t utterance, const char *text, const int16_t *pcm, size_t samples,
                    int rate);

/* Takes a speech.credit; one for another utterance, or smaller than before, changes nothing. */
void vv_sender_credit(VvSender *sender, const VvSpeechCredit *credit);

/* Sends what may be sent at `now`; after the last audio speech.end, and the utterance is closed. */
VvSenderState vv_sender_pump(VvSender *sender, VvTime now);

/* Forgets the open utterance: it was interrupted, refused, or the connection is gone. */
void vv_sender_drop(VvSender *sender);

#endif

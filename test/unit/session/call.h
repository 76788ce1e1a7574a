/* A client of a hub without a network: joins, sends, and keeps everything that comes out, in order. */
#ifndef CALL_H
#define CALL_H

#include "server/session/session.h"

#include <stdbool.h>
#include <stdint.h>

#define CALL_MESSAGES 4096
#define CALL_FRAMES 4096

typedef struct CallFrame {
    VvFrameHeader header;
    uint8_t *payload;
    int order; /* among messages and frames of this client */
} CallFrame;

typedef struct CallMessage {
    VvMessage message;
    int order;
} CallMessage;

typedef struct Call {
    VvHub *hub;
    VvSeat *seat;
    bool closed;
    int order;
    CallMessage *messages;
    int message_count;
    CallFrame *frames;
    int frame_count;
    char token[65];
    uint32_t sequence;
} Call;

/* A hub with the test pattern, `capacity` sessions and the given time to resume. */
VvHub *call_hub(int capacity, int resume_seconds);
void call_hub_close(VvHub **hub);

/* Joins; `start` as JSON. Returns the code. */
VvErr call_join(Call *call, VvHub *hub, const char *start);
void call_leave(Call *call);
void call_free(Call *call);

/* Sends a control message given as JSON. */
VvErr call_send(Call *call, const char *json);

/* Sends one message of speech. */
VvErr call_speech(Call *call, uint32_t utterance, VvCodec codec, const void *data, size_t size, bool last);

/* Sends `seconds` of a tone with an envelope of syllables as PCM of `rate`, in messages of 20 ms, at once. */
VvErr call_tone(Call *call, uint32_t utterance, int rate, double seconds);
void call_make_tone(int16_t *pcm, int count, int rate);

/* Takes what came for all calls given (NULL-terminated), until `done` says so. Fails the test after a long while: a
 * guard against hanging, not a measurement. */
void call_until(Call *calls[], bool (*done)(void *arg), void *arg);

/* The n-th message of a type, from 0; NULL if there were fewer. */
const CallMessage *call_message(const Call *call, VvMessageType type, int n);
int call_count(const Call *call, VvMessageType type);

/* Frames of a kind; with `utterance` >= 0 only of that one. */
int call_frames(const Call *call, VvKind kind, int64_t utterance);
const CallFrame *call_frame(const Call *call, VvKind kind, int64_t utterance, int n);

#endif

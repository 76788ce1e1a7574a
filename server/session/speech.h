/* The avatar's speech: what the backend sends, in the order it is to be heard, cut into frames.
 *
 * The network thread puts coded audio into a bounded store (vv_speech_put); everything else belongs to the session's
 * worker. Utterances wait in a queue; the store is decoded only a little ahead of playback, so that credit counts the
 * bytes that wait. Decoding gives speech frames: 40 ms at 48 kHz to be heard, and the four log-mel rows the avatar
 * sees. An utterance begins at a frame's beginning and its last frame is filled up with silence. Frames are numbered
 * through the session; numbers are never used twice, so a number in a window that was thrown away cannot mean something
 * else. */
#ifndef VV_SPEECH_H
#define VV_SPEECH_H

#include "protocol/vv_protocol.h"
#include "server/avatar/avatar.h"
#include "server/base/clock.h"

#include <stdbool.h>
#include <stdint.h>

#define VV_SPEECH_BYTES 786432 /* credit: bytes that may wait, each message counted whole */
#define VV_UTTERANCES_MAX 32   /* utterances that may wait, the one being said included */
#define VV_AUDIO_RATE 48000
#define VV_FRAME_SAMPLES 1920 /* of one frame at 48 kHz */
#define VV_SPEECH_FRAMES 32   /* decoded ahead at most */

typedef struct VvSpeechFrame {
    uint32_t utterance;
    bool first, cleared;
    int16_t pcm[VV_FRAME_SAMPLES];
    float mel[VV_HOPS][VV_MEL_BANDS];
} VvSpeechFrame;

typedef struct VvUtterance {
    uint32_t number;
    VvSpeechCodec codec;
    int rate;
    char text[4097];
    int64_t base;       /* bytes of speech the session had received before it */
    int64_t credit;     /* told to the backend, bytes in all */
    VvTime first_audio; /* when its first audio came; 0: not yet */
    bool ended;         /* no more audio will come */
    bool decoded;       /* all of it is in frames; `end` holds */
    bool started;       /* playback.started was sent */
    bool error_told;    /* bad media was reported once */
    int64_t samples;    /* decoded so far, at 48 kHz, without filling */
    int64_t end;        /* the frame number after its last one */
    int64_t frames_sent;
} VvUtterance;

typedef struct VvSpeech VvSpeech;

/* NULL if out of memory. */
VvSpeech *vv_speech_new(void);
void vv_speech_free(VvSpeech **speech);

/* Network thread: stores one message's audio; `last` marks the end of the utterance. False if there is no room, which
 * credit rules out. PCM payloads of odd length must have been refused. */
bool vv_speech_put(VvSpeech *speech, uint32_t utterance, bool pcm, bool last, const uint8_t *payload, size_t size);

/* Network thread: bytes received so far, counted as credit counts them. Any thread: bytes that wait. */
int64_t vv_speech_received(const VvSpeech *speech);
size_t vv_speech_waiting(const VvSpeech *speech);

/* Worker, as all that follow: queues an utterance. `base` is vv_speech_received at its speech.begin. 0, -ENOSPC if the
 * queue is full, -ENOMEM. */
int vv_speech_begin(VvSpeech *speech, const VvSpeechBegin *begin, int64_t base);
void vv_speech_end(VvSpeech *speech, uint32_t utterance);

/* Decodes ahead as far as there is audio and room. Returns the number of an utterance with undecodable audio that has
 * not been reported yet, or 0. */
uint32_t vv_speech_decode(VvSpeech *speech);

/* The first frame number >= `index` that holds speech not cleared; -1 if none is decoded. */
int64_t vv_speech_next(const VvSpeech *speech, int64_t index);

/* The first frame number that was not sent. */
int64_t vv_speech_unsent(const VvSpeech *speech);

/* A decoded frame, or NULL if it was sent or cleared. */
const VvSpeechFrame *vv_speech_frame(const VvSpeech *speech, int64_t index);

/* How many frames from number `index` on can be made now, if each needs `lookahead` more frames of its utterance behind
 * it (fewer at the utterance's end). At most `most`. `*complete` says that what can be made reaches an utterance's end.
 */
int vv_speech_usable(const VvSpeech *speech, int64_t index, int lookahead, int most, bool *complete);

/* Frame `index` was sent. Returns its utterance. */
VvUtterance *vv_speech_sent(VvSpeech *speech, int64_t index);

/* The utterance that is being said or comes next; NULL if none. */
VvUtterance *vv_speech_head(VvSpeech *speech);

/* The utterance that was begun and not ended, if any; credit is for it. */
VvUtterance *vv_speech_open(VvSpeech *speech);

/* Takes the head out of the queue if all of it was sent; false otherwise. `*finished` is a copy. */
bool vv_speech_finish(VvSpeech *speech, VvUtterance *finished);

/* Takes one cleared utterance out of the queue: `number`, or with 0 the head. Its frames are never heard any more.
 * False if there is no such one. */
bool vv_speech_clear(VvSpeech *speech, uint32_t number, VvUtterance *cleared);

/* Utterances waiting, the one being said included. */
int vv_speech_queued(const VvSpeech *speech);

/* How much of an utterance was played, milliseconds. */
int64_t vv_speech_position(const VvUtterance *utterance);

#endif

/* The media that the benchmark's users send: made once, shared by all sessions. A microphone with speech and pauses
 * as Opus, a camera with something that moves as VP8, and the utterances that the avatar says. Each loops without a
 * seam: Opus packets stand alone well enough, and the camera's first frame is a key frame. */
#ifndef VV_CLIPS_H
#define VV_CLIPS_H

#include "server/base/clock.h"
#include "server/commands/assistant/voice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VV_CLIPS_PACKETS 400 /* 8 s of microphone, 20 ms each */
#define VV_CLIPS_FRAMES 100  /* of camera: 4 s at 25 a second */
#define VV_CLIPS_UTTERANCES 4

typedef struct VvCoded {
    uint8_t *data;
    size_t size;
    bool key;
} VvCoded;

typedef struct VvClips {
    VvCoded packet[VV_CLIPS_PACKETS];
    VvCoded frame[VV_CLIPS_FRAMES];
    VvClip utterance[VV_CLIPS_UTTERANCES];
    const char *text[VV_CLIPS_UTTERANCES];
} VvClips;

/* Synthesises and encodes everything (about a second of work). 0 or -errno; free in any case. */
int vv_clips_make(VvClips *clips);
void vv_clips_free(VvClips *clips);

#endif

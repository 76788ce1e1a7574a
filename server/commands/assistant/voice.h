/* The embedded voice: English text to speech by flite (voice "slt"), 16 kHz mono.
 *
 * flite keeps its voice in global memory and is not thread-safe while it starts. So the voice is loaded once, and all
 * functions here are called by one thread of the process: the assistant's. */
#ifndef VV_VOICE_H
#define VV_VOICE_H

#include <stddef.h>
#include <stdint.h>

#define VV_VOICE_RATE 16000

typedef struct VvClip {
    int16_t *pcm; /* mono samples at VV_VOICE_RATE */
    size_t samples;
} VvClip;

/* Loads the voice if it is not loaded yet. 0 or -ENOENT if flite has none. */
int vv_voice_open(void);

/* Unloads it. */
void vv_voice_close(void);

/* Speaks `text` (NUL-terminated UTF-8) into a new clip, the caller's until vv_clip_free. Text without anything that
 * the voice can say gives an empty clip. About 14 ms for each second of speech. 0, -ENOENT without a voice, -ENOMEM. */
int vv_voice_say(const char *text, VvClip *clip);

void vv_clip_free(VvClip *clip);

/* Rewrites UTF-8 as what an English voice can read: ASCII, with accents taken off, typographic marks made plain, and
 * everything else left out. Writes at most `room` bytes, terminator included; returns the letters and digits that
 * remain, 0 when there is nothing to say. Pure; any thread. */
size_t vv_voice_readable(const char *text, char *out, size_t room);

#endif

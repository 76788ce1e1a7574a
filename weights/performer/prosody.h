/* Loudness and pitch of a voice, 25 times a second: what listeners and beats go by. */
#ifndef VV_PROSODY_H
#define VV_PROSODY_H

#include <stdint.h>

typedef struct VvTone {
    float loudness; /* 1 is usual speech, 0 silence */
    float pitch;    /* Hz, 60..500; 0 where there is none */
} VvTone;

/* Fills `frames` tones from 16 kHz samples; frame f covers samples [640 f, 640 f + 640). Samples beyond `samples` are
 * silence. Pure. */
void vv_prosody(const int16_t *pcm, int samples, VvTone *tones, int frames);

#endif

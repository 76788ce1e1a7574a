/* The voices: who can speak, in which language, under which licence, and speech from them with exact phoneme times.
 *
 * Synthesis (flite, espeak-ng, festival) runs in a process of its own that makes a fresh copy of itself for every
 * utterance. The engines keep hidden state between utterances (espeak-ng phase and noise, flite noise), and espeak-ng
 * is global to its process besides; from a fresh copy the same request always gives the same samples, on however many
 * threads. */
#ifndef VV_VOICE_H
#define VV_VOICE_H

#include "weights/performer/phone.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define VV_VOICE_RATE 16000
#define VV_VOICE_TEXT 400 /* longest text of an utterance, bytes with its end */

typedef enum VvVoiceEngine { VV_VOICE_FLITE, VV_VOICE_ESPEAK, VV_VOICE_FESTIVAL } VvVoiceEngine;

/* A synthetic voice of the table. */
typedef struct VvVoice {
    VvVoiceEngine engine;
    char name[40];       /* unique, such as "espeak-de+f3" */
    char language[12];   /* as texts.h knows it, such as "de" */
    char speaker[24];    /* the engine's own name for who speaks */
    const char *licence; /* of the engine's voice */
    bool feminine;       /* as the voice is meant to be heard */
    bool held_out;       /* never trained on: test conversations only */
} VvVoice;

/* How something is said; 1 is the voice's own way. */
typedef struct VvManner {
    float rate;     /* tempo, 0.6 .. 1.7 */
    float pitch;    /* 0.7 .. 1.4, of voices that have a choice */
    float range;    /* liveliness of pitch, 0.5 .. 1.6, likewise */
    float tract;    /* pitch and formants together: above 1 a smaller speaker; 0.85 .. 1.18 */
    float loudness; /* 0.3 .. 1.5 */
} VvManner;

typedef struct VvWord {
    int32_t begin, end;    /* samples */
    uint16_t text, length; /* bytes in the utterance's text; 0 and 0 where the voice does not say */
    bool content;          /* whether it carries meaning (and so may carry a beat) */
} VvWord;

/* Something said: 16 kHz mono, with the times of its phones and words. */
typedef struct VvSpeech {
    int16_t *pcm;
    int32_t samples;
    VvSegment *segment; /* in order, without gaps, from 0 to samples */
    int32_t segments;
    VvWord *word;
    int32_t words;
} VvSpeech;

typedef struct VvVoices VvVoices;

/* Starts the synthesis process. Call before the program has threads. Returns 0, or a negative errno with the reason in
 * `error` (never NULL, 200 bytes); -ENOENT: the engines' data are not installed. */
int vv_voices_open(VvVoices **voices, char error[200]);
void vv_voices_close(VvVoices **voices);

/* The table of synthetic voices; constant and the same on every machine. The first vv_voice_count can always speak. Up
 * to vv_voice_count_all follow festival's, which are there only where their packages are installed (`make voices`):
 * they speak where they are asked for, and nothing needs them. */
int vv_voice_count(void);
int vv_voice_count_all(void);
const VvVoice *vv_voice_at(int index);

/* Whether the voice can speak on this machine. */
bool vv_voice_installed(int index);

/* The voice of this name, or -1. */
int vv_voice_named(const char *name);

/* Says `text` (UTF-8, shorter than VV_VOICE_TEXT). `speech` becomes the caller's, to be released with vv_speech_free;
 * silence at both ends is cut to 30 ms. The same arguments give the same samples. Any thread; calls wait for one
 * another. Returns 0, -EINVAL for a text in which nothing can be said, -ENOENT for a voice that is not installed,
 * -EPIPE if the synthesis process has ended, -ENOMEM. */
int vv_voice_say(VvVoices *voices, int voice, const VvManner *manner, const char *text, VvSpeech *speech);

/* Releases; accepts a zeroed one. */
void vv_speech_free(VvSpeech *speech);

/* Prints the table of voices, synthetic and recorded: language, speakers, hours, licence, what is held out. The
 * program's subcommand `voices`. Returns 0 or a negative errno. */
int vv_voices_print(FILE *out);

#endif

/* The engines behind voice.c, called in the synthesis process only. */
#ifndef VV_VOICE_ENGINE_H
#define VV_VOICE_ENGINE_H

#include "weights/performer/voice.h"

/* What an engine says, at its own rate. Arrays are malloc'ed and belong to the caller. */
typedef struct VvUttered {
    int rate;
    VvSpeech speech;
    int32_t room_pcm, room_segments, room_words;
} VvUttered;

/* Loads the engines. Returns 0 or -ENOENT if one is not installed. */
int vv_engines_open(void);

/* `rate` and the rest as in VvManner, but `tract` left to the caller. 0, -EINVAL, -ENOMEM. */
int vv_flite_say(const VvVoice *voice, const VvManner *manner, const char *text, VvUttered *out);
int vv_espeak_say(const VvVoice *voice, const VvManner *manner, const char *text, VvUttered *out);

/* Runs the festival program, which says this one utterance and ends. -ENOENT if it or the voice is not installed. */
int vv_festival_say(const VvVoice *voice, const VvManner *manner, const char *text, VvUttered *out);

/* The voice's folder below festival's voices, such as "czech/czech_ph"; NULL for a voice of another engine. */
const char *vv_festival_folder(const VvVoice *voice);

/* Appends the phones of one symbol that lasts [begin, end): a diphthong's first part takes 60 % of it. 0 or -ENOMEM. */
int vv_uttered_phones(VvUttered *out, const VvPhone *phones, int count, int stress, int32_t begin, int32_t end);
int vv_uttered_word(VvUttered *out, const VvWord *word);
int vv_uttered_pcm(VvUttered *out, const int16_t *pcm, int count);

#endif

/* Voice activity from log-mel rows.
 *
 * A row looks like speech if it is both loud and shaped. Loud: its power in the speech bands is well above the noise
 * floor. Shaped: what is left of its smoothed log spectrum after taking out the straight line through it. In white or
 * smoothly tilted noise little is left: band widths grow exponentially with the band's number, so white noise is a
 * straight line in log-mel, and a tilt is another. Formants and harmonics are anything but. So such noise is not taken
 * for speech when it begins, however loud, and the floor may take its time to follow. Noise in a narrow band, a hum or
 * music has a shape: only the floor tells those from speech, after some ten seconds. */
#include "server/media/voice_activity.h"

#include <limits.h>
#include <math.h>

/* The speech bands: about 140 Hz, above mains hum, to 4.6 kHz, beyond which there is little but hiss. */
enum { FIRST = 5, LAST = 62, BANDS = LAST - FIRST + 1 };

enum { ATTACK_ROWS = 6, HANG_ROWS = 40 };

/* Natural logs throughout: 1 is 4.3 dB. */
#define FLOOR_LEAST (-4.5f) /* -66 dB of full scale: a microphone quieter than this has no say in the floor */
#define LOUDER 1.8f         /* above the floor, to begin; to go on, less will do */
#define LOUDER_STILL 1.2f
/* White, pink and brown noise stay below 0.81 in 99 % of rows; synthesised voices have a median of 1.1 to 1.3 at 10 dB
 * above white noise, and of 1.5 to 2.1 clean. */
#define SHAPED 0.85f
#define SHAPED_STILL 0.7f
#define SMOOTHING 0.4f

/* How the floor follows, per row: down at once, up with noise, and slowly up under what might be speech, so that a
 * steady hum is forgotten after some seconds while syllables are not. */
#define FALL 0.2f
#define RISE_LEVEL 0.02f
#define RISE_FLAT 0.03f
#define RISE_SHAPED 0.005f

void vv_voice_activity_init(VvVoiceActivity *voice) {
    *voice = (VvVoiceActivity){.floor = FLOOR_LEAST};
}

static float level_of(const float row[VV_MEL_BANDS]) {
    float power = 0;
    for (int b = FIRST; b <= LAST; b++)
        power += expf(row[b]);
    return logf(power);
}

/* Standard deviation of the speech bands around the straight line that fits them best. */
static float shape_of(const float spectrum[VV_MEL_BANDS]) {
    const float middle = (BANDS - 1) / 2.0f;
    const float spread = BANDS * ((float)BANDS * BANDS - 1) / 12; /* the sum of (b - middle)^2 */
    float mean = 0, slope = 0, left = 0;
    for (int b = 0; b < BANDS; b++)
        mean += spectrum[FIRST + b] / BANDS;
    for (int b = 0; b < BANDS; b++)
        slope += ((float)b - middle) * (spectrum[FIRST + b] - mean) / spread;
    for (int b = 0; b < BANDS; b++) {
        const float rest = spectrum[FIRST + b] - mean - slope * ((float)b - middle);
        left += rest * rest;
    }
    return sqrtf(left / BANDS);
}

static float follow(float floor, float level, bool shaped) {
    if (level < floor)
        floor += FALL * (level - floor);
    else if (level < floor + LOUDER_STILL)
        floor += RISE_LEVEL * (level - floor);
    else
        floor += shaped ? RISE_SHAPED : RISE_FLAT;
    return fmaxf(floor, FLOOR_LEAST);
}

bool vv_voice_activity_push(VvVoiceActivity *voice, const float row[VV_MEL_BANDS]) {
    const float weight = voice->rows == 0 ? 1 : SMOOTHING;
    for (int b = FIRST; b <= LAST; b++)
        voice->spectrum[b] += weight * (row[b] - voice->spectrum[b]);
    if (voice->rows < INT_MAX)
        voice->rows++;

    const float level = level_of(row), shape = shape_of(voice->spectrum);
    const bool loud = level > voice->floor + (voice->speaking ? LOUDER_STILL : LOUDER);
    const bool shaped = shape > (voice->speaking ? SHAPED_STILL : SHAPED);
    voice->floor = follow(voice->floor, level, shaped);

    /* Misses count twice: one loud row in three, such as somebody typing makes, never adds up to speech. */
    if (loud && shaped) {
        voice->quiet = 0;
        voice->loud = voice->loud < ATTACK_ROWS ? voice->loud + 1 : ATTACK_ROWS;
    } else {
        voice->quiet = voice->quiet < HANG_ROWS ? voice->quiet + 1 : HANG_ROWS;
        voice->loud = voice->loud > 2 ? voice->loud - 2 : 0;
    }
    voice->speaking = voice->speaking ? voice->quiet < HANG_ROWS : voice->loud >= ATTACK_ROWS;
    return voice->speaking;
}

/* Whether somebody speaks, from log-mel rows: level above an adaptive noise floor in the speech bands, with a spectral
 * shape that is not flat, held over short pauses. Decides when the user speaks over the avatar. */
#ifndef VV_VOICE_ACTIVITY_H
#define VV_VOICE_ACTIVITY_H

#include "server/media/log_mel.h"

#include <stdbool.h>

typedef struct VvVoiceActivity {
    float floor;                  /* tracked noise level, natural log of the power in the speech bands */
    float spectrum[VV_MEL_BANDS]; /* the rows, smoothed over about 40 ms */
    int rows;                     /* rows heard */
    int loud;                     /* evidence of speech: rows that look like it, less twice those that do not */
    int quiet;                    /* consecutive rows that do not look like speech */
    bool speaking;                /* after attack and hang-over */
} VvVoiceActivity;

/* Forgets everything: nobody speaks, and the floor is learnt anew. */
void vv_voice_activity_init(VvVoiceActivity *voice);

/* One row (10 ms). Returns whether the person is speaking now: begins after about 60 ms of speech, ends after about
 * 400 ms without. */
bool vv_voice_activity_push(VvVoiceActivity *voice, const float row[VV_MEL_BANDS]);

#endif

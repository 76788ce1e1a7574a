/* Whether somebody speaks, from log-mel rows: level above an adaptive noise floor in the speech bands, with a spectral
 * shape that is not flat, held over short pauses. Decides when the user speaks over the avatar. */
#ifndef VV_VOICE_ACTIVITY_H
#define VV_VOICE_ACTIVITY_H

#include "server/media/log_mel.h"

#include <stdbool.h>

typedef struct VvVoiceActivity {
    float floor;   /* tracked noise level, natural log */
    int rows;      /* rows heard */
    int loud;      /* consecutive rows that look like speech */
    int quiet;     /* consecutive rows that do not */
    bool speaking; /* after attack and hang-over */
} VvVoiceActivity;

void vv_voice_activity_init(VvVoiceActivity *voice);

/* One row (10 ms). Returns whether the person is speaking now: begins after about 60 ms of speech, ends after about
 * 400 ms without. */
bool vv_voice_activity_push(VvVoiceActivity *voice, const float row[VV_MEL_BANDS]);

#endif

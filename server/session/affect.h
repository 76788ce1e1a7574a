/* What an emotion is, as the avatar is told it: from a label, from dimensions, or from both. Pure functions; any
 * thread.
 */
#ifndef VV_AFFECT_H
#define VV_AFFECT_H

#include "server/avatar/avatar.h"

/* What somebody said of an emotion; NULL: nothing. Labels are VvEmotion's. */
typedef struct VvEmotionGiven {
    const int32_t *label;
    const double *intensity, *dimensions[3]; /* 0..1; valence, arousal, dominance, -1..1 */
} VvEmotionGiven;

/* What was given decides; what was not follows from it. Neutral if neither a label nor a dimension was given. */
VvAffect vv_affect(const VvEmotionGiven *given);

#endif

/* What the files of `visavis render` share. Main thread. */
#ifndef VV_COMMAND_RENDER_H
#define VV_COMMAND_RENDER_H

#include "server/avatar/avatar.h"
#include "server/commands/render/output.h"
#include "server/media/sound.h"

#include <stdbool.h>
#include <stdint.h>

#define VV_RENDER_TAIL_FRAMES 12 /* after the last sound, so that the face comes to rest */

/* A performance: who says what, how, and where it goes. Everything is borrowed. */
typedef struct VvPerformance {
    VvAvatar *avatar;
    VvSound *sound;
    VvRenderOutput *out;
    uint64_t seed;
    int character, style;
    VvAffect affect;

    /* Called after each window with the frames written so far; false stops. */
    bool (*progress)(void *ctx, int64_t frames);
    void *ctx;
} VvPerformance;

/* Performs all of it, as a call would that has the whole speech at hand from its first frame on and sees and hears no
 * user. Returns the frames written, or -1 with a sentence in `problem`; -1 with VV_MEDIA_OK in it when progress said
 * stop. */
int64_t vv_perform(const VvPerformance *performance, VvMediaProblem *problem);

#endif

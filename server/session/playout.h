/* Playout: which windows are asked for and when, and what is sent at each frame's time. Belongs to the session's
 * worker.
 *
 *   tick k is at media time k x 40 ms. At each tick one frame goes out: its picture, and the 40 ms of speech it was
 *   made for. Frames are made in windows of VV_WINDOW_FRAMES; a window is asked for as late as the scheduler's lead
 *   allows. Windows keep to no grid: when speech begins or is interrupted, frames that are not sent yet are stale, and
 * the next window starts at the first stale tick that can still be reached (see plan in playout.c).
 *
 * At most three windows exist: `current`, of which frames are being sent; `next`, made and waiting for current to run
 * out; and the one being made. */
#ifndef VV_PLAYOUT_H
#define VV_PLAYOUT_H

#include "protocol/vv_protocol.h"
#include "server/avatar/avatar.h"
#include "server/media/opus_codec.h"
#include "server/media/vp8_codec.h"
#include "server/session/feed.h"
#include "server/session/mailbox.h"
#include "server/session/scheduler.h"
#include "server/session/speech.h"
#include "server/session/user.h"

/* One window's frames. */
typedef struct VvReel {
    VvPicture frames[VV_WINDOW_FRAMES];
    int64_t speech[VV_WINDOW_FRAMES]; /* the speech frame each was made for; -1: none */
    int usable;                       /* frames that may be sent; fewer than made when speech was short */
    int sent;
} VvReel;

/* What playout tells its session. */
typedef struct VvPlayoutEvents {
    void (*media)(void *ctx, VvFrameHeader *header, const uint8_t *payload); /* its sequence is still to be set */
    void (*started)(void *ctx, const VvUtterance *utterance, VvTime pts);
} VvPlayoutEvents;

typedef struct VvPlayout {
    VvAvatar *avatar;
    VvScheduler *scheduler;
    VvSpeech *speech;
    VvUser *user;
    const VvPlayoutEvents *events;
    void *ctx;
    VvTime epoch; /* monotonic time of media time 0 */
    bool running; /* somebody watches or listens */

    /* What the session sets for the next window. */
    VvAffect affect;
    int character, style;
    uint64_t seed;

    /* Windows. */
    VvAvatarState *state;
    VvReel reels[2];
    VvReel *current, *next; /* next: NULL if none is made and waiting */
    VvWindow window;
    VvNode done_node; /* for the worker's mailbox, when the window is done */
    bool asked;       /* the window is with the scheduler */
    VvFeedPlan plan;  /* of the window that was asked for */
    int failures;     /* steps that failed in a row */
    VvTime retry_at;
    VvFeed feed; /* the avatar's speech */

    /* Ticks. */
    int64_t tick; /* the next one */

    /* Output. */
    VvVp8Encoder *video;
    VvOpusEncoder *audio;
    VvPicture scaled; /* width 0 if the output has the avatar's size */
    int width, height, kbps;
    bool want_key, gap;                  /* gap: media before the next was skipped */
    int silent;                          /* packets of silence encoded in a row */
    uint8_t silence[VV_OPUS_PACKET_MAX]; /* the last of them, and its size */
    int silence_size;
    uint32_t speaking; /* the utterance of the last frame sent; 0: idle */
    int16_t tail[240]; /* the 5 ms after the last speech frame, faded out when speech is cut */
    bool tail_there;
    VvTime interrupted; /* when an interrupt came whose effect was not seen yet; 0: none */

    /* Counts since the session began; the last two, times of the last second, are cleared by stats. */
    int64_t frames_sent, frames_remade, frames_late, starved, windows, windows_late;
    VvTime spoken;          /* when speech was last sent */
    VvTime speech_to_frame; /* of the last utterance that came into silence */
    VvTime encode_time, step_time, wait_time;
    int64_t encodes;
    int batch;
} VvPlayout;

/* `playout` is zeroed but for avatar, scheduler, speech, user, events, ctx, epoch, seed and window.done/ctx. 0 or
 * -ENOMEM. */
int vv_playout_open(VvPlayout *playout);
/* No window may be with the scheduler. */
void vv_playout_close(VvPlayout *playout);

/* The output's size and bit rate, from the next frame on. 0 or a negative errno: then nothing changed. */
int vv_playout_video(VvPlayout *playout, int width, int height, int kbps);

/* Starts and stops the ticks. */
void vv_playout_run(VvPlayout *playout, bool run, VvTime now);

/* The window that was asked for came back (on the worker). */
void vv_playout_made(VvPlayout *playout);

/* Speech was cleared at `since`; what was planned of it is stale, and silent from now on. */
void vv_playout_cut(VvPlayout *playout, VvTime since);

/* Does everything that is due: sends frames, asks for windows. Returns the time (vv_now) of the next thing to do. */
VvTime vv_playout_step(VvPlayout *playout, VvTime now);

#endif

/* What the avatar is told of its own speech, window by window: which speech each new frame is made for, and the
 * features around them. Calls (playout.c) and files (visavis render) fill their items here and nowhere else, so that
 * the same speech gives the same frames in both. Belongs to one thread at a time. */
#ifndef VV_FEED_H
#define VV_FEED_H

#include "server/avatar/avatar.h"
#include "server/session/speech.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct VvFeed {
    VvSpeech *speech;
    int lookahead;    /* the avatar's, frames */
    bool flowing;     /* the last planned frame was speech that goes on */
    uint64_t windows; /* number of the last window made */
    float *features;  /* VV_SPEECH_ROWS x VV_MEL_BANDS of the window that was asked for */
    float *past;      /* VV_SPEECH_PAST_FRAMES frames of rows that were sent, a ring */
    int past_at;
} VvFeed;

/* What lies between what was sent and the window: frames that were made and are still to be sent. */
typedef struct VvFeedBefore {
    const int64_t *speech; /* [count] the speech frame each was made for; -1: none */
    int count;             /* 0..VV_SPEECH_PAST_FRAMES */
    int64_t from;          /* the first speech frame that none of them was made for */
} VvFeedBefore;

typedef struct VvFeedPlan {
    int64_t speech[VV_WINDOW_FRAMES]; /* the speech frame each new frame is made for; -1: none */
    int usable; /* new frames that may be sent; fewer than made when speech ran short and goes on */
} VvFeedPlan;

/* `speech` is borrowed. 0 or -ENOMEM; the caller closes either way. `feed` comes zeroed. */
int vv_feed_open(VvFeed *feed, VvSpeech *speech, int lookahead);
void vv_feed_close(VvFeed *feed);

/* How many frames of speech from number `from` on could be made in the next window; 0 too when speech would have to
 * start, or go on after starving, with too little at hand. */
int vv_feed_startable(const VvFeed *feed, int64_t from);

/* Fills an item's speech, speech_frames, kept and window. `kept` is how many frames of the window made last were or
 * will be sent. The item's speech points into the feed until the next call. */
void vv_feed_window(VvFeed *feed, const VvFeedBefore *before, int kept, VvAvatarItem *item, VvFeedPlan *plan);

/* The item's step succeeded. */
void vv_feed_made(VvFeed *feed, const VvAvatarItem *item);

/* A frame was sent that was made for speech frame `speech` (NULL: none, or cleared meanwhile); to be called before that
 * speech is taken out (vv_speech_sent). */
void vv_feed_sent(VvFeed *feed, const VvSpeechFrame *speech);

#endif

/* The avatar's own speech, window by window. */
#include "server/session/feed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PREBUFFER_FRAMES 3 /* speech starts, or goes on after starving, with this much at hand */

enum { FRAME = VV_HOPS * VV_MEL_BANDS };

static void fill_silence(float *rows, int frames) {
    for (int i = 0; i < frames * FRAME; i++)
        rows[i] = VV_MEL_SILENCE;
}

static void fill_frame(float *rows, const VvSpeechFrame *frame) {
    if (frame)
        memcpy(rows, frame->mel, sizeof frame->mel);
    else
        fill_silence(rows, 1);
}

int vv_feed_open(VvFeed *feed, VvSpeech *speech, int lookahead) {
    feed->speech = speech;
    feed->lookahead = lookahead;
    feed->features = malloc(sizeof(float) * VV_SPEECH_ROWS * VV_MEL_BANDS);
    feed->past = malloc(sizeof(float) * VV_SPEECH_PAST_FRAMES * FRAME);
    if (!feed->features || !feed->past)
        return -ENOMEM;
    fill_silence(feed->past, VV_SPEECH_PAST_FRAMES);
    return 0;
}

void vv_feed_close(VvFeed *feed) {
    free(feed->features);
    free(feed->past);
    feed->features = feed->past = NULL;
}

int vv_feed_startable(const VvFeed *feed, int64_t from) {
    bool complete;
    const int usable = vv_speech_usable(feed->speech, from, feed->lookahead, VV_WINDOW_FRAMES, &complete);
    if (feed->flowing || complete)
        return usable;
    return usable >= PREBUFFER_FRAMES ? usable : 0;
}

/* A speech frame by its number; NULL for -1 too. */
static const VvSpeechFrame *frame_of(const VvFeed *feed, int64_t index) {
    return index >= 0 ? vv_speech_frame(feed->speech, index) : NULL;
}

/* The past: what was sent, then what is still to be sent before the window. */
static float *copy_past(const VvFeed *feed, const VvFeedBefore *before, float *out) {
    for (int i = 0; i < VV_SPEECH_PAST_FRAMES; i++, out += FRAME) {
        const int back = VV_SPEECH_PAST_FRAMES - i - before->count; /* sent that many frames ago */
        const int at = (feed->past_at + VV_SPEECH_PAST_FRAMES - back) % VV_SPEECH_PAST_FRAMES;
        if (back > 0)
            memcpy(out, feed->past + at * FRAME, sizeof(float) * FRAME);
        else
            fill_frame(out, frame_of(feed, before->speech[-back]));
    }
    return out;
}

/* The new frames, and as much of what follows as is there. */
static void copy_ahead(const VvFeed *feed, const int64_t planned[VV_WINDOW_FRAMES], int usable, float *out) {
    int64_t index = -1;
    for (int i = 0; i < VV_WINDOW_FRAMES + VV_SPEECH_AHEAD_FRAMES; i++, out += FRAME) {
        if (i < usable)
            index = planned[i];
        else if (index >= 0 && usable)
            index = vv_speech_next(feed->speech, index + 1);
        fill_frame(out, frame_of(feed, index));
    }
}

void vv_feed_window(VvFeed *feed, const VvFeedBefore *before, int kept, VvAvatarItem *item, VvFeedPlan *plan) {
    const int usable = vv_feed_startable(feed, before->from);
    int64_t index = before->from;
    for (int i = 0; i < VV_WINDOW_FRAMES; i++) {
        index = i < usable ? vv_speech_next(feed->speech, index) : -1;
        plan->speech[i] = index;
        index = index < 0 ? index : index + 1;
    }
    copy_ahead(feed, plan->speech, usable, copy_past(feed, before, feed->features));
    /* A window that speech runs short in is used only as far as speech went: the rest is made again, with what has come
     * by then. At an utterance's end, and when nothing is said, it is used whole. */
    const VvUtterance *last = vv_speech_open(feed->speech);
    const bool goes_on = usable > 0 && usable < VV_WINDOW_FRAMES && last && !last->decoded && last->first_audio;
    plan->usable = goes_on ? usable : VV_WINDOW_FRAMES;
    feed->flowing = usable == VV_WINDOW_FRAMES || goes_on;

    item->kept = kept;
    item->window = feed->windows + (kept > 0);
    item->speech = feed->features;
    item->speech_frames = usable;
}

void vv_feed_made(VvFeed *feed, const VvAvatarItem *item) {
    feed->windows = item->window;
}

void vv_feed_sent(VvFeed *feed, const VvSpeechFrame *speech) {
    fill_frame(feed->past + feed->past_at * FRAME, speech);
    feed->past_at = (feed->past_at + 1) % VV_SPEECH_PAST_FRAMES;
}

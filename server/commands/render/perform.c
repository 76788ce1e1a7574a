/* A call without a caller: speech goes the way it goes in a session, and so do the windows. */
#include "server/commands/render/render.h"

#include "server/session/feed.h"
#include "server/session/user.h"

#include <string.h>

enum { UTTERANCE = 1, BLOCK = 1920 };

typedef struct Stage {
    const VvPerformance *performance;
    VvMediaProblem *problem;
    VvSpeech *speech;
    VvUser *user; /* nobody */
    VvFeed feed;
    VvFeedPlan plan;
    VvAvatarItem item;
    uint8_t bytes[2 * BLOCK]; /* read, and not yet in the speech store */
    size_t size;
    bool over; /* all of the sound was read */
    int kept;
    int64_t frames; /* written */
    int silent;     /* frames written since the last one with speech */
} Stage;

static bool fail(Stage *stage, VvMediaError error, const char *what) {
    vv_media_fail(stage->problem, error, "%s", what);
    return false;
}

static bool open_stage(Stage *stage) {
    const VvPerformance *p = stage->performance;
    const VvAvatarInfo *info = &p->avatar->info;
    static const VvSpeechBegin empty;
    VvSpeechBegin begin = empty;
    begin.utterance = UTTERANCE;
    begin.codec = VV_SPEECH_PCM;
    begin.rate = vv_sound_rate(p->sound);
    stage->speech = vv_speech_new();
    stage->user = vv_user_new();
    stage->item.state = p->avatar->create(p->avatar, p->seed);
    bool good = stage->speech && stage->user && stage->item.state;
    good = good && vv_feed_open(&stage->feed, stage->speech, info->lookahead_frames) == 0;
    good = good && vv_speech_begin(stage->speech, &begin, 0) == 0;
    for (int i = 0; i < VV_WINDOW_FRAMES && good; i++)
        good = vv_picture_alloc(&stage->item.frames[i], info->width, info->height) == 0;
    stage->item.seed = p->seed;
    stage->item.affect = p->affect;
    stage->item.character = p->character;
    stage->item.style = p->style;
    return good || fail(stage, VV_MEDIA_NO_MEMORY, "there is not enough memory");
}

static void close_stage(Stage *stage) {
    if (stage->item.state)
        stage->performance->avatar->destroy(stage->performance->avatar, &stage->item.state);
    for (int i = 0; i < VV_WINDOW_FRAMES; i++)
        vv_picture_free(&stage->item.frames[i]);
    vv_feed_close(&stage->feed);
    vv_user_free(&stage->user);
    vv_speech_free(&stage->speech);
}

/* Reads the next block of the file, as a backend would send it. */
static bool read_block(Stage *stage) {
    int16_t pcm[BLOCK];
    const int count = vv_sound_read(stage->performance->sound, pcm, BLOCK, stage->problem);
    for (int i = 0; i < count; i++) {
        stage->bytes[2 * i] = (uint8_t)((uint16_t)pcm[i] & 0xff);
        stage->bytes[2 * i + 1] = (uint8_t)((uint16_t)pcm[i] >> 8);
    }
    stage->size = count > 0 ? 2 * (size_t)count : 0;
    stage->over = count == 0;
    if (stage->over)
        vv_speech_end(stage->speech, UTTERANCE);
    return count >= 0;
}

/* Keeps the speech store full and decoded ahead. */
static bool hear(Stage *stage) {
    while (!stage->over || stage->size) {
        if (stage->size == 0 && !read_block(stage))
            return false;
        if (stage->size && !vv_speech_put(stage->speech, UTTERANCE, true, false, stage->bytes, stage->size))
            break; /* full */
        stage->size = 0;
    }
    vv_speech_decode(stage->speech);
    return true;
}

static bool make_window(Stage *stage) {
    const VvFeedBefore before = {.from = vv_speech_unsent(stage->speech)};
    VvAvatarItem *item = &stage->item;
    VvAvatar *avatar = stage->performance->avatar;
    item->pts = stage->frames * VV_FRAME_US;
    vv_feed_window(&stage->feed, &before, stage->kept, item, &stage->plan);
    vv_user_fill(stage->user, item, 0, item->pts);
    const int status = avatar->step(avatar, &item, 1);
    if (status < 0) {
        vv_media_fail(stage->problem, VV_MEDIA_UNSUPPORTED, "the avatar could not make its frames: %s",
                      strerror(-status));
        return false;
    }
    vv_feed_made(&stage->feed, item);
    stage->kept = stage->plan.usable;
    return true;
}

static bool write_frame(Stage *stage, int number) {
    static const int16_t silence[VV_FRAME_SAMPLES];
    const int64_t index = stage->plan.speech[number];
    const VvSpeechFrame *said = index >= 0 ? vv_speech_frame(stage->speech, index) : NULL;
    vv_feed_sent(&stage->feed, said);
    if (vv_render_output_add(stage->performance->out, &stage->item.frames[number], said ? said->pcm : silence,
                             stage->problem))
        return false;
    if (said)
        vv_speech_sent(stage->speech, index);
    stage->silent = said ? 0 : stage->silent + 1;
    stage->frames++;
    return true;
}

static bool play(Stage *stage) {
    const VvPerformance *p = stage->performance;
    VvUtterance finished;
    while (stage->silent < VV_RENDER_TAIL_FRAMES) {
        if (!hear(stage) || !make_window(stage))
            return false;
        for (int i = 0; i < stage->plan.usable && stage->silent < VV_RENDER_TAIL_FRAMES; i++)
            if (!write_frame(stage, i))
                return false;
        vv_speech_finish(stage->speech, &finished);
        if (!p->progress(p->ctx, stage->frames))
            return fail(stage, VV_MEDIA_OK, "stopped");
    }
    return true;
}

int64_t vv_perform(const VvPerformance *performance, VvMediaProblem *problem) {
    Stage stage = {.performance = performance, .problem = problem};
    const bool whole = open_stage(&stage) && play(&stage);
    close_stage(&stage);
    return whole ? stage.frames : -1;
}

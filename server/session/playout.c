/* Playout. See playout.h for the picture; the rules of planning stand above `plan`. */
#include "server/session/playout.h"

#include "server/base/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ENCODE_MARGIN (3 * VV_MS) /* from a window's frames to the first one's packet */
#define TICKS_BEHIND_MAX 25       /* after a longer stall ticks are skipped */
#define AUDIO_BLOCK 960           /* 20 ms: one Opus packet */
#define SILENT_ENOUGH 12          /* packets of silence after which encoder and decoder are at rest */
#define TIMER_SLACK (1 * VV_MS)   /* timers fire up to this late */
#define IDLE_FOREVER (INT64_MAX / 4)

static VvTime tick_time(const VvPlayout *playout, int64_t tick) {
    return playout->epoch + tick * VV_FRAME_US;
}

/* ---- opening --------------------------------------------------------------------------------------------------- */

static int alloc_reel(VvReel *reel, const VvAvatarInfo *info) {
    for (int i = 0; i < VV_WINDOW_FRAMES; i++)
        if (vv_picture_alloc(&reel->frames[i], info->width, info->height) < 0)
            return -ENOMEM;
    return 0;
}

int vv_playout_open(VvPlayout *playout) {
    const VvAvatarInfo *info = &playout->avatar->info;
    playout->current = &playout->reels[0];
    const int fed = vv_feed_open(&playout->feed, playout->speech, info->lookahead_frames);
    playout->state = playout->avatar->create(playout->avatar, playout->seed);
    playout->audio = vv_opus_encoder_new(32);
    if (fed < 0 || !playout->state || !playout->audio || alloc_reel(&playout->reels[0], info) < 0 ||
        alloc_reel(&playout->reels[1], info) < 0 || vv_playout_video(playout, info->width, info->height, 300) < 0) {
        vv_playout_close(playout);
        return -ENOMEM;
    }
    return 0;
}

void vv_playout_close(VvPlayout *playout) {
    if (playout->state)
        playout->avatar->destroy(playout->avatar, &playout->state);
    for (int r = 0; r < 2; r++)
        for (int i = 0; i < VV_WINDOW_FRAMES; i++)
            vv_picture_free(&playout->reels[r].frames[i]);
    vv_picture_free(&playout->scaled);
    vv_vp8_encoder_free(&playout->video);
    vv_opus_encoder_free(&playout->audio);
    vv_feed_close(&playout->feed);
}

int vv_playout_video(VvPlayout *playout, int width, int height, int kbps) {
    if (playout->video && width == playout->width && height == playout->height) {
        const int status = vv_vp8_encoder_rate(playout->video, kbps);
        if (status == 0)
            playout->kbps = kbps;
        return status;
    }
    const VvAvatarInfo *info = &playout->avatar->info;
    VvPicture scaled = {0};
    if ((width != info->width || height != info->height) && vv_picture_alloc(&scaled, width, height) < 0)
        return -ENOMEM;
    VvVp8Encoder *video = vv_vp8_encoder_new(width, height, VV_FPS, kbps);
    if (!video) {
        vv_picture_free(&scaled);
        return -ENOMEM;
    }
    vv_vp8_encoder_free(&playout->video);
    vv_picture_free(&playout->scaled);
    playout->video = video;
    playout->scaled = scaled;
    playout->width = width;
    playout->height = height;
    playout->kbps = kbps;
    return 0;
}

void vv_playout_run(VvPlayout *playout, bool run, VvTime now) {
    if (run && !playout->running) {
        const VvTime since = now - playout->epoch;
        const int64_t tick = since / VV_FRAME_US + 1;
        if (tick > playout->tick)
            playout->tick = tick;
        playout->gap = true;
        playout->want_key = true;
    }
    playout->running = run;
}

/* ---- sending --------------------------------------------------------------------------------------------------- */

static void send_video(VvPlayout *playout, const VvPicture *picture, VvFrameHeader header) {
    const VvTime start = vv_now();
    if (playout->scaled.width) {
        vv_picture_scale(&playout->scaled, picture);
        picture = &playout->scaled;
    }
    const uint8_t *data;
    size_t size;
    bool key;
    if (vv_vp8_encode(playout->video, picture, playout->want_key, &data, &size, &key) < 0 || !size) {
        playout->want_key = true;
        return;
    }
    playout->want_key = false;
    const VvTime took = vv_now() - start;
    playout->encode_time += took;
    playout->encodes++;
    vv_observe(VV_HISTOGRAM_VP8_ENCODE, took);
    header.kind = VV_KIND_AVATAR_VIDEO;
    header.codec = VV_CODEC_VP8;
    header.flags |= key ? VV_FLAG_KEY : 0;
    header.length = (uint32_t)size;
    playout->events->media(playout->ctx, &header, data);
}

static bool is_silent(const int16_t pcm[AUDIO_BLOCK]) {
    int any = 0;
    for (int i = 0; i < AUDIO_BLOCK; i++)
        any |= pcm[i];
    return !any;
}

/* One packet. Encoding silence costs as much as encoding speech, and an idle avatar is silent for minutes: once the
 * encoder and the client's decoder are at rest, the same packet is sent again instead. */
static int encode_audio(VvPlayout *playout, const int16_t pcm[AUDIO_BLOCK], uint8_t packet[VV_OPUS_PACKET_MAX]) {
    const bool silent = is_silent(pcm);
    if (silent && playout->silent >= SILENT_ENOUGH) {
        memcpy(packet, playout->silence, (size_t)playout->silence_size);
        return playout->silence_size;
    }
    const VvTime start = vv_now();
    const int size = vv_opus_encode(playout->audio, pcm, packet, VV_OPUS_PACKET_MAX);
    vv_observe(VV_HISTOGRAM_OPUS_ENCODE, vv_now() - start);
    playout->silent = silent && size > 0 ? playout->silent + 1 : 0;
    if (playout->silent == SILENT_ENOUGH) {
        memcpy(playout->silence, packet, (size_t)size);
        playout->silence_size = size;
    }
    return size;
}

/* An encoder's output lags its input by its lookahead, so what a packet decodes to is earlier than what went in by that
 * much; the packet's presentation time says so, and sound and picture agree to the sample. */
static void send_audio(VvPlayout *playout, const int16_t pcm[VV_FRAME_SAMPLES], VvFrameHeader header) {
    const VvTime lag = (VvTime)vv_opus_encoder_lookahead(playout->audio) * VV_SECOND / VV_AUDIO_RATE;
    uint8_t packet[VV_OPUS_PACKET_MAX];
    header.kind = VV_KIND_AVATAR_AUDIO;
    header.codec = VV_CODEC_OPUS;
    header.pts -= lag;
    for (int i = 0; i < VV_FRAME_SAMPLES / AUDIO_BLOCK; i++) {
        const int size = encode_audio(playout, pcm + i * AUDIO_BLOCK, packet);
        if (size > 0) {
            header.length = (uint32_t)size;
            playout->events->media(playout->ctx, &header, packet);
        }
        header.pts += VV_SECOND * AUDIO_BLOCK / VV_AUDIO_RATE;
        header.flags &= (uint8_t)~VV_FLAG_DISCONTINUITY;
    }
}

/* Sound of a frame whose speech was cut, or that has none: silence, begun with a short fade of what was going on. */
static void make_silence(VvPlayout *playout, int16_t pcm[VV_FRAME_SAMPLES]) {
    memset(pcm, 0, sizeof(int16_t) * VV_FRAME_SAMPLES);
    const int count = (int)(sizeof playout->tail / sizeof *playout->tail);
    for (int i = 0; playout->tail_there && i < count; i++)
        pcm[i] = (int16_t)(playout->tail[i] * (count - i) / count);
    playout->tail_there = false;
}

static void note_started(VvPlayout *playout, VvUtterance *utterance, VvTime pts, VvTime now) {
    if (utterance->started)
        return;
    utterance->started = true;
    if (utterance->first_audio > playout->spoken) { /* one that queued behind another waited for that, not for us */
        playout->speech_to_frame = now - utterance->first_audio;
        vv_observe(VV_HISTOGRAM_SPEECH_TO_FRAME, playout->speech_to_frame);
    }
    playout->events->started(playout->ctx, utterance, pts);
}

static void send_frame(VvPlayout *playout, const VvPicture *picture, int64_t index, VvTime now) {
    const VvSpeechFrame *speech = index >= 0 ? vv_speech_frame(playout->speech, index) : NULL;
    VvFrameHeader header = {.pts = playout->tick * VV_FRAME_US};
    int16_t pcm[VV_FRAME_SAMPLES];
    header.flags = playout->gap ? VV_FLAG_DISCONTINUITY : 0;
    playout->gap = false;
    vv_feed_sent(&playout->feed, speech);
    if (speech) {
        memcpy(pcm, speech->pcm, sizeof pcm);
        header.utterance = speech->utterance;
        VvUtterance *utterance = vv_speech_sent(playout->speech, index);
        if (utterance)
            note_started(playout, utterance, header.pts, now);
        playout->spoken = now;
        const VvSpeechFrame *after = vv_speech_frame(playout->speech, index + 1);
        playout->tail_there = after && !after->first;
        if (playout->tail_there)
            memcpy(playout->tail, after->pcm, sizeof playout->tail);
    } else {
        make_silence(playout, pcm);
        header.flags |= VV_FLAG_IDLE;
        vv_count(VV_COUNTER_FRAMES_IDLE, 1);
        const VvUtterance *head = vv_speech_head(playout->speech);
        if (head && head->started && !head->ended) {
            playout->starved++;
            vv_count(VV_COUNTER_STARVED, 1);
        }
    }
    playout->speaking = header.utterance;
    if (playout->interrupted && (speech || index < 0)) { /* the first picture made without what was cut */
        vv_observe(VV_HISTOGRAM_INTERRUPT, now - playout->interrupted);
        playout->interrupted = 0;
    }
    send_audio(playout, pcm, header);
    send_video(playout, picture, header);
    playout->frames_sent++;
    vv_count(VV_COUNTER_FRAMES_OUT, 1);
}

/* One tick: the next frame, or nothing if none is ready. */
static void tick(VvPlayout *playout, VvTime now) {
    vv_observe(VV_HISTOGRAM_TICK, now - tick_time(playout, playout->tick));
    VvReel *reel = playout->current;
    if (reel->sent == reel->usable && playout->next) {
        playout->current = playout->next;
        playout->next = NULL;
        reel = playout->current;
    }
    if (reel->sent < reel->usable) {
        send_frame(playout, &reel->frames[reel->sent], reel->speech[reel->sent], now);
        reel->sent++;
    } else if (playout->frames_sent) {
        playout->frames_late++;
        playout->gap = true;
        vv_count(VV_COUNTER_FRAMES_LATE, 1);
    }
    playout->tick++;
}

/* ---- planning --------------------------------------------------------------------------------------------------- */

/* The first speech number that no frame yet to be sent of `current` (and `next`) was made for. */
static int64_t first_unplanned(const VvPlayout *playout, bool with_next) {
    int64_t from = vv_speech_unsent(playout->speech);
    for (int i = playout->current->sent; i < playout->current->usable; i++)
        if (playout->current->speech[i] >= from)
            from = playout->current->speech[i] + 1;
    for (int i = 0; with_next && playout->next && i < playout->next->usable; i++)
        if (playout->next->speech[i] >= from)
            from = playout->next->speech[i] + 1;
    return from;
}

/* The first frame of a reel from `at` on whose speech was cleared, or that idles though speech could be heard. */
static int first_stale(const VvPlayout *playout, const VvReel *reel, int at, bool speech_waits) {
    for (int i = at; i < reel->usable; i++) {
        if (reel->speech[i] < 0 ? speech_waits : !vv_speech_frame(playout->speech, reel->speech[i]))
            return i;
    }
    return -1;
}

static void ask(VvPlayout *playout, int64_t due, int kept, bool urgent, VvTime now) {
    VvWindow *window = &playout->window;
    VvAvatarItem *item = &window->item;
    const VvReel *current = playout->current;
    const VvFeedBefore before = {.speech = current->speech + current->sent,
                                 .count = current->usable - current->sent,
                                 .from = first_unplanned(playout, false)};
    vv_feed_window(&playout->feed, &before, kept, item, &playout->plan);
    item->state = playout->state;
    item->seed = playout->seed;
    item->pts = due * VV_FRAME_US;
    item->affect = playout->affect;
    item->character = playout->character;
    item->style = playout->style;
    vv_user_fill(playout->user, item, now, now - playout->epoch);
    VvReel *to = playout->current == &playout->reels[0] ? &playout->reels[1] : &playout->reels[0];
    memcpy(item->frames, to->frames, sizeof item->frames);
    window->deadline = tick_time(playout, due) - ENCODE_MARGIN;
    window->grace = ENCODE_MARGIN;
    window->urgent = urgent;
    playout->asked = true;
    vv_scheduler_submit(playout->scheduler, window);
}

static void remade(VvPlayout *playout, int frames) {
    playout->frames_remade += frames;
    vv_count(VV_COUNTER_FRAMES_REMADE, (uint64_t)frames);
}

/* When shall the next window be asked for, and for which tick? Returns the time to look again.
 *
 * - Nothing is asked for while a window is being made.
 * - A window is due where the frames at hand run out, or at the first stale one of them: one whose speech was cleared,
 * or that idles while speech waits. Frames from there on are thrown away, but none that cannot be made again in time.
 * - What a window's step began from cannot be taken back: once `next` is made, all of `current` will be sent. So a
 * stale frame in `current` can then only be followed, not replaced; and `next` is thrown away whole or not at all,
 * because frames behind it would need a third reel. */
static VvTime plan(VvPlayout *playout, VvTime now) {
    if (playout->asked)
        return IDLE_FOREVER;
    if (now < playout->retry_at)
        return playout->retry_at;
    VvReel *current = playout->current;
    const VvTime lead = vv_scheduler_lead(playout->scheduler) + ENCODE_MARGIN + TIMER_SLACK;
    const bool waits = vv_feed_startable(&playout->feed, first_unplanned(playout, true)) > 0;
    const int64_t end = playout->tick + (current->usable - current->sent);

    if (playout->next) {
        const bool stale = first_stale(playout, playout->next, 0, waits) == 0;
        if (!stale || tick_time(playout, end) - now < lead)
            return IDLE_FOREVER; /* the tick that turns to `next` looks again */
        remade(playout, playout->next->usable);
        playout->next = NULL;
        playout->feed.flowing = current->usable > current->sent && current->speech[current->usable - 1] >= 0;
        ask(playout, end, 0, true, now);
        return IDLE_FOREVER;
    }

    const int stale = first_stale(playout, current, current->sent, waits);
    int64_t due = stale < 0 ? end : playout->tick + (stale - current->sent);
    if (tick_time(playout, due) - lead > now)
        return tick_time(playout, due) - lead;
    if (stale >= 0) {
        while (due < end && tick_time(playout, due) - lead < now)
            due++;
        const int keep = current->sent + (int)(due - playout->tick);
        remade(playout, current->usable - keep);
        current->usable = keep;
        playout->feed.flowing = playout->feed.flowing && keep > 0 && current->speech[keep - 1] >= 0;
    }
    ask(playout, due, current->usable, stale >= 0, now);
    return IDLE_FOREVER;
}

void vv_playout_made(VvPlayout *playout) {
    VvWindow *window = &playout->window;
    playout->asked = false;
    playout->windows++;
    playout->windows_late += window->finished > window->deadline + window->grace;
    playout->step_time = window->finished - window->started;
    playout->wait_time = window->started - window->submitted;
    playout->batch = window->batch;
    if (window->status < 0) { /* nothing changed: it is asked for again, after a pause */
        playout->failures++;
        playout->retry_at = vv_now() + VV_FRAME_US;
        return;
    }
    playout->failures = 0;
    vv_feed_made(&playout->feed, &window->item);
    VvReel *reel = playout->current == &playout->reels[0] ? &playout->reels[1] : &playout->reels[0];
    memcpy(reel->speech, playout->plan.speech, sizeof reel->speech);
    reel->usable = playout->plan.usable;
    reel->sent = 0;
    playout->next = reel;
}

void vv_playout_cut(VvPlayout *playout, VvTime since) {
    if (playout->speaking && !playout->interrupted)
        playout->interrupted = since;
}

VvTime vv_playout_step(VvPlayout *playout, VvTime now) {
    if (!playout->running)
        return IDLE_FOREVER;
    const int64_t behind = (now - tick_time(playout, playout->tick)) / VV_FRAME_US;
    if (behind > TICKS_BEHIND_MAX) { /* the machine stood still: go on from here */
        playout->frames_late += behind;
        vv_count(VV_COUNTER_FRAMES_LATE, (uint64_t)behind);
        playout->tick += behind;
        playout->gap = true;
    }
    while (tick_time(playout, playout->tick) <= now)
        tick(playout, now);
    const VvTime look = plan(playout, now);
    const VvTime next_tick = tick_time(playout, playout->tick);
    return look < next_tick ? look : next_tick;
}

/* What a caller measures of what arrives. Times are taken when the whole message is here. */
#include "server/commands/bench/caller_parts.h"

void vv_caller_record(VvCaller *caller, VvMeasure measure, VvTime microseconds) {
    double ms = (double)microseconds / 1000.0;
    if (!caller->run->recording)
        return;
    vv_samples_add(&caller->samples[measure], ms);
    if (caller->run->point)
        caller->run->point(caller->run->ctx, measure, ms);
}

static void count(const VvCaller *caller, uint64_t *counter, uint64_t n) {
    if (caller->run->recording)
        *counter += n;
}

/* The moment at which a frame begins is in the audio packet that runs over it. Both are found by the frame's number. */
static VvArrival *slot(VvArrival *recent, int64_t frame_pts) {
    return &recent[frame_pts / VV_CALLER_FRAME_US % VV_CALLER_RECENT];
}

/* The utterance that is being measured: its first frame, and the last of it after an interrupt. */
static void take_speech(VvCaller *caller, const VvFrameHeader *header, VvTime now) {
    if (!header->utterance || header->utterance != caller->utterance)
        return;
    caller->last_heard = now;
    caller->last_pts = header->pts;
    if (header->kind == VV_KIND_AVATAR_VIDEO && !caller->first_frame && caller->speech_in) {
        caller->first_frame = true;
        vv_caller_record(caller, VV_MEASURE_SPEECH_TO_FRAME, now - caller->speech_in);
    }
}

static void take_frame(VvCaller *caller, const VvFrameHeader *header, VvTime now) {
    VvBenchCounts *counts = &caller->run->counts;
    count(caller, &counts->frames, 1);
    if (!caller->any_frame) {
        vv_samples_add(&caller->samples[VV_MEASURE_FIRST_FRAME], (double)(now - caller->dialled) / 1000.0);
    } else {
        count(caller, &counts->missing_frames, (uint32_t)(header->sequence - caller->next_video));
        bool follows = header->pts == caller->last_frame_pts + VV_CALLER_FRAME_US;
        count(caller, &counts->pts_jumps, !follows && !(header->flags & VV_FLAG_DISCONTINUITY));
        vv_caller_record(caller, VV_MEASURE_INTERVAL, now - caller->last_frame);
        if (caller->run->recording)
            vv_samples_add(&caller->run->second, (double)(now - caller->last_frame) / 1000.0);
    }
    if (!caller->any_frame || now - header->pts < caller->earliest)
        caller->earliest = now - header->pts;
    vv_caller_record(caller, VV_MEASURE_JITTER, now - header->pts - caller->earliest);
    caller->any_frame = true;
    caller->next_video = header->sequence + 1;
    caller->last_frame = now;
    caller->last_frame_pts = header->pts;

    VvArrival *old = slot(caller->video, header->pts);
    if (old->pts >= 0)
        count(caller, &counts->unpaired, 1); /* it was never met by its audio */
    *old = (VvArrival){header->pts, now};
    const VvArrival *heard = slot(caller->audio, header->pts);
    if (heard->pts == header->pts) {
        vv_caller_record(caller, VV_MEASURE_SKEW, now - heard->at);
        old->pts = -1;
    }
}

static void take_audio(VvCaller *caller, const VvFrameHeader *header, VvTime now) {
    VvBenchCounts *counts = &caller->run->counts;
    count(caller, &counts->audio, 1);
    if (caller->any_audio)
        count(caller, &counts->missing_audio, (uint32_t)(header->sequence - caller->next_audio));
    caller->any_audio = true;
    caller->next_audio = header->sequence + 1;
    int64_t frame = (header->pts + VV_CALLER_FRAME_US - 1) / VV_CALLER_FRAME_US * VV_CALLER_FRAME_US;
    if (frame >= header->pts + VV_CALLER_PACKET_US)
        return; /* no frame begins in this packet */
    *slot(caller->audio, frame) = (VvArrival){frame, now};
    VvArrival *seen = slot(caller->video, frame);
    if (seen->pts == frame) {
        vv_caller_record(caller, VV_MEASURE_SKEW, now - seen->at);
        seen->pts = -1;
    }
}

void vv_caller_take_media(VvCaller *caller, const VvFrameHeader *header, const uint8_t *payload, VvTime now) {
    count(caller, &caller->run->counts.bytes_in, VV_FRAME_HEADER_SIZE + header->length);
    if (header->kind == VV_KIND_AVATAR_VIDEO)
        take_frame(caller, header, now);
    else if (header->kind == VV_KIND_AVATAR_AUDIO)
        take_audio(caller, header, now);
    else
        return;
    take_speech(caller, header, now);
    if (caller->inspector)
        vv_inspector_take(caller->inspector, header, payload);
}

void vv_caller_take_stats(VvCaller *caller, const VvStats *stats) {
    VvBenchCounts *counts = &caller->run->counts;
    if (caller->any_stats) {
        const VvStats *old = &caller->stats;
        count(caller, &counts->windows, (uint64_t)(stats->windows - old->windows));
        count(caller, &counts->windows_late, (uint64_t)(stats->windows_late - old->windows_late));
        count(caller, &counts->starved, (uint64_t)(stats->starved - old->starved));
        count(caller, &counts->dropped_video, (uint64_t)(stats->dropped_video - old->dropped_video));
        count(caller, &counts->dropped_camera, (uint64_t)(stats->dropped_camera - old->dropped_camera));
        count(caller, &counts->lost_audio, (uint64_t)(stats->lost_audio - old->lost_audio));
        vv_caller_record(caller, VV_MEASURE_SERVER_STEP, (VvTime)(stats->step_ms * 1000));
        vv_caller_record(caller, VV_MEASURE_SERVER_WAIT, (VvTime)(stats->wait_ms * 1000));
    }
    caller->stats = *stats;
    caller->any_stats = true;
}

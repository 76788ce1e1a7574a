/* See call.h. */
#include "test/unit/session/call.h"

#include "server/avatar/avatar.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static VvAvatar *avatar;

static void no_wake(void *ctx) {
    (void)ctx;
}

VvHub *call_hub(int capacity, int resume_seconds) {
    assert_int_equal(vv_test_pattern_open(256, 256, &avatar), 0);
    const VvHubConfig config = {
        .avatar = avatar, .workers = 2, .capacity = capacity, .resume_seconds = resume_seconds, .wake = no_wake};
    VvHub *hub = NULL;
    assert_int_equal(vv_hub_open(&config, &hub), 0);
    return hub;
}

void call_hub_close(VvHub **hub) {
    vv_hub_close(hub);
    avatar->close(&avatar);
}

VvErr call_join(Call *call, VvHub *hub, const char *start) {
    VvMessage message;
    VvFault fault;
    if (!call->messages) {
        call->messages = calloc(CALL_MESSAGES, sizeof *call->messages);
        call->frames = calloc(CALL_FRAMES, sizeof *call->frames);
    }
    assert_int_equal(vv_message_decode(start, strlen(start), &message, &fault), VV_ERR_OK);
    assert_int_equal(message.type, VV_MSG_SESSION_START);
    call->hub = hub;
    call->closed = false;
    return vv_hub_join(hub, &message.body.SessionStart, message.id, call, &call->seat, &fault);
}

void call_leave(Call *call) {
    vv_seat_leave(&call->seat, true);
}

void call_free(Call *call) {
    for (int i = 0; i < call->frame_count; i++)
        free(call->frames[i].payload);
    free(call->frames);
    free(call->messages);
    memset(call, 0, sizeof *call);
}

VvErr call_send(Call *call, const char *json) {
    VvMessage message;
    VvFault fault;
    assert_int_equal(vv_message_decode(json, strlen(json), &message, &fault), VV_ERR_OK);
    return vv_seat_control(call->seat, &message);
}

VvErr call_speech(Call *call, uint32_t utterance, VvCodec codec, const void *data, size_t size, bool last) {
    const VvFrameHeader header = {.kind = VV_KIND_SPEECH,
                                  .flags = last ? VV_FLAG_END : 0,
                                  .codec = (uint8_t)codec,
                                  .sequence = call->sequence++,
                                  .utterance = utterance,
                                  .length = (uint32_t)size};
    return vv_seat_media(call->seat, &header, data);
}

void call_make_tone(int16_t *pcm, int count, int rate) {
    for (int i = 0; i < count; i++) {
        const double t = (double)i / rate;
        const double envelope = 0.5 - 0.5 * cos(2 * 3.14159265358979 * 4 * t); /* four syllables a second */
        const double slow = 0.6 + 0.4 * sin(2 * 3.14159265358979 * 0.9 * t);
        double wave = 0;
        for (int k = 1; k <= 6; k++)
            wave += sin(2 * 3.14159265358979 * 140 * k * t) / k;
        pcm[i] = (int16_t)lround(9000 * envelope * slow * wave / 2);
    }
}

VvErr call_tone(Call *call, uint32_t utterance, int rate, double seconds) {
    const int count = (int)lround(rate * seconds), block = rate / 50;
    int16_t *pcm = malloc((size_t)count * sizeof *pcm);
    call_make_tone(pcm, count, rate);
    VvErr code = VV_ERR_OK;
    for (int at = 0; at < count && code == VV_ERR_OK; at += block) {
        const int part = count - at < block ? count - at : block;
        code = call_speech(call, utterance, VV_CODEC_PCM, pcm + at, (size_t)part * sizeof *pcm, at + part == count);
    }
    free(pcm);
    return code;
}

static void take(Call *call) {
    VvOutput kind;
    const uint8_t *data;
    size_t size;
    VvTime queued;
    VvFault fault;
    while (call->seat && vv_seat_peek(call->seat, &kind, &data, &size, &queued)) {
        if (kind == VV_OUTPUT_CLOSE) {
            call->closed = true;
        } else if (kind == VV_OUTPUT_TEXT) {
            assert_true(call->message_count < CALL_MESSAGES);
            CallMessage *message = &call->messages[call->message_count++];
            assert_int_equal(vv_message_decode((const char *)data, size, &message->message, &fault), VV_ERR_OK);
            message->order = call->order++;
            if (message->message.type == VV_MSG_SESSION_READY)
                memcpy(call->token, message->message.body.SessionReady.resume_token, sizeof call->token);
        } else {
            assert_true(call->frame_count < CALL_FRAMES);
            CallFrame *frame = &call->frames[call->frame_count++];
            assert_int_equal(vv_frame_read(data, size, &frame->header), VV_ERR_OK);
            frame->payload = malloc(frame->header.length + 1);
            memcpy(frame->payload, data + VV_FRAME_HEADER_SIZE, frame->header.length);
            frame->order = call->order++;
        }
        vv_seat_pop(call->seat);
    }
}

static void on_seat(void *user, VvSeat *seat) {
    (void)seat;
    take(user);
}

void call_until(Call *calls[], bool (*done)(void *arg), void *arg) {
    const VvTime guard = vv_now() + 120 * VV_SECOND;
    while (!done(arg)) {
        assert_true(vv_now() < guard);
        usleep(2000);
        for (int i = 0; calls[i]; i++) {
            take(calls[i]);
            vv_hub_poll(calls[i]->hub, on_seat, NULL);
        }
    }
}

const CallMessage *call_message(const Call *call, VvMessageType type, int n) {
    for (int i = 0; i < call->message_count; i++)
        if (call->messages[i].message.type == type && n-- == 0)
            return &call->messages[i];
    return NULL;
}

int call_count(const Call *call, VvMessageType type) {
    int count = 0;
    for (int i = 0; i < call->message_count; i++)
        count += call->messages[i].message.type == type;
    return count;
}

const CallFrame *call_frame(const Call *call, VvKind kind, int64_t utterance, int n) {
    for (int i = 0; i < call->frame_count; i++) {
        const VvFrameHeader *header = &call->frames[i].header;
        if (header->kind == kind && (utterance < 0 || header->utterance == utterance) && n-- == 0)
            return &call->frames[i];
    }
    return NULL;
}

int call_frames(const Call *call, VvKind kind, int64_t utterance) {
    int count = 0;
    while (call_frame(call, kind, utterance, count))
        count++;
    return count;
}

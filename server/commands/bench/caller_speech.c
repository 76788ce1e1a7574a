/* What a caller has the avatar say: a cycle of three utterances with pauses, the third interrupted in its middle. */
#include "server/commands/bench/caller_parts.h"

#define CYCLE 3
#define PAUSE_LEAST (600 * VV_MS)
#define PAUSE_SPREAD 800000.0
#define INTERRUPT_LEAST (300 * VV_MS) /* after playback.started */
#define INTERRUPT_SPREAD 900000.0
#define SETTLE (500 * VV_MS) /* after an interrupt: what comes later than this is seen as well, by the next begin */
#define PATIENCE (15 * VV_SECOND)

static bool port_message(void *ctx, const VvMessage *message) {
    VvCaller *caller = ctx;
    return caller->client && vv_client_send(caller->client, message);
}

/* The moment that the latency counts from is taken here, before the message goes anywhere. */
static bool port_media(void *ctx, const VvFrameHeader *header, const void *payload) {
    VvCaller *caller = ctx;
    if (!caller->speech_in)
        caller->speech_in = vv_now();
    if (caller->run->recording)
        caller->run->counts.bytes_out += VV_FRAME_HEADER_SIZE + header->length;
    return caller->client && vv_client_send_media(caller->client, header, payload);
}

static size_t port_queued(void *ctx) {
    VvCaller *caller = ctx;
    return caller->client ? vv_client_queued(caller->client) : 0;
}

void vv_caller_speech_begin(VvCaller *caller) {
    VvSenderPort port = {port_message, port_media, port_queued, caller};
    vv_sender_init(&caller->sender, &port, 40, caller->run->options->real_time);
    caller->speech = VV_CALLER_QUIET;
    caller->said = 0;
    caller->utterance = 0;
    caller->next_speech = vv_now() + (VvTime)(vv_caller_random(caller) * 2e6);
}

/* The interrupted utterance is over: how long was it heard after the interrupt? */
static void settle(VvCaller *caller) {
    VvTime more = caller->last_heard > caller->interrupted_at ? caller->last_heard - caller->interrupted_at : 0;
    vv_caller_record(caller, VV_MEASURE_INTERRUPT, more);
    if (caller->run->recording && caller->last_pts - caller->interrupt_pts > caller->window_ms * VV_MS)
        caller->run->counts.late_speech++;
    caller->interrupted_at = 0;
}

static void speak(VvCaller *caller, VvTime now) {
    const VvClips *clips = caller->run->clips;
    int clip = (int)((caller->said + (uint32_t)caller->index) % VV_CLIPS_UTTERANCES);
    if (caller->interrupted_at)
        settle(caller);
    caller->utterance = ++caller->said;
    caller->speech_in = 0;
    caller->first_frame = false;
    caller->last_heard = 0;
    caller->last_pts = 0;
    caller->interrupt_due = 0;
    caller->to_interrupt = caller->said % CYCLE == 0;
    caller->deadline = now + (VvTime)clips->utterance[clip].samples * VV_SECOND / VV_VOICE_RATE + PATIENCE;
    if (!vv_sender_open(&caller->sender, caller->utterance, clips->text[clip], clips->utterance[clip].pcm,
                        clips->utterance[clip].samples, VV_VOICE_RATE)) {
        caller->next_speech = now + PAUSE_LEAST;
        return;
    }
    caller->speech = VV_CALLER_SENDING;
    if (caller->run->recording)
        caller->run->counts.utterances++;
}

static void interrupt(VvCaller *caller, VvTime now) {
    VvMessage message;
    vv_message_init(&message, VV_MSG_SPEECH_INTERRUPT);
    message.body.SpeechInterrupt.utterance = caller->utterance;
    VV_MARK(&message.body.SpeechInterrupt, SpeechInterrupt, utterance);
    caller->interrupt_due = 0;
    caller->interrupted_at = now;
    caller->interrupt_pts = caller->last_frame_pts;
    vv_sender_drop(&caller->sender);
    port_message(caller, &message);
    if (caller->run->recording)
        caller->run->counts.interrupts++;
}

static void quiet(VvCaller *caller, VvTime now) {
    vv_sender_drop(&caller->sender);
    caller->speech = VV_CALLER_QUIET;
    caller->next_speech = now + PAUSE_LEAST + (VvTime)(vv_caller_random(caller) * PAUSE_SPREAD);
    if (caller->interrupted_at && caller->next_speech < caller->interrupted_at + SETTLE)
        caller->next_speech = caller->interrupted_at + SETTLE;
}

void vv_caller_speech_tick(VvCaller *caller, VvTime now) {
    if (caller->speech == VV_CALLER_QUIET) {
        if (now >= caller->next_speech)
            speak(caller, now);
        return;
    }
    if (caller->interrupt_due && now >= caller->interrupt_due)
        interrupt(caller, now);
    if (caller->sender.utterance)
        vv_sender_pump(&caller->sender, now);
    if (caller->speech == VV_CALLER_SENDING && !caller->sender.utterance)
        caller->speech = VV_CALLER_PLAYING;
    if (now > caller->deadline) {
        caller->run->counts.stuck++;
        quiet(caller, now);
    }
}

void vv_caller_speech_message(VvCaller *caller, const VvMessage *message, VvTime now) {
    switch (message->type) {
    case VV_MSG_SPEECH_CREDIT:
        vv_sender_credit(&caller->sender, &message->body.SpeechCredit);
        if (caller->sender.utterance)
            vv_sender_pump(&caller->sender, now);
        break;
    case VV_MSG_PLAYBACK_STARTED:
        if (message->body.PlaybackStarted.utterance == caller->utterance && caller->to_interrupt)
            caller->interrupt_due = now + INTERRUPT_LEAST + (VvTime)(vv_caller_random(caller) * INTERRUPT_SPREAD);
        break;
    case VV_MSG_PLAYBACK_FINISHED:
        if (message->body.PlaybackFinished.utterance != caller->utterance || caller->speech == VV_CALLER_QUIET)
            break;
        if (caller->run->recording)
            caller->run->counts.finished++;
        quiet(caller, now);
        break;
    default:
        break;
    }
}

/* Utterances from beginning to end: decoding ahead, credit, playback.started and exactly one playback.finished each. */
#include "server/base/metrics.h"
#include "server/session/actor.h"

#include <stdio.h>
#include <string.h>

#define CREDIT_STEP (64 * 1024) /* freed room is told in steps, not byte by byte */

static void remember(VvMissed *missed, const VvPlaybackFinished *finished) {
    if (missed->count == VV_UTTERANCES_MAX)
        memmove(missed->finished, missed->finished + 1, (size_t)--missed->count * sizeof *finished);
    missed->finished[missed->count++] = *finished;
}

/* Tells who is there, and keeps it for who is not: whoever resumes hears of every utterance's end. */
void vv_session_finished(VvSession *session, const VvPlaybackFinished *finished) {
    VvMessage message;
    vv_message_init(&message, VV_MSG_PLAYBACK_FINISHED);
    message.body.PlaybackFinished = *finished;
    vv_session_tell(session, &message, 0);
    for (int slot = 0; slot < VV_SLOTS; slot++)
        if (!session->slot[slot])
            remember(&session->missed[slot], finished);
}

void vv_session_catch_up(VvSession *session, VvSeat *seat, int slot, bool resumed) {
    VvMissed *missed = &session->missed[slot];
    for (int i = 0; resumed && i < missed->count; i++) {
        VvMessage message;
        vv_message_init(&message, VV_MSG_PLAYBACK_FINISHED);
        message.body.PlaybackFinished = missed->finished[i];
        vv_seat_text(seat, &session->hub->outlet, &message);
    }
    missed->count = 0;
}

static void finish(VvSession *session, const VvUtterance *utterance, bool interrupted) {
    const VvPlaybackFinished finished = {
        .utterance = utterance->number, .position_ms = vv_speech_position(utterance), .interrupted = interrupted};
    vv_session_finished(session, &finished);
    atomic_fetch_sub_explicit(&session->waiting, 1, memory_order_relaxed); /* a bound, not an order */
    if (interrupted)
        vv_count(VV_COUNTER_INTERRUPTS, 1);
}

void vv_session_clear_speech(VvSession *session, uint32_t number, VvTime since) {
    VvUtterance cleared;
    bool any = false;
    while (vv_speech_clear(session->speech, number, &cleared)) {
        any = true;
        if (!cleared.ended)
            atomic_store_explicit(&session->cleared_open, cleared.number, memory_order_release);
        finish(session, &cleared, true);
    }
    if (any)
        vv_playout_cut(&session->playout, since);
}

void vv_session_credit(VvSession *session, const char *ref) {
    VvUtterance *open = vv_speech_open(session->speech);
    VvSeat *backend = session->slot[VV_SLOT_BACKEND];
    if (!open || !backend)
        return;
    /* Received before waiting: what comes between the two is counted against the backend, never for it. */
    const int64_t received = vv_speech_received(session->speech);
    const int64_t room = VV_SPEECH_BYTES - (int64_t)vv_speech_waiting(session->speech);
    int64_t credit = received - open->base + (room > 0 ? room : 0);
    if (credit < open->credit)
        credit = open->credit;
    if (!ref && credit - open->credit < CREDIT_STEP)
        return;
    open->credit = credit;
    VvMessage message;
    vv_message_init(&message, VV_MSG_SPEECH_CREDIT);
    snprintf(message.ref, sizeof message.ref, "%s", ref ? ref : "");
    message.body.SpeechCredit.utterance = open->number;
    message.body.SpeechCredit.bytes = credit;
    vv_seat_text(backend, &session->hub->outlet, &message);
}

/* After anything was sent or received: finishes what is finished, decodes ahead, tells credit. */
void vv_session_talk(VvSession *session) {
    VvUtterance done;
    do {
        const uint32_t bad = vv_speech_decode(session->speech);
        if (bad && session->slot[VV_SLOT_BACKEND]) {
            char text[96];
            snprintf(text, sizeof text, "utterance %u: audio that cannot be decoded was replaced", bad);
            vv_seat_error(session->slot[VV_SLOT_BACKEND], &session->hub->outlet, VV_ERR_BAD_MEDIA, "", text);
        }
        if (!vv_speech_finish(session->speech, &done))
            break;
        finish(session, &done, false);
    } while (true);
    vv_session_credit(session, NULL);
}

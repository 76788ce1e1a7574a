/* What a session does with the messages of its clients. */
#include "server/base/log.h"
#include "server/base/metrics.h"
#include "server/session/actor.h"
#include "server/session/affect.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void list_name(const char *list, int index, char *out, size_t size) {
    while (index-- > 0)
        list += strcspn(list, ",") + 1;
    snprintf(out, size, "%.*s", (int)strcspn(list, ","), list);
}

/* A list as far as there is room for whole names. */
static void copy_list(const char *list, char *out, size_t size) {
    snprintf(out, size, "%s", list);
    char *last = strlen(list) >= size ? strrchr(out, ',') : NULL;
    if (last)
        *last = '\0';
}

/* ---- joining --------------------------------------------------------------------------------------------------- */

static void send_ready(VvSession *session, VvSeat *seat, const VvInboxJoin *join) {
    const VvAvatarInfo *info = &session->hub->avatar->info;
    const VvPlayout *playout = &session->playout;
    VvMessage message;
    vv_message_init(&message, VV_MSG_SESSION_READY);
    snprintf(message.ref, sizeof message.ref, "%s", join->id);
    VvSessionReady *ready = &message.body.SessionReady;
    snprintf(ready->session, sizeof ready->session, "%s", session->name);
    snprintf(ready->resume_token, sizeof ready->resume_token, "%s", seat->token);
    ready->resumed = join->resumed;
    snprintf(ready->avatar, sizeof ready->avatar, "%s", info->name);
    copy_list(info->characters, ready->characters, sizeof ready->characters);
    copy_list(info->styles, ready->styles, sizeof ready->styles);
    list_name(info->characters, playout->character, ready->character, sizeof ready->character);
    list_name(info->styles, playout->style, ready->style, sizeof ready->style);
    ready->message_bytes = VV_MESSAGE_BYTES_MAX;
    ready->text_bytes = VV_TEXT_BYTES_MAX;
    ready->speech_bytes = VV_SPEECH_BYTES;
    ready->utterances = VV_UTTERANCES_MAX;
    ready->window_ms = VV_WINDOW_FRAMES * VV_FRAME_US / VV_MS;
    ready->lookahead_ms = info->lookahead_frames * VV_FRAME_US / VV_MS;
    ready->clock = vv_now() - session->epoch;
    ready->video_width = playout->width;
    ready->video_height = playout->height;
    ready->video_fps = VV_FPS;
    ready->audio_rate = VV_AUDIO_RATE;
    vv_seat_text(seat, &session->hub->outlet, &message);
}

/* Bit rate for a picture's size where none was asked for: 300 kbit/s at 256 x 256, growing slower than the area. */
static int default_kbps(int width, int height) {
    return (int)lround(300.0 * pow((double)width * height / (256.0 * 256.0), 0.75));
}

static void choose_video(VvSession *session, VvSeat *seat, const VvSessionStart *start, const char *id) {
    VvPlayout *playout = &session->playout;
    const bool size = VV_HAS(start, SessionStart, video_width) || VV_HAS(start, SessionStart, video_height);
    if (!size && !VV_HAS(start, SessionStart, video_kbps))
        return;
    const int width = VV_HAS(start, SessionStart, video_width) ? (int)start->video_width : playout->width;
    const int height = VV_HAS(start, SessionStart, video_height) ? (int)start->video_height : playout->height;
    const int kbps = VV_HAS(start, SessionStart, video_kbps) ? (int)start->video_kbps : default_kbps(width, height);
    if (vv_playout_video(playout, width, height, kbps) < 0)
        vv_seat_error(seat, &session->hub->outlet, VV_ERR_UNSUPPORTED, id, "session.start: no encoder for this video");
    playout->want_key = true;
}

/* Names were checked by the network thread. */
static void choose_looks(VvSession *session, const VvSessionStart *start) {
    const VvAvatarInfo *info = &session->hub->avatar->info;
    if (VV_HAS(start, SessionStart, character))
        session->playout.character = vv_list_index(info->characters, start->character);
    if (VV_HAS(start, SessionStart, style))
        session->playout.style = vv_list_index(info->styles, start->style);
    if (VV_HAS(start, SessionStart, auto_interrupt))
        session->auto_interrupt = start->auto_interrupt;
}

static void take_slot(VvSession *session, VvSeat *seat, int slot) {
    VvSeat *old = session->slot[slot];
    if (old && old != seat) { /* its connection lives on somewhere, half open: the resumed one takes over */
        vv_seat_error(old, &session->hub->outlet, VV_ERR_ROLE_TAKEN, "", "this role was resumed by another connection");
        for (int i = 0; i < VV_SLOTS; i++)
            if (session->slot[i] == old)
                session->slot[i] = NULL;
    }
    session->slot[slot] = seat;
}

void vv_session_join(VvSession *session, const VvInboxJoin *join) {
    VvSeat *seat = join->head.seat;
    seat->attached = true;
    session->attached[session->attached_count++] = seat;
    if (session->ending) {
        vv_seat_error(seat, &session->hub->outlet, VV_ERR_RESUME_UNKNOWN, join->id, "the session has just ended");
        return;
    }
    if (seat->role != VV_ROLE_BACKEND) {
        take_slot(session, seat, VV_SLOT_VIEWER);
        vv_user_restart(session->user);
    }
    if (seat->role != VV_ROLE_VIEWER)
        take_slot(session, seat, VV_SLOT_BACKEND);
    session->empty_since = 0;
    choose_looks(session, &join->start);
    choose_video(session, seat, &join->start, join->id);
    seat->waiting_key = true;
    session->playout.want_key = true;
    send_ready(session, seat, join);
    for (int slot = 0; slot < VV_SLOTS; slot++)
        if (session->slot[slot] == seat && (slot == VV_SLOT_VIEWER || seat->role == VV_ROLE_BACKEND))
            vv_session_catch_up(session, seat, slot, join->resumed);
        else if (session->slot[slot] == seat) /* both roles on one connection are told once */
            session->missed[slot].count = 0;
    vv_session_credit(session, "");
    vv_log(VV_LOG_INFO, "session", "%s: %s %s", session->name,
           seat->role == VV_ROLE_VIEWER    ? "viewer"
           : seat->role == VV_ROLE_BACKEND ? "backend"
                                           : "viewer and backend",
           join->resumed ? "resumed" : "joined");
}

/* ---- messages ---------------------------------------------------------------------------------------------------- */

static void set_emotion(VvSession *session, const VvEmotionGiven *given, int64_t turn) {
    if (!given->label && !given->dimensions[0] && !given->dimensions[1] && !given->dimensions[2])
        return;
    const VvAffect affect = vv_affect(given);
    session->playout.affect = affect;

    VvMessage message;
    vv_message_init(&message, VV_MSG_CONTEXT_AFFECT);
    VvContextAffect *told = &message.body.ContextAffect;
    told->label = affect.label;
    told->intensity = (double)affect.intensity;
    told->valence = (double)affect.valence;
    told->arousal = (double)affect.arousal;
    told->dominance = (double)affect.dominance;
    if (turn) {
        told->path.count = 1;
        told->path.value[0] = turn;
    }
    vv_session_tell(session, &message, 1u << VV_WANT_EVENTS);
}

#define GIVEN(m, Type, member) (VV_HAS(m, Type, member) ? &(m)->member : NULL)

static void on_turn(VvSession *session, VvSeat *from, const VvMessage *message) {
    const VvDialogueTurn *turn = &message->body.DialogueTurn;
    session->turns++;
    for (int slot = 0; slot < VV_SLOTS; slot++)
        if (session->slot[slot] && session->slot[slot] != from) {
            VvMessage copy = *message;
            copy.id[0] = copy.ref[0] = '\0'; /* ids are each connection's own */
            vv_seat_text(session->slot[slot], &session->hub->outlet, &copy);
        }
    const VvEmotionGiven emotion = {GIVEN(turn, DialogueTurn, emotion_label),
                                    GIVEN(turn, DialogueTurn, emotion_intensity),
                                    {GIVEN(turn, DialogueTurn, emotion_valence),
                                     GIVEN(turn, DialogueTurn, emotion_arousal),
                                     GIVEN(turn, DialogueTurn, emotion_dominance)}};
    set_emotion(session, &emotion, session->turns);
}

static void on_update(VvSession *session, VvSeat *from, const VvMessage *message) {
    const VvSessionUpdate *update = &message->body.SessionUpdate;
    const VvAvatarInfo *info = &session->hub->avatar->info;
    VvPlayout *playout = &session->playout;
    VvOutlet *outlet = &session->hub->outlet;
    const int character = VV_HAS(update, SessionUpdate, character) ? vv_list_index(info->characters, update->character)
                                                                   : playout->character;
    const int style =
        VV_HAS(update, SessionUpdate, style) ? vv_list_index(info->styles, update->style) : playout->style;
    char text[512];
    if (character < 0 || style < 0) { /* all of it or nothing */
        snprintf(text, sizeof text, "session.update: no %s \"%s\"; there are: %.300s",
                 character < 0 ? "character" : "style", character < 0 ? update->character : update->style,
                 character < 0 ? info->characters : info->styles);
        vv_seat_error(from, outlet, character < 0 ? VV_ERR_UNKNOWN_CHARACTER : VV_ERR_UNKNOWN_STYLE, message->id, text);
        return;
    }
    playout->character = character;
    playout->style = style;
    if (VV_HAS(update, SessionUpdate, video_kbps))
        vv_playout_video(playout, playout->width, playout->height, (int)update->video_kbps);
    if (VV_HAS(update, SessionUpdate, auto_interrupt))
        session->auto_interrupt = update->auto_interrupt;
    const VvEmotionGiven emotion = {GIVEN(update, SessionUpdate, emotion_label),
                                    GIVEN(update, SessionUpdate, emotion_intensity),
                                    {GIVEN(update, SessionUpdate, emotion_valence),
                                     GIVEN(update, SessionUpdate, emotion_arousal),
                                     GIVEN(update, SessionUpdate, emotion_dominance)}};
    set_emotion(session, &emotion, 0);
}

static void on_begin(VvSession *session, VvSeat *from, const VvInboxHead *head, const VvMessage *message) {
    const VvSpeechBegin *begin = &message->body.SpeechBegin;
    const bool draining = atomic_load_explicit(&session->hub->drain_until, memory_order_relaxed) != 0;
    vv_count(VV_COUNTER_UTTERANCES, 1);
    if (draining || vv_speech_begin(session->speech, begin, head->base) < 0) {
        /* Begun all the same as far as the backend knows, so it hears of the end. */
        const VvPlaybackFinished finished = {.utterance = begin->utterance, .interrupted = true};
        atomic_store_explicit(&session->cleared_open, (uint32_t)begin->utterance, memory_order_release);
        atomic_fetch_sub_explicit(&session->waiting, 1, memory_order_relaxed);
        if (!draining)
            vv_seat_error(from, &session->hub->outlet, VV_ERR_TOO_MANY_UTTERANCES, message->id,
                          "speech.begin: no room for another utterance");
        vv_session_finished(session, &finished);
        return;
    }
    vv_session_credit(session, message->id);
}

void vv_session_end(VvSession *session, const char *reason) {
    if (session->ending)
        return;
    session->ending = true;
    atomic_store_explicit(&session->open, false, memory_order_release);
    vv_session_clear_speech(session, 0, vv_now());
    VvMessage message;
    vv_message_init(&message, VV_MSG_SESSION_END);
    snprintf(message.body.SessionEnd.reason, sizeof message.body.SessionEnd.reason, "%s", reason);
    VV_MARK(&message.body.SessionEnd, SessionEnd, reason);
    vv_session_tell(session, &message, 0);
    for (int i = 0; i < session->attached_count; i++)
        vv_seat_close(session->attached[i], &session->hub->outlet);
    vv_playout_run(&session->playout, false, vv_now());
    vv_log(VV_LOG_INFO, "session", "%s: ended (%s)", session->name, reason);
}

void vv_session_control(VvSession *session, const VvInboxHead *head, const VvMessage *message) {
    VvSeat *from = head->seat;
    switch (message->type) {
    case VV_MSG_SPEECH_BEGIN:
        on_begin(session, from, head, message);
        break;
    case VV_MSG_SPEECH_END:
        vv_speech_end(session->speech, (uint32_t)message->body.SpeechEnd.utterance);
        break;
    case VV_MSG_SPEECH_INTERRUPT:
        vv_session_clear_speech(session, (uint32_t)message->body.SpeechInterrupt.utterance, head->arrived);
        break;
    case VV_MSG_DIALOGUE_TURN:
        on_turn(session, from, message);
        break;
    case VV_MSG_SESSION_UPDATE:
        on_update(session, from, message);
        break;
    case VV_MSG_VIDEO_KEYFRAME:
        session->playout.want_key = true;
        break;
    case VV_MSG_SESSION_END:
        vv_session_end(session, message->body.SessionEnd.reason[0] ? message->body.SessionEnd.reason : "hung up");
        break;
    default: /* the network thread lets nothing else through */
        break;
    }
}

/* A session's life on its worker: made, run, ended. */
#include "server/session/actor.h"

#include "server/base/log.h"
#include "server/base/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INBOX_BYTES (512 * 1024)
#define BARGE_IN_AFTER (200 * VV_MS) /* speech of the user over the avatar before it counts as barging in */
#define STATS_EVERY VV_SECOND
#define FAILURES_MAX 10 /* steps that may fail in a row before the session is told */
#define LEAST_SLEEP 0.0002

/* ---- making and freeing ------------------------------------------------------------------------------------------ */

static void on_media(void *ctx, VvFrameHeader *header, const uint8_t *payload);
static void on_started(void *ctx, const VvUtterance *utterance, VvTime pts);
static const VvPlayoutEvents playout_events = {on_media, on_started};

/* The device's thread. The push is its last touch of the session. */
static void on_window(void *ctx, VvWindow *window) {
    (void)window;
    VvSession *session = ctx;
    VvWorker *worker = session->worker;
    vv_mailbox_push(&worker->done, &session->playout.done_node);
    vv_worker_wake(worker);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events) {
    (void)loop, (void)events;
    vv_session_run(timer->data);
}

VvSession *vv_session_new(VvSessionHub *hub, VvWorker *worker, const char *name, uint64_t seed) {
    VvSession *session = calloc(1, sizeof *session);
    if (!session)
        return NULL;
    session->hub = hub;
    session->worker = worker;
    snprintf(session->name, sizeof session->name, "%s", name);
    session->epoch = vv_now();
    session->empty_since = session->epoch;
    session->stats_at = session->epoch + STATS_EVERY;
    atomic_init(&session->open, true);
    ev_timer_init(&session->timer, on_timer, 0, 0);
    session->timer.data = session;
    session->inbox = vv_ring_new(INBOX_BYTES);
    session->speech = vv_speech_new();
    session->user = vv_user_new();
    VvPlayout *playout = &session->playout;
    playout->avatar = hub->avatar;
    playout->scheduler = hub->scheduler;
    playout->speech = session->speech;
    playout->user = session->user;
    playout->events = &playout_events;
    playout->ctx = session;
    playout->epoch = session->epoch;
    playout->seed = seed;
    playout->window.done = on_window;
    playout->window.ctx = session;
    if (!session->inbox || !session->speech || !session->user || vv_playout_open(playout) < 0)
        vv_session_free(&session);
    return session;
}

void vv_session_free(VvSession **pointer) {
    VvSession *session = *pointer;
    if (!session)
        return;
    if (ev_is_active(&session->timer))
        ev_timer_stop(session->worker->loop, &session->timer);
    vv_playout_close(&session->playout);
    vv_user_free(&session->user);
    vv_speech_free(&session->speech);
    vv_ring_free(&session->inbox);
    free(session);
    *pointer = NULL;
}

void vv_session_nudge(VvSession *session) {
    VvWorker *worker = session->worker;
    if (!atomic_exchange_explicit(&session->ready, true, memory_order_acq_rel)) {
        vv_mailbox_push(&worker->ready, &session->ready_node);
        vv_worker_wake(worker);
    }
}

bool vv_session_put(VvSession *session, VvInbox kind, const VvSpan *spans, int count, size_t reserve) {
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += spans[i].size;
    if (vv_ring_room(session->inbox) < size + reserve || !vv_ring_push(session->inbox, (uint32_t)kind, spans, count))
        return false;
    vv_session_nudge(session);
    return true;
}

/* ---- output ------------------------------------------------------------------------------------------------------ */

void vv_session_tell(VvSession *session, const VvMessage *message, uint32_t want) {
    for (int i = 0; i < session->attached_count; i++)
        if (!want || session->attached[i]->want & want)
            vv_seat_text(session->attached[i], &session->hub->outlet, message);
}

void vv_session_event(VvSession *session, VvEvent kind, double value, VvTime now) {
    VvMessage message;
    vv_message_init(&message, VV_MSG_CONTEXT_EVENT);
    message.body.ContextEvent.kind = (int32_t)kind;
    message.body.ContextEvent.value = value;
    message.body.ContextEvent.pts = now - session->epoch;
    vv_session_tell(session, &message, 1u << VV_WANT_EVENTS);
}

/* Sends media to all seats that want its kind. */
static void send_media(VvSession *session, VvFrameHeader *header, const uint8_t *payload, VvWant want) {
    header->sequence = session->sequence[header->kind]++;
    for (int i = 0; i < session->attached_count; i++) {
        VvSeat *seat = session->attached[i];
        if (seat->want & 1u << want && !vv_seat_send(seat, &session->hub->outlet, header, payload))
            session->playout.want_key = true;
    }
}

static void on_media(void *ctx, VvFrameHeader *header, const uint8_t *payload) {
    send_media(ctx, header, payload,
               header->kind == VV_KIND_AVATAR_VIDEO ? VV_WANT_AVATAR_VIDEO : VV_WANT_AVATAR_AUDIO);
}

static void on_started(void *ctx, const VvUtterance *utterance, VvTime pts) {
    VvMessage message;
    vv_message_init(&message, VV_MSG_PLAYBACK_STARTED);
    VvPlaybackStarted *started = &message.body.PlaybackStarted;
    started->utterance = utterance->number;
    started->pts = pts;
    memcpy(started->text, utterance->text, sizeof started->text);
    if (started->text[0])
        VV_MARK(started, PlaybackStarted, text);
    vv_session_tell(ctx, &message, 0);
}

static void send_stats(VvSession *session, VvTime now) {
    VvPlayout *playout = &session->playout;
    VvMessage message;
    vv_message_init(&message, VV_MSG_STATS);
    VvStats *stats = &message.body.Stats;
    stats->pts = now - session->epoch;
    stats->step_ms = (double)playout->step_time / VV_MS;
    stats->wait_ms = (double)playout->wait_time / VV_MS;
    stats->encode_ms = playout->encodes ? (double)playout->encode_time / (double)playout->encodes / VV_MS : 0;
    stats->speech_to_frame_ms = (double)playout->speech_to_frame / VV_MS;
    stats->real_time_factor = (double)(session->busy - session->busy_mark) / STATS_EVERY;
    stats->batch = playout->batch;
    stats->frames = playout->frames_sent;
    stats->windows = playout->windows;
    stats->windows_late = playout->windows_late;
    stats->frames_late = playout->frames_late;
    stats->frames_remade = playout->frames_remade;
    stats->starved = playout->starved;
    stats->dropped_camera = vv_user_camera_dropped(session->user);
    stats->lost_audio = vv_user_audio_lost(session->user);
    stats->speech_queued = (int64_t)vv_speech_waiting(session->speech);
    for (int i = 0; i < session->attached_count; i++) {
        VvSeat *seat = session->attached[i];
        stats->dropped_video = seat->dropped_video;
        stats->output_queued = (int64_t)vv_ring_used(seat->outbox);
        vv_seat_text(seat, &session->hub->outlet, &message);
    }
    session->busy_mark = session->busy;
    playout->encode_time = 0;
    playout->encodes = 0;
}

/* ---- the user ---------------------------------------------------------------------------------------------------- */

static void act_on_news(VvSession *session, const VvUserNews *news, VvTime now) {
    VvSeat *viewer = session->slot[VV_SLOT_VIEWER];
    if (news->speaking_changed) {
        vv_session_event(session, VV_EVENT_SPEAKING, vv_user_speaking(session->user) ? 1 : 0, now);
        session->barged_in = false;
    }
    if (news->away_changed)
        vv_session_event(session, VV_EVENT_AWAY, vv_user_away(session->user) ? 1 : 0, now);
    if (news->want_key && viewer) {
        VvMessage message;
        vv_message_init(&message, VV_MSG_VIDEO_KEYFRAME);
        message.body.VideoKeyframe.stream = VV_STREAM_USER_VIDEO;
        vv_seat_text(viewer, &session->hub->outlet, &message);
    }
    if (news->bad_media && viewer)
        vv_seat_error(viewer, &session->hub->outlet, VV_ERR_BAD_MEDIA, "",
                      "microphone or camera data that cannot be decoded");
    /* Speaking over the avatar, once for each time the user speaks. */
    if (!session->barged_in && session->playout.speaking && vv_user_speaking_for(session->user) >= BARGE_IN_AFTER) {
        session->barged_in = true;
        vv_count(VV_COUNTER_BARGE_INS, 1);
        vv_session_event(session, VV_EVENT_BARGE_IN, 1, now);
        if (session->auto_interrupt)
            vv_session_clear_speech(session, 0, now);
    }
}

static void pass_on_user_audio(VvSession *session, VvFrameHeader header, VvTime pts, const uint8_t *payload) {
    header.pts = pts;
    header.utterance = 0;
    send_media(session, &header, payload, VV_WANT_USER_AUDIO);
}

static void on_user_media(VvSession *session, const VvRecord *record, VvTime now) {
    VvInboxHead head;
    VvFrameHeader header;
    memcpy(&head, record->data, sizeof head);
    memcpy(&header, record->data + sizeof head, sizeof header);
    const uint8_t *payload = record->data + sizeof head + sizeof header;
    if (session->slot[VV_SLOT_VIEWER] != head.seat)
        return; /* taken over meanwhile */
    const VvTime pts = vv_seat_media_time(head.seat, header.pts, head.arrived - session->epoch);
    VvUserNews news = {0};
    if (header.kind == VV_KIND_USER_AUDIO) {
        vv_user_audio(session->user, &header, payload, now, &news);
        if (!news.bad_media)
            pass_on_user_audio(session, header, pts, payload);
    } else {
        vv_user_video(session->user, &header, payload, pts, now, &news);
    }
    act_on_news(session, &news, now);
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

static void on_leave(VvSession *session, const VvInboxLeave *leave, VvTime now) {
    VvSeat *seat = leave->head.seat;
    bool held = false;
    for (int i = 0; i < VV_SLOTS; i++)
        if (session->slot[i] == seat) {
            session->slot[i] = NULL;
            held = true;
        }
    for (int i = 0; i < session->attached_count; i++)
        if (session->attached[i] == seat)
            session->attached[i] = session->attached[--session->attached_count];
    if (held && leave->resumable && !session->ending)
        vv_log(VV_LOG_INFO, "session", "%s: a connection was lost; it may resume", session->name);
    if (session->attached_count == 0)
        session->empty_since = now;
    if (session->attached_count == 0 && !leave->resumable)
        vv_session_end(session, "its last connection was closed by the server");
    vv_mailbox_push(&session->hub->seat_graves, &seat->grave_node);
    session->hub->outlet.wake(session->hub->outlet.ctx);
}

static void on_control(VvSession *session, const VvRecord *record) {
    VvInboxHead head;
    VvMessage message;
    memcpy(&head, record->data, sizeof head);
    memcpy(&message, record->data + sizeof head, record->size - sizeof head);
    vv_observe(VV_HISTOGRAM_INBOX_WAIT, vv_now() - head.arrived);
    vv_session_control(session, &head, &message);
}

static void drain_inbox(VvSession *session, VvTime now) {
    for (VvRecord record; vv_ring_peek(session->inbox, &record); vv_ring_pop(session->inbox)) {
        VvInboxJoin join;
        VvInboxLeave leave;
        switch ((VvInbox)record.tag) {
        case VV_INBOX_JOIN:
            memcpy(&join, record.data, sizeof join);
            vv_session_join(session, &join);
            break;
        case VV_INBOX_LEAVE:
            memcpy(&leave, record.data, sizeof leave);
            on_leave(session, &leave, now);
            break;
        case VV_INBOX_CONTROL:
            if (!session->ending)
                on_control(session, &record);
            break;
        case VV_INBOX_MEDIA:
            if (!session->ending)
                on_user_media(session, &record, now);
            break;
        case VV_INBOX_GO_ON:
            session->proposed = false;
            break;
        }
    }
}

static bool anyone_wants_media(const VvSession *session) {
    const uint32_t media = 1u << VV_WANT_AVATAR_VIDEO | 1u << VV_WANT_AVATAR_AUDIO;
    for (int i = 0; i < session->attached_count; i++)
        if (session->attached[i]->want & media && !session->attached[i]->closing)
            return true;
    return false;
}

/* Whether the session has come to its end, and why. */
static const char *reason_to_end(const VvSession *session, VvTime now) {
    const VvTime drain_until = atomic_load_explicit(&session->hub->drain_until, memory_order_relaxed);
    const bool speaks = vv_speech_queued(session->speech) > 0 && anyone_wants_media(session);
    if (drain_until && (!speaks || now >= drain_until))
        return "shutting down";
    if (session->empty_since && now - session->empty_since >= session->hub->resume_time)
        return "nobody came back";
    if (atomic_load_explicit(&session->evicted, memory_order_relaxed))
        return "its place was needed";
    if (session->playout.failures >= FAILURES_MAX)
        return "the avatar failed";
    return NULL;
}

static VvTime work(VvSession *session, VvTime now) {
    vv_playout_run(&session->playout, anyone_wants_media(session), now);
    vv_session_talk(session);
    VvTime next = vv_playout_step(&session->playout, vv_now());
    vv_session_talk(session); /* what was sent made room, and may have finished an utterance */
    VvUserNews news = {0};
    vv_user_tick(session->user, now, &news);
    act_on_news(session, &news, now);
    if (now >= session->stats_at) {
        session->stats_at += STATS_EVERY * ((now - session->stats_at) / STATS_EVERY + 1);
        send_stats(session, now);
    }
    if (session->stats_at < next)
        next = session->stats_at;
    return next;
}

/* Once it has ended and nobody holds anything of it, the network thread is asked to forget it. */
static void propose_death(VvSession *session) {
    if (!session->ending || session->proposed || session->attached_count || session->playout.asked)
        return;
    session->proposed = true;
    ev_timer_stop(session->worker->loop, &session->timer);
    VvSessionHub *hub = session->hub;
    vv_mailbox_push(&hub->graves, &session->grave_node);
    hub->outlet.wake(hub->outlet.ctx);
}

void vv_session_run(VvSession *session) {
    const VvTime cpu = vv_thread_cpu(), now = vv_now();
    struct ev_loop *loop = session->worker->loop;
    drain_inbox(session, now);
    const char *reason = session->ending ? NULL : reason_to_end(session, now);
    if (reason)
        vv_session_end(session, reason);
    if (!session->ending) {
        const VvTime next = work(session, now);
        const double wait = (double)(next - vv_now()) / (double)VV_SECOND;
        ev_now_update(loop); /* encoding took its time: timers count from now */
        ev_timer_stop(loop, &session->timer);
        ev_timer_set(&session->timer, wait > LEAST_SLEEP ? wait : LEAST_SLEEP, 0);
        ev_timer_start(loop, &session->timer);
    }
    session->busy += vv_thread_cpu() - cpu;
    propose_death(session); /* must be the last touch */
}

void vv_session_window_done(VvSession *session) {
    vv_playout_made(&session->playout);
    vv_session_run(session);
}

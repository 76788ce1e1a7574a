/* The hub: every session of the daemon, as the network thread sees them. The registry is a plain array: joining and
 * leaving are rare, and a few hundred names are searched faster than a hash of them is kept. */
#include "server/base/log.h"
#include "server/base/metrics.h"
#include "server/session/actor.h"
#include "server/session/capacity.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define SESSIONS_MAX 4096
#define SEATS_MAX 4          /* of one session: both roles, and ones being taken over */
#define CONTROL_RESERVE 4096 /* of the inbox, for what must always fit: a seat that leaves */
#define AUDIO_RESERVE (64 * 1024)
#define VIDEO_RESERVE (160 * 1024)
#define OPUS_SPEECH_MAX 8000 /* bytes of one Opus packet of speech: 120 ms at any rate */

struct VvHub {
    VvHubConfig config;
    VvSessionHub inside;
    VvWorker *workers;
    int worker_count;
    int capacity;
    VvSession **sessions;
    int session_count;
};

/* ---- opening and closing ----------------------------------------------------------------------------------------- */

int vv_hub_open(const VvHubConfig *config, VvHub **out) {
    int status = -ENOMEM;
    VvHub *hub = calloc(1, sizeof *hub);
    if (!hub)
        return status;
    hub->config = *config;
    hub->inside.avatar = config->avatar;
    hub->inside.resume_time = config->resume_seconds * VV_SECOND;
    hub->inside.outlet.wake = config->wake;
    hub->inside.outlet.ctx = config->ctx;
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const int workers = config->workers > 0 ? config->workers : cores > 0 ? (int)cores : 1;
    hub->workers = calloc((size_t)workers, sizeof *hub->workers);
    hub->sessions = calloc(SESSIONS_MAX, sizeof(VvSession *));
    if (!hub->workers || !hub->sessions)
        goto error;
    status = vv_scheduler_open(config->avatar, &hub->inside.scheduler);
    if (status < 0)
        goto error;
    const VvCapacity measured = vv_capacity_measure(hub->inside.scheduler, &config->avatar->info, workers);
    hub->capacity = config->capacity > 0 ? config->capacity : measured.sessions;
    if (hub->capacity > SESSIONS_MAX)
        hub->capacity = SESSIONS_MAX;
    vv_gauge_set(VV_GAUGE_CAPACITY, hub->capacity);
    vv_log(VV_LOG_INFO, "session",
           "one session costs %.1f %% of a core for media and %.1f %% for the avatar: up to %d sessions%s",
           measured.media_us / 1e4, measured.step_us / 1e4, hub->capacity,
           config->capacity > 0 ? " (as configured)" : "");
    for (; hub->worker_count < workers; hub->worker_count++) {
        status = vv_worker_open(&hub->workers[hub->worker_count]);
        if (status < 0)
            goto error;
    }
    *out = hub;
    return 0;
error:
    vv_hub_close(&hub);
    return status;
}

static void no_seat(void *user, VvSeat *seat) {
    (void)user, (void)seat;
}

void vv_hub_close(VvHub **pointer) {
    VvHub *hub = *pointer;
    if (!hub)
        return;
    if (hub->session_count) { /* all end now, and say so through the same door as always */
        vv_hub_drain(hub, 0);
        while (hub->session_count) {
            vv_hub_poll(hub, no_seat, NULL);
            usleep(1000);
        }
    }
    vv_scheduler_close(&hub->inside.scheduler); /* first: it wakes workers */
    for (int i = 0; i < hub->worker_count; i++)
        vv_worker_close(&hub->workers[i]);
    free(hub->workers);
    free(hub->sessions);
    free(hub);
    *pointer = NULL;
}

void vv_hub_drain(VvHub *hub, VvTime patience) {
    const VvTime until = vv_now() + patience;
    atomic_store_explicit(&hub->inside.drain_until, until, memory_order_release);
    vv_gauge_set(VV_GAUGE_DRAINING, 1);
    for (int i = 0; i < hub->session_count; i++)
        vv_session_nudge(hub->sessions[i]);
}

int vv_hub_sessions(const VvHub *hub) {
    return hub->session_count;
}

int vv_hub_capacity(const VvHub *hub) {
    return hub->capacity;
}

bool vv_hub_ready(const VvHub *hub) {
    return !atomic_load_explicit(&hub->inside.drain_until, memory_order_relaxed);
}

/* ---- the registry ------------------------------------------------------------------------------------------------ */

static VvSession *find_named(const VvHub *hub, const char *name) {
    for (int i = 0; i < hub->session_count; i++)
        if (strcmp(hub->sessions[i]->name, name) == 0)
            return hub->sessions[i];
    return NULL;
}

/* Compares without telling by its time how much was right. */
static bool same_token(const char *a, const char *b) {
    unsigned differ = 0;
    for (int i = 0; i < 32; i++)
        differ |= (unsigned)(a[i] ^ b[i]);
    return differ == 0;
}

static VvSession *find_token(const VvHub *hub, const char *token, int *slot) {
    if (strlen(token) != 32)
        return NULL;
    const VvTime now = vv_now();
    for (int i = 0; i < hub->session_count; i++)
        for (*slot = 0; *slot < VV_SLOTS; ++*slot) {
            const VvSession *session = hub->sessions[i];
            const VvTime lost = session->lost[*slot];
            if (session->tokens[*slot][0] && same_token(session->tokens[*slot], token) &&
                (!lost || now - lost < hub->inside.resume_time))
                return hub->sessions[i];
        }
    return NULL;
}

static void forget(VvHub *hub, VvSession *session) {
    for (int i = 0; i < hub->session_count; i++)
        if (hub->sessions[i] == session) {
            hub->sessions[i] = hub->sessions[--hub->session_count];
            break;
        }
    vv_gauge_set(VV_GAUGE_SESSIONS, hub->session_count);
    VvWorker *worker = session->worker;
    worker->sessions--;
    vv_mailbox_push(&worker->dead, &session->dead_node); /* the last touch */
    vv_worker_wake(worker);
}

static VvWorker *least_loaded(VvHub *hub) {
    VvWorker *best = hub->workers;
    for (int i = 1; i < hub->worker_count; i++)
        if (hub->workers[i].sessions < best->sessions)
            best = &hub->workers[i];
    return best;
}

static bool random_hex(char out[33]) {
    uint8_t bytes[16];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        return false;
    for (int i = 0; i < 16; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    return true;
}

static VvErr refuse(VvFault *fault, VvErr code, const char *text) {
    fault->code = code;
    snprintf(fault->text, sizeof fault->text, "%s", text);
    return code;
}

/* When all places are taken, the session that has waited longest for somebody to come back gives its place up. It is
 * told once, and ends within moments; until then there is one more session than places. */
static bool evict(VvHub *hub) {
    VvSession *oldest = NULL;
    VvTime since = 0;
    int waiting = 0;
    for (int i = 0; i < hub->session_count; i++) {
        VvSession *session = hub->sessions[i];
        const VvTime lost = session->lost[0] > session->lost[1] ? session->lost[0] : session->lost[1];
        if (session->seats || !lost)
            continue;
        if (atomic_load_explicit(&session->evicted, memory_order_relaxed)) {
            waiting++;
        } else if (!oldest || lost < since) {
            oldest = session;
            since = lost;
        }
    }
    if (!oldest || hub->session_count - waiting > hub->capacity)
        return false;
    atomic_store_explicit(&oldest->evicted, true, memory_order_relaxed); /* the nudge publishes it */
    atomic_store_explicit(&oldest->open, false, memory_order_release);
    vv_session_nudge(oldest);
    vv_log(VV_LOG_INFO, "session", "%s: gave its place to a new session", oldest->name);
    return true;
}

static VvErr make_session(VvHub *hub, const VvSessionStart *start, VvSession **out, VvFault *fault) {
    char text[160];
    if (!vv_hub_ready(hub)) {
        vv_count(VV_COUNTER_SESSIONS_REFUSED, 1);
        return refuse(fault, VV_ERR_DRAINING, "the server is shutting down and takes no new sessions");
    }
    if (hub->session_count >= hub->capacity && !evict(hub)) {
        vv_count(VV_COUNTER_SESSIONS_REFUSED, 1);
        snprintf(text, sizeof text, "the server carries %d sessions, as many as it can", hub->session_count);
        return refuse(fault, VV_ERR_SERVER_FULL, text);
    }
    char name[65], token[33];
    uint64_t seed = (uint64_t)start->seed;
    if (!random_hex(token) || (!VV_HAS(start, SessionStart, seed) && getrandom(&seed, sizeof seed, 0) != sizeof seed))
        return refuse(fault, VV_ERR_INTERNAL, "no random numbers");
    snprintf(name, sizeof name, "%s", start->session[0] ? start->session : token);
    VvWorker *worker = least_loaded(hub);
    VvSession *session = vv_session_new(&hub->inside, worker, name, seed);
    if (!session)
        return refuse(fault, VV_ERR_INTERNAL, "out of memory");
    worker->sessions++;
    hub->sessions[hub->session_count++] = session;
    vv_gauge_set(VV_GAUGE_SESSIONS, hub->session_count);
    vv_count(VV_COUNTER_SESSIONS_STARTED, 1);
    *out = session;
    return VV_ERR_OK;
}

/* ---- joining and leaving -------------------------------------------------------------------------------------------
 */

static bool covers(VvRole role, int slot) {
    return role == VV_ROLE_BOTH || (role == VV_ROLE_VIEWER) == (slot == VV_SLOT_VIEWER);
}

static VvErr check_looks(const VvAvatarInfo *info, const VvSessionStart *start, VvFault *fault) {
    char text[256];
    if (VV_HAS(start, SessionStart, character) && vv_list_index(info->characters, start->character) < 0) {
        snprintf(text, sizeof text, "session.start: no character \"%s\"; there are: %.100s", start->character,
                 info->characters);
        return refuse(fault, VV_ERR_UNKNOWN_CHARACTER, text);
    }
    if (VV_HAS(start, SessionStart, style) && vv_list_index(info->styles, start->style) < 0) {
        snprintf(text, sizeof text, "session.start: no style \"%s\"; there are: %.100s", start->style, info->styles);
        return refuse(fault, VV_ERR_UNKNOWN_STYLE, text);
    }
    return VV_ERR_OK;
}

static VvErr check_slots(const VvSession *session, VvRole role, bool resumed, VvFault *fault) {
    for (int slot = 0; slot < VV_SLOTS; slot++)
        if (!resumed && covers(role, slot) && session->taken[slot])
            return refuse(fault, VV_ERR_ROLE_TAKEN, "another connection holds this role in the session");
    if (session->seats >= SEATS_MAX)
        return refuse(fault, VV_ERR_ROLE_TAKEN, "too many connections were taken over at once");
    return VV_ERR_OK;
}

/* Finds or makes the session that a connection asks for. */
static VvErr choose_session(VvHub *hub, const VvSessionStart *start, VvSession **out, bool *made, VvFault *fault) {
    *made = false;
    if (VV_HAS(start, SessionStart, resume)) {
        int slot;
        VvSession *session = find_token(hub, start->resume, &slot);
        if (!session || !covers((VvRole)start->role, slot) ||
            !atomic_load_explicit(&session->open, memory_order_acquire) ||
            (start->session[0] && strcmp(start->session, session->name) != 0))
            return refuse(fault, VV_ERR_RESUME_UNKNOWN, "nothing to resume: the token is unknown, used or too old");
        *out = session;
        return check_slots(session, (VvRole)start->role, true, fault);
    }
    VvSession *session = start->session[0] ? find_named(hub, start->session) : NULL;
    if (session && atomic_load_explicit(&session->open, memory_order_acquire)) {
        *out = session;
        return check_slots(session, (VvRole)start->role, false, fault);
    }
    *made = true; /* a session of the same name that is ending does not stand in the way */
    return make_session(hub, start, out, fault);
}

static void take_slots(VvSession *session, VvSeat *seat) {
    for (int slot = 0; slot < VV_SLOTS; slot++)
        if (covers(seat->role, slot)) {
            session->taken[slot] = seat;
            session->lost[slot] = 0;
            memcpy(session->tokens[slot], seat->token, sizeof seat->token);
        }
    session->seats++;
}

VvErr vv_hub_join(VvHub *hub, const VvSessionStart *start, const char *id, void *user, VvSeat **out, VvFault *fault) {
    memset(fault, 0, sizeof *fault);
    VvSession *session = NULL;
    bool made;
    VvErr code = check_looks(&hub->inside.avatar->info, start, fault);
    if (code == VV_ERR_OK)
        code = choose_session(hub, start, &session, &made, fault);
    if (code != VV_ERR_OK)
        return code;
    const size_t bytes = hub->config.output_bytes > 0 ? (size_t)hub->config.output_bytes : 512 * 1024;
    VvSeat *seat = vv_seat_new(session, start, user, bytes);
    if (!seat || !random_hex(seat->token)) {
        vv_seat_free(&seat);
        vv_session_nudge(session); /* if it is new, it ends by itself, as if its connection had been lost */
        return refuse(fault, VV_ERR_INTERNAL, "out of memory");
    }
    VvInboxJoin join = {.head = {seat, vv_now(), 0}, .start = *start, .resumed = VV_HAS(start, SessionStart, resume)};
    snprintf(join.id, sizeof join.id, "%s", id);
    if (!vv_session_put(session, VV_INBOX_JOIN, &(VvSpan){&join, sizeof join}, 1, CONTROL_RESERVE)) {
        vv_seat_free(&seat);
        return refuse(fault, VV_ERR_RATE_LIMITED, "the session is flooded");
    }
    take_slots(session, seat);
    if (join.resumed)
        vv_count(VV_COUNTER_SESSIONS_RESUMED, 1);
    *out = seat;
    if (made && seat->role == VV_ROLE_VIEWER && hub->config.created)
        hub->config.created(hub->config.ctx, session->name);
    return VV_ERR_OK;
}

void vv_seat_leave(VvSeat **pointer, bool resumable) {
    VvSeat *seat = *pointer;
    *pointer = NULL;
    if (!seat)
        return;
    VvSession *session = seat->session;
    seat->left = true;
    session->seats--;
    for (int slot = 0; slot < VV_SLOTS; slot++)
        if (session->taken[slot] == seat) {
            session->taken[slot] = NULL;
            session->lost[slot] = vv_now();
            if (!resumable)
                session->tokens[slot][0] = '\0';
        }
    const VvInboxLeave leave = {.head = {seat, vv_now(), 0}, .resumable = resumable};
    /* Fits always: everything else keeps CONTROL_RESERVE free, and a session has SEATS_MAX seats. */
    vv_session_put(session, VV_INBOX_LEAVE, &(VvSpan){&leave, sizeof leave}, 1, 0);
}

void vv_hub_poll(VvHub *hub, void (*each)(void *user, VvSeat *seat), void *arg) {
    (void)arg;
    VvNode *graves = vv_mailbox_take(&hub->inside.seat_graves);
    for (VvNode *node = vv_mailbox_take(&hub->inside.graves), *next; node; node = next) {
        next = node->next;
        VvSession *session = VV_OBJECT(node, VvSession, grave_node);
        if (session->seats == 0)
            forget(hub, session);
        else /* a seat was taken while it was dying: it has to deal with it first */
            vv_session_put(session, VV_INBOX_GO_ON, NULL, 0, 0);
    }
    for (VvNode *node = vv_mailbox_take(&hub->inside.outlet.dirty), *next; node; node = next) {
        next = node->next;
        VvSeat *seat = VV_OBJECT(node, VvSeat, dirty_node);
        atomic_exchange_explicit(&seat->dirty, false, memory_order_acq_rel);
        if (!seat->left)
            each(seat->user, seat);
    }
    /* Taken out first, freed last: see mailbox.h. */
    for (VvNode *next; graves; graves = next) {
        next = graves->next;
        VvSeat *seat = VV_OBJECT(graves, VvSeat, grave_node);
        vv_seat_free(&seat);
    }
}

/* ---- what comes in -------------------------------------------------------------------------------------------------
 */

VvTime vv_seat_clock(const VvSeat *seat) {
    return vv_now() - seat->session->epoch;
}

void vv_seat_ping(VvSeat *seat, VvTime client, VvTime rtt) {
    /* The newest estimate wins: a clock may drift, and half a round trip of error matters little to what a face does.
     */
    const VvTime offset = vv_seat_clock(seat) - rtt / 2 - client;
    atomic_store_explicit(&seat->clock_offset, offset, memory_order_relaxed);
    atomic_store_explicit(&seat->clock_known, true, memory_order_release);
}

/* The rules of speech's order, before anything is passed on. */
static VvErr check_begin(VvSession *session, const VvSpeechBegin *begin) {
    VvDoor *door = &session->door;
    if (door->open && atomic_load_explicit(&session->cleared_open, memory_order_acquire) == door->open)
        door->open = 0; /* interrupted: nothing more can come for it */
    if (door->open)
        return VV_ERR_UTTERANCE_OPEN;
    if (begin->utterance <= door->last)
        return VV_ERR_UTTERANCE_USED;
    if (atomic_load_explicit(&session->waiting, memory_order_relaxed) >= VV_UTTERANCES_MAX)
        return VV_ERR_TOO_MANY_UTTERANCES;
    return VV_ERR_OK;
}

static void pass_door(VvSession *session, const VvMessage *message) {
    VvDoor *door = &session->door;
    if (message->type == VV_MSG_SPEECH_BEGIN) {
        door->last = door->open = (uint32_t)message->body.SpeechBegin.utterance;
        door->codec = message->body.SpeechBegin.codec == VV_SPEECH_OPUS ? VV_CODEC_OPUS : VV_CODEC_PCM;
        atomic_fetch_add_explicit(&session->waiting, 1, memory_order_relaxed);
    } else if (message->type == VV_MSG_SPEECH_END) {
        door->open = 0;
    } else if (message->type == VV_MSG_SPEECH_INTERRUPT && door->open) {
        /* The worker will clear it before it sees what comes next: whoever interrupts may begin anew at once. */
        const int64_t which = message->body.SpeechInterrupt.utterance;
        if (which == 0 || which == door->open) {
            door->shut = door->open;
            door->open = 0;
        }
    }
}

VvErr vv_seat_control(VvSeat *seat, const VvMessage *message) {
    VvSession *session = seat->session;
    const int from = seat->role == VV_ROLE_VIEWER    ? VV_FROM_VIEWER
                     : seat->role == VV_ROLE_BACKEND ? VV_FROM_BACKEND
                                                     : VV_FROM_CLIENT;
    if (!(vv_message_from(message->type) & from))
        return VV_ERR_BAD_DIRECTION;
    if (message->type == VV_MSG_SESSION_START)
        return VV_ERR_ALREADY_STARTED;
    if (message->type == VV_MSG_VIDEO_KEYFRAME && message->body.VideoKeyframe.stream != VV_STREAM_AVATAR_VIDEO)
        return VV_ERR_BAD_DIRECTION;
    VvInboxHead head = {seat, vv_now(), 0};
    if (message->type == VV_MSG_SPEECH_BEGIN) {
        const VvErr code = check_begin(session, &message->body.SpeechBegin);
        if (code != VV_ERR_OK)
            return code;
        head.base = vv_speech_received(session->speech);
    }
    if (message->type == VV_MSG_SPEECH_END && message->body.SpeechEnd.utterance != session->door.open) {
        const bool known = message->body.SpeechEnd.utterance <= session->door.last;
        return known ? VV_ERR_OK : VV_ERR_UTTERANCE_UNKNOWN; /* ended or cleared already: that is what it asks for */
    }
    const VvSpan spans[2] = {{&head, sizeof head}, {message, vv_message_size(message->type)}};
    if (!vv_session_put(session, VV_INBOX_CONTROL, spans, 2, CONTROL_RESERVE))
        return VV_ERR_RATE_LIMITED;
    pass_door(session, message);
    return VV_ERR_OK;
}

static VvErr take_speech(VvSession *session, const VvFrameHeader *header, const uint8_t *payload) {
    VvDoor *door = &session->door;
    const uint32_t number = header->utterance;
    if (number &&
        (number == door->shut || number == atomic_load_explicit(&session->cleared_open, memory_order_acquire))) {
        if (door->open == number)
            door->open = 0;
        const bool told = door->cleared == number;
        door->cleared = number;
        return told ? VV_ERR_OK : VV_ERR_UTTERANCE_CLEARED;
    }
    if (number == 0 || number != door->open)
        return VV_ERR_UTTERANCE_UNKNOWN;
    const bool pcm = header->codec == VV_CODEC_PCM;
    if (header->codec != door->codec)
        return VV_ERR_BAD_CODEC;
    if (pcm ? header->length % 2 != 0 : header->length > OPUS_SPEECH_MAX)
        return VV_ERR_BAD_MEDIA;
    const bool last = (header->flags & VV_FLAG_END) != 0;
    if (!vv_speech_put(session->speech, number, pcm, last, payload, header->length))
        return VV_ERR_CREDIT_EXCEEDED;
    if (last)
        door->open = 0;
    vv_session_nudge(session);
    return VV_ERR_OK;
}

VvErr vv_seat_media(VvSeat *seat, const VvFrameHeader *header, const uint8_t *payload) {
    VvSession *session = seat->session;
    const bool viewer = seat->role != VV_ROLE_BACKEND, backend = seat->role != VV_ROLE_VIEWER;
    if (header->kind == VV_KIND_SPEECH && backend)
        return take_speech(session, header, payload);
    const bool video = header->kind == VV_KIND_USER_VIDEO;
    if (!viewer || (!video && header->kind != VV_KIND_USER_AUDIO))
        return VV_ERR_BAD_KIND;
    const VvInboxHead head = {seat, vv_now(), 0};
    const VvSpan spans[3] = {{&head, sizeof head}, {header, sizeof *header}, {payload, header->length}};
    if (!vv_session_put(session, VV_INBOX_MEDIA, spans, 3, video ? VIDEO_RESERVE : AUDIO_RESERVE) && video)
        vv_count(VV_COUNTER_CAMERA_DROPPED, 1);
    return VV_ERR_OK;
}

/* See peer.h. Callbacks only store: an assertion that fails leaves by a jump, which must not go through the library. */
#include "test/e2e/peer.h"

#include "server/media/opus_codec.h"
#include "test/e2e/loop.h"
#include "test/e2e/wire.h"

#include <ev.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PEERS_MAX 512
#define PI 3.14159265358979

static VvClients *clients;
static Peer *peers[PEERS_MAX];
static int peer_count;

/* ---- keeping what comes ------------------------------------------------------------------------------------------ */

static void *grown(void *list, int count, int *room, size_t size) {
    if (count < *room)
        return list;
    *room = *room ? 2 * *room : 64;
    list = realloc(list, (size_t)*room * size);
    if (!list)
        abort();
    return list;
}

static void on_open(void *user, VvClient *client) {
    (void)client;
    Peer *peer = user;
    peer->open = true;
}

static void on_message(void *user, VvClient *client, const VvMessage *message) {
    (void)client;
    Peer *peer = user;
    const size_t size = vv_message_size(message->type);
    peer->messages = grown(peer->messages, peer->message_count, &peer->message_room, sizeof *peer->messages);
    PeerMessage *kept = &peer->messages[peer->message_count++];
    kept->order = peer->order++;
    kept->message = malloc(size);
    if (!kept->message)
        abort();
    memcpy(kept->message, message, size);
    if (message->type == VV_MSG_SESSION_READY)
        memcpy(peer->token, message->body.SessionReady.resume_token, sizeof peer->token);
    if (message->type == VV_MSG_SPEECH_CREDIT && message->body.SpeechCredit.utterance == peer->utterance)
        peer->credit = message->body.SpeechCredit.bytes;
}

static void on_media(void *user, VvClient *client, const VvFrameHeader *header, const uint8_t *payload) {
    (void)client;
    Peer *peer = user;
    peer->frames = grown(peer->frames, peer->frame_count, &peer->frame_room, sizeof *peer->frames);
    PeerFrame *kept = &peer->frames[peer->frame_count++];
    *kept = (PeerFrame){.header = *header, .order = peer->order++};
    if (peer->forgets)
        return;
    kept->payload = malloc(header->length + 1);
    if (!kept->payload)
        abort();
    memcpy(kept->payload, payload, header->length);
}

static void on_closed(void *user, VvClient *client, int code, const char *reason) {
    (void)client;
    Peer *peer = user;
    peer->client = NULL;
    peer->closed = true;
    peer->code = code;
    snprintf(peer->reason, sizeof peer->reason, "%s", reason);
}

/* ---- connecting ----------------------------------------------------------------------------------------------------
 */

static bool is_settled(void *arg) {
    const Peer *peer = arg;
    return peer->open || peer->closed;
}

Peer *peer_connect(const Daemon *daemon, const PeerOptions *options) {
    static const VvClientEvents events = {
        .open = on_open, .message = on_message, .media = on_media, .closed = on_closed};
    char url[256];
    if (!clients)
        clients = vv_clients_open(e2e_loop());
    assert_non_null(clients);
    assert_true(peer_count < PEERS_MAX);
    Peer *peer = calloc(1, sizeof *peer);
    assert_non_null(peer);
    peers[peer_count++] = peer;
    snprintf(url, sizeof url, "%s://127.0.0.1:%d%s", daemon->tls ? "wss" : "ws", daemon->port,
             options && options->path ? options->path : "/v1/session");
    const VvClientConfig config = {.url = url,
                                   .token = options ? options->token : NULL,
                                   .origin = options ? options->origin : NULL,
                                   .deaf = options && options->deaf,
                                   .insecure = true,
                                   .events = &events,
                                   .user = peer};
    peer->client = vv_client_connect(clients, &config);
    assert_non_null(peer->client);
    e2e_until(is_settled, peer, "a connection");
    return peer;
}

Peer *peer_join(const Daemon *daemon, const char *start) {
    Peer *peer = peer_connect(daemon, NULL);
    peer_send(peer, "%s", start);
    peer_await(peer, VV_MSG_SESSION_READY, 1);
    return peer;
}

void peer_send(Peer *peer, const char *format, ...) {
    char text[VV_TEXT_BYTES_MAX + 1];
    va_list arguments;
    va_start(arguments, format);
    const int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    assert_true(size >= 0 && size < (int)sizeof text);
    assert_non_null(peer->client);
    assert_true(vv_client_send_raw(peer->client, false, text, (size_t)size));
}

void peer_send_binary(Peer *peer, const void *data, size_t size) {
    assert_non_null(peer->client);
    assert_true(vv_client_send_raw(peer->client, true, data, size));
}

void peer_send_media(Peer *peer, VvFrameHeader header, const void *payload) {
    header.sequence = peer->sequence[header.kind]++;
    assert_non_null(peer->client);
    assert_true(vv_client_send_media(peer->client, &header, payload));
}

static bool is_closed(void *arg) {
    return ((const Peer *)arg)->closed;
}

void peer_drop(Peer *peer) {
    assert_non_null(peer->client);
    vv_client_drop(peer->client);
    e2e_until(is_closed, peer, "the end of a dropped connection");
}

void peer_leave(Peer *peer) {
    peer_send(peer, "{\"type\":\"session.end\"}");
    e2e_until(is_closed, peer, "the end of a session");
    assert_int_equal(peer->code, 1000);
}

static void peer_free(Peer *peer) {
    for (int i = 0; i < peer->message_count; i++)
        free(peer->messages[i].message);
    for (int i = 0; i < peer->frame_count; i++)
        free(peer->frames[i].payload);
    free(peer->messages);
    free(peer->frames);
    free(peer);
}

void peers_close(void) {
    vv_clients_close(&clients);
    while (peer_count)
        peer_free(peers[--peer_count]);
}

/* ---- speech ---------------------------------------------------------------------------------------------------- */

void make_tone(int16_t *pcm, int count, int rate) {
    for (int i = 0; i < count; i++) {
        const double t = (double)i / rate;
        const double syllable = 0.5 - 0.5 * cos(2 * PI * 4 * t), swell = 0.6 + 0.4 * sin(2 * PI * 0.9 * t);
        double wave = 0;
        for (int k = 1; k <= 6; k++)
            wave += sin(2 * PI * 140 * k * t) / k;
        pcm[i] = (int16_t)lround(4500 * syllable * swell * wave);
    }
}

uint32_t peer_begin(Peer *peer, VvSpeechCodec codec, int rate, const char *text) {
    const int before = peer_messages(peer, VV_MSG_SPEECH_CREDIT);
    peer->utterance++;
    peer->credit = peer->sent = 0;
    peer_send(peer, "{\"type\":\"speech.begin\",\"utterance\":%u,\"codec\":\"%s\",\"rate\":%d,\"text\":\"%s\"}",
              peer->utterance, codec == VV_SPEECH_OPUS ? "opus" : "pcm_s16le", rate, text);
    const VvSpeechCredit *credit = &peer_await(peer, VV_MSG_SPEECH_CREDIT, before + 1)->body.SpeechCredit;
    assert_int_equal(credit->utterance, peer->utterance);
    return peer->utterance;
}

typedef struct Room {
    const Peer *peer;
    int64_t size;
} Room;

static bool has_credit(void *arg) {
    const Room *room = arg;
    return room->peer->closed || room->peer->sent + room->size <= room->peer->credit;
}

static void send_speech(Peer *peer, VvCodec codec, const void *data, size_t size, bool last) {
    Room room = {peer, (int64_t)size + VV_FRAME_HEADER_SIZE};
    e2e_until(has_credit, &room, "credit to speak");
    peer_send_media(peer,
                    (VvFrameHeader){.kind = VV_KIND_SPEECH,
                                    .flags = last ? VV_FLAG_END : 0,
                                    .codec = (uint8_t)codec,
                                    .utterance = peer->utterance,
                                    .length = (uint32_t)size},
                    data);
    peer->sent += room.size;
}

void peer_speech(Peer *peer, const void *data, size_t size, bool last) {
    send_speech(peer, VV_CODEC_PCM, data, size, last);
}

static void say_pcm(Peer *peer, const int16_t *pcm, int count, int rate) {
    const int block = rate / 10;
    for (int at = 0; at < count; at += block) {
        const int part = count - at < block ? count - at : block;
        send_speech(peer, VV_CODEC_PCM, pcm + at, (size_t)part * sizeof *pcm, at + part == count);
    }
}

static void say_opus(Peer *peer, const int16_t *pcm, int count) {
    VvOpusEncoder *encoder = vv_opus_encoder_new(48);
    assert_non_null(encoder);
    for (int at = 0; at + 960 <= count; at += 960) {
        uint8_t packet[VV_OPUS_PACKET_MAX];
        const int size = vv_opus_encode(encoder, pcm + at, packet, sizeof packet);
        assert_true(size > 0);
        send_speech(peer, VV_CODEC_OPUS, packet, (size_t)size, at + 2 * 960 > count);
    }
    vv_opus_encoder_free(&encoder);
}

uint32_t peer_say(Peer *peer, VvSpeechCodec codec, int rate, double seconds) {
    const int made = codec == VV_SPEECH_OPUS ? 48000 : rate, count = (int)lround(made * seconds);
    int16_t *pcm = calloc((size_t)count, sizeof *pcm);
    assert_non_null(pcm);
    make_tone(pcm, count, made);
    peer_begin(peer, codec, rate, "a tone");
    if (codec == VV_SPEECH_OPUS)
        say_opus(peer, pcm, count);
    else
        say_pcm(peer, pcm, count, rate);
    free(pcm);
    return peer->utterance;
}

/* ---- what came --------------------------------------------------------------------------------------------------- */

const PeerMessage *peer_message(const Peer *peer, VvMessageType type, int n) {
    for (int i = 0; i < peer->message_count; i++)
        if (peer->messages[i].message->type == type && n-- == 0)
            return &peer->messages[i];
    return NULL;
}

int peer_messages(const Peer *peer, VvMessageType type) {
    int count = 0;
    for (int i = 0; i < peer->message_count; i++)
        count += peer->messages[i].message->type == type;
    return count;
}

static bool matches(const PeerFrame *frame, VvKind kind, int64_t utterance) {
    return frame->header.kind == kind && (utterance < 0 || frame->header.utterance == utterance);
}

const PeerFrame *peer_frame(const Peer *peer, VvKind kind, int64_t utterance, int n) {
    for (int i = 0; i < peer->frame_count; i++)
        if (matches(&peer->frames[i], kind, utterance) && n-- == 0)
            return &peer->frames[i];
    return NULL;
}

int peer_frames(const Peer *peer, VvKind kind, int64_t utterance) {
    int count = 0;
    for (int i = 0; i < peer->frame_count; i++)
        count += matches(&peer->frames[i], kind, utterance);
    return count;
}

/* What to say of a connection that ended before its time: its close code and every error that it was told. */
static void tell_end(const Peer *peer) {
    print_error("connection closed: %d %s\n", peer->code, peer->reason);
    for (int i = 0; i < peer->message_count; i++) {
        const VvMessage *message = peer->messages[i].message;
        if (message->type == VV_MSG_ERROR)
            print_error("error %s: %s\n", vv_err_name((VvErr)message->body.Error.code), message->body.Error.message);
    }
}

typedef struct Need {
    const Peer *peer;
    VvMessageType type;
    VvErr code;
    int64_t utterance;
    int count;
} Need;

static bool has_messages(void *arg) {
    const Need *need = arg;
    return need->peer->closed || peer_messages(need->peer, need->type) >= need->count;
}

const VvMessage *peer_await(Peer *peer, VvMessageType type, int n) {
    Need need = {.peer = peer, .type = type, .count = n};
    e2e_until(has_messages, &need, vv_message_name(type));
    const PeerMessage *found = peer_message(peer, type, n - 1);
    if (!found) {
        tell_end(peer);
        fail_msg("%s number %d did not come", vv_message_name(type), n);
    }
    return found->message;
}

static bool has_frames(void *arg) {
    const Need *need = arg;
    return need->peer->closed || peer_frames(need->peer, VV_KIND_AVATAR_VIDEO, need->utterance) >= need->count;
}

void peer_await_frames(Peer *peer, int64_t utterance, int count) {
    Need need = {.peer = peer, .utterance = utterance, .count = count};
    e2e_until(has_frames, &need, "frames");
    if (peer_frames(peer, VV_KIND_AVATAR_VIDEO, utterance) < count) {
        tell_end(peer);
        fail_msg("%d frames of utterance %lld did not come", count, (long long)utterance);
    }
}

void peer_await_more(Peer *peer, int count) {
    peer_await_frames(peer, -1, peer_frames(peer, VV_KIND_AVATAR_VIDEO, -1) + count);
}

static const VvMessage *find_error(const Peer *peer, VvErr code, int n) {
    for (int i = 0; i < peer->message_count; i++) {
        const VvMessage *message = peer->messages[i].message;
        if (message->type == VV_MSG_ERROR && message->body.Error.code == (int32_t)code && --n == 0)
            return message;
    }
    return NULL;
}

static bool has_error(void *arg) {
    const Need *need = arg;
    return need->peer->closed || find_error(need->peer, need->code, need->count);
}

const VvError *peer_await_error(Peer *peer, VvErr code, int n) {
    Need need = {.peer = peer, .code = code, .count = n};
    e2e_until(has_error, &need, vv_err_name(code));
    const VvMessage *found = find_error(peer, code, n);
    if (!found) {
        tell_end(peer);
        fail_msg("error %s number %d did not come", vv_err_name(code), n);
    }
    assert_true(found->body.Error.fatal || !vv_err_fatal(code));
    return &found->body.Error;
}

void peer_await_closed(Peer *peer, int code) {
    e2e_until(is_closed, peer, "the connection's end");
    if (code >= 0 && peer->code != code) {
        tell_end(peer);
        fail_msg("closed with %d, not with %d", peer->code, code);
    }
}

static const PeerMessage *find_playback(const Peer *peer, VvMessageType type, uint32_t utterance, int *count) {
    const PeerMessage *found = NULL;
    *count = 0;
    for (int i = 0; i < peer->message_count; i++) {
        const VvMessage *message = peer->messages[i].message;
        if (message->type != type)
            continue;
        const int64_t number = type == VV_MSG_PLAYBACK_STARTED ? message->body.PlaybackStarted.utterance
                                                               : message->body.PlaybackFinished.utterance;
        if (number == utterance) {
            found = &peer->messages[i];
            ++*count;
        }
    }
    return found;
}

const PeerMessage *peer_started(const Peer *peer, uint32_t utterance) {
    int count;
    const PeerMessage *found = find_playback(peer, VV_MSG_PLAYBACK_STARTED, utterance, &count);
    assert_true(count <= 1);
    return found;
}

const PeerMessage *peer_finished(const Peer *peer, uint32_t utterance) {
    int count;
    const PeerMessage *found = find_playback(peer, VV_MSG_PLAYBACK_FINISHED, utterance, &count);
    assert_int_equal(count, 1);
    return found;
}

/* ---- order and time ------------------------------------------------------------------------------------------------
 */

static void check_next(const VvFrameHeader *last, const VvFrameHeader *header, int64_t step) {
    if (!last)
        return;
    assert_int_equal(header->sequence, last->sequence + 1);
    if (header->flags & VV_FLAG_DISCONTINUITY)
        assert_true(header->pts > last->pts);
    else
        assert_int_equal(header->pts, last->pts + step);
}

void peer_check_media(const Peer *peer) {
    const VvFrameHeader *video = NULL, *audio = NULL;
    int videos = 0, audios = 0;
    for (int i = 0; i < peer->frame_count; i++) {
        const VvFrameHeader *header = &peer->frames[i].header;
        if (header->kind == VV_KIND_AVATAR_VIDEO) {
            assert_int_equal(header->pts % 40000, 0);
            assert_int_equal((header->flags & VV_FLAG_IDLE) != 0, header->utterance == 0);
            check_next(video, header, 40000);
            video = header;
            videos++;
        } else if (header->kind == VV_KIND_AVATAR_AUDIO) {
            check_next(audio, header, 20000);
            audio = header;
            audios++;
        }
    }
    if (audios)
        assert_true(abs(audios - 2 * videos) <= 2); /* the last picture may still be under way */
}

void peer_expect_well(Peer *witness, const Daemon *daemon) {
    peer_await_more(witness, 2);
    assert_int_equal(peer_messages(witness, VV_MSG_ERROR), 0);
    assert_int_equal(http_status(daemon, "/healthz"), 200);
}

int64_t peer_clock(Peer *peer) {
    const int before = peer_messages(peer, VV_MSG_PONG);
    peer_send(peer, "{\"type\":\"ping\",\"t\":%d}", before);
    const VvPong *pong = &peer_await(peer, VV_MSG_PONG, before + 1)->body.Pong;
    assert_int_equal(pong->t, before);
    return pong->t_server;
}

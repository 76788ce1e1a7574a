/* The speech timeline: a store of coded audio, a queue of utterances, a short ring of decoded frames.
 *
 * Two resamplings of each utterance run side by side: to 48 kHz for the listener and to 16 kHz for the features. Each
 * holds back a few samples of its own, so both are staged, and a frame is cut as soon as both have it. */
#include "server/session/speech.h"

#include "server/base/metrics.h"
#include "server/base/ring.h"
#include "server/media/opus_codec.h"
#include "server/media/resample.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* PCM is stored in pieces of at most this many bytes (60 ms at 16 kHz), so that one piece never makes more than a few
 * frames and the ring loses little at its end. Opus packets are stored whole. */
#define PIECE 1920
/* Room for VV_SPEECH_BYTES in whatever messages they come: an Opus packet of one byte counts 25 and takes 32, and the
 * ring's end may cost one packet more. */
#define STORE_BYTES (1 << 20)
#define STAGE 16384    /* samples: 120 ms of Opus at 48 kHz on top of what waits for a frame */
#define SLACK_FRAMES 6 /* free frames needed to decode one more piece */
#define SILENCE_TAIL 512

enum { PIECE_LAST = 1 };

typedef struct Piece {
    VvTime arrived;
    uint32_t utterance;
    uint16_t flags;
    uint16_t counted; /* bytes as credit counts them */
} Piece;

struct VvSpeech {
    VvRing *store;
    /* Bytes as credit counts them. */
    _Atomic int64_t received; /* written by the network thread alone */
    _Atomic int64_t taken;    /* written by the worker alone */
    uint32_t newest;          /* utterance that was begun */

    VvUtterance *queue[VV_UTTERANCES_MAX];
    int queued;
    VvUtterance *pool; /* VV_UTTERANCES_MAX of them; free ones have number 0 */

    VvSpeechFrame *frames; /* VV_SPEECH_FRAMES of them, by number modulo that */
    int64_t unsent, decoded;

    /* The utterance being decoded. */
    uint32_t current;
    bool current_first;
    VvOpusDecoder *opus;
    VvResampler *up, *down; /* to 48 kHz, to 16 kHz; NULL where the rate is that already */
    VvResampler *pairs[2][3];
    VvLogMel *log_mel;
    int16_t pcm[STAGE];
    int pcm_count;
    float rows[STAGE / 480 + 8][VV_MEL_BANDS];
    int row_count;
    int16_t work[STAGE];
};

static int rate_index(int rate) {
    return rate == 16000 ? 0 : rate == 24000 ? 1 : 2;
}

VvSpeech *vv_speech_new(void) {
    VvSpeech *speech = calloc(1, sizeof *speech);
    if (!speech)
        return NULL;
    speech->store = vv_ring_new(STORE_BYTES);
    speech->frames = calloc(VV_SPEECH_FRAMES, sizeof *speech->frames);
    speech->pool = calloc(VV_UTTERANCES_MAX, sizeof *speech->pool);
    speech->log_mel = vv_log_mel_new();
    speech->opus = vv_opus_decoder_new(VV_AUDIO_RATE);
    if (!speech->store || !speech->frames || !speech->pool || !speech->log_mel || !speech->opus)
        vv_speech_free(&speech);
    return speech;
}

void vv_speech_free(VvSpeech **pointer) {
    VvSpeech *speech = *pointer;
    if (!speech)
        return;
    for (int to = 0; to < 2; to++)
        for (int from = 0; from < 3; from++)
            vv_resampler_free(&speech->pairs[to][from]);
    vv_opus_decoder_free(&speech->opus);
    vv_log_mel_free(&speech->log_mel);
    vv_ring_free(&speech->store);
    free(speech->frames);
    free(speech->pool);
    free(speech);
    *pointer = NULL;
}

/* ---- the store: network thread puts ---------------------------------------------------------------------------- */

static bool put_piece(VvSpeech *speech, const Piece *piece, const uint8_t *data, size_t size) {
    const VvSpan spans[2] = {{piece, sizeof *piece}, {data, size}};
    return vv_ring_push(speech->store, 0, spans, 2);
}

bool vv_speech_put(VvSpeech *speech, uint32_t utterance, bool pcm, bool last, const uint8_t *payload, size_t size) {
    if (vv_speech_waiting(speech) + size + VV_FRAME_HEADER_SIZE > VV_SPEECH_BYTES)
        return false;
    Piece piece = {vv_now(), utterance, 0, 0};
    size_t head = VV_FRAME_HEADER_SIZE; /* counted with the first piece */
    do {
        const size_t part = pcm && size > PIECE ? PIECE : size;
        piece.flags = last && part == size ? PIECE_LAST : 0;
        piece.counted = (uint16_t)(part + head);
        /* Counted before it can be taken. Own counter of the network thread; the release pairs with credit's acquire.
         */
        atomic_fetch_add_explicit(&speech->received, piece.counted, memory_order_release);
        if (!put_piece(speech, &piece, payload, part)) {
            atomic_fetch_sub_explicit(&speech->received, piece.counted, memory_order_release);
            return false;
        }
        payload += part;
        size -= part;
        head = 0;
    } while (size);
    return true;
}

int64_t vv_speech_received(const VvSpeech *speech) {
    return atomic_load_explicit(&speech->received, memory_order_acquire);
}

size_t vv_speech_waiting(const VvSpeech *speech) {
    /* Taken first: it never overtakes what was received, also if both move in between. */
    const int64_t taken = atomic_load_explicit(&speech->taken, memory_order_acquire);
    return (size_t)(atomic_load_explicit(&speech->received, memory_order_acquire) - taken);
}

/* ---- the queue ------------------------------------------------------------------------------------------------- */

static VvUtterance *find(const VvSpeech *speech, uint32_t number) {
    for (int i = 0; i < speech->queued; i++)
        if (speech->queue[i]->number == number)
            return speech->queue[i];
    return NULL;
}

static void take_out(VvSpeech *speech, int at, VvUtterance *copy) {
    VvUtterance *utterance = speech->queue[at];
    *copy = *utterance;
    if (speech->current == utterance->number)
        speech->current = 0;
    utterance->number = 0;
    speech->queued--;
    memmove(speech->queue + at, speech->queue + at + 1, (size_t)(speech->queued - at) * sizeof *speech->queue);
}

int vv_speech_begin(VvSpeech *speech, const VvSpeechBegin *begin, int64_t base) {
    speech->newest = (uint32_t)begin->utterance;
    if (speech->queued == VV_UTTERANCES_MAX)
        return -ENOSPC;
    const int from = rate_index((int)begin->rate);
    const int source = begin->codec == VV_SPEECH_OPUS ? 2 : from;
    /* The resamplers are kept: a session's utterances nearly always have one rate. */
    static const int rates[3] = {16000, 24000, 48000};
    if (source != 2 && !speech->pairs[0][source])
        speech->pairs[0][source] = vv_resampler_new(rates[source], VV_AUDIO_RATE);
    if (source != 0 && !speech->pairs[1][source])
        speech->pairs[1][source] = vv_resampler_new(rates[source], VV_MEL_RATE);
    if ((source != 2 && !speech->pairs[0][source]) || (source != 0 && !speech->pairs[1][source]))
        return -ENOMEM;
    VvUtterance *utterance = speech->pool;
    while (utterance->number)
        utterance++;
    memset(utterance, 0, sizeof *utterance);
    utterance->number = (uint32_t)begin->utterance;
    utterance->codec = (VvSpeechCodec)begin->codec;
    utterance->rate = rates[source];
    utterance->base = base;
    memcpy(utterance->text, begin->text, sizeof utterance->text);
    speech->queue[speech->queued++] = utterance;
    return 0;
}

void vv_speech_end(VvSpeech *speech, uint32_t number) {
    VvUtterance *utterance = find(speech, number);
    if (utterance)
        utterance->ended = true;
}

VvUtterance *vv_speech_head(VvSpeech *speech) {
    return speech->queued ? speech->queue[0] : NULL;
}

VvUtterance *vv_speech_open(VvSpeech *speech) {
    VvUtterance *last = speech->queued ? speech->queue[speech->queued - 1] : NULL;
    return last && !last->ended ? last : NULL;
}

int vv_speech_queued(const VvSpeech *speech) {
    return speech->queued;
}

bool vv_speech_finish(VvSpeech *speech, VvUtterance *finished) {
    const VvUtterance *head = vv_speech_head(speech);
    if (!head || !head->decoded || speech->unsent < head->end)
        return false;
    take_out(speech, 0, finished);
    return true;
}

bool vv_speech_clear(VvSpeech *speech, uint32_t number, VvUtterance *cleared) {
    for (int i = 0; i < speech->queued; i++) {
        if (number && speech->queue[i]->number != number)
            continue;
        take_out(speech, i, cleared);
        for (int64_t k = speech->unsent; k < speech->decoded; k++) {
            VvSpeechFrame *frame = &speech->frames[k % VV_SPEECH_FRAMES];
            if (frame->utterance == cleared->number)
                frame->cleared = true;
        }
        while (speech->unsent < speech->decoded && speech->frames[speech->unsent % VV_SPEECH_FRAMES].cleared)
            speech->unsent++;
        return true;
    }
    return false;
}

int64_t vv_speech_position(const VvUtterance *utterance) {
    const int64_t sent = utterance->frames_sent * VV_FRAME_SAMPLES;
    return (sent < utterance->samples ? sent : utterance->samples) * 1000 / VV_AUDIO_RATE;
}

/* ---- decoding -------------------------------------------------------------------------------------------------- */

static void begin_decoding(VvSpeech *speech, const VvUtterance *utterance) {
    const int source = rate_index(utterance->rate);
    speech->current = utterance->number;
    speech->current_first = true;
    speech->up = source == 2 ? NULL : speech->pairs[0][source];
    speech->down = source == 0 ? NULL : speech->pairs[1][source];
    if (speech->up)
        vv_resampler_reset(speech->up);
    if (speech->down)
        vv_resampler_reset(speech->down);
    if (utterance->codec == VV_SPEECH_OPUS)
        vv_opus_decoder_reset(speech->opus);
    vv_log_mel_reset(speech->log_mel);
    speech->pcm_count = speech->row_count = 0;
}

/* Cuts whole frames off what is staged. */
static void cut_frames(VvSpeech *speech) {
    int done = 0;
    while (speech->pcm_count - done * VV_FRAME_SAMPLES >= VV_FRAME_SAMPLES &&
           speech->row_count - done * VV_HOPS >= VV_HOPS) {
        VvSpeechFrame *frame = &speech->frames[speech->decoded++ % VV_SPEECH_FRAMES];
        frame->utterance = speech->current;
        frame->first = speech->current_first;
        frame->cleared = false;
        speech->current_first = false;
        memcpy(frame->pcm, speech->pcm + done * VV_FRAME_SAMPLES, sizeof frame->pcm);
        memcpy(frame->mel, speech->rows[done * VV_HOPS], sizeof frame->mel);
        done++;
    }
    speech->pcm_count -= done * VV_FRAME_SAMPLES;
    speech->row_count -= done * VV_HOPS;
    memmove(speech->pcm, speech->pcm + done * VV_FRAME_SAMPLES, (size_t)speech->pcm_count * sizeof *speech->pcm);
    memmove(speech->rows, speech->rows[done * VV_HOPS], (size_t)speech->row_count * sizeof *speech->rows);
}

static void hear(VvSpeech *speech, const int16_t *pcm16, int count) {
    const int room = (int)(sizeof speech->rows / sizeof *speech->rows) - speech->row_count;
    speech->row_count += vv_log_mel_push(speech->log_mel, pcm16, count, speech->rows[speech->row_count], room);
}

static void stage(VvSpeech *speech, VvUtterance *utterance, const int16_t *pcm, int count) {
    const VvTime start = vv_now();
    int16_t *out = speech->pcm + speech->pcm_count;
    const int room = STAGE - speech->pcm_count;
    int made = count;
    if (speech->up)
        made = vv_resample(speech->up, pcm, count, out, room);
    else
        memcpy(out, pcm, (size_t)count * sizeof *pcm);
    speech->pcm_count += made;
    utterance->samples += made;

    int16_t heard[STAGE / 3];
    if (speech->down)
        hear(speech, heard, vv_resample(speech->down, pcm, count, heard, STAGE / 3));
    else
        hear(speech, pcm, count);
    cut_frames(speech);
    vv_observe(VV_HISTOGRAM_FEATURES, vv_now() - start);
}

/* Decodes one piece; false if it is not valid media. */
static bool decode_piece(VvSpeech *speech, VvUtterance *utterance, const uint8_t *data, size_t size) {
    if (!size)
        return true;
    if (utterance->codec == VV_SPEECH_PCM) {
        const int count = (int)(size / 2);
        for (int i = 0; i < count; i++)
            speech->work[i] = (int16_t)(uint16_t)(data[2 * i] | data[2 * i + 1] << 8);
        stage(speech, utterance, speech->work, count);
        return true;
    }
    const VvTime start = vv_now();
    int count = vv_opus_decode(speech->opus, data, size, speech->work, STAGE / 2);
    vv_observe(VV_HISTOGRAM_OPUS_DECODE, vv_now() - start);
    const bool good = count >= 0;
    if (!good) /* keep time: 20 ms made up */
        count = vv_opus_conceal(speech->opus, NULL, 0, speech->work, VV_AUDIO_RATE / 50);
    if (count > 0)
        stage(speech, utterance, speech->work, count);
    return good;
}

/* Everything of the utterance is staged: brings out what the filters hold, fills its last frame, and closes it. */
static void finish_decoding(VvSpeech *speech, VvUtterance *utterance) {
    if (speech->up) {
        const int made = vv_resampler_flush(speech->up, speech->pcm + speech->pcm_count, STAGE - speech->pcm_count);
        speech->pcm_count += made;
        utterance->samples += made;
    }
    if (speech->down)
        hear(speech, speech->work, vv_resampler_flush(speech->down, speech->work, STAGE));
    cut_frames(speech);
    static const int16_t silence[SILENCE_TAIL];
    while (speech->pcm_count > 0) {
        const int missing = VV_FRAME_SAMPLES - speech->pcm_count % VV_FRAME_SAMPLES;
        if (missing < VV_FRAME_SAMPLES) {
            memset(speech->pcm + speech->pcm_count, 0, (size_t)missing * sizeof *speech->pcm);
            speech->pcm_count += missing;
        }
        while (speech->row_count < VV_HOPS * (speech->pcm_count / VV_FRAME_SAMPLES))
            hear(speech, silence, SILENCE_TAIL);
        cut_frames(speech);
    }
    utterance->decoded = true;
    utterance->ended = true;
    utterance->end = speech->decoded;
    speech->current = 0;
}

static VvUtterance *to_decode(VvSpeech *speech) {
    for (int i = 0; i < speech->queued; i++)
        if (!speech->queue[i]->decoded)
            return speech->queue[i];
    return NULL;
}

static void drop_piece(VvSpeech *speech, const Piece *piece) {
    vv_ring_pop(speech->store);
    atomic_fetch_add_explicit(&speech->taken, piece->counted, memory_order_release);
}

uint32_t vv_speech_decode(VvSpeech *speech) {
    while (speech->unsent + VV_SPEECH_FRAMES - speech->decoded >= SLACK_FRAMES) {
        VvUtterance *utterance = to_decode(speech);
        VvRecord record;
        bool there = vv_ring_peek(speech->store, &record);
        Piece piece = {0, 0, 0, 0};
        if (there)
            memcpy(&piece, record.data, sizeof piece);
        there = there && piece.utterance <= speech->newest; /* else it has overtaken its speech.begin */
        if (there && !find(speech, piece.utterance)) {      /* of an utterance that was cleared */
            drop_piece(speech, &piece);
            continue;
        }
        if (!utterance)
            return 0;
        if (speech->current != utterance->number)
            begin_decoding(speech, utterance);
        if (!there || piece.utterance != utterance->number) {
            if (!utterance->ended)
                return 0; /* more will come */
            finish_decoding(speech, utterance);
            continue;
        }
        if (!utterance->first_audio)
            utterance->first_audio = piece.arrived;
        const bool good = decode_piece(speech, utterance, record.data + sizeof piece, record.size - sizeof piece);
        utterance->ended |= (piece.flags & PIECE_LAST) != 0;
        drop_piece(speech, &piece);
        if (!good) {
            vv_count(VV_COUNTER_MEDIA_ERRORS, 1);
            if (!utterance->error_told) {
                utterance->error_told = true;
                return utterance->number;
            }
        }
    }
    return 0;
}

/* ---- frames ---------------------------------------------------------------------------------------------------- */

int64_t vv_speech_unsent(const VvSpeech *speech) {
    return speech->unsent;
}

int64_t vv_speech_next(const VvSpeech *speech, int64_t index) {
    for (int64_t k = index > speech->unsent ? index : speech->unsent; k < speech->decoded; k++)
        if (!speech->frames[k % VV_SPEECH_FRAMES].cleared)
            return k;
    return -1;
}

const VvSpeechFrame *vv_speech_frame(const VvSpeech *speech, int64_t index) {
    if (index < speech->unsent || index >= speech->decoded)
        return NULL;
    const VvSpeechFrame *frame = &speech->frames[index % VV_SPEECH_FRAMES];
    return frame->cleared ? NULL : frame;
}

int vv_speech_usable(const VvSpeech *speech, int64_t index, int lookahead, int most, bool *complete) {
    int usable = 0;
    *complete = false;
    for (int64_t k = vv_speech_next(speech, index); k >= 0 && usable < most; k = vv_speech_next(speech, k + 1)) {
        const VvUtterance *utterance = find(speech, speech->frames[k % VV_SPEECH_FRAMES].utterance);
        const bool decoded = utterance && utterance->decoded;
        if (!decoded && k + lookahead >= speech->decoded)
            break;
        usable++;
        *complete |= decoded && k + 1 == utterance->end;
    }
    return usable;
}

VvUtterance *vv_speech_sent(VvSpeech *speech, int64_t index) {
    VvUtterance *utterance = find(speech, speech->frames[index % VV_SPEECH_FRAMES].utterance);
    speech->unsent = index + 1;
    while (speech->unsent < speech->decoded && speech->frames[speech->unsent % VV_SPEECH_FRAMES].cleared)
        speech->unsent++;
    if (utterance)
        utterance->frames_sent++;
    return utterance;
}

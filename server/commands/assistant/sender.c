/* The sender of speech under credit. */
#include "server/commands/assistant/sender.h"

#include <stdio.h>
#include <string.h>

/* Short messages cost more header than they are worth: with less credit than this, wait for more. 10 ms. */
#define CHUNKS_A_SECOND_LEAST 100

/* How soon a full port is tried again. */
#define RETRY (10 * VV_MS)

void vv_sender_init(VvSender *sender, const VvSenderPort *port, int chunk_ms, bool real_time) {
    *sender = (VvSender){.port = *port, .chunk = chunk_ms * 16, .queue_limit = 128 * 1024, .real_time = real_time};
    if (sender->chunk < 1)
        sender->chunk = 1;
    if (sender->chunk > VV_SENDER_CHUNK_MAX)
        sender->chunk = VV_SENDER_CHUNK_MAX;
}

/* Copies as much of `text` as fits, whole characters only. */
static void copy_text(char *to, size_t room, const char *text) {
    size_t length = strlen(text);
    if (length >= room) {
        length = room - 1;
        while (length && ((unsigned char)text[length] & 0xc0) == 0x80)
            length--;
    }
    memcpy(to, text, length);
    to[length] = 0;
}

bool vv_sender_open(VvSender *sender, uint32_t utterance, const char *text, const int16_t *pcm, size_t samples,
                    int rate) {
    if (sender->utterance || !utterance)
        return false;
    VvMessage message;
    vv_message_init(&message, VV_MSG_SPEECH_BEGIN);
    VvSpeechBegin *begin = &message.body.SpeechBegin;
    begin->utterance = utterance;
    begin->codec = VV_SPEECH_PCM;
    begin->rate = rate;
    if (text) {
        copy_text(begin->text, sizeof begin->text, text);
        VV_MARK(begin, SpeechBegin, text);
    }
    snprintf(message.id, sizeof message.id, "u%u", utterance);
    if (!sender->port.message(sender->port.ctx, &message))
        return false;
    sender->utterance = utterance;
    sender->rate = rate;
    sender->pcm = pcm;
    sender->samples = samples;
    sender->at = 0;
    sender->credit = sender->sent = 0;
    sender->first = sender->due = 0;
    return true;
}

void vv_sender_credit(VvSender *sender, const VvSpeechCredit *credit) {
    if (sender->utterance && credit->utterance == sender->utterance && credit->bytes > sender->credit)
        sender->credit = credit->bytes;
}

void vv_sender_drop(VvSender *sender) {
    sender->utterance = 0;
    sender->pcm = NULL;
    sender->samples = sender->at = 0;
}

static VvSenderState finish(VvSender *sender, VvTime now) {
    VvMessage message;
    vv_message_init(&message, VV_MSG_SPEECH_END);
    message.body.SpeechEnd.utterance = sender->utterance;
    if (!sender->port.message(sender->port.ctx, &message)) {
        sender->due = now + RETRY;
        return VV_SENDER_LATER;
    }
    vv_sender_drop(sender);
    return VV_SENDER_IDLE;
}

static bool send_chunk(VvSender *sender, size_t count) {
    uint8_t bytes[VV_SENDER_CHUNK_MAX * 2];
    const int16_t *pcm = sender->pcm + sender->at;
    for (size_t i = 0; i < count; i++) {
        uint16_t sample = (uint16_t)pcm[i];
        bytes[2 * i] = (uint8_t)sample;
        bytes[2 * i + 1] = (uint8_t)(sample >> 8);
    }
    VvFrameHeader header = {.kind = VV_KIND_SPEECH,
                            .codec = VV_CODEC_PCM,
                            .sequence = sender->sequence,
                            .pts = (int64_t)sender->at * VV_SECOND / sender->rate,
                            .utterance = sender->utterance,
                            .length = (uint32_t)(count * 2)};
    if (!sender->port.media(sender->port.ctx, &header, bytes))
        return false;
    sender->sequence++;
    sender->at += count;
    sender->sent += VV_FRAME_HEADER_SIZE + (int64_t)header.length;
    sender->bytes += VV_FRAME_HEADER_SIZE + header.length;
    return true;
}

VvSenderState vv_sender_pump(VvSender *sender, VvTime now) {
    if (!sender->utterance)
        return VV_SENDER_IDLE;
    while (sender->at < sender->samples) {
        size_t left = sender->samples - sender->at;
        size_t count = left < (size_t)sender->chunk ? left : (size_t)sender->chunk;
        size_t least = (size_t)(sender->rate / CHUNKS_A_SECOND_LEAST);
        int64_t room = (sender->credit - sender->sent - VV_FRAME_HEADER_SIZE) / 2;
        if (room < (int64_t)(count < least ? count : least))
            return VV_SENDER_CREDIT;
        if ((int64_t)count > room)
            count = (size_t)room;
        if (sender->real_time && sender->due > now)
            return VV_SENDER_LATER;
        if (sender->port.queued(sender->port.ctx) > sender->queue_limit || !send_chunk(sender, count)) {
            sender->due = now + RETRY;
            return VV_SENDER_LATER;
        }
        if (!sender->first)
            sender->first = now;
        sender->due = sender->first + (int64_t)sender->at * VV_SECOND / sender->rate;
    }
    return finish(sender, now);
}

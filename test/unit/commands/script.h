/* The other end of a sender's port: writes down, in order, what a server would have received. */
#ifndef VV_TEST_SCRIPT_H
#define VV_TEST_SCRIPT_H

#include "server/commands/assistant/sender.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Script {
    char log[65536]; /* "begin 1 \"text\"; audio 1 824; end 1; ..." */
    size_t used;
    int64_t audio;    /* bytes of kind 3 since the last speech.begin, headers included */
    uint32_t samples; /* of the open utterance */
    uint32_t sequence;
    int16_t heard[200000];
    bool refuse; /* take nothing */
    size_t queued;
} Script;

static inline void script_note(Script *script, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline void script_note(Script *script, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int wrote = vsnprintf(script->log + script->used, sizeof script->log - script->used, format, arguments);
    va_end(arguments);
    script->used += (size_t)wrote;
}

static inline bool script_message(void *ctx, const VvMessage *message) {
    Script *script = ctx;
    char text[VV_TEXT_BYTES_MAX];
    if (script->refuse)
        return false;
    assert_true(vv_message_encode(message, text, sizeof text) > 0); /* valid by the protocol's own rules */
    switch (message->type) {
    case VV_MSG_SPEECH_BEGIN:
        script->audio = 0;
        script->samples = 0;
        script_note(script, "begin %d \"%s\"; ", (int)message->body.SpeechBegin.utterance,
                    message->body.SpeechBegin.text);
        break;
    case VV_MSG_SPEECH_END:
        script_note(script, "end %d; ", (int)message->body.SpeechEnd.utterance);
        break;
    case VV_MSG_SPEECH_INTERRUPT:
        script_note(script, "interrupt %d; ", (int)message->body.SpeechInterrupt.utterance);
        break;
    case VV_MSG_DIALOGUE_TURN:
        assert_int_equal(message->body.DialogueTurn.speaker, VV_SPEAKER_AVATAR);
        script_note(script, "turn \"%s\"; ", message->body.DialogueTurn.text);
        break;
    default:
        script_note(script, "%s; ", vv_message_name(message->type));
    }
    return true;
}

static inline bool script_media(void *ctx, const VvFrameHeader *header, const void *payload) {
    Script *script = ctx;
    const uint8_t *bytes = payload;
    if (script->refuse)
        return false;
    assert_int_equal(header->kind, VV_KIND_SPEECH);
    assert_int_equal(header->codec, VV_CODEC_PCM);
    assert_int_equal(header->sequence, script->sequence++);
    assert_int_equal(header->pts, (int64_t)script->samples * 1000000 / 16000);
    assert_int_equal(header->length % 2, 0);
    for (uint32_t i = 0; i < header->length / 2; i++)
        if (script->samples + i < sizeof script->heard / sizeof *script->heard)
            script->heard[script->samples + i] = (int16_t)(bytes[2 * i] | bytes[2 * i + 1] << 8);
    script->samples += header->length / 2;
    script->audio += VV_FRAME_HEADER_SIZE + header->length;
    script_note(script, "audio %u %u; ", header->utterance, VV_FRAME_HEADER_SIZE + header->length);
    return true;
}

static inline size_t script_queued(void *ctx) {
    return ((Script *)ctx)->queued;
}

static inline VvSenderPort script_port(Script *script) {
    return (VvSenderPort){script_message, script_media, script_queued, script};
}

/* What came since the last call. */
static inline const char *script_read(Script *script) {
    static char copy[65536];
    memcpy(copy, script->log, script->used);
    copy[script->used] = 0;
    script->used = 0;
    return copy;
}

#endif

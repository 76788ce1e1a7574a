/* The queue of sentences, their numbers, and what happens to them when something goes wrong. */
#include "server/commands/assistant/talk.h"

#include "server/base/log.h"
#include "server/commands/assistant/sentences.h"
#include "server/commands/assistant/voice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FULL_NOTE "I cannot remember more than that. Please wait until I have said it."
#define LETTERS_NOTE "I can only read Latin letters aloud."

typedef struct Sentence {
    char *text;
    uint64_t turn; /* an interrupt drops the sentences of its own and earlier turns, not those of later ones */
} Sentence;

typedef struct Begun {
    uint32_t utterance;
    uint64_t turn;
} Begun;

struct VvTalk {
    VvTalkConfig config;
    VvSender sender;
    bool ready;   /* joined, and the connection is there */
    bool greeted; /* joined at least once */
    bool held;    /* the server's places for utterances are taken: wait until one is free */
    bool noted;   /* the note about the full queue is queued or was said */

    Sentence queue[VV_TALK_QUEUE + 1]; /* ring; the place beyond VV_TALK_QUEUE is for the note */
    size_t first, count;

    Sentence current; /* the one being sent */
    VvClip clip;      /* its speech */

    uint64_t turn;              /* newest turn's number */
    uint32_t next;              /* next utterance's number */
    uint32_t ahead;             /* utterances that the server takes at once */
    Begun begun[VV_TALK_AHEAD]; /* utterances begun, their playback not finished */
    size_t begun_count;
    VvTalkCounts counts;
};

VvTalk *vv_talk_new(const VvTalkConfig *config) {
    VvTalk *talk = calloc(1, sizeof *talk);
    if (!talk)
        return NULL;
    talk->config = *config;
    talk->next = 1;
    talk->ahead = 1;
    vv_sender_init(&talk->sender, &config->port, 100, false);
    return talk;
}

static void drop_current(VvTalk *talk) {
    vv_sender_drop(&talk->sender);
    vv_clip_free(&talk->clip);
    free(talk->current.text);
    talk->current = (Sentence){0};
}

static Sentence *queued(VvTalk *talk, size_t i) {
    return &talk->queue[(talk->first + i) % (VV_TALK_QUEUE + 1)];
}

/* Drops waiting sentences of turns up to `turn`. */
static void drop_queue(VvTalk *talk, uint64_t turn) {
    size_t kept = 0;
    for (size_t i = 0; i < talk->count; i++) {
        Sentence *sentence = queued(talk, i);
        if (sentence->turn > turn) {
            *queued(talk, kept++) = *sentence;
            continue;
        }
        free(sentence->text);
        talk->counts.interrupted++;
    }
    talk->count = kept;
}

void vv_talk_free(VvTalk **talk) {
    if (!*talk)
        return;
    drop_queue(*talk, UINT64_MAX);
    drop_current(*talk);
    free(*talk);
    *talk = NULL;
}

/* ---- what to say ----------------------------------------------------------------------------------------- */

static bool enqueue(VvTalk *talk, const char *text, size_t length, size_t limit) {
    char *copy = talk->count < limit ? strndup(text, length) : NULL;
    if (!copy)
        return false;
    *queued(talk, talk->count++) = (Sentence){copy, talk->turn};
    return true;
}

size_t vv_talk_say(VvTalk *talk, const char *text, size_t size) {
    size_t at = 0, begin, length, refused = 0;
    talk->turn++;
    while (vv_sentence_next(text, size, &at, &begin, &length))
        refused += !enqueue(talk, text + begin, length, VV_TALK_QUEUE);
    talk->counts.refused += refused;
    if (refused) {
        vv_log(VV_LOG_WARNING, "assistant", "%zu sentences refused: %d wait already", refused, VV_TALK_QUEUE);
        if (!talk->noted)
            talk->noted = enqueue(talk, FULL_NOTE, strlen(FULL_NOTE), VV_TALK_QUEUE + 1);
    }
    return refused;
}

/* The viewer typed something: say it, or say why not. */
static void echo(VvTalk *talk, const char *text) {
    char readable[VV_SENTENCE_BYTES_MAX];
    if (vv_voice_readable(text, readable, sizeof readable))
        vv_talk_say(talk, text, strlen(text));
    else if (*text)
        vv_talk_say(talk, LETTERS_NOTE, strlen(LETTERS_NOTE));
}

/* Takes the next sentence that has any sound and makes its speech. False if there is none. */
static bool take_sentence(VvTalk *talk) {
    while (talk->count) {
        talk->current = *queued(talk, 0);
        talk->first = (talk->first + 1) % (VV_TALK_QUEUE + 1);
        talk->count--;
        if (talk->count < VV_TALK_QUEUE / 2)
            talk->noted = false;
        if (vv_voice_say(talk->current.text, &talk->clip)) {
            vv_log(VV_LOG_ERROR, "assistant", "the voice could not say a sentence of %zu bytes",
                   strlen(talk->current.text));
            talk->counts.lost++;
        } else if (talk->clip.samples) {
            return true;
        } else {
            talk->counts.said++; /* nothing in it to hear */
        }
        drop_current(talk);
    }
    return false;
}

static void send_turn(VvTalk *talk, const char *text) {
    VvMessage message;
    vv_message_init(&message, VV_MSG_DIALOGUE_TURN);
    VvDialogueTurn *turn = &message.body.DialogueTurn;
    turn->speaker = VV_SPEAKER_AVATAR;
    snprintf(turn->text, sizeof turn->text, "%s", text);
    talk->config.port.message(talk->config.port.ctx, &message);
}

static bool begin_utterance(VvTalk *talk) {
    if (!vv_sender_open(&talk->sender, talk->next, talk->current.text, talk->clip.pcm, talk->clip.samples,
                        VV_VOICE_RATE))
        return false;
    talk->begun[talk->begun_count++] = (Begun){talk->next++, talk->current.turn};
    send_turn(talk, talk->current.text);
    return true;
}

VvTime vv_talk_pump(VvTalk *talk, VvTime now) {
    if (!talk->ready)
        return 0;
    if (!talk->sender.utterance) {
        if (talk->held || talk->begun_count >= talk->ahead)
            return 0;
        if (!talk->current.text && !take_sentence(talk))
            return 0;
        return begin_utterance(talk) ? 0 : now + 10 * VV_MS; /* credit comes first, so nothing to pump yet */
    }
    switch (vv_sender_pump(&talk->sender, now)) {
    case VV_SENDER_IDLE:
        drop_current(talk);
        return talk->count ? now : 0;
    case VV_SENDER_LATER:
        return talk->sender.due;
    default:
        return 0;
    }
}

/* ---- what the server says -------------------------------------------------------------------------------- */

/* Forgets a begun utterance; false if it is none of ours. */
static bool forget(VvTalk *talk, uint32_t utterance, uint64_t *turn) {
    for (size_t i = 0; i < talk->begun_count; i++) {
        if (talk->begun[i].utterance != utterance)
            continue;
        *turn = talk->begun[i].turn;
        talk->begun[i] = talk->begun[--talk->begun_count];
        return true;
    }
    return false;
}

/* Tells the server, which may have lost it with the connection, that nothing more comes for what was sent last. */
static void end_again(VvTalk *talk) {
    VvMessage message;
    vv_message_init(&message, VV_MSG_SPEECH_END);
    for (size_t i = 0; i < talk->begun_count; i++)
        if (talk->begun[i].utterance > message.body.SpeechEnd.utterance)
            message.body.SpeechEnd.utterance = talk->begun[i].utterance;
    if (message.body.SpeechEnd.utterance)
        talk->config.port.message(talk->config.port.ctx, &message);
}

static void joined(VvTalk *talk, const VvSessionReady *ready) {
    uint64_t turn;
    uint32_t open = talk->sender.utterance;
    talk->ready = true;
    talk->held = false;
    talk->ahead = ready->utterances < VV_TALK_AHEAD ? (uint32_t)ready->utterances : VV_TALK_AHEAD;
    if (open) {
        /* The connection was lost in mid-sentence. How much arrived is unknown, so the sentence is begun anew; what the
         * server has of the old one is cleared first. */
        forget(talk, open, &turn);
        vv_sender_drop(&talk->sender);
        if (ready->resumed) {
            VvMessage message;
            vv_message_init(&message, VV_MSG_SPEECH_INTERRUPT);
            message.body.SpeechInterrupt.utterance = open;
            VV_MARK(&message.body.SpeechInterrupt, SpeechInterrupt, utterance);
            talk->config.port.message(talk->config.port.ctx, &message);
        }
    } else if (ready->resumed) {
        end_again(talk);
    }
    if (!ready->resumed) {
        talk->counts.lost += talk->begun_count;
        talk->begun_count = 0;
    }
    if (!talk->greeted && talk->config.greeting)
        vv_talk_say(talk, talk->config.greeting, strlen(talk->config.greeting));
    talk->greeted = true;
}

static void finished(VvTalk *talk, const VvPlaybackFinished *playback) {
    uint64_t turn;
    talk->held = false;
    if (!forget(talk, (uint32_t)playback->utterance, &turn))
        return;
    if (talk->sender.utterance == (uint32_t)playback->utterance)
        drop_current(talk);
    if (playback->interrupted) {
        talk->counts.interrupted++;
        drop_queue(talk, turn);
    } else {
        talk->counts.said++;
    }
}

/* An error about a speech.begin of ours. Its ref is "u<number>". */
static void refused(VvTalk *talk, const char *ref, const VvError *error) {
    uint64_t turn;
    uint32_t utterance = ref[0] == 'u' ? (uint32_t)strtoul(ref + 1, NULL, 10) : 0;
    if (!utterance || utterance != talk->sender.utterance || !forget(talk, utterance, &turn))
        return;
    vv_sender_drop(&talk->sender);
    if (error->code == VV_ERR_UTTERANCE_USED) {
        /* A backend before us used this number. Doubling finds a free one in a few steps. */
        talk->next = utterance < UINT32_MAX / 2 ? utterance * 2 : UINT32_MAX;
    } else if (error->code == VV_ERR_TOO_MANY_UTTERANCES) {
        talk->held = true;
    } else {
        vv_log(VV_LOG_WARNING, "assistant", "the server refused a sentence: %s (%s)", error->message,
               vv_err_name(error->code));
        talk->counts.lost++;
        drop_current(talk);
    }
}

/* The user spoke over the avatar, and the session interrupts by itself: nothing of what is being said goes on. */
static void barged_in(VvTalk *talk) {
    uint64_t newest = talk->current.turn;
    for (size_t i = 0; i < talk->begun_count; i++)
        newest = talk->begun[i].turn > newest ? talk->begun[i].turn : newest;
    if (talk->config.auto_interrupt && newest)
        drop_queue(talk, newest);
}

void vv_talk_message(VvTalk *talk, const VvMessage *message) {
    switch (message->type) {
    case VV_MSG_SESSION_READY:
        joined(talk, &message->body.SessionReady);
        break;
    case VV_MSG_SPEECH_CREDIT:
        vv_sender_credit(&talk->sender, &message->body.SpeechCredit);
        break;
    case VV_MSG_PLAYBACK_FINISHED:
        finished(talk, &message->body.PlaybackFinished);
        break;
    case VV_MSG_DIALOGUE_TURN:
        if (talk->config.echo && message->body.DialogueTurn.speaker == VV_SPEAKER_USER)
            echo(talk, message->body.DialogueTurn.text);
        break;
    case VV_MSG_CONTEXT_EVENT:
        if (message->body.ContextEvent.kind == VV_EVENT_BARGE_IN)
            barged_in(talk);
        break;
    case VV_MSG_ERROR:
        refused(talk, message->ref, &message->body.Error);
        break;
    default:
        break;
    }
}

void vv_talk_lost(VvTalk *talk) {
    talk->ready = false;
}

bool vv_talk_idle(const VvTalk *talk) {
    return !talk->count && !talk->current.text && !talk->begun_count;
}

size_t vv_talk_room(const VvTalk *talk) {
    return talk->count < VV_TALK_QUEUE ? VV_TALK_QUEUE - talk->count : 0;
}

VvTalkCounts vv_talk_counts(const VvTalk *talk) {
    return talk->counts;
}

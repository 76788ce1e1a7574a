/* Laying speech on a side's track. */
#include "weights/performer/dialogue_script.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FADE = VV_VOICE_RATE / 50 };

/* Room for `more` items of `size` bytes beyond `used`. */
static int reserve(void **array, int *room, int used, int more, size_t size) {
    if (used + more <= *room)
        return 0;
    const int wanted = (used + more) * 2;
    void *grown = realloc(*array, (size_t)wanted * size);
    if (!grown)
        return -ENOMEM;
    *array = grown;
    *room = wanted;
    return 0;
}

static int reserve_all(VvScript *script, int side, const VvSpeech *speech) {
    VvConversation *c = script->conversation;
    void *utterances = c->utterance, *segments = c->side[side].segment, *words = c->side[side].word;
    int result = reserve(&utterances, &script->room_utterances, c->utterances, 1, sizeof *c->utterance);
    c->utterance = utterances;
    if (!result)
        result = reserve(&segments, &script->room_segments[side], c->side[side].segments, speech->segments,
                         sizeof(VvSegment));
    c->side[side].segment = segments;
    if (!result)
        result = reserve(&words, &script->room_words[side], c->side[side].words, speech->words, sizeof(VvWord));
    c->side[side].word = words;
    return result;
}

static void lay(VvSide *side, const VvSpeech *speech, int32_t at) {
    for (int i = 0; i < speech->samples; i++) {
        const int sum = side->pcm[at + i] + speech->pcm[i];
        side->pcm[at + i] = (int16_t)(sum > 32767 ? 32767 : sum < -32768 ? -32768 : sum);
    }
    for (int i = 0; i < speech->segments; i++) {
        VvSegment segment = speech->segment[i];
        segment.begin += at;
        segment.end += at;
        side->segment[side->segments++] = segment;
    }
    for (int i = 0; i < speech->words; i++) {
        VvWord word = speech->word[i];
        word.begin += at;
        word.end += at;
        side->word[side->words++] = word;
    }
}

/* How an emotion sounds, on top of the speaker's own manner (Banse and Scherer: the strongest tendencies). */
static VvManner moved(VvManner manner, VvEmotion emotion, float intensity, float loudness) {
    static const struct {
        float rate, pitch, range, loudness;
    } by[VV_Emotion_COUNT] = {
        [VV_EMOTION_JOY] = {.06f, .12f, .35f, .15f},        [VV_EMOTION_SADNESS] = {-.18f, -.08f, -.4f, -.3f},
        [VV_EMOTION_ANGER] = {.12f, .06f, .3f, .4f},        [VV_EMOTION_FEAR] = {.14f, .14f, -.1f, -.1f},
        [VV_EMOTION_DISGUST] = {-.08f, -.05f, .1f, 0},      [VV_EMOTION_SURPRISE] = {.04f, .18f, .5f, .15f},
        [VV_EMOTION_CONTEMPT] = {-.08f, -.06f, -.1f, -.1f},
    };
    manner.rate *= 1 + by[emotion].rate * intensity;
    manner.pitch *= 1 + by[emotion].pitch * intensity;
    manner.range *= 1 + by[emotion].range * intensity;
    manner.loudness *= (1 + by[emotion].loudness * intensity) * loudness;
    return manner;
}

/* A recorded speaker says one of the clips there are. What kind of sentence it is, only a human would know;
 * backchannels and the like take the shorter ones. -EINVAL if the one drawn does not fit. */
static int recorded(VvScript *script, const VvLine *line, char text[VV_VOICE_TEXT], VvSpeech *speech) {
    const VvSide *side = &script->conversation->side[line->side];
    const VvRecordings *list = script->plan->recordings;
    const bool brief = line->kind >= VV_TEXT_BACKCHANNEL;
    const int start = vv_chance_pick(&script->chance, list->count);
    for (int i = 0; i < list->count; i++) {
        const VvRecording *clip = &list->item[(start + i) % list->count];
        if (!clip->segments || !clip->text || strcmp(clip->speaker, side->speaker) ||
            strlen(clip->text) >= VV_VOICE_TEXT)
            continue;
        const int32_t length = clip->segment[clip->segments - 1].end;
        if (brief && length > VV_VOICE_RATE * 3 / 2 && i < list->count / 2)
            continue;
        snprintf(text, VV_VOICE_TEXT, "%s", clip->text);
        const int result = vv_recording_load(clip, speech);
        return result == -EIO ? -EINVAL : result; /* a damaged file: another clip */
    }
    return -EINVAL;
}

/* Draws a text and says it. */
static int synthesise(VvScript *script, const VvLine *line, char text[VV_VOICE_TEXT], VvSpeech *speech) {
    const VvSide *side = &script->conversation->side[line->side];
    if (side->voice < 0)
        return recorded(script, line, text, speech);
    const bool reading = line->kind == VV_TEXT_STATEMENT && vv_chance_happens(&script->chance, side->temper.reading);
    vv_text_make(script->conversation->language, reading ? VV_TEXT_READING : line->kind, line->emotion,
                 script->plan->held_out_text, &script->chance, text);
    VvManner manner = moved(side->manner, line->emotion, line->intensity, line->loudness);
    manner.rate *= vv_chance_lognormal(&script->chance, 1, .06f);
    manner.rate = fmaxf(.6f, fminf(1.7f, manner.rate));
    return vv_voice_say(script->voices, side->voice, &manner, text, speech);
}

int vv_script_say(VvScript *script, const VvLine *line) {
    VvConversation *c = script->conversation;
    VvSide *side = &c->side[line->side];
    VvUtterance said = {.side = line->side,
                        .kind = line->kind,
                        .parent = line->parent,
                        .sentence = line->sentence,
                        .last = line->last,
                        .emotion = line->emotion,
                        .intensity = line->intensity};
    /* Some voices cannot say some texts (a murmur in another script): another one is drawn. */
    VvSpeech speech;
    int result = -EINVAL;
    for (int attempt = 0; attempt < 5 && result == -EINVAL; attempt++)
        result = synthesise(script, line, said.text, &speech);
    /* What is recorded cannot be asked to be of a kind or an emotion. */
    if (side->voice < 0) {
        said.emotion = line->kind == VV_TEXT_LAUGH ? line->emotion : VV_EMOTION_NEUTRAL;
        said.intensity = line->kind == VV_TEXT_LAUGH ? line->intensity : 0;
    }
    if (result)
        return result;
    const double begin = fmax(line->begin, script->free[line->side] + 0.04);
    const int32_t at = (int32_t)(begin * VV_VOICE_RATE);
    if (at + speech.samples > c->samples)
        result = -ERANGE;
    if (!result)
        result = reserve_all(script, line->side, &speech);
    if (!result) {
        lay(side, &speech, at);
        said.begin = at;
        said.end = at + speech.samples;
        script->free[line->side] = (double)said.end / VV_VOICE_RATE;
        c->utterance[c->utterances] = said;
        result = c->utterances++;
    }
    vv_speech_free(&speech);
    return result;
}

/* The utterance is the last on its track, so what follows the cut is all its own. */
void vv_script_cut(VvScript *script, int index, double time) {
    VvConversation *c = script->conversation;
    VvUtterance *said = &c->utterance[index];
    VvSide *side = &c->side[said->side];
    int32_t at = (int32_t)(time * VV_VOICE_RATE);
    for (int i = 0; i < side->words; i++)
        if (side->word[i].begin < at && side->word[i].end > at)
            at = side->word[i].end;
    if (at >= said->end)
        return;
    for (int32_t i = at; i < said->end; i++) {
        const int32_t since = i - at;
        side->pcm[i] = (int16_t)(since < FADE ? side->pcm[i] * (FADE - since) / FADE : 0);
    }
    while (side->segments && side->segment[side->segments - 1].begin >= at)
        side->segments--;
    if (side->segments && side->segment[side->segments - 1].end > at)
        side->segment[side->segments - 1].end = at;
    while (side->words && side->word[side->words - 1].begin >= at)
        side->words--;
    said->end = at;
    said->cut = true;
    script->free[said->side] = (double)at / VV_VOICE_RATE;
}

int vv_script_breathe(VvScript *script, int side, double end) {
    VvSide *who = &script->conversation->side[side];
    const double length = vv_chance_range(&script->chance, .3f, .5f);
    /* No room after what was said last, or before the conversation's end. */
    if (end - length < script->free[side] + 0.1 || end * VV_VOICE_RATE >= script->conversation->samples)
        return 0;
    const float level = 110 * vv_chance_lognormal(&script->chance, 1, .4f);
    const int32_t from = (int32_t)((end - length) * VV_VOICE_RATE), count = (int32_t)(length * VV_VOICE_RATE);
    float low = 0;
    for (int32_t i = 0; i < count; i++) {
        /* Noise without its lowest part, swelling and ending soon after its peak: air drawn in. */
        const float noise = vv_chance_range(&script->chance, -1, 1);
        low += 0.25f * (noise - low);
        const float x = (float)i / (float)count;
        const float swell = sinf(3.1415927f * sqrtf(x));
        who->pcm[from + i] = (int16_t)(who->pcm[from + i] + lrintf(level * swell * (noise - low)));
    }
    const VvAct breath = {.kind = VV_ACT_BREATH,
                          .side = side,
                          .begin = (float)(end - length),
                          .length = (float)length + .25f,
                          .strength = .6f,
                          .answer = -1};
    return vv_conversation_act(script->conversation, &breath);
}

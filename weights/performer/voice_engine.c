/* flite and espeak-ng, each giving samples, phones and words in one form. Runs in the synthesis process only: both
 * libraries keep global state, and each call here sees it fresh. */
#include "weights/performer/voice_engine.h"

#include <ctype.h>
#include <errno.h>
#include <espeak-ng/speak_lib.h>
#include <flite/flite.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The voice libraries have no headers of their own. */
cst_voice *register_cmu_us_slt(const char *voxdir);
cst_voice *register_cmu_us_rms(const char *voxdir);
cst_voice *register_cmu_us_awb(const char *voxdir);

static struct {
    const char *name;
    cst_voice *voice;
} flite_voices[3];

/* Makes room for `more` items beyond `*used`. */
static int reserve(void **array, int32_t *room, int32_t used, int32_t more, size_t size) {
    if (used + more <= *room)
        return 0;
    const int32_t wanted = (used + more) * 2;
    void *grown = realloc(*array, (size_t)wanted * size);
    if (!grown)
        return -ENOMEM;
    *array = grown;
    *room = wanted;
    return 0;
}

static int add_segment(VvUttered *out, VvPhone phone, int stress, int32_t begin, int32_t end) {
    if (end <= begin)
        return 0;
    void *array = out->speech.segment;
    if (reserve(&array, &out->room_segments, out->speech.segments, 1, sizeof(VvSegment)))
        return -ENOMEM;
    out->speech.segment = array;
    out->speech.segment[out->speech.segments++] =
        (VvSegment){.phone = (uint8_t)phone, .stress = (uint8_t)stress, .begin = begin, .end = end};
    return 0;
}

int vv_uttered_phones(VvUttered *out, const VvPhone *phones, int count, int stress, int32_t begin, int32_t end) {
    int32_t at = begin;
    for (int i = 0; i < count; i++) {
        /* 60 % of what is left, so a diphthong's glide is the shorter part. */
        const int32_t until = i + 1 == count ? end : at + (end - at) * 3 / 5;
        const int result = add_segment(out, phones[i], stress, at, until);
        if (result)
            return result;
        at = until;
    }
    return count ? 0 : add_segment(out, VV_PHONE_PAU, 0, begin, end);
}

int vv_uttered_word(VvUttered *out, const VvWord *word) {
    void *array = out->speech.word;
    if (reserve(&array, &out->room_words, out->speech.words, 1, sizeof(VvWord)))
        return -ENOMEM;
    out->speech.word = array;
    out->speech.word[out->speech.words++] = *word;
    return 0;
}

int vv_uttered_pcm(VvUttered *out, const int16_t *pcm, int count) {
    void *array = out->speech.pcm;
    if (reserve(&array, &out->room_pcm, out->speech.samples, count, sizeof(int16_t)))
        return -ENOMEM;
    out->speech.pcm = array;
    memcpy(out->speech.pcm + out->speech.samples, pcm, (size_t)count * sizeof *pcm);
    out->speech.samples += count;
    return 0;
}

/* ---- flite ------------------------------------------------------------------------------------------ */

static cst_voice *flite_voice(const char *speaker) {
    for (size_t i = 0; i < 3; i++)
        if (!strcmp(flite_voices[i].name, speaker))
            return flite_voices[i].voice;
    return NULL;
}

/* Function words carry no beat. */
static bool is_content(const cst_item *segment) {
    return !strcmp(ffeature_string(segment, "R:SylStructure.parent.parent.gpos"), "content");
}

/* Walks the segments: one word for every run of segments under the same word item. */
static int flite_times(const cst_utterance *utterance, VvUttered *out) {
    int32_t begin = 0;
    const cst_item *word_now = NULL;
    VvWord word = {0};
    int result = 0;
    for (const cst_item *s = relation_head(utt_relation(utterance, "Segment")); s && !result; s = item_next(s)) {
        int32_t end = (int32_t)(item_feat_float(s, "end") * (float)out->rate);
        if (end > out->speech.samples || !item_next(s))
            end = out->speech.samples;
        const cst_item *of = path_to_item(s, "R:SylStructure.parent.parent");
        if (word_now && of != word_now)
            result = vv_uttered_word(out, &word);
        if (of && of != word_now)
            word = (VvWord){.begin = begin, .content = is_content(s)};
        word.end = end;
        word_now = of;
        const bool stress = of && ffeature_string(s, "R:SylStructure.parent.stress")[0] == '1';
        VvPhone parts[VV_PHONE_PARTS];
        const int count = vv_phones_of_cmu(item_feat_string(s, "name"), parts);
        if (!result)
            result = vv_uttered_phones(out, parts, count, stress, begin, end);
        begin = end;
    }
    return !result && word_now ? vv_uttered_word(out, &word) : result;
}

int vv_flite_say(const VvVoice *voice, const VvManner *manner, const char *text, VvUttered *out) {
    cst_voice *speaker = flite_voice(voice->speaker);
    if (!speaker)
        return -ENOENT;
    feat_set_float(speaker->features, "duration_stretch", 1.0f / manner->rate);
    cst_utterance *utterance = flite_synth_text(text, speaker);
    const cst_wave *wave = utterance ? utt_wave(utterance) : NULL;
    int result = wave && wave->num_samples > 0 ? 0 : -EINVAL;
    if (!result) {
        out->rate = wave->sample_rate;
        result = vv_uttered_pcm(out, wave->samples, wave->num_samples);
    }
    if (!result)
        result = flite_times(utterance, out);
    if (utterance)
        delete_utterance(utterance);
    return result;
}

/* ---- espeak-ng -------------------------------------------------------------------------------------- */

/* espeak-ng asks pcaudiolib for a sound device even where it is to give samples, and that starts a client of the sound
 * server, with a thread, much shared memory and complaints about it. This takes that function's place: there is none.
 */
struct audio_object;
struct audio_object *create_audio_device_object(const char *device, const char *application, const char *description);

struct audio_object *create_audio_device_object(const char *device, const char *application, const char *description) {
    (void)device;
    (void)application;
    (void)description;
    return NULL;
}

static int espeak_rate;

/* The utterance that the callback fills: a symbol lasts until the next begins. */
static struct {
    VvUttered *out;
    const char *text;
    char symbol[9];
    int32_t begin;
    int result;
} heard;

static void close_symbol(int32_t end) {
    VvPhone parts[VV_PHONE_PARTS];
    const int count = vv_phones_of_ipa(heard.symbol, parts);
    VvUttered *out = heard.out;
    /* A mark that stands alone (of tone, palatalisation) belongs to the sound before it; a pause has no symbol. */
    if (!count && heard.symbol[0] && out->speech.segments) {
        out->speech.segment[out->speech.segments - 1].end = end;
        heard.begin = end;
        return;
    }
    const bool stress = out->speech.words && out->speech.word[out->speech.words - 1].content;
    if (!heard.result)
        heard.result = vv_uttered_phones(out, parts, count, stress, heard.begin, end);
    heard.begin = end;
}

/* Byte offset of the `character`-th character (from 0). */
static size_t byte_of(const char *text, int character) {
    size_t at = 0;
    for (; character > 0 && text[at]; character--)
        do
            at++;
        while (((unsigned char)text[at] & 0xc0) == 0x80);
    return at;
}

static void note_word(const espeak_EVENT *event) {
    VvSpeech *speech = &heard.out->speech;
    if (speech->words)
        speech->word[speech->words - 1].end = event->sample;
    const size_t from = byte_of(heard.text, event->text_position - 1);
    const size_t length = byte_of(heard.text + from, event->length);
    /* No language's word classes are at hand; short words are mostly function words. */
    const VvWord word = {.begin = event->sample,
                         .text = (uint16_t)from,
                         .length = (uint16_t)length,
                         .content = event->length >= 4 || isdigit((unsigned char)heard.text[from])};
    if (!heard.result)
        heard.result = vv_uttered_word(heard.out, &word);
}

/* Root mean square of 2.5 ms that end at a sample. */
static double level_before(const VvSpeech *speech, int32_t end, int32_t length) {
    double sum = 0;
    for (int32_t i = end - length; i < end; i++)
        sum += (double)speech->pcm[i] * speech->pcm[i];
    return sqrt(sum / length);
}

/* espeak-ng tells of a voiceless stop when it is released: the silence before, in which lips or tongue are shut, still
 * counts as the sound before it. Where that silence begins, from where the stop is told of. */
static int32_t closure_of(const VvSpeech *speech, int32_t previous, int32_t release) {
    const int32_t step = espeak_rate / 400, longest = espeak_rate * 3 / 20, after_pause = espeak_rate * 3 / 50;
    double loudest = 0;
    if (release > speech->samples)
        return release;
    for (int32_t at = previous + step; at <= release; at += step)
        loudest = fmax(loudest, level_before(speech, at, step));
    const bool pause = loudest < 50;
    const int32_t earliest = pause ? release - after_pause : release - longest;
    int32_t begin = release;
    while (begin - step > previous + step && begin - step >= earliest &&
           level_before(speech, begin, step) < fmax(8, .12 * loudest))
        begin -= step;
    return begin;
}

static bool is_voiceless_stop(const char *symbol) {
    VvPhone parts[VV_PHONE_PARTS];
    const int count = vv_phones_of_ipa(symbol, parts);
    return count &&
           (parts[0] == VV_PHONE_P || parts[0] == VV_PHONE_T || parts[0] == VV_PHONE_K || parts[0] == VV_PHONE_CH);
}

static int on_espeak(short *pcm, int count, espeak_EVENT *events) {
    if (pcm && count > 0 && !heard.result)
        heard.result = vv_uttered_pcm(heard.out, pcm, count);
    for (; events->type != espeakEVENT_LIST_TERMINATED; events++) {
        if (events->type == espeakEVENT_WORD)
            note_word(events);
        /* "(en)" is no sound: the language changes, as for a name in another script. */
        if (events->type == espeakEVENT_PHONEME && events->id.string[0] != '(') {
            char symbol[9] = "";
            memcpy(symbol, events->id.string, 8);
            if (events->sample > heard.begin)
                close_symbol(is_voiceless_stop(symbol) ? closure_of(&heard.out->speech, heard.begin, events->sample)
                                                       : events->sample);
            memcpy(heard.symbol, symbol, sizeof symbol);
        }
    }
    return heard.result != 0;
}

/* espeak-ng's scales: words a minute around 170, pitch and range 0..99 around 50. */
int vv_espeak_say(const VvVoice *voice, const VvManner *manner, const char *text, VvUttered *out) {
    if (espeak_SetVoiceByName(voice->speaker) != EE_OK)
        return -ENOENT;
    espeak_SetParameter(espeakRATE, (int)(170 * manner->rate), 0);
    espeak_SetParameter(espeakPITCH, (int)(50 + 75 * (manner->pitch - 1)), 0);
    espeak_SetParameter(espeakRANGE, (int)(50 * manner->range), 0);
    heard.out = out;
    heard.text = text;
    out->rate = espeak_rate;
    if (espeak_Synth(text, strlen(text) + 1, 0, POS_CHARACTER, 0, espeakCHARS_UTF8, NULL, NULL) != EE_OK)
        return -EINVAL;
    if (!out->speech.samples)
        return -EINVAL;
    close_symbol(out->speech.samples);
    if (out->speech.words)
        out->speech.word[out->speech.words - 1].end = out->speech.samples;
    return heard.result;
}

int vv_engines_open(void) {
    flite_init();
    flite_voices[0].name = "slt", flite_voices[0].voice = register_cmu_us_slt(NULL);
    flite_voices[1].name = "rms", flite_voices[1].voice = register_cmu_us_rms(NULL);
    flite_voices[2].name = "awb", flite_voices[2].voice = register_cmu_us_awb(NULL);
    espeak_rate =
        espeak_Initialize(AUDIO_OUTPUT_SYNCHRONOUS, 20, NULL,
                          espeakINITIALIZE_PHONEME_EVENTS | espeakINITIALIZE_PHONEME_IPA | espeakINITIALIZE_DONT_EXIT);
    if (espeak_rate <= 0)
        return -ENOENT;
    espeak_SetSynthCallback(on_espeak);
    return 0;
}

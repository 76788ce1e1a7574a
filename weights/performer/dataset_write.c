/* One conversation's files. */
#include "weights/performer/dataset.h"
#include "weights/performer/dataset_state.h"
#include "weights/performer/emotion.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const kinds[VV_TEXT_KINDS] = {
    [VV_TEXT_GREETING] = "greeting",     [VV_TEXT_FAREWELL] = "farewell",
    [VV_TEXT_STATEMENT] = "statement",   [VV_TEXT_QUESTION] = "question",
    [VV_TEXT_ANSWER] = "answer",         [VV_TEXT_REACTION] = "reaction",
    [VV_TEXT_READING] = "reading",       [VV_TEXT_BACKCHANNEL] = "backchannel",
    [VV_TEXT_HESITATION] = "hesitation", [VV_TEXT_INTERRUPTION] = "interruption",
    [VV_TEXT_LAUGH] = "laugh",
};

static const char *const splits[VV_SPLITS] = {"train", "valid", "test"};

/* Times in JSON to the millisecond: exact numbers of samples and frames come back by rounding. */
static double milliseconds(double seconds) {
    return round(seconds * 1000) / 1000;
}

static json_t *side_json(const VvSide *side) {
    const VvVoice *voice = side->voice < 0 ? NULL : vv_voice_at(side->voice);
    return json_pack(
        "{s:s, s:b, s:s?, s:b, s:{s:f, s:f, s:f, s:f, s:f}, s:I, s:b, s:s*}", "voice", side->speaker, "recorded",
        !voice, "licence", voice ? voice->licence : NULL, "voice_held_out", voice && voice->held_out, "manner", "rate",
        (double)side->manner.rate, "pitch", (double)side->manner.pitch, "range", (double)side->manner.range, "tract",
        (double)side->manner.tract, "loudness", (double)side->manner.loudness, "identity", (json_int_t)side->identity,
        "identity_held_out", vv_identity_held_out(side->identity), "character", side->character);
}

static json_t *utterance_json(const VvUtterance *said) {
    float dimension[3];
    vv_emotion_dimensions(said->emotion, dimension);
    return json_pack(
        "{s:i, s:s, s:i, s:f, s:f, s:s, s:b, s:{s:s, s:f, s:f, s:f, s:f}}", "side", said->side, "kind",
        kinds[said->kind], "parent", said->parent, "begin", milliseconds((double)said->begin / VV_VOICE_RATE), "end",
        milliseconds((double)said->end / VV_VOICE_RATE), "text", said->text, "cut", said->cut, "emotion", "label",
        vv_emotion_name(said->emotion), "intensity", milliseconds(said->intensity), "valence",
        milliseconds(dimension[0] * said->intensity), "arousal", milliseconds(dimension[1] * said->intensity),
        "dominance", milliseconds(dimension[2] * said->intensity));
}

static json_t *act_json(const VvAct *act) {
    return json_pack("{s:i, s:s, s:f, s:f, s:f, s:b, s:i}", "side", act->side, "kind", vv_act_name(act->kind), "begin",
                     milliseconds(act->begin), "end", milliseconds((double)act->begin + (double)act->length),
                     "strength", milliseconds(act->strength), "listening", act->listening, "answer", act->answer);
}

static json_t *conversation_json(const VvConversation *c, VvSplit split) {
    json_t *sides = json_array(), *said = json_array(), *acts = json_array();
    for (int s = 0; s < VV_SIDES; s++)
        json_array_append_new(sides, side_json(&c->side[s]));
    for (int i = 0; i < c->utterances; i++)
        json_array_append_new(said, utterance_json(&c->utterance[i]));
    for (int i = 0; i < c->acts; i++)
        json_array_append_new(acts, act_json(&c->act[i]));
    char seed[24];
    snprintf(seed, sizeof seed, "%016llx", (unsigned long long)c->seed);
    return json_pack("{s:s, s:s, s:s, s:i, s:i, s:o, s:o, s:o}", "seed", seed, "split", splits[split], "language",
                     c->language, "frames", c->frames, "fps", VV_POSE_FPS, "sides", sides, "dialogue", said, "acts",
                     acts);
}

static int write_side(const VvConversation *c, int s, const char *folder, char *error) {
    const VvSide *side = &c->side[s];
    char audio[16], pose[16], state[16], phone[16];
    snprintf(audio, sizeof audio, "audio-%d.wav", s);
    snprintf(pose, sizeof pose, "pose-%d.npy", s);
    snprintf(state, sizeof state, "state-%d.npy", s);
    snprintf(phone, sizeof phone, "phones-%d.npy", s);
    float *states = vv_state_rows(c, s);
    uint8_t *phones = vv_phone_rows(c, s);
    int result = states && phones ? 0 : -ENOMEM;
    if (result)
        snprintf(error, VV_ERROR_MAX, "out of memory for %s", folder);
    if (!result)
        result = vv_file_wav(folder, audio, side->pcm, c->samples, VV_VOICE_RATE, error);
    if (!result) /* VvPose is floats only, so a track of them is rows of VV_POSE_COLUMNS */
        result = vv_file_half(folder, pose, (const float *)side->pose, c->frames, VV_POSE_COLUMNS, error);
    if (!result)
        result = vv_file_half(folder, state, states, c->frames, VV_STATE_COLUMNS, error);
    if (!result)
        result = vv_file_bytes(folder, phone, phones, c->frames * 4, error);
    free(states);
    free(phones);
    return result;
}

int vv_dataset_write(const VvConversation *c, VvSplit split, const char *folder, char error[VV_ERROR_MAX]) {
    json_t *about = conversation_json(c, split);
    char *text = about ? json_dumps(about, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(about);
    int result = text ? vv_file_text(folder, "conversation.json", text, error) : -ENOMEM;
    if (!text)
        snprintf(error, VV_ERROR_MAX, "out of memory for %s", folder);
    free(text);
    for (int s = 0; s < VV_SIDES && !result; s++)
        result = write_side(c, s, folder, error);
    return result;
}

/* Making a conversation: casting, script, hearing, behaviour, poses. */
#include "weights/performer/dialogue.h"

#include "weights/performer/behaviour.h"
#include "weights/performer/dialogue_script.h"
#include "weights/performer/identity.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *vv_act_name(VvActKind kind) {
    static const char *const names[VV_ACT_KINDS] = {"blink",      "nod",    "shake", "tilt",     "beat",
                                                    "brow_raise", "smile",  "laugh", "surprise", "concern",
                                                    "look_away",  "breath", "away"};
    return kind < VV_ACT_KINDS ? names[kind] : "?";
}

int vv_conversation_act(VvConversation *c, const VvAct *act) {
    if (c->acts == c->room_acts) {
        const int room = c->room_acts ? c->room_acts * 2 : 256;
        VvAct *grown = realloc(c->act, (size_t)room * sizeof *grown);
        if (!grown)
            return -ENOMEM;
        c->act = grown;
        c->room_acts = room;
    }
    c->act[c->acts++] = *act;
    return 0;
}

bool vv_identity_held_out(uint64_t identity) {
    return identity % 8 == 0;
}

/* ---- casting
 * ----------------------------------------------------------------------------------------------------------- */

static VvTemper draw_temper(VvChance *chance) {
    return (VvTemper){.expressive = vv_chance_range(chance, .6f, 1.25f),
                      .lively = vv_chance_range(chance, .6f, 1.4f),
                      .attentive = vv_chance_range(chance, .7f, 1.2f),
                      .quick = vv_chance_range(chance, .8f, 1.25f),
                      .blinking = fminf(34, vv_chance_lognormal(chance, 17, .35f)),
                      .shy = vv_chance_range(chance, .6f, 1.4f),
                      .talkative = vv_chance_range(chance, .5f, 1.5f),
                      .reading = vv_chance_happens(chance, .2f) ? .5f : .04f};
}

static VvManner draw_manner(VvChance *chance) {
    return (VvManner){.rate = vv_chance_range(chance, .8f, 1.3f),
                      .pitch = vv_chance_range(chance, .82f, 1.22f),
                      .range = vv_chance_range(chance, .7f, 1.4f),
                      .tract = vv_chance_range(chance, .9f, 1.12f),
                      .loudness = vv_chance_range(chance, .6f, 1.3f)};
}

/* A third of the conversations are flite's, whose voices are nearest to people; the rest are spread evenly over
 * languages, not over voices, or English with its accents would take too much. */
static void draw_language(const VvConversationPlan *plan, VvChance *chance, char language[12]) {
    const char *drawn = plan->language;
    if (!drawn && vv_chance_happens(chance, .33f))
        drawn = "en";
    while (!drawn) {
        const VvVoice *voice = vv_voice_at(vv_chance_pick(chance, vv_voice_count()));
        /* Languages without sentences of their own count for a third. */
        if (voice->held_out == plan->held_out_voice &&
            (vv_text_has(voice->language) || vv_chance_happens(chance, .33f)))
            drawn = voice->language;
    }
    snprintf(language, 12, "%s", drawn);
}

/* A voice of the language for a side, not `other`; -1 if there is none. */
static int draw_voice(const VvConversationPlan *plan, VvChance *chance, const char *language, int side, int other) {
    const int count = plan->festival ? vv_voice_count_all() : vv_voice_count();
    int fitting = 0, chosen = -1;
    for (int pass = 0; pass < 2 && (pass == 0 || fitting); pass++) {
        int left = pass ? vv_chance_pick(chance, fitting) : 0;
        for (int v = 0; v < count && chosen < 0; v++) {
            const VvVoice *voice = vv_voice_at(v);
            if (v == other || voice->held_out != plan->held_out_voice || strcmp(voice->language, language) ||
                (plan->sex[side] && voice->feminine != (plan->sex[side] == 'f')) || !vv_voice_installed(v))
                continue;
            /* flite's few stand for many in English, and festival's where they are. */
            static const int weights[] = {[VV_VOICE_FLITE] = 60, [VV_VOICE_ESPEAK] = 1, [VV_VOICE_FESTIVAL] = 30};
            const int weight = weights[voice->engine];
            if (!pass)
                fitting += weight;
            else if ((left -= weight) < 0)
                chosen = v;
        }
    }
    return chosen;
}

static bool can_speak(const VvRecording *clip, const VvConversationPlan *plan, const char *language) {
    return clip->segments && clip->text && clip->held_out == plan->held_out_voice &&
           !strcmp(clip->language, language) && strlen(clip->text) < VV_VOICE_TEXT;
}

/* A recorded speaker of the language with clips enough, not `other`; NULL if there is none. */
static const char *draw_recorded(const VvConversationPlan *plan, VvChance *chance, const char *language,
                                 const char *other) {
    const VvRecordings *list = plan->recordings;
    int fitting = 0;
    for (int i = 0; list && i < list->count; i++)
        fitting += can_speak(&list->item[i], plan, language);
    if (!fitting)
        return NULL;
    int left = vv_chance_pick(chance, fitting), clips = 0;
    const char *speaker = NULL;
    for (int i = 0; i < list->count && !speaker; i++)
        if (can_speak(&list->item[i], plan, language) && left-- == 0)
            speaker = list->item[i].speaker;
    for (int i = 0; i < list->count; i++)
        clips += can_speak(&list->item[i], plan, language) && !strcmp(list->item[i].speaker, speaker);
    return clips >= VV_CLIPS_MIN && (!other || strcmp(speaker, other)) ? speaker : NULL;
}

/* Looks that go with the voice; whose a recorded one is, is not known. */
static uint64_t draw_looks(const VvConversationPlan *plan, int side, int voice) {
    VvChance chance = vv_chance_of(plan->seed, "looks", (uint64_t)side);
    while (true) {
        const uint64_t seed = vv_chance_bits(&chance) >> 16;
        if (vv_identity_held_out(seed) == plan->held_out_identity &&
            (voice < 0 || vv_identity_feminine(seed) == vv_voice_at(voice)->feminine))
            return seed;
    }
}

static int cast(VvConversation *c, const VvConversationPlan *plan) {
    VvChance chance = vv_chance_of(plan->seed, "cast", 0);
    draw_language(plan, &chance, c->language);
    for (int s = 0; s < VV_SIDES; s++) {
        VvSide *side = &c->side[s];
        side->voice = draw_voice(plan, &chance, c->language, s, s ? c->side[0].voice : -1);
        if (side->voice < 0)
            return -EINVAL;
        side->speaker = vv_voice_at(side->voice)->name;
        /* Where there are real voices, most of the time it is one of theirs. */
        const bool real = plan->recordings && !plan->sex[s] && vv_chance_happens(&chance, .6f);
        const char *recorded = real ? draw_recorded(plan, &chance, c->language, s ? c->side[0].speaker : NULL) : NULL;
        if (recorded) {
            side->voice = -1;
            side->speaker = recorded;
        }
        side->temper = draw_temper(&chance);
        side->manner = draw_manner(&chance);
        side->identity = draw_looks(plan, s, side->voice);
        side->pcm = calloc((size_t)c->samples, sizeof *side->pcm);
        side->tone = calloc((size_t)c->frames, sizeof *side->tone);
        side->speaking = calloc((size_t)c->frames, sizeof *side->speaking);
        side->affect = calloc((size_t)c->frames, sizeof *side->affect);
        side->pose = calloc((size_t)c->frames, sizeof *side->pose);
        if (!side->pcm || !side->tone || !side->speaking || !side->affect || !side->pose)
            return -ENOMEM;
    }
    return 0;
}

/* ---- what the script leaves to be worked out
 * ------------------------------------------------------------------------------ */

/* Sorts by beginning, and keeps parents pointing at what they pointed at. */
static int sort_utterances(VvConversation *c) {
    const int count = c->utterances;
    int *order = malloc(((size_t)count + 1) * 2 * sizeof *order), *place = order ? order + count : NULL;
    VvUtterance *sorted = malloc(((size_t)count + 1) * sizeof *sorted);
    if (!order || !sorted) {
        free(order);
        free(sorted);
        return -ENOMEM;
    }
    for (int i = 0; i < count; i++) {
        int at = i;
        for (; at > 0 && c->utterance[order[at - 1]].begin > c->utterance[i].begin; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    for (int i = 0; i < count; i++)
        place[order[i]] = i;
    for (int i = 0; i < count; i++) {
        sorted[i] = c->utterance[order[i]];
        sorted[i].parent = sorted[i].parent < 0 ? -1 : place[sorted[i].parent];
    }
    free(order);
    free(c->utterance);
    c->utterance = sorted;
    return 0;
}

static int by_place(const void *a, const void *b) {
    const VvAct *x = a, *y = b;
    return x->begin < y->begin   ? -1
           : x->begin > y->begin ? 1
           : x->side != y->side  ? x->side - y->side
                                 : (int)x->kind - (int)y->kind;
}

/* The same for acts, by time, side and kind; the answers are found again by their place before sorting. */
static int sort_acts(VvConversation *c) {
    VvAct *before = malloc(((size_t)c->acts + 1) * sizeof *before);
    if (!before)
        return -ENOMEM;
    memcpy(before, c->act, (size_t)c->acts * sizeof *before);
    qsort(c->act, (size_t)c->acts, sizeof *c->act, by_place);
    for (int i = 0; i < c->acts; i++) {
        if (c->act[i].answer < 0)
            continue;
        const VvAct *found = bsearch(&before[c->act[i].answer], c->act, (size_t)c->acts, sizeof *c->act, by_place);
        c->act[i].answer = found ? (int)(found - c->act) : -1;
    }
    free(before);
    return 0;
}

static void hear(VvConversation *c) {
    for (int s = 0; s < VV_SIDES; s++)
        vv_prosody(c->side[s].pcm, c->samples, c->side[s].tone, c->frames);
    for (int i = 0; i < c->utterances; i++)
        for (int f = c->utterance[i].begin / VV_FRAME_SAMPLES;
             f < c->frames && f * VV_FRAME_SAMPLES < c->utterance[i].end; f++)
            c->side[c->utterance[i].side].speaking[f] = 1;
}

/* The accumulated emotion: every utterance leaves some of its own, more with who says it, fading with a half-life of 40
 * s and coming up over a second. Anger at somebody else leaves concern in the listener, not anger. */
static void feel(VvConversation *c) {
    const float fade = exp2f(-1.0f / (40 * VV_POSE_FPS)), rise = 1 - expf(-1.0f / VV_POSE_FPS);
    for (int s = 0; s < VV_SIDES; s++) {
        float now[VV_Emotion_COUNT] = {0}, shown[VV_Emotion_COUNT] = {0};
        int next = 0;
        for (int f = 0; f < c->frames; f++) {
            for (; next < c->utterances && c->utterance[next].begin <= f * VV_FRAME_SAMPLES; next++) {
                const VvUtterance *said = &c->utterance[next];
                VvEmotion emotion = said->emotion;
                if (said->side != s && (emotion == VV_EMOTION_ANGER || emotion == VV_EMOTION_CONTEMPT))
                    emotion = VV_EMOTION_SADNESS;
                now[emotion] += (1 - now[emotion]) * said->intensity * (said->side == s ? .38f : .22f);
            }
            for (int e = 0; e < VV_Emotion_COUNT; e++) {
                now[e] *= fade;
                shown[e] += (now[e] - shown[e]) * rise;
                c->side[s].affect[f][e] = shown[e];
            }
            c->side[s].affect[f][VV_EMOTION_NEUTRAL] = 0;
        }
    }
}

int vv_conversation_make(VvVoices *voices, const VvConversationPlan *plan, VvConversation **conversation) {
    *conversation = NULL;
    if (!(plan->seconds >= 5 && plan->seconds <= 1800))
        return -EINVAL;
    VvConversation *c = calloc(1, sizeof *c);
    if (!c)
        return -ENOMEM;
    c->seed = plan->seed;
    c->frames = (int)(plan->seconds * VV_POSE_FPS);
    c->samples = c->frames * VV_FRAME_SAMPLES;
    VvScript script = {
        .conversation = c, .voices = voices, .plan = plan, .chance = vv_chance_of(plan->seed, "script", 0)};
    int result = cast(c, plan);
    if (!result)
        result = vv_script_write(&script);
    if (!result)
        result = sort_utterances(c);
    if (!result) {
        hear(c);
        feel(c);
        result = vv_behaviour_act(c);
    }
    if (!result)
        result = sort_acts(c);
    if (result) {
        vv_conversation_free(&c);
        return result;
    }
    vv_behaviour_pose(c);
    *conversation = c;
    return 0;
}

void vv_conversation_free(VvConversation **conversation) {
    VvConversation *c = *conversation;
    *conversation = NULL;
    if (!c)
        return;
    for (int s = 0; s < VV_SIDES; s++) {
        free(c->side[s].pcm);
        free(c->side[s].segment);
        free(c->side[s].word);
        free(c->side[s].tone);
        free(c->side[s].speaking);
        free(c->side[s].affect);
        free(c->side[s].pose);
    }
    free(c->utterance);
    free(c->act);
    free(c);
}

/* What a speaker does, and what anybody does all the time. */
#include "weights/performer/behaviour.h"

#include <math.h>
#include <string.h>

static double seconds(int32_t samples) {
    return (double)samples / VV_VOICE_RATE;
}

bool vv_is_away(const VvConversation *c, int side, double time) {
    for (int i = 0; i < c->acts; i++) {
        const VvAct *act = &c->act[i];
        if (act->kind == VV_ACT_AWAY && act->side == side && time >= act->begin && time < act->begin + act->length)
            return true;
    }
    return false;
}

static int add(VvConversation *c, VvActKind kind, int side, double begin, double length, float strength) {
    const VvAct act = {
        .kind = kind, .side = side, .begin = (float)begin, .length = (float)length, .strength = strength, .answer = -1};
    return begin + length <= 0 ? 0 : vv_conversation_act(c, &act);
}

static int look_away(VvConversation *c, int side, double begin, double length, VvChance *chance) {
    const float across = vv_chance_range(chance, .12f, .40f);
    const VvAct act = {
        .kind = VV_ACT_LOOK_AWAY,
        .side = side,
        .begin = (float)begin,
        .length = (float)length,
        .strength = 1,
        .direction = {vv_chance_happens(chance, .5f) ? across : -across, vv_chance_range(chance, -.22f, .16f)},
        .answer = -1};
    return vv_conversation_act(c, &act);
}

/* ---- speaking
 * ---------------------------------------------------------------------------------------------------------- */

/* Beats on words that carry meaning, not closer than 0.6 s; the louder the word, the likelier. */
static int beats(VvConversation *c, const VvUtterance *said, VvChance *chance) {
    const VvSide *side = &c->side[said->side];
    double last = -10;
    int result = 0;
    for (int i = 0; i < side->words && !result; i++) {
        const VvWord *word = &side->word[i];
        if (word->begin < said->begin || word->end > said->end || !word->content || seconds(word->begin) < last + .6)
            continue;
        const int frame = (int)(seconds(word->begin + word->end) * .5 * VV_POSE_FPS);
        const float loud = frame < c->frames ? fminf(1.5f, side->tone[frame].loudness) : 1;
        if (!vv_chance_happens(chance, .38f * side->temper.lively * (.4f + .6f * loud)))
            continue;
        last = seconds(word->begin);
        const float strength = vv_chance_lognormal(chance, .7f, .35f) * (1 + .4f * said->intensity);
        result = add(c, VV_ACT_BEAT, said->side, last - .06, vv_chance_range(chance, .34f, .5f), fminf(1.6f, strength));
        if (!result && vv_chance_happens(chance, .3f))
            result =
                add(c, VV_ACT_BROW_RAISE, said->side, last - .08, vv_chance_range(chance, .35f, .8f), .5f * strength);
    }
    return result;
}

/* People look away while they plan what to say, mostly at a turn's beginning and when they hesitate, and look back
 * towards its end (Kendon 1967). */
static int planning(VvConversation *c, const VvUtterance *said, VvChance *chance) {
    const double begin = seconds(said->begin), end = seconds(said->end);
    const float shy = c->side[said->side].temper.shy;
    const float likely = said->kind == VV_TEXT_HESITATION ? .9f : said->sentence == 0 ? .72f : .6f;
    if (!vv_chance_happens(chance, fminf(.95f, likely * shy)))
        return 0;
    const double from = begin - vv_chance_range(chance, .1f, .5f);
    double until = from + vv_chance_lognormal(chance, 1.9f, .4f);
    if (said->last && until > end - .35)
        until = end - .35;
    return until > from + .3 ? look_away(c, said->side, from, until - from, chance) : 0;
}

/* A no in any of the languages spoken: the head says it too. */
static bool says_no(const char *text) {
    static const char *const words[] = {"No,", "No ",  "Nein", "Non", "Não",  "Nee",
                                        "Nej", "Nie,", "Ne,",  "Нет", "Hayır"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strncmp(text, words[i], strlen(words[i])))
            return true;
    return false;
}

/* The face that goes with what one says. */
static int own_face(VvConversation *c, const VvUtterance *said, VvChance *chance) {
    const double begin = seconds(said->begin), length = seconds(said->end - said->begin);
    const float strength = said->intensity;
    int result = 0;
    if (said->emotion == VV_EMOTION_JOY && vv_chance_happens(chance, .3f + .7f * strength))
        result = add(c, VV_ACT_SMILE, said->side, begin + vv_chance_range(chance, -.3f, .4f),
                     length + vv_chance_range(chance, .3f, 1.4f), fmaxf(.35f, strength));
    if (!result && said->emotion == VV_EMOTION_SURPRISE)
        result = add(c, VV_ACT_SURPRISE, said->side, begin - .15, fmin(length + .2, vv_chance_range(chance, .8f, 1.6f)),
                     fmaxf(.4f, strength));
    if (!result && (said->emotion == VV_EMOTION_SADNESS || said->emotion == VV_EMOTION_FEAR))
        result = add(c, VV_ACT_CONCERN, said->side, begin - .1, length + .5, strength);
    if (!result && says_no(said->text))
        result = add(c, VV_ACT_SHAKE, said->side, begin - .05, vv_chance_range(chance, .7f, 1.1f), .7f);
    if (!result && said->kind == VV_TEXT_QUESTION) {
        result = add(c, VV_ACT_BROW_RAISE, said->side, begin + length * .45, length * .55 + .5,
                     vv_chance_range(chance, .5f, 1));
        if (!result && vv_chance_happens(chance, .4f)) {
            const VvAct tilt = {.kind = VV_ACT_TILT,
                                .side = said->side,
                                .begin = (float)(begin + length * .5),
                                .length = (float)(length * .5 + 1),
                                .strength = 1,
                                .direction = {vv_chance_range(chance, -.12f, .12f), 0},
                                .answer = -1};
            result = vv_conversation_act(c, &tilt);
        }
    }
    return result;
}

int vv_behaviour_speak(VvConversation *c, int side, VvChance *chance) {
    int result = 0;
    for (int i = 0; i < c->utterances && !result; i++) {
        const VvUtterance *said = &c->utterance[i];
        if (said->side != side || said->kind == VV_TEXT_LAUGH)
            continue;
        if (said->kind == VV_TEXT_BACKCHANNEL) {
            if (vv_chance_happens(chance, .75f))
                result = add(c, VV_ACT_NOD, side, seconds(said->begin) - .05, vv_chance_range(chance, .5f, .9f), .7f);
            continue;
        }
        result = beats(c, said, chance);
        if (!result)
            result = planning(c, said, chance);
        if (!result)
            result = own_face(c, said, chance);
    }
    return result;
}

/* ---- all the time
 * ------------------------------------------------------------------------------------------------------ */

/* Log-normal intervals, shorter while one speaks (Bentivoglio 1997: 17 a minute at rest, 26 in conversation). */
static int blinks(VvConversation *c, int side, VvChance *chance) {
    const double end = (double)c->frames / VV_POSE_FPS;
    const VvSide *who = &c->side[side];
    int result = 0;
    for (double t = vv_chance_range(chance, 0, 3); t < end && !result;) {
        result = add(c, VV_ACT_BLINK, side, t, vv_chance_range(chance, .16f, .28f), 1);
        const int frame = (int)(t * VV_POSE_FPS);
        const float rate = who->temper.blinking * (frame < c->frames && who->speaking[frame] ? 1.45f : 1);
        t += .3 + vv_chance_lognormal(chance, 60 / rate * .8f, .55f);
    }
    return result;
}

/* Eyes wander off for a moment now and then: seldom from somebody who speaks, often when nobody is there. */
static int glances(VvConversation *c, int side, VvChance *chance) {
    const double end = (double)c->frames / VV_POSE_FPS;
    int result = 0;
    for (double t = vv_chance_wait(chance, 6); t < end && !result;) {
        const int frame = (int)(t * VV_POSE_FPS);
        const bool alone = vv_is_away(c, 1 - side, t), heard = c->side[1 - side].speaking[frame],
                   own = c->side[side].speaking[frame];
        if (!own)
            result = look_away(c, side, t, vv_chance_lognormal(chance, alone ? 2.2f : .8f, .4f), chance);
        t += 1 + vv_chance_wait(chance, alone ? 1.5f : heard ? 8 : 4);
    }
    return result;
}

int vv_behaviour_idle(VvConversation *c, int side, VvChance *chance) {
    const int result = glances(c, side, chance);
    return result ? result : blinks(c, side, chance);
}

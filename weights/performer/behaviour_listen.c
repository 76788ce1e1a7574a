/* What a listener does: answers to what the speaker says, how it sounds, and what the speaker's face shows. Nothing of
 * it happens while the other is away. Delays and strengths are drawn anew every time. */
#include "weights/performer/behaviour.h"

#include <math.h>
#include <stdlib.h>

enum { POINTS = 4096 };

typedef struct Listener {
    VvConversation *c;
    int side;
    const VvTemper *temper;
    VvChance *chance;
} Listener;

static double seconds(int32_t samples) {
    return (double)samples / VV_VOICE_RATE;
}

/* Adds an answer, unless somebody is away or it would come before the conversation. */
static int answer(Listener *me, VvActKind kind, double begin, double length, float strength, int to) {
    if (begin < 0 || vv_is_away(me->c, 1 - me->side, begin) || vv_is_away(me->c, me->side, begin))
        return 0;
    const VvAct act = {.kind = kind,
                       .side = me->side,
                       .begin = (float)begin,
                       .length = (float)length,
                       .strength = strength,
                       .direction = {vv_chance_range(me->chance, -.14f, .14f), 0},
                       .answer = to,
                       .listening = 1};
    return vv_conversation_act(me->c, &act);
}

/* ---- backchannel points
 * ------------------------------------------------------------------------------------------------ */

static int by_value(const void *a, const void *b) {
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The pitch below which `side` speaks 40 % of the time; 0 if it never does. */
static float low_pitch(const VvConversation *c, int side) {
    float *heard = malloc((size_t)c->frames * sizeof *heard);
    int count = 0;
    for (int f = 0; heard && f < c->frames; f++)
        if (c->side[side].tone[f].pitch > 0)
            heard[count++] = c->side[side].tone[f].pitch;
    if (count)
        qsort(heard, (size_t)count, sizeof *heard, by_value);
    const float low = count ? heard[count * 2 / 5] : 0;
    free(heard);
    return low;
}

int vv_backchannel_points(const VvConversation *c, int speaker, float *times, unsigned char *low, int room) {
    enum { PAUSE = 5, SPEECH = 18 }; /* frames: 200 ms, 720 ms */
    const float limit = low_pitch(c, speaker);
    int spoken = 0, quiet = 0, count = 0;
    float pitch = 0; /* the last voiced frames' mean, recent ones most */
    for (int f = 0; f < c->frames && count < room; f++) {
        const VvTone *tone = &c->side[speaker].tone[f];
        if (tone->loudness > .12f) {
            spoken += quiet > 2 * PAUSE ? 1 - spoken : 1;
            quiet = 0;
            if (tone->pitch > 0)
                pitch = pitch > 0 && spoken > 1 ? .6f * pitch + .4f * tone->pitch : tone->pitch;
        } else if (++quiet == PAUSE && spoken >= SPEECH) {
            times[count] = (float)(f + 1) / VV_POSE_FPS;
            low[count++] = pitch > 0 && pitch <= limit;
            spoken = 0;
        }
    }
    return count;
}

/* Nods and brow raises at such points; two to three times as likely after low pitch as after any other pause. */
static int backchannels(Listener *me) {
    float *times = malloc(POINTS * sizeof *times);
    unsigned char *low = malloc(POINTS);
    int result = 0;
    const int count = times && low ? vv_backchannel_points(me->c, 1 - me->side, times, low, POINTS) : 0;
    for (int i = 0; i < count && !result; i++) {
        const int frame = (int)(times[i] * VV_POSE_FPS);
        const bool own = frame < me->c->frames && me->c->side[me->side].speaking[frame];
        const double at = times[i] + vv_chance_range(me->chance, .05f, .5f) / me->temper->quick;
        const float nod = (low[i] ? .58f : .22f) * me->temper->attentive;
        if (!own && vv_chance_happens(me->chance, nod))
            result = answer(me, VV_ACT_NOD, at, vv_chance_range(me->chance, .55f, 1.3f),
                            vv_chance_lognormal(me->chance, .75f, .35f), -1);
        else if (!own && vv_chance_happens(me->chance, .15f * me->temper->attentive))
            result = answer(me, VV_ACT_BROW_RAISE, at, vv_chance_range(me->chance, .4f, .9f), .7f, -1);
    }
    free(times);
    free(low);
    return result;
}

/* ---- faces answering faces and words
 * ------------------------------------------------------------------------------------- */

/* Smile for smile after 300 to 900 ms; laughter is answered harder. Only what is not itself an answer is answered. */
static int mirror(Listener *me) {
    const int heard = me->c->acts; /* answers are added behind */
    int result = 0;
    for (int i = 0; i < heard && !result; i++) {
        const VvAct act = me->c->act[i];
        const bool smile = act.kind == VV_ACT_SMILE || act.kind == VV_ACT_LAUGH;
        if (act.side == me->side || !smile || act.answer >= 0 || act.listening)
            continue;
        const float delay = fmaxf(.3f, fminf(.9f, vv_chance_normal(me->chance, .58f / me->temper->quick, .14f)));
        const bool laughed = act.kind == VV_ACT_LAUGH;
        if (!vv_chance_happens(me->chance,
                               fminf(.97f, (laughed ? .95f : .88f) * (.75f + .25f * me->temper->attentive))))
            continue;
        const float length = fmaxf(1, act.length * vv_chance_range(me->chance, .6f, 1.1f));
        const float strength = fminf(1, act.strength * vv_chance_range(me->chance, .6f, .95f));
        result = answer(me, VV_ACT_SMILE, act.begin + delay, length, strength, i);
        if (!result && laughed && vv_chance_happens(me->chance, .4f))
            result = answer(me, VV_ACT_LAUGH, act.begin + delay + .1, fmaxf(.8f, .8f * act.length), .6f * strength, i);
    }
    return result;
}

/* What words call for. */
static int respond(Listener *me, const VvUtterance *said) {
    VvChance *chance = me->chance;
    const double begin = seconds(said->begin), end = seconds(said->end);
    const double delay = vv_chance_range(chance, .35f, .9f) / me->temper->quick;
    const bool bad = said->emotion == VV_EMOTION_SADNESS || said->emotion == VV_EMOTION_FEAR ||
                     said->emotion == VV_EMOTION_ANGER || said->emotion == VV_EMOTION_DISGUST;
    const float ready = me->temper->attentive;
    int result = 0;
    if (said->emotion == VV_EMOTION_SURPRISE && vv_chance_happens(chance, .7f * ready))
        result = answer(me, VV_ACT_SURPRISE, begin + .4 * (end - begin) + delay, vv_chance_range(chance, .7f, 1.5f),
                        fmaxf(.4f, said->intensity), -1);
    if (!result && bad && said->intensity > .2f && vv_chance_happens(chance, .8f * ready))
        result = answer(me, VV_ACT_CONCERN, begin + .3 * (end - begin) + delay, vv_chance_range(chance, 1.6f, 4),
                        fmaxf(.4f, said->intensity), -1);
    if (!result && said->kind == VV_TEXT_QUESTION && vv_chance_happens(chance, .5f * ready))
        result =
            answer(me, VV_ACT_TILT, end - vv_chance_range(chance, .1f, .5f), vv_chance_range(chance, 1, 2.2f), 1, -1);
    if (!result && said->kind == VV_TEXT_QUESTION && vv_chance_happens(chance, .35f * ready))
        result = answer(me, VV_ACT_BROW_RAISE, end - .15, vv_chance_range(chance, .5f, 1), .8f, -1);
    /* A blink where the turn ends; a greeting is met with a smile. */
    if (!result && said->last && vv_chance_happens(chance, .5f))
        result = answer(me, VV_ACT_BLINK, end + vv_chance_range(chance, .02f, .3f), .22, 1, -1);
    if (!result && said->kind == VV_TEXT_GREETING)
        result = answer(me, VV_ACT_NOD, end - .1 + delay, .6, .5f, -1);
    return result;
}

int vv_behaviour_listen(VvConversation *c, int side, VvChance *chance) {
    Listener me = {.c = c, .side = side, .temper = &c->side[side].temper, .chance = chance};
    int result = backchannels(&me);
    for (int i = 0; i < c->utterances && !result; i++)
        if (c->utterance[i].side != side && c->utterance[i].kind != VV_TEXT_BACKCHANNEL &&
            c->utterance[i].kind != VV_TEXT_LAUGH)
            result = respond(&me, &c->utterance[i]);
    if (!result)
        result = mirror(&me);
    /* Now and then a nod for no reason that could be heard. */
    for (double t = vv_chance_wait(chance, 60); t < (double)c->frames / VV_POSE_FPS && !result;
         t += 2 + vv_chance_wait(chance, 60))
        if (c->side[1 - side].speaking[(int)(t * VV_POSE_FPS)] && !c->side[side].speaking[(int)(t * VV_POSE_FPS)])
            result = answer(&me, VV_ACT_NOD, t, .7, .6f, -1);
    return result;
}

int vv_behaviour_act(VvConversation *c) {
    int result = 0;
    for (int s = 0; s < VV_SIDES && !result; s++) {
        VvChance chance = vv_chance_of(c->seed, "speak", (uint64_t)s);
        result = vv_behaviour_speak(c, s, &chance);
    }
    for (int s = 0; s < VV_SIDES && !result; s++) {
        VvChance chance = vv_chance_of(c->seed, "listen", (uint64_t)s);
        result = vv_behaviour_listen(c, s, &chance);
    }
    for (int s = 0; s < VV_SIDES && !result; s++) {
        VvChance chance = vv_chance_of(c->seed, "idle", (uint64_t)s);
        result = vv_behaviour_idle(c, s, &chance);
    }
    return result;
}

/* Playing acts into poses. Every act is a smooth curve of time, so sums of them are smooth too and nothing jumps; what
 * is fast in people (eyes, lids, lips) is fast here, the rest is bounded by the curves' own rise times. A frame shows
 * the middle of its 40 ms. */
#include "weights/performer/articulation.h"
#include "weights/performer/behaviour.h"
#include "weights/performer/emotion.h"
#include "weights/performer/skinning.h"

#include <math.h>
#include <string.h>

#define PI 3.1415927f

enum { WAVES = 3, DRIFTS = 7 };

/* One side, while it is played. */
typedef struct Player {
    const VvConversation *c;
    int index;
    const VvSide *side;
    VvChance chance;
    float frequency[DRIFTS][WAVES], phase[DRIFTS][WAVES]; /* slow movement of head and position: sums of waves */
    float breath_phase, loudness;                         /* loudness smoothed */
    float look[2], follow[2];                             /* where the eyes look, and the head's part of it */
    float fixation[2];                                    /* the point on the other's face */
    double fixation_until;
    int from; /* of vv_articulate */
} Player;

/* How strong each kind of act is now; of several the strongest. */
typedef struct Levels {
    float of[VV_ACT_KINDS];
    float head[3];     /* radians, of nods, beats, shakes and tilts together */
    const VvAct *away; /* the look away that began last, or NULL */
    float laughing;    /* time since the laugh began, for its rhythm */
} Levels;

static float ease(float x) {
    x = fmaxf(0, fminf(1, x));
    return x * x * (3 - 2 * x);
}

/* Rises over `rise` seconds from the act's beginning and falls over `fall` before its end. */
static float envelope(const VvAct *act, double time, float rise, float fall) {
    const float in = (float)(time - act->begin), left = act->length - in;
    return in <= 0 || left <= 0 ? 0 : fminf(ease(in / rise), ease(left / fall));
}

/* Nods and shakes: a swing that begins and ends at rest, at about 2 Hz. */
static float swing(const VvAct *act, double time, float hertz) {
    const float in = (float)(time - act->begin);
    const float turns = fmaxf(1, roundf(act->length * hertz));
    return sinf(2 * PI * turns * in / act->length) * sinf(PI * in / act->length);
}

static void add_head(Levels *levels, const VvAct *act, double time, float lively) {
    const float in = (float)(time - act->begin) / act->length;
    switch (act->kind) {
    case VV_ACT_NOD: /* down first */
        levels->head[1] -= .085f * lively * act->strength * swing(act, time, 1.9f);
        break;
    case VV_ACT_SHAKE:
        levels->head[0] += .10f * lively * act->strength * swing(act, time, 1.7f);
        break;
    case VV_ACT_BEAT:
        levels->head[1] -= .045f * lively * act->strength * sinf(PI * in) * sinf(PI * in);
        break;
    case VV_ACT_TILT:
        levels->head[2] += act->direction[0] * envelope(act, time, .45f, .6f);
        break;
    default:
        break;
    }
}

static float level_of(const VvAct *act, double time) {
    switch (act->kind) {
    case VV_ACT_BLINK: {
        const float in = (float)(time - act->begin) / act->length;
        return in < .3f ? ease(in / .3f) : in < .5f ? 1 : ease((1 - in) / .5f);
    }
    case VV_ACT_SMILE:
        return act->strength * envelope(act, time, .42f, .7f);
    case VV_ACT_LAUGH:
        return act->strength * envelope(act, time, .25f, .6f);
    case VV_ACT_SURPRISE:
        return act->strength * envelope(act, time, .22f, .5f);
    case VV_ACT_CONCERN:
        return act->strength * envelope(act, time, .5f, .8f);
    case VV_ACT_BREATH:
        return act->strength * envelope(act, time, .3f, .25f);
    default:
        return act->strength * envelope(act, time, .2f, .3f);
    }
}

/* Acts are sorted by beginning, so those that have not begun end the search. */
static Levels levels_at(const Player *player, double time) {
    Levels levels = {0};
    for (int i = 0; i < player->c->acts && player->c->act[i].begin <= time; i++) {
        const VvAct *act = &player->c->act[i];
        if (act->side != player->index || time >= act->begin + act->length)
            continue;
        const float level = level_of(act, time);
        levels.of[act->kind] = fmaxf(levels.of[act->kind], level);
        add_head(&levels, act, time, player->side->temper.lively);
        if (act->kind == VV_ACT_LOOK_AWAY)
            levels.away = act;
        if (act->kind == VV_ACT_LAUGH)
            levels.laughing = (float)(time - act->begin);
    }
    return levels;
}

/* A slow, endless, smooth movement between about -1 and 1. */
static float drift(const Player *player, int which, double time) {
    float sum = 0;
    for (int w = 0; w < WAVES; w++)
        sum += sinf(2 * PI * player->frequency[which][w] * (float)time + player->phase[which][w]);
    return sum * .5f;
}

/* Eyes rest on one point of the other's face (an eye, the mouth) for a while, and go on to another. */
static void fixate(Player *player, double time, const Levels *levels) {
    if (time >= player->fixation_until) {
        static const float points[4][2] = {{-.022f, .012f}, {.022f, .012f}, {0, -.03f}, {0, .005f}};
        const float *point = points[vv_chance_pick(&player->chance, 4)];
        player->fixation[0] = point[0] + vv_chance_normal(&player->chance, 0, .006f);
        player->fixation[1] = point[1] + vv_chance_normal(&player->chance, 0, .006f);
        player->fixation_until = time + .25 + vv_chance_lognormal(&player->chance, .7f, .5f);
    }
    for (int i = 0; i < 2; i++) {
        const float target =
            levels->away ? levels->away->direction[i] + .3f * player->fixation[i] : player->fixation[i];
        player->look[i] += (target - player->look[i]) * .72f;              /* a saccade: two frames */
        player->follow[i] += (player->look[i] - player->follow[i]) * .13f; /* the head comes after */
    }
}

/* ---- the face
 * ---------------------------------------------------------------------------------------------------------- */

static void raise_by(float *weight, float more) {
    *weight = fmaxf(0, fminf(1, *weight + more));
}

static void add_both(float expression[VV_EXPRESSIONS], VvExpression left, float more) {
    raise_by(&expression[left], more);
    raise_by(&expression[left + 1], more); /* _R follows _L in expressions.def */
}

/* Emotions: what has accumulated, and more strongly that of what one is saying. */
static void add_emotion(const Player *player, double time, int frame, const Levels *levels,
                        float expression[VV_EXPRESSIONS]) {
    const float expressive = player->side->temper.expressive;
    float strength[VV_Emotion_COUNT];
    for (int e = 0; e < VV_Emotion_COUNT; e++)
        strength[e] = .5f * expressive * player->side->affect[frame][e];
    for (int i = 0; i < player->c->utterances; i++) {
        const VvUtterance *said = &player->c->utterance[i];
        const VvAct span = {.begin = (float)said->begin / VV_VOICE_RATE - .2f,
                            .length = (float)(said->end - said->begin) / VV_VOICE_RATE + .7f};
        if (said->side == player->index && time > span.begin)
            strength[said->emotion] =
                fmaxf(strength[said->emotion], .75f * expressive * said->intensity * envelope(&span, time, .4f, .6f));
    }
    strength[VV_EMOTION_JOY] = fmaxf(strength[VV_EMOTION_JOY], expressive * levels->of[VV_ACT_SMILE]);
    strength[VV_EMOTION_SURPRISE] =
        fmaxf(strength[VV_EMOTION_SURPRISE], .85f * expressive * levels->of[VV_ACT_SURPRISE]);
    /* A smile and a long face do not go together: the stronger wins. */
    const float smile = strength[VV_EMOTION_JOY];
    for (int e = 1; e < VV_Emotion_COUNT; e++)
        vv_emotion_face((VvEmotion)e, fminf(1, strength[e]) * (e == VV_EMOTION_JOY ? 1 : 1 - .7f * fminf(1, smile)),
                        expression);
}

static void add_acts(const Player *player, const Levels *levels, float expression[VV_EXPRESSIONS]) {
    const float *of = levels->of, expressive = player->side->temper.expressive;
    add_both(expression, VV_BROW_INNER_UP_L, expressive * (.38f * of[VV_ACT_BROW_RAISE] + .5f * of[VV_ACT_CONCERN]));
    add_both(expression, VV_BROW_OUTER_UP_L, expressive * .42f * of[VV_ACT_BROW_RAISE]);
    add_both(expression, VV_BROW_DOWN_L, expressive * .22f * of[VV_ACT_CONCERN]);
    add_both(expression, VV_MOUTH_FROWN_L, expressive * .22f * of[VV_ACT_CONCERN]);
    add_both(expression, VV_MOUTH_PRESS_L, expressive * .15f * of[VV_ACT_CONCERN]);
    /* Laughter: a broad smile with narrowed eyes, and the jaw going with its rhythm of about five a second. */
    const float laugh = of[VV_ACT_LAUGH], beat = .5f + .5f * sinf(2 * PI * 4.6f * levels->laughing);
    add_both(expression, VV_MOUTH_SMILE_L, .5f * laugh);
    add_both(expression, VV_CHEEK_SQUINT_L, .5f * laugh);
    add_both(expression, VV_EYE_SQUINT_L, .35f * laugh);
    add_both(expression, VV_MOUTH_UPPER_UP_L, .2f * laugh);
    add_both(expression, VV_MOUTH_LOWER_DOWN_L, .15f * laugh);
    raise_by(&expression[VV_JAW_OPEN], laugh * (.10f + .08f * beat));
    raise_by(&expression[VV_JAW_OPEN], .09f * of[VV_ACT_BREATH]);
    add_both(expression, VV_MOUTH_LOWER_DOWN_L, .06f * of[VV_ACT_BREATH]);
    /* At rest the face is awake and kind, not blank. */
    add_both(expression, VV_MOUTH_SMILE_L, .05f + .03f * drift(player, 6, 0));
}

/* Lids follow the eyes, and close in a blink. */
static void add_eyes(VvPose *pose, const Levels *levels) {
    float *expression = pose->expression;
    add_both(expression, VV_EYE_BLINK_L, levels->of[VV_ACT_BLINK]);
    vv_pose_lids(pose);
    /* Closing lids leave no room for wide eyes. */
    for (int i = 0; i < 2; i++)
        expression[VV_EYE_WIDE_L + i] *= 1 - levels->of[VV_ACT_BLINK];
}

/* ---- the whole
 * --------------------------------------------------------------------------------------------------------- */

static float within(float x, float limit) {
    return fmaxf(-limit, fminf(limit, x));
}

static void set_head(const Player *player, double time, const Levels *levels, VvPose *pose) {
    static const float slow[3] = {.035f, .022f, .022f}, quick[3] = {.014f, .018f, .010f};
    const float lively = player->side->temper.lively, talk = fminf(1.2f, player->loudness);
    const float laugh = levels->of[VV_ACT_LAUGH];
    for (int i = 0; i < 3; i++) {
        pose->head[i] = lively * (slow[i] * drift(player, i, time) + quick[i] * talk * drift(player, i, 4 * time));
        pose->head[i] += levels->head[i] + (i < 2 ? .32f * player->follow[i] : 0);
    }
    pose->head[1] += laugh * (.05f + .012f * sinf(2 * PI * 4.6f * levels->laughing));
    for (int i = 0; i < 3; i++)
        pose->shift[i] = .28f * lively * drift(player, 3 + i, time);
    pose->shift[1] += .18f * laugh * sinf(2 * PI * 4.6f * levels->laughing);
    pose->shift[2] += .5f * levels->of[VV_ACT_CONCERN] - .4f * levels->of[VV_ACT_SURPRISE];
    for (int i = 0; i < 3; i++)
        pose->head[i] = within(pose->head[i], .6f);
}

static void set_gaze(const Player *player, VvPose *pose) {
    pose->gaze[0] = within(player->look[0] - pose->head[0], .6f);
    pose->gaze[1] = within(player->look[1] - pose->head[1], .5f);
    pose->vergence = .03f;
}

static void breathe(Player *player, const Levels *levels, VvPose *pose) {
    player->breath_phase += (.26f + .1f * levels->of[VV_ACT_LAUGH]) / VV_POSE_FPS;
    const float laugh = levels->of[VV_ACT_LAUGH] * .09f * sinf(2 * PI * 4.6f * levels->laughing);
    pose->breath =
        fmaxf(0, fminf(1, .35f - .3f * cosf(2 * PI * player->breath_phase) + .35f * levels->of[VV_ACT_BREATH] + laugh));
}

static void play_frame(Player *player, int frame, VvPose *pose) {
    const double time = (frame + .5) / VV_POSE_FPS;
    const Levels levels = levels_at(player, time);
    player->loudness += (player->side->tone[frame].loudness - player->loudness) * .3f;
    *pose = (VvPose){0};
    fixate(player, time, &levels);
    set_head(player, time, &levels, pose);
    set_gaze(player, pose);
    breathe(player, &levels, pose);
    add_emotion(player, time, frame, &levels, pose->expression);
    add_acts(player, &levels, pose->expression);
    add_eyes(pose, &levels);
    const VvMouth mouth =
        vv_articulate(player->side->segment, player->side->segments, time, player->loudness, &player->from);
    vv_mouth_apply(&mouth, pose);
}

void vv_behaviour_pose(VvConversation *c) {
    for (int s = 0; s < VV_SIDES; s++) {
        Player player = {.c = c, .index = s, .side = &c->side[s], .chance = vv_chance_of(c->seed, "play", (uint64_t)s)};
        for (int d = 0; d < DRIFTS; d++)
            for (int w = 0; w < WAVES; w++) {
                player.frequency[d][w] = vv_chance_range(&player.chance, .03f, .22f) * (float)(w + 1);
                player.phase[d][w] = vv_chance_range(&player.chance, 0, 2 * PI);
            }
        player.breath_phase = vv_chance_range(&player.chance, 0, 1);
        for (int f = 0; f < c->frames; f++)
            play_frame(&player, f, &c->side[s].pose[f]);
    }
}

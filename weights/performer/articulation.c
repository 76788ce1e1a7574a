/* Coarticulation. Every phone pulls each shape towards its target with a dominance that is greatest in the phone's
 * middle and falls off exponentially to both sides; the mouth is the dominance-weighted mean (Cohen and Massaro 1993).
 * Fast speech thereby undershoots by itself. What fast speech never undershoots in people is lip contact, so contacts
 * are not left to the mean: around the middle of /p b m f v/ the mouth is the target itself, and mouthClose is solved
 * for the jaw. */
#include "weights/performer/articulation.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define RATE 16000.0

enum { JAW, FUNNEL, PUCKER, ROLL_LOWER, ROLL_UPPER, PRESS, LOWER_DOWN, UPPER_UP, STRETCH, SMILE, SHRUG_LOWER, TONGUE };

#define VV_PHONE(NAME, name, KIND, strength, ...) {strength, {__VA_ARGS__}},
static const struct {
    float strength;
    float target[VV_MOUTH_SHAPES]; /* the last one is the tongue's */
} targets[VV_PHONES] = {
#include "weights/performer/phones.def"
};

/* Seconds over which dominance falls to 1/e before (anticipation) and after a phone; rounding reaches further ahead. */
static const double ahead = 0.055, behind = 0.045, rounding_ahead = 0.085;

/* A contact is whole for this long on either side of the phone's middle (half a frame and a little, so that one frame
 * at least always shows it), and gone after that much more. */
static const double contact_hold = 0.024, contact_fade = 0.045;

/* How much of its strength a sound spends on holding shapes that it does not need at rest. */
static const float care = 0.35f;

static double dominance_time(const VvSegment *segment, double time, double before, double after) {
    const double middle = (segment->begin + segment->end) / (2 * RATE);
    const double plateau = 0.3 * (segment->end - segment->begin) / RATE;
    const double distance = fmax(0, fabs(time - middle) - plateau);
    return distance / (time < middle ? before : after);
}

static float contact(const VvSegment *segment, double time) {
    const double middle = (segment->begin + segment->end) / (2 * RATE);
    const double hold = fmax(contact_hold, 0.25 * (segment->end - segment->begin) / RATE);
    const double x = (fabs(time - middle) - hold) / contact_fade;
    /* Never quite equal for two phones, so that the nearer one can be told. */
    return x <= 0 ? (float)(1 - .01 * fabs(time - middle)) : x >= 1 ? 0.0f : (float)(0.5 + 0.5 * cos(3.14159265 * x));
}

/* Adds a phone's pull to the sums. */
static void pull(const VvSegment *segment, double time, float sum[VV_MOUTH_SHAPES], float total[VV_MOUTH_SHAPES]) {
    const float strength = targets[segment->phone].strength;
    const float *target = targets[segment->phone].target;
    const bool silent = segment->phone == VV_PHONE_PAU;
    const float usual = strength * (float)exp(-dominance_time(segment, time, ahead, behind));
    const float rounding = strength * (float)exp(-dominance_time(segment, time, rounding_ahead, behind));
    for (int i = 0; i < VV_MOUTH_SHAPES; i++) {
        float d = i == FUNNEL || i == PUCKER ? rounding : usual;
        if (target[i] == 0 && !silent)
            d *= care;
        sum[i] += d * target[i];
        total[i] += d;
    }
}

/* The strongest contact of a kind among the phones around `time`. */
typedef struct Contact {
    const VvSegment *segment;
    float strength;
} Contact;

static void note_contact(const VvSegment *segment, double time, Contact *lips, Contact *teeth) {
    const VvPhoneKind kind = vv_phone_kind((VvPhone)segment->phone);
    if (kind != VV_PHONE_BILABIAL && kind != VV_PHONE_LABIODENTAL)
        return;
    Contact *held = kind == VV_PHONE_BILABIAL ? lips : teeth;
    const float now = contact(segment, time);
    if (now > held->strength)
        *held = (Contact){segment, now};
}

/* The contact's own lips; the jaw is left free where the lips alone can do it. */
static void blend_contact(const Contact *held, bool jaw, VvMouth *mouth) {
    for (int i = jaw ? JAW : FUNNEL; held->segment && i < VV_MOUTH_SHAPES; i++)
        mouth->weight[i] += (targets[held->segment->phone].target[i] - mouth->weight[i]) * held->strength;
}

static void keep_contacts(const VvSegment *segments, int from, int to, double time, VvMouth *mouth) {
    Contact lips = {0}, teeth = {0};
    for (int i = from; i < to; i++)
        note_contact(&segments[i], time, &lips, &teeth);
    /* A mouth cannot do both: in a cluster like /pf/ the nearer one wins. */
    if (lips.strength >= teeth.strength)
        teeth.strength *= 1 - lips.strength;
    else
        lips.strength *= 1 - teeth.strength;
    blend_contact(&lips, false, mouth);
    blend_contact(&teeth, true, mouth);
    mouth->bilabial = lips.strength;
    mouth->labiodental = teeth.strength;
}

VvMouth vv_articulate(const VvSegment *segments, int count, double time, float loudness, int *from) {
    static const double reach = 0.4;
    VvMouth mouth = {0};
    float sum[VV_MOUTH_SHAPES] = {0}, total[VV_MOUTH_SHAPES];
    /* Rest pulls a little everywhere, so that gaps between utterances come to rest. */
    for (int i = 0; i < VV_MOUTH_SHAPES; i++)
        total[i] = 0.08f;
    while (*from < count && segments[*from].end < (time - reach) * RATE)
        (*from)++;
    float voiced = 0;
    int last = *from;
    for (; last < count && segments[last].begin < (time + reach) * RATE; last++) {
        pull(&segments[last], time, sum, total);
        if (segments[last].phone != VV_PHONE_PAU)
            voiced = fmaxf(voiced, (float)exp(-dominance_time(&segments[last], time, 0.09, 0.12)));
    }
    for (int i = 0; i < VV_MOUTH_SHAPES; i++)
        mouth.weight[i] = sum[i] / total[i];
    const float open = fminf(1.35f, 0.7f + 0.3f * loudness);
    mouth.weight[JAW] *= open;
    mouth.weight[LOWER_DOWN] *= open;
    mouth.weight[UPPER_UP] *= open;
    keep_contacts(segments, *from, last, time, &mouth);
    mouth.tongue = mouth.weight[TONGUE];
    mouth.speech = voiced;
    return mouth;
}

/* ---- joining with an expression
 * ---------------------------------------------------------------------------------------- */

/* The face's shapes that a mouth shape drives (both sides where there are two). */
static const struct {
    int first, second;
} shapes[VV_MOUTH_SHAPES - 1] = {
    {VV_JAW_OPEN, -1},
    {VV_MOUTH_FUNNEL, -1},
    {VV_MOUTH_PUCKER, -1},
    {VV_MOUTH_ROLL_LOWER, -1},
    {VV_MOUTH_ROLL_UPPER, -1},
    {VV_MOUTH_PRESS_L, VV_MOUTH_PRESS_R},
    {VV_MOUTH_LOWER_DOWN_L, VV_MOUTH_LOWER_DOWN_R},
    {VV_MOUTH_UPPER_UP_L, VV_MOUTH_UPPER_UP_R},
    {VV_MOUTH_STRETCH_L, VV_MOUTH_STRETCH_R},
    {VV_MOUTH_SMILE_L, VV_MOUTH_SMILE_R},
    {VV_MOUTH_SHRUG_LOWER, -1},
};

/* How much of an expression's own use of a shape is left when speech rules the mouth, and at a contact of either kind.
 */
typedef struct Yield {
    int shape;
    float speech, bilabial, labiodental;
} Yield;

static const Yield yields[] = {
    {VV_JAW_OPEN, .5f, .35f, 0},         {VV_MOUTH_FUNNEL, .4f, 0, 0},        {VV_MOUTH_PUCKER, .4f, .5f, .2f},
    {VV_MOUTH_ROLL_LOWER, .3f, 1, 0},    {VV_MOUTH_ROLL_UPPER, .3f, .6f, 0},  {VV_MOUTH_PRESS_L, .3f, 1, 0},
    {VV_MOUTH_PRESS_R, .3f, 1, 0},       {VV_MOUTH_LOWER_DOWN_L, .6f, 0, 0},  {VV_MOUTH_LOWER_DOWN_R, .6f, 0, 0},
    {VV_MOUTH_UPPER_UP_L, .6f, 0, .5f},  {VV_MOUTH_UPPER_UP_R, .6f, 0, .5f},  {VV_MOUTH_STRETCH_L, .6f, .6f, .5f},
    {VV_MOUTH_STRETCH_R, .6f, .6f, .5f}, {VV_MOUTH_SMILE_L, .65f, .75f, .2f}, {VV_MOUTH_SMILE_R, .65f, .75f, .2f},
    {VV_MOUTH_SHRUG_LOWER, .4f, 1, 0},   {VV_MOUTH_SHRUG_UPPER, .3f, 0, 0},   {VV_MOUTH_FROWN_L, .6f, .8f, .6f},
    {VV_MOUTH_FROWN_R, .6f, .8f, .6f},   {VV_NOSE_SNEER_L, .8f, .5f, .5f},    {VV_NOSE_SNEER_R, .8f, .5f, .5f},
    {VV_JAW_FORWARD, .6f, .5f, 0},
};

/* What one unit of each shape adds to the lips' gap, to the lower lip's height and to its forward position, in cm. */
typedef struct LipEffect {
    int shape;
    float gap, lower_up, lower_forward;
} LipEffect;

static const LipEffect effects[] = {
    {VV_JAW_OPEN, 2.89f, -3.52f, -1.93f},        {VV_MOUTH_CLOSE, -3.72f, 3.82f, 1.67f},
    {VV_MOUTH_FUNNEL, 1.08f, -.83f, .66f},       {VV_MOUTH_PUCKER, -.13f, .02f, .90f},
    {VV_MOUTH_ROLL_LOWER, -.25f, .37f, -1.28f},  {VV_MOUTH_ROLL_UPPER, .16f, -.01f, -.01f},
    {VV_MOUTH_PRESS_L, -.11f, .09f, .07f},       {VV_MOUTH_PRESS_R, -.11f, .09f, .07f},
    {VV_MOUTH_LOWER_DOWN_L, .29f, -.34f, -.07f}, {VV_MOUTH_LOWER_DOWN_R, .29f, -.34f, -.07f},
    {VV_MOUTH_UPPER_UP_L, .35f, .03f, -.01f},    {VV_MOUTH_UPPER_UP_R, .35f, .03f, -.01f},
    {VV_MOUTH_SHRUG_LOWER, -.64f, .69f, .55f},   {VV_MOUTH_SHRUG_UPPER, .46f, 0, 0},
    {VV_MOUTH_DIMPLE_L, -.08f, .03f, .02f},      {VV_MOUTH_DIMPLE_R, -.08f, .03f, .02f},
    {VV_MOUTH_SMILE_L, -.01f, .19f, -.04f},      {VV_MOUTH_SMILE_R, -.01f, .19f, -.04f},
    {VV_NOSE_SNEER_L, .32f, .04f, -.01f},        {VV_NOSE_SNEER_R, .32f, .04f, -.01f},
    {VV_JAW_FORWARD, .11f, -.14f, .92f},         {VV_CHEEK_SQUINT_L, .02f, -.02f, -.01f},
    {VV_CHEEK_SQUINT_R, .02f, -.02f, -.01f},
};

enum { EFFECTS = sizeof effects / sizeof *effects, YIELDS = sizeof yields / sizeof *yields };

/* The lower lip's inner edge at rest against the edge of the upper front teeth, cm. */
static const float rest_up = 0.134f, rest_forward = 0.461f;

float vv_lip_gap(const float expression[VV_EXPRESSIONS]) {
    float gap = 0;
    for (int i = 0; i < EFFECTS; i++)
        gap += expression[effects[i].shape] * effects[i].gap;
    return gap;
}

void vv_lip_to_teeth(const float expression[VV_EXPRESSIONS], float out[2]) {
    out[0] = rest_up;
    out[1] = rest_forward;
    for (int i = 0; i < EFFECTS; i++) {
        out[0] += expression[effects[i].shape] * effects[i].lower_up;
        out[1] += expression[effects[i].shape] * effects[i].lower_forward;
    }
}

static void add(float *weight, float more) {
    *weight = fmaxf(0, fminf(1, *weight + more));
}

void vv_mouth_apply(const VvMouth *mouth, VvPose *pose) {
    float *face = pose->expression;
    for (int i = 0; i < YIELDS; i++) {
        const Yield *yield = &yields[i];
        const float speech = 1 - mouth->speech * (1 - yield->speech);
        const float contact_left =
            (1 - mouth->bilabial * (1 - yield->bilabial)) * (1 - mouth->labiodental * (1 - yield->labiodental));
        face[yield->shape] *= speech * contact_left;
    }
    for (int i = 0; i < VV_MOUTH_SHAPES - 1; i++) {
        add(&face[shapes[i].first], mouth->weight[i]);
        if (shapes[i].second >= 0)
            add(&face[shapes[i].second], mouth->weight[i]);
    }
    /* Whatever is open beyond a light press is closed against the jaw. */
    const float open = vv_lip_gap(face) + 0.06f;
    if (open > 0)
        add(&face[VV_MOUTH_CLOSE], mouth->bilabial * open / 3.72f);
    pose->tongue = fmaxf(0, fminf(1, mouth->tongue));
}

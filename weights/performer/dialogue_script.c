/* Writing a script: topics with emotional arcs, turns made of sentences, and what happens between and across them. */
#include "weights/performer/dialogue_script.h"

#include <errno.h>
#include <math.h>

/* A topic belongs to the side that has something to tell; its emotion swells and fades over some minutes of talk. */
typedef struct Topic {
    int teller;
    VvEmotion emotion;
    float peak;
    double begin, end;
} Topic;

/* Where the dialogue stands between two turns. */
typedef struct Floor {
    int speaker;  /* of the turn that comes */
    int previous; /* the utterance it answers; -1 */
    double time;  /* when the previous turn ends */
} Floor;

static Topic new_topic(VvScript *script, double now) {
    static const VvEmotion often[] = {VV_EMOTION_JOY,      VV_EMOTION_JOY,     VV_EMOTION_JOY,     VV_EMOTION_NEUTRAL,
                                      VV_EMOTION_NEUTRAL,  VV_EMOTION_SADNESS, VV_EMOTION_SADNESS, VV_EMOTION_ANGER,
                                      VV_EMOTION_SURPRISE, VV_EMOTION_FEAR,    VV_EMOTION_DISGUST, VV_EMOTION_CONTEMPT};
    VvChance *chance = &script->chance;
    Topic topic = {.teller = vv_chance_pick(chance, VV_SIDES),
                   .emotion = often[vv_chance_pick(chance, sizeof often / sizeof *often)],
                   .peak = vv_chance_range(chance, .45f, 1),
                   .begin = now};
    topic.end = now + vv_chance_lognormal(chance, 45, .45f);
    return topic;
}

static float topic_intensity(const Topic *topic, double now) {
    const double x = (now - topic->begin) / (topic->end - topic->begin);
    return topic->peak * (float)(0.35 + 0.65 * sin(3.14159265 * fmax(0, fmin(1, x))));
}

/* The silence before the next turn; negative is overlap. Around 0.2 s, as between people; now and then a long one. */
static double gap(VvScript *script) {
    VvChance *chance = &script->chance;
    if (vv_chance_happens(chance, .03f))
        return vv_chance_range(chance, 1.8f, 4.5f);
    const float usual = vv_chance_normal(chance, .03f, .3f) + vv_chance_wait(chance, .14f);
    return fmaxf(-.7f, fminf(1.6f, usual));
}

/* What a listener says in a pause of the speaker's. Short, soft, and over before it matters. */
static int backchannel(VvScript *script, int about, double pause_begin) {
    const VvUtterance heard = script->conversation->utterance[about];
    const VvSide *listener = &script->conversation->side[1 - heard.side];
    if (!vv_chance_happens(&script->chance, .3f * listener->temper.attentive))
        return 0;
    const VvLine line = {.side = 1 - heard.side,
                         .kind = VV_TEXT_BACKCHANNEL,
                         .emotion = heard.intensity > .4f ? heard.emotion : VV_EMOTION_NEUTRAL,
                         .intensity = .5f * heard.intensity,
                         .parent = about,
                         .last = true,
                         .loudness = .65f,
                         .begin = pause_begin + vv_chance_range(&script->chance, -.15f, .35f)};
    const int said = vv_script_say(script, &line);
    return said < 0 && said != -ERANGE ? said : 0;
}

/* One laughs, and the other may laugh along. Laughter is speech of its own ("ha ha ha"), and an act. */
static int laugh(VvScript *script, int side, int about, double begin, bool answered) {
    VvConversation *c = script->conversation;
    if (c->side[side].voice < 0)
        return 0; /* a recorded speaker cannot be asked to laugh */
    const VvLine line = {.side = side,
                         .kind = VV_TEXT_LAUGH,
                         .emotion = VV_EMOTION_JOY,
                         .intensity = vv_chance_range(&script->chance, .6f, 1),
                         .parent = about,
                         .last = true,
                         .loudness = .8f,
                         .begin = begin};
    const int said = vv_script_say(script, &line);
    if (said < 0)
        return said == -ERANGE ? 0 : said;
    const VvUtterance *utterance = &c->utterance[said];
    const VvAct act = {.kind = VV_ACT_LAUGH,
                       .side = side,
                       .begin = (float)utterance->begin / VV_VOICE_RATE - .15f,
                       .length = (float)(utterance->end - utterance->begin) / VV_VOICE_RATE + .6f,
                       .strength = line.intensity,
                       .answer = answered ? c->acts - 1 : -1};
    const int result = vv_conversation_act(c, &act);
    if (result || answered || !vv_chance_happens(&script->chance, .55f * c->side[1 - side].temper.attentive))
        return result;
    const double along = act.begin + vv_chance_range(&script->chance, .3f, .7f);
    return laugh(script, 1 - side, said, along, true);
}

/* The kind and emotion of a turn's first sentence. */
static VvLine opening(VvScript *script, const Topic *topic, const Floor *floor) {
    const VvUtterance *heard = floor->previous >= 0 ? &script->conversation->utterance[floor->previous] : NULL;
    VvChance *chance = &script->chance;
    VvLine line = {.side = floor->speaker, .kind = VV_TEXT_STATEMENT, .parent = floor->previous, .loudness = 1};
    const float now = topic_intensity(topic, floor->time);
    if (heard && heard->kind == VV_TEXT_QUESTION)
        line.kind = VV_TEXT_ANSWER;
    else if (heard && floor->speaker != topic->teller)
        line.kind = vv_chance_happens(chance, .55f) ? VV_TEXT_REACTION : VV_TEXT_QUESTION;
    else if (heard && vv_chance_happens(chance, .12f))
        line.kind = VV_TEXT_QUESTION;
    const bool moved = vv_chance_happens(chance, floor->speaker == topic->teller ? .75f : .55f);
    line.emotion =
        moved && line.kind != VV_TEXT_QUESTION && line.kind != VV_TEXT_ANSWER ? topic->emotion : VV_EMOTION_NEUTRAL;
    line.intensity = line.emotion == VV_EMOTION_NEUTRAL ? 0 : now * vv_chance_range(chance, .7f, 1.1f);
    line.intensity = fminf(1, line.intensity);
    return line;
}

/* Says a sentence and lets the listener answer it in the pause that follows. Returns its index. */
static int sentence(VvScript *script, const VvLine *line) {
    const double silent = line->begin - script->free[line->side];
    if (silent > 0.8 && vv_chance_happens(&script->chance, .5f)) {
        const int result = vv_script_breathe(script, line->side, line->begin - .04);
        if (result)
            return result;
    }
    return vv_script_say(script, line);
}

/* After sentence `said`: laughter, a backchannel. 0 or a negative errno. */
static int aftermath(VvScript *script, int said) {
    const VvUtterance now = script->conversation->utterance[said];
    const double end = (double)now.end / VV_VOICE_RATE;
    if (now.emotion == VV_EMOTION_JOY && vv_chance_happens(&script->chance, .22f * now.intensity + .04f))
        return laugh(script, vv_chance_happens(&script->chance, .7f) ? now.side : 1 - now.side, said, end + .05, false);
    return now.last ? 0 : backchannel(script, said, end);
}

/* A turn: a hesitation perhaps, then one to four sentences with pauses. Returns its last utterance or a negative errno.
 */
static int turn(VvScript *script, const Topic *topic, const Floor *floor) {
    VvChance *chance = &script->chance;
    VvLine line = opening(script, topic, floor);
    const float talk = script->conversation->side[floor->speaker].temper.talkative;
    const int sentences = line.kind == VV_TEXT_STATEMENT ? 1 + (int)fminf(3, vv_chance_wait(chance, 1.1f * talk))
                                                         : 1 + vv_chance_happens(chance, .35f * talk);
    const VvTextKind first = line.kind;
    line.begin = fmax(floor->time + gap(script), script->free[floor->speaker] + .2);
    int said = -ERANGE;
    if (line.kind != VV_TEXT_REACTION && vv_chance_happens(chance, .18f)) {
        VvLine pause = line;
        pause.kind = VV_TEXT_HESITATION;
        pause.loudness = .8f;
        said = sentence(script, &pause);
        if (said < 0)
            return said;
        line.begin = script->free[line.side] + vv_chance_range(chance, .15f, .8f);
    }
    for (int i = 0; i < sentences; i++) {
        line.sentence = i;
        line.last = i + 1 == sentences;
        line.kind = i == 0 ? first : (first == VV_TEXT_REACTION && line.last) ? VV_TEXT_QUESTION : VV_TEXT_STATEMENT;
        const int next = sentence(script, &line);
        if (next < 0)
            return next;
        said = next;
        const int result = aftermath(script, said);
        if (result < 0)
            return result;
        line.begin = script->free[line.side] + vv_chance_lognormal(chance, .5f, .4f);
    }
    return said;
}

/* The other takes the floor in the middle of `said`, which breaks off. Returns the interruption's index. */
static int interrupt(VvScript *script, int said, const Floor *floor) {
    const VvUtterance now = script->conversation->utterance[said];
    const double length = (double)(now.end - now.begin) / VV_VOICE_RATE;
    const double begin = (double)now.begin / VV_VOICE_RATE + length * vv_chance_range(&script->chance, .4f, .75f);
    const VvLine line = {.side = 1 - floor->speaker,
                         .kind = VV_TEXT_INTERRUPTION,
                         .parent = said,
                         .last = true,
                         .loudness = 1.15f,
                         .begin = begin};
    const int next = vv_script_say(script, &line);
    if (next >= 0) {
        const double at = (double)script->conversation->utterance[next].begin / VV_VOICE_RATE;
        vv_script_cut(script, said, at + vv_chance_range(&script->chance, .15f, .45f));
    }
    return next;
}

/* The user may leave for a while between two turns; nobody talks to an empty chair. Writes when they are back. */
static int leave(VvScript *script, double *time) {
    const float length = vv_chance_lognormal(&script->chance, 12, .5f);
    const VvAct away = {
        .kind = VV_ACT_AWAY, .side = 1, .begin = (float)*time + .8f, .length = length, .strength = 1, .answer = -1};
    *time += length + vv_chance_range(&script->chance, 1.4f, 3);
    return vv_conversation_act(script->conversation, &away);
}

static int greet(VvScript *script, Floor *floor) {
    for (int i = 0; i < VV_SIDES; i++) {
        const VvLine line = {.side = floor->speaker,
                             .kind = VV_TEXT_GREETING,
                             .emotion = VV_EMOTION_JOY,
                             .intensity = .35f,
                             .parent = floor->previous,
                             .last = true,
                             .loudness = 1,
                             .begin = floor->time + (i ? gap(script) : 0)};
        const int said = vv_script_say(script, &line);
        if (said < 0)
            return said;
        *floor = (Floor){1 - floor->speaker, said, script->free[floor->speaker]};
    }
    return 0;
}

int vv_script_write(VvScript *script) {
    VvChance *chance = &script->chance;
    const double end = (double)script->conversation->frames / VV_POSE_FPS;
    Floor floor = {vv_chance_pick(chance, VV_SIDES), -1, vv_chance_range(chance, .4f, 2.5f)};
    const double leaving = vv_chance_happens(chance, .15f) ? end * vv_chance_range(chance, .1f, .7f) : end;
    bool left = false;
    int result = vv_chance_happens(chance, .5f) ? greet(script, &floor) : 0;
    Topic topic = new_topic(script, floor.time);
    while (result >= 0 && floor.time < end - 1) {
        if (floor.time > leaving && !left) {
            left = true;
            floor.time = fmax(script->free[0], script->free[1]);
            result = leave(script, &floor.time);
            continue;
        }
        if (floor.time > topic.end)
            topic = new_topic(script, floor.time);
        int said = turn(script, &topic, &floor);
        /* Only speech can be interrupted, not the laugh that may have followed it. */
        const bool open =
            said >= 0 && script->free[floor.speaker] * VV_VOICE_RATE <= script->conversation->utterance[said].end + 1;
        if (open && vv_chance_happens(chance, .07f)) {
            const int broken = interrupt(script, said, &floor);
            if (broken >= 0)
                floor.speaker = script->conversation->utterance[broken].side, said = broken;
            else
                said = broken;
        }
        if (said < 0) {
            result = said;
            break;
        }
        floor.previous = said;
        floor.time = script->free[floor.speaker];
        /* Interrupters go on; others mostly yield. */
        if (script->conversation->utterance[said].kind != VV_TEXT_INTERRUPTION && vv_chance_happens(chance, .9f))
            floor.speaker = 1 - floor.speaker;
    }
    /* No room for the next line is how every conversation ends. */
    return result == -ERANGE || result > 0 ? 0 : result;
}

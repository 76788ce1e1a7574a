/* Counting behaviour. Blinks and looking are read off the poses, as an observer would read them off the video. */
#include "weights/performer/statistics.h"

#include "weights/performer/behaviour.h"
#include "weights/performer/expression.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS = 4096 };

static double seconds(int32_t samples) {
    return (double)samples / VV_VOICE_RATE;
}

/* The other sits straight ahead: looking at them is the eyes' direction in the room near zero. */
static bool looks(const VvPose *pose) {
    const float yaw = pose->gaze[0] + pose->head[0], pitch = pose->gaze[1] + pose->head[1];
    return yaw * yaw + pitch * pitch < .08f * .08f;
}

static void count_frames(VvStatistics *s, const VvConversation *c) {
    const double minute = 1.0 / (60 * VV_POSE_FPS);
    for (int f = 0; f < c->frames; f++) {
        bool both = true;
        for (int side = 0; side < VV_SIDES; side++) {
            const VvPose *pose = c->side[side].pose;
            const bool own = c->side[side].speaking[f], other = c->side[1 - side].speaking[f], look = looks(&pose[f]);
            const bool blink =
                f > 0 && pose[f].expression[VV_EYE_BLINK_L] > .5f && pose[f - 1].expression[VV_EYE_BLINK_L] <= .5f;
            both = both && look;
            s->minutes += minute;
            if (own) {
                s->speaking_minutes += minute;
                s->looking_speaking += look ? minute : 0;
                s->blinks_speaking += blink;
            } else if (other) {
                s->listening_minutes += minute;
                s->looking_listening += look ? minute : 0;
                s->blinks_listening += blink;
            }
        }
        s->mutual_minutes += both ? minute : 0;
    }
}

/* Whether `side` begins to nod within a second after `time`. */
static bool nods_after(const VvConversation *c, int side, float time) {
    for (int i = 0; i < c->acts; i++)
        if (c->act[i].kind == VV_ACT_NOD && c->act[i].side == side && c->act[i].begin >= time &&
            c->act[i].begin < time + 1)
            return true;
    return false;
}

static bool follows(const float *times, int count, double time) {
    for (int i = 0; i < count; i++)
        if (time >= times[i] && time < times[i] + 1)
            return true;
    return false;
}

static void count_nods(VvStatistics *s, const VvConversation *c, int side) {
    static _Thread_local float times[POINTS];
    static _Thread_local unsigned char low[POINTS];
    const int count = vv_backchannel_points(c, 1 - side, times, low, POINTS);
    int listened = 0;
    for (int i = 0; i < count; i++) {
        const int frame = (int)(times[i] * VV_POSE_FPS);
        if (frame < c->frames && c->side[side].speaking[frame])
            continue;
        const bool nod = nods_after(c, side, times[i]);
        s->points_low += low[i] != 0;
        s->points_other += !low[i];
        s->nods_low += low[i] && nod;
        s->nods_other += !low[i] && nod;
    }
    for (int f = 0; f < c->frames; f++)
        listened += !c->side[side].speaking[f] && c->side[1 - side].speaking[f] &&
                    !follows(times, count, (f + .5) / VV_POSE_FPS);
    s->elsewhere_seconds += (double)listened / VV_POSE_FPS;
    for (int i = 0; i < c->acts; i++) {
        const VvAct *act = &c->act[i];
        const int frame = act->begin > 0 ? (int)(act->begin * VV_POSE_FPS) : 0;
        if (act->kind != VV_ACT_NOD || act->side != side || frame >= c->frames || c->side[side].speaking[frame])
            continue;
        s->nods++;
        s->nods_elsewhere += c->side[1 - side].speaking[frame] && !follows(times, count, act->begin);
    }
}

static void count_smiles(VvStatistics *s, const VvConversation *c) {
    for (int i = 0; i < c->acts; i++) {
        const VvAct *cause = &c->act[i];
        if ((cause->kind != VV_ACT_SMILE && cause->kind != VV_ACT_LAUGH) || cause->answer >= 0 || cause->listening)
            continue;
        s->smiles++;
        for (int k = i + 1; k < c->acts && c->act[k].begin < cause->begin + 1.5f; k++) {
            const VvAct *act = &c->act[k];
            if (act->side == cause->side || act->kind != VV_ACT_SMILE || act->answer != i)
                continue;
            s->smiles_answered++;
            if (s->smile_delays < VV_STATISTICS_DELAYS)
                s->smile_delay[s->smile_delays++] = act->begin - cause->begin;
            break;
        }
    }
}

/* From the end of one side's turn to the beginning of the other's; backchannels and laughs are no turns. */
static void count_gaps(VvStatistics *s, const VvConversation *c) {
    const VvUtterance *last = NULL;
    for (int i = 0; i < c->utterances; i++) {
        const VvUtterance *said = &c->utterance[i];
        s->utterances++;
        s->cut += said->cut;
        if (said->kind == VV_TEXT_BACKCHANNEL || said->kind == VV_TEXT_LAUGH)
            continue;
        if (last && last->side != said->side && s->gaps < VV_STATISTICS_DELAYS)
            s->gap[s->gaps++] = (float)(seconds(said->begin) - seconds(last->end));
        last = said;
    }
}

void vv_statistics_add(VvStatistics *s, const VvConversation *c) {
    s->conversations++;
    count_frames(s, c);
    for (int side = 0; side < VV_SIDES; side++)
        count_nods(s, c, side);
    count_smiles(s, c);
    count_gaps(s, c);
}

/* ---- sums
 * -------------------------------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b) {
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

float vv_quantile(float *values, int count, float share) {
    if (!count)
        return 0;
    qsort(values, (size_t)count, sizeof *values, by_value);
    const int at = (int)(share * (float)count);
    return values[at < count ? at : count - 1];
}

float vv_share_below(const float *values, int count, float limit) {
    int below = 0;
    for (int i = 0; i < count; i++)
        below += values[i] < limit;
    return count ? (float)below / (float)count : 0;
}

static float smile(const VvPose *pose) {
    return .5f * (pose->expression[VV_CHEEK_SQUINT_L] + pose->expression[VV_CHEEK_SQUINT_R]);
}

void vv_smile_correlation(VvCorrelation *sums, const VvConversation *c, const VvConversation *other, int listener,
                          float delay) {
    const int shift = (int)(delay * VV_POSE_FPS);
    VvCorrelation here = {0};
    for (int f = shift; f < c->frames && f - shift < other->frames; f++) {
        if (c->side[listener].speaking[f])
            continue;
        const double x = smile(&other->side[1 - listener].pose[f - shift]), y = smile(&c->side[listener].pose[f]);
        here.n++, here.x += x, here.y += y, here.xx += x * x, here.yy += y * y, here.xy += x * y;
    }
    if (here.n < 1)
        return;
    /* Each conversation's own mean is taken out, so that who smiles much does not count as answering. */
    sums->n += here.n;
    sums->xx += here.xx - here.x * here.x / here.n;
    sums->yy += here.yy - here.y * here.y / here.n;
    sums->xy += here.xy - here.x * here.y / here.n;
}

double vv_correlation(const VvCorrelation *sums) {
    return sums->xx > 0 && sums->yy > 0 ? sums->xy / sqrt(sums->xx * sums->yy) : 0;
}

static double ratio(double a, double b) {
    return b > 0 ? a / b : 0;
}

void vv_statistics_print(VvStatistics *s, FILE *out) {
    const double low = ratio((double)s->nods_low, (double)s->points_low),
                 other = ratio((double)s->nods_other, (double)s->points_other);
    const double elsewhere = ratio((double)s->nods_elsewhere, s->elsewhere_seconds);
    fprintf(out, "%d conversations, %.0f minutes of each side, %ld utterances, %ld broken off\n\n", s->conversations,
            s->minutes / VV_SIDES, s->utterances, s->cut);
    fprintf(out, "| what | performers | people |\n|---|---|---|\n");
    fprintf(out, "| blinks a minute, speaking | %.1f | 26 (Bentivoglio 1997) |\n",
            ratio((double)s->blinks_speaking, s->speaking_minutes));
    fprintf(out, "| blinks a minute, listening | %.1f | 17 at rest (Bentivoglio 1997) |\n",
            ratio((double)s->blinks_listening, s->listening_minutes));
    fprintf(out,
            "| looking at the other, speaking | %.0f %% | about 40 to 60 %% (Argyle and Cook 1976; Kendon 1967) |\n",
            100 * ratio(s->looking_speaking, s->speaking_minutes));
    fprintf(out, "| looking at the other, listening | %.0f %% | about 75 %% (Argyle and Cook 1976) |\n",
            100 * ratio(s->looking_listening, s->listening_minutes));
    fprintf(out, "| both looking at each other | %.0f %% | about 30 %% (Argyle and Cook 1976) |\n",
            100 * ratio(s->mutual_minutes, s->minutes / VV_SIDES));
    fprintf(out, "| a listener's nods a minute of listening | %.1f | several (Hadar 1985) |\n",
            ratio((double)s->nods, s->listening_minutes));
    fprintf(out,
            "| a nod within 1 s of a pause after low pitch | %.0f %% | such points invite an answer (Ward and "
            "Tsukahara 2000) |\n",
            100 * low);
    fprintf(out, "| a nod within 1 s of another pause | %.0f %% | less often |\n", 100 * other);
    fprintf(out, "| a nod within any other second of listening | %.1f %% | rarely |\n", 100 * elsewhere);
    fprintf(out, "| a smile answered within 1.5 s | %.0f %% | most are (Hess and Bourgeois 2010) |\n",
            100 * ratio((double)s->smiles_answered, (double)s->smiles));
    fprintf(out,
            "| delay of the answering smile, median (10th to 90th percentile) | %.0f ms (%.0f to %.0f) | from 300 ms, "
            "under 1 s (Dimberg 1998; Heerey 2013) |\n",
            1000 * (double)vv_quantile(s->smile_delay, s->smile_delays, .5f),
            1000 * (double)vv_quantile(s->smile_delay, s->smile_delays, .1f),
            1000 * (double)vv_quantile(s->smile_delay, s->smile_delays, .9f));
    fprintf(out, "| gap between speakers, median | %.0f ms | about 200 ms, mean of ten languages (Stivers 2009) |\n",
            1000 * (double)vv_quantile(s->gap, s->gaps, .5f));
    fprintf(out, "| gaps below 0 (overlap) | %.0f %% | about 40 %% (Heldner and Edlund 2010) |\n",
            100 * (double)vv_share_below(s->gap, s->gaps, 0));
    fprintf(out, "| gaps between -0.5 and 1 s | %.0f %% | most (Heldner and Edlund 2010) |\n",
            100 * (double)(vv_share_below(s->gap, s->gaps, 1) - vv_share_below(s->gap, s->gaps, -.5f)));
    fprintf(out, "| gaps above 1.5 s | %.0f %% | few |\n", 100 * (1 - (double)vv_share_below(s->gap, s->gaps, 1.5f)));
}

int vv_statistics_command(int argc, char **argv) {
    if (argc > 1) {
        const bool help = !strcmp(argv[1], "--help");
        fprintf(help ? stdout : stderr, "usage: visavis-performer statistics\n"
                                        "Makes 100 conversations and prints what performers do in them.\n");
        return help ? 0 : 2;
    }
    char error[200];
    VvVoices *voices;
    if (vv_voices_open(&voices, error)) {
        fprintf(stderr, "visavis-performer statistics: %s\n", error);
        return 1;
    }
    VvStatistics *statistics = calloc(1, sizeof *statistics);
    int result = statistics ? 0 : 1;
    for (uint64_t i = 0; i < 100 && !result; i++) {
        VvConversation *c = NULL;
        const VvConversationPlan plan = {.seed = 1000 + i, .seconds = 60};
        result = vv_conversation_make(voices, &plan, &c);
        if (!result)
            vv_statistics_add(statistics, c);
        vv_conversation_free(&c);
    }
    if (!result)
        vv_statistics_print(statistics, stdout);
    else
        fprintf(stderr, "visavis-performer statistics: a conversation cannot be made\n");
    free(statistics);
    vv_voices_close(&voices);
    return result ? 1 : 0;
}

/* Filling the per-frame arrays. */
#include "weights/performer/dataset_state.h"

#include "weights/performer/emotion.h"
#include "weights/performer/expression.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *vv_state_column(int column) {
#define VV_STATE(name, meaning) #name,
    static const char *const names[] = {VV_STATES(VV_STATE)};
#undef VV_STATE
    return column < VV_STATE_affect ? names[column] : vv_emotion_name((VvEmotion)(column - VV_STATE_affect));
}

const char *vv_pose_column(int column) {
    static const char *const names[] = {"head_yaw", "head_pitch", "head_roll", "shift_x", "shift_y", "shift_z",
                                        "gaze_yaw", "gaze_pitch", "vergence",  "tongue",  "breath"};
    return column < VV_EXPRESSIONS ? vv_expression_name(column) : names[column - VV_EXPRESSIONS];
}

const char *vv_truth_column(int column) {
#define VV_TRUTH(name, meaning) #name,
    static const char *const names[] = {VV_TRUTHS(VV_TRUTH)};
#undef VV_TRUTH
    return names[column];
}

/* The column that an act is shown in, or -1. */
static int column_of(VvActKind kind) {
    switch (kind) {
    case VV_ACT_NOD:
        return VV_STATE_nod;
    case VV_ACT_SHAKE:
        return VV_STATE_shake;
    case VV_ACT_SMILE:
        return VV_STATE_smile;
    case VV_ACT_LAUGH:
        return VV_STATE_laugh;
    case VV_ACT_SURPRISE:
        return VV_STATE_surprise;
    case VV_ACT_CONCERN:
        return VV_STATE_concern;
    case VV_ACT_LOOK_AWAY:
        return VV_STATE_look_away;
    default:
        return -1;
    }
}

static void mark(float *rows, int frames, int column, float value, double begin, double end) {
    for (int f = (int)fmax(0, begin * VV_POSE_FPS); f < frames && f < end * VV_POSE_FPS; f++)
        rows[f * VV_STATE_COLUMNS + column] = value;
}

float *vv_state_rows(const VvConversation *c, int side) {
    const VvSide *who = &c->side[side];
    float *rows = calloc((size_t)c->frames * VV_STATE_COLUMNS + 1, sizeof *rows);
    if (!rows)
        return NULL;
    for (int f = 0; f < c->frames; f++) {
        float *row = rows + f * VV_STATE_COLUMNS;
        row[VV_STATE_speaking] = who->speaking[f];
        row[VV_STATE_loudness] = who->tone[f].loudness;
        row[VV_STATE_pitch] = who->tone[f].pitch / 500;
        row[VV_STATE_present] = 1;
        for (int e = 0; e < VV_Emotion_COUNT; e++) {
            float dimension[3];
            vv_emotion_dimensions((VvEmotion)e, dimension);
            row[VV_STATE_affect + e] = who->affect[f][e];
            for (int d = 0; d < 3; d++)
                row[VV_STATE_valence + d] += dimension[d] * who->affect[f][e];
        }
        for (int d = 0; d < 3; d++)
            row[VV_STATE_valence + d] = fmaxf(-1, fminf(1, row[VV_STATE_valence + d]));
    }
    for (int i = 0; i < c->acts; i++) {
        const VvAct *act = &c->act[i];
        const double end = (double)act->begin + (double)act->length;
        if (act->side == side && act->kind == VV_ACT_AWAY)
            mark(rows, c->frames, VV_STATE_present, 0, act->begin, end);
        else if (act->side == side && column_of(act->kind) >= 0)
            mark(rows, c->frames, column_of(act->kind), 1, act->begin, end);
    }
    return rows;
}

uint8_t *vv_phone_rows(const VvConversation *c, int side) {
    const VvSide *who = &c->side[side];
    const int rows = c->frames * 4;
    uint8_t *phones = calloc((size_t)rows + 1, 1); /* VV_PHONE_PAU is 0 */
    for (int i = 0; phones && i < who->segments; i++)
        for (int r = (who->segment[i].begin + 79) / 160; r < rows && r * 160 + 80 < who->segment[i].end; r++)
            if (r * 160 + 80 >= who->segment[i].begin)
                phones[r] = who->segment[i].phone;
    return phones;
}

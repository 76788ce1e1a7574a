/* The faces of the emotions: in range, in proportion to their strength, told apart, and the same wherever they are
 * shown. What they look like to networks that know nothing of the renderer, weights/eval/outside_reader measures. */
#include "weights/performer/emotion.h"
#include "weights/performer/expression.h"
#include "weights/performer/faces.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void face_of(VvEmotion emotion, float intensity, float expression[VV_EXPRESSIONS]) {
    memset(expression, 0, VV_EXPRESSIONS * sizeof *expression);
    vv_emotion_face(emotion, intensity, expression);
}

static void strength_is_in_proportion(void **state) {
    (void)state;
    for (int e = 0; e < VV_Emotion_COUNT; e++) {
        float full[VV_EXPRESSIONS], half[VV_EXPRESSIONS], none[VV_EXPRESSIONS], sum = 0;
        face_of((VvEmotion)e, 1, full);
        face_of((VvEmotion)e, 0.5f, half);
        face_of((VvEmotion)e, 0, none);
        for (int i = 0; i < VV_EXPRESSIONS; i++) {
            assert_true(full[i] >= 0 && full[i] <= 1 && none[i] == 0);
            assert_true(fabsf(half[i] - full[i] / 2) < 1e-6f);
            sum += full[i];
        }
        assert_true(e == VV_EMOTION_NEUTRAL ? sum == 0 : sum > 1);
    }
}

/* On a face that already shows everything, and by more than full strength. */
static void weights_stay_in_range(void **state) {
    (void)state;
    float all[VV_EXPRESSIONS];
    for (int i = 0; i < VV_EXPRESSIONS; i++)
        all[i] = 0.9f;
    for (int e = 0; e < VV_Emotion_COUNT; e++)
        vv_emotion_face((VvEmotion)e, 1.5f, all);
    for (int i = 0; i < VV_EXPRESSIONS; i++)
        assert_true(all[i] >= 0.9f && all[i] <= 1);
}

static float likeness(const float a[VV_EXPRESSIONS], const float b[VV_EXPRESSIONS]) {
    float ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < VV_EXPRESSIONS; i++) {
        ab += a[i] * b[i];
        aa += a[i] * a[i];
        bb += b[i] * b[i];
    }
    return ab / sqrtf(aa * bb);
}

static void faces_are_told_apart(void **state) {
    (void)state;
    for (int e = 1; e < VV_Emotion_COUNT; e++)
        for (int other = 1; other < e; other++) {
            float one[VV_EXPRESSIONS], two[VV_EXPRESSIONS];
            face_of((VvEmotion)e, 1, one);
            face_of((VvEmotion)other, 1, two);
            if (!(likeness(one, two) < 0.8f))
                fail_msg("%s and %s are alike by %.2f", vv_emotion_name((VvEmotion)e),
                         vv_emotion_name((VvEmotion)other), (double)likeness(one, two));
        }
}

/* What everybody agrees on (Ekman and Friesen), by the action that no such face goes without; contempt alone is
 * lopsided. */
static void faces_have_their_action_units(void **state) {
    (void)state;
    static const struct {
        VvEmotion emotion;
        VvExpression must;
    } units[] = {{VV_EMOTION_JOY, VV_MOUTH_SMILE_L},       {VV_EMOTION_JOY, VV_CHEEK_SQUINT_L},
                 {VV_EMOTION_SADNESS, VV_BROW_INNER_UP_L}, {VV_EMOTION_SADNESS, VV_MOUTH_FROWN_L},
                 {VV_EMOTION_ANGER, VV_BROW_DOWN_L},       {VV_EMOTION_FEAR, VV_BROW_INNER_UP_L},
                 {VV_EMOTION_FEAR, VV_MOUTH_STRETCH_L},    {VV_EMOTION_FEAR, VV_EYE_WIDE_L},
                 {VV_EMOTION_DISGUST, VV_NOSE_SNEER_L},    {VV_EMOTION_SURPRISE, VV_BROW_INNER_UP_L},
                 {VV_EMOTION_SURPRISE, VV_BROW_OUTER_UP_L}};
    float face[VV_EXPRESSIONS];
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        face_of(units[i].emotion, 1, face);
        assert_true(face[units[i].must] > 0.4f);
    }
    for (int e = 0; e < VV_Emotion_COUNT; e++) {
        float uneven = 0;
        face_of((VvEmotion)e, 1, face);
        for (int i = 0; i < VV_EXPRESSIONS; i++) {
            const char *name = vv_expression_name(i);
            if (strcmp(name + strlen(name) - 2, "_L") == 0)
                uneven += fabsf(face[i] - face[i + 1]);
        }
        assert_true(e == VV_EMOTION_CONTEMPT ? uneven > 0.5f : uneven == 0);
    }
}

static void sheets_show_the_same_faces(void **state) {
    (void)state;
    static const struct {
        VvFace face;
        VvEmotion emotion;
    } same[] = {{VV_FACE_REST, VV_EMOTION_NEUTRAL}, {VV_FACE_SMILE, VV_EMOTION_JOY},
                {VV_FACE_SAD, VV_EMOTION_SADNESS},  {VV_FACE_SURPRISE, VV_EMOTION_SURPRISE},
                {VV_FACE_ANGER, VV_EMOTION_ANGER},  {VV_FACE_DISGUST, VV_EMOTION_DISGUST},
                {VV_FACE_FEAR, VV_EMOTION_FEAR}};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        float face[VV_EXPRESSIONS];
        const VvPose pose = vv_face_pose(same[i].face);
        face_of(same[i].emotion, 1, face);
        assert_memory_equal(face, pose.expression, sizeof face);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strength_is_in_proportion),  cmocka_unit_test(weights_stay_in_range),
        cmocka_unit_test(faces_are_told_apart),       cmocka_unit_test(faces_have_their_action_units),
        cmocka_unit_test(sheets_show_the_same_faces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

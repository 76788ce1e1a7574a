/* The mouth: lips that must meet do meet at any rate, loudness and expression; weights stay in range and move no faster
 * than lips do. Speech here is random phones, so no voice is needed. */
#include "weights/performer/articulation.h"
#include "weights/performer/chance.h"
#include "weights/performer/emotion.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { PHONES = 1500, ROOM = 12000 };

static VvSegment segments[PHONES];
static VvPose poses[ROOM];

/* Random speech in which a phone lasts `usual` ms in the middle, between half and twice of it; now and then a pause. */
static int speak(uint64_t seed, float usual) {
    VvChance chance = vv_chance_of(seed, "test", 0);
    int32_t at = 1600;
    for (int i = 0; i < PHONES; i++) {
        const bool pause = vv_chance_happens(&chance, .06f);
        const int phone = pause ? VV_PHONE_PAU : 1 + vv_chance_pick(&chance, VV_PHONES - 1);
        const float length =
            pause ? 300 : fmaxf(.5f * usual, fminf(2 * usual, vv_chance_lognormal(&chance, usual, .4f)));
        segments[i] = (VvSegment){.phone = (uint8_t)phone, .begin = at, .end = at + (int32_t)(length * 16)};
        at = segments[i].end;
    }
    return (at + 8000) / 640;
}

/* Plays the speech into poses over a face that shows an emotion. Returns how many frames. */
static int play(uint64_t seed, float usual, float loudness, VvEmotion emotion, float intensity) {
    const int frames = speak(seed, usual);
    assert_true(frames < ROOM);
    int from = 0;
    for (int f = 0; f < frames; f++) {
        poses[f] = (VvPose){0};
        vv_emotion_face(emotion, intensity, poses[f].expression);
        const VvMouth mouth = vv_articulate(segments, PHONES, (f + .5) / VV_POSE_FPS, loudness, &from);
        vv_mouth_apply(&mouth, &poses[f]);
    }
    return frames;
}

static bool shut(const VvPose *pose) {
    return vv_lip_gap(pose->expression) < .02f;
}

/* Within 1.5 mm of the teeth's edge, and the upper lip out of the way. */
static bool on_teeth(const VvPose *pose) {
    float place[2];
    vv_lip_to_teeth(pose->expression, place);
    return fabsf(place[0]) < .15f && fabsf(place[1]) < .15f && vv_lip_gap(pose->expression) > .05f;
}

/* Share of contacts of a kind that are kept within one frame of the phone's middle. */
static double kept(VvPhoneKind kind, bool (*holds)(const VvPose *)) {
    int all = 0, good = 0;
    for (int i = 0; i < PHONES; i++) {
        if (vv_phone_kind((VvPhone)segments[i].phone) != kind)
            continue;
        const int middle = (segments[i].begin + segments[i].end) / 2 / 640;
        all++;
        good += holds(&poses[middle - 1]) || holds(&poses[middle]) || holds(&poses[middle + 1]);
    }
    assert_true(all > 40);
    return (double)good / all;
}

static void lips_meet_at_any_rate(void **state) {
    (void)state;
    static const float rates[] = {45, 60, 80, 120, 200}; /* ms a phone: from the fastest speech there is to very slow */
    for (size_t r = 0; r < sizeof rates / sizeof *rates; r++)
        for (int e = 0; e < VV_Emotion_COUNT; e++) {
            play(10 * r + (size_t)e, rates[r], .5f + .25f * (float)e, (VvEmotion)e, .8f);
            const double lips = kept(VV_PHONE_BILABIAL, shut), teeth = kept(VV_PHONE_LABIODENTAL, on_teeth);
            if (!(lips >= .99 && teeth >= .99))
                fail_msg("%.0f ms a phone, %s: lips %.3f, teeth %.3f", (double)rates[r], vv_emotion_name((VvEmotion)e),
                         lips, teeth);
        }
}

/* The same criterion must be able to fail: vowels do not shut lips, and most of them are open. */
static void vowels_are_open(void **state) {
    (void)state;
    play(3, 120, 1, VV_EMOTION_NEUTRAL, 0);
    assert_true(kept(VV_PHONE_VOWEL, on_teeth) < .5);
    int open = 0, all = 0;
    for (int i = 0; i < PHONES; i++)
        if (segments[i].phone == VV_PHONE_AA) {
            all++;
            open += vv_lip_gap(poses[(segments[i].begin + segments[i].end) / 2 / 640].expression) > .5f;
        }
    assert_true(all > 10 && open >= all * 8 / 10);
}

static void shapes_are_told_apart(void **state) {
    (void)state;
    VvSegment one = {.phone = VV_PHONE_UW, .begin = 1600, .end = 6400};
    int from = 0;
    const VvMouth uw = vv_articulate(&one, 1, .25, 1, &from);
    one.phone = VV_PHONE_IY, from = 0;
    const VvMouth iy = vv_articulate(&one, 1, .25, 1, &from);
    one.phone = VV_PHONE_TH, from = 0;
    const VvMouth th = vv_articulate(&one, 1, .25, 1, &from);
    VvPose round = {0}, spread = {0};
    vv_mouth_apply(&uw, &round);
    vv_mouth_apply(&iy, &spread);
    assert_true(round.expression[VV_MOUTH_PUCKER] > .45f && spread.expression[VV_MOUTH_PUCKER] < .05f);
    assert_true(spread.expression[VV_MOUTH_STRETCH_L] > .25f && round.expression[VV_MOUTH_STRETCH_L] < .05f);
    assert_true(th.tongue > .7f && uw.tongue < .1f);
}

static void loudness_opens_the_jaw(void **state) {
    (void)state;
    const VvSegment one = {.phone = VV_PHONE_AA, .begin = 1600, .end = 4800};
    int from = 0;
    const VvMouth soft = vv_articulate(&one, 1, .2, .3f, &from), loud = vv_articulate(&one, 1, .2, 1.6f, &from);
    assert_true(loud.weight[0] > 1.3f * soft.weight[0]);
}

static void silence_is_rest(void **state) {
    (void)state;
    const VvSegment one = {.phone = VV_PHONE_AA, .begin = 1600, .end = 4800};
    int from = 0;
    const VvMouth before = vv_articulate(&one, 1, 0, 1, &from), after = vv_articulate(&one, 1, 3, 1, &from);
    VvPose pose = {0};
    vv_emotion_face(VV_EMOTION_JOY, 1, pose.expression);
    const VvPose smiling = pose;
    vv_mouth_apply(&after, &pose);
    assert_true(before.weight[0] < .2f && after.weight[0] == 0 && after.speech == 0);
    assert_memory_equal(&pose, &smiling, sizeof pose);
}

static void in_range_and_bounded(void **state) {
    (void)state;
    for (int e = 0; e < VV_Emotion_COUNT; e++) {
        const int frames = play(77 + (uint64_t)e, 70, 1.3f, (VvEmotion)e, 1);
        for (int f = 0; f < frames; f++)
            for (int i = 0; i < VV_EXPRESSIONS; i++) {
                const float now = poses[f].expression[i];
                assert_true(now >= 0 && now <= 1);
                /* Lips cross their whole range in two frames at the very fastest. */
                if (f && !(fabsf(now - poses[f - 1].expression[i]) <= .75f))
                    fail_msg("%s moves %.2f in a frame", vv_expression_name(i),
                             (double)fabsf(now - poses[f - 1].expression[i]));
            }
    }
}

static void phones_are_read(void **state) {
    (void)state;
    VvPhone parts[VV_PHONE_PARTS];
    assert_int_equal(vv_phones_of_cmu("ay", parts), 2);
    assert_true(parts[0] == VV_PHONE_AA && parts[1] == VV_PHONE_IH);
    assert_int_equal(vv_phones_of_cmu("zz", parts), 0);
    assert_int_equal(vv_phones_of_ipa("t\xca\x83", parts), 1); /* tʃ */
    assert_true(parts[0] == VV_PHONE_CH);
    assert_int_equal(vv_phones_of_ipa("\xc9\x9c\xcb\x90", parts), 1); /* ɜː */
    assert_true(parts[0] == VV_PHONE_ER);
    assert_int_equal(vv_phones_of_ipa("", parts), 0);
    assert_int_equal(vv_phones_of_ipa("\xff\xfe", parts), 0);
    for (int p = 0; p < VV_PHONES; p++) {
        assert_int_equal(vv_phones_of_cmu(vv_phone_name((VvPhone)p), parts),
                         strcmp(vv_phone_name((VvPhone)p), "ow") ? 1 : 2);
        assert_true((int)parts[0] == p);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lips_meet_at_any_rate), cmocka_unit_test(vowels_are_open),
        cmocka_unit_test(shapes_are_told_apart), cmocka_unit_test(loudness_opens_the_jaw),
        cmocka_unit_test(silence_is_rest),       cmocka_unit_test(in_range_and_bounded),
        cmocka_unit_test(phones_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

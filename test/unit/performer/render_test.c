/* What the renderer says about a picture must be true of the picture: masks, landmarks, lids, gaze, lips. And the same
 * input must make the same bytes on any number of threads. */
#include "weights/performer/camera.h"
#include "weights/performer/expression.h"
#include "weights/performer/faces.h"
#include "weights/performer/render.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SIZE = 256, PEOPLE = 3 };

typedef struct Rig {
    VvStudio *studio;
    VvPerformer *performer[PEOPLE];
    VvRenderer *renderer;
    VvFrame frame;
} Rig;

static const VvFace mouths[] = {VV_FACE_REST, VV_FACE_AA, VV_FACE_EE,    VV_FACE_OO,  VV_FACE_FV,
                                VV_FACE_MBP,  VV_FACE_TH, VV_FACE_SMILE, VV_FACE_SAD, VV_FACE_GRIN};

static int open_rig(void **state) {
    static const VvHairStyle styles[PEOPLE] = {VV_HAIR_CROP, VV_HAIR_LONG, VV_HAIR_NONE};
    static Rig rig;
    char error[256];
    rig.studio = vv_studio_open(VV_HEAD_ASSET, error, sizeof error);
    rig.renderer = vv_renderer_open();
    if (!rig.studio || !rig.renderer || !vv_frame_open(&rig.frame, SIZE))
        return -1;
    for (int i = 0; i < PEOPLE; i++) {
        VvIdentity identity;
        VvScene scene;
        vv_identity_random(&identity, vv_studio_asset(rig.studio), (uint64_t)i + 5);
        vv_scene_random(&scene, (uint64_t)i + 5);
        identity.style = styles[i];
        identity.garment = (VvGarment)i;
        rig.performer[i] = vv_performer_open(rig.studio, &identity, &scene, SIZE);
        if (!rig.performer[i])
            return -1;
    }
    *state = &rig;
    return 0;
}

static int close_rig(void **state) {
    Rig *rig = *state;
    for (int i = 0; i < PEOPLE; i++)
        vv_performer_close(&rig->performer[i]);
    vv_renderer_close(&rig->renderer);
    vv_studio_close(&rig->studio);
    vv_frame_close(&rig->frame);
    return 0;
}

static void draw(Rig *rig, int person, const VvPose *pose) {
    vv_render(rig->renderer, rig->performer[person], NULL, pose, &rig->frame);
}

/* The most of a mask within `radius` pixels of a point. */
static int most_around(const uint8_t *mask, const float at[2], int radius) {
    int most = 0;
    for (int y = (int)at[1] - radius; y <= (int)at[1] + radius; y++)
        for (int x = (int)at[0] - radius; x <= (int)at[0] + radius; x++)
            if (x >= 0 && y >= 0 && x < SIZE && y < SIZE && mask[y * SIZE + x] > most)
                most = mask[y * SIZE + x];
    return most;
}

static float luma(const VvFrame *f, int x, int y) {
    const uint8_t *p = f->rgb + 3 * (y * SIZE + x);
    return 0.3f * (float)p[0] + 0.6f * (float)p[1] + 0.1f * (float)p[2];
}

/* left, top, right, bottom of what a mask covers at least half */
static void bounds_of(const uint8_t *mask, float out[4]) {
    out[0] = out[1] = SIZE;
    out[2] = out[3] = 0;
    for (int i = 0; i < SIZE * SIZE; i++)
        if (mask[i] >= 128) {
            const float x = (float)(i % SIZE), y = (float)(i / SIZE);
            out[0] = minf(out[0], x);
            out[1] = minf(out[1], y);
            out[2] = maxf(out[2], x + 1);
            out[3] = maxf(out[3], y + 1);
        }
}

static void test_lip_mask_covers_the_lips(void **state) {
    Rig *rig = *state;
    for (int person = 0; person < PEOPLE; person++)
        for (size_t i = 0; i < sizeof mouths / sizeof *mouths; i++) {
            const VvPose pose = vv_face_pose(mouths[i]);
            draw(rig, person, &pose);
            const VvFrame *f = &rig->frame;
            float box[4], marks[4] = {SIZE, SIZE, 0, 0};
            for (int l = 48; l < 68; l++) {
                assert_true(most_around(f->lip, f->landmark[l], 2) > 64);
                marks[0] = minf(marks[0], f->landmark[l][0]);
                marks[1] = minf(marks[1], f->landmark[l][1]);
                marks[2] = maxf(marks[2], f->landmark[l][0]);
                marks[3] = maxf(marks[3], f->landmark[l][1]);
            }
            bounds_of(f->lip, box);
            for (int k = 0; k < 4; k++) /* and nothing but the lips */
                assert_true(fabsf(box[k] - marks[k]) < 3.5f);
        }
}

static void test_landmarks_lie_on_the_face(void **state) {
    Rig *rig = *state;
    for (int person = 0; person < PEOPLE; person++)
        for (int face = VV_FACE_REST; face < VV_FACES; face++) {
            const VvPose pose = vv_face_pose((VvFace)face);
            draw(rig, person, &pose);
            const VvFrame *f = &rig->frame;
            for (int l = 17; l < VV_LANDMARKS; l++)
                if (f->visible[l])
                    assert_true(most_around(f->face, f->landmark[l], 2) > 64);
            for (int l = 3; l < 14; l++) /* the jaw: on the face or at its edge */
                if (f->visible[l])
                    assert_true(most_around(f->face, f->landmark[l], 4) > 64);
        }
}

static void test_far_side_is_not_visible(void **state) {
    Rig *rig = *state;
    VvPose pose = vv_face_pose(VV_FACE_REST);
    draw(rig, 2, &pose);
    for (int l = 17; l < VV_LANDMARKS; l++)
        assert_true(rig->frame.visible[l]);
    pose.head[0] = 1.2f; /* turned to the subject's left: their left eye goes out of sight */
    draw(rig, 2, &pose);
    assert_false(rig->frame.visible[45]);
    assert_true(rig->frame.visible[36]);
    assert_true(rig->frame.landmark[30][0] > rig->frame.landmark[36][0]); /* the nose points right in the picture */
}

static void test_masks_share_a_pixel(void **state) {
    Rig *rig = *state;
    const VvPose pose = vv_face_pose(VV_FACE_REST);
    int covered[PEOPLE] = {0};
    for (int person = 0; person < PEOPLE; person++) {
        draw(rig, person, &pose);
        for (int i = 0; i < SIZE * SIZE; i++) {
            assert_true(rig->frame.face[i] + rig->frame.hair[i] <= 255);
            assert_true(rig->frame.lip[i] <= rig->frame.face[i]);
            covered[person] += rig->frame.hair[i] >= 128;
        }
    }
    assert_true(covered[0] > 1500);
    assert_true(covered[1] > covered[0]);
    assert_int_equal(covered[2], 0);
}

static void test_lips_are_shut_at_rest(void **state) {
    Rig *rig = *state;
    for (int person = 0; person < PEOPLE; person++) {
        const VvPose rest = vv_face_pose(VV_FACE_REST), shut = vv_face_pose(VV_FACE_MBP),
                     open = vv_face_pose(VV_FACE_AA);
        draw(rig, person, &rest);
        assert_true(fabsf(rig->frame.lip_gap) < 0.04f);
        draw(rig, person, &shut);
        assert_true(rig->frame.lip_gap < 0.04f);
        draw(rig, person, &open);
        assert_true(rig->frame.lip_gap > 1);
    }
}

static void test_blink_closes_the_eye(void **state) {
    Rig *rig = *state;
    for (int person = 0; person < PEOPLE; person++) {
        VvPose pose = vv_face_pose(VV_FACE_REST);
        draw(rig, person, &pose);
        float open[2], cheek[2];
        for (int e = 0; e < 2; e++) {
            const float *iris = rig->frame.iris[e];
            assert_true(rig->frame.lid_gap[e] > 0.45f);
            open[e] = luma(&rig->frame, (int)iris[0], (int)iris[1]);
            cheek[e] = luma(&rig->frame, (int)iris[0], (int)iris[1] + 22);
            assert_true(open[e] < 0.75f * cheek[e]); /* dark against the skin */
        }
        pose.expression[VV_EYE_BLINK_L] = 1; /* one eye alone */
        draw(rig, person, &pose);
        assert_true(rig->frame.lid_gap[0] < 0.12f && rig->frame.lid_gap[1] > 0.45f);
        const float *iris = rig->frame.iris[0];
        assert_true(luma(&rig->frame, (int)iris[0], (int)iris[1] - 2) >
                    open[0] + 0.15f * cheek[0]); /* a lid is there now */
    }
}

/* The middle of the longest dark stretch between the lids, by the picture alone. */
static float dark_x(const VvFrame *f, int eye) {
    const int from = eye ? 36 : 42;
    float left = SIZE, right = 0, top = SIZE, bottom = 0, brightest = 0;
    for (int l = from; l < from + 6; l++) {
        left = minf(left, f->landmark[l][0]);
        right = maxf(right, f->landmark[l][0]);
        top = minf(top, f->landmark[l][1]);
        bottom = maxf(bottom, f->landmark[l][1]);
    }
    const int middle = (int)(0.45f * top + 0.55f * bottom);
    int longest = 0, end = 0, run = 0;
    for (int x = (int)left + 2; x < (int)right - 1; x++)
        brightest = maxf(brightest, luma(f, x, middle));
    for (int x = (int)left + 3; x < (int)right - 2; x++) {
        run = luma(f, x, middle) < 0.45f * brightest ? run + 1 : 0;
        if (run > longest) {
            longest = run;
            end = x + 1;
        }
    }
    return (float)end - 0.5f * (float)longest;
}

static void test_iris_is_where_the_gaze_says(void **state) {
    Rig *rig = *state;
    static const float yaws[] = {-0.16f, -0.08f, 0, 0.08f, 0.16f};
    for (int person = 0; person < PEOPLE; person++) {
        float last = 0;
        for (size_t i = 0; i < sizeof yaws / sizeof *yaws; i++) {
            VvPose pose = vv_face_pose(VV_FACE_REST);
            pose.gaze[0] = yaws[i];
            draw(rig, person, &pose);
            for (int e = 0; e < 2; e++)
                assert_true(fabsf(dark_x(&rig->frame, e) - rig->frame.iris[e][0]) < 1.6f);
            assert_true(rig->frame.iris[0][0] > last + 0.6f); /* to the subject's left is to the right */
            last = rig->frame.iris[0][0];
        }
        VvPose up = vv_face_pose(VV_FACE_REST), down = up;
        up.gaze[1] = 0.2f;
        down.gaze[1] = -0.2f;
        draw(rig, person, &up);
        const float high = rig->frame.iris[0][1];
        assert_true(rig->frame.pose.expression[VV_EYE_LOOK_UP_L] > 0.3f); /* the lids follow, and the truth says so */
        draw(rig, person, &down);
        assert_true(rig->frame.iris[0][1] > high + 3);
    }
}

typedef struct Take {
    const VvPerformer *performer;
    VvFrame frame[4];
} Take;

static void *shoot(void *data) {
    Take *take = data;
    VvRenderer *renderer = vv_renderer_open();
    VvSway *sway = calloc(1, sizeof *sway);
    for (int i = 0; i < 4 && renderer && sway; i++) {
        VvPose pose = vv_face_pose(mouths[i]);
        pose.head[0] = 0.2f * (float)i;
        vv_sway_step(sway, vv_performer_hair(take->performer), &pose);
        vv_render(renderer, take->performer, sway, &pose, &take->frame[i]);
    }
    vv_renderer_close(&renderer);
    free(sway);
    return NULL;
}

static void test_same_bytes_on_any_thread(void **state) {
    Rig *rig = *state;
    static Take take[3];
    for (int t = 0; t < 3; t++) {
        take[t].performer = rig->performer[1];
        for (int i = 0; i < 4; i++)
            assert_true(vv_frame_open(&take[t].frame[i], SIZE));
    }
    pthread_t thread[2];
    shoot(&take[0]);
    for (int t = 0; t < 2; t++) /* both at once */
        assert_int_equal(pthread_create(&thread[t], NULL, shoot, &take[t + 1]), 0);
    for (int t = 0; t < 2; t++)
        pthread_join(thread[t], NULL);
    for (int t = 1; t < 3; t++)
        for (int i = 0; i < 4; i++) {
            const VvFrame *a = &take[0].frame[i], *b = &take[t].frame[i];
            assert_memory_equal(a->rgb, b->rgb, SIZE * SIZE * 3);
            assert_memory_equal(a->face, b->face, SIZE * SIZE);
            assert_memory_equal(a->lip, b->lip, SIZE * SIZE);
            assert_memory_equal(a->hair, b->hair, SIZE * SIZE);
            assert_memory_equal(a->landmark, b->landmark, sizeof a->landmark);
        }
    assert_memory_not_equal(take[0].frame[0].rgb, take[0].frame[1].rgb, SIZE * SIZE * 3);
    for (int t = 0; t < 3; t++)
        for (int i = 0; i < 4; i++)
            vv_frame_close(&take[t].frame[i]);
}

static void test_same_person_again(void **state) {
    Rig *rig = *state;
    const VvPose pose = vv_face_pose(VV_FACE_SMILE);
    VvScene scene;
    vv_scene_random(&scene, 5);
    VvPerformer *again = vv_performer_open(rig->studio, vv_performer_identity(rig->performer[0]), &scene, SIZE);
    VvFrame frame;
    assert_non_null(again);
    assert_true(vv_frame_open(&frame, SIZE));
    draw(rig, 0, &pose);
    vv_render(rig->renderer, again, NULL, &pose, &frame);
    assert_memory_equal(frame.rgb, rig->frame.rgb, SIZE * SIZE * 3);
    vv_frame_close(&frame);
    vv_performer_close(&again);
}

static void test_hair_swings_and_settles(void **state) {
    Rig *rig = *state;
    const VvHair *hair = vv_performer_hair(rig->performer[1]);
    VvSway *sway = calloc(1, sizeof *sway);
    assert_non_null(sway);
    VvPose pose = {0};
    float most = 0, moved = 0;
    for (int i = 0; i < 80; i++) {
        pose.head[0] = i >= 10 && i < 16 ? 0.1f * (float)(i - 9) : i < 10 ? 0 : 0.6f;
        vv_sway_step(sway, hair, &pose);
        most = 0;
        for (int k = 0; k < VV_HAIR_CLUMPS; k++)
            most = maxf(most, length(sway->offset[k]));
        assert_true(most <= hair->looseness + 1e-4f);
        if (i == 9)
            assert_true(most == 0); /* a still head's hair hangs still */
        moved = maxf(moved, most);
    }
    assert_true(moved > 0.3f);
    assert_true(most < 0.05f * moved);
    free(sway);
}

static void test_webcam_moves_the_truth_along(void **state) {
    Rig *rig = *state;
    const VvPose pose = vv_face_pose(VV_FACE_AA);
    float *scratch = calloc(SIZE * SIZE * 3, sizeof *scratch);
    VvFrame seen;
    assert_non_null(scratch);
    assert_true(vv_frame_open(&seen, SIZE));
    draw(rig, 0, &pose);
    const VvWebcam plain = {.zoom = 1, .gain = 1};
    vv_webcam_see(&plain, &rig->frame, NULL, 0, scratch, &seen);
    assert_memory_equal(seen.rgb, rig->frame.rgb, SIZE * SIZE * 3);
    assert_memory_equal(seen.lip, rig->frame.lip, SIZE * SIZE);

    const VvWebcam moved = {
        .zoom = 0.8f, .shift = {0.1f, -0.05f}, .tilt = 0.1f, .gain = 0.6f, .noise = 4, .coarseness = 8};
    vv_webcam_see(&moved, &rig->frame, NULL, 0, scratch, &seen);
    for (int l = 48; l < 68; l++)
        assert_true(most_around(seen.lip, seen.landmark[l], 2) > 64);
    assert_true(seen.landmark[30][0] > rig->frame.landmark[30][0] + 15);

    const VvWebcam away = {.zoom = 1, .gain = 1, .shift = {0.9f, 0}};
    vv_webcam_see(&away, &rig->frame, NULL, 0, scratch, &seen);
    for (int l = 0; l < VV_LANDMARKS; l++)
        assert_true(!seen.visible[l] || seen.landmark[l][0] < SIZE);
    assert_false(seen.visible[30]);

    const VvWebcam off = {.zoom = 1, .gain = 1, .off = true};
    vv_webcam_see(&off, &rig->frame, NULL, 0, scratch, &seen);
    for (int l = 0; l < VV_LANDMARKS; l++)
        assert_false(seen.visible[l]);
    for (int i = 1; i < SIZE * SIZE * 3; i++)
        assert_int_equal(seen.rgb[i], seen.rgb[0]);
    vv_frame_close(&seen);
    free(scratch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lip_mask_covers_the_lips),
        cmocka_unit_test(test_landmarks_lie_on_the_face),
        cmocka_unit_test(test_far_side_is_not_visible),
        cmocka_unit_test(test_masks_share_a_pixel),
        cmocka_unit_test(test_lips_are_shut_at_rest),
        cmocka_unit_test(test_blink_closes_the_eye),
        cmocka_unit_test(test_iris_is_where_the_gaze_says),
        cmocka_unit_test(test_same_bytes_on_any_thread),
        cmocka_unit_test(test_same_person_again),
        cmocka_unit_test(test_hair_swings_and_settles),
        cmocka_unit_test(test_webcam_moves_the_truth_along),
    };
    return cmocka_run_group_tests(tests, open_rig, close_rig);
}

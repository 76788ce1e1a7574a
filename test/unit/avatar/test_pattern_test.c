/* The test pattern's picture: its geometry is exact, and what was drawn can be read back, also from damaged pictures.
 */
#include "test/unit/avatar/rig.h"

#include "server/media/vp8_codec.h"

#define CAMERA_WIDTH 320
#define CAMERA_HEIGHT 240

/* A camera picture of 3 x 3 flat colours, told apart by `random`; `zones` gets them as R'G'B'. */
static VvPicture zones_camera(uint64_t *random, uint8_t zones[3][3][3]) {
    VvPicture picture = picture_of(CAMERA_WIDTH, CAMERA_HEIGHT);
    uint8_t *rgb = malloc((size_t)CAMERA_WIDTH * CAMERA_HEIGHT * 3);
    assert_non_null(rgb);
    for (int i = 0; i < 27; i++)
        zones[i / 9][i / 3 % 3][i % 3] = (uint8_t)(40 + next_random(random) % 176);
    for (int y = 0; y < CAMERA_HEIGHT; y++)
        for (int x = 0; x < CAMERA_WIDTH; x++)
            memcpy(rgb + 3 * (y * CAMERA_WIDTH + x), zones[3 * y / CAMERA_HEIGHT][3 * x / CAMERA_WIDTH], 3);
    vv_picture_from_rgb(&picture, rgb, 3 * CAMERA_WIDTH);
    free(rgb);
    return picture;
}

static void assert_luma(const VvPicture *picture, VvPatternRect r, uint8_t value) {
    for (int y = r.y; y < r.y + r.height; y++)
        for (int x = r.x; x < r.x + r.width; x++)
            assert_int_equal(picture->plane[0][y * picture->stride[0] + x], value);
}

/* Not "more than": a NaN must fail. */
static void assert_near(float value, float expected, float tolerance) {
    if (!(fabsf(value - expected) <= tolerance))
        fail_msg("%f is not within %f of %f", (double)value, (double)tolerance, (double)expected);
}

static void assert_zones(const VvPatternReading *reading, uint8_t zones[3][3][3], float tolerance) {
    for (int i = 0; i < 27; i++)
        assert_near(reading->thumbnail[i / 9][i / 3 % 3][i % 3], zones[i / 9][i / 3 % 3][i % 3], tolerance);
}

static void geometry_is_exact(void **state) {
    (void)state;
    VvAvatar *avatar = pattern_of(256, 256);
    for (int character = 0; character < 2; character++) {
        Rig *rig = rig_new(avatar, 1);
        rig->item.character = character;
        rig->item.affect = (VvAffect){.label = 3, .intensity = 1};
        set_speech(rig, 0, 0.125f); /* half: 24 of 48 rows */
        set_speech(rig, 1, 1);
        rig_step(avatar, rig, 0, 0xA53C0F);
        const VvPicture *frame = &rig->item.frames[0];
        const VvPatternRect mouth = VV_TEST_PATTERN_MOUTH;
        assert_luma(frame, (VvPatternRect){mouth.x, mouth.y, mouth.width, 11}, VV_TEST_PATTERN_LIPS);
        assert_luma(frame, (VvPatternRect){mouth.x, mouth.y + 13, mouth.width, 22}, VV_TEST_PATTERN_LIGHT);
        assert_luma(frame, (VvPatternRect){mouth.x, mouth.y + 37, mouth.width, 11}, VV_TEST_PATTERN_LIPS);
        assert_luma(&rig->item.frames[1], mouth, VV_TEST_PATTERN_LIGHT);
        assert_luma(&rig->item.frames[2], mouth, VV_TEST_PATTERN_LIPS);
        for (int bit = 0; bit < 24; bit++)
            assert_luma(frame, (VvPatternRect){32 + 8 * bit, 228, 8, 12}, 0xA53C0F >> (23 - bit) & 1 ? 235 : 16);
        assert_luma(frame, VV_TEST_PATTERN_GUARD_LEFT, VV_TEST_PATTERN_LIGHT);
        assert_luma(frame, VV_TEST_PATTERN_GUARD_RIGHT, VV_TEST_PATTERN_LIGHT);
        const VvYuv colour = vv_test_pattern_affect(3, 1);
        assert_int_equal(frame->plane[0][52 * frame->stride[0] + 112], VV_TEST_PATTERN_AFFECT_LUMA);
        assert_int_equal(frame->plane[1][26 * frame->stride[1] + 56], colour.u);
        assert_int_equal(frame->plane[2][26 * frame->stride[2] + 56], colour.v);
        assert_int_equal(frame->plane[1][64 * frame->stride[1]], colour.u); /* the border */
        rig_free(avatar, rig);
    }
    avatar->close(&avatar);
    assert_null(avatar);
}

/* Draws random values into a picture and reads them back. */
static void draw_and_read(VvAvatar *avatar, Rig *rig, uint64_t *random, float tolerance) {
    uint8_t zones[3][3][3];
    VvPicture camera = zones_camera(random, zones);
    const uint32_t number = (uint32_t)(next_random(random) % ((1 << 24) - VV_WINDOW_FRAMES));
    const float voice = random_unit(random);
    const VvPatternRect place =
        vv_test_pattern_place_even(VV_TEST_PATTERN_THUMBNAIL, avatar->info.width, avatar->info.height);
    float mouth[VV_WINDOW_FRAMES];
    for (int i = 0; i < VV_WINDOW_FRAMES; i++) {
        mouth[i] = random_unit(random);
        set_speech(rig, i, mouth[i] * VV_TEST_PATTERN_MOUTH_FULL);
    }
    set_rows(rig->user, USER_ROWS, voice * VV_TEST_PATTERN_MOUTH_FULL);
    rig->item.user_rows = USER_ROWS;
    rig->item.camera = &camera;
    rig->item.character = (int)(next_random(random) % 2);
    rig->item.affect.label = (int)(next_random(random) % 8);
    rig->item.affect.intensity = 0.2f + 0.8f * random_unit(random);
    rig_step(avatar, rig, 0, number);
    for (int i = 0; i < VV_WINDOW_FRAMES; i++) {
        VvPatternReading reading;
        assert_true(vv_test_pattern_read(&rig->item.frames[i], &reading));
        assert_int_equal(reading.frame, number + (uint32_t)i);
        assert_near(reading.mouth, mouth[i], tolerance);
        assert_near(reading.voice, voice, tolerance);
        assert_int_equal(reading.label, rig->item.affect.label);
        assert_near(reading.intensity, reading.label ? rig->item.affect.intensity : 0, 0.02f);
        if (place.width * 3 == place.height * 4) /* else there is black beside the camera's picture */
            assert_zones(&reading, zones, 6);
    }
    vv_picture_free(&camera);
}

static void reader_inverts_drawing(void **state) {
    (void)state;
    static const int sizes[][2] = {{256, 256}, {512, 512}, {320, 240},  {640, 480},
                                   {257, 255}, {192, 256}, {1024, 1024}};
    uint64_t random = 11;
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        VvAvatar *avatar = pattern_of(sizes[s][0], sizes[s][1]);
        Rig *rig = rig_new(avatar, 2);
        for (int round = 0; round < 10; round++)
            draw_and_read(avatar, rig, &random, 0.01f);
        rig_free(avatar, rig);
        avatar->close(&avatar);
    }
}

/* At small sizes a 4:3 camera does not fill its place to the pixel, so its colours are not compared. */
static void small_and_odd_sizes_can_be_read(void **state) {
    (void)state;
    static const int sizes[][2] = {{64, 64}, {130, 98}, {131, 97}, {98, 130}, {64, 511}, {1021, 65}};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        VvAvatar *avatar = pattern_of(sizes[s][0], sizes[s][1]);
        Rig *rig = rig_new(avatar, 3);
        uint64_t random = 12;
        uint8_t zones[3][3][3];
        VvPicture camera = zones_camera(&random, zones);
        rig->item.camera = &camera;
        rig->item.affect = (VvAffect){.label = 5, .intensity = 0.7f};
        for (int round = 0; round < 10; round++) {
            const uint32_t number = (uint32_t)(next_random(&random) >> 42);
            const float mouth = random_unit(&random);
            set_speech(rig, 0, mouth * VV_TEST_PATTERN_MOUTH_FULL);
            rig_step(avatar, rig, 0, number);
            VvPatternReading reading;
            assert_true(vv_test_pattern_read(&rig->item.frames[0], &reading));
            assert_int_equal(reading.frame, number);
            assert_near(reading.mouth, mouth, 0.01f);
            assert_int_equal(reading.label, 5);
        }
        vv_picture_free(&camera);
        rig_free(avatar, rig);
        avatar->close(&avatar);
    }
}

static void damage(VvPicture *picture, uint64_t *random) {
    for (int p = 0; p < 3; p++) {
        const int width = p ? (picture->width + 1) / 2 : picture->width;
        const int height = p ? (picture->height + 1) / 2 : picture->height;
        uint8_t *plane = picture->plane[p];
        const int stride = picture->stride[p];
        /* A blur of two by two, then noise of up to 24 either way. */
        for (int y = 0; y + 1 < height; y++)
            for (int x = 0; x + 1 < width; x++) {
                const uint8_t *at = plane + y * stride + x;
                const int blurred = (at[0] + at[1] + at[stride] + at[stride + 1] + 2) / 4;
                const int noisy = blurred + (int)(next_random(random) % 49) - 24;
                plane[y * stride + x] = (uint8_t)(noisy < 0 ? 0 : noisy > 255 ? 255 : noisy);
            }
    }
}

static void reader_bears_noise_and_blur(void **state) {
    (void)state;
    VvAvatar *avatar = pattern_of(256, 256);
    Rig *rig = rig_new(avatar, 4);
    uint64_t random = 13;
    for (int round = 0; round < 20; round++) {
        const uint32_t number = (uint32_t)(next_random(&random) >> 42);
        const float mouth = random_unit(&random);
        set_speech(rig, 0, mouth * VV_TEST_PATTERN_MOUTH_FULL);
        rig->item.affect = (VvAffect){.label = 1 + round % 7, .intensity = 0.5f};
        rig_step(avatar, rig, 0, number);
        damage(&rig->item.frames[0], &random);
        VvPatternReading reading;
        assert_true(vv_test_pattern_read(&rig->item.frames[0], &reading));
        assert_int_equal(reading.frame, number);
        assert_near(reading.mouth, mouth, 0.03f);
        assert_int_equal(reading.label, 1 + round % 7);
        assert_near(reading.intensity, 0.5f, 0.05f);
    }
    rig_free(avatar, rig);
    avatar->close(&avatar);
}

/* The way it is used: coded at 300 kbit/s with a mouth that talks. */
static void reader_bears_vp8(void **state) {
    (void)state;
    VvAvatar *avatar = pattern_of(256, 256);
    Rig *rig = rig_new(avatar, 5);
    VvVp8Encoder *encoder = vv_vp8_encoder_new(256, 256, VV_FPS, 300);
    VvVp8Decoder *decoder = vv_vp8_decoder_new();
    assert_non_null(encoder);
    assert_non_null(decoder);
    uint64_t random = 14;
    uint8_t zones[3][3][3];
    VvPicture camera = zones_camera(&random, zones);
    rig->item.camera = &camera;
    rig->item.affect = (VvAffect){.label = 2, .intensity = 0.8f};
    rig->item.user_rows = USER_ROWS;
    int seen = 0;
    for (int n = 0; n < 250; n += VV_WINDOW_FRAMES) {
        float mouth[VV_WINDOW_FRAMES];
        for (int i = 0; i < VV_WINDOW_FRAMES; i++) {
            mouth[i] = 0.5f + 0.5f * sinf(0.9f * (float)(n + i));
            set_speech(rig, i, mouth[i] * VV_TEST_PATTERN_MOUTH_FULL);
        }
        set_rows(rig->user, USER_ROWS, 0.25f * random_unit(&random));
        rig_step(avatar, rig, n ? VV_WINDOW_FRAMES : 0, 70000 + n);
        for (int i = 0; i < VV_WINDOW_FRAMES; i++) {
            const uint8_t *data;
            size_t size;
            bool key;
            VvPicture decoded;
            VvPatternReading reading;
            assert_int_equal(vv_vp8_encode(encoder, &rig->item.frames[i], false, &data, &size, &key), 0);
            if (!size)
                continue; /* the rate control's choice */
            assert_int_equal(vv_vp8_decode(decoder, data, size, 256, 256, &decoded), 0);
            assert_true(vv_test_pattern_read(&decoded, &reading));
            assert_int_equal(reading.frame, 70000 + n + i);
            /* The first key frame is coarse; its colours get better within a few frames. */
            const bool settled = n >= 10;
            assert_near(reading.mouth, mouth[i], 0.02f);
            assert_int_equal(reading.label, 2);
            assert_near(reading.intensity, 0.8f, settled ? 0.03f : 0.1f);
            assert_zones(&reading, zones, settled ? 6 : 12);
            seen++;
        }
    }
    assert_in_range(seen, 225, 250);
    vv_picture_free(&camera);
    vv_vp8_encoder_free(&encoder);
    vv_vp8_decoder_free(&decoder);
    rig_free(avatar, rig);
    avatar->close(&avatar);
}

static void reader_refuses_other_pictures(void **state) {
    (void)state;
    VvPatternReading reading;
    uint64_t random = 15;
    VvPicture picture = picture_of(256, 256);
    for (int luma = 16; luma <= 235; luma += 73) {
        vv_picture_fill(&picture, 0, 0, 256, 256, (VvYuv){(uint8_t)luma, 128, 128});
        assert_false(vv_test_pattern_read(&picture, &reading));
    }
    for (int y = 0; y < 256; y++)
        for (int x = 0; x < 256; x++)
            picture.plane[0][y * picture.stride[0] + x] = (uint8_t)next_random(&random);
    assert_false(vv_test_pattern_read(&picture, &reading));
    vv_picture_free(&picture);

    VvAvatar *avatar = pattern_of(256, 256);
    Rig *rig = rig_new(avatar, 1);
    rig_step(avatar, rig, 0, 5);
    assert_true(vv_test_pattern_read(&rig->item.frames[0], &reading));
    VvPicture *frame = &rig->item.frames[0];
    for (int y = 228; y < 240; y++)
        memset(frame->plane[0] + y * frame->stride[0] + 40, 126, 8); /* one cell neither dark nor light */
    assert_false(vv_test_pattern_read(frame, &reading));
    rig_free(avatar, rig);
    avatar->close(&avatar);
}

static void mouth_is_linear(void **state) {
    (void)state;
    VvAvatar *avatar = pattern_of(256, 256);
    Rig *rig = rig_new(avatar, 6);
    VvPatternReading reading;
    for (int step = 0; step <= 60; step++) {
        const float amplitude = 0.005f * (float)step;
        set_speech(rig, 3, amplitude);
        rig_step(avatar, rig, 0, 0);
        for (int i = 0; i < VV_WINDOW_FRAMES; i++) {
            assert_true(vv_test_pattern_read(&rig->item.frames[i], &reading));
            const float expected = i != 3 ? 0 : amplitude < 0.25f ? amplitude / 0.25f : 1;
            assert_near(reading.mouth, expected, 0.005f);
        }
    }
    /* The four rows of a frame count by their power. */
    set_rows(rig->speech + (VV_SPEECH_PAST_FRAMES + 3) * VV_HOPS * VV_MEL_BANDS, 3, 0);
    set_rows(rig->speech + ((VV_SPEECH_PAST_FRAMES + 3) * VV_HOPS + 3) * VV_MEL_BANDS, 1, 0.2f);
    rig_step(avatar, rig, 0, 0);
    assert_true(vv_test_pattern_read(&rig->item.frames[3], &reading));
    assert_near(reading.mouth, 0.1f / 0.25f, 0.005f);
    rig_free(avatar, rig);
    avatar->close(&avatar);
}

static void frames_without_speech_are_silent(void **state) {
    (void)state;
    VvAvatar *avatar = pattern_of(256, 256);
    Rig *rig = rig_new(avatar, 7);
    set_rows(rig->speech, VV_SPEECH_ROWS, 0.2f);
    for (int known = 0; known <= VV_WINDOW_FRAMES; known++) {
        rig->item.speech_frames = known;
        rig_step(avatar, rig, 0, 0);
        for (int i = 0; i < VV_WINDOW_FRAMES; i++) {
            VvPatternReading reading;
            assert_true(vv_test_pattern_read(&rig->item.frames[i], &reading));
            assert_near(reading.mouth, i < known ? 0.8f : 0, 0.005f);
        }
    }
    rig_free(avatar, rig);
    avatar->close(&avatar);
}

static void clock_wraps(void **state) {
    (void)state;
    VvAvatar *avatar = pattern_of(256, 256);
    Rig *rig = rig_new(avatar, 8);
    VvPatternReading reading;
    rig_step(avatar, rig, 0, (INT64_C(1) << 24) - 2);
    static const uint32_t expected[] = {0xfffffe, 0xffffff, 0, 1, 2};
    for (int i = 0; i < VV_WINDOW_FRAMES; i++) {
        assert_true(vv_test_pattern_read(&rig->item.frames[i], &reading));
        assert_int_equal(reading.frame, expected[i]);
    }
    rig_step(avatar, rig, 0, -1);
    assert_true(vv_test_pattern_read(&rig->item.frames[0], &reading));
    assert_int_equal(reading.frame, 0xffffff);
    rig_free(avatar, rig);
    avatar->close(&avatar);
}

static void thumbnail_keeps_its_aspect(void **state) {
    (void)state;
    static const int sizes[][2] = {{320, 80}, {80, 320}, {321, 81}, {1, 240}};
    VvAvatar *avatar = pattern_of(256, 256);
    for (int s = 0; s < 4; s++) {
        Rig *rig = rig_new(avatar, 9);
        VvPicture camera = picture_of(sizes[s][0], sizes[s][1]);
        for (int p = 0; p < 3; p++)
            for (int y = 0; y < (p ? (camera.height + 1) / 2 : camera.height); y++)
                memset(camera.plane[p] + y * camera.stride[p], p ? 128 : 200,
                       (size_t)(p ? (camera.width + 1) / 2 : camera.width));
        rig->item.camera = &camera;
        rig_step(avatar, rig, 0, 0);
        for (int i = 0; i < VV_WINDOW_FRAMES; i++) {
            const VvPicture *frame = &rig->item.frames[i];
            const bool wide = camera.width > camera.height;
            assert_near(frame->plane[0][52 * frame->stride[0] + 191], 200, 2);
            assert_near(frame->plane[0][52 * frame->stride[0] + 146], wide ? 200 : 16, 2);
            assert_near(frame->plane[0][18 * frame->stride[0] + 191], wide ? 16 : 200, 2);
        }
        vv_picture_free(&camera);
        rig_free(avatar, rig);
    }
    avatar->close(&avatar);
}

static void sizes_are_checked(void **state) {
    (void)state;
    VvAvatar *avatar;
    assert_int_equal(vv_test_pattern_open(63, 256, &avatar), -EINVAL);
    assert_null(avatar);
    assert_int_equal(vv_test_pattern_open(256, 4097, &avatar), -EINVAL);
    assert_null(avatar);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(geometry_is_exact),
        cmocka_unit_test(reader_inverts_drawing),
        cmocka_unit_test(small_and_odd_sizes_can_be_read),
        cmocka_unit_test(reader_bears_noise_and_blur),
        cmocka_unit_test(reader_bears_vp8),
        cmocka_unit_test(reader_refuses_other_pictures),
        cmocka_unit_test(mouth_is_linear),
        cmocka_unit_test(frames_without_speech_are_silent),
        cmocka_unit_test(clock_wraps),
        cmocka_unit_test(thumbnail_keeps_its_aspect),
        cmocka_unit_test(sizes_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

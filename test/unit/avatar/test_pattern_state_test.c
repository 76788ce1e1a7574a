/* The test pattern's memory: what was sent moves it on, what was thrown away leaves no trace, and it can be saved. */
#include "test/unit/avatar/rig.h"

#define FRAMES 400
#define SNAPSHOT_ROOM 256

/* Every frame of an undisturbed session of 64 x 64 pictures, made one at a time. */
static VvPicture *reference_frames(VvAvatar *avatar, uint64_t seed) {
    VvPicture *frames = calloc(FRAMES, sizeof *frames);
    assert_non_null(frames);
    Rig *rig = rig_new(avatar, seed);
    for (int n = 0; n < FRAMES; n++) {
        rig_step(avatar, rig, n ? 1 : 0, n);
        frames[n] = picture_of(avatar->info.width, avatar->info.height);
        vv_picture_copy(&frames[n], &rig->item.frames[0]);
    }
    rig_free(avatar, rig);
    return frames;
}

static void free_frames(VvPicture *frames) {
    for (int n = 0; n < FRAMES; n++)
        vv_picture_free(&frames[n]);
    free(frames);
}

static void assert_window(const Rig *rig, const VvPicture *reference, int first) {
    for (int i = 0; i < VV_WINDOW_FRAMES; i++)
        assert_true(same_picture(&rig->item.frames[i], &reference[first + i]));
}

static void frames_depend_on_what_was_sent(void **state) {
    (void)state;
    VvAvatar *avatar = pattern_of(64, 64);
    VvPicture *reference = reference_frames(avatar, 21);
    for (int kept = 0; kept <= VV_WINDOW_FRAMES; kept++) {
        Rig *rig = rig_new(avatar, 21);
        rig_step(avatar, rig, 0, 0);
        assert_window(rig, reference, 0);
        rig_step(avatar, rig, kept, kept);
        assert_window(rig, reference, kept);
        for (int again = 0; again < 3; again++) {
            rig_step(avatar, rig, 0, kept);
            assert_window(rig, reference, kept);
        }
        rig_free(avatar, rig);
    }
    /* A long random walk. */
    Rig *rig = rig_new(avatar, 21);
    uint64_t random = 5;
    int sent = 0;
    rig_step(avatar, rig, 0, 0);
    while (sent + 2 * VV_WINDOW_FRAMES < FRAMES) {
        const int kept = (int)(next_random(&random) % (VV_WINDOW_FRAMES + 1));
        sent += kept;
        rig_step(avatar, rig, kept, sent);
        assert_window(rig, reference, sent);
    }
    rig_free(avatar, rig);
    free_frames(reference);
    avatar->close(&avatar);
}

/* Nothing was made before the first window, so nothing of it can have been sent. */
static void first_window_keeps_nothing(void **state) {
    (void)state;
    VvAvatar *avatar = pattern_of(64, 64);
    VvPicture *reference = reference_frames(avatar, 22);
    Rig *rig = rig_new(avatar, 22);
    uint8_t bytes[SNAPSHOT_ROOM];
    const size_t size = avatar->snapshot(avatar, rig->item.state, bytes, sizeof bytes);
    rig_step(avatar, rig, VV_WINDOW_FRAMES, 0);
    assert_window(rig, reference, 0);
    avatar->destroy(avatar, &rig->item.state);
    rig->item.state = avatar->restore(avatar, bytes, size); /* that too is remembered */
    assert_non_null(rig->item.state);
    rig_step(avatar, rig, VV_WINDOW_FRAMES, 0);
    assert_window(rig, reference, 0);
    rig_free(avatar, rig);
    free_frames(reference);
    avatar->close(&avatar);
}

static bool eye_is_open(const VvPicture *frame) {
    return frame->plane[0][119 * frame->stride[0] + 92] > 200; /* the white above the left pupil's side */
}

static void seed_decides_the_blinks(void **state) {
    (void)state;
    VvAvatar *avatar = pattern_of(256, 256);
    int first_closed[2][4];
    for (int s = 0; s < 2; s++) {
        VvPicture *frames = reference_frames(avatar, 31 + (uint64_t)s);
        for (int stretch = 0; stretch < 4; stretch++) {
            int blinks = 0;
            for (int n = stretch * 100; n < (stretch + 1) * 100; n++)
                if (!eye_is_open(&frames[n]) && (n == 0 || eye_is_open(&frames[n - 1]))) {
                    first_closed[s][stretch] = n;
                    blinks++;
                }
            assert_int_equal(blinks, 1);
        }
        free_frames(frames);
    }
    assert_memory_not_equal(first_closed[0], first_closed[1], sizeof first_closed[0]);
    avatar->close(&avatar);
}

static float voice_of(const VvPicture *frame) {
    VvPatternReading reading;
    assert_true(vv_test_pattern_read(frame, &reading));
    return reading.voice;
}

static void voice_is_heard_and_falls(void **state) {
    (void)state;
    VvAvatar *avatar = pattern_of(256, 256);
    Rig *rig = rig_new(avatar, 1);
    set_rows(rig->user, VV_HOPS * 2, 0.2f); /* heard in the first two frames' part, then silence */
    rig->item.user_rows = USER_ROWS;
    for (int again = 0; again < 2; again++) {
        rig_step(avatar, rig, 0, 0);
        for (int i = 0; i < VV_WINDOW_FRAMES; i++) {
            const float expected = 0.8f * (i < 2 ? 1 : powf(0.8f, (float)(i - 1)));
            assert_true(fabsf(voice_of(&rig->item.frames[i]) - expected) < 0.01f);
        }
    }
    rig->item.user_rows = 0;
    rig_step(avatar, rig, 2, 2); /* falls on from the second frame's level */
    assert_true(fabsf(voice_of(&rig->item.frames[0]) - 0.64f) < 0.01f);
    rig_step(avatar, rig, 0, 2); /* thrown away: the same once more */
    assert_true(fabsf(voice_of(&rig->item.frames[0]) - 0.64f) < 0.01f);
    rig_step(avatar, rig, 1, 3);
    assert_true(fabsf(voice_of(&rig->item.frames[0]) - 0.512f) < 0.01f);
    rig_free(avatar, rig);

    rig = rig_new(avatar, 1);
    set_rows(rig->user, USER_ROWS, 0.2f);
    rig->item.user_rows = USER_ROWS;
    rig->item.user_muted = true;
    rig_step(avatar, rig, 0, 0);
    assert_true(voice_of(&rig->item.frames[4]) < 0.01f);
    rig_free(avatar, rig);
    avatar->close(&avatar);
}

static void batch_equals_singles(void **state) {
    (void)state;
    enum { COUNT = 7 };
    VvAvatar *avatar = pattern_of(130, 98);
    Rig *batch[COUNT], *single[COUNT];
    VvAvatarItem *items[COUNT];
    for (int i = 0; i < COUNT; i++) {
        batch[i] = rig_new(avatar, (uint64_t)i);
        single[i] = rig_new(avatar, (uint64_t)i);
        items[i] = &batch[i]->item;
    }
    uint64_t random = 77;
    for (int round = 0; round < 40; round++) {
        for (int i = 0; i < COUNT; i++) {
            for (int f = 0; f < VV_WINDOW_FRAMES; f++)
                set_speech(batch[i], f, 0.3f * random_unit(&random));
            set_rows(batch[i]->user, USER_ROWS, 0.3f * random_unit(&random));
            memcpy(single[i]->speech, batch[i]->speech, sizeof batch[i]->speech);
            memcpy(single[i]->user, batch[i]->user, sizeof batch[i]->user);
            VvAvatarItem *item = &batch[i]->item;
            item->kept = (int)(next_random(&random) % 6);
            item->pts = round * INT64_C(123457);
            item->user_rows = (int)(next_random(&random) % (USER_ROWS + 1));
            item->character = i % 2;
            item->affect = (VvAffect){.label = i, .intensity = random_unit(&random)};
            single[i]->item.pts = item->pts;
            single[i]->item.kept = item->kept;
            single[i]->item.user_rows = item->user_rows;
            single[i]->item.character = item->character;
            single[i]->item.affect = item->affect;
        }
        assert_int_equal(avatar->step(avatar, items, COUNT), 0);
        for (int i = COUNT - 1; i >= 0; i--) {
            VvAvatarItem *alone[] = {&single[i]->item};
            assert_int_equal(avatar->step(avatar, alone, 1), 0);
            for (int f = 0; f < VV_WINDOW_FRAMES; f++)
                assert_true(same_picture(&batch[i]->item.frames[f], &single[i]->item.frames[f]));
        }
    }
    for (int i = 0; i < COUNT; i++) {
        rig_free(avatar, batch[i]);
        rig_free(avatar, single[i]);
    }
    avatar->close(&avatar);
}

/* A session in mid-window, with every part of its memory in use. */
static Rig *busy_session(VvAvatar *avatar) {
    Rig *rig = rig_new(avatar, UINT64_C(0x123456789abcdef0));
    set_rows(rig->user, USER_ROWS, 0.17f);
    rig->item.user_rows = USER_ROWS;
    rig_step(avatar, rig, 0, 0);
    rig_step(avatar, rig, 3, 3);
    rig->item.user_rows = 0;
    return rig;
}

static void snapshot_brings_a_session_back(void **state) {
    (void)state;
    VvAvatar *avatar = pattern_of(256, 256);
    VvAvatar *elsewhere = pattern_of(256, 256);
    for (int kept = 0; kept <= VV_WINDOW_FRAMES; kept++) {
        Rig *rig = busy_session(avatar);
        uint8_t bytes[SNAPSHOT_ROOM], again[SNAPSHOT_ROOM];
        const size_t size = avatar->snapshot(avatar, rig->item.state, bytes, sizeof bytes);
        assert_in_range(size, 1, sizeof bytes);
        Rig *copy = rig_new(elsewhere, 0);
        elsewhere->destroy(elsewhere, &copy->item.state);
        copy->item.state = elsewhere->restore(elsewhere, bytes, size);
        assert_non_null(copy->item.state);
        assert_int_equal(elsewhere->snapshot(elsewhere, copy->item.state, again, sizeof again), size);
        assert_memory_equal(bytes, again, size);
        for (int window = 0; window < 30; window++) {
            const int64_t at = 3 + kept + window * VV_WINDOW_FRAMES;
            rig_step(avatar, rig, window ? VV_WINDOW_FRAMES : kept, at);
            rig_step(elsewhere, copy, window ? VV_WINDOW_FRAMES : kept, at);
            for (int f = 0; f < VV_WINDOW_FRAMES; f++)
                assert_true(same_picture(&rig->item.frames[f], &copy->item.frames[f]));
        }
        rig_free(avatar, rig);
        rig_free(elsewhere, copy);
    }
    avatar->close(&avatar);
    elsewhere->close(&elsewhere);
}

static void snapshot_needs_room(void **state) {
    (void)state;
    VvAvatar *avatar = pattern_of(64, 64);
    Rig *rig = busy_session(avatar);
    uint8_t bytes[SNAPSHOT_ROOM];
    const size_t size = avatar->snapshot(avatar, rig->item.state, NULL, 0);
    memset(bytes, 0xee, sizeof bytes);
    assert_int_equal(avatar->snapshot(avatar, rig->item.state, bytes, size - 1), size);
    for (size_t i = 0; i < sizeof bytes; i++)
        assert_int_equal(bytes[i], 0xee);
    assert_int_equal(avatar->snapshot(avatar, rig->item.state, bytes, size), size);
    assert_int_equal(bytes[size], 0xee);
    rig_free(avatar, rig);
    avatar->close(&avatar);
}

static void damaged_snapshots_are_refused(void **state) {
    (void)state;
    VvAvatar *avatar = pattern_of(64, 64);
    Rig *rig = busy_session(avatar);
    uint8_t bytes[SNAPSHOT_ROOM] = {0};
    const size_t size = avatar->snapshot(avatar, rig->item.state, bytes, sizeof bytes);
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *exact = malloc(cut + 1); /* of its own, so that reading beyond it is seen */
        assert_non_null(exact);
        memcpy(exact, bytes, cut);
        assert_null(avatar->restore(avatar, exact, cut));
        free(exact);
    }
    assert_null(avatar->restore(avatar, bytes, size + 1));
    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_null(avatar->restore(avatar, bytes, size));
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    VvAvatarState *restored = avatar->restore(avatar, bytes, size);
    assert_non_null(restored);
    avatar->destroy(avatar, &restored);
    rig_free(avatar, rig);
    avatar->close(&avatar);
}

/* The checksum as the snapshot has it, so that what else is checked can be seen. */
static void seal(uint8_t *bytes, size_t size) {
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < size - 8; i++)
        sum = (sum ^ bytes[i]) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < 8; i++)
        bytes[size - 8 + i] = (uint8_t)(sum >> (8 * i));
}

static void foreign_snapshots_are_refused(void **state) {
    (void)state;
    VvAvatar *avatar = pattern_of(64, 64);
    Rig *rig = busy_session(avatar);
    uint8_t bytes[SNAPSHOT_ROOM], changed[SNAPSHOT_ROOM];
    const size_t size = avatar->snapshot(avatar, rig->item.state, bytes, sizeof bytes);
    memcpy(changed, bytes, size);
    seal(changed, size);
    assert_memory_equal(bytes, changed, size);
    /* Another magic, another version; a level above 1, below 0, not a number; a flag that is neither 0 nor 1. */
    static const struct {
        size_t at;
        uint32_t value;
    } changes[] = {{0, 0x50545657},  {4, 2},           {24, 0x3f800001}, {24, 0xbf000000},
                   {24, 0x7fc00000}, {28, 0x00000002}, {28, 0x01000001}, {48, 0x7f800000}};
    for (size_t c = 0; c < sizeof changes / sizeof changes[0]; c++) {
        memcpy(changed, bytes, size);
        for (size_t i = 0; i < 4; i++)
            changed[changes[c].at + i] = (uint8_t)(changes[c].value >> (8 * i));
        seal(changed, size);
        assert_null(avatar->restore(avatar, changed, size));
    }
    rig_free(avatar, rig);
    avatar->close(&avatar);
}

static void bad_items_change_nothing(void **state) {
    (void)state;
    VvAvatar *avatar = pattern_of(64, 64);
    Rig *good = busy_session(avatar);
    Rig *bad = busy_session(avatar);
    uint8_t before[SNAPSHOT_ROOM], after[SNAPSHOT_ROOM];
    const size_t size = avatar->snapshot(avatar, good->item.state, before, sizeof before);
    VvPicture frame = picture_of(64, 64);
    vv_picture_copy(&frame, &good->item.frames[0]);
    VvAvatarItem *items[] = {&good->item, &bad->item};
    bad->item.kept = VV_WINDOW_FRAMES + 1;
    assert_int_equal(avatar->step(avatar, items, 2), -EINVAL);
    bad->item.kept = -1;
    assert_int_equal(avatar->step(avatar, items, 2), -EINVAL);
    bad->item.kept = 0;
    bad->item.frames[4].width = 62;
    assert_int_equal(avatar->step(avatar, items, 2), -EINVAL);
    bad->item.frames[4].width = 64;
    assert_int_equal(avatar->step(avatar, items, avatar->info.max_batch + 1), -EINVAL);
    avatar->snapshot(avatar, good->item.state, after, sizeof after);
    assert_memory_equal(before, after, size);
    assert_true(same_picture(&frame, &good->item.frames[0]));
    assert_int_equal(avatar->step(avatar, items, 2), 0);
    vv_picture_free(&frame);
    rig_free(avatar, good);
    rig_free(avatar, bad);
    avatar->close(&avatar);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_depend_on_what_was_sent),
        cmocka_unit_test(first_window_keeps_nothing),
        cmocka_unit_test(seed_decides_the_blinks),
        cmocka_unit_test(voice_is_heard_and_falls),
        cmocka_unit_test(batch_equals_singles),
        cmocka_unit_test(snapshot_brings_a_session_back),
        cmocka_unit_test(snapshot_needs_room),
        cmocka_unit_test(damaged_snapshots_are_refused),
        cmocka_unit_test(foreign_snapshots_are_refused),
        cmocka_unit_test(bad_items_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The speech encoder as a whole: weights that are refused, calls that are refused, results that do not depend on how a
 * stream is cut, silence, workers that do not depend on each other, and no allocation once it is open. */
#include "test/unit/avatar/speech_rig.h"

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>

/* ---- weights that are refused ------------------------------------------------------------------------------------ */

/* A change of the file's header that keeps its length, and what is said of it. */
typedef struct Damage {
    const char *was, *is;
    VvWeightsError error;
    const char *names; /* is in the problem's text */
} Damage;

#define OFFSETS "[-2, -1, 0, 1, -3, 0, 1, 2, -4, -2, -1, 0]"

static const Damage damages[] = {
    {"\\\"width\\\": 22", "\\\"width\\\": 0 ", VV_WEIGHTS_WRONG_VALUE, "speech.width"},
    {"\\\"width\\\": 22", "\\\"wight\\\": 22", VV_WEIGHTS_MISSING_KEY, "speech.width"},
    {"\\\"width\\\": 22", "\\\"width\\\": 23", VV_WEIGHTS_WRONG_SHAPE, "speech.enter.weight"},
    {"\\\"layers\\\": 3", "\\\"layers\\\": 4", VV_WEIGHTS_WRONG_VALUE, "speech.offsets"},
    {"\\\"taps\\\": 4", "\\\"taps\\\": 9", VV_WEIGHTS_WRONG_VALUE, "speech.taps"},
    {OFFSETS, "[-2, -1, 0, 1, -3, 0, 1, 2, -4, -2, -1  ] ", VV_WEIGHTS_WRONG_VALUE, "speech.offsets"},
    {OFFSETS, "[-2, -1, 0, 1, -3, 0, 1, 2, -4, -2, -1, x]", VV_WEIGHTS_BAD_CONFIG, ""},
    {OFFSETS, "[-2, -1, 0, 1, -3, 0, 1, 2, -4, -2,-99, 0]", VV_WEIGHTS_WRONG_VALUE, "speech.offsets"},
    {OFFSETS, "[-2, -1, 0, 1, -3, 0, 1, 2, -4, -2, -1,-1]", VV_WEIGHTS_WRONG_VALUE, "own step"},
    {OFFSETS, "[ 2,  1, 1, 1, -3, 0, 1, 2, -4, -2, -1, 0]", VV_WEIGHTS_WRONG_VALUE, "own step"},
    {"pau p b m iy", "pau p b  miy", VV_WEIGHTS_WRONG_VALUE, "speech.phones"},
    {"pau p b m iy", "pau p b miy ", VV_WEIGHTS_WRONG_VALUE, "speech.phones"},
    {"pau p b m iy", "paup b m iy ", VV_WEIGHTS_WRONG_VALUE, "speech.phones"},
    {"pau p b m iy", "pau pb m i_y", VV_WEIGHTS_WRONG_SHAPE, "speech.phone.weight"},
    {"\"speech.mouth_scale\"", "\"speech.mouth_stale\"", VV_WEIGHTS_MISSING_TENSOR, "speech.mouth_scale"},
    {"\"speech.layers.2.out.bias\"", "\"speech.layers.2.oak.bias\"", VV_WEIGHTS_MISSING_TENSOR,
     "speech.layers.2.out.bias"},
    {"\"speech.enter.bias\":{\"dtype\":\"F32\"", "\"speech.enter.bias\":{\"dtype\":\"I32\"", VV_WEIGHTS_WRONG_TYPE,
     "speech.enter.bias"},
};

/* The golden file's bytes, to be freed. */
static uint8_t *read_golden(size_t *size) {
    FILE *file = fopen(GOLDEN, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *size = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*size);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

/* What opening the file says; the weights' own error where they cannot even be read. */
static VvWeightsError open_damaged(uint8_t *bytes, size_t size, VvModelProblem *problem) {
    VvWeights *weights = NULL;
    VvWeightsProblem unread;
    VvSpeechEncoder *encoder = (VvSpeechEncoder *)bytes;
    *problem = (VvModelProblem){0};
    if (vv_weights_open_bytes(bytes, size, &weights, &unread) != VV_WEIGHTS_OK)
        return unread.error;
    assert_int_equal(vv_speech_encoder_open(weights, vv_kernels_ref(), 8, &encoder, problem), -EINVAL);
    assert_null(encoder);
    assert_int_equal(vv_speech_encoder_open(weights, vv_kernels_ref(), 8, &encoder, NULL), -EINVAL);
    vv_weights_close(&weights);
    return problem->weights;
}

static void refuses_wrong_weights(void **state) {
    (void)state;
    size_t size;
    uint8_t *bytes = read_golden(&size);
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        const Damage *d = &damages[i];
        VvModelProblem problem;
        uint8_t *at = memmem(bytes, size, d->was, strlen(d->was));
        if (!at)
            fail_msg("%s is not in the file", d->was);
        assert_int_equal(strlen(d->is), strlen(d->was));
        memcpy(at, d->is, strlen(d->is));
        const VvWeightsError error = open_damaged(bytes, size, &problem);
        if (error != d->error || !strstr(problem.text, d->names))
            fail_msg("%s became %s: %s (%s)", d->was, d->is, vv_weights_error_name(error), problem.text);
        memcpy(at, d->was, strlen(d->was));
    }
    free(bytes);
}

/* Another part's weights, and numbers of steps that there cannot be. */
static void refuses_wrong_openings(void **state) {
    (void)state;
    const int steps[] = {0, -1, VV_SPEECH_STEPS_MAX + 1};
    VvModelProblem problem;
    VvSpeechEncoder *encoder = NULL;
    VvWeights *weights = open_golden("test/golden/codec.safetensors");
    assert_int_equal(vv_speech_encoder_open(weights, vv_kernels_ref(), 8, &encoder, &problem), -EINVAL);
    assert_int_equal(problem.weights, VV_WEIGHTS_MISSING_KEY);
    vv_weights_close(&weights);
    weights = open_golden(GOLDEN);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        assert_int_equal(vv_speech_encoder_open(weights, vv_kernels_ref(), steps[i], &encoder, &problem), -EINVAL);
        assert_null(encoder);
        assert_int_equal(problem.kernels, VV_KERNEL_SHAPE);
    }
    vv_weights_close(&weights);
    vv_speech_encoder_close(&encoder);
}

/* ---- calls ------------------------------------------------------------------------------------------------------- */

static void tells_its_sizes(void **state) {
    (void)state;
    Rig rig = open_rig(GOLDEN, vv_kernels_ref(), 8);
    assert_int_equal(rig.info.width, 22);
    assert_int_equal(rig.info.past, 2 + 3 + 4);
    assert_int_equal(rig.info.ahead, 1 + 2);
    assert_int_equal(rig.info.mouths, 3);
    assert_int_equal(rig.info.phones, 5);
    assert_string_equal(rig.info.mouth[0], "opening");
    assert_string_equal(rig.info.mouth[2], "mouthClose");
    assert_string_equal(rig.info.phone[0], "pau");
    assert_string_equal(rig.info.phone[4], "iy");
    assert_int_equal(rig.info.parameters, 22 * 161 + 3 * (44 * (4 * 22 + 1) + 22 * 23) + 3 * 23 + 5 * 23);
    close_rig(&rig);
}

static void refuses_wrong_calls(void **state) {
    (void)state;
    Rig rig = open_rig(GOLDEN, vv_kernels_ref(), 8);
    float *hidden = floats(9, rig.info.width);
    hidden[0] = 7;
    VvSpeechSteps steps = {.rows = rig.rows, .row_count = rig.row_count, .hidden = hidden};
    const int counts[] = {0, -1, 9};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        steps.count = counts[i];
        assert_int_equal(vv_speech_encode(rig.worker, &steps), VV_KERNEL_SHAPE);
    }
    steps.count = 8;
    steps.row_count = -1;
    assert_int_equal(vv_speech_encode(rig.worker, &steps), VV_KERNEL_SHAPE);
    steps.row_count = rig.row_count;
    VvSpeechWorker *many = NULL;
    assert_int_equal(vv_speech_worker_open_many(rig.encoder, 2, &many), VV_KERNEL_OK);
    assert_int_equal(vv_speech_encode(many, &steps), VV_KERNEL_SHAPE);
    vv_speech_worker_close(&many);
    assert_int_equal(vv_speech_worker_open_many(rig.encoder, 0, &many), VV_KERNEL_SHAPE);
    assert_int_equal(vv_speech_worker_open_many(rig.encoder, VV_SPEECH_ITEMS_MAX + 1, &many), VV_KERNEL_SHAPE);
    assert_null(many);
    assert_true(hidden[0] == 7);
    free(hidden);
    close_rig(&rig);
}

/* ---- streams ----------------------------------------------------------------------------------------------------- */

/* However a stream is cut into runs, and whatever is given of the rows that a step does not hear, results are the same,
 * but for the rounding of products that libraries order by the number of rows. */
static void cut_anyhow_gives_the_same(void **state) {
    const VvKernels *kernels = vv_kernels_named(*state);
    if (!kernels)
        skip();
    Rig rig = open_rig(GOLDEN, kernels, 0);
    Rig cut = open_rig(GOLDEN, kernels, 13);
    const int width = rig.info.width, past = rig.info.past, ahead = rig.info.ahead;
    Heard whole = hear(&rig, 0, rig.steps);
    uint32_t chance = 12345;
    for (int first = 0, count; first < rig.steps; first += count) {
        chance = chance * 1664525 + 1013904223;
        count = 1 + (int)(chance >> 24) % 13;
        count = count < rig.steps - first ? count : rig.steps - first;
        float *hidden = floats(count, width);
        /* Only what these steps hear; the rows' begin moves along. */
        const int begin = first > past ? first - past : 0;
        const int end = first + count + ahead < rig.steps ? first + count + ahead : rig.steps;
        const VvSpeechSteps steps = {.rows = rig.rows + begin * VV_SPEECH_STEP_ROWS * VV_MEL_BANDS,
                                     .row_count = (end - begin) * VV_SPEECH_STEP_ROWS,
                                     .first = first - begin,
                                     .count = count,
                                     .hidden = hidden};
        assert_int_equal(vv_speech_encode(cut.worker, &steps), VV_KERNEL_OK);
        const double off = relative(hidden, whole.hidden + first * width, count, width);
        if (!(off <= (kernels->compute == VV_BF16 ? 5e-3 : 1e-6)))
            fail_msg("%s: steps %d to %d are off by %g", kernels->name, first, first + count - 1, off);
        free(hidden);
    }
    free_heard(&whole);
    close_rig(&cut);
    close_rig(&rig);
}

/* A change of the log-mel is heard `ahead` steps before and `past` steps after it, and nowhere else. */
static void hears_just_its_past_and_ahead(void **state) {
    (void)state;
    Rig rig = open_rig(GOLDEN, vv_kernels_ref(), 0);
    const int width = rig.info.width, at = 30;
    Heard before = hear(&rig, 0, rig.steps);
    for (int i = 0; i < VV_MEL_BANDS; i++)
        rig.rows[(VV_SPEECH_STEP_ROWS * at + 1) * VV_MEL_BANDS + i] += 3;
    Heard after = hear(&rig, 0, rig.steps);
    for (int s = 0; s < rig.steps; s++) {
        const bool same =
            memcmp(before.hidden + s * width, after.hidden + s * width, (size_t)width * sizeof(float)) == 0;
        assert_int_equal(same, s < at - rig.info.ahead || s > at + rig.info.past);
    }
    free_heard(&before);
    free_heard(&after);
    close_rig(&rig);
}

/* No rows, rows of silence, and steps far from all rows are the same, at every step. */
static void outside_is_silence(void **state) {
    (void)state;
    Rig rig = open_rig(GOLDEN, vv_kernels_named("cpu"), 8);
    const int width = rig.info.width;
    const int firsts[] = {0, 5, -3, 1000000, INT32_MAX, INT32_MIN};
    const size_t bytes = (size_t)width * sizeof(float);
    Heard far = hear(&rig, rig.steps + 1000, 8);
    const int silent = 40;
    float *rows = floats(silent * VV_SPEECH_STEP_ROWS, VV_MEL_BANDS), *hidden = floats(8, width);
    for (int i = 0; i < silent * VV_SPEECH_STEP_ROWS * VV_MEL_BANDS; i++)
        rows[i] = VV_MEL_SILENCE;
    for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++)
        for (int given = 0; given < 2; given++) {
            const VvSpeechSteps steps = {.rows = given ? rows : NULL,
                                         .row_count = given ? silent * VV_SPEECH_STEP_ROWS : 0,
                                         .first = firsts[i],
                                         .count = 8,
                                         .hidden = hidden};
            assert_int_equal(vv_speech_encode(rig.worker, &steps), VV_KERNEL_OK);
            assert_memory_equal(hidden, far.hidden, 8 * bytes);
        }
    for (int s = 1; s < 8; s++)
        assert_true(relative(far.hidden + s * width, far.hidden, 1, width) < 1e-6);
    free(rows);
    free(hidden);
    free_heard(&far);
    close_rig(&rig);
}

/* Voices that are encoded at once get what each gets alone, whatever is beside them: one that is no number, too. */
static void many_get_what_each_gets_alone(void **state) {
    const VvKernels *kernels = vv_kernels_named(*state);
    if (!kernels)
        skip();
    enum { ITEMS = 5, STEPS = 7, DAMAGED = 2 };
    Rig rig = open_rig(GOLDEN, kernels, STEPS);
    const int firsts[ITEMS] = {3, 40, 17, -2, 30};
    const int width = rig.info.width;
    VvSpeechWorker *many = NULL;
    assert_int_equal(vv_speech_worker_open_many(rig.encoder, ITEMS, &many), VV_KERNEL_OK);
    for (int turn = 0; turn < 2; turn++) {
        VvTensor tokens;
        float *damaged = floats(rig.row_count, VV_MEL_BANDS);
        for (int i = 0; turn && i < rig.row_count * VV_MEL_BANDS; i++)
            damaged[i] = (float)NAN;
        for (int i = 0; i < ITEMS; i++)
            vv_speech_encode_put(many, i,
                                 &(VvSpeechSteps){.rows = turn && i == DAMAGED ? damaged : rig.rows,
                                                  .row_count = rig.row_count,
                                                  .first = firsts[i]});
        assert_int_equal(vv_speech_encode_many(many, &tokens), VV_KERNEL_OK);
        assert_true(vv_tensor_is(tokens, VV_F32, 3, (const int[]){ITEMS, STEPS, width}));
        for (int i = 0; i < ITEMS; i++) {
            Heard alone = hear(&rig, firsts[i], STEPS);
            const float *got = (const float *)tokens.data + (ptrdiff_t)i * STEPS * width;
            const double off = relative(got, alone.hidden, STEPS, width);
            if (turn && i == DAMAGED ? !isnan(got[0]) : !(off <= (kernels->compute == VV_BF16 ? 5e-3 : 1e-6)))
                fail_msg("%s: item %d is off by %g", kernels->name, i, off);
            free_heard(&alone);
        }
        free(damaged);
    }
    vv_speech_worker_close(&many);
    close_rig(&rig);
}

/* Damaged rows spoil the steps that hear them, and no others: nothing is kept. */
static void survives_no_numbers(void **state) {
    (void)state;
    Rig rig = open_rig(GOLDEN, vv_kernels_named("cpu"), 8);
    const size_t bytes = 8 * (size_t)rig.info.width * sizeof(float);
    Heard before = hear(&rig, 40, 8);
    const float kept = rig.rows[0];
    rig.rows[0] = (float)NAN;
    Heard spoilt = hear(&rig, 0, 8);
    assert_true(isnan(spoilt.hidden[0]));
    rig.rows[0] = (float)INFINITY;
    Heard infinite = hear(&rig, 0, 8);
    rig.rows[0] = kept;
    Heard after = hear(&rig, 40, 8);
    assert_memory_equal(before.hidden, after.hidden, bytes);
    free_heard(&before);
    free_heard(&spoilt);
    free_heard(&infinite);
    free_heard(&after);
    close_rig(&rig);
}

/* ---- workers ----------------------------------------------------------------------------------------------------- */

#define TURNS 50

typedef struct Thread {
    Rig rig; /* with a worker of its own */
    int first;
    const float *expected;
    bool good;
} Thread;

static void *work(void *ctx) {
    Thread *t = ctx;
    float hidden[8 * 22];
    const VvSpeechSteps steps = {
        .rows = t->rig.rows, .row_count = t->rig.row_count, .first = t->first, .count = 8, .hidden = hidden};
    t->good = true;
    for (int turn = 0; turn < TURNS; turn++) {
        memset(hidden, 0, sizeof hidden);
        t->good = t->good && vv_speech_encode(t->rig.worker, &steps) == VV_KERNEL_OK &&
                  memcmp(hidden, t->expected, sizeof hidden) == 0;
    }
    return NULL;
}

static void workers_run_at_once(void **state) {
    (void)state;
    Rig rig = open_rig(GOLDEN, vv_kernels_named("cpu"), 8);
    Thread threads[2] = {{.rig = rig, .first = 3}, {.rig = rig, .first = 33}};
    Heard heard[2];
    pthread_t ids[2];
    assert_int_equal(vv_speech_worker_open(rig.encoder, &threads[1].rig.worker), VV_KERNEL_OK);
    for (int i = 0; i < 2; i++) {
        heard[i] = hear(&rig, threads[i].first, 8);
        threads[i].expected = heard[i].hidden;
    }
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&ids[i], NULL, work, &threads[i]), 0);
    for (int i = 0; i < 2; i++) {
        pthread_join(ids[i], NULL);
        assert_true(threads[i].good);
        free_heard(&heard[i]);
    }
    vv_speech_worker_close(&threads[1].rig.worker);
    close_rig(&rig);
}

static void nothing_is_allocated_once_open(void **state) {
    (void)state;
    Rig rig = open_rig(GOLDEN, vv_kernels_named("cpu"), 26);
    float *hidden = floats(26, rig.info.width), *mouth = floats(26, rig.info.mouths);
    VvSpeechSteps steps = {
        .rows = rig.rows, .row_count = rig.row_count, .first = 4, .count = 26, .hidden = hidden, .mouth = mouth};
    const size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    const VvKernelStatus one = vv_speech_encode(rig.worker, &steps);
    steps.count = 3;
    const VvKernelStatus other = vv_speech_encode(rig.worker, &steps);
    const size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
    assert_int_equal(one, VV_KERNEL_OK);
    assert_int_equal(other, VV_KERNEL_OK);
    assert_int_equal(after, before);
    free(hidden);
    free(mouth);
    close_rig(&rig);
}

static char *const ref = (char[]){"ref"}, *const f32 = (char[]){"cpu-f32"}, *const bf16 = (char[]){"cpu-bf16"};

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_wrong_weights),
        cmocka_unit_test(refuses_wrong_openings),
        cmocka_unit_test(tells_its_sizes),
        cmocka_unit_test(refuses_wrong_calls),
        {"cut anyhow gives the same, ref", cut_anyhow_gives_the_same, NULL, NULL, ref},
        {"cut anyhow gives the same, f32", cut_anyhow_gives_the_same, NULL, NULL, f32},
        {"cut anyhow gives the same, bf16", cut_anyhow_gives_the_same, NULL, NULL, bf16},
        cmocka_unit_test(hears_just_its_past_and_ahead),
        cmocka_unit_test(outside_is_silence),
        {"many get what each gets alone, ref", many_get_what_each_gets_alone, NULL, NULL, ref},
        {"many get what each gets alone, f32", many_get_what_each_gets_alone, NULL, NULL, f32},
        {"many get what each gets alone, bf16", many_get_what_each_gets_alone, NULL, NULL, bf16},
        cmocka_unit_test(survives_no_numbers),
        cmocka_unit_test(workers_run_at_once),
        cmocka_unit_test(nothing_is_allocated_once_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

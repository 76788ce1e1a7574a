/* The denoiser as a whole: weights and teams that are refused, teams of any size that give the same, noise that belongs
 * to a seed and a window, and no allocation once a team is open. */
#include "test/unit/avatar/denoiser_rig.h"

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>

/* ---- weights that are refused ---------------------------------------------------------------------------------- */

/* A change of the file's header that keeps its length, and what is said of it. */
typedef struct Damage {
    const char *was, *is;
    VvWeightsError error;
    const char *names; /* is in the problem's text */
} Damage;

static const Damage damages[] = {
    {"\\\"grid\\\": 4", "\\\"grid\\\": 0", VV_WEIGHTS_WRONG_VALUE, "denoiser.grid"},
    {"\\\"grid\\\": 4", "\\\"grid\\\": 5", VV_WEIGHTS_WRONG_VALUE, "denoiser.grid"},
    {"\\\"grid\\\": 4", "\\\"grip\\\": 4", VV_WEIGHTS_MISSING_KEY, "denoiser.grid"},
    {"\\\"grid\\\": 4", "\\\"grid\\\": 6", VV_WEIGHTS_WRONG_SHAPE, "denoiser.lips"},
    {"\\\"width\\\": 36", "\\\"width\\\": -6", VV_WEIGHTS_WRONG_VALUE, "denoiser.width"},
    {"\\\"width\\\": 36", "\\\"width\\\": 38", VV_WEIGHTS_WRONG_VALUE, "denoiser.rotary"},
    {"\\\"rotary\\\": [4, 3, 2]", "\\\"rotary\\\": [4, 3, 1]", VV_WEIGHTS_WRONG_VALUE, "denoiser.rotary"},
    {"\\\"rotary\\\": [4, 3, 2]", "\\\"rotary\\\": [4, 5   ]", VV_WEIGHTS_WRONG_VALUE, "denoiser.rotary"},
    {"\\\"whole\\\": 1", "\\\"whole\\\": 4", VV_WEIGHTS_WRONG_VALUE, "denoiser.whole"},
    {"\\\"blocks\\\": 3", "\\\"blocks\\\": 4", VV_WEIGHTS_MISSING_TENSOR, "denoiser.blocks.3.qkv.weight"},
    {"\\\"latent\\\": 5", "\\\"latent\\\": 6", VV_WEIGHTS_WRONG_SHAPE, "denoiser.enter.weight"},
    {"\\\"decoupled\\\": true", "\\\"decoupled\\\":false", VV_WEIGHTS_WRONG_VALUE, "denoiser.decoupled"},
    {"\\\"remember\\\": true", "\\\"remember\\\": 1234", VV_WEIGHTS_WRONG_VALUE, "denoiser.remember"},
    {"\"denoiser.leave.bias\"", "\"denoiser.leaf_.bias\"", VV_WEIGHTS_MISSING_TENSOR, "denoiser.leave.bias"},
    {"\"denoiser.nobody\":{\"dtype\":\"BF16\"", "\"denoiser.nobody\":{\"dtype\":\"I16\" ", VV_WEIGHTS_OK, NULL},
    {"\"denoiser.blocks.1.prior\":{\"dtype\":\"F32\"", "\"denoiser.blocks.1.prior\":{\"dtype\":\"I32\"",
     VV_WEIGHTS_WRONG_TYPE, "denoiser.blocks.1.prior"},
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

static void refuses_wrong_weights(void **state) {
    (void)state;
    size_t size;
    uint8_t *bytes = read_golden(&size);
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        const Damage *d = &damages[i];
        uint8_t *at = memmem(bytes, size, d->was, strlen(d->was));
        if (!at)
            fail_msg("%s is not in the file", d->was);
        assert_int_equal(strlen(d->is), strlen(d->was));
        memcpy(at, d->is, strlen(d->is));
        VvWeights *weights = NULL;
        VvDenoiser *denoiser = (VvDenoiser *)bytes;
        VvModelProblem problem;
        if (d->error == VV_WEIGHTS_OK) { /* the loader knows better */
            assert_int_not_equal(vv_weights_open_bytes(bytes, size, &weights, NULL), VV_WEIGHTS_OK);
        } else {
            assert_int_equal(vv_weights_open_bytes(bytes, size, &weights, NULL), VV_WEIGHTS_OK);
            assert_int_equal(vv_denoiser_open(weights, vv_kernels_ref(), 2, &denoiser, &problem), -EINVAL);
            assert_null(denoiser);
            if (problem.weights != d->error || !strstr(problem.text, d->names))
                fail_msg("%s became %s: %s (%s)", d->was, d->is, vv_weights_error_name(problem.weights), problem.text);
            assert_int_equal(vv_denoiser_open(weights, vv_kernels_ref(), 2, &denoiser, NULL), -EINVAL);
        }
        vv_weights_close(&weights);
        memcpy(at, d->was, strlen(d->was));
    }
    free(bytes);
}

static void refuses_wrong_steps_and_teams(void **state) {
    (void)state;
    VvWeights *weights = open_weights(GOLDEN);
    const int steps[] = {0, -1, VV_DENOISER_STEPS_MAX + 1};
    for (size_t i = 0; i < 3; i++) {
        VvDenoiser *denoiser = NULL;
        VvModelProblem problem;
        assert_int_equal(vv_denoiser_open(weights, vv_kernels_ref(), steps[i], &denoiser, &problem), -EINVAL);
        assert_null(denoiser);
        assert_true(problem.kernels != VV_KERNEL_OK && strstr(problem.text, "steps"));
    }
    VvDenoiser *denoiser = open_denoiser(weights, vv_kernels_ref());
    const int teams[][2] = {{0, 1}, {-1, 1}, {VV_DENOISER_MEMBERS_MAX + 1, 1}, {1, 0}, {1, VV_DENOISER_BATCH_MAX + 1},
                            {2, 2}};
    for (size_t i = 0; i < sizeof teams / sizeof *teams; i++) {
        VvDenoiserTeam *team = (VvDenoiserTeam *)weights;
        assert_int_equal(vv_denoiser_team_open(denoiser, teams[i][0], teams[i][1], &team), VV_KERNEL_SHAPE);
        assert_null(team);
    }
    vv_denoiser_close(&denoiser);
    vv_denoiser_close(&denoiser);
    vv_weights_close(&weights);
}

static void tells_its_sizes(void **state) {
    (void)state;
    VvWeights *weights = open_weights(GOLDEN);
    VvDenoiser *denoiser = open_denoiser(weights, vv_kernels_ref());
    const VvDenoiserInfo *info = vv_denoiser_info(denoiser);
    size_t parameters = 0;
    for (size_t i = 0; i < vv_weights_count(weights); i++)
        if (strncmp(vv_weights_at(weights, i)->name, "denoiser.", 9) == 0)
            parameters += vv_weights_at(weights, i)->count;
    assert_int_equal(info->parameters, parameters);
    assert_int_equal(info->grid, 4);
    assert_int_equal(info->places, 16);
    assert_int_equal(info->overlap, 4);
    assert_int_equal(info->fresh, 3);
    assert_int_equal(info->speech_tokens, 2 * (2 + 3 + 1));
    assert_int_equal(info->around, 2 + 1 + 1);
    VvDenoiserTeam *one = open_team(denoiser, 1, 1), *three = open_team(denoiser, 3, 1);
    assert_true(vv_denoiser_team_bytes(three) > vv_denoiser_team_bytes(one));
    vv_denoiser_team_close(&three);
    vv_denoiser_team_close(&one);
    vv_denoiser_team_close(&one);
    vv_denoiser_close(&denoiser);
    vv_weights_close(&weights);
}

/* ---- teams ------------------------------------------------------------------------------------------------------- */

#define MEMBERS_MAX 5
#define TURNS 6 /* windows in a row, the two items in turn */

typedef struct Thread {
    VvDenoiserTeam *team;
    const VvDenoiserWindow *windows; /* of both items */
    int member, turns;
    VvKernelStatus status;
} Thread;

static void *take_part(void *ctx) {
    Thread *t = ctx;
    t->status = VV_KERNEL_OK;
    for (int turn = 0; turn < t->turns && t->status == VV_KERNEL_OK; turn++)
        t->status = vv_denoiser_run(t->team, t->member, &t->windows[turn % GOLDEN_ITEMS]);
    return NULL;
}

/* All members make the windows in turn, each on a thread of its own. */
static void run_team(VvDenoiserTeam *team, int members, const VvDenoiserWindow windows[GOLDEN_ITEMS], int turns) {
    Thread threads[MEMBERS_MAX];
    pthread_t ids[MEMBERS_MAX];
    for (int i = 0; i < members; i++) {
        threads[i] = (Thread){.team = team, .windows = windows, .member = i, .turns = turns};
        assert_int_equal(pthread_create(&ids[i], NULL, take_part, &threads[i]), 0);
    }
    for (int i = 0; i < members; i++) {
        pthread_join(ids[i], NULL);
        assert_int_equal(threads[i].status, VV_KERNEL_OK);
    }
}

static double distance(const float *a, const float *b, size_t count) {
    double off = 0, size = 0;
    for (size_t i = 0; i < count; i++) {
        off += pow((double)a[i] - (double)b[i], 2);
        size += pow((double)b[i], 2);
    }
    return sqrt(off / size);
}

static void teams_agree(const char *name, double allowed) {
    const VvKernels *kernels = vv_kernels_named(name);
    if (!kernels) {
        print_message("# %s: not on this machine, as it is set up\n", name);
        return;
    }
    VvWeights *weights = open_weights(GOLDEN);
    VvDenoiser *denoiser = open_denoiser(weights, kernels);
    Window *window = open_window(weights);
    const VvDenoiserInfo *info = vv_denoiser_info(denoiser);
    const VvDenoiserWindow windows[] = {item_of(window, info, 0), item_of(window, info, 1)};
    const size_t count = GOLDEN_ITEMS * window->fresh_count;
    float *alone = malloc(count * sizeof *alone);
    assert_non_null(alone);
    for (int members = 1; members <= MEMBERS_MAX; members++) {
        VvDenoiserTeam *team = open_team(denoiser, members, 1);
        run_team(team, members, windows, GOLDEN_ITEMS);
        if (members == 1)
            memcpy(alone, window->fresh, count * sizeof *alone);
        const double off = distance(window->fresh, alone, count);
        if (!(off <= allowed))
            fail_msg("%s: a team of %d is off by %g", name, members, off);
        float *first = malloc(count * sizeof *first);
        assert_non_null(first);
        memcpy(first, window->fresh, count * sizeof *first);
        run_team(team, members, windows, TURNS); /* and the same from run to run */
        assert_memory_equal(first, window->fresh, count * sizeof *first);
        free(first);
        vv_denoiser_team_close(&team);
    }
    free(alone);
    close_window(&window);
    vv_denoiser_close(&denoiser);
    vv_weights_close(&weights);
}

static void teams_of_any_size_agree(void **state) {
    (void)state;
    teams_agree("ref", 1e-6);
    teams_agree("cpu-f32", 1e-5);
    teams_agree("cpu-bf16", 2e-3);
}

/* ---- one window -------------------------------------------------------------------------------------------------- */

static void noise_belongs_to_seed_and_window(void **state) {
    (void)state;
    VvWeights *weights = open_weights(GOLDEN);
    VvDenoiser *denoiser = open_denoiser(weights, vv_kernels_ref());
    VvDenoiserTeam *team = open_team(denoiser, 1, 1);
    Window *window = open_window(weights);
    VvDenoiserWindow one = item_of(window, vv_denoiser_info(denoiser), 0);
    const size_t count = window->fresh_count;
    float *first = malloc(count * sizeof *first);
    assert_non_null(first);
    assert_int_equal(vv_denoiser_run(team, 0, &one), VV_KERNEL_OK);
    memcpy(first, one.fresh, count * sizeof *first);
    for (int bit = 0; bit < 64; bit += 21) {
        window->seeds[0] ^= UINT64_C(1) << bit;
        assert_int_equal(vv_denoiser_run(team, 0, &one), VV_KERNEL_OK);
        assert_true(distance(one.fresh, first, count) > 0.1);
        window->seeds[0] ^= UINT64_C(1) << bit;
        window->windows[0] ^= UINT64_C(1) << bit;
        assert_int_equal(vv_denoiser_run(team, 0, &one), VV_KERNEL_OK);
        assert_true(distance(one.fresh, first, count) > 0.1);
        window->windows[0] ^= UINT64_C(1) << bit;
    }
    assert_int_equal(vv_denoiser_run(team, 0, &one), VV_KERNEL_OK);
    assert_memory_equal(first, one.fresh, count * sizeof *first);
    free(first);
    close_window(&window);
    vv_denoiser_team_close(&team);
    vv_denoiser_close(&denoiser);
    vv_weights_close(&weights);
}

/* Every input reaches the result: what is changed changes it. */
static void every_input_counts(void **state) {
    (void)state;
    VvWeights *weights = open_weights(GOLDEN);
    VvDenoiser *denoiser = open_denoiser(weights, vv_kernels_ref());
    VvDenoiserTeam *team = open_team(denoiser, 1, 1);
    Window *window = open_window(weights);
    const VvDenoiserWindow one = item_of(window, vv_denoiser_info(denoiser), 0);
    const size_t count = window->fresh_count;
    float *first = malloc(count * sizeof *first);
    assert_non_null(first);
    assert_int_equal(vv_denoiser_run(team, 0, &one), VV_KERNEL_OK);
    memcpy(first, one.fresh, count * sizeof *first);
    for (int i = 0; i < 7; i++) {
        window->input[i][0] += 1;
        assert_int_equal(vv_denoiser_run(team, 0, &one), VV_KERNEL_OK);
        const double off = distance(one.fresh, first, count);
        if (!(off > 1e-5 && off < 1))
            fail_msg("input %d changes the result by %g", i, off);
        window->input[i][0] -= 1;
    }
    free(first);
    close_window(&window);
    vv_denoiser_team_close(&team);
    vv_denoiser_close(&denoiser);
    vv_weights_close(&weights);
}

/* Speech may come from the device, and what the codec is shown may go there: the same window, and the portrait's own
 * latents moved by it. */
static void what_stays_on_the_device_is_the_same(void **state) {
    const VvKernels *kernels = vv_kernels_named(*state);
    VvWeights *weights = open_weights(GOLDEN);
    VvDenoiser *denoiser = open_denoiser(weights, kernels);
    VvDenoiserTeam *team = open_team(denoiser, 1, GOLDEN_ITEMS), *two = open_team(denoiser, 2, 1);
    Window *window = open_window(weights);
    const VvDenoiserInfo *info = vv_denoiser_info(denoiser);
    const size_t count = GOLDEN_ITEMS * window->fresh_count;
    const int frame = info->places * info->latent;
    float *first = malloc(count * sizeof *first), *z = calloc(count, sizeof *z);
    assert_non_null(first);
    assert_non_null(z);
    assert_int_equal(vv_denoiser_run(team, 0, &window->given), VV_KERNEL_OK);
    memcpy(first, window->fresh, count * sizeof *first);

    VvDenoiserWindow there = window->given;
    there.speech = NULL;
    there.tokens = vv_tensor(window->input[2], VV_F32, VV_ON_CPU, 3,
                             (const int[]){GOLDEN_ITEMS, info->speech_tokens, info->speech});
    there.z = vv_tensor_nhwc(z, VV_F32, VV_ON_CPU, GOLDEN_ITEMS * info->fresh, info->grid, info->grid, info->latent);
    assert_int_equal(vv_denoiser_run(team, 0, &there), VV_KERNEL_OK);
    assert_memory_equal(first, window->fresh, count * sizeof *first);
    for (size_t i = 0; i < count; i++) {
        const int channel = (int)i % info->latent, item = (int)(i / window->fresh_count);
        const float reference = window->given.reference[item * frame + (int)i % frame];
        const float want = (reference + first[i]) * info->spread[channel] + info->reference_mean[channel];
        if (!(fabsf(z[i] - want) <= 1e-5f * (1 + fabsf(want))))
            fail_msg("z[%zu] is %g, wanted %g", i, (double)z[i], (double)want);
    }

    there.z = vv_tensor_items(there.z, 0, 1); /* too few frames; a team of several */
    window->fresh[0] = 7;
    assert_int_equal(vv_denoiser_run(team, 0, &there), VV_KERNEL_SHAPE);
    there.z = vv_tensor_nhwc(z, VV_F32, VV_ON_CPU, info->fresh, info->grid, info->grid, info->latent);
    assert_int_equal(vv_denoiser_run(two, 0, &there), VV_KERNEL_SHAPE);
    assert_true(window->fresh[0] == 7);
    free(z);
    free(first);
    close_window(&window);
    vv_denoiser_team_close(&two);
    vv_denoiser_team_close(&team);
    vv_denoiser_close(&denoiser);
    vv_weights_close(&weights);
}

static void nothing_is_allocated_once_open(void **state) {
    (void)state;
    VvWeights *weights = open_weights(GOLDEN);
    VvDenoiser *denoiser = open_denoiser(weights, vv_kernels_named("cpu"));
    VvDenoiserTeam *team = open_team(denoiser, 1, 1);
    Window *window = open_window(weights);
    const VvDenoiserWindow one = item_of(window, vv_denoiser_info(denoiser), 0);
    assert_int_equal(vv_denoiser_run(team, 0, &one), VV_KERNEL_OK); /* libraries make some objects at first */
    const size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    const VvKernelStatus status = vv_denoiser_run(team, 0, &one);
    const size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
    assert_int_equal(status, VV_KERNEL_OK);
    assert_int_equal(after, before);
    close_window(&window);
    vv_denoiser_team_close(&team);
    vv_denoiser_close(&denoiser);
    vv_weights_close(&weights);
}

static char *const ref = (char[]){"ref"}, *const f32 = (char[]){"cpu-f32"};

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_wrong_weights),
        cmocka_unit_test(refuses_wrong_steps_and_teams),
        cmocka_unit_test(tells_its_sizes),
        cmocka_unit_test(teams_of_any_size_agree),
        cmocka_unit_test(noise_belongs_to_seed_and_window),
        cmocka_unit_test(every_input_counts),
        {"what stays on the device is the same, ref", what_stays_on_the_device_is_the_same, NULL, NULL, ref},
        {"what stays on the device is the same, f32", what_stays_on_the_device_is_the_same, NULL, NULL, f32},
        cmocka_unit_test(nothing_is_allocated_once_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The denoiser against PyTorch, stage by stage, on every CPU backend. The golden file holds a small denoiser's weights,
 * two windows, and what each stage gives in f32: weights/train/export_denoiser.py --random 3 --tiny --golden
 * test/golden/denoiser.safetensors. With VISAVIS_DENOISER_GOLDEN=FILE another one is read, such as one with the shipped
 * weights
 * (`make golden-denoiser`). */
#include "test/unit/avatar/denoiser_rig.h"

#include <stdio.h>

typedef struct Backend {
    const char *name;
    double allowed; /* of a stage's root mean square: f32 sums differ in order, bf16 has 8 bits */
} Backend;

static Backend backends[] = {
    {"ref", 1e-3}, {"cpu-f32", 1e-3}, {"cpu-avx2", 1e-3}, {"cpu-plain", 1e-3}, {"cpu-bf16", 2e-2}};

/* What a watched run is compared with. */
typedef struct Golden {
    const Backend *backend;
    const VvWeights *weights;
    int item; /* which of the windows is made; -1: all */
    int seen; /* stages */
} Golden;

static float element(VvTensor t, size_t row, size_t channel) {
    const size_t at = row * (size_t)t.pitch + channel;
    return t.type == VV_BF16 ? vv_f32_from_bf16(((const uint16_t *)t.data)[at]) : ((const float *)t.data)[at];
}

/* Root mean square of the difference, as a part of that of what is expected. */
static void compare(const Golden *g, const char *name, VvTensor value) {
    size_t all;
    float *expected = golden(g->weights, name, &all);
    const size_t count = vv_tensor_count(value), channels = (size_t)value.shape[value.rank - 1];
    const size_t skipped = g->item > 0 ? (size_t)g->item * count : 0;
    double off = 0, size = 0;
    assert_int_equal(all, g->item < 0 ? count : GOLDEN_ITEMS * count);
    for (size_t i = 0; i < count; i++) {
        const double wanted = (double)expected[skipped + i];
        off += pow((double)element(value, i / channels, i % channels) - wanted, 2);
        size += wanted * wanted;
    }
    free(expected);
    const double relative = sqrt(off / size);
    if (getenv("VISAVIS_DENOISER_GOLDEN") || strcmp(name, "fresh") == 0)
        print_message("# %-9s %-10s off by %.2g of %.3g\n", g->backend->name, name, relative,
                      sqrt(size / (double)count));
    if (!(relative <= g->backend->allowed))
        fail_msg("%s: %s is off by %g, %g is allowed", g->backend->name, name, relative, g->backend->allowed);
}

static void compare_stage(void *ctx, const char *stage, int index, VvTensor value) {
    Golden *g = ctx;
    char name[32];
    snprintf(name, sizeof name, "%s.%d", stage, index);
    compare(g, name, value);
    g->seen++;
}

static int stages_of(const VvWeights *weights) {
    int count = 0;
    for (size_t i = 0; i < vv_weights_count(weights); i++) {
        const char *name = vv_weights_at(weights, i)->name;
        count += strncmp(name, "golden.kept.", 12) == 0 || strncmp(name, "golden.lip.", 11) == 0 ||
                 strncmp(name, "golden.far.", 11) == 0 || strncmp(name, "golden.velocity.", 16) == 0;
    }
    return count;
}

static void matches_pytorch(void **state) {
    Golden g = {.backend = *state};
    const VvKernels *kernels = vv_kernels_named(g.backend->name);
    if (!kernels) {
        print_message("# %s: not on this machine, as it is set up\n", g.backend->name);
        skip();
    }
    const char *path = getenv("VISAVIS_DENOISER_GOLDEN");
    VvWeights *weights = open_weights(path ? path : GOLDEN);
    VvDenoiser *denoiser = open_denoiser(weights, kernels);
    VvDenoiserTeam *one = open_team(denoiser, 1, 1), *both = open_team(denoiser, 1, GOLDEN_ITEMS);
    const VvDenoiserInfo *info = vv_denoiser_info(denoiser);
    Window *window = open_window(weights);
    const int stages = stages_of(weights);
    const int count = (int)window->fresh_count;
    g.weights = weights;

    vv_denoiser_watch(one, compare_stage, &g);
    for (g.item = 0; g.item < GOLDEN_ITEMS; g.item++) {
        const VvDenoiserWindow item = item_of(window, info, g.item);
        assert_int_equal(vv_denoiser_run(one, 0, &item), VV_KERNEL_OK);
        compare(&g, "fresh", vv_tensor(item.fresh, VV_F32, VV_ON_CPU, 1, &count));
    }
    assert_int_equal(g.seen, GOLDEN_ITEMS * stages);

    /* The same in one tensor, as a device has it. */
    memset(window->fresh, 0, GOLDEN_ITEMS * window->fresh_count * sizeof *window->fresh);
    g.item = -1;
    g.seen = 0;
    vv_denoiser_watch(both, compare_stage, &g);
    assert_int_equal(vv_denoiser_run(both, 0, &window->given), VV_KERNEL_OK);
    const int all = GOLDEN_ITEMS * count;
    compare(&g, "fresh", vv_tensor(window->fresh, VV_F32, VV_ON_CPU, 1, &all));
    assert_int_equal(g.seen, stages);

    close_window(&window);
    vv_denoiser_team_close(&both);
    vv_denoiser_team_close(&one);
    vv_denoiser_close(&denoiser);
    vv_weights_close(&weights);
}

int main(void) {
    struct CMUnitTest tests[sizeof backends / sizeof *backends];
    char names[sizeof backends / sizeof *backends][64];
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++) {
        snprintf(names[i], sizeof names[i], "the denoiser on %s gives what PyTorch gives", backends[i].name);
        tests[i] = (struct CMUnitTest){names[i], matches_pytorch, NULL, NULL, &backends[i]};
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}

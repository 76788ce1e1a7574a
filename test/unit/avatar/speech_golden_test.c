/* The speech encoder against PyTorch on every CPU backend. The golden file holds a small encoder's weights, rows of
 * log-mel, and what it gives for them in f32: weights/train/export_speech.py --random 3 --tiny --golden
 * test/golden/speech.safetensors With VISAVIS_SPEECH_GOLDEN=FILE another one is read, such as one with the shipped
 * weights (`make golden-speech`). */
#include "test/unit/avatar/speech_rig.h"

#include <stdio.h>

typedef struct Backend {
    const char *name;
    double allowed; /* relative error: f32 sums differ in order, bf16 has 8 bits */
} Backend;

static Backend backends[] = {
    {"ref", 1e-4}, {"cpu-f32", 1e-4}, {"cpu-avx2", 1e-4}, {"cpu-plain", 1e-4}, {"cpu-bf16", 2e-2}};

static void compare(const Rig *rig, const Backend *backend, const char *name, const float *got, int columns) {
    int rows = 0;
    float *want = golden(rig->weights, name, columns, &rows);
    assert_int_equal(rows, rig->steps);
    const double off = relative(got, want, rows, columns);
    free(want);
    print_message("# %-9s %-6s off by %.2g\n", backend->name, name, off);
    if (!(off <= backend->allowed))
        fail_msg("%s: %s is off by %g, %g is allowed", backend->name, name, off, backend->allowed);
}

static void matches_pytorch(void **state) {
    const Backend *backend = *state;
    const VvKernels *kernels = vv_kernels_named(backend->name);
    if (!kernels) {
        print_message("# %s: not on this machine, as it is set up\n", backend->name);
        skip();
    }
    const char *path = getenv("VISAVIS_SPEECH_GOLDEN");
    Rig rig = open_rig(path ? path : GOLDEN, kernels, 0);
    Heard heard = hear(&rig, 0, rig.steps);
    compare(&rig, backend, "hidden", heard.hidden, rig.info.width);
    compare(&rig, backend, "mouth", heard.mouth, rig.info.mouths);
    compare(&rig, backend, "phone", heard.phone, rig.info.phones);
    free_heard(&heard);
    close_rig(&rig);
}

int main(void) {
    struct CMUnitTest tests[sizeof backends / sizeof *backends];
    char names[sizeof backends / sizeof *backends][64];
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++) {
        snprintf(names[i], sizeof names[i], "the speech encoder on %s gives what PyTorch gives", backends[i].name);
        tests[i] = (struct CMUnitTest){names[i], matches_pytorch, NULL, NULL, &backends[i]};
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}

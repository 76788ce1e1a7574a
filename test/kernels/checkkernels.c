/* checkkernels: every kernel of every backend against the reference, on seeded random numbers.
 *
 * usage: checkkernels [--kernels=NAME] [--check=NAME] [--seed=N] [--bench]
 * Without --kernels, all of this machine's backends. Prints TAP; the first line says how to have the same numbers
 * again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "test/kernels/check.h"

static const char *const backends[] = {"ref", "cpu-bf16", "cpu-f32", "cpu-avx2", "cpu-plain"};
static const NamedCheck *const groups[] = {vv_table_checks, vv_definition_checks, vv_token_definition_checks,
                                           vv_layer_checks, vv_element_checks,    vv_flow_checks,
                                           vv_token_checks, vv_attention_checks,  vv_aligned_checks};
enum { GROUPS = sizeof groups / sizeof *groups, REF_GROUPS = 3 };

static const VvKernels *kernels_named(const char *name) {
    if (strcmp(name, "cuda-emu") == 0)
        return vv_kernels_emulated ? vv_kernels_emulated() : NULL;
    if (strcmp(name, "shadow") == 0) /* the way to a device, walked without one */
        return check_shadow(vv_kernels_named("cpu-f32"));
    const VvKernels *kernels = vv_kernels_named(name);
    return kernels && kernels->device != VV_ON_CPU ? check_shadow(kernels) : kernels;
}

typedef struct Options {
    const char *kernels, *check;
    uint64_t seed;
    bool bench;
} Options;

static bool option(const char *argument, const char *name, const char **value) {
    const size_t length = strlen(name);
    if (strncmp(argument, name, length) != 0)
        return false;
    *value = argument + length;
    return true;
}

static bool read_options(int count, char **arguments, Options *options) {
    const char *seed = NULL;
    *options = (Options){.seed = 1};
    for (int i = 1; i < count; i++) {
        if (strcmp(arguments[i], "--bench") == 0)
            options->bench = true;
        else if (!option(arguments[i], "--kernels=", &options->kernels) &&
                 !option(arguments[i], "--check=", &options->check) && !option(arguments[i], "--seed=", &seed))
            return false;
    }
    if (seed && strcmp(seed, "random") == 0)
        options->seed = (uint64_t)time(NULL);
    else if (seed)
        options->seed = strtoull(seed, NULL, 0);
    return true;
}

/* FNV-1a: every check has numbers of its own, whichever others run. */
static uint64_t mixed(uint64_t seed, const char *text) {
    uint64_t hash = 0xcbf29ce484222325 ^ seed;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3;
    return hash;
}

static bool run(const NamedCheck *named, const VvKernels *kernels, VvTensor scratch, uint64_t seed, int number) {
    Check check = {.kernels = kernels, .ref = vv_kernels_ref(), .random = mixed(seed, named->name)};
    if (kernels->stream_open(scratch, &check.stream) != VV_KERNEL_OK ||
        check.ref->stream_open((VvTensor){0}, &check.ref_stream) != VV_KERNEL_OK)
        check_fail(&check, "no stream");
    else
        named->run(&check);
    kernels->stream_close(&check.stream);
    check.ref->stream_close(&check.ref_stream);
    if (check.cases == 0)
        check_fail(&check, "no case was run");
    printf("%sok %d - %s, %s: %d cases\n", check.failed ? "not " : "", number, kernels->name, named->name, check.cases);
    return !check.failed;
}

/* All checks that were asked for, of one backend; counts on from `number`. */
static bool run_all(const Options *options, const VvKernels *kernels, int *number) {
    VvArena arena;
    bool good = vv_arena_open(&arena, kernels, CHECK_SCRATCH) == VV_KERNEL_OK;
    const VvTensor scratch = vv_arena_take(&arena, VV_U8, 1, (const int[]){CHECK_SCRATCH});
    for (int g = 0; g < (kernels == vv_kernels_ref() ? REF_GROUPS : GROUPS); g++)
        for (const NamedCheck *named = groups[g]; named->name; named++)
            if (!options->check || strcmp(options->check, named->name) == 0)
                good = run(named, kernels, scratch, options->seed, ++*number) && good;
    vv_arena_close(&arena);
    return good;
}

int main(int count, char **arguments) {
    Options options;
    if (!read_options(count, arguments, &options)) {
        fprintf(stderr, "usage: checkkernels [--kernels=NAME] [--check=NAME] [--seed=N|random] [--bench]\n");
        return 2;
    }
    const VvKernels *chosen = options.kernels ? kernels_named(options.kernels) : NULL;
    if (options.kernels && !chosen) {
        fprintf(stderr, "checkkernels: no kernels \"%s\" on this machine\n", options.kernels);
        return 2;
    }
    if (options.bench)
        return check_bench(chosen ? chosen : vv_kernels_named("cpu"));
    printf("# --seed=%llu\n", (unsigned long long)options.seed);
    int number = 0;
    bool good = true;
    if (chosen)
        good = run_all(&options, chosen, &number);
    for (size_t i = 0; !chosen && i < sizeof backends / sizeof *backends; i++) {
        const VvKernels *kernels = vv_kernels_named(backends[i]);
        if (kernels)
            good = run_all(&options, kernels, &number) && good;
        else
            printf("ok %d - %s # skip not on this processor\n", ++number, backends[i]);
    }
    printf("1..%d\n", number);
    return good && number ? 0 : 1;
}

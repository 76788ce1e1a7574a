/* Opening the avatar that a command's options name. */
#include "server/commands/avatar.h"

#include "kernels/cuda_load.h"
#include "kernels/kernels.h"
#include "server/avatar/model_spare.h"
#include "server/base/log.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATTERN_SIDE 256
#define DEVICE_BATCH 64 /* sessions a step of a device */

const char *const vv_weights_files[] = {"codec.safetensors", "speech.safetensors", "denoiser.safetensors",
                                        "head.safetensors", NULL};

static bool has_file(const char *folder, const char *name) {
    char path[PATH_MAX];
    return snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path && access(path, R_OK) == 0;
}

bool vv_weights_find(char folder[PATH_MAX]) {
    static const char *const places[] = {"../share/visavis/weights", "../weights", "../../weights"};
    char program[PATH_MAX], candidate[PATH_MAX + 64];
    const ssize_t size = readlink("/proc/self/exe", program, sizeof program - 1);
    program[size > 0 ? size : 0] = '\0';
    const char *beside = dirname(program);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(candidate, sizeof candidate, "%s/%s", beside, places[i]);
        if (has_file(candidate, vv_weights_files[0]) && realpath(candidate, folder))
            return true;
    }
    return has_file(VV_PREFIX "/share/visavis/weights", vv_weights_files[0]) &&
           realpath(VV_PREFIX "/share/visavis/weights", folder);
}

static int open_pattern(const VvAvatarOptions *options, VvAvatar **avatar, char *why, size_t size) {
    const int width = options->width ? options->width : PATTERN_SIDE;
    const int height = options->height ? options->height : PATTERN_SIDE;
    if (width % 2 || height % 2)
        return snprintf(why, size, "--width and --height must be even"), -1;
    if (vv_test_pattern_open(width, height, avatar) < 0)
        return snprintf(why, size, "no memory for the avatar"), -1;
    return 0;
}

bool vv_weights_folder(const VvAvatarOptions *options, char folder[PATH_MAX]) {
    return options->weights ? snprintf(folder, PATH_MAX, "%s", options->weights) < PATH_MAX : vv_weights_find(folder);
}

/* What shall compute. "auto": the GPU if there is one that can be used, else the processor; the log says which and why.
 * NULL with a sentence in `why`. */
static const VvKernels *choose_kernels(const char *name, char *why, size_t size) {
    const bool either = strcmp(name, "auto") == 0;
    if (either || strcmp(name, "cuda") == 0) {
        const VvCuda *cuda = vv_cuda();
        if (cuda->kernels || either)
            vv_log(cuda->fix[0] ? VV_LOG_WARNING : VV_LOG_INFO, "avatar", "GPU: %s", cuda->text);
        if (cuda->kernels)
            return cuda->kernels;
        if (!either)
            return snprintf(why, size, "there are no kernels \"cuda\" on this machine: %.240s", cuda->text), NULL;
    }
    const VvKernels *kernels = vv_kernels_named(either ? "cpu" : name);
    if (!kernels)
        snprintf(why, size, "there are no kernels \"%.80s\" on this machine", name);
    return kernels;
}

/* A device's model has the processor's behind it, from the beginning if the device cannot even open it. */
static int open_on(const char *folder, const VvKernels *kernels, const VvModelOptions *options, VvAvatar **avatar,
                   VvModelProblem *problem) {
    if (kernels->device == VV_ON_CPU)
        return vv_model_open(folder, kernels, options, avatar, problem);
    VvModelOptions wanted = *options;
    wanted.max_batch = DEVICE_BATCH;
    const int error = vv_model_spare_open(folder, kernels, vv_kernels_named("cpu"), &wanted, avatar, problem);
    if (error == 0 || error == -EINVAL) /* the weights' fault */
        return error;
    vv_log(VV_LOG_ERROR, "avatar", "%s: everything runs on the processor", problem->text);
    return vv_model_open(folder, vv_kernels_named("cpu"), options, avatar, problem);
}

static int open_model(const VvAvatarOptions *options, VvAvatar **avatar, char *why, size_t size) {
    const VvKernels *kernels = choose_kernels(options->kernels, why, size);
    const VvModelOptions wanted = {.workers = options->threads, .steps = options->steps};
    VvModelProblem problem;
    char folder[PATH_MAX];
    if (!kernels)
        return -1;
    if (!vv_weights_folder(options, folder))
        return snprintf(why, size,
                        "no weights are installed: name their folder with --weights, or see the test pattern with "
                        "--avatar test-pattern"),
               -1;
    if (open_on(folder, kernels, &wanted, avatar, &problem) == 0)
        return 0;
    const char *reason = problem.weights   ? vv_weights_error_name(problem.weights)
                         : problem.kernels ? vv_kernel_status_text(problem.kernels)
                                           : "";
    snprintf(why, size, "the weights in %.160s cannot be used: %.260s%s%s%s", folder, problem.text, *reason ? " (" : "",
             reason, *reason ? ")" : "");
    return -1;
}

int vv_avatar_open(const VvAvatarOptions *options, VvAvatar **avatar, char *why, size_t size) {
    *avatar = NULL;
    if (strcmp(options->avatar, "test-pattern") == 0)
        return open_pattern(options, avatar, why, size);
    if (strcmp(options->avatar, "model") == 0)
        return open_model(options, avatar, why, size);
    return snprintf(why, size, "there is no avatar \"%.80s\"; there are: model, test-pattern", options->avatar), -1;
}

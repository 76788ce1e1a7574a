/* Opening the avatar that a command's options name. */
#include "server/commands/avatar.h"

#include "kernels/kernels.h"
#include "server/avatar/model.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATTERN_SIDE 256

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

static int open_model(const VvAvatarOptions *options, VvAvatar **avatar, char *why, size_t size) {
    const VvKernels *kernels = vv_kernels_named(options->kernels);
    const VvModelOptions wanted = {.workers = options->threads, .steps = options->steps};
    VvModelProblem problem;
    char folder[PATH_MAX];
    if (!kernels)
        return snprintf(why, size, "there are no kernels \"%.80s\" on this machine", options->kernels), -1;
    if (!vv_weights_folder(options, folder))
        return snprintf(why, size,
                        "no weights are installed: name their folder with --weights, or see the test pattern with "
                        "--avatar test-pattern"),
               -1;
    if (vv_model_open(folder, kernels, &wanted, avatar, &problem) == 0)
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

/* What a window costs: milliseconds of processor time for each part of the avatar's model, on one thread. Processor
 * time is what other programs disturb least; the least of some rounds is printed.
 *
 *     model_bench FOLDER [KERNELS [ROUNDS]] */
#include "server/avatar/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 20

/* Speech that rises and falls, and room for a window of one session. */
static bool open_item(VvAvatar *avatar, VvAvatarItem *item, float *speech) {
    for (int i = 0; i < VV_SPEECH_ROWS * VV_MEL_BANDS; i++)
        speech[i] = (float)(-8 + 4 * sin(0.0031 * i));
    *item = (VvAvatarItem){.state = avatar->create(avatar, 1),
                           .seed = 1,
                           .speech = speech,
                           .speech_frames = VV_WINDOW_FRAMES,
                           .affect = {.label = 1, .intensity = 0.5f}};
    bool good = item->state != NULL;
    for (int f = 0; f < VV_WINDOW_FRAMES; f++)
        good = good && vv_picture_alloc(&item->frames[f], avatar->info.width, avatar->info.height) == 0;
    return good;
}

static int64_t total_of(const VvModelTimes *t) {
    return t->speech + t->head + t->denoise + t->decode + t->deliver;
}

static double ms(int64_t us) {
    return (double)us / 1e3;
}

int main(int argc, char **argv) {
    static float speech[VV_SPEECH_ROWS * VV_MEL_BANDS];
    const VvKernels *kernels = vv_kernels_named(argc > 2 ? argv[2] : "cpu");
    const VvModelOptions options = {.workers = 1, .max_batch = 1};
    const int rounds = argc > 3 ? atoi(argv[3]) : ROUNDS;
    VvAvatar *avatar = NULL;
    VvModelProblem problem;
    VvAvatarItem item, *items[] = {&item};
    if (argc < 2 || !kernels) {
        fprintf(stderr, "usage: model_bench FOLDER [KERNELS [ROUNDS]], of kernels that this machine has\n");
        return 2;
    }
    if (vv_model_open(argv[1], kernels, &options, &avatar, &problem)) {
        fprintf(stderr, "model_bench: %s\n", problem.text);
        return 1;
    }
    int status = open_item(avatar, &item, speech) ? 0 : 1;
    VvModelTimes best = {0};
    for (int i = 0; i < rounds && !status; i++) {
        status = avatar->step(avatar, items, 1);
        const VvModelTimes times = vv_model_times(avatar);
        if (i == 0 || total_of(&times) < total_of(&best))
            best = times;
        item.kept = VV_WINDOW_FRAMES;
        item.window++;
    }
    printf(
        "kernels              speech   head  context condition   flow  decode deliver   total (ms a window of %d ms)\n",
        VV_WINDOW_FRAMES * 1000 / VV_FPS);
    printf("%-19s %7.2f %6.2f %8.2f %9.2f %6.2f %7.2f %7.2f %7.2f\n", kernels->name, ms(best.speech), ms(best.head),
           ms(best.context), ms(best.condition), ms(best.flow), ms(best.decode), ms(best.deliver), ms(total_of(&best)));
    avatar->destroy(avatar, &item.state);
    for (int f = 0; f < VV_WINDOW_FRAMES; f++)
        vv_picture_free(&item.frames[f]);
    avatar->close(&avatar);
    return status ? 1 : 0;
}

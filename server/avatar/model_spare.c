/* The model on a device, with the same model on other kernels behind it. */
#include "server/avatar/model_spare.h"

#include "server/base/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

typedef struct Spare {
    VvAvatar avatar; /* first: the seam's pointer is ours */
    VvAvatar *device, *other;
    atomic_bool failed; /* `other` is at work; set once, by the step's thread */
    bool hopeless;      /* it could not be opened */
    const VvKernels *kernels, *spare;
    VvModelOptions options;
    char *folder;
} Spare;

/* ---- a device that fails -------------------------------------------------------------------------------------------
 */

/* Opens the other model. False: there is none to go on with. */
static bool change_over(Spare *s, int error) {
    VvModelProblem problem;
    if (s->hopeless)
        return false;
    vv_log(VV_LOG_ERROR, "avatar", "%s failed (%s): going on with %s", s->kernels->name, strerror(-error),
           s->spare->name);
    if (vv_model_open(s->folder, s->spare, &s->options, &s->other, &problem) < 0) {
        vv_log(VV_LOG_ERROR, "avatar", "the model cannot be opened on %s: %s", s->spare->name, problem.text);
        s->hopeless = true;
        return false;
    }
    /* Release: who sees it sees the model. */
    atomic_store_explicit(&s->failed, true, memory_order_release);
    return true;
}

static int step(VvAvatar *avatar, VvAvatarItem *items[], int count) {
    Spare *s = (Spare *)avatar;
    /* Relaxed: this thread alone sets it. */
    if (atomic_load_explicit(&s->failed, memory_order_relaxed))
        return s->other->step(s->other, items, count);
    const int status = s->device->step(s->device, items, count);
    if ((status != -EIO && status != -ENOMEM) || !change_over(s, status))
        return status;
    return s->other->step(s->other, items, count);
}

/* ---- states: either model's are the other's ------------------------------------------------------------------------
 */

static VvAvatarState *create(VvAvatar *avatar, uint64_t seed) {
    VvAvatar *model = ((Spare *)avatar)->device;
    return model->create(model, seed);
}

static void destroy(VvAvatar *avatar, VvAvatarState **state) {
    VvAvatar *model = ((Spare *)avatar)->device;
    model->destroy(model, state);
}

static size_t snapshot(VvAvatar *avatar, const VvAvatarState *state, uint8_t *out, size_t room) {
    VvAvatar *model = ((Spare *)avatar)->device;
    return model->snapshot(model, state, out, room);
}

static VvAvatarState *restore(VvAvatar *avatar, const uint8_t *bytes, size_t size) {
    VvAvatar *model = ((Spare *)avatar)->device;
    return model->restore(model, bytes, size);
}

/* ---- opening -------------------------------------------------------------------------------------------------------
 */

static void close_both(VvAvatar **avatar) {
    Spare *s = (Spare *)*avatar;
    *avatar = NULL;
    if (!s)
        return;
    if (s->other)
        s->other->close(&s->other);
    if (s->device)
        s->device->close(&s->device);
    free(s->folder);
    free(s);
}

bool vv_model_on_spare(const VvAvatar *avatar) {
    return atomic_load_explicit(&((const Spare *)avatar)->failed, memory_order_acquire);
}

int vv_model_spare_open(const char *folder, const VvKernels *kernels, const VvKernels *spare,
                        const VvModelOptions *options, VvAvatar **avatar, VvModelProblem *problem) {
    Spare *s = calloc(1, sizeof *s);
    VvAvatar *opened = (VvAvatar *)s;
    int error = -ENOMEM;
    *avatar = NULL;
    if (problem)
        *problem = (VvModelProblem){.weights = VV_WEIGHTS_NO_MEMORY, .text = "out of memory"};
    if (s)
        s->folder = strdup(folder);
    if (s && s->folder)
        error = vv_model_open(folder, kernels, options, &s->device, problem);
    if (error) {
        close_both(&opened);
        return error;
    }
    s->kernels = kernels;
    s->spare = spare;
    s->options = *options;
    s->options.max_batch = s->device->info.max_batch; /* a step must never be made in parts: it is made or not */
    atomic_init(&s->failed, false);
    s->avatar = (VvAvatar){.info = s->device->info,
                           .create = create,
                           .destroy = destroy,
                           .snapshot = snapshot,
                           .restore = restore,
                           .step = step,
                           .close = close_both};
    *avatar = opened;
    return 0;
}

/* An avatar that outlives its device: when the device fails, the model goes on with other kernels.
 *
 * A step that failed has changed nothing, and a session's state is plain numbers of the host; so the same step is made
 * again by the same model opened on the spare kernels, and all later ones too. Opening it takes the time of a start,
 * once; the windows of that moment are late. */
#ifndef VV_MODEL_SPARE_H
#define VV_MODEL_SPARE_H

#include "server/avatar/model.h"

/* Opens the model in `folder` on `kernels`, with `spare` to go on with. Errors as of vv_model_open, of the first one.
 * `folder` is read again when the device fails. */
int vv_model_spare_open(const char *folder, const VvKernels *kernels, const VvKernels *spare,
                        const VvModelOptions *options, VvAvatar **avatar, VvModelProblem *problem);

/* Whether the device has failed and the spare kernels are at work. Any thread. */
bool vv_model_on_spare(const VvAvatar *avatar);

#endif

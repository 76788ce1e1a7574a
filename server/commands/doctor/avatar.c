/* The avatar: are its weights there and whole, does it open, and what does a session of it cost. */
#include "server/commands/doctor/doctor.h"

#include "server/session/capacity.h"
#include "server/session/scheduler.h"
#include "weights/vv_weights.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const instead = "put the model's files there, name another folder with --weights, or see the test "
                                   "pattern with --avatar test-pattern";

/* Opens each file, which checks all of it; the first that is not as it should be goes to the findings. */
static bool check_files(VvFindings *findings, const char *folder, VvHealth health) {
    for (const char *const *file = vv_weights_files; *file; file++) {
        char path[PATH_MAX + 64];
        VvWeights *weights = NULL;
        VvWeightsProblem problem;
        snprintf(path, sizeof path, "%s/%s", folder, *file);
        const VvWeightsError error = vv_weights_open(path, &weights, &problem);
        vv_weights_close(&weights);
        if (error) {
            VvFinding *finding =
                vv_finding_add(findings, "weights", health, "%.180s (%s)", problem.text, vv_weights_error_name(error));
            snprintf(finding->fix, sizeof finding->fix, "%s", instead);
            return false;
        }
    }
    return true;
}

void vv_doctor_weights(VvFindings *findings, const VvAvatarOptions *options) {
    const bool needed = strcmp(options->avatar, "model") == 0;
    const VvHealth health = needed ? VV_HEALTH_MISSING : VV_HEALTH_NOTE;
    char folder[PATH_MAX];
    if (!vv_weights_folder(options, folder)) {
        VvFinding *finding = vv_finding_add(findings, "weights", health, "none are installed");
        snprintf(finding->fix, sizeof finding->fix, "%s", instead);
    } else if (check_files(findings, folder, health)) {
        vv_finding_add(findings, "weights", VV_HEALTH_OK, "%s", folder);
    }
}

/* What a session costs when the avatar is at work beside the codecs. */
static void measure(VvFindings *findings, VvAvatar *avatar) {
    VvScheduler *scheduler = NULL;
    const int status = vv_scheduler_open(avatar, &scheduler);
    if (status < 0) {
        vv_finding_add(findings, "avatar", VV_HEALTH_MISSING, "%s cannot make frames: %s", avatar->info.name,
                       strerror(-status));
        return;
    }
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const VvCapacity capacity = vv_capacity_measure(scheduler, &avatar->info, cores > 0 ? (int)cores : 1);
    const double step = vv_scheduler_step_time(scheduler, 1) / 1e3;
    const bool fast = step < VV_WINDOW_FRAMES * VV_FRAME_US / 1e3;
    vv_finding_add(findings, "avatar", VV_HEALTH_OK, "%s, %d x %d: %.80s", avatar->info.name, avatar->info.width,
                   avatar->info.height, avatar->info.characters);
    VvFinding *finding =
        vv_finding_add(findings, "pace", fast ? VV_HEALTH_OK : VV_HEALTH_NOTE,
                       "%.1f ms for the %d ms of a window; a session takes %.0f %% of a core: up to %d session%s", step,
                       VV_WINDOW_FRAMES * VV_FRAME_US / 1000, (capacity.media_us + capacity.step_us) / 1e4,
                       capacity.sessions, capacity.sessions == 1 ? "" : "s");
    if (!fast)
        snprintf(finding->fix, sizeof finding->fix, "not in real time here: use a faster processor, or fewer --steps");
    findings->sessions = fast ? capacity.sessions : 0;
    vv_scheduler_close(&scheduler);
}

void vv_doctor_avatar(VvFindings *findings, const VvAvatarOptions *options) {
    VvAvatar *avatar;
    char why[512];
    if (vv_avatar_open(options, &avatar, why, sizeof why) < 0) {
        vv_finding_add(findings, "avatar", VV_HEALTH_MISSING, "%.230s", why);
        return;
    }
    measure(findings, avatar);
    avatar->close(&avatar);
}

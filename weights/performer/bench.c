/* visavis-performer bench: frames per second by hair style.
 *
 * A thread's rate is taken from its own processor time, so that what else the machine does counts little; two threads
 * draw at the same time and share caches and memory, and their rates are added. */
#include "weights/performer/commands.h"
#include "weights/performer/faces.h"
#include "weights/performer/render.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FRAMES = 60 };

/* Of the calling thread's processor time. */
static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

typedef struct Job {
    const VvPerformer *performer;
    int size;
    bool failed;
    double took; /* seconds */
} Job;

/* Every thread draws its own copy of the clip; the head turns, the mouth moves, the hair swings. */
static void *draw(void *data) {
    Job *job = data;
    VvRenderer *renderer = vv_renderer_open();
    VvFrame frame;
    VvSway *sway = calloc(1, sizeof *sway);
    job->failed = !vv_frame_open(&frame, job->size) || !renderer || !sway;
    const double from = seconds();
    for (int i = 0; i < FRAMES && !job->failed; i++) {
        VvPose pose = vv_face_pose(i & 1 ? VV_FACE_SMILE : VV_FACE_AA);
        pose.head[0] = 0.3f * sinf((float)i * 0.25f);
        vv_sway_step(sway, vv_performer_hair(job->performer), &pose);
        vv_render(renderer, job->performer, sway, &pose, &frame);
    }
    job->took = seconds() - from;
    vv_frame_close(&frame);
    vv_renderer_close(&renderer);
    free(sway);
    return NULL;
}

static bool measure(const VvStudio *studio, VvHairStyle style, int size) {
    VvIdentity identity;
    VvScene scene;
    vv_identity_random(&identity, vv_studio_asset(studio), 3);
    vv_scene_random(&scene, 3);
    identity.style = style;
    const double start = seconds();
    VvPerformer *performer = vv_performer_open(studio, &identity, &scene, size);
    const double prepared = seconds() - start;
    double rate[2] = {0, 0};
    bool ok = performer != NULL;
    for (int threads = 1; threads <= 2 && ok; threads++) {
        Job job[2] = {{performer, size, false, 1}, {performer, size, false, 1}};
        pthread_t other;
        ok = threads == 1 || pthread_create(&other, NULL, draw, &job[1]) == 0;
        draw(&job[0]);
        if (threads == 2 && ok)
            pthread_join(other, NULL);
        for (int t = 0; t < threads; t++)
            rate[threads - 1] += FRAMES / job[t].took;
        ok = ok && !job[0].failed && !job[1].failed;
    }
    if (ok)
        printf("| %-6s | %4d | %6d | %7.0f | %6.1f | %6.1f |\n", vv_hair_style_name(style), size,
               vv_performer_hair(performer)->strands, prepared * 1e3, rate[0], rate[1]);
    fflush(stdout);
    vv_performer_close(&performer);
    return ok;
}

int vv_performer_bench(int argc, char **argv) {
    const char *asset = argc == 2 && argv[1][0] != '-' ? argv[1] : VV_HEAD_ASSET;
    if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
        const bool asked = argc == 2 && strcmp(argv[1], "--help") == 0;
        fprintf(asked ? stdout : stderr,
                "usage: visavis-performer bench [ASSET]\n\n"
                "Prints how fast people are drawn, by hair style, on one thread and on two.\n");
        return asked ? 0 : 2;
    }
    char error[256] = "";
    VvStudio *studio = vv_studio_open(asset, error, sizeof error);
    if (!studio) {
        fprintf(stderr, "visavis-performer bench: %s\n", error);
        return 1;
    }
    bool ok = true;
    printf("| hair   | size | strands | ready ms | frames/s, 1 thread | 2 threads |\n|---|---|---|---|---|---|\n");
    for (int size = 256; size <= 512 && ok; size *= 2)
        for (int style = 0; style < VV_HAIR_STYLES && ok; style++)
            ok = measure(studio, (VvHairStyle)style, size);
    vv_studio_close(&studio);
    return ok ? 0 : 1;
}

/* A dozen random people, opened and looked at on two threads. */
#include "test/unit/performer/people.h"
#include "weights/performer/faces.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static VvStudio *studio;
static VvPerformer *people[PEOPLE];
static Booth booths[THREADS];

/* One thread's share of the people. */
typedef struct Share {
    int thread;
    void (*look)(Booth *booth, int who, Complaint complaint);
    Complaint *complaints;
} Share;

static void *take_share(void *data) {
    const Share *share = data;
    for (int who = share->thread; who < PEOPLE; who += THREADS)
        share->look(&booths[share->thread], who, share->complaints[who]);
    return NULL;
}

static const char *look_at_all(void (*look)(Booth *, int, Complaint)) {
    static Complaint complaints[PEOPLE];
    Share share[THREADS];
    pthread_t thread[THREADS];
    memset(complaints, 0, sizeof complaints);
    for (int t = 0; t < THREADS; t++) {
        share[t] = (Share){t, look, complaints};
        if (pthread_create(&thread[t], NULL, take_share, &share[t]))
            return "no thread";
    }
    for (int t = 0; t < THREADS; t++)
        pthread_join(thread[t], NULL);
    const char *first = NULL;
    for (int who = PEOPLE - 1; who >= 0; who--)
        if (complaints[who][0]) {
            print_error("%s\n", complaints[who]);
            first = complaints[who];
        }
    return first;
}

void everyone(void (*look)(Booth *booth, int who, Complaint complaint)) {
    const char *complaint = look_at_all(look);
    if (complaint)
        fail_msg("%s", complaint);
}

void complain(Complaint complaint, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (!complaint[0])
        vsnprintf(complaint, sizeof(Complaint), format, arguments);
    va_end(arguments);
}

VvPerformer *person_again(int i) {
    VvIdentity identity;
    VvScene scene;
    vv_identity_random(&identity, vv_studio_asset(studio), PEOPLE_SEED + (uint64_t)i);
    vv_scene_random(&scene, PEOPLE_SEED + (uint64_t)i);
    return vv_performer_open(studio, &identity, &scene, SIDE);
}

static void open_person(Booth *booth, int who, Complaint complaint) {
    (void)booth;
    people[who] = person_again(who);
    if (!people[who])
        complain(complaint, "no memory for person %d", who);
}

int people_open(void **state) {
    char error[256];
    (void)state;
    studio = vv_studio_open(VV_HEAD_ASSET, error, sizeof error);
    bool ok = studio != NULL;
    for (int t = 0; t < THREADS; t++) {
        booths[t].renderer = vv_renderer_open();
        ok = vv_frame_open(&booths[t].frame, SIDE) && vv_frame_open(&booths[t].other, SIDE) && booths[t].renderer && ok;
    }
    return ok && !look_at_all(open_person) ? 0 : -1;
}

int people_close(void **state) {
    (void)state;
    for (int who = 0; who < PEOPLE; who++)
        vv_performer_close(&people[who]);
    for (int t = 0; t < THREADS; t++) {
        vv_renderer_close(&booths[t].renderer);
        vv_frame_close(&booths[t].frame);
        vv_frame_close(&booths[t].other);
    }
    vv_studio_close(&studio);
    return 0;
}

void shave(void) {
    for (int who = 0; who < PEOPLE; who++)
        people[who]->hair.strands = people[who]->hair.points = 0;
}

VvPerformer *person(int i) {
    return people[i];
}

const VvStudio *people_studio(void) {
    return studio;
}

void draw(Booth *booth, int who, const VvPose *pose) {
    vv_render(booth->renderer, people[who], NULL, pose, &booth->frame);
}

void see_irises(Booth *booth, int who, const VvPose *pose, float *cover) {
    static const float whole = 220; /* levels between a black and a white iris, about */
    VvIdentity *identity = &people[who]->identity;
    const VvVec own = identity->iris;
    identity->iris = vec(0, 0, 0);
    vv_render(booth->renderer, people[who], NULL, pose, &booth->other);
    identity->iris = vec(2, 2, 2);
    draw(booth, who, pose);
    identity->iris = own;
    for (int i = 0; i < SIDE * SIDE; i++)
        cover[i] = minf(1, (float)abs(booth->frame.rgb[3 * i + 1] - booth->other.rgb[3 * i + 1]) / whole);
}

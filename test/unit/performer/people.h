/* What tests of the renderer's truth share: a dozen random people, opened and looked at on two threads, and ways to
 * read a picture without being told what is in it. */
#ifndef VV_TEST_PEOPLE_H
#define VV_TEST_PEOPLE_H

#include "weights/performer/performer.h"
#include "weights/performer/render.h"

enum { PEOPLE = 12, THREADS = 2, SIDE = 256 };

/* Where a thread looks at people. */
typedef struct Booth {
    VvRenderer *renderer;
    VvFrame frame, other;
} Booth;

/* For each person: what was wrong first, "" for nothing. */
typedef char Complaint[160];

/* Opens the people; a cmocka group setup and teardown. Identity i has the seed PEOPLE_SEED + i. */
int people_open(void **state);
int people_close(void **state);
enum { PEOPLE_SEED = 4100 };

/* The i-th person. Their identity's colours may be changed between frames, by who looks at them. */
VvPerformer *person(int i);

/* The same person opened anew by the calling thread; the caller closes. NULL without memory. */
VvPerformer *person_again(int i);

const VvStudio *people_studio(void);

/* Takes the people's hair off for good: faces are the same without, and drawn in half the time. */
void shave(void);

/* Lets `look` see every person, on two threads; fails the test with the first complaint. */
void everyone(void (*look)(Booth *booth, int who, Complaint complaint));

/* Notes a complaint unless there is one already. */
void complain(Complaint complaint, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Draws the person into booth->frame. */
void draw(Booth *booth, int who, const VvPose *pose);

/* How much of each pixel shows an iris, by the picture alone: the person is drawn twice, the irises black and then
 * white, and what differs is iris; nothing else takes its colour. booth->frame keeps the second. `cover` is [SIDE *
 * SIDE], 0..1; the pupil is none of it. */
void see_irises(Booth *booth, int who, const VvPose *pose, float *cover);

#endif

/* The truth that comes with a picture, held against the picture: a dozen random people at 256 pixels. What is where in
 * a picture is found without being told, by drawing it twice with one thing painted otherwise: what differs is that
 * thing. */
#include "test/unit/performer/people.h"
#include "weights/performer/articulation.h"
#include "weights/performer/chance.h"
#include "weights/performer/emotion.h"
#include "weights/performer/expression.h"
#include "weights/performer/faces.h"
#include "weights/performer/raster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- places in a picture ---------------------------------------------------------------------------------------- */

/* Where two neighbouring pixels of a mask cross half, 0..1 of the way; outside of it if they do not. */
static float crossing(int from, int to) {
    return (from >= 128) != (to >= 128) ? ((float)from - 127.5f) / (float)(from - to) : -1;
}

/* How far a point is from the border of a mask, pixels; at most about 14. */
static float from_border(const uint8_t *mask, const float at[2]) {
    float nearest = 14;
    for (int y = maxi(0, (int)at[1] - 14); y < mini(SIDE - 1, (int)at[1] + 14); y++)
        for (int x = maxi(0, (int)at[0] - 14); x < mini(SIDE - 1, (int)at[0] + 14); x++) {
            const uint8_t *m = mask + y * SIDE + x;
            const float across = crossing(m[0], m[1]), down = crossing(m[0], m[SIDE]);
            const float dx = (float)x + 0.5f - at[0], dy = (float)y + 0.5f - at[1];
            if (across >= 0)
                nearest = minf(nearest, hypotf(dx + across, dy));
            if (down >= 0)
                nearest = minf(nearest, hypotf(dx, dy + down));
        }
    return nearest;
}

/* The mask's value at a point; 0 outside of the picture. */
static int under(const uint8_t *mask, const float at[2]) {
    const int x = (int)at[0], y = (int)at[1];
    return at[0] >= 0 && at[1] >= 0 && x < SIDE && y < SIDE ? mask[y * SIDE + x] : 0;
}

/* Whether a mask covers a point with all that is around it, so that nothing is seen between strands either. */
static bool covers(const uint8_t *mask, const float at[2]) {
    bool all = true;
    for (int k = 0; k < 9; k++) {
        const float near[2] = {at[0] + (float)(k % 3 - 1), at[1] + (float)(k / 3 - 1)};
        all &= under(mask, near) > 200;
    }
    return all;
}

/* left, top, right, bottom of landmarks [from, to) */
static void box_of(const VvFrame *frame, int from, int to, float box[4]) {
    box[0] = box[1] = SIDE;
    box[2] = box[3] = 0;
    for (int l = from; l < to; l++)
        for (int c = 0; c < 2; c++) {
            box[c] = minf(box[c], frame->landmark[l][c]);
            box[c + 2] = maxf(box[c + 2], frame->landmark[l][c]);
        }
}

static int difference(const Booth *booth, int pixel) {
    int sum = 0;
    for (int c = 0; c < 3; c++)
        sum += abs(booth->frame.rgb[3 * pixel + c] - booth->other.rgb[3 * pixel + c]);
    return sum;
}

/* ---- landmarks -------------------------------------------------------------------------------------------------- */

static const VvFace views[] = {VV_FACE_REST, VV_FACE_AA, VV_FACE_OO, VV_FACE_GRIN, VV_FACE_RIGHT, VV_FACE_UP};
enum { VIEWS = sizeof views / sizeof *views };

static int hidden_by_hair[PEOPLE]; /* landmarks */

/* The lips' outline is the lip mask's border; the jaw line is the face mask's; nothing else is said to be visible. */
static void look_at_landmarks(Booth *booth, int who, Complaint complaint) {
    const VvFrame *f = &booth->frame;
    for (int v = 0; v < VIEWS; v++) {
        const VvPose pose = vv_face_pose(views[v]);
        draw(booth, who, &pose);
        for (int l = 0; l < VV_LANDMARKS; l++) {
            const float *at = f->landmark[l];
            hidden_by_hair[who] += under(f->hair, at) > 200 && !f->visible[l];
            if (!f->visible[l])
                continue;
            if (covers(f->hair, at))
                complain(complaint, "person %d view %d: landmark %d is said to be visible below hair", who, v, l);
            if (l < 17 && from_border(f->face, at) > 4)
                complain(complaint, "person %d view %d: jaw point %d is %.1f off the face's edge", who, v, l,
                         (double)from_border(f->face, at));
            if (l >= 48 && l < 60 && from_border(f->lip, at) > 1.6f)
                complain(complaint, "person %d view %d: outer lip point %d is %.1f off the lips' edge", who, v, l,
                         (double)from_border(f->lip, at));
            if (l >= 60 && l != 60 && l != 64 && under(f->lip, at) < 128)
                complain(complaint, "person %d view %d: inner lip point %d is not in the lips", who, v, l);
        }
    }
}

static void landmarks_lie_on_what_they_name(void **state) {
    (void)state;
    int hidden = 0;
    memset(hidden_by_hair, 0, sizeof hidden_by_hair);
    everyone(look_at_landmarks);
    for (int who = 0; who < PEOPLE; who++)
        hidden += hidden_by_hair[who];
    print_message("%d landmarks are hidden by hair\n", hidden);
    assert_true(hidden > 10); /* or nothing was shown about hair */
}

/* A head that turns hides its far side, once and for good, and never its near side or the nose. */
static void look_at_turns(Booth *booth, int who, Complaint complaint) {
    static const int far_left[] = {16, 15, 45, 26}, far_right[] = {0, 1, 36, 17};
    for (int side = 0; side < 2; side++) {
        const int *far_side = side ? far_right : far_left, *near_side = side ? far_left : far_right;
        bool gone[4] = {0};
        for (int step = 1; step <= 3; step++) {
            VvPose pose = vv_face_pose(VV_FACE_REST);
            pose.head[0] = (side ? -0.4f : 0.4f) * (float)step;
            draw(booth, who, &pose);
            const VvFrame *f = &booth->frame;
            for (int k = 0; k < 4; k++) {
                if (gone[k] && f->visible[far_side[k]])
                    complain(complaint, "person %d: landmark %d comes back as the head turns away", who, far_side[k]);
                gone[k] |= !f->visible[far_side[k]];
                if (step == 3 && f->visible[far_side[k]])
                    complain(complaint, "person %d: landmark %d is seen through the head", who, far_side[k]);
            }
            const float *eye = f->landmark[near_side[2]];
            if (!f->visible[30] || (!f->visible[near_side[2]] && under(f->hair, eye) < 64))
                complain(complaint, "person %d: the nose or the near eye is hidden at step %d", who, step);
        }
    }
}

static void turning_hides_the_far_side(void **state) {
    (void)state;
    everyone(look_at_turns);
}

/* ---- the same again --------------------------------------------------------------------------------------------- */

static uint64_t hashes[PEOPLE];

static uint64_t digest(uint64_t value, const void *data, size_t size) {
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++)
        value = (value ^ bytes[i]) * 0x100000001b3ull;
    return value;
}

static uint64_t digest_of(const VvFrame *f) {
    const uint64_t picture = digest(0xcbf29ce484222325ull, f->rgb, SIDE * SIDE * 3);
    const uint64_t masks =
        digest(digest(digest(picture, f->face, SIDE * SIDE), f->lip, SIDE * SIDE), f->hair, SIDE * SIDE);
    return digest(masks, f->landmark, sizeof f->landmark);
}

static void look_and_hash(Booth *booth, int who, Complaint complaint) {
    const VvPose pose = vv_face_pose(views[who % VIEWS]);
    (void)complaint;
    draw(booth, who, &pose);
    hashes[who] = digest_of(&booth->frame);
}

/* People opened and drawn by two threads at once, and again by this one: the same bytes. */
static void one_thread_and_two_draw_the_same(void **state) {
    VvRenderer *renderer = vv_renderer_open();
    VvFrame frame;
    (void)state;
    assert_non_null(renderer);
    assert_true(vv_frame_open(&frame, SIDE));
    everyone(look_and_hash);
    for (int who = 0; who < 4; who++) {
        const VvPose pose = vv_face_pose(views[who % VIEWS]);
        VvPerformer *again = person_again(who);
        assert_non_null(again);
        vv_render(renderer, again, NULL, &pose, &frame);
        assert_true(digest_of(&frame) == hashes[who]);
        assert_true(who == 0 || hashes[who] != hashes[who - 1]);
        vv_performer_close(&again);
    }
    vv_frame_close(&frame);
    vv_renderer_close(&renderer);
}

/* ---- the mouth -------------------------------------------------------------------------------------------------- */

static VvPose mouth_of(const VvSegment *segments, int count, double time, float loudness, VvEmotion emotion) {
    VvPose pose = vv_face_pose(VV_FACE_REST);
    int from = 0;
    vv_emotion_face(emotion, 0.8f, pose.expression);
    const VvMouth mouth = vv_articulate(segments, count, time, loudness, &from);
    vv_mouth_apply(&mouth, &pose);
    return pose;
}

/* Of what turns green when the lips are painted green, the mask must hold nearly all; and of the mask, with the mouth
 * shut, nearly all must turn green. */
static void look_at_green_lips(Booth *booth, int who, Complaint complaint) {
    VvIdentity identity = person(who)->identity;
    const VvScene scene = person(who)->scene;
    identity.lip = vec(0.02f, 0.5f, 0.02f);
    VvPerformer *green = vv_performer_open(people_studio(), &identity, &scene, SIDE);
    if (!green) {
        complain(complaint, "no memory");
        return;
    }
    green->hair.strands = green->hair.points = 0;
    for (int phone = who; phone < VV_PHONES; phone += PEOPLE) {
        const VvSegment held = {.phone = (uint8_t)phone, .begin = 4800, .end = 9600};
        const VvPose pose = mouth_of(&held, 1, .45, 1, VV_EMOTION_NEUTRAL);
        draw(booth, who, &pose);
        vv_render(booth->renderer, green, NULL, &pose, &booth->other);
        const VvFrame *f = &booth->frame;
        double in_mask = 0, all = 0;
        int most = 1, mask = 0, pale = 0;
        for (int i = 0; i < SIDE * SIDE; i++) {
            const int d = difference(booth, i);
            most = maxi(most, d);
            all += d;
            in_mask += d * f->lip[i] / 255.;
        }
        for (int i = 0; i < SIDE * SIDE; i++) {
            mask += f->lip[i] > 250;
            pale += f->lip[i] > 250 && difference(booth, i) * 5 < most;
        }
        if (!(in_mask >= .93 * all) || mask < 60)
            complain(complaint, "person %d %s: the mask holds %.3f of the lips", who, vv_phone_name((VvPhone)phone),
                     in_mask / all);
        if (f->lip_gap < .03f && pale * 12 > mask)
            complain(complaint, "person %d %s: %d of the mask's %d pixels are no lip", who,
                     vv_phone_name((VvPhone)phone), pale, mask);
    }
    vv_performer_close(&green);
}

static void the_mask_covers_the_lips_at_every_viseme(void **state) {
    (void)state;
    shave();
    everyone(look_at_green_lips);
}

/* Teeth are what changes with the teeth's colour. */
static int teeth_seen(Booth *booth, int who, const VvPose *pose) {
    VvIdentity *identity = &person(who)->identity;
    const float own = identity->teeth;
    int seen = 0;
    identity->teeth = 0;
    vv_render(booth->renderer, person(who), NULL, pose, &booth->other);
    identity->teeth = own;
    draw(booth, who, pose);
    for (int i = 0; i < SIDE * SIDE; i++)
        seen += difference(booth, i) > 90; /* of 765; a speck that shines through is no tooth */
    return seen;
}

enum { SPOKEN = 120, RATES = 5, CONTACTS = 2 };

/* Random phones of about `usual` ms, pauses between them now and then. */
static void speak(uint64_t seed, float usual, VvSegment *segments) {
    VvChance chance = vv_chance_of(seed, "truth", 0);
    int32_t at = 1600;
    for (int i = 0; i < SPOKEN; i++) {
        const bool pause = vv_chance_happens(&chance, .06f);
        const int phone = pause ? VV_PHONE_PAU : 1 + vv_chance_pick(&chance, VV_PHONES - 1);
        const float length = clamp(vv_chance_lognormal(&chance, usual, .4f), .5f * usual, 2 * usual);
        segments[i] =
            (VvSegment){.phone = (uint8_t)phone, .begin = at, .end = at + (int32_t)(16 * (pause ? 300 : length))};
        at = segments[i].end;
    }
}

static struct { int contacts, shut, teeth_hidden, open, teeth_open; } spoken[PEOPLE];

/* Lips at contacts, at all rates and over every emotion: within one frame of the phone's middle the drawn lips are
 * shut, and no tooth is seen in the picture. Vowels show that both could be otherwise. */
static void look_at_contacts(Booth *booth, int who, Complaint complaint) {
    static const float rates[RATES] = {45, 60, 80, 120,
                                       200}; /* ms a phone: the fastest speech there is, to very slow */
    VvSegment segments[SPOKEN];
    (void)complaint;
    for (int r = 0; r < RATES; r++) {
        const VvEmotion emotion = (VvEmotion)((who + r) % VV_Emotion_COUNT);
        const float loudness = .6f + .2f * (float)r;
        int contacts = 0;
        speak((uint64_t)who * RATES + (uint64_t)r, rates[r], segments);
        for (int i = 2; i < SPOKEN && contacts < CONTACTS; i++) {
            if (vv_phone_kind((VvPhone)segments[i].phone) != VV_PHONE_BILABIAL)
                continue;
            const int middle = (segments[i].begin + segments[i].end) / 2 / (16000 / VV_POSE_FPS);
            static const int near[3] = {0, -1, 1};
            bool shut = false, hidden = false;
            for (int k = 0; k < 3 && !(shut && hidden); k++) {
                const VvPose pose =
                    mouth_of(segments, SPOKEN, (middle + near[k] + .5) / VV_POSE_FPS, loudness, emotion);
                hidden = teeth_seen(booth, who, &pose) == 0;
                shut = booth->frame.lip_gap <= 0;
            }
            contacts++;
            spoken[who].contacts++;
            spoken[who].shut += shut;
            spoken[who].teeth_hidden += hidden;
        }
    }
    const VvSegment vowel = {.phone = VV_PHONE_AE, .begin = 4800, .end = 8000};
    const VvPose pose = mouth_of(&vowel, 1, .4, 1, (VvEmotion)(who % VV_Emotion_COUNT));
    spoken[who].teeth_open = teeth_seen(booth, who, &pose) > 0;
    spoken[who].open = booth->frame.lip_gap > .3f;
}

static void lips_are_shut_in_the_picture(void **state) {
    (void)state;
    int contacts = 0, shut = 0, hidden = 0, open = 0, teeth = 0;
    memset(spoken, 0, sizeof spoken);
    everyone(look_at_contacts);
    for (int who = 0; who < PEOPLE; who++) {
        contacts += spoken[who].contacts;
        shut += spoken[who].shut;
        hidden += spoken[who].teeth_hidden;
        open += spoken[who].open;
        teeth += spoken[who].teeth_open;
    }
    print_message("of %d /p b m/ shut %d, without teeth %d; of %d /ae/ open %d, with teeth %d\n", contacts, shut,
                  hidden, PEOPLE, open, teeth);
    assert_true(contacts > 100 && shut >= .99 * contacts && hidden >= .99 * contacts);
    assert_true(open == PEOPLE && teeth == PEOPLE);
}

/* ---- eyes ------------------------------------------------------------------------------------------------------- */

/* first landmark of each eye, the subject's left first; corners are the first and the fourth of six */
static const int eye_from[2] = {42, 36};

/* Each eye's iris is between its lids wherever it looks, and wherever it looks together it fills the lids' opening up
 * to the landmarks. */
static void look_between_lids(Booth *booth, int who, Complaint complaint) {
    static const float yaws[] = {-0.9f, 0, 0.9f};
    float *cover = calloc(SIDE * SIDE, sizeof *cover), seen[2][4] = {{SIDE, SIDE, 0, 0}, {SIDE, SIDE, 0, 0}},
          box[2][4] = {{0}};
    for (size_t i = 0; i < sizeof yaws / sizeof *yaws && cover; i++) {
        VvPose pose = vv_face_pose(VV_FACE_REST);
        pose.gaze[0] = yaws[i];
        see_irises(booth, who, &pose, cover);
        for (int e = 0; e < 2; e++)
            box_of(&booth->frame, eye_from[e], eye_from[e] + 6, box[e]);
        for (int p = 0; p < SIDE * SIDE; p++) {
            if (cover[p] < 0.4f)
                continue;
            const float x = (float)(p % SIDE), y = (float)(p / SIDE);
            const int e = x < 0.5f * (box[0][0] + box[1][2]); /* the subject's right eye is on the left */
            seen[e][0] = minf(seen[e][0], x);
            seen[e][1] = minf(seen[e][1], y);
            seen[e][2] = maxf(seen[e][2], x + 1);
            seen[e][3] = maxf(seen[e][3], y + 1);
        }
    }
    for (int e = 0; e < 2; e++)
        for (int k = 0; k < 4; k++) {
            /* In the inner corner, flesh lies on the ball. */
            const float slack = k == (e ? 2 : 0) ? 7 : 3;
            if (!(fabsf(seen[e][k] - box[e][k]) <= slack))
                complain(complaint, "person %d eye %d: the opening's edge %d is at %.1f, the lids' at %.1f", who, e, k,
                         (double)seen[e][k], (double)box[e][k]);
        }
    free(cover);
}

static void lids_bound_the_eyes(void **state) {
    (void)state;
    everyone(look_between_lids);
}

static float iris_area(const VvFrame *frame, const float *cover, int eye) {
    float box[4], sum = 0;
    box_of(frame, eye_from[eye], eye_from[eye] + 6, box);
    for (int y = (int)box[1] - 6; y < (int)box[3] + 6; y++)
        for (int x = (int)box[0] - 3; x < (int)box[2] + 3; x++)
            sum += cover[y * SIDE + x];
    return sum;
}

/* The more of a blink, the less gap and iris; a whole one leaves none, wherever the eye looks and whatever the face
 * feels. */
static void look_at_blinks(Booth *booth, int who, Complaint complaint) {
    float *cover = calloc(SIDE * SIDE, sizeof *cover), gap[2] = {9, 9}, iris[2] = {SIDE, SIDE};
    for (int step = 0; step <= 3 && cover; step++) {
        VvPose pose = vv_face_pose(VV_FACE_REST);
        pose.expression[VV_EYE_BLINK_L] = pose.expression[VV_EYE_BLINK_R] = 0.3f * (float)step;
        see_irises(booth, who, &pose, cover);
        for (int e = 0; e < 2; e++) {
            const float area = iris_area(&booth->frame, cover, e);
            if (!(booth->frame.lid_gap[e] < gap[e] - 0.05f) || !(area < iris[e]))
                complain(complaint,
                         "person %d eye %d: blink %d/3 leaves a gap of %.2f after %.2f, iris %.1f after %.1f", who, e,
                         step, (double)booth->frame.lid_gap[e], (double)gap[e], (double)area, (double)iris[e]);
            gap[e] = booth->frame.lid_gap[e];
            iris[e] = area;
        }
    }
    for (int i = who % 2; i < 6 && cover; i += 2) {
        static const float gazes[3][2] = {{0, 0}, {0.2f, 0.2f}, {-0.2f, -0.2f}};
        static const VvEmotion felt[6] = {VV_EMOTION_NEUTRAL, VV_EMOTION_SADNESS, VV_EMOTION_ANGER,
                                          VV_EMOTION_JOY,     VV_EMOTION_DISGUST, VV_EMOTION_CONTEMPT};
        VvPose pose = vv_face_pose(VV_FACE_REST);
        vv_emotion_face(felt[i], 1, pose.expression);
        pose.expression[VV_EYE_BLINK_L] = pose.expression[VV_EYE_BLINK_R] = 1;
        memcpy(pose.gaze, gazes[i % 3], sizeof pose.gaze);
        see_irises(booth, who, &pose, cover);
        for (int e = 0; e < 2; e++)
            if (!(booth->frame.lid_gap[e] <= 0) || !(iris_area(&booth->frame, cover, e) < 0.5f))
                complain(complaint, "person %d eye %d, %s: a blink leaves a gap of %.2f, iris %.1f", who, e,
                         vv_emotion_name(felt[i]), (double)booth->frame.lid_gap[e],
                         (double)iris_area(&booth->frame, cover, e));
    }
    free(cover);
}

static void blinks_shut_the_eyes(void **state) {
    (void)state;
    everyone(look_at_blinks);
}

/* The circle through the iris's left and right edges in all rows that show it (Kasa's fit): its middle. Lids cut the
 * iris above and below, so its centroid would not do. False with too little to see. */
static bool find_iris(const float *cover, const float box[4], float middle[2]) {
    double m[3][4] = {{0}};
    int points = 0;
    for (int y = (int)box[1] - 8; y < (int)box[3] + 8; y++) {
        int edge[2] = {-1, -1};
        for (int x = (int)box[0] - 2; x < (int)box[2] + 3; x++)
            if (cover[y * SIDE + x] >= 0.4f) {
                edge[0] = edge[0] < 0 ? x : edge[0];
                edge[1] = x;
            }
        for (int k = 0; k < 2 && edge[1] - edge[0] >= 4; k++, points++) {
            const double in = (double)cover[y * SIDE + edge[k]], out = (double)cover[y * SIDE + edge[k] + (k ? 1 : -1)];
            const double beyond = fmin(1, fmax(0, (in - .4) / fmax(in - out, .01)));
            const double x = edge[k] + .5 + (k ? beyond : -beyond), row[3] = {x, y + .5, 1},
                         square_sum = x * x + row[1] * row[1];
            for (int i = 0; i < 3; i++) {
                for (int j = 0; j < 3; j++)
                    m[i][j] += row[i] * row[j];
                m[i][3] += row[i] * square_sum;
            }
        }
    }
    if (points < 8)
        return false;
    for (int i = 0; i < 3; i++) /* Gauss and Jordan; the matrix is positive definite */
        for (int r = 0; r < 3; r++)
            for (int j = 3; j >= i && r != i; j--)
                m[r][j] -= m[r][i] / m[i][i] * m[i][j];
    for (int c = 0; c < 2; c++)
        middle[c] = (float)(m[c][3] / m[c][c] / 2);
    return true;
}

/* The pupil is none of the iris: the middle of the hole, sought from the iris's middle. */
static void find_pupil(const float *cover, float middle[2]) {
    for (int pass = 0; pass < 6; pass++) {
        float sum = 1e-6f, x = 0, y = 0;
        for (int p = 0; p < SIDE * SIDE; p++) {
            const float px = (float)(p % SIDE) + 0.5f, py = (float)(p / SIDE) + 0.5f;
            const float away = hypotf(px - middle[0], py - middle[1]),
                        w = clamp01(1 - 2.5f * cover[p]) * clamp01(2.2f - away);
            sum += w;
            x += w * px;
            y += w * py;
        }
        middle[0] = x / sum;
        middle[1] = y / sum;
    }
}

/* How far from the eye's centre the ball's surface is `angle` away from the pole, where the cornea bulges, cm. */
static float surface_at(const VvMesh *mesh, int eye, float angle) {
    const int from = eye ? VV_EYE_R_FROM : VV_EYE_L_FROM;
    VvVec pole = vec(0, 0, 0);
    float sum = 0;
    int count = 0;
    for (int i = from; i < from + VV_EYE_VERTICES; i++) {
        const VvVec q = sub(mesh->rest[i], mesh->eye[eye]);
        pole = length(q) > length(pole) ? q : pole;
    }
    for (int i = from; i < from + VV_EYE_VERTICES; i++) {
        const VvVec q = sub(mesh->rest[i], mesh->eye[eye]);
        if (fabsf(acosf(clamp(dot(unit(q), unit(pole)), -1, 1)) - angle) > 0.08f)
            continue;
        sum += length(q);
        count++;
    }
    return sum / (float)maxi(1, count);
}

/* The middles of both irises, or with `pupils` of what is seen of the pupils in them. */
static void measure_gaze(Booth *booth, int who, float yaw, float pitch, bool pupils, float *cover, float out[2][2],
                         Complaint complaint) {
    VvPose pose = vv_face_pose(VV_FACE_REST);
    pose.gaze[0] = yaw;
    pose.gaze[1] = pitch;
    pose.expression[VV_EYE_WIDE_L] = pose.expression[VV_EYE_WIDE_R] = 1; /* to see more of them */
    see_irises(booth, who, &pose, cover);
    for (int e = 0; e < 2; e++) {
        const float *told = booth->frame.iris[e];
        float box[4];
        box_of(&booth->frame, eye_from[e], eye_from[e] + 6, box);
        if (!find_iris(cover, box, out[e]))
            complain(complaint, "person %d eye %d: no iris at gaze %.2f %.2f", who, e, (double)yaw, (double)pitch);
        if (pupils)
            find_pupil(cover, out[e]);
        if (!(hypotf(out[e][0] - told[0], out[e][1] - told[1]) < 1.5f))
            complain(complaint, "person %d eye %d: iris at %.1f %.1f, said to be at %.1f %.1f", who, e,
                     (double)out[e][0], (double)out[e][1], (double)told[0], (double)told[1]);
    }
}

/* An eye that turns by an angle moves its iris by that angle times its distance from the eye's centre: the iris's edge
 * across, and up and down, where lids cut the edge, the pupil, which lies behind the cornea. */
static void look_at_gazes(Booth *booth, int who, Complaint complaint) {
    static const float turn = 0.22f, rim = 0.352f; /* the angle at which shade_eye.c ends the iris */
    const VvMesh *mesh = &person(who)->mesh;
    float *cover = calloc(SIDE * SIDE, sizeof *cover), at[3][2][2];
    for (int axis = 0; axis < 2 && cover; axis++) {
        for (int k = 0; k < 3; k++)
            measure_gaze(booth, who, axis ? 0 : turn * (float)(k - 1), axis ? turn * (float)(k - 1) : 0, axis == 1,
                         cover, at[k], complaint);
        for (int e = 0; e < 2; e++) {
            const float way = axis ? -1 : 1; /* up is less in a picture */
            const float depth = cosf(rim) * surface_at(mesh, e, axis ? 0.1f : rim);
            const float pixels = VV_CAMERA_FOCAL * SIDE / (VV_CAMERA_Z - mesh->eye[e].z - depth);
            const float slope = way * (at[2][e][axis] - at[0][e][axis]) / (2 * turn), expected = pixels * depth;
            if (!(fabsf(slope / expected - 1) < 0.15f))
                complain(complaint, "person %d eye %d axis %d: %.2f pixels a radian, not %.2f", who, e, axis,
                         (double)slope, (double)expected);
            if (!(way * at[0][e][axis] < way * at[1][e][axis] - 1 && way * at[1][e][axis] < way * at[2][e][axis] - 1))
                complain(complaint, "person %d eye %d: the iris does not follow the gaze along axis %d", who, e, axis);
        }
    }
    free(cover);
}

static void irises_go_where_the_gaze_goes(void **state) {
    (void)state;
    everyone(look_at_gazes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(landmarks_lie_on_what_they_name),
        cmocka_unit_test(turning_hides_the_far_side),
        cmocka_unit_test(one_thread_and_two_draw_the_same),
        cmocka_unit_test(the_mask_covers_the_lips_at_every_viseme),
        cmocka_unit_test(lips_are_shut_in_the_picture),
        cmocka_unit_test(lids_bound_the_eyes),
        cmocka_unit_test(blinks_shut_the_eyes),
        cmocka_unit_test(irises_go_where_the_gaze_goes),
    };
    return cmocka_run_group_tests(tests, people_open, people_close);
}

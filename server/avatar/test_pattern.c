/* The test-pattern avatar: a diagnostic picture of what the server did.
 *
 * Its memory is small on purpose, but of the same kind as a model's: what was sent moves it on, what was thrown away
 * leaves no trace. A frame depends on the session's seed, on how many frames were sent before it, and on what the item
 * brings; not on how often a window was made again. */
#include "server/avatar/test_pattern.h"

#include "server/avatar/snapshot.h"
#include "server/avatar/test_pattern_draw.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BATCH 16 /* its frames cost the same in any batch; more would only make the first one wait */
#define FALL 0.8f    /* of the voice's level, a frame */

#define BLINK_EVERY 100 /* frames: one blink begins somewhere in each such stretch */
#define GAZE_EVERY 60
static const float blink[] = {0.55f, 0.1f, 0, 0.2f, 0.65f, 0.9f};
#define BLINK_FRAMES ((uint64_t)(sizeof blink / sizeof blink[0]))

struct VvAvatarState {
    uint64_t seed;
    uint64_t sent; /* frames */
    float voice;   /* the level at the last one sent */

    /* The window last made, until the next step says how much of it was sent. */
    bool made;
    float made_voice[VV_WINDOW_FRAMES];
};

typedef struct TestPattern {
    VvAvatar avatar; /* first: the seam's pointer is ours */
    VvPatternCanvas *canvas;
} TestPattern;

/* ---- one frame -------------------------------------------------------------------------------------------------- */

/* A number from a seed and a place, without memory (the finaliser of SplitMix64). */
static uint64_t hash(uint64_t seed, uint64_t place) {
    uint64_t x = seed + (place + 1) * UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static float eyes_open(uint64_t seed, uint64_t frame) {
    const uint64_t begins = hash(seed, frame / BLINK_EVERY) % (BLINK_EVERY - BLINK_FRAMES);
    const uint64_t at = frame % BLINK_EVERY;
    return at >= begins && at < begins + BLINK_FRAMES ? blink[at - begins] : 1;
}

/* Looks somewhere else now and then; the eyes get there within three frames. */
static float gaze(uint64_t seed, uint64_t frame) {
    const uint64_t stretch = frame / GAZE_EVERY;
    const float to = (float)(hash(seed, stretch) % 201) / 100 - 1;
    const float from = stretch ? (float)(hash(seed, stretch - 1) % 201) / 100 - 1 : to;
    const float way = (float)(frame % GAZE_EVERY + 1) / 3;
    return way < 1 ? from + (to - from) * way : to;
}

/* The amplitude of some log-mel rows together. */
static float amplitude(const float *rows, int count) {
    float power = 0;
    for (int i = 0; i < count; i++) {
        const float a = vv_mel_amplitude(rows + (ptrdiff_t)i * VV_MEL_BANDS);
        power += a * a;
    }
    return count > 0 ? sqrtf(power / (float)count) : 0;
}

static float level_of(const float *rows, int count) {
    const float level = amplitude(rows, count) / VV_TEST_PATTERN_MOUTH_FULL;
    return level < 1 ? level : 1;
}

static uint32_t frame_number(int64_t pts) {
    const int64_t number = pts >= 0 ? pts / VV_FRAME_US : -((-pts + VV_FRAME_US - 1) / VV_FRAME_US);
    return (uint32_t)number & ((1U << VV_TEST_PATTERN_CLOCK_BITS) - 1);
}

/* ---- the window ------------------------------------------------------------------------------------------------- */

static bool valid(const TestPattern *pattern, const VvAvatarItem *item) {
    bool fits = item->state && item->kept >= 0 && item->kept <= VV_WINDOW_FRAMES && item->user_rows >= 0;
    for (int i = 0; i < VV_WINDOW_FRAMES; i++)
        fits = fits && item->frames[i].plane[0] && item->frames[i].width == pattern->avatar.info.width &&
               item->frames[i].height == pattern->avatar.info.height;
    return fits;
}

/* Moves on by what was sent of the last window, and forgets the rest. */
static void commit(VvAvatarState *state, int kept) {
    if (state->made && kept > 0) {
        state->sent += (uint64_t)kept;
        state->voice = state->made_voice[kept - 1];
    }
    state->made = false;
}

/* The user's voice over the new frames: the rows heard since the last step, spread over them; falls slowly. */
static void hear(VvAvatarState *state, const VvAvatarItem *item) {
    float voice = state->voice;
    for (int i = 0; i < VV_WINDOW_FRAMES; i++) {
        const int from = item->user_rows * i / VV_WINDOW_FRAMES;
        const int to = item->user_rows * (i + 1) / VV_WINDOW_FRAMES;
        const float heard =
            item->user_muted || to == from ? 0 : level_of(item->user + (ptrdiff_t)from * VV_MEL_BANDS, to - from);
        voice = heard > voice * FALL ? heard : voice * FALL;
        state->made_voice[i] = voice;
    }
    state->made = true;
}

static void make_window(const TestPattern *pattern, VvAvatarItem *item) {
    VvAvatarState *state = item->state;
    commit(state, item->kept);
    hear(state, item);
    const bool known = item->character > 0 && item->character < VV_PATTERN_LOOKS;
    VvPatternScene scene = {.look = known ? (VvPatternLook)item->character : VV_PATTERN_FACE,
                            .affect = vv_test_pattern_affect(item->affect.label, item->affect.intensity),
                            .camera = item->camera};
    for (int i = 0; i < VV_WINDOW_FRAMES; i++) {
        const uint64_t frame = state->sent + (uint64_t)i;
        const float *rows = item->speech + (ptrdiff_t)(VV_SPEECH_PAST_FRAMES + i) * VV_HOPS * VV_MEL_BANDS;
        scene.frame = frame_number(item->pts + (int64_t)i * VV_FRAME_US);
        scene.mouth = i < item->speech_frames ? level_of(rows, VV_HOPS) : 0;
        scene.voice = state->made_voice[i];
        scene.eyes = eyes_open(state->seed, frame);
        scene.gaze_x = gaze(state->seed ^ 1, frame);
        scene.gaze_y = gaze(state->seed ^ 2, frame) / 2;
        vv_pattern_draw(pattern->canvas, &scene, &item->frames[i]);
        scene.same_thumb = &item->frames[0];
    }
}

static int step(VvAvatar *avatar, VvAvatarItem *items[], int count) {
    const TestPattern *pattern = (const TestPattern *)avatar;
    if (count < 0 || count > MAX_BATCH)
        return -EINVAL;
    for (int i = 0; i < count; i++)
        if (!valid(pattern, items[i]))
            return -EINVAL;
    for (int i = 0; i < count; i++)
        make_window(pattern, items[i]);
    return 0;
}

/* ---- the state -------------------------------------------------------------------------------------------------- */

static VvAvatarState *create(VvAvatar *avatar, uint64_t seed) {
    (void)avatar;
    VvAvatarState *state = calloc(1, sizeof *state);
    if (state)
        state->seed = seed;
    return state;
}

static void destroy(VvAvatar *avatar, VvAvatarState **state) {
    (void)avatar;
    free(*state);
    *state = NULL;
}

/* A snapshot, little endian: magic, version, seed, frames sent, voice, whether a window was made, its voice levels, and
 * a checksum (FNV-1a) of all that. */
#define MAGIC UINT32_C(0x50545656) /* "VVTP" */
#define SNAPSHOT_VERSION 1
#define SNAPSHOT_BYTES (4 + 4 + 8 + 8 + 4 + 4 + 4 * VV_WINDOW_FRAMES + 8)

/* False if it is not a level, 0..1. */
static bool get_level(const uint8_t **in, float *value) {
    *value = vv_snapshot_get_float(in);
    return *value >= 0 && *value <= 1;
}

static size_t snapshot(VvAvatar *avatar, const VvAvatarState *state, uint8_t *out, size_t room) {
    (void)avatar;
    if (room < SNAPSHOT_BYTES)
        return SNAPSHOT_BYTES;
    uint8_t *at = vv_snapshot_put(out, MAGIC, 4);
    at = vv_snapshot_put(at, SNAPSHOT_VERSION, 4);
    at = vv_snapshot_put(at, state->seed, 8);
    at = vv_snapshot_put(at, state->sent, 8);
    at = vv_snapshot_put_float(at, state->voice);
    at = vv_snapshot_put(at, state->made, 4);
    for (int i = 0; i < VV_WINDOW_FRAMES; i++)
        at = vv_snapshot_put_float(at, state->made_voice[i]);
    vv_snapshot_put(at, vv_fnv(VV_FNV_BASIS, out, SNAPSHOT_BYTES - 8), 8);
    return SNAPSHOT_BYTES;
}

static bool parse(VvAvatarState *state, const uint8_t *bytes, size_t size) {
    if (size != SNAPSHOT_BYTES)
        return false;
    const uint8_t *at = bytes;
    bool good = vv_snapshot_get(&at, 4) == MAGIC;
    good = vv_snapshot_get(&at, 4) == SNAPSHOT_VERSION && good;
    state->seed = vv_snapshot_get(&at, 8);
    state->sent = vv_snapshot_get(&at, 8);
    good = get_level(&at, &state->voice) && good;
    const uint64_t made = vv_snapshot_get(&at, 4);
    state->made = made == 1;
    good = made <= 1 && good;
    for (int i = 0; i < VV_WINDOW_FRAMES; i++)
        good = get_level(&at, &state->made_voice[i]) && good;
    return vv_snapshot_get(&at, 8) == vv_fnv(VV_FNV_BASIS, bytes, SNAPSHOT_BYTES - 8) && good;
}

static VvAvatarState *restore(VvAvatar *avatar, const uint8_t *bytes, size_t size) {
    VvAvatarState *state = create(avatar, 0);
    if (state && !parse(state, bytes, size))
        destroy(avatar, &state);
    return state;
}

/* ---- the avatar ------------------------------------------------------------------------------------------------- */

static void close_pattern(VvAvatar **avatar) {
    TestPattern *pattern = (TestPattern *)*avatar;
    *avatar = NULL;
    if (pattern)
        vv_pattern_canvas_free(&pattern->canvas);
    free(pattern);
}

int vv_test_pattern_open(int width, int height, VvAvatar **avatar) {
    *avatar = NULL;
    if (width < 64 || height < 64 || width > 4096 || height > 4096)
        return -EINVAL;
    TestPattern *pattern = calloc(1, sizeof *pattern);
    if (!pattern)
        return -ENOMEM;
    pattern->avatar = (VvAvatar){
        .info = {.name = "test-pattern",
                 .width = width,
                 .height = height,
                 .lookahead_frames = 0,
                 .max_batch = MAX_BATCH,
                 .characters = "face,bars",
                 .styles = "plain",
                 .state_bytes = sizeof(VvAvatarState)},
        .create = create,
        .destroy = destroy,
        .snapshot = snapshot,
        .restore = restore,
        .step = step,
        .close = close_pattern,
    };
    pattern->canvas = vv_pattern_canvas_new(width, height);
    *avatar = &pattern->avatar;
    if (!pattern->canvas) {
        close_pattern(avatar);
        return -ENOMEM;
    }
    return 0;
}

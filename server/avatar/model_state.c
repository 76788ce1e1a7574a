/* One session's memory, and its snapshot: little endian, with a version, the weights' mark and a checksum. */
#include "server/avatar/model_state.h"
#include "server/avatar/snapshot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES (VV_OVERLAP_FRAMES + VV_WINDOW_FRAMES)
#define HEADS (1 + VV_WINDOW_FRAMES)

#define MAGIC UINT32_C(0x534d5656) /* "VVMS" */
#define VERSION 1
#define HEAD_BYTES (4 + 4 + 8 + 8 + 4) /* magic, version, weights, frames sent, whether a window was made */
#define SUM_BYTES 8
#define DZ_MOST 1e4f /* what no network of ours makes */

size_t vv_model_state_bytes(const VvModelSizes *sizes) {
    return sizeof(VvAvatarState) + (size_t)(FRAMES * sizes->z_count) * sizeof(float);
}

VvAvatarState *vv_model_state_new(const VvModelSizes *sizes, const VvHead *head) {
    VvAvatarState *state = calloc(1, vv_model_state_bytes(sizes));
    for (int i = 0; state && i < HEADS; i++)
        vv_head_rest(head, &state->head[i]);
    return state;
}

int vv_model_state_kept(const VvAvatarState *state, int kept) {
    return state->made ? kept : 0;
}

void vv_model_state_advance(const VvModelSizes *sizes, VvAvatarState *state, int kept, const float *fresh,
                            const VvHeadFrame head[VV_WINDOW_FRAMES]) {
    const size_t frame = (size_t)sizes->z_count;
    memmove(state->dz, state->dz + (size_t)kept * frame, VV_OVERLAP_FRAMES * frame * sizeof(float));
    memcpy(state->dz + VV_OVERLAP_FRAMES * frame, fresh, VV_WINDOW_FRAMES * frame * sizeof(float));
    state->head[0] = state->head[kept];
    memcpy(state->head + 1, head, VV_WINDOW_FRAMES * sizeof *head);
    state->sent += (uint64_t)kept;
    state->made = true;
}

/* ---- snapshots --------------------------------------------------------------------------------------------------- */

static uint8_t *put_floats(uint8_t *out, const float *values, int count) {
    for (int i = 0; i < count; i++)
        out = vv_snapshot_put_float(out, values[i]);
    return out;
}

/* False if one of them is outside of what is allowed, or no number. */
static bool get_floats(const uint8_t **in, float *values, int count, const float *low, const float *high) {
    bool fits = true;
    for (int i = 0; i < count; i++) {
        values[i] = vv_snapshot_get_float(in);
        fits = fits && values[i] >= (low ? low[i] : -DZ_MOST) && values[i] <= (high ? high[i] : DZ_MOST);
    }
    return fits;
}

static size_t snapshot_bytes(const VvModelSizes *sizes) {
    return HEAD_BYTES + 4 * (size_t)(HEADS * (sizes->told + sizes->width) + FRAMES * sizes->z_count) + SUM_BYTES;
}

size_t vv_model_state_snapshot(const VvModelSizes *sizes, const VvAvatarState *state, uint8_t *out, size_t room) {
    const size_t size = snapshot_bytes(sizes);
    if (room < size)
        return size;
    uint8_t *at = vv_snapshot_put(out, MAGIC, 4);
    at = vv_snapshot_put(at, VERSION, 4);
    at = vv_snapshot_put(at, sizes->weights, 8);
    at = vv_snapshot_put(at, state->sent, 8);
    at = vv_snapshot_put(at, state->made, 4);
    for (int i = 0; i < HEADS; i++) {
        at = put_floats(at, state->head[i].told, sizes->told);
        at = put_floats(at, state->head[i].memory, sizes->width);
    }
    at = put_floats(at, state->dz, FRAMES * sizes->z_count);
    vv_snapshot_put(at, vv_fnv(VV_FNV_BASIS, out, size - SUM_BYTES), 8);
    return size;
}

/* The head's numbers: within a unit of what the generator gives, since a portrait at rest may lie a little outside. */
static bool get_head(const VvModelSizes *sizes, const VvHead *head, const uint8_t **at, VvHeadFrame *frame) {
    const VvHeadInfo *info = vv_head_info(head);
    VvHeadFrame rest;
    float low[VV_HEAD_TOLD_MAX], high[VV_HEAD_TOLD_MAX], least[VV_HEAD_WIDTH_MAX], most[VV_HEAD_WIDTH_MAX];
    vv_head_rest(head, &rest);
    for (int i = 0; i < sizes->told; i++) {
        low[i] = fminf(info->low[i], rest.told[i]);
        high[i] = fmaxf(info->high[i], rest.told[i]);
    }
    for (int i = 0; i < sizes->width; i++) {
        least[i] = -1; /* a gated recurrent unit's memory is a mean of hyperbolic tangents */
        most[i] = 1;
    }
    const bool told = get_floats(at, frame->told, sizes->told, low, high);
    return get_floats(at, frame->memory, sizes->width, least, most) && told;
}

static bool parse(const VvModelSizes *sizes, const VvHead *head, VvAvatarState *state, const uint8_t *bytes,
                  size_t size) {
    if (size != snapshot_bytes(sizes))
        return false;
    const uint8_t *at = bytes;
    bool good = vv_snapshot_get(&at, 4) == MAGIC;
    good = vv_snapshot_get(&at, 4) == VERSION && good;
    good = vv_snapshot_get(&at, 8) == sizes->weights && good;
    state->sent = vv_snapshot_get(&at, 8);
    const uint64_t made = vv_snapshot_get(&at, 4);
    state->made = made == 1;
    good = made <= 1 && good;
    for (int i = 0; i < HEADS; i++)
        good = get_head(sizes, head, &at, &state->head[i]) && good;
    good = get_floats(&at, state->dz, FRAMES * sizes->z_count, NULL, NULL) && good;
    return vv_snapshot_get(&at, 8) == vv_fnv(VV_FNV_BASIS, bytes, size - SUM_BYTES) && good;
}

VvAvatarState *vv_model_state_restore(const VvModelSizes *sizes, const VvHead *head, const uint8_t *bytes,
                                      size_t size) {
    VvAvatarState *state = vv_model_state_new(sizes, head);
    if (state && !parse(sizes, head, state, bytes, size)) {
        free(state);
        state = NULL;
    }
    return state;
}

/* Face crops. */
#include "weights/performer/dataset_crop.h"

#include "weights/performer/vec.h"

#include <math.h>

/* The square around all landmarks, with room for hair and chin. */
static VvCropBox box_of(const VvFrame *frame) {
    float low[2] = {1e9f, 1e9f}, high[2] = {-1e9f, -1e9f};
    for (int l = 0; l < VV_LANDMARKS; l++)
        for (int k = 0; k < 2; k++) {
            low[k] = minf(low[k], frame->landmark[l][k]);
            high[k] = maxf(high[k], frame->landmark[l][k]);
        }
    const float height = high[1] - low[1], side = 1.6f * maxf(high[0] - low[0], height);
    /* The landmarks end at the brows: the head's middle is above theirs. */
    const float x = 0.5f * (low[0] + high[0]), y = 0.5f * (low[1] + high[1]) - 0.12f * height;
    return (VvCropBox){.left = x - 0.5f * side, .top = y - 0.5f * side, .side = side};
}

void vv_crop_follow(VvCropBox *box, const VvFrame *frame, bool face, float seconds) {
    if (!face)
        return;
    const VvCropBox there = box_of(frame);
    const float step = box->side > 0 ? 1 - expf(-seconds / 1.5f) : 1;
    box->left = mix(box->left, there.left, step);
    box->top = mix(box->top, there.top, step);
    box->side = mix(box->side, there.side, step);
}

static const uint8_t *pixel_at(const VvFrame *frame, float x, float y) {
    const int px = mini(maxi((int)floorf(x), 0), frame->size - 1), py = mini(maxi((int)floorf(y), 0), frame->size - 1);
    return frame->rgb + 3 * (py * frame->size + px);
}

void vv_crop_cut(const VvCropBox *box, const VvFrame *frame, uint8_t *crop) {
    const VvCropBox whole = {.side = (float)frame->size}, *b = box->side > 0 ? box : &whole;
    const float step = b->side / VV_CROP_SIZE;
    const int per = (int)ceilf(2 * step); /* samples a side in each pixel: the mean of what it covers */
    for (int y = 0; y < VV_CROP_SIZE; y++)
        for (int x = 0; x < VV_CROP_SIZE; x++) {
            int sum[3] = {0};
            for (int k = 0; k < per * per; k++) {
                const int column = k % per, row = k / per;
                const float dx = ((float)column + 0.5f) / (float)per, dy = ((float)row + 0.5f) / (float)per;
                const uint8_t *p = pixel_at(frame, b->left + ((float)x + dx) * step, b->top + ((float)y + dy) * step);
                for (int c = 0; c < 3; c++)
                    sum[c] += p[c];
            }
            for (int c = 0; c < 3; c++)
                *crop++ = (uint8_t)((sum[c] + per * per / 2) / (per * per));
        }
}

/* Small pictures of a face, as the model that watches the user sees it: a square that follows the face slowly, so that
 * nods and shakes are movements in it. */
#ifndef VV_DATASET_CROP_H
#define VV_DATASET_CROP_H

#include "weights/performer/render.h"

#define VV_CROP_SIZE 96 /* pixels a side */
#define VV_CROP_EVERY 2 /* of every so many pictures: 12.5 a second at most */

/* Where the crop is in the picture, pixels: left, top, side. Plain values; zeroed: nowhere yet. */
typedef struct VvCropBox {
    float left, top, side;
} VvCropBox;

/* Moves the box on by `seconds` towards the face's landmarks; with `face` false it stays. The first call with a face
 * puts it there at once. */
void vv_crop_follow(VvCropBox *box, const VvFrame *frame, bool face, float seconds);

/* Cuts it out; what lies outside of the picture repeats its border. A box that is nowhere yet is the whole picture.
 * crop[VV_CROP_SIZE][VV_CROP_SIZE][3] */
void vv_crop_cut(const VvCropBox *box, const VvFrame *frame, uint8_t *crop);

#endif

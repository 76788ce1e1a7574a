/* The pictures of a dataset, drawn by the renderer. Per side S, with a row for every picture:
 *
 *   pictures-S.npy        uint8 [n][size][size][3], or the same in video-S.webm as VP8
 *   picture-frames-S.npy  int32 [n], the frames that they show
 *   camera-S.npy          uint8 [n], 0 while the side's camera is off and the picture grey
 *   landmarks-S.npy       float32 [n][68][2], pixels of the picture; visible-S.npy uint8 [n][68]
 *   truth-S.npy           float32 [n][columns], see VV_TRUTHS
 *
 * and of the user, for every second picture:
 *
 *   crops-1.npy           uint8 [m][96][96][3], the face; crop-boxes-1.npy float32 [m][3] where it was cut out: left,
 *                         top and side, pixels of the picture
 *
 * Who is seen, and where, is drawn from the side's identity seed, unless a character plays the part; the user's webcam
 * comes from the conversation's seed. */
#ifndef VV_DATASET_VIDEO_H
#define VV_DATASET_VIDEO_H

#include "weights/performer/dataset.h"
#include "weights/performer/dataset_store.h"

typedef struct VvVideoOptions {
    const char *asset;      /* the head asset's file */
    VvPictures kind;        /* not VV_PICTURES_NONE */
    int size;               /* 256 or 512 pixels a side */
    int every;              /* a picture of every so many frames, from 1 */
    bool webcam;            /* the user is seen through a bad webcam, which is off while they are away */
    const char *characters; /* a folder of characters, for the avatar's part; NULL: random people only */
    bool always;            /* those characters play all of the avatar's parts, not half of them */
} VvVideoOptions;

/* Fills in `video` and loads the head asset. 0, or a negative errno with `error` (VV_ERROR_MAX bytes) filled. The
 * caller closes it after the dataset is made; until then it must stay where it is. Any thread. */
int vv_dataset_video_open(VvDatasetVideo *video, const VvVideoOptions *options, char *error);
void vv_dataset_video_close(VvDatasetVideo *video);

#endif

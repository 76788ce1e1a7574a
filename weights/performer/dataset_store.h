/* How a dataset keeps the pictures of a side: as an array, or as VP8 in WebM. */
#ifndef VV_DATASET_STORE_H
#define VV_DATASET_STORE_H

#include "server/media/picture.h"
#include "server/media/vp8_codec.h"
#include "server/media/webm.h"
#include "weights/performer/dataset_file.h"

#include <stdbool.h>

typedef enum VvPictures { VV_PICTURES_NONE, VV_PICTURES_RAW, VV_PICTURES_VP8 } VvPictures;

/* "none", "raw", "vp8". */
const char *vv_pictures_name(VvPictures kind);

/* Zeroed: closed. */
typedef struct VvPictureStore {
    VvArrayFile array;
    VvWebm *webm;
    VvVp8Encoder *encoder;
    VvPicture picture; /* what the encoder gets */
    int count;         /* so far */
    size_t bytes;      /* of one picture */
    char path[VV_PATH_MAX];
} VvPictureStore;

/* Opens the file of side `side` in `folder`, for `count` pictures of `size` pixels a side, of every `every`th frame.
 * This and the next two return 0, or a negative errno with `error` (VV_ERROR_MAX bytes) filled. The caller closes,
 * after a failure too. */
int vv_store_open(VvPictureStore *store, VvPictures kind, const char *folder, int side, int count, int size, int every,
                  char *error);

/* Adds the picture of frame `frame`; rgb[size][size][3]. */
int vv_store_add(VvPictureStore *store, int frame, const uint8_t *rgb, char *error);

/* Completes the file; does nothing if it is closed. */
int vv_store_close(VvPictureStore *store, char *error);

#endif

/* Keeping pictures. */
#include "weights/performer/dataset_store.h"

#include "weights/performer/pose.h"

#include <errno.h>
#include <string.h>

enum {
    KEY_EVERY = 2 * VV_POSE_FPS, /* pictures */
    KBPS_256 = 3000              /* of 256 x 256 pixels; with less than 25 a second each gets more, as it has to */
};

const char *vv_pictures_name(VvPictures kind) {
    static const char *const names[] = {"none", "raw", "vp8"};
    return names[kind];
}

static int fail(const VvPictureStore *store, int result, char *error) {
    snprintf(error, VV_ERROR_MAX, "cannot write %s: %s", store->path, strerror(-result));
    return result;
}

static int open_raw(VvPictureStore *store, const char *folder, int side, int count, int size, char *error) {
    char name[32];
    snprintf(name, sizeof name, "pictures-%d.npy", side);
    return vv_array_open(&store->array, folder, name, VV_ARRAY_UINT8,
                         (const int[VV_ARRAY_DIMENSIONS]){count, size, size, 3}, error);
}

static int open_vp8(VvPictureStore *store, const char *folder, int side, int size, int every, char *error) {
    if (snprintf(store->path, sizeof store->path, "%s/video-%d.webm", folder, side) >= VV_PATH_MAX)
        return fail(store, -ENAMETOOLONG, error);
    const int fps = every < VV_POSE_FPS ? VV_POSE_FPS / every : 1;
    store->encoder = vv_vp8_encoder_new(size, size, fps, KBPS_256 * (size / 256) * (size / 256));
    int result = store->encoder ? vv_picture_alloc(&store->picture, size, size) : -ENOMEM;
    if (!result)
        result = vv_webm_open(&store->webm, store->path, &(VvWebmTracks){.width = size, .height = size, .fps = fps});
    return result ? fail(store, result, error) : 0;
}

int vv_store_open(VvPictureStore *store, VvPictures kind, const char *folder, int side, int count, int size, int every,
                  char *error) {
    *store = (VvPictureStore){.bytes = (size_t)size * (size_t)size * 3};
    return kind == VV_PICTURES_RAW ? open_raw(store, folder, side, count, size, error)
                                   : open_vp8(store, folder, side, size, every, error);
}

int vv_store_add(VvPictureStore *store, int frame, const uint8_t *rgb, char *error) {
    if (!store->encoder)
        return vv_array_write(&store->array, rgb, store->bytes, error);
    const uint8_t *data;
    size_t size;
    bool key;
    vv_picture_from_rgb(&store->picture, rgb, 3 * store->picture.width);
    int result = vv_vp8_encode(store->encoder, &store->picture, store->count++ % KEY_EVERY == 0, &data, &size, &key);
    if (!result)
        result = vv_webm_picture(store->webm, (int64_t)frame * (1000000 / VV_POSE_FPS), data, size, key);
    return result ? fail(store, result, error) : 0;
}

int vv_store_close(VvPictureStore *store, char *error) {
    int result = vv_webm_close(&store->webm);
    if (result)
        fail(store, result, error);
    vv_vp8_encoder_free(&store->encoder);
    vv_picture_free(&store->picture);
    const int closed = vv_array_close(&store->array, error);
    return result ? result : closed;
}

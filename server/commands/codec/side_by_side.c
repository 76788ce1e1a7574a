/* Original, decoded and difference side by side, written. */
#include "server/commands/codec/side_by_side.h"
#include "server/media/image.h"
#include "server/media/y4m.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define AMPLIFIED 4 /* differences, so that they can be seen */

struct VvSideBySide {
    char *path;
    enum { ONE_PNG, Y4M, FOLDER } kind;
    int side;
    int64_t pictures;
    VvImage image; /* 3 side x side */
    VvY4mWriter *clip;
};

static bool ends_with(const char *path, const char *ending) {
    const size_t length = strlen(path), wanted = strlen(ending);
    return length > wanted && strcmp(path + length - wanted, ending) == 0;
}

VvMediaError vv_side_by_side_open(const char *path, int side, VvTime interval, VvSideBySide **out,
                                  VvMediaProblem *problem) {
    VvMediaError error = VV_MEDIA_NO_MEMORY;
    VvSideBySide *o = calloc(1, sizeof *o);
    *out = NULL;
    if (!o || !(o->path = strdup(path)) || vv_image_alloc(&o->image, 3 * side, side)) {
        vv_media_fail(problem, VV_MEDIA_NO_MEMORY, "%s: out of memory", path);
        goto fail;
    }
    o->side = side;
    o->kind = ends_with(path, ".png") ? ONE_PNG : ends_with(path, ".y4m") ? Y4M : FOLDER;
    if (o->kind == Y4M) {
        const VvY4mForm form = {.width = 3 * side,
                                .height = side,
                                .fps_numerator = (int)VV_SECOND,
                                .fps_denominator = (int)interval,
                                .full_chroma = true};
        error = vv_y4m_writer_open(path, &form, &o->clip, problem);
        if (error)
            goto fail;
    } else if (o->kind == FOLDER && mkdir(path, 0777) && errno != EEXIST) {
        error = vv_media_fail(problem, VV_MEDIA_UNWRITABLE, "%s: %s", path, strerror(errno));
        goto fail;
    }
    *out = o;
    return VV_MEDIA_OK;

fail:
    vv_side_by_side_close(&o, NULL);
    return error;
}

static uint8_t difference(uint8_t a, uint8_t b) {
    const int off = AMPLIFIED * abs(a - b);
    return (uint8_t)(off > 255 ? 255 : off);
}

VvMediaError vv_side_by_side_add(VvSideBySide *out, const uint8_t *original, const uint8_t *decoded,
                                 VvMediaProblem *problem) {
    const size_t row = 3 * (size_t)out->side;
    for (int y = 0; y < out->side; y++) {
        const uint8_t *a = original + (size_t)y * row, *b = decoded + (size_t)y * row;
        uint8_t *to = out->image.rgb + 3 * (size_t)y * row;
        memcpy(to, a, row);
        memcpy(to + row, b, row);
        for (size_t i = 0; i < row; i++)
            to[2 * row + i] = difference(a[i], b[i]);
    }
    const int64_t number = out->pictures++;
    if (out->kind == Y4M)
        return vv_y4m_write(out->clip, out->image.rgb, problem);
    if (out->kind == ONE_PNG)
        return number ? VV_MEDIA_OK : vv_image_write_png(out->path, &out->image, problem);
    char name[4096];
    if (snprintf(name, sizeof name, "%s/%06lld.png", out->path, (long long)number) >= (int)sizeof name)
        return vv_media_fail(problem, VV_MEDIA_UNWRITABLE, "%.200s...: the name is too long", out->path);
    return vv_image_write_png(name, &out->image, problem);
}

VvMediaError vv_side_by_side_close(VvSideBySide **out, VvMediaProblem *problem) {
    VvSideBySide *o = *out;
    if (!o)
        return VV_MEDIA_OK;
    const VvMediaError error = vv_y4m_writer_close(&o->clip, problem);
    vv_image_free(&o->image);
    free(o->path);
    free(o);
    *out = NULL;
    return error;
}

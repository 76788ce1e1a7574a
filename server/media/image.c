/* Images: memory, opening by content, squares. image_png.c and image_jpeg.c know the formats. */
#include "server/media/image.h"

#include "server/media/image_format.h"
#include "server/media/picture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int vv_image_alloc(VvImage *image, int width, int height) {
    *image = (VvImage){0};
    if (width < 1 || height < 1 || width > VV_PICTURE_SIZE_MAX || height > VV_PICTURE_SIZE_MAX)
        return -EINVAL;
    image->rgb = malloc((size_t)width * (size_t)height * 3);
    if (!image->rgb)
        return -ENOMEM;
    image->width = width;
    image->height = height;
    return 0;
}

void vv_image_free(VvImage *image) {
    free(image->rgb);
    *image = (VvImage){0};
}

/* ---- files ------------------------------------------------------------------------------------------------- */

VvMediaError vv_image_check_size(int64_t width, int64_t height, int most, VvMediaProblem *problem) {
    if (width < 1 || height < 1)
        return vv_media_fail(problem, VV_MEDIA_BAD_SIZE, "the picture has no size");
    if (width > most || height > most)
        return vv_media_fail(problem, VV_MEDIA_BAD_SIZE, "the picture is %lld x %lld; at most %d x %d are read",
                             (long long)width, (long long)height, most, most);
    return VV_MEDIA_OK;
}

VvMediaError vv_image_read(FILE *file, int most, VvImage *image, VvMediaProblem *problem) {
    *image = (VvImage){0};
    /* One byte is enough to choose, and can be put back even into a pipe. */
    const int first = ungetc(getc(file), file);
    if (first == EOF)
        return ferror(file) ? vv_media_fail(problem, VV_MEDIA_UNREADABLE, "%s", strerror(errno))
                            : vv_media_fail(problem, VV_MEDIA_CUT, "the file is empty");
    if (first == VV_PNG_FIRST)
        return vv_png_read(file, most, image, problem);
    if (first == VV_JPEG_FIRST)
        return vv_jpeg_read(file, most, image, problem);
    return vv_media_fail(problem, VV_MEDIA_UNKNOWN_KIND, "this is neither PNG nor JPEG");
}

VvMediaError vv_image_open(const char *path, int most, VvImage *image, VvMediaProblem *problem) {
    VvMediaProblem local;
    VvMediaProblem *why = problem ? problem : &local;
    VvMediaError error;
    *image = (VvImage){0};
    FILE *file = fopen(path, "rbe");
    if (file) {
        error = vv_image_read(file, most, image, why);
        fclose(file);
    } else {
        error = vv_media_fail(why, VV_MEDIA_UNREADABLE, "%s", strerror(errno));
    }
    if (error)
        vv_media_name_file(why, path);
    return error;
}

/* ---- squares ----------------------------------------------------------------------------------------------- */

/* One colour of the square of `side` pixels at (left, top), as a plane. */
static void take_colour(const VvImage *from, int left, int top, int side, int colour, uint8_t *plane) {
    for (int y = 0; y < side; y++) {
        const uint8_t *row = from->rgb + ((size_t)(top + y) * (size_t)from->width + (size_t)left) * 3;
        for (int x = 0; x < side; x++)
            plane[(size_t)y * (size_t)side + (size_t)x] = row[3 * x + colour];
    }
}

int vv_image_square(const VvImage *from, int size, VvImage *to) {
    const int side = from->width < from->height ? from->width : from->height;
    uint8_t *cut = NULL, *scaled = NULL;
    int error = vv_image_alloc(to, size, size);
    if (error)
        return error;
    cut = malloc((size_t)side * (size_t)side);
    scaled = malloc((size_t)size * (size_t)size);
    if (!cut || !scaled) {
        error = -ENOMEM;
        vv_image_free(to);
        goto done;
    }
    for (int colour = 0; colour < 3; colour++) {
        take_colour(from, (from->width - side) / 2, (from->height - side) / 2, side, colour, cut);
        vv_plane_scale(&(VvPlane){scaled, size, size, size}, &(VvPlane){cut, side, side, side});
        for (size_t i = 0; i < (size_t)size * (size_t)size; i++)
            to->rgb[3 * i + (size_t)colour] = scaled[i];
    }
done:
    free(cut);
    free(scaled);
    return error;
}

/* Y' = kr R' + kg G' + kb B', Cb = (B' - Y') / (2 - 2 kb), Cr = (R' - Y') / (2 - 2 kr), in the range that samples lie
 * in: all colours of files follow from kr, kb and that range. */
#include "server/media/colours.h"

#include <stddef.h>

typedef struct Matrix {
    float red, green, blue; /* shares of Y' */
    float cb, cr;           /* what Cb and Cr are times to be B' - Y' and R' - Y' */
    float black;            /* Y of black */
    float luma, chroma;     /* what 0..255 becomes: steps from black to white, from least to most colour, over 255 */
} Matrix;

static Matrix matrix_of(VvColours colours) {
    const float red = colours.bt601 ? 0.299f : 0.2126f, blue = colours.bt601 ? 0.114f : 0.0722f;
    return (Matrix){.red = red,
                    .green = 1 - red - blue,
                    .blue = blue,
                    .cb = 2 * (1 - blue),
                    .cr = 2 * (1 - red),
                    .black = colours.full_range ? 0 : 16,
                    .luma = colours.full_range ? 1 : 219 / 255.0f,
                    .chroma = colours.full_range ? 1 : 224 / 255.0f};
}

static uint8_t to_byte(float value) {
    return (uint8_t)(value <= 0 ? 0 : value >= 255 ? 255 : (int)(value + 0.5f));
}

void vv_colours_to_rgb(const VvColourPlanes *from, VvColours colours, uint8_t *rgb) {
    const Matrix matrix = matrix_of(colours);
    const int shift = from->full_chroma ? 0 : 1;
    for (int y = 0; y < from->height; y++) {
        const uint8_t *luma = from->plane[0] + (ptrdiff_t)y * from->stride[0];
        const uint8_t *u = from->plane[1] + (ptrdiff_t)(y >> shift) * from->stride[1];
        const uint8_t *v = from->plane[2] + (ptrdiff_t)(y >> shift) * from->stride[2];
        for (int x = 0; x < from->width; x++, rgb += 3) {
            const float white = ((float)luma[x] - matrix.black) / matrix.luma;
            const float blue = ((float)u[x >> shift] - 128) / matrix.chroma * matrix.cb;
            const float red = ((float)v[x >> shift] - 128) / matrix.chroma * matrix.cr;
            rgb[0] = to_byte(white + red);
            rgb[1] = to_byte(white - (matrix.red * red + matrix.blue * blue) / matrix.green);
            rgb[2] = to_byte(white + blue);
        }
    }
}

static float white_of(const Matrix *matrix, const float rgb[3]) {
    return matrix->red * rgb[0] + matrix->green * rgb[1] + matrix->blue * rgb[2];
}

/* The mean of the pixels that share the chroma sample at (x, y). */
static void mean_of_block(const VvColourPlanes *planes, const uint8_t *rgb, int x, int y, float mean[3]) {
    const int size = planes->full_chroma ? 1 : 2;
    int sum[3] = {0}, count = 0;
    for (int v = y * size; v < (y + 1) * size && v < planes->height; v++)
        for (int h = x * size; h < (x + 1) * size && h < planes->width; h++, count++) {
            const uint8_t *pixel = rgb + ((size_t)v * (size_t)planes->width + (size_t)h) * 3;
            for (int c = 0; c < 3; c++)
                sum[c] += pixel[c];
        }
    for (int c = 0; c < 3; c++)
        mean[c] = (float)sum[c] / (float)count;
}

void vv_colours_from_rgb(const VvColourPlanes *to, VvColours colours, const uint8_t *rgb) {
    const Matrix matrix = matrix_of(colours);
    const int size = to->full_chroma ? 1 : 2;
    const uint8_t *pixel = rgb;
    for (int y = 0; y < to->height; y++)
        for (int x = 0; x < to->width; x++, pixel += 3) {
            const float value[3] = {pixel[0], pixel[1], pixel[2]};
            to->plane[0][(ptrdiff_t)y * to->stride[0] + x] =
                to_byte(matrix.black + white_of(&matrix, value) * matrix.luma);
        }
    for (int y = 0; y * size < to->height; y++)
        for (int x = 0; x * size < to->width; x++) {
            float mean[3];
            mean_of_block(to, rgb, x, y, mean);
            const float white = white_of(&matrix, mean);
            to->plane[1][(ptrdiff_t)y * to->stride[1] + x] =
                to_byte(128 + (mean[2] - white) / matrix.cb * matrix.chroma);
            to->plane[2][(ptrdiff_t)y * to->stride[2] + x] =
                to_byte(128 + (mean[0] - white) / matrix.cr * matrix.chroma);
        }
}

/* PNG and JPEG files from anywhere, read, turned upright and cut to a square. Every byte of what comes out is read.
 *
 * A random change of a PNG would hardly ever get past its checksums, so the right ones are put in. */
#include "server/media/image.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 128, SQUARE = 17 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
    if (!condition)
        abort();
}

static volatile uint8_t seen; /* so that reading cannot be left out */

static void read_all(const VvImage *image) {
    uint8_t sum = 0;
    require(image->width > 0 && image->width <= MOST && image->height > 0 && image->height <= MOST);
    for (int i = 0; i < image->width * image->height * 3; i++)
        sum ^= image->rgb[i];
    seen = sum;
}

/* The checksum of PNG's chunks (ISO 3309). */
static uint32_t checksum(const uint8_t *data, size_t size) {
    uint32_t sum = 0xffffffff;
    for (size_t i = 0; i < size; i++) {
        sum ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            sum = sum & 1 ? sum >> 1 ^ 0xedb88320 : sum >> 1;
    }
    return ~sum;
}

/* A chunk: size, name, content, checksum of the name and content; numbers of 32 bits, big-endian. */
static void mend_checksums(uint8_t *file, size_t size) {
    for (size_t at = 8; at + 12 <= size;) {
        const size_t length =
            (size_t)file[at] << 24 | (size_t)file[at + 1] << 16 | (size_t)file[at + 2] << 8 | file[at + 3];
        if (length > size - at - 12)
            return;
        const uint32_t sum = checksum(file + at + 4, length + 4);
        for (size_t i = 0; i < 4; i++)
            file[at + 8 + length + i] = (uint8_t)(sum >> (24 - 8 * i));
        at += 12 + length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    uint8_t *bytes = malloc(size);
    require(bytes != NULL);
    memcpy(bytes, data, size);
    if (bytes[0] == 0x89)
        mend_checksums(bytes, size);
    FILE *file = fmemopen(bytes, size, "rb");
    require(file != NULL);
    VvImage image, square;
    VvMediaProblem problem = {0};
    const VvMediaError error = vv_image_read(file, MOST, &image, &problem);
    require(problem.error == error && (error == VV_MEDIA_OK) == (image.rgb != NULL));
    require((error == VV_MEDIA_OK) == (problem.text[0] == '\0'));
    if (image.rgb) {
        read_all(&image);
        require(vv_image_square(&image, SQUARE, &square) == 0);
        read_all(&square);
        vv_image_free(&square);
    }
    vv_image_free(&image);
    fclose(file);
    free(bytes);
    return 0;
}

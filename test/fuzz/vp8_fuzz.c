/* VP8 frames from anywhere, into one decoder, key frames and others in any order.
 *
 * Input: frames, each with its length before it in two bytes, little endian. Every byte of a decoded picture is read.
 */
#include "server/media/vp8_codec.h"

#include <errno.h>
#include <stdlib.h>

enum { MOST_WIDTH = 256, MOST_HEIGHT = 192 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
    if (!condition)
        abort();
}

static volatile uint8_t seen; /* so that reading cannot be left out */

static void read_all(const VvPicture *picture) {
    uint8_t sum = 0;
    require(picture->width > 0 && picture->width <= MOST_WIDTH);
    require(picture->height > 0 && picture->height <= MOST_HEIGHT);
    for (int p = 0; p < 3; p++) {
        const int width = p ? (picture->width + 1) / 2 : picture->width;
        const int height = p ? (picture->height + 1) / 2 : picture->height;
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++)
                sum ^= picture->plane[p][(long)y * picture->stride[p] + x];
    }
    seen = sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    VvVp8Decoder *decoder = vv_vp8_decoder_new();
    require(decoder != NULL);
    while (size >= 2) {
        const size_t wanted = data[0] | (size_t)data[1] << 8;
        data += 2, size -= 2;
        const size_t length = wanted < size ? wanted : size;
        int width, height;
        VvPicture picture;
        const bool key = vv_vp8_is_key(data, length, &width, &height);
        const int error = vv_vp8_decode(decoder, data, length, MOST_WIDTH, MOST_HEIGHT, &picture);
        require(error == 0 || error == -EBADMSG || error == -EFBIG || (error == -EAGAIN && !key));
        if (error == 0)
            read_all(&picture);
        else
            require(!picture.plane[0]);
        data += length, size -= length;
    }
    vv_vp8_decoder_free(&decoder);
    return 0;
}

/* WebM files from anywhere: first block by block, every byte of each being read, then as footage, where its pictures
 * are decoded. */
#include "server/media/footage.h"
#include "server/media/webm_read.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
    if (!condition)
        abort();
}

static volatile uint8_t seen; /* so that reading cannot be left out */

static void read_all(const uint8_t *bytes, size_t size) {
    uint8_t sum = 0;
    for (size_t i = 0; i < size; i++)
        sum ^= bytes[i];
    seen = sum;
}

static void read_blocks(FILE *file, size_t size) {
    VvWebmReader *reader;
    VvWebmBlock block;
    VvMediaProblem problem = {0};
    size_t sum = 0;
    int got = -1;
    if (vv_webm_reader_open(file, &reader, &problem) == VV_MEDIA_OK) {
        const VvWebmContent *content = vv_webm_reader_content(reader);
        require(memchr(content->picture_codec, 0, sizeof content->picture_codec) != NULL);
        require(memchr(content->sound_codec, 0, sizeof content->sound_codec) != NULL);
        while ((got = vv_webm_read(reader, &block, &problem)) == 1) {
            read_all(block.data, block.size);
            sum += block.size;
        }
    }
    require(sum <= size);
    require((got == 0) == (problem.error == VV_MEDIA_OK));
    vv_webm_reader_close(&reader);
    require(reader == NULL);
}

static void read_footage(FILE *file) {
    VvFootage *footage;
    VvFootageFrame frame;
    VvMediaProblem problem = {0};
    int got = -1;
    if (vv_footage_open_file(file, "clip", MOST, &footage, &problem) == VV_MEDIA_OK)
        while ((got = vv_footage_next(footage, &frame, &problem)) == 1) {
            require(frame.image->width <= MOST && frame.image->height <= MOST);
            read_all(frame.image->rgb, (size_t)frame.image->width * (size_t)frame.image->height * 3);
        }
    require((got == 0) == (problem.error == VV_MEDIA_OK));
    vv_footage_close(&footage);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0 || data[0] != 0x1a)
        return 0; /* other kinds have targets of their own */
    uint8_t *bytes = malloc(size);
    require(bytes != NULL);
    memcpy(bytes, data, size);
    FILE *file = fmemopen(bytes, size, "rb");
    require(file != NULL);
    read_blocks(file, size);
    rewind(file);
    read_footage(file);
    fclose(file);
    free(bytes);
    return 0;
}

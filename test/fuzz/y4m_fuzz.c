/* Y4M clips from anywhere. Every byte of every frame is read, and the frames' times only grow. */
#include "server/media/footage.h"
#include "server/media/y4m.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 64 };

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    VvFootage *footage;
    VvFootageFrame frame;
    VvMediaProblem problem = {0};
    VvTime before = -1;
    int got = -1;
    if (size == 0 || data[0] != 'Y')
        return 0; /* other kinds have targets of their own */
    uint8_t *bytes = malloc(size);
    require(bytes != NULL);
    memcpy(bytes, data, size);
    FILE *file = fmemopen(bytes, size, "rb");
    require(file != NULL);
    if (vv_footage_open_file(file, "clip", MOST, &footage, &problem) == VV_MEDIA_OK)
        while ((got = vv_footage_next(footage, &frame, &problem)) == 1) {
            read_all(frame.image);
            require(frame.time >= before);
            before = frame.time;
        }
    require((got == 0) == (problem.error == VV_MEDIA_OK));
    vv_footage_close(&footage);
    fclose(file);
    free(bytes);
    return 0;
}

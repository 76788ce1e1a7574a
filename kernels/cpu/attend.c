/* Where attention's working memory lies. */
#include "kernels/cpu/attend.h"

static int rounded(int count) {
    return (count + VV_ATTEND_STEP - 1) / VV_ATTEND_STEP * VV_ATTEND_STEP;
}

/* Numbers of 4 bytes each: all that is packed may be f32. Every part is a whole number of cache lines. */
static size_t packed_bytes(int padded, int columns) {
    return (size_t)padded * (size_t)columns * sizeof(float);
}

size_t vv_attend_bytes(int size, int first, int second) {
    const int padded = rounded(size), columns = rounded(first) + rounded(second);
    return 2 * packed_bytes(padded, columns) + packed_bytes(VV_ATTEND_ROWS, columns) +
           2 * packed_bytes(VV_ATTEND_ROWS, padded);
}

void vv_attend_lay_out(VvAttendWork *work, VvDataType type, int size, int first, int second, unsigned char *scratch) {
    const int padded = rounded(size), columns = rounded(first) + rounded(second);
    *work = (VvAttendWork){
        .type = type, .size = size, .padded = padded, .columns = columns, .second = rounded(first), .keys = scratch};
    scratch += packed_bytes(padded, columns);
    work->values = scratch;
    scratch += packed_bytes(padded, columns);
    work->logits = (void *)scratch;
    scratch += packed_bytes(VV_ATTEND_ROWS, columns);
    work->queries = scratch;
    scratch += packed_bytes(VV_ATTEND_ROWS, padded);
    work->out = (void *)scratch;
}

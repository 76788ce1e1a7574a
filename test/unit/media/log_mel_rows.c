/* Writes the golden signal's features as this build computes them, for weights/train/log_mel.py --check.
 * usage: log_mel_rows FILE */
#include "server/media/log_mel.h"
#include "test/unit/media/golden_signal.h"

#include <stdio.h>

int main(int argc, char **argv) {
    static int16_t pcm[GOLDEN_COUNT];
    static float rows[GOLDEN_ROWS + 1][VV_MEL_BANDS];
    if (argc != 2) {
        fprintf(stderr, "usage: %s FILE\n", argv[0]);
        return 2;
    }
    VvLogMel *mel = vv_log_mel_new();
    if (!mel)
        return 1;
    golden_signal(pcm);
    const int count = vv_log_mel_push(mel, pcm, GOLDEN_COUNT, rows[0], GOLDEN_ROWS + 1);
    vv_log_mel_free(&mel);
    FILE *file = fopen(argv[1], "wb");
    if (!file) {
        perror(argv[1]);
        return 1;
    }
    const size_t written = fwrite(rows[0], sizeof rows[0], (size_t)count, file);
    return fclose(file) || written != (size_t)count;
}

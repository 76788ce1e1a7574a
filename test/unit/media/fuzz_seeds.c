/* Writes the seeds of the Opus and VP8 fuzz targets with the project's own encoders: each a short call, its packets or
 * frames with their lengths before them.
 * usage: fuzz_seeds DIRECTORY     (with opus/ and vp8/ inside) */
#include "server/media/opus_codec.h"
#include "server/media/vp8_codec.h"
#include "test/unit/media/synth.h"

#include <opus/opus.h>
#include <stdio.h>
#include <stdlib.h>

static FILE *create(const char *directory, const char *kind, const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s/%s", directory, kind, name);
    FILE *file = fopen(path, "wb");
    if (!file) {
        perror(path);
        exit(1);
    }
    return file;
}

static void put(FILE *file, const uint8_t *data, size_t size) {
    fputc((int)(size & 255), file);
    fputc((int)(size >> 8), file);
    fwrite(data, 1, size, file);
}

/* Speech by the server's encoder, and music-like stereo by libopus in packets of other lengths. */
static void write_opus(const char *directory) {
    static int16_t pcm[48000];
    uint8_t packet[4000];
    synth_speech(pcm, 48000, 48000, 0.2, 3);
    const int kbps[] = {8, 16, 32, 96};
    for (int i = 0; i < 4; i++) {
        char name[32];
        snprintf(name, sizeof name, "speech_%d", kbps[i]);
        FILE *file = create(directory, "opus", name);
        VvOpusEncoder *encoder = vv_opus_encoder_new(kbps[i]);
        fputc(i, file);
        for (int k = 0; k < 8; k++)
            put(file, packet, (size_t)vv_opus_encode(encoder, pcm + 960 * k, packet, sizeof packet));
        vv_opus_encoder_free(&encoder);
        fclose(file);
    }
    const int lengths[] = {120, 240, 480, 1920, 2880, 5760};
    for (int i = 0; i < 6; i++) {
        char name[32];
        int error;
        snprintf(name, sizeof name, "stereo_%d", lengths[i]);
        FILE *file = create(directory, "opus", name);
        OpusEncoder *encoder = opus_encoder_create(48000, 2, OPUS_APPLICATION_AUDIO, &error);
        opus_encoder_ctl(encoder, OPUS_SET_BITRATE(24000 + 8000 * i));
        fputc(i, file);
        for (int k = 0; k < 3; k++)
            put(file, packet,
                (size_t)opus_encode(encoder, pcm + 2 * lengths[i] * k, lengths[i], packet, sizeof packet));
        opus_encoder_destroy(encoder);
        fclose(file);
    }
}

static void write_vp8(const char *directory) {
    const int sizes[][3] = {{16, 16, 60}, {33, 47, 100}, {64, 48, 150}, {96, 80, 200}};
    for (int i = 0; i < 4; i++) {
        char name[32];
        snprintf(name, sizeof name, "call_%dx%d", sizes[i][0], sizes[i][1]);
        FILE *file = create(directory, "vp8", name);
        VvVp8Encoder *encoder = vv_vp8_encoder_new(sizes[i][0], sizes[i][1], 25, sizes[i][2]);
        VvPicture picture;
        if (vv_picture_alloc(&picture, sizes[i][0], sizes[i][1]))
            exit(1);
        for (int k = 0; k < 5; k++) {
            const uint8_t *data;
            size_t size;
            bool key;
            synth_picture(&picture, 3 * k);
            vv_vp8_encode(encoder, &picture, k == 3, &data, &size, &key);
            put(file, data, size);
        }
        vv_picture_free(&picture);
        vv_vp8_encoder_free(&encoder);
        fclose(file);
    }
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        return 2;
    }
    write_opus(argv[1]);
    write_vp8(argv[1]);
    return 0;
}

/* Writes the seeds of the fuzz targets that read files of pictures and clips: right ones of every form, and wrong ones.
 * usage: file_seeds DIRECTORY     (with image/, y4m/ and webm_read/ inside) */
#include "server/media/picture.h"
#include "server/media/vp8_codec.h"
#include "test/unit/media/files.h"
#include "test/unit/media/synth.h"

enum { WIDTH = 19, HEIGHT = 13 };

static const char *directory;

static void save(const char *kind, const char *name, File *file) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s/%s", directory, kind, name);
    FILE *out = fopen(path, "wb");
    if (!out || fwrite(file->data, 1, file->size, out) != file->size || fclose(out) != 0) {
        perror(path);
        exit(1);
    }
    file_free(file);
}

/* ---- pictures --------------------------------------------------------------------------------------------------- */

static void write_png(void) {
    static const PngForm forms[] = {
        {PNG_COLOR_TYPE_RGB, 8, false, false},      {PNG_COLOR_TYPE_RGB, 16, true, true},
        {PNG_COLOR_TYPE_GRAY, 1, false, false},     {PNG_COLOR_TYPE_GRAY, 4, true, true},
        {PNG_COLOR_TYPE_GRAY, 16, false, true},     {PNG_COLOR_TYPE_PALETTE, 2, true, true},
        {PNG_COLOR_TYPE_PALETTE, 8, false, false},  {PNG_COLOR_TYPE_GRAY_ALPHA, 8, false, false},
        {PNG_COLOR_TYPE_RGB_ALPHA, 8, true, false}, {PNG_COLOR_TYPE_RGB_ALPHA, 16, false, false},
    };
    uint8_t rows[WIDTH * HEIGHT * 8];
    for (size_t i = 0; i < sizeof rows; i++)
        rows[i] = (uint8_t)(i % 5 * 50 + i / 64);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        char name[64];
        File file = {0};
        file_png(&file, forms[i], WIDTH, HEIGHT, rows, WIDTH * 8);
        snprintf(name, sizeof name, "png_%d_%d%s%s", forms[i].colour, forms[i].bits,
                 forms[i].interlaced ? "_interlaced" : "", forms[i].transparent ? "_transparent" : "");
        save("image", name, &file);
    }
    File file = {0};
    file_png(&file, forms[0], WIDTH, HEIGHT, rows, WIDTH * 8);
    file.size -= 20;
    save("image", "png_cut", &file);
    file_png(&file, forms[0], WIDTH, HEIGHT, rows, WIDTH * 8);
    file.data[16] = 0x7f; /* a width of two thousand million */
    save("image", "png_wide", &file);
}

static void write_jpeg(void) {
    File exif[2] = {{0}};
    file_exif(&exif[0], 6, false);
    file_exif(&exif[1], 3, true);
    const struct {
        const char *name;
        JpegForm form;
    } forms[] = {
        {"jpeg", {JCS_RGB, 3, 60, false, false, NULL}},
        {"jpeg_progressive", {JCS_RGB, 3, 60, true, false, NULL}},
        {"jpeg_scans", {JCS_RGB, 3, 60, false, true, NULL}},
        {"jpeg_grey", {JCS_GRAYSCALE, 1, 60, false, false, NULL}},
        {"jpeg_cmyk", {JCS_CMYK, 4, 60, false, false, NULL}},
        {"jpeg_right_top", {JCS_RGB, 3, 60, false, false, &exif[0]}},
        {"jpeg_bottom_right", {JCS_GRAYSCALE, 1, 60, true, false, &exif[1]}},
    };
    uint8_t samples[WIDTH * HEIGHT * 4];
    for (size_t i = 0; i < sizeof samples; i++)
        samples[i] = (uint8_t)(128 + 100 * sin((double)i / 9));
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        File file = {0};
        file_jpeg(&file, forms[i].form, WIDTH, HEIGHT, samples);
        save("image", forms[i].name, &file);
    }
    File file = {0};
    file_jpeg(&file, forms[1].form, WIDTH, HEIGHT, samples);
    file.size = file.size * 2 / 3;
    save("image", "jpeg_cut", &file);
    file_text(&file, "\xff\xd8\xff\xe1");
    file_put(&file,
             "\0\x10"
             "Exif\0\0MM\0*\xff\xff\xff\xff",
             16);
    save("image", "jpeg_exif_far", &file);
    file_text(&file, "GIF89a");
    save("image", "neither", &file);
    file_free(&exif[0]);
    file_free(&exif[1]);
}

/* ---- Y4M ----------------------------------------------------------------------------------------------------------
 */

static void write_y4m(void) {
    static const struct {
        const char *name, *head;
        size_t frame;
    } seeds[] = {
        {"420", "YUV4MPEG2 W6 H4 F25:1 Ip A1:1 C420jpeg\n", 36},
        {"420_odd", "YUV4MPEG2 W3 H5 F30000:1001\n", 27},
        {"444_full", "YUV4MPEG2 W4 H4 F0:0 C444 XCOLORRANGE=FULL\n", 48},
        {"422", "YUV4MPEG2 W4 H4 C422\n", 32},
        {"interlaced", "YUV4MPEG2 W4 H4 It\n", 24},
        {"large", "YUV4MPEG2 W65536 H65536\n", 24},
        {"overflow", "YUV4MPEG2 W99999999999999999999 H1 F1:99999999999\n", 24},
        {"slow", "YUV4MPEG2 W1 H1 F1:2147483647\n", 3},
        {"fast", "YUV4MPEG2 W1 H1 F2147483647:1\n", 3},
        {"none", "YUV4MPEG2\n", 3},
    };
    static const uint8_t frame[64] = {16, 235, 128, 99, 7};
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++) {
        File file = {0};
        file_text(&file, seeds[i].head);
        for (int k = 0; k < 3; k++) {
            file_text(&file, k == 1 ? "FRAME Ip\n" : "FRAME\n");
            file_put(&file, frame, k < 2 ? seeds[i].frame : seeds[i].frame - 1); /* the last one is cut */
        }
        save("y4m", seeds[i].name, &file);
    }
}

/* ---- WebM ---------------------------------------------------------------------------------------------------------
 */

enum {
    SEGMENT = 0x18538067,
    INFO = 0x1549A966,
    TRACKS = 0x1654AE6B,
    CLUSTER = 0x1F43B675,
    SIMPLE = 0xA3,
    GROUP = 0xA0
};

static void begin(File *file, const char *kind, const char *pictures, const char *sound) {
    File tracks = {0}, info = {0};
    file_ebml(file, kind);
    file_id(file, SEGMENT);
    file_size(file, UNKNOWN_SIZE, 8);
    file_whole(&info, 0x2AD7B1, 1000000);
    file_master(file, INFO, &info);
    file_track(&tracks, 1, 1, pictures);
    file_track(&tracks, 2, 2, sound);
    file_master(file, TRACKS, &tracks);
}

static void begin_cluster(File *file, uint64_t time) {
    file_id(file, CLUSTER);
    file_size(file, UNKNOWN_SIZE, 1);
    file_whole(file, 0xE7, time);
}

/* A short call with real pictures, in clusters of unknown size; every second picture in a group. */
static void write_call(void) {
    File file = {0};
    VvPicture picture;
    VvVp8Encoder *encoder = vv_vp8_encoder_new(32, 24, 25, 60);
    if (!encoder || vv_picture_alloc(&picture, 32, 24))
        exit(1);
    begin(&file, "webm", "V_VP8", "A_OPUS");
    for (int i = 0; i < 4; i++) {
        const uint8_t *data;
        size_t size;
        bool key;
        File group = {0};
        synth_picture(&picture, 5 * i);
        vv_vp8_encode(encoder, &picture, false, &data, &size, &key);
        if (i % 2 == 0)
            begin_cluster(&file, (uint64_t)(40 * i));
        file_block(&group, i % 2 ? 0xA1 : SIMPLE, 1, 40 * (i % 2), key ? 0x80 : 0, data, size);
        if (i % 2)
            file_master(&file, GROUP, &group);
        else
            file_put(&file, group.data, group.size);
        file_free(&group);
        file_block(&file, SIMPLE, 2, 40 * (i % 2), 0x80, "\xf8\xff\xfe", 3);
    }
    vv_picture_free(&picture);
    vv_vp8_encoder_free(&encoder);
    save("webm_read", "call", &file);
}

static void write_webm(void) {
    File file = {0}, cluster = {0};
    begin(&file, "webm", "V_VP8", "A_OPUS");
    begin_cluster(&file, 5);
    file_block(&file, SIMPLE, 2, -5, 0x80, "\xf8\xff\xfe", 3);
    file_element(&file, 0x1C53BB6B, "cues", 4);
    begin_cluster(&file, 1000);
    file_element(&file, 0xEC, "void", 4);
    file_block(&file, SIMPLE, 1, 0, 0, NULL, 0);
    save("webm_read", "no_picture", &file);
    for (int mode = 1; mode < 4; mode++) {
        char name[32];
        begin(&file, "webm", "V_VP8", "A_OPUS");
        begin_cluster(&file, 0);
        file_block(&file, SIMPLE, 1, 0, mode << 1, "\x01\x02\x03\x04", 4);
        snprintf(name, sizeof name, "lacing_%d", mode);
        save("webm_read", name, &file);
    }
    begin(&file, "matroska", "V_VP9", "A_VORBIS");
    save("webm_read", "other_codecs", &file);
    begin(&file, "webm", "V_VP9", "A_OPUS");
    save("webm_read", "sound_only", &file);
    begin(&file, "other", "V_VP8", "A_OPUS");
    save("webm_read", "other_kind", &file);
    begin(&file, "webm", "V_VP8", "A_OPUS");
    file_whole(&cluster, 0xE7, UINT64_MAX);
    file_master(&file, CLUSTER, &cluster);
    save("webm_read", "far_time", &file);
    begin(&file, "webm", "V_VP8", "A_OPUS");
    begin_cluster(&file, 0);
    file_id(&file, SIMPLE);
    file_size(&file, 16 << 20, 8);
    save("webm_read", "large_block", &file);
    begin(&file, "webm", "V_VP8", "A_OPUS");
    file_id(&file, TRACKS);
    file_size(&file, UNKNOWN_SIZE, 8);
    save("webm_read", "unknown_size", &file);
    file_ebml(&file, "webm");
    save("webm_read", "head_only", &file);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        return 2;
    }
    directory = argv[1];
    write_png();
    write_jpeg();
    write_y4m();
    write_call();
    write_webm();
    return 0;
}

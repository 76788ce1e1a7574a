/* Files of pictures and clips, made in memory: PNG and JPEG by their libraries in every form that these can write, WebM
 * element by element, right and wrong. */
#ifndef VV_TEST_FILES_H
#define VV_TEST_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <png.h>

/* Bytes that grow. */
typedef struct File {
    uint8_t *data;
    size_t size;
} File;

static inline void file_put(File *file, const void *data, size_t size) {
    uint8_t *larger = realloc(file->data, file->size + size + 1);
    if (!larger)
        abort();
    if (size > 0)
        memcpy(larger + file->size, data, size);
    file->data = larger;
    file->size += size;
}

static inline void file_text(File *file, const char *text) {
    file_put(file, text, strlen(text));
}

static inline void file_free(File *file) {
    free(file->data);
    *file = (File){0};
}

/* The first `size` bytes, to be read. */
static inline FILE *file_open_part(const File *file, size_t size) {
    FILE *opened = fmemopen(size ? file->data : NULL, size ? size : 1, size ? "rb" : "w+b");
    if (!opened)
        abort();
    return opened;
}

static inline FILE *file_open(const File *file) {
    return file_open_part(file, file->size);
}

/* ---- PNG ------------------------------------------------------------------------------------------------------ */

typedef struct PngForm {
    int colour, bits; /* PNG_COLOR_TYPE_*, 1..16 */
    bool interlaced;
    bool transparent; /* palettes: entry i has alpha 255 - 9 i; grey and RGB: the sample 1, or (1, 1, 1), is clear */
} PngForm;

static inline void png_to_file(png_structp png, png_bytep bytes, size_t count) {
    file_put(png_get_io_ptr(png), bytes, count);
}

static inline void png_no_flush(png_structp png) {
    (void)png;
}

/* Packed rows of the form's own samples, `stride` bytes each. Palettes have 2^bits entries of colour (17 i, 255 - 13 i,
 * 5 i) modulo 256. */
static inline void file_png(File *file, PngForm form, int width, int height, const uint8_t *rows, size_t stride) {
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_color palette[256];
    png_byte alpha[256];
    for (int i = 0; i < 256; i++) {
        palette[i] = (png_color){(png_byte)(17 * i), (png_byte)(255 - 13 * i), (png_byte)(5 * i)};
        alpha[i] = (png_byte)(255 - 9 * i);
    }
    if (setjmp(png_jmpbuf(png)))
        abort();
    png_set_write_fn(png, file, png_to_file, png_no_flush);
    png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, form.bits, form.colour,
                 form.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    if (form.colour == PNG_COLOR_TYPE_PALETTE)
        png_set_PLTE(png, info, palette, 1 << form.bits);
    if (form.transparent)
        png_set_tRNS(png, info, alpha, form.colour == PNG_COLOR_TYPE_PALETTE ? 1 << form.bits : 1,
                     &(png_color_16){.red = 1, .green = 1, .blue = 1, .gray = 1});
    png_write_info(png, info);
    const int passes = png_set_interlace_handling(png);
    for (int pass = 0; pass < passes; pass++)
        for (int y = 0; y < height; y++)
            png_write_row(png, rows + (size_t)y * stride);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
}

/* ---- JPEG ------------------------------------------------------------------------------------------------------- */

typedef struct JpegForm {
    J_COLOR_SPACE colour; /* of the samples: JCS_RGB, JCS_GRAYSCALE, JCS_CMYK */
    int components, quality;
    bool progressive;
    bool separate; /* a scan for each component */
    const File *exif;
} JpegForm;

static inline void file_jpeg(File *file, JpegForm form, int width, int height, const uint8_t *samples) {
    static const jpeg_scan_info scans[3] = {{1, {0}, 0, 63, 0, 0}, {1, {1}, 0, 63, 0, 0}, {1, {2}, 0, 63, 0, 0}};
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *packed = NULL;
    unsigned long size = 0;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &packed, &size);
    jpeg.image_width = (JDIMENSION)width;
    jpeg.image_height = (JDIMENSION)height;
    jpeg.input_components = form.components;
    jpeg.in_color_space = form.colour;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, form.quality, TRUE);
    for (int i = 0; i < jpeg.num_components; i++)
        jpeg.comp_info[i].h_samp_factor = jpeg.comp_info[i].v_samp_factor = 1;
    if (form.progressive)
        jpeg_simple_progression(&jpeg);
    if (form.separate) {
        jpeg.scan_info = scans;
        jpeg.num_scans = 3;
    }
    jpeg_start_compress(&jpeg, TRUE);
    if (form.exif)
        jpeg_write_marker(&jpeg, JPEG_APP0 + 1, form.exif->data, (unsigned)form.exif->size);
    while (jpeg.next_scanline < jpeg.image_height) {
        uint8_t row[8192];
        memcpy(row, samples + (size_t)jpeg.next_scanline * (size_t)(width * form.components),
               (size_t)(width * form.components));
        uint8_t *rows = row;
        jpeg_write_scanlines(&jpeg, &rows, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    file_put(file, packed, size);
    free(packed);
}

/* The EXIF block of a photograph taken in that orientation, with another entry before it. */
static inline void file_exif(File *file, int orientation, bool big_endian) {
    const uint8_t value = (uint8_t)orientation;
    const uint8_t little[] = {'E',  'x', 'i', 'f', 0, 0, 'I', 'I', 42,    0, 8, 0, 0, 0, 2, 0,  /* 2 entries */
                              0,    1,   4,   0,   1, 0, 0,   0,   99,    0, 0, 0,              /* a width */
                              0x12, 1,   3,   0,   1, 0, 0,   0,   value, 0, 0, 0, 0, 0, 0, 0}; /* the orientation */
    const uint8_t big[] = {'E', 'x',  'i', 'f', 0, 0, 'M', 'M', 0, 42,    0, 0,  0, 8, 0, 2,    /* the same */
                           1,   0,    0,   4,   0, 0, 0,   1,   0, 0,     0, 99,                /* the other way */
                           1,   0x12, 0,   3,   0, 0, 0,   1,   0, value, 0, 0,  0, 0, 0, 0};
    file_put(file, big_endian ? big : little, sizeof little);
}

/* ---- WebM -------------------------------------------------------------------------------------------------------- */

#define UNKNOWN_SIZE UINT64_MAX

/* An id, written as it is. */
static inline void file_id(File *file, uint32_t id) {
    for (int shift = 24; shift >= 0; shift -= 8)
        if (id >> shift) {
            const uint8_t byte = (uint8_t)(id >> shift);
            file_put(file, &byte, 1);
        }
}

/* A size in `bytes` bytes; all bits set for UNKNOWN_SIZE. */
static inline void file_size(File *file, uint64_t size, int bytes) {
    const uint64_t marked = size == UNKNOWN_SIZE ? (UINT64_C(2) << 7 * bytes) - 1 : size | UINT64_C(1) << 7 * bytes;
    for (int i = bytes - 1; i >= 0; i--) {
        const uint8_t byte = (uint8_t)(marked >> 8 * i);
        file_put(file, &byte, 1);
    }
}

static inline void file_element(File *file, uint32_t id, const void *content, size_t size) {
    file_id(file, id);
    file_size(file, size, 4);
    file_put(file, content, size);
}

static inline void file_whole(File *file, uint32_t id, uint64_t value) {
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(value >> (56 - 8 * i));
    file_element(file, id, bytes, sizeof bytes);
}

/* An element made of others, which are given back. */
static inline void file_master(File *file, uint32_t id, File *content) {
    file_element(file, id, content->data, content->size);
    file_free(content);
}

/* The head of a file of that kind ("webm"). */
static inline void file_ebml(File *file, const char *kind) {
    File content = {0};
    file_element(&content, 0x4282, kind, strlen(kind));
    file_master(file, 0x1A45DFA3, &content);
}

/* A track of pictures (type 1) or sound (type 2); the pictures' matrix and range, or -1 for nothing about them. */
static inline void file_track_of_colours(File *tracks, int number, int type, const char *codec, int matrix, int range) {
    File track = {0}, settings = {0}, colour = {0};
    file_whole(&track, 0xD7, (uint64_t)number);
    file_whole(&track, 0x83, (uint64_t)type);
    file_element(&track, 0x86, codec, strlen(codec));
    if (type == 1) {
        file_whole(&settings, 0xB0, 64);
        file_whole(&settings, 0xBA, 48);
        if (matrix >= 0)
            file_whole(&colour, 0x55B1, (uint64_t)matrix);
        if (range >= 0)
            file_whole(&colour, 0x55B9, (uint64_t)range);
        if (colour.size > 0)
            file_master(&settings, 0x55B0, &colour);
    } else {
        static const uint8_t head[19] = {'O', 'p', 'u', 's', 'H', 'e', 'a', 'd', 1, 1, 0x38, 1, 0x80, 0xbb};
        file_element(&track, 0x63A2, head, sizeof head);
        file_whole(&settings, 0x9F, 1);
    }
    file_master(&track, type == 1 ? 0xE0 : 0xE1, &settings);
    file_master(tracks, 0xAE, &track);
}

static inline void file_track(File *tracks, int number, int type, const char *codec) {
    file_track_of_colours(tracks, number, type, codec, -1, -1);
}

/* A block, with the id of a SimpleBlock (0xA3) or of a BlockGroup's (0xA1). */
static inline void file_block(File *file, uint32_t id, int track, int time, int flags, const void *data, size_t size) {
    File block = {0};
    const uint8_t head[4] = {(uint8_t)(0x80 | track), (uint8_t)(time >> 8), (uint8_t)time, (uint8_t)flags};
    file_put(&block, head, sizeof head);
    file_put(&block, data, size);
    file_master(file, id, &block);
}

#endif

/* The head asset: what it holds, and that a damaged one is told by name and never crashes. */
#include "weights/performer/asset.h"
#include "weights/performer/faces.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zstd.h>

typedef struct File {
    uint8_t *data;
    size_t size;
} File;

static File read_file(const char *path) {
    File file = {0};
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    assert_int_equal(fseek(in, 0, SEEK_END), 0);
    file.size = (size_t)ftell(in);
    rewind(in);
    file.data = malloc(file.size);
    assert_non_null(file.data);
    assert_int_equal(fread(file.data, 1, file.size, in), file.size);
    fclose(in);
    return file;
}

/* Opens these bytes as an asset; returns whether it opened, with the error's text. */
static int opens(const uint8_t *data, size_t size, char error[256]) {
    char path[] = "/tmp/visavis-asset-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, size), (ssize_t)size);
    close(fd);
    error[0] = '\0';
    VvAsset *asset = vv_asset_open(path, error, 256);
    const int opened = asset != NULL;
    if (!opened)
        assert_non_null(strstr(error, path));
    vv_asset_close(&asset);
    assert_null(asset);
    unlink(path);
    return opened;
}

static void test_holds_a_head(void **state) {
    (void)state;
    char error[256];
    VvAsset *asset = vv_asset_open(VV_HEAD_ASSET, error, sizeof error);
    assert_non_null(asset);
    assert_int_equal(asset->vertices, 26719);
    assert_int_equal(asset->triangles, 52220);
    for (int l = 36; l < 40; l++) { /* the eyes mirror each other */
        const VvVec right = asset->base[asset->landmark[l]], left = asset->base[asset->landmark[81 - l]];
        assert_true(fabsf(right.x + left.x) < 0.05f && fabsf(right.y - left.y) < 0.05f);
    }
    const float gap = asset->base[asset->landmark[62]].y - asset->base[asset->landmark[66]].y;
    assert_true(gap > 0.05f && gap < 0.12f);
    for (int e = 0; e < VV_EXPRESSIONS; e++)
        assert_true(asset->expression[e].count > 1000);
    vv_asset_close(&asset);
}

static void test_missing_file_is_named(void **state) {
    (void)state;
    char error[256] = "";
    assert_null(vv_asset_open("/nowhere/head.vvh", error, sizeof error));
    assert_non_null(strstr(error, "/nowhere/head.vvh"));
    assert_non_null(strstr(error, "No such file"));
}

static void test_other_files_are_refused(void **state) {
    (void)state;
    char error[256];
    assert_false(opens((const uint8_t *)"", 0, error));
    assert_false(opens((const uint8_t *)"VVHEAD1", 8, error));
    assert_non_null(strstr(error, "not a head asset"));
    assert_false(opens((const uint8_t *)"GIF89a and more of that", 23, error));
    assert_non_null(strstr(error, "not a head asset"));
}

static void test_cut_short_or_damaged(void **state) {
    (void)state;
    char error[256];
    File file = read_file(VV_HEAD_ASSET);
    const size_t sizes[] = {12, 13, 1000, file.size / 2, file.size - 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_false(opens(file.data, sizes[i], error));
        assert_non_null(strstr(error, "damaged or cut short"));
    }
    for (size_t at = 12; at < file.size; at += file.size / 7) {
        file.data[at] ^= 0x10;
        assert_false(opens(file.data, file.size, error));
        file.data[at] ^= 0x10;
    }
    file.data[11] = 0xff; /* claims four gigabytes */
    assert_false(opens(file.data, file.size, error));
    assert_non_null(strstr(error, "more than any head"));
    free(file.data);
}

/* Packs a payload as a file and opens that. */
static int opens_payload(const uint8_t *payload, size_t size, char error[256]) {
    const size_t bound = ZSTD_compressBound(size);
    uint8_t *packed = malloc(bound + 12);
    assert_non_null(packed);
    memcpy(packed, VV_ASSET_MAGIC, 8);
    for (int i = 0; i < 4; i++)
        packed[8 + i] = (uint8_t)(size >> 8 * i);
    const size_t packed_size = ZSTD_compress(packed + 12, bound, payload, size, 1);
    assert_false(ZSTD_isError(packed_size));
    const int opened = opens(packed, packed_size + 12, error);
    free(packed);
    return opened;
}

static void test_numbers_out_of_range(void **state) {
    (void)state;
    char error[256];
    File file = read_file(VV_HEAD_ASSET);
    const size_t size =
        (size_t)file.data[8] | (size_t)file.data[9] << 8 | (size_t)file.data[10] << 16 | (size_t)file.data[11] << 24;
    uint8_t *payload = malloc(size);
    assert_non_null(payload);
    assert_int_equal(ZSTD_decompress(payload, size, file.data + 12, file.size - 12), size);
    assert_true(opens_payload(payload, size, error));
    assert_false(opens_payload(payload, size - 1, error));
    assert_non_null(strstr(error, "ends within"));

    const size_t base = 24, uv = base + 26719 * 12, corner = uv + 28911 * 8, part = corner + 52220 * 12;
    const struct {
        size_t at;
        uint8_t value;
        const char *says;
    } cases[] = {
        {2, 0x7f, "impossible mesh"},
        {0, 0, NULL},
        {12, 52, "52 expressions"},
        {base + 3, 0x7f, "numbers that are none"},
        {corner + 1, 0xff, "out of range"},
        {part + 7, 60, "out of range"},
        {part + 52220 + 1, 0xff, "out of range"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const uint8_t kept = payload[cases[i].at];
        payload[cases[i].at] = cases[i].value;
        if (cases[i].value == 0x7f && cases[i].at == base + 3)
            payload[base + 2] = 0xff; /* not a number */
        assert_false(opens_payload(payload, size, error));
        if (cases[i].says)
            assert_non_null(strstr(error, cases[i].says));
        payload[cases[i].at] = kept;
    }
    free(payload);
    free(file.data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holds_a_head),
        cmocka_unit_test(test_missing_file_is_named),
        cmocka_unit_test(test_other_files_are_refused),
        cmocka_unit_test(test_cut_short_or_damaged),
        cmocka_unit_test(test_numbers_out_of_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

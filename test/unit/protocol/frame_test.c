/* The binary header against bytes written by hand (frames.txt), both ways, and at its limits. */
#include "protocol/table.h"
#include "test/unit/protocol/support.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned nibble(char c) {
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* Splits a line of frames.txt: its bytes, and where the expected result begins. */
static size_t read_hex(const char *line, uint8_t *out, const char **rest) {
    size_t size = 0;
    for (;;) {
        line += strspn(line, " ");
        size_t digits = strspn(line, "0123456789abcdef");
        if (digits == 0 || (line[digits] != ' ' && line[digits] != '\0'))
            break;
        assert_true(digits % 2 == 0);
        for (size_t i = 0; i < digits; i += 2)
            out[size++] = (uint8_t)(nibble(line[i]) << 4 | nibble(line[i + 1]));
        line += digits;
    }
    *rest = line;
    return size;
}

static void test_vectors(void **state) {
    (void)state;
    unsigned good = 0, bad = 0;
    char line[512];
    FILE *file = open_cases("frames.txt");
    while (next_case(file, line, sizeof line)) {
        uint8_t bytes[256], written[VV_FRAME_HEADER_SIZE];
        const char *rest;
        size_t size = read_hex(line, bytes, &rest);
        VvFrameHeader header, expected = {0};
        VvErr code = vv_frame_read(bytes, size, &header);
        if (strncmp(rest, "ok ", 3) != 0) {
            expect_code(line, code, rest);
            bad++;
            continue;
        }
        expect_code(line, code, "ok");
        int fields = sscanf(rest, "ok %" SCNu8 " %" SCNu8 " %" SCNu8 " %" SCNu32 " %" SCNd64 " %" SCNu32 " %" SCNu32,
                            &expected.kind, &expected.flags, &expected.codec, &expected.sequence, &expected.pts,
                            &expected.utterance, &expected.length);
        assert_int_equal(fields, 7);
        assert_int_equal(header.kind, expected.kind);
        assert_int_equal(header.flags, expected.flags);
        assert_int_equal(header.codec, expected.codec);
        assert_true(header.sequence == expected.sequence);
        assert_true(header.pts == expected.pts);
        assert_true(header.utterance == expected.utterance);
        assert_true(header.length == expected.length);
        vv_frame_write(&expected, written);
        assert_memory_equal(written, bytes, VV_FRAME_HEADER_SIZE);
        good++;
    }
    fclose(file);
    assert_true(good >= 10 && bad >= 25);
}

/* Every kind with every codec: exactly those of the contract pass. */
static void test_codec_fits_kind(void **state) {
    (void)state;
    static const char *const fits[] = {"0:", "1:0", "2:1", "3:02", "4:0", "5:1", "6:3", "7:"};
    for (unsigned kind = 0; kind < 8; kind++)
        for (unsigned codec = 0; codec < 6; codec++) {
            VvFrameHeader header = {.kind = (uint8_t)kind, .codec = (uint8_t)codec}, read;
            uint8_t bytes[VV_FRAME_HEADER_SIZE];
            vv_frame_write(&header, bytes);
            bool good = strchr(fits[kind] + 2, '0' + (int)codec) != NULL;
            VvErr expected = kind == 0 || kind == 7 ? VV_ERR_BAD_KIND : good ? VV_ERR_OK : VV_ERR_BAD_CODEC;
            assert_int_equal(vv_frame_read(bytes, sizeof bytes, &read), expected);
        }
}

/* Every length short of a header, in a buffer of just that length so that a sanitizer sees a read beyond it. */
static void test_truncated(void **state) {
    (void)state;
    VvFrameHeader header = {.kind = VV_KIND_USER_AUDIO}, read = {.sequence = 99};
    uint8_t bytes[VV_FRAME_HEADER_SIZE];
    vv_frame_write(&header, bytes);
    for (size_t size = 0; size < VV_FRAME_HEADER_SIZE; size++) {
        uint8_t *exact = malloc(size + (size == 0));
        assert_non_null(exact);
        memcpy(exact, bytes, size);
        assert_int_equal(vv_frame_read(exact, size, &read), VV_ERR_TRUNCATED);
        free(exact);
    }
    assert_int_equal(read.sequence, 99); /* untouched on failure */
}

static void test_largest(void **state) {
    (void)state;
    uint8_t *bytes = calloc(1, VV_MESSAGE_BYTES_MAX + 1);
    assert_non_null(bytes);
    VvFrameHeader header = {.kind = VV_KIND_USER_VIDEO,
                            .codec = VV_CODEC_VP8,
                            .sequence = UINT32_MAX,
                            .pts = INT64_MAX,
                            .utterance = UINT32_MAX,
                            .length = VV_MESSAGE_BYTES_MAX - VV_FRAME_HEADER_SIZE};
    VvFrameHeader read;
    vv_frame_write(&header, bytes);
    assert_int_equal(vv_frame_read(bytes, VV_MESSAGE_BYTES_MAX, &read), VV_ERR_OK);
    assert_true(read.pts == INT64_MAX && read.sequence == UINT32_MAX && read.utterance == UINT32_MAX);
    assert_int_equal(read.length, VV_MESSAGE_BYTES_MAX - VV_FRAME_HEADER_SIZE);
    header.length++;
    vv_frame_write(&header, bytes);
    assert_int_equal(vv_frame_read(bytes, VV_MESSAGE_BYTES_MAX + 1, &read), VV_ERR_TOO_LARGE);
    bytes[0] = 9; /* too large is said before anything in it is believed */
    assert_int_equal(vv_frame_read(bytes, VV_MESSAGE_BYTES_MAX + 1, &read), VV_ERR_TOO_LARGE);
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_codec_fits_kind),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_largest),
    };
    return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}

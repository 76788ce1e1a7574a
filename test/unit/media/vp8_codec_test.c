/* VP8: round trips at odd sizes, key frames when asked and only then, bit rate, and what damaged, missing, foreign or
 * oversized frames do: a named error, and a sound picture again from the next key frame on. */
#include "server/media/vp8_codec.h"
#include "test/unit/media/synth.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 4096, BYTES = 1 << 18 };

typedef struct Frame {
    uint8_t data[BYTES];
    size_t size;
    bool key;
} Frame;

static VvPicture make(int width, int height) {
    VvPicture picture;
    assert_int_equal(vv_picture_alloc(&picture, width, height), 0);
    return picture;
}

static void encode(VvVp8Encoder *encoder, const VvPicture *picture, bool key, Frame *frame) {
    const uint8_t *data;
    assert_int_equal(vv_vp8_encode(encoder, picture, key, &data, &frame->size, &frame->key), 0);
    assert_in_range(frame->size, 1, BYTES);
    memcpy(frame->data, data, frame->size);
    int width, height;
    assert_int_equal(vv_vp8_is_key(frame->data, frame->size, &width, &height), frame->key);
    if (frame->key) {
        assert_int_equal(width, picture->width);
        assert_int_equal(height, picture->height);
    }
}

/* `count` frames of the moving picture, the first a key frame, for one decoder. */
static Frame *encode_sequence(int width, int height, int count) {
    Frame *frames = malloc((size_t)count * sizeof *frames);
    VvVp8Encoder *encoder = vv_vp8_encoder_new(width, height, 25, 300);
    VvPicture picture = make(width, height);
    assert_non_null(encoder);
    for (int i = 0; i < count; i++) {
        synth_picture(&picture, i);
        encode(encoder, &picture, false, &frames[i]);
        assert_int_equal(frames[i].key, i == 0);
    }
    vv_picture_free(&picture);
    vv_vp8_encoder_free(&encoder);
    return frames;
}

static int decode(VvVp8Decoder *decoder, const Frame *frame, VvPicture *picture) {
    return vv_vp8_decode(decoder, frame->data, frame->size, MOST, MOST, picture);
}

static void round_trip_at_odd_sizes(void **state) {
    (void)state;
    static const struct {
        int width, height;
        double luma, chroma;
    } cases[] = {{256, 256, 36, 38}, {255, 131, 36, 38}, {17, 33, 30, 34}, {16, 16, 28, 32}, {321, 239, 36, 38}};
    static Frame frame;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        VvVp8Encoder *encoder = vv_vp8_encoder_new(cases[c].width, cases[c].height, 25, 500);
        VvVp8Decoder *decoder = vv_vp8_decoder_new();
        VvPicture picture = make(cases[c].width, cases[c].height), got;
        double least[3] = {999, 999, 999};
        for (int i = 0; i < 50; i++) {
            synth_picture(&picture, i);
            encode(encoder, &picture, false, &frame);
            assert_int_equal(decode(decoder, &frame, &got), 0);
            assert_int_equal(got.width, picture.width);
            assert_int_equal(got.height, picture.height);
            for (int p = 0; p < 3; p++)
                least[p] = fmin(least[p], synth_psnr(&picture, &got, p));
        }
        print_message("# %dx%d: at least %.1f %.1f %.1f dB\n", picture.width, picture.height, least[0], least[1],
                      least[2]);
        assert_true(least[0] > cases[c].luma && least[1] > cases[c].chroma && least[2] > cases[c].chroma);
        vv_picture_free(&picture);
        vv_vp8_encoder_free(&encoder);
        vv_vp8_decoder_free(&decoder);
        assert_null(encoder);
        assert_null(decoder);
    }
}

static void takes_a_view_of_a_larger_picture(void **state) {
    (void)state;
    static Frame frame;
    VvVp8Encoder *encoder = vv_vp8_encoder_new(97, 61, 25, 500);
    VvVp8Decoder *decoder = vv_vp8_decoder_new();
    VvPicture whole = make(320, 240), got;
    synth_picture(&whole, 5);
    const VvPicture view = vv_picture_crop(&whole, 110, 50, 97, 61);
    encode(encoder, &view, false, &frame);
    assert_int_equal(decode(decoder, &frame, &got), 0);
    assert_true(synth_psnr(&view, &got, 0) > 30);
    vv_picture_free(&whole);
    vv_vp8_encoder_free(&encoder);
    vv_vp8_decoder_free(&decoder);
}

static void key_frames_come_when_asked_and_only_then(void **state) {
    (void)state;
    static Frame frame;
    VvVp8Encoder *encoder = vv_vp8_encoder_new(128, 128, 25, 200);
    VvPicture picture = make(128, 128);
    for (int i = 0; i < 400; i++) {
        synth_picture(&picture, i % 100 == 50 ? 1000 * i : i); /* a cut now and then must not tempt it */
        const bool asked = i == 7 || i == 8 || i == 301;
        encode(encoder, &picture, asked, &frame);
        assert_int_equal(frame.key, asked || i == 0);
    }
    vv_picture_free(&picture);
    vv_vp8_encoder_free(&encoder);
}

static void holds_its_bit_rate_and_changes_it(void **state) {
    (void)state;
    static Frame frame;
    VvVp8Encoder *encoder = vv_vp8_encoder_new(256, 256, 25, 150);
    VvPicture picture = make(256, 256);
    const int rates[] = {150, 600, 100};
    uint32_t seed = 3;
    double got[3];
    for (int r = 0; r < 3; r++) {
        assert_int_equal(vv_vp8_encoder_rate(encoder, rates[r]), 0);
        size_t bytes = 0;
        for (int i = 0; i < 150; i++) {
            synth_picture(&picture, i);
            for (int k = 0; k < 256 * picture.stride[0]; k++) /* grain, so that there is something to spend on */
                picture.plane[0][k] = (uint8_t)(picture.plane[0][k] + synth_next(&seed) % 16);
            encode(encoder, &picture, false, &frame);
            bytes += i >= 50 ? frame.size : 0;
        }
        got[r] = (double)bytes * 8 * 25 / 100 / 1000;
        print_message("# %d kbit/s: %.0f\n", rates[r], got[r]);
        assert_true(got[r] > 0.8 * rates[r] && got[r] < 1.2 * rates[r]);
    }
    assert_int_equal(vv_vp8_encoder_rate(encoder, 0), -EINVAL);
    vv_picture_free(&picture);
    vv_vp8_encoder_free(&encoder);
}

static void refuses_wrong_sizes(void **state) {
    (void)state;
    const int bad[][4] = {{15, 16, 25, 100},   {16, 15, 25, 100}, {4097, 16, 25, 100},
                          {16, 4097, 25, 100}, {16, 16, 0, 100},  {16, 16, 25, 0}};
    for (int i = 0; i < 6; i++)
        assert_null(vv_vp8_encoder_new(bad[i][0], bad[i][1], bad[i][2], bad[i][3]));
    VvVp8Encoder *encoder = vv_vp8_encoder_new(64, 48, 25, 100);
    VvPicture picture = make(48, 64);
    const uint8_t *data;
    size_t size;
    bool key;
    assert_int_equal(vv_vp8_encode(encoder, &picture, false, &data, &size, &key), -EINVAL);
    vv_picture_free(&picture);
    vv_vp8_encoder_free(&encoder);
}

static void delta_without_key_waits(void **state) {
    (void)state;
    Frame *frames = encode_sequence(96, 80, 5);
    VvVp8Decoder *decoder = vv_vp8_decoder_new();
    VvPicture got;
    assert_int_equal(decode(decoder, &frames[1], &got), -EAGAIN);
    assert_int_equal(decode(decoder, &frames[2], &got), -EAGAIN);
    assert_int_equal(got.width, 0);
    assert_null(got.plane[0]);
    assert_int_equal(decode(decoder, &frames[0], &got), 0);
    assert_int_equal(decode(decoder, &frames[1], &got), 0);
    vv_vp8_decoder_free(&decoder);
    free(frames);
}

static void size_limit_comes_from_the_head(void **state) {
    (void)state;
    Frame *frames = encode_sequence(96, 80, 3);
    VvVp8Decoder *decoder = vv_vp8_decoder_new();
    VvPicture got;
    const Frame *key = &frames[0], *delta = &frames[1];
    assert_int_equal(vv_vp8_decode(decoder, key->data, key->size, 95, 80, &got), -EFBIG);
    assert_int_equal(vv_vp8_decode(decoder, key->data, key->size, 96, 79, &got), -EFBIG);
    assert_int_equal(vv_vp8_decode(decoder, delta->data, delta->size, 96, 80, &got), -EAGAIN);
    assert_int_equal(vv_vp8_decode(decoder, key->data, key->size, 96, 80, &got), 0);
    assert_int_equal(vv_vp8_decode(decoder, delta->data, delta->size, 64, 64, &got), -EFBIG);
    assert_int_equal(vv_vp8_decode(decoder, frames[2].data, frames[2].size, 96, 80, &got), -EAGAIN);
    /* A head that asks for 16383 x 16383 costs nothing. */
    memset(frames[0].data + 6, 0xff, 4);
    int width, height;
    assert_true(vv_vp8_is_key(key->data, key->size, &width, &height));
    assert_int_equal(width, 16383);
    assert_int_equal(height, 16383);
    assert_int_equal(decode(decoder, key, &got), -EFBIG);
    vv_vp8_decoder_free(&decoder);
    free(frames);
}

static void follows_a_change_of_size(void **state) {
    (void)state;
    const int sizes[][2] = {{96, 80}, {33, 47}, {256, 144}, {96, 80}};
    VvVp8Decoder *decoder = vv_vp8_decoder_new();
    for (int i = 0; i < 4; i++) {
        Frame *frames = encode_sequence(sizes[i][0], sizes[i][1], 4);
        VvPicture want = make(sizes[i][0], sizes[i][1]), got;
        for (int k = 0; k < 4; k++) {
            assert_int_equal(decode(decoder, &frames[k], &got), 0);
            assert_int_equal(got.width, sizes[i][0]);
            assert_int_equal(got.height, sizes[i][1]);
        }
        synth_picture(&want, 3);
        assert_true(synth_psnr(&want, &got, 0) > 28);
        vv_picture_free(&want);
        free(frames);
    }
    vv_vp8_decoder_free(&decoder);
}

static void refuses_what_is_not_vp8(void **state) {
    (void)state;
    VvVp8Decoder *decoder = vv_vp8_decoder_new();
    VvPicture got;
    Frame *frames = encode_sequence(96, 80, 2);
    static Frame bad;
    int width, height;
    assert_int_equal(vv_vp8_decode(decoder, NULL, 0, MOST, MOST, &got), -EBADMSG);
    assert_false(vv_vp8_is_key(NULL, 0, &width, &height));
    for (size_t size = 0; size <= 10; size++) { /* no more than a head */
        bad = frames[0];
        bad.size = size;
        assert_int_equal(decode(decoder, &bad, &got), -EBADMSG);
        assert_false(vv_vp8_is_key(bad.data, bad.size, &width, &height));
    }
    static const struct {
        int at;
        uint8_t change;
    } changes[] = {{0, 0x08} /* version 4 */,
                   {0, 0x10} /* not shown */,
                   {3, 0x01} /* start code */,
                   {4, 0x80},
                   {5, 0x10},
                   {2, 0xff} /* first partition too long */};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        bad = frames[0];
        bad.data[changes[i].at] ^= changes[i].change;
        assert_int_equal(decode(decoder, &bad, &got), -EBADMSG);
    }
    for (int at = 6; at <= 8; at += 2) { /* no width, no height */
        bad = frames[0];
        bad.data[at] = bad.data[at + 1] = 0;
        assert_int_equal(decode(decoder, &bad, &got), -EBADMSG);
    }
    assert_int_equal(decode(decoder, &frames[1], &got), -EAGAIN);
    assert_int_equal(decode(decoder, &frames[0], &got), 0);
    vv_vp8_decoder_free(&decoder);
    free(frames);
}

/* A cut frame is refused wherever it was cut, and nothing but a key frame is taken after it. */
static void cut_frames_are_refused_and_the_next_key_frame_recovers(void **state) {
    (void)state;
    enum { COUNT = 6 };
    Frame *frames = encode_sequence(96, 80, COUNT);
    VvVp8Decoder *decoder = vv_vp8_decoder_new();
    VvPicture got;
    static Frame cut;
    for (int which = 0; which < COUNT - 1; which++)
        for (size_t size = 0; size < frames[which].size; size += 1 + size / 16) {
            for (int i = 0; i < which; i++)
                assert_int_equal(decode(decoder, &frames[i], &got), 0);
            cut = frames[which];
            cut.size = size;
            assert_int_equal(decode(decoder, &cut, &got), -EBADMSG);
            assert_null(got.plane[0]);
            assert_int_equal(decode(decoder, &frames[which + 1], &got), -EAGAIN);
        }
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(decode(decoder, &frames[i], &got), 0);
    VvPicture want = make(96, 80);
    synth_picture(&want, COUNT - 1);
    assert_true(synth_psnr(&want, &got, 0) > 28);
    vv_picture_free(&want);
    vv_vp8_decoder_free(&decoder);
    free(frames);
}

/* Flipped bits may well decode, to a wrong picture; but never to a crash, another error than the named ones, or a
 * decoder that is spoilt for the next key frame. */
static void flipped_bits_never_spoil_the_decoder(void **state) {
    (void)state;
    Frame *frames = encode_sequence(96, 80, 4);
    VvVp8Decoder *decoder = vv_vp8_decoder_new(), *clean = vv_vp8_decoder_new();
    VvPicture got, want;
    static Frame bad;
    uint32_t seed = 21;
    for (int round = 0; round < 400; round++) {
        for (int i = 0; i < 4; i++) {
            bad = frames[i];
            for (int k = 0; k < 3; k++)
                bad.data[synth_next(&seed) % bad.size] ^= (uint8_t)(1u << synth_next(&seed) % 8);
            const int error = vv_vp8_decode(decoder, bad.data, bad.size, 640, 480, &got);
            assert_true(error == 0 || error == -EBADMSG || error == -EAGAIN || error == -EFBIG);
            assert_true(error ? !got.plane[0] : got.width <= 640 && got.height <= 480);
        }
        if (round % 10)
            continue;
        for (int i = 0; i < 4; i++) {
            assert_int_equal(decode(decoder, &frames[i], &got), 0);
            assert_int_equal(decode(clean, &frames[i], &want), 0);
            assert_true(synth_psnr(&want, &got, 0) > 130);
        }
    }
    vv_vp8_decoder_free(&decoder);
    vv_vp8_decoder_free(&clean);
    free(frames);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip_at_odd_sizes),
        cmocka_unit_test(takes_a_view_of_a_larger_picture),
        cmocka_unit_test(key_frames_come_when_asked_and_only_then),
        cmocka_unit_test(holds_its_bit_rate_and_changes_it),
        cmocka_unit_test(refuses_wrong_sizes),
        cmocka_unit_test(delta_without_key_waits),
        cmocka_unit_test(size_limit_comes_from_the_head),
        cmocka_unit_test(follows_a_change_of_size),
        cmocka_unit_test(refuses_what_is_not_vp8),
        cmocka_unit_test(cut_frames_are_refused_and_the_next_key_frame_recovers),
        cmocka_unit_test(flipped_bits_never_spoil_the_decoder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

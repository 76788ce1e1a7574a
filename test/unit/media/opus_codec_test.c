/* Opus: round trips, the stated lookahead, refusals that leave the decoder as it was, concealment and in-band error
 * correction. */
#include "server/media/opus_codec.h"
#include "test/unit/media/synth.h"

#include <errno.h>
#include <opus/opus.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { FRAME = 960, PACKETS = 150, COUNT = FRAME * PACKETS };

static int16_t speech[COUNT], decoded[COUNT];

typedef struct Packet {
    uint8_t data[VV_OPUS_PACKET_MAX];
    size_t size;
} Packet;

static Packet packets[PACKETS];

static void encode_all(int kbps) {
    VvOpusEncoder *encoder = vv_opus_encoder_new(kbps);
    assert_non_null(encoder);
    for (int i = 0; i < PACKETS; i++) {
        const int size = vv_opus_encode(encoder, speech + i * FRAME, packets[i].data, VV_OPUS_PACKET_MAX);
        assert_in_range(size, 1, VV_OPUS_PACKET_MAX);
        packets[i].size = (size_t)size;
    }
    vv_opus_encoder_free(&encoder);
    assert_null(encoder);
}

static int make_speech(void **state) {
    (void)state;
    synth_speech(speech, COUNT, 48000, 0.2, 4);
    return 0;
}

static void decode_all(int rate, int16_t *out) {
    VvOpusDecoder *decoder = vv_opus_decoder_new(rate);
    assert_non_null(decoder);
    const int frame = rate / 50;
    for (int i = 0; i < PACKETS; i++) {
        assert_int_equal(vv_opus_packet_samples(packets[i].data, packets[i].size, rate), frame);
        assert_int_equal(vv_opus_decode(decoder, packets[i].data, packets[i].size, out + i * frame, frame), frame);
    }
    vv_opus_decoder_free(&decoder);
    assert_null(decoder);
}

/* The signal to noise is capped near 10 dB at any bit rate by the voice application's high-pass filter, which turns a
 * tone of 100 Hz by 52 degrees and one of 200 Hz by 25: the same speech through the audio application, which has no
 * such filter, reaches 15 to 17 dB. So the bounds say that speech comes through, not how finely it is coded. */
static void round_trip_at_every_rate(void **state) {
    (void)state;
    static const struct {
        int kbps, rate;
        double least;
    } cases[] = {{32, 48000, 8.5}, {32, 24000, 8.5}, {32, 16000, 8.5}, {96, 48000, 9}, {96, 16000, 9}};
    static int16_t want[COUNT];
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        const int rate = cases[c].rate, step = 48000 / rate, count = COUNT / step;
        encode_all(cases[c].kbps);
        decode_all(rate, decoded);
        /* At the lower rates against every second or third sample: the speech has little above 4 kHz. */
        for (int i = 0; i < count; i++)
            want[i] = speech[i * step];
        const int lag = synth_lag(want, decoded, count, 40 * 48 / step);
        const double snr = synth_snr(want, decoded + lag, count - lag);
        print_message("# %d kbit/s to %d Hz: lag %d, %.1f dB\n", cases[c].kbps, rate, lag, snr);
        assert_true(snr > cases[c].least);
    }
}

static void keeps_to_its_bit_rate(void **state) {
    (void)state;
    const int rates[] = {16, 32, 64};
    for (int r = 0; r < 3; r++) {
        encode_all(rates[r]);
        size_t bytes = 0;
        for (int i = 0; i < PACKETS; i++)
            bytes += packets[i].size;
        const double kbps = (double)bytes * 8 / (PACKETS * 20);
        assert_true(kbps > 0.5 * rates[r] && kbps < 1.3 * rates[r]);
    }
}

/* What is decoded lags by the encoder's lookahead: fed that much ahead, audio lies at its packet's time. */
static void lookahead_is_what_it_says(void **state) {
    (void)state;
    VvOpusEncoder *encoder = vv_opus_encoder_new(32);
    assert_int_equal(vv_opus_encoder_lookahead(encoder), 312);
    vv_opus_encoder_free(&encoder);
    const int kbps[] = {24, 32, 64, 128};
    for (int r = 0; r < 4; r++) {
        encode_all(kbps[r]);
        decode_all(48000, decoded);
        const int lag = synth_lag(speech, decoded, COUNT, 1000);
        print_message("# %d kbit/s: lag %d\n", kbps[r], lag);
        assert_in_range(lag, 312 - 12, 312 + 12);
    }
}

static void refuses_what_is_not_opus(void **state) {
    (void)state;
    int16_t out[VV_OPUS_SAMPLES_MAX(48000)];
    VvOpusDecoder *decoder = vv_opus_decoder_new(48000);
    static const uint8_t cut_code_2[] = {0x7a, 200}, zero_frames[] = {0x7b, 0}, too_long[] = {0x1b, 3, 1, 2, 3},
                         odd_code_1[] = {0x79, 1, 2, 3, 4, 5}, padding_beyond[] = {0x7b, 0x41, 255, 255, 9};
    const struct {
        const uint8_t *data;
        size_t size;
    } bad[] = {{NULL, 0},     {cut_code_2, 0}, {cut_code_2, 2},    {zero_frames, 2},
               {too_long, 5}, {odd_code_1, 6}, {padding_beyond, 5}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(vv_opus_packet_samples(bad[i].data, bad[i].size, 48000), -EBADMSG);
        assert_int_equal(vv_opus_decode(decoder, bad[i].data, bad[i].size, out, 5760), -EBADMSG);
    }
    vv_opus_decoder_free(&decoder);
    assert_null(vv_opus_decoder_new(44100));
    assert_null(vv_opus_encoder_new(0));
    assert_null(vv_opus_encoder_new(-1));
}

/* Refused packets, and packets for which there was no room, leave no trace. */
static void refusals_keep_the_state(void **state) {
    (void)state;
    static int16_t plain[COUNT];
    static const uint8_t bad[] = {0x7b, 0};
    encode_all(32);
    decode_all(48000, plain);
    VvOpusDecoder *decoder = vv_opus_decoder_new(48000);
    for (int i = 0; i < PACKETS; i++) {
        int16_t *out = decoded + i * FRAME;
        assert_int_equal(vv_opus_decode(decoder, bad, sizeof bad, out, FRAME), -EBADMSG);
        assert_int_equal(vv_opus_decode(decoder, packets[i].data, packets[i].size, out, FRAME - 1), -ENOSPC);
        assert_int_equal(vv_opus_conceal(decoder, NULL, 0, out, 961), -EINVAL);
        assert_int_equal(vv_opus_decode(decoder, packets[i].data, packets[i].size, out, FRAME), FRAME);
    }
    assert_memory_equal(plain, decoded, sizeof plain);
    vv_opus_decoder_free(&decoder);
}

/* Packets cut short or with changed bytes: a named error or as many samples as their head says, and sound packets
 * afterwards decode. */
static void damaged_packets_do_not_stick(void **state) {
    (void)state;
    encode_all(32);
    VvOpusDecoder *decoder = vv_opus_decoder_new(16000);
    int16_t out[VV_OPUS_SAMPLES_MAX(16000)];
    uint32_t seed = 12;
    for (int i = 0; i < PACKETS; i++) {
        Packet bad = packets[i];
        if (i % 3 == 0)
            bad.size = synth_next(&seed) % bad.size;
        else
            for (int k = 0; k < 4; k++)
                bad.data[synth_next(&seed) % bad.size] ^= (uint8_t)(1u << synth_next(&seed) % 8);
        const int samples = vv_opus_packet_samples(bad.data, bad.size, 16000);
        const int got = vv_opus_decode(decoder, bad.data, bad.size, out, VV_OPUS_SAMPLES_MAX(16000));
        assert_true(got == samples || (samples > 0 && got == -EBADMSG));
        assert_int_equal(vv_opus_decode(decoder, packets[i].data, packets[i].size, out, 320), 320);
    }
    vv_opus_decoder_free(&decoder);
}

static void accepts_every_packet_length(void **state) {
    (void)state;
    int error;
    OpusEncoder *encoder = opus_encoder_create(48000, 2, OPUS_APPLICATION_AUDIO, &error);
    assert_non_null(encoder);
    VvOpusDecoder *decoder = vv_opus_decoder_new(16000);
    static int16_t stereo[5760 * 2], out[VV_OPUS_SAMPLES_MAX(16000)];
    static uint8_t data[8000];
    const int lengths[] = {120, 240, 480, 960, 1920, 2880, 5760};
    for (int i = 0; i < 7; i++) {
        for (int k = 0; k < 5760; k++)
            stereo[2 * k] = stereo[2 * k + 1] = speech[20000 + k];
        const int size = opus_encode(encoder, stereo, lengths[i], data, sizeof data);
        assert_true(size > 0);
        assert_int_equal(vv_opus_packet_samples(data, (size_t)size, 16000), lengths[i] / 3);
        assert_int_equal(vv_opus_decode(decoder, data, (size_t)size, out, VV_OPUS_SAMPLES_MAX(16000)), lengths[i] / 3);
    }
    /* Stereo of one sound decodes to that sound in mono. */
    assert_true(synth_rms(out, 1920) > 0.5 * synth_rms(speech + 20000, 5760));
    opus_encoder_destroy(encoder);
    vv_opus_decoder_free(&decoder);
}

static void conceal_keeps_the_length(void **state) {
    (void)state;
    encode_all(32);
    const int rates[] = {16000, 24000, 48000};
    for (int r = 0; r < 3; r++) {
        const int rate = rates[r], quarter = rate / 400;
        VvOpusDecoder *decoder = vv_opus_decoder_new(rate);
        int16_t out[VV_OPUS_SAMPLES_MAX(48000) + 1];
        for (int i = 0; i < 48; i++) {
            assert_int_equal(vv_opus_decode(decoder, packets[i].data, packets[i].size, out, rate / 50), rate / 50);
            const int samples = quarter * (i + 1);
            out[samples] = 0x1234;
            assert_int_equal(
                vv_opus_conceal(decoder, i % 2 ? packets[i + 1].data : NULL, packets[i + 1].size, out, samples),
                samples);
            assert_int_equal(out[samples], 0x1234);
        }
        const int bad[] = {0, -quarter, 1, quarter - 1, quarter + 1, 49 * quarter};
        for (int i = 0; i < 6; i++)
            assert_int_equal(vv_opus_conceal(decoder, NULL, 0, out, bad[i]), -EINVAL);
        vv_opus_decoder_free(&decoder);
    }
}

/* Loses every fifth packet; returns the signal to noise over the lost stretches. */
static double lose_packets(bool use_next, bool garbage) {
    static const uint8_t bad[] = {0x7b, 0};
    static int16_t plain[COUNT];
    decode_all(48000, plain);
    VvOpusDecoder *decoder = vv_opus_decoder_new(48000);
    double signal = 0, noise = 0;
    for (int i = 0; i < PACKETS; i++) {
        int16_t *out = decoded + i * FRAME;
        if (i % 5 != 4 || i + 1 == PACKETS) {
            assert_int_equal(vv_opus_decode(decoder, packets[i].data, packets[i].size, out, FRAME), FRAME);
            continue;
        }
        const uint8_t *next = !use_next ? NULL : garbage ? bad : packets[i + 1].data;
        const size_t size = garbage ? sizeof bad : packets[i + 1].size;
        assert_int_equal(vv_opus_conceal(decoder, next, size, out, FRAME), FRAME);
        for (int k = 0; k < FRAME; k++) {
            const double error = (double)out[k] - plain[i * FRAME + k];
            signal += (double)plain[i * FRAME + k] * plain[i * FRAME + k];
            noise += error * error;
        }
    }
    vv_opus_decoder_free(&decoder);
    return 10 * log10(signal / noise);
}

static void error_correction_betters_concealment(void **state) {
    (void)state;
    encode_all(32);
    const double concealed = lose_packets(false, false), corrected = lose_packets(true, false);
    print_message("# lost 20 ms: concealed %.1f dB, corrected %.1f dB\n", concealed, corrected);
    assert_true(corrected > concealed + 3);
    assert_true(lose_packets(true, true) == concealed); /* a packet that is none is as if it were not there */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip_at_every_rate),
        cmocka_unit_test(keeps_to_its_bit_rate),
        cmocka_unit_test(lookahead_is_what_it_says),
        cmocka_unit_test(refuses_what_is_not_opus),
        cmocka_unit_test(refusals_keep_the_state),
        cmocka_unit_test(damaged_packets_do_not_stick),
        cmocka_unit_test(accepts_every_packet_length),
        cmocka_unit_test(conceal_keeps_the_length),
        cmocka_unit_test(error_correction_betters_concealment),
    };
    return cmocka_run_group_tests(tests, make_speech, NULL);
}

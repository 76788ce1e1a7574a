/* What the media operations cost on this machine: microseconds of one thread per operation, the median of many.
 * A figure to look at, never a test. */
#include "server/media/log_mel.h"
#include "server/media/opus_codec.h"
#include "server/media/picture.h"
#include "server/media/resample.h"
#include "server/media/voice_activity.h"
#include "server/media/vp8_codec.h"
#include "test/unit/media/synth.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { RUNS = 301, FRAMES = 50 };

typedef struct Bench {
    VvPicture picture[FRAMES]; /* 256 x 256, moving */
    VvPicture camera;          /* 640 x 480 */
    VvPicture half, thumb;     /* 320 x 240, 96 x 72 */
    VvPicture odd, large;      /* 427 x 321, 512 x 512 */
    VvPicture decoded;
    uint8_t *rgb;
    VvVp8Encoder *vp8_encoder;
    VvVp8Decoder *vp8_decoder;
    uint8_t *frames[FRAMES];
    size_t frame_bytes[FRAMES];
    int16_t speech[48000];
    VvOpusEncoder *opus_encoder;
    VvOpusDecoder *opus_decoder;
    uint8_t packets[FRAMES][VV_OPUS_PACKET_MAX];
    size_t packet_bytes[FRAMES];
    int16_t pcm[5760];
    VvResampler *resampler;
    VvLogMel *mel;
    float row[VV_MEL_BANDS];
    VvVoiceActivity voice;
} Bench;

static void encode_vp8(Bench *bench, int i) {
    const uint8_t *data;
    size_t size;
    bool key;
    vv_vp8_encode(bench->vp8_encoder, &bench->picture[i % FRAMES], false, &data, &size, &key);
}

static void encode_vp8_key(Bench *bench, int i) {
    const uint8_t *data;
    size_t size;
    bool key;
    vv_vp8_encode(bench->vp8_encoder, &bench->picture[i % FRAMES], true, &data, &size, &key);
}

/* The recorded frames begin with a key frame, so the sequence may be played again and again. */
static void decode_vp8(Bench *bench, int i) {
    vv_vp8_decode(bench->vp8_decoder, bench->frames[i % FRAMES], bench->frame_bytes[i % FRAMES], 4096, 4096,
                  &bench->decoded);
}

static void scale_half(Bench *bench, int i) {
    (void)i;
    vv_picture_scale(&bench->half, &bench->camera);
}

static void scale_thumb(Bench *bench, int i) {
    (void)i;
    vv_picture_scale(&bench->thumb, &bench->camera);
}

static void scale_odd(Bench *bench, int i) {
    (void)i;
    vv_picture_scale(&bench->odd, &bench->camera);
}

static void scale_up(Bench *bench, int i) {
    vv_picture_scale(&bench->large, &bench->picture[i % FRAMES]);
}

static void from_rgb(Bench *bench, int i) {
    vv_picture_from_rgb(&bench->picture[i % FRAMES], bench->rgb, 3 * 256);
}

static void to_rgb(Bench *bench, int i) {
    vv_picture_to_rgb(&bench->picture[i % FRAMES], bench->rgb, 3 * 256);
}

static void encode_opus(Bench *bench, int i) {
    uint8_t packet[VV_OPUS_PACKET_MAX];
    vv_opus_encode(bench->opus_encoder, bench->speech + 960 * (i % FRAMES), packet, sizeof packet);
}

static void decode_opus(Bench *bench, int i) {
    vv_opus_decode(bench->opus_decoder, bench->packets[i % FRAMES], bench->packet_bytes[i % FRAMES], bench->pcm, 5760);
}

static void conceal_opus(Bench *bench, int i) {
    (void)i;
    vv_opus_conceal(bench->opus_decoder, NULL, 0, bench->pcm, 960);
}

static void resample(Bench *bench, int i) {
    vv_resample(bench->resampler, bench->speech + 960 * (i % FRAMES), 960, bench->pcm, 5760);
}

static void mel_row(Bench *bench, int i) {
    vv_log_mel_row(bench->mel, bench->speech + 160 * (i % 200), bench->row);
}

static void amplitude(Bench *bench, int i) {
    (void)i;
    bench->row[0] += 1e-9f * vv_mel_amplitude(bench->row);
}

static void voice_row(Bench *bench, int i) {
    (void)i;
    vv_voice_activity_push(&bench->voice, bench->row);
}

static const struct {
    const char *name;
    void (*run)(Bench *bench, int i);
    int batch; /* operations between two looks at the clock */
} operations[] = {
    {"opus encode, 20 ms at 48 kHz, 32 kbit/s", encode_opus, 4},
    {"opus decode, 20 ms to 48 kHz", decode_opus, 10},
    {"opus conceal, 20 ms", conceal_opus, 10},
    {"resample 48 to 16 kHz, 20 ms", resample, 10},
    {"log-mel row (10 ms)", mel_row, 50},
    {"amplitude of a row", amplitude, 50},
    {"voice activity, one row", voice_row, 50},
    {"vp8 encode 256x256, 300 kbit/s", encode_vp8, 1},
    {"vp8 encode 256x256, key frame", encode_vp8_key, 1},
    {"vp8 decode 256x256", decode_vp8, 1},
    {"scale 640x480 to 320x240", scale_half, 2},
    {"scale 640x480 to 96x72", scale_thumb, 2},
    {"scale 640x480 to 427x321", scale_odd, 2},
    {"scale 256x256 to 512x512", scale_up, 2},
    {"rgb to picture, 256x256", from_rgb, 5},
    {"picture to rgb, 256x256", to_rgb, 5},
};

static double now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(Bench *bench, size_t which) {
    double times[RUNS];
    int done = 0;
    for (int r = 0; r < RUNS; r++) {
        const double begin = now_us();
        for (int k = 0; k < operations[which].batch; k++)
            operations[which].run(bench, done++);
        times[r] = (now_us() - begin) / operations[which].batch;
    }
    qsort(times, RUNS, sizeof *times, by_size);
    printf("%-42s %9.2f %9.2f\n", operations[which].name, times[RUNS / 2], times[RUNS * 99 / 100]);
}

static int prepare_pictures(Bench *bench) {
    for (int i = 0; i < FRAMES; i++) {
        if (vv_picture_alloc(&bench->picture[i], 256, 256))
            return -1;
        synth_picture(&bench->picture[i], i);
    }
    bench->rgb = malloc(3 * 256 * 256);
    if (!bench->rgb || vv_picture_alloc(&bench->camera, 640, 480) || vv_picture_alloc(&bench->half, 320, 240) ||
        vv_picture_alloc(&bench->thumb, 96, 72) || vv_picture_alloc(&bench->odd, 427, 321) ||
        vv_picture_alloc(&bench->large, 512, 512))
        return -1;
    synth_picture(&bench->camera, 0);
    vv_picture_to_rgb(&bench->picture[0], bench->rgb, 3 * 256);
    return 0;
}

/* A second of each codec's output, for the decoders. */
static int record(Bench *bench) {
    for (int i = 0; i < FRAMES; i++) {
        const uint8_t *data;
        bool key;
        const int size =
            vv_opus_encode(bench->opus_encoder, bench->speech + 960 * i, bench->packets[i], VV_OPUS_PACKET_MAX);
        if (size < 0 ||
            vv_vp8_encode(bench->vp8_encoder, &bench->picture[i], false, &data, &bench->frame_bytes[i], &key))
            return -1;
        bench->packet_bytes[i] = (size_t)size;
        bench->frames[i] = malloc(bench->frame_bytes[i]);
        if (!bench->frames[i])
            return -1;
        memcpy(bench->frames[i], data, bench->frame_bytes[i]);
    }
    return 0;
}

static int prepare(Bench *bench) {
    synth_speech(bench->speech, 48000, 48000, 0.2, 1);
    vv_voice_activity_init(&bench->voice);
    bench->vp8_encoder = vv_vp8_encoder_new(256, 256, 25, 300);
    bench->vp8_decoder = vv_vp8_decoder_new();
    bench->opus_encoder = vv_opus_encoder_new(32);
    bench->opus_decoder = vv_opus_decoder_new(48000);
    bench->resampler = vv_resampler_new(48000, 16000);
    bench->mel = vv_log_mel_new();
    if (!bench->vp8_encoder || !bench->vp8_decoder || !bench->opus_encoder || !bench->opus_decoder ||
        !bench->resampler || !bench->mel || prepare_pictures(bench))
        return -1;
    return record(bench);
}

static void release(Bench *bench) {
    for (int i = 0; i < FRAMES; i++) {
        vv_picture_free(&bench->picture[i]);
        free(bench->frames[i]);
    }
    vv_picture_free(&bench->camera);
    vv_picture_free(&bench->half);
    vv_picture_free(&bench->thumb);
    vv_picture_free(&bench->odd);
    vv_picture_free(&bench->large);
    free(bench->rgb);
    vv_vp8_encoder_free(&bench->vp8_encoder);
    vv_vp8_decoder_free(&bench->vp8_decoder);
    vv_opus_encoder_free(&bench->opus_encoder);
    vv_opus_decoder_free(&bench->opus_decoder);
    vv_resampler_free(&bench->resampler);
    vv_log_mel_free(&bench->mel);
    free(bench);
}

int main(void) {
    Bench *bench = calloc(1, sizeof *bench);
    if (!bench || prepare(bench)) {
        fprintf(stderr, "media_bench: out of memory\n");
        return 1;
    }
    printf("%-42s %9s %9s\n", "microseconds of one thread", "median", "p99");
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        measure(bench, i);
    release(bench);
    return 0;
}

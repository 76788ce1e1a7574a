/* `visavis codec FILE`: a picture or clip through the codec and back, chunk by chunk. Memory holds one chunk, however
 * long the clip is. */
#include "server/base/clock.h"
#include "server/commands/codec/codec.h"
#include "server/commands/codec/side_by_side.h"
#include "server/media/footage.h"
#include "server/media/picture.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PSNR_MOST 99.0 /* dB, of a frame that came back byte for byte */
#define EARLY 100      /* frames after which memory is read for the first time */
#define TELL_EVERY (VV_SECOND / 2)
#define USUAL_INTERVAL (VV_SECOND / 25)

/* A worker and its share of a chunk. */
typedef struct Lane {
    VvCodecWorker *worker;
    pthread_t thread;
    size_t frame_bytes;
    int count;                   /* frames it has at the moment, at most VV_CODEC_WINDOW */
    uint8_t *original, *decoded; /* [count][side][side][3] */
    float *z;
    double psnr[VV_CODEC_WINDOW];
    VvTime encoding, decoding; /* all of it until now */
    VvKernelStatus status;
} Lane;

typedef struct View {
    const VvCodecOptions *options;
    FILE *file;
    VvFootage *footage;
    VvCodec *codec;
    VvSideBySide *out;
    int side; /* pixels */
    size_t frame_bytes;
    Lane lane[VV_CODEC_THREADS_MAX];
    int lanes;
    VvTime time[2]; /* of the first frames, for the rate of what is written */
    int64_t read, frames;
    double psnr_sum, psnr_least;
    int64_t worst; /* frame */
    double early;  /* memory, MiB */
    VvTime began, told;
} View;

static bool fail(const char *what) {
    fprintf(stderr, "visavis codec: %s\n", what);
    return false;
}

static bool fail_file(const VvMediaProblem *problem) {
    fprintf(stderr, "visavis codec: %s (%s)\n", problem->text, vv_media_error_name(problem->error));
    return false;
}

static bool fail_kernels(VvKernelStatus status) {
    fprintf(stderr, "visavis codec: %s\n", vv_kernel_status_text(status));
    return false;
}

/* Memory that the process occupies, in MiB. */
static double occupied(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file && fscanf(file, "%*d %ld", &pages) != 1)
        pages = 0;
    if (file)
        fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1048576.0;
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

/* The next frame, cut and scaled to the codec's square. 1, 0 at the end, -1 after saying what is wrong. */
static int next_square(VvFootage *footage, int side, VvImage *square, VvTime *time) {
    VvFootageFrame frame;
    VvMediaProblem problem;
    const int got = vv_footage_next(footage, &frame, &problem);
    if (got < 0)
        fail_file(&problem);
    if (got <= 0)
        return got;
    *time = frame.time;
    if (vv_image_square(frame.image, side, square)) {
        fail("out of memory");
        return -1;
    }
    return 1;
}

/* Makes the appearance of the file's first frame. */
static bool show_portrait(View *view, const char *path) {
    VvFootage *footage = NULL;
    VvMediaProblem problem;
    VvImage square = {0};
    VvTime time;
    if (vv_footage_open(path, VV_PICTURE_SIZE_MAX, &footage, &problem))
        return fail_file(&problem);
    const int got = next_square(footage, view->side, &square, &time);
    vv_footage_close(&footage);
    if (got == 0)
        fprintf(stderr, "visavis codec: %s has no picture\n", path);
    if (got != 1)
        return false;
    const VvKernelStatus status = vv_codec_appearance(view->lane[0].worker, 0, square.rgb);
    vv_image_free(&square);
    return status == VV_KERNEL_OK || fail_kernels(status);
}

static bool open_lanes(View *view) {
    const size_t z_bytes = (size_t)vv_codec_info(view->codec)->z_count * sizeof(float);
    for (int i = 0; i < view->lanes; i++) {
        Lane *lane = &view->lane[i];
        lane->frame_bytes = view->frame_bytes;
        lane->original = malloc(VV_CODEC_WINDOW * view->frame_bytes);
        lane->decoded = malloc(VV_CODEC_WINDOW * view->frame_bytes);
        lane->z = malloc(VV_CODEC_WINDOW * z_bytes);
        if (!lane->original || !lane->decoded || !lane->z)
            return fail("out of memory");
        const VvKernelStatus status = vv_codec_worker_open(view->codec, &lane->worker);
        if (status != VV_KERNEL_OK)
            return fail_kernels(status);
    }
    return true;
}

static bool open_view(View *view) {
    const VvCodecOptions *o = view->options;
    const VvKernels *kernels = vv_kernels_named(o->kernels ? o->kernels : "cpu");
    VvMediaProblem problem;
    if (!kernels) {
        fprintf(stderr, "visavis codec: there are no kernels \"%s\" on this machine\n", o->kernels);
        return false;
    }
    view->file = fopen(o->file, "rb");
    if (!view->file) {
        fprintf(stderr, "visavis codec: %s: %s (unreadable)\n", o->file, strerror(errno));
        return false;
    }
    if (vv_footage_open_file(view->file, o->file, VV_PICTURE_SIZE_MAX, &view->footage, &problem))
        return fail_file(&problem);
    view->codec = vv_codec_command_open(o, kernels, VV_CODEC_WINDOW);
    if (!view->codec)
        return false;
    view->side = vv_codec_info(view->codec)->picture;
    view->frame_bytes = (size_t)view->side * (size_t)view->side * 3;
    view->lanes = o->threads ? o->threads : 1;
    printf("%s: %s; %d x %d pixels, %.1f M parameters, %s\n", o->file,
           vv_footage_kind_name(vv_footage_kind(view->footage)), view->side, view->side,
           (double)vv_codec_info(view->codec)->parameters / 1e6, kernels->name);
    return open_lanes(view) && show_portrait(view, o->portrait ? o->portrait : o->file);
}

/* False if what was written is not whole. */
static bool close_view(View *view) {
    VvMediaProblem problem;
    const bool whole = vv_side_by_side_close(&view->out, &problem) == VV_MEDIA_OK;
    for (int i = 0; i < view->lanes; i++) {
        vv_codec_worker_close(&view->lane[i].worker);
        free(view->lane[i].original);
        free(view->lane[i].decoded);
        free(view->lane[i].z);
    }
    vv_codec_close(&view->codec);
    vv_footage_close(&view->footage);
    if (view->file)
        fclose(view->file);
    return whole || fail_file(&problem);
}

/* ---- a chunk ----------------------------------------------------------------------------------------------------- */

/* Gives each lane its frames, in order. 1: there are some; 0: the footage is over; -1: it is damaged. */
static int fill(View *view) {
    int got = 1;
    for (int i = 0; i < view->lanes; i++) {
        Lane *lane = &view->lane[i];
        for (lane->count = 0; got == 1 && lane->count < VV_CODEC_WINDOW;) {
            VvImage square = {0};
            VvTime time;
            got = next_square(view->footage, view->side, &square, &time);
            if (got != 1)
                break;
            memcpy(lane->original + (size_t)lane->count++ * view->frame_bytes, square.rgb, view->frame_bytes);
            vv_image_free(&square);
            if (view->read < 2)
                view->time[view->read] = time;
            view->read++;
        }
    }
    return got < 0 ? -1 : view->lane[0].count > 0;
}

static double psnr(const uint8_t *a, const uint8_t *b, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        const double off = (double)a[i] - (double)b[i];
        sum += off * off;
    }
    return sum > 0 ? fmin(PSNR_MOST, 10 * log10(255.0 * 255.0 * (double)count / sum)) : PSNR_MOST;
}

/* A lane's work, on whichever thread. */
static void *encode_and_decode(void *ctx) {
    static const int32_t character[VV_CODEC_WINDOW];
    Lane *lane = ctx;
    const VvCodecFrames frames = {.count = lane->count, .z = lane->z, .characters = character, .rgb = lane->decoded};
    const VvTime begin = vv_now();
    lane->status = vv_codec_motion(lane->worker, lane->count, lane->original, lane->z);
    const VvTime between = vv_now();
    if (lane->status == VV_KERNEL_OK)
        lane->status = vv_codec_decode(lane->worker, &frames);
    lane->encoding += between - begin;
    lane->decoding += vv_now() - between;
    for (int n = 0; n < lane->count; n++) {
        const size_t at = (size_t)n * lane->frame_bytes;
        lane->psnr[n] = psnr(lane->original + at, lane->decoded + at, lane->frame_bytes);
    }
    return NULL;
}

/* All lanes at once: each on a thread of its own, the first on this one. A thread costs little beside a chunk. */
static void run_lanes(View *view) {
    bool apart[VV_CODEC_THREADS_MAX] = {false};
    for (int i = 1; i < view->lanes; i++)
        apart[i] = view->lane[i].count > 0 &&
                   pthread_create(&view->lane[i].thread, NULL, encode_and_decode, &view->lane[i]) == 0;
    for (int i = 0; i < view->lanes; i++)
        if (!apart[i] && view->lane[i].count > 0)
            encode_and_decode(&view->lane[i]);
    for (int i = 1; i < view->lanes; i++)
        if (apart[i])
            pthread_join(view->lane[i].thread, NULL);
}

static bool write_frame(View *view, const uint8_t *original, const uint8_t *decoded) {
    VvMediaProblem problem;
    const VvTime between = view->time[1] - view->time[0];
    if (!view->out &&
        vv_side_by_side_open(view->options->out, view->side,
                             view->read > 1 && between > 0 && between <= INT32_MAX ? between : USUAL_INTERVAL,
                             &view->out, &problem))
        return fail_file(&problem);
    return vv_side_by_side_add(view->out, original, decoded, &problem) == VV_MEDIA_OK || fail_file(&problem);
}

/* Counts a lane's frames, and writes them. */
static bool deliver(View *view, const Lane *lane) {
    if (lane->count && lane->status != VV_KERNEL_OK)
        return fail_kernels(lane->status);
    for (int n = 0; n < lane->count; n++) {
        const size_t at = (size_t)n * view->frame_bytes;
        if (view->options->frames)
            printf("frame %lld: %.2f dB\n", (long long)view->frames, lane->psnr[n]);
        if (view->frames == 0 || lane->psnr[n] < view->psnr_least) {
            view->psnr_least = lane->psnr[n];
            view->worst = view->frames;
        }
        view->psnr_sum += lane->psnr[n];
        if (view->options->out && !write_frame(view, lane->original + at, lane->decoded + at))
            return false;
        if (++view->frames == EARLY)
            view->early = occupied();
    }
    return true;
}

/* ---- what is said ------------------------------------------------------------------------------------------------ */

/* How far it is and how long it will take, by the share of the file that was read. */
static void tell_progress(View *view) {
    const VvTime now = vv_now();
    if (!isatty(STDERR_FILENO) || now - view->told < TELL_EVERY)
        return;
    view->told = now;
    struct stat about;
    const bool known = fstat(fileno(view->file), &about) == 0 && about.st_size > 0;
    const double done = known ? (double)ftell(view->file) / (double)about.st_size : 0;
    fprintf(stderr, "\r%lld frames", (long long)view->frames);
    if (done > 0)
        fprintf(stderr, ", %.0f %%, %.0f s left ", 100 * done,
                (double)(now - view->began) / (double)VV_SECOND * (1 - done) / done);
}

static void print_summary(const View *view) {
    VvTime encoding = 0, decoding = 0;
    const double frames = (double)view->frames, seconds = (double)(vv_now() - view->began) / (double)VV_SECOND;
    for (int i = 0; i < view->lanes; i++) {
        encoding += view->lane[i].encoding;
        decoding += view->lane[i].decoding;
    }
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%40s\r", "");
    if (view->frames == 1)
        printf("PSNR %.2f dB\n", view->psnr_least);
    else
        printf("%lld frames; PSNR %.2f dB on average, least %.2f dB (frame %lld)\n", (long long)view->frames,
               view->psnr_sum / frames, view->psnr_least, (long long)view->worst);
    printf(
        "a frame takes a worker %.2f ms to encode and %.2f ms to decode; %d worker%s, files and all: %.1f frames/s\n",
        (double)encoding / (double)VV_MS / frames, (double)decoding / (double)VV_MS / frames, view->lanes,
        view->lanes == 1 ? "" : "s", frames / seconds);
    if (view->frames > EARLY)
        printf("memory: %.1f MiB after %d frames, %.1f MiB after %lld\n", view->early, EARLY, occupied(),
               (long long)view->frames);
}

static bool run(View *view) {
    int more;
    view->began = view->told = vv_now();
    while ((more = fill(view)) == 1) {
        run_lanes(view);
        for (int i = 0; i < view->lanes; i++)
            if (!deliver(view, &view->lane[i]))
                return false;
        tell_progress(view);
    }
    if (more == 0 && view->frames == 0)
        return fail("there is no picture in it");
    if (more == 0)
        print_summary(view);
    return more == 0;
}

int vv_codec_view(const VvCodecOptions *options) {
    View *view = calloc(1, sizeof *view);
    if (!view) {
        fail("out of memory");
        return 1;
    }
    view->options = options;
    const bool good = open_view(view) && run(view);
    const bool whole = close_view(view);
    free(view);
    return good && whole ? 0 : 1;
}

/* `visavis codec`: its options, and what both of its uses need. */
#include "server/commands/codec/codec.h"
#include "server/commands/avatar.h"
#include "server/commands/commands.h"
#include "server/config.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define WEIGHTS "codec.safetensors"
#define AT(member) offsetof(VvCodecOptions, member)

static const VvOption table[] = {
    {"weights", VV_OPTION_STRING, AT(weights), 0, 0, NULL, "FILE",
     "the codec's weights, or the folder they are in; without it those installed"},
    {"portrait", VV_OPTION_STRING, AT(portrait), 0, 0, NULL, "PICTURE",
     "whose face shows the motion; without it the clip's own first frame"},
    {"out", VV_OPTION_STRING, AT(out), 0, 0, NULL, "OUT",
     "write original, decoded and difference side by side: .png, .y4m, or a folder of PNG files"},
    {"frames", VV_OPTION_FLAG, AT(frames), 0, 0, NULL, NULL, "print each frame's PSNR"},
    {"kernels", VV_OPTION_STRING, AT(kernels), 0, 0, NULL, "NAME",
     "what computes: cpu (the default), cpu-f32, cpu-bf16, cpu-avx2, cpu-plain, ref"},
    {"threads", VV_OPTION_INT, AT(threads), 1, VV_CODEC_THREADS_MAX, NULL, "N",
     "workers, each on a core of its own; 1 without it, and a benchmark measures 1 and 2"},
    {"batch", VV_OPTION_INT, AT(batch), 1, VV_CODEC_BATCH_MAX, NULL, "N",
     "frames at once in a benchmark; 1 and 5 without it"},
    {"seconds", VV_OPTION_INT, AT(seconds), 1, 3600, NULL, "S", "how long each of its rows is measured; 2 without it"},
    {"bench", VV_OPTION_FLAG, AT(bench), 0, 0, NULL, NULL, "print what decoding a frame costs, instead of using FILE"},
    {NULL, VV_OPTION_FLAG, 0, 0, 0, NULL, NULL, NULL},
};

/* The file that was named, or the one in the folder that was named or is installed; NULL: there is none. */
static const char *weights_file(const char *named, char path[PATH_MAX]) {
    struct stat status;
    char folder[PATH_MAX];
    if (named && (stat(named, &status) || !S_ISDIR(status.st_mode)))
        return named;
    if (!named && !vv_weights_find(folder))
        return NULL;
    return snprintf(path, PATH_MAX, "%s/%s", named ? named : folder, WEIGHTS) < PATH_MAX ? path : NULL;
}

VvCodec *vv_codec_command_open(const VvCodecOptions *options, const VvKernels *kernels, int batch) {
    char found[PATH_MAX];
    const char *path = weights_file(options->weights, found);
    const VvCodecSetup setup = {.kernels = kernels, .characters = 1, .batch = batch};
    VvWeights *weights = NULL;
    VvCodec *codec = NULL;
    VvWeightsProblem unread;
    VvCodecProblem problem;
    if (!path)
        fprintf(stderr, "visavis codec: no weights are installed; name a file with --weights\n");
    else if (vv_weights_open(path, &weights, &unread) != VV_WEIGHTS_OK)
        fprintf(stderr, "visavis codec: %s (%s)\n", unread.text, vv_weights_error_name(unread.error));
    else if (vv_codec_open(weights, &setup, &codec, &problem))
        fprintf(stderr, "visavis codec: %s (%s)\n", problem.text,
                problem.weights ? vv_weights_error_name(problem.weights) : vv_kernel_status_text(problem.kernels));
    vv_weights_close(&weights);
    return codec;
}

static int complain(const char *what) {
    fprintf(stderr, "visavis codec: %s\n", what);
    return 2;
}

static int run(const VvCodecOptions *options) {
    if (options->bench && (options->file || options->portrait || options->out || options->frames))
        return complain("--bench decodes made-up frames: it takes no FILE, --portrait, --out or --frames");
    if (options->bench)
        return vv_codec_bench(options);
    if (!options->file)
        return complain("which picture or clip? `visavis codec --help` tells the options");
    if (options->batch || options->seconds)
        return complain("--batch and --seconds are for --bench");
    return vv_codec_view(options);
}

int vv_command_codec(int argc, char **argv) {
    VvCodecOptions options = {0};
    char why[512];
    if (argc > 1 && strncmp(argv[1], "-", 1) != 0) {
        options.file = argv[1];
        argv++;
        argc--;
    }
    int status = vv_options_read(table, &options, argc, argv, why, sizeof why);
    if (status > 0) {
        printf(
            "usage: visavis codec FILE [OPTION]...\n"
            "       visavis codec --bench [OPTION]...\n"
            "Encodes a picture or clip (PNG, JPEG, Y4M, WebM) with the portrait codec and decodes it again: what the\n"
            "avatar's model keeps of a face. Prints how near it comes, and what it costs.\n\n");
        vv_options_help(table);
        status = 0;
    } else if (status < 0) {
        status = complain(why);
    } else {
        status = run(&options);
    }
    vv_options_free(table, &options);
    return status;
}

/* `visavis listen`: a look at what the avatar hears in a voice. */
#include "server/commands/listen/listen.h"
#include "server/commands/commands.h"
#include "server/config.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS 100 /* of steps, where the terminal's width is not known */
#define MARGIN 10   /* columns beside them */

#define AT(member) offsetof(VvListenOptions, member)

static const VvOption table[] = {
    {"list", VV_OPTION_FLAG, AT(list), 0, 0, NULL, NULL, "print the phones as a list, with times, instead of curves"},
    {"csv", VV_OPTION_STRING, AT(csv), 0, 0, NULL, "OUT",
     "write every step of 20 ms: phone, loudness, all numbers of the mouth"},
    {"plot", VV_OPTION_STRING, AT(plot), 0, 0, NULL, "OUT", "draw a picture: .png or .svg"},
    {"weights", VV_OPTION_STRING, AT(weights), 0, 0, NULL, "FILE",
     "the speech encoder's weights; without it those installed"},
    {"kernels", VV_OPTION_STRING, AT(kernels), 0, 0, NULL, "NAME",
     "what computes: cpu (the default), cpu-f32, cpu-bf16, cpu-avx2, cpu-plain, ref"},
    {"bench", VV_OPTION_FLAG, AT(bench), 0, 0, NULL, NULL, "print what hearing costs in a call, instead of using FILE"},
    {NULL, VV_OPTION_FLAG, 0, 0, 0, NULL, NULL, NULL},
};

static int complain(const char *what) {
    fprintf(stderr, "visavis listen: %s\n", what);
    return 2;
}

/* Steps that fit into a line, in whole half seconds. */
static int columns(void) {
    const int half = VV_LISTEN_STEPS / 2;
    struct winsize size;
    const bool known = isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    const int fit = known ? (size.ws_col - MARGIN) / half * half : COLUMNS;
    return fit > half ? fit : half;
}

static bool ends_with(const char *text, const char *end) {
    const size_t length = strlen(text), tail = strlen(end);
    return length > tail && strcmp(text + length - tail, end) == 0;
}

static int run(const VvListenOptions *options) {
    VvHeard heard;
    if (options->bench && (options->file || options->list || options->csv || options->plot))
        return complain("--bench hears made-up sound: it takes no FILE, --list, --csv or --plot");
    if (options->bench)
        return vv_listen_bench(options) ? 0 : 1;
    if (!options->file)
        return complain("which sound? `visavis listen --help` tells the options");
    if (options->plot && !ends_with(options->plot, ".png") && !ends_with(options->plot, ".svg"))
        return complain("--plot draws .png or .svg");
    bool good = vv_listen_hear(options, &heard);
    if (good && options->list)
        vv_listen_list(&heard);
    else if (good)
        vv_listen_print(&heard, columns());
    if (good && options->csv)
        good = vv_listen_write_csv(&heard, options->csv);
    if (good && options->plot)
        good = vv_listen_draw(&heard, options->plot);
    vv_listen_close(&heard);
    return good ? 0 : 1;
}

int vv_command_listen(int argc, char **argv) {
    VvListenOptions options = {0};
    char why[512];
    if (argc > 1 && strncmp(argv[1], "-", 1) != 0) {
        options.file = argv[1];
        argv++;
        argc--;
    }
    int status = vv_options_read(table, &options, argc, argv, why, sizeof why);
    if (status > 0) {
        printf("usage: visavis listen FILE [OPTION]...\n"
               "       visavis listen --bench [OPTION]...\n"
               "Hears a voice as the avatar does: the phones, and how far a mouth that says them is open, over time.\n"
               "Reads whatever libsndfile does (WAV, FLAC, Ogg, MP3, ...), and WebM.\n\n");
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

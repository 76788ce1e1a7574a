/* visavis-performer portrait: one character's picture at rest, which is what a server shows the avatar by. It is drawn
 * as the pictures of datasets are, so that weights trained on those know it. */
#include "server/media/image.h"
#include "weights/performer/commands.h"
#include "weights/performer/faces.h"
#include "weights/performer/render.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_ROOM = 1024, ERROR_ROOM = 1200 };

typedef struct Options {
    const char *character, *out, *asset, *folder;
    int size;
} Options;

/* A name stands for a file of the characters' folder. */
static bool settings_path(const Options *o, char path[PATH_ROOM]) {
    const char *name = o->character, *dot = strrchr(name, '.');
    const bool file = strchr(name, '/') || (dot && strcmp(dot, ".conf") == 0);
    const int length =
        file ? snprintf(path, PATH_ROOM, "%s", name) : snprintf(path, PATH_ROOM, "%s/%s.conf", o->folder, name);
    return length < PATH_ROOM;
}

/* Draws the character's face at rest, eyes on the camera, into `frame`, which is open. */
static bool draw(const Options *o, VvFrame *frame, char error[ERROR_ROOM]) {
    char path[PATH_ROOM];
    VvIdentity identity;
    VvScene scene;
    if (!settings_path(o, path)) {
        snprintf(error, ERROR_ROOM, "%.80s...: too long a name", o->character);
        return false;
    }
    VvStudio *studio = vv_studio_open(o->asset, error, ERROR_ROOM);
    VvRenderer *renderer = vv_renderer_open();
    VvPerformer *performer = NULL;
    if (studio && vv_identity_load(&identity, &scene, vv_studio_asset(studio), path, error, ERROR_ROOM))
        performer = vv_performer_open(studio, &identity, &scene, o->size);
    const bool drawn = performer && renderer;
    if (drawn) {
        const VvPose pose = {.vergence = 0.03f, .breath = 0.36f}; /* as in conversations, half of the time */
        vv_render(renderer, performer, NULL, &pose, frame);
    }
    vv_performer_close(&performer);
    vv_renderer_close(&renderer);
    vv_studio_close(&studio);
    return drawn;
}

/* Whole or not at all. */
static bool write_png(const char *path, VvFrame *frame, char error[ERROR_ROOM]) {
    char part[PATH_ROOM];
    VvMediaProblem problem;
    const VvImage image = {.width = frame->size, .height = frame->size, .rgb = frame->rgb};
    if (snprintf(part, sizeof part, "%s.part", path) >= PATH_ROOM) {
        snprintf(error, ERROR_ROOM, "%.80s...: too long a name", path);
        return false;
    }
    if (vv_image_write_png(part, &image, &problem) != VV_MEDIA_OK)
        snprintf(error, ERROR_ROOM, "%s", problem.text);
    else if (rename(part, path))
        snprintf(error, ERROR_ROOM, "%s: %s", path, strerror(errno));
    else
        return true;
    unlink(part);
    return false;
}

static int help(FILE *out, int status) {
    fprintf(out,
            "usage: visavis-performer portrait CHARACTER OUT.png [OPTION]...\n\n"
            "Draws a character at rest, looking at the camera. CHARACTER is a settings file, or the name of one of\n"
            "the shipped characters, such as amara.\n\n"
            "  --size N         256 or 512 pixels (256)\n"
            "  --folder FOLDER  where the characters are (" VV_CHARACTERS ")\n"
            "  --asset FILE     the head asset (" VV_HEAD_ASSET ")\n");
    return status;
}

static bool read_option(Options *o, const char *name, const char *value) {
    if (strcmp(name, "--size") == 0 && (strcmp(value, "256") == 0 || strcmp(value, "512") == 0))
        o->size = atoi(value);
    else if (strcmp(name, "--folder") == 0)
        o->folder = value;
    else if (strcmp(name, "--asset") == 0)
        o->asset = value;
    else
        return false;
    return true;
}

int vv_performer_portrait(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return help(stdout, 0);
    if (argc < 3 || argc % 2 == 0 || argv[1][0] == '-' || argv[2][0] == '-')
        return help(stderr, 2);
    Options options = {
        .character = argv[1], .out = argv[2], .asset = VV_HEAD_ASSET, .folder = VV_CHARACTERS, .size = 256};
    for (int i = 3; i + 1 < argc; i += 2)
        if (!read_option(&options, argv[i], argv[i + 1])) {
            fprintf(stderr, "visavis-performer portrait: %s cannot be \"%s\"\n\n", argv[i], argv[i + 1]);
            return help(stderr, 2);
        }
    char error[ERROR_ROOM] = "";
    VvFrame frame;
    const bool good =
        vv_frame_open(&frame, options.size) && draw(&options, &frame, error) && write_png(options.out, &frame, error);
    if (!good)
        fprintf(stderr, "visavis-performer portrait: %s\n", error[0] ? error : "out of memory");
    vv_frame_close(&frame);
    return good ? 0 : 1;
}

/* Where a rendered video goes. */
#include "server/commands/render/output.h"

#include "server/avatar/avatar.h"
#include "server/media/image.h"
#include "server/media/movie.h"
#include "server/media/sound.h"
#include "server/media/y4m.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PART ".part"
enum { VIDEO_KBPS_256 = 3000 /* of a 256 x 256 picture */, SOUND_KBPS = 64, FRAME_SAMPLES = VV_MOVIE_RATE / VV_FPS };

typedef enum Kind { WEBM, Y4M, FOLDER } Kind;

/* A thing on the disk: its name, and the one it has until it is whole. */
typedef struct Name {
    char whole[PATH_MAX], part[PATH_MAX + sizeof PART];
} Name;

struct VvRenderOutput {
    Kind kind;
    Name video, sound; /* `sound` for Y4M only */
    bool began, began_sound;
    int64_t pictures;
    VvMovie *film;
    VvY4mWriter *clip;
    VvImage image; /* of a PNG file */
    VvSoundWriter *wav;
};

static VvMediaError unwritable(VvMediaProblem *problem, const char *path, int error) {
    return vv_media_fail(problem, VV_MEDIA_UNWRITABLE, "%.160s: %s", path, strerror(error));
}

static VvMediaError no_memory(VvMediaProblem *problem) {
    return vv_media_fail(problem, VV_MEDIA_NO_MEMORY, "there is not enough memory");
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

static bool ends_with(const char *path, const char *ending) {
    const size_t length = strlen(path), wanted = strlen(ending);
    return length > wanted && strcmp(path + length - wanted, ending) == 0;
}

static VvMediaError choose_kind(VvRenderOutput *out, const char *path, VvMediaProblem *problem) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    out->kind = ends_with(name, ".webm") ? WEBM : ends_with(name, ".y4m") ? Y4M : FOLDER;
    const char *dot = strrchr(name, '.');
    if (out->kind == FOLDER && dot && dot != name && strcmp(name, "..") != 0)
        return vv_media_fail(problem, VV_MEDIA_UNKNOWN_KIND,
                             "%.160s: a video is written as FILE.webm, FILE.y4m or a folder", path);
    return VV_MEDIA_OK;
}

static VvMediaError set_name(Name *name, const char *path, const char *ending, VvMediaProblem *problem) {
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    if (length == 0 || length + strlen(ending) >= PATH_MAX)
        return unwritable(problem, path, length ? ENAMETOOLONG : ENOENT);
    memcpy(name->whole, path, length);
    memcpy(name->whole + length, ending, strlen(ending) + 1);
    snprintf(name->part, sizeof name->part, "%s" PART, name->whole);
    return VV_MEDIA_OK;
}

static bool same_file(const char *a, const char *b) {
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* The name of a clip's sound: its own with another ending. */
static VvMediaError set_sound_name(Name *name, const char *clip, VvMediaProblem *problem) {
    char bare[PATH_MAX];
    snprintf(bare, sizeof bare, "%.*s", (int)(strlen(clip) - strlen(".y4m")), clip);
    return set_name(name, bare, ".wav", problem);
}

bool vv_render_output_replaces(const char *path, const char *file) {
    Name sound;
    if (same_file(path, file))
        return true;
    return ends_with(path, ".y4m") && set_sound_name(&sound, path, NULL) == VV_MEDIA_OK && same_file(sound.whole, file);
}

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static VvMediaError open_film(VvRenderOutput *out, int width, int height, VvMediaProblem *problem) {
    const int kbps = (int)((int64_t)VIDEO_KBPS_256 * width * height / (256 * 256));
    const VvMovieForm form = {
        .width = width, .height = height, .fps = VV_FPS, .video_kbps = kbps > 0 ? kbps : 1, .sound_kbps = SOUND_KBPS};
    const int result = vv_movie_open(&out->film, out->video.whole, &form);
    return result ? unwritable(problem, out->video.whole, -result) : VV_MEDIA_OK;
}

static VvMediaError open_wav(VvRenderOutput *out, const char *path, VvMediaProblem *problem) {
    return vv_sound_writer_open(path, VV_MOVIE_RATE, &out->wav, problem);
}

static VvMediaError open_clip(VvRenderOutput *out, const char *path, int width, int height, VvMediaProblem *problem) {
    const VvY4mForm form = {.width = width, .height = height, .fps_numerator = VV_FPS, .fps_denominator = 1};
    VvMediaError error = set_sound_name(&out->sound, path, problem);
    if (!error)
        error = vv_y4m_writer_open(out->video.part, &form, &out->clip, problem);
    out->began = !error;
    if (!error)
        error = open_wav(out, out->sound.part, problem);
    out->began_sound = out->began && !error;
    return error;
}

static VvMediaError open_folder(VvRenderOutput *out, int width, int height, VvMediaProblem *problem) {
    char wav[sizeof out->video.part + 16];
    /* An empty folder may be there already: it is taken away now and comes back full. Any other stays. */
    if (rmdir(out->video.whole) && errno != ENOENT)
        return unwritable(problem, out->video.whole, errno);
    if (mkdir(out->video.part, 0777))
        return unwritable(problem, out->video.part, errno);
    out->began = true;
    if (vv_image_alloc(&out->image, width, height))
        return no_memory(problem);
    snprintf(wav, sizeof wav, "%s/sound.wav", out->video.part);
    return open_wav(out, wav, problem);
}

VvMediaError vv_render_output_open(const char *path, int width, int height, VvRenderOutput **pointer,
                                   VvMediaProblem *problem) {
    VvRenderOutput *out = calloc(1, sizeof *out);
    *pointer = NULL;
    if (!out)
        return no_memory(problem);
    VvMediaError error = choose_kind(out, path, problem);
    if (!error)
        error = set_name(&out->video, path, "", problem);
    if (!error)
        error = out->kind == WEBM  ? open_film(out, width, height, problem)
                : out->kind == Y4M ? open_clip(out, out->video.whole, width, height, problem)
                                   : open_folder(out, width, height, problem);
    if (error)
        vv_render_output_close(&out, false, NULL);
    *pointer = out;
    return error;
}

/* ---- a frame ---------------------------------------------------------------------------------------------------- */

static VvMediaError add_png(VvRenderOutput *out, const VvPicture *picture, VvMediaProblem *problem) {
    char path[sizeof out->video.part + 32];
    snprintf(path, sizeof path, "%s/%06lld.png", out->video.part, (long long)out->pictures++);
    vv_picture_to_rgb(picture, out->image.rgb, 3 * out->image.width);
    return vv_image_write_png(path, &out->image, problem);
}

VvMediaError vv_render_output_add(VvRenderOutput *out, const VvPicture *picture, const int16_t *sound,
                                  VvMediaProblem *problem) {
    if (out->kind == WEBM) {
        const int result = vv_movie_add(out->film, picture, sound);
        return result ? unwritable(problem, out->video.whole, -result) : VV_MEDIA_OK;
    }
    VvMediaError error =
        out->kind == Y4M ? vv_y4m_write_picture(out->clip, picture, problem) : add_png(out, picture, problem);
    if (!error)
        error = vv_sound_write(out->wav, sound, FRAME_SAMPLES, problem);
    return error;
}

/* ---- the end ---------------------------------------------------------------------------------------------------- */

/* Removes the folder that is not whole, with what was written into it. */
static void remove_folder(const VvRenderOutput *out) {
    char path[sizeof out->video.part + 32];
    for (int64_t i = 0; i < out->pictures; i++) {
        snprintf(path, sizeof path, "%s/%06lld.png", out->video.part, (long long)i);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/sound.wav", out->video.part);
    unlink(path);
    rmdir(out->video.part);
}

static void remove_parts(const VvRenderOutput *out) {
    if (out->kind == FOLDER && out->began)
        remove_folder(out);
    else if (out->began)
        unlink(out->video.part);
    if (out->began_sound)
        unlink(out->sound.part);
}

static VvMediaError take_name(const Name *name, VvMediaProblem *problem) {
    return rename(name->part, name->whole) ? unwritable(problem, name->whole, errno) : VV_MEDIA_OK;
}

VvMediaError vv_render_output_close(VvRenderOutput **pointer, bool whole, VvMediaProblem *problem) {
    VvRenderOutput *out = *pointer;
    if (!out)
        return VV_MEDIA_OK;
    const int film = vv_movie_close(&out->film, whole);
    VvMediaError error = film ? unwritable(problem, out->video.whole, -film) : VV_MEDIA_OK;
    const VvMediaError clip = vv_y4m_writer_close(&out->clip, error ? NULL : problem);
    error = error ? error : clip;
    const VvMediaError wav = vv_sound_writer_close(&out->wav, error ? NULL : problem);
    error = error ? error : wav;
    if (whole && !error && out->began_sound)
        error = take_name(&out->sound, problem);
    if (whole && !error && out->began)
        error = take_name(&out->video, problem);
    if (!whole || error)
        remove_parts(out);
    vv_image_free(&out->image);
    free(out);
    *pointer = NULL;
    return whole ? error : VV_MEDIA_OK;
}

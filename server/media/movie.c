/* Movies: two encoders and a writer of WebM. */
#include "server/media/movie.h"

#include "server/media/opus_codec.h"
#include "server/media/vp8_codec.h"
#include "server/media/webm.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PACKETS = 50 /* a second */, PACKET = VV_MOVIE_RATE / PACKETS, SECOND_US = 1000000, KEY_SECONDS = 2 };

struct VvMovie {
    VvMovieForm form;
    char *path, *part; /* the name to be, and the name until then */
    bool begun;        /* there is a file */
    VvVp8Encoder *vp8;
    VvOpusEncoder *opus;
    VvWebm *webm;
    int64_t pictures, packets;
    int error;
};

static int open_coders(VvMovie *movie) {
    const VvMovieForm *form = &movie->form;
    const bool sized = form->width >= 16 && form->height >= 16 && form->width <= 4096 && form->height <= 4096;
    if (!sized || form->fps < 1 || PACKETS % form->fps || form->video_kbps < 1 || form->sound_kbps < 1)
        return -EINVAL;
    movie->vp8 = vv_vp8_encoder_new(form->width, form->height, form->fps, form->video_kbps);
    movie->opus = vv_opus_encoder_new(form->sound_kbps);
    return movie->vp8 && movie->opus ? 0 : -ENOMEM;
}

static int open_file(VvMovie *movie, const char *path) {
    const VvMovieForm *form = &movie->form;
    if (strlen(path) + sizeof ".part" > PATH_MAX)
        return -ENAMETOOLONG;
    movie->path = strdup(path);
    if (!movie->path || asprintf(&movie->part, "%s.part", path) < 0) {
        movie->part = NULL;
        return -ENOMEM;
    }
    const VvWebmTracks tracks = {.width = form->width,
                                 .height = form->height,
                                 .fps = form->fps,
                                 .channels = 1,
                                 .lookahead = vv_opus_encoder_lookahead(movie->opus)};
    const int result = vv_webm_open(&movie->webm, movie->part, &tracks);
    movie->begun = result == 0;
    return result;
}

int vv_movie_open(VvMovie **out, const char *path, const VvMovieForm *form) {
    *out = NULL;
    VvMovie *movie = calloc(1, sizeof *movie);
    if (!movie)
        return -ENOMEM;
    movie->form = *form;
    int result = open_coders(movie);
    if (!result)
        result = open_file(movie, path);
    if (result)
        vv_movie_close(&movie, false);
    *out = movie;
    return result;
}

static int add_picture(VvMovie *movie, const VvPicture *picture) {
    const uint8_t *data;
    size_t size;
    bool key = movie->pictures % (KEY_SECONDS * movie->form.fps) == 0;
    const int64_t number = movie->pictures++;
    const int result = vv_vp8_encode(movie->vp8, picture, key, &data, &size, &key);
    if (result || size == 0) /* nothing: the picture before goes on being seen */
        return result;
    return vv_webm_picture(movie->webm, number * SECOND_US / movie->form.fps, data, size, key);
}

static int add_packet(VvMovie *movie, const int16_t *sound) {
    const int64_t length = SECOND_US / PACKETS;
    uint8_t data[VV_OPUS_PACKET_MAX];
    const int size = vv_opus_encode(movie->opus, sound, data, sizeof data);
    return size < 0 ? size : vv_webm_sound(movie->webm, movie->packets++ * length, length, data, (size_t)size);
}

int vv_movie_add(VvMovie *movie, const VvPicture *picture, const int16_t *sound) {
    if (!movie->error)
        movie->error = add_picture(movie, picture);
    for (int p = 0; p < PACKETS / movie->form.fps && !movie->error; p++)
        movie->error = add_packet(movie, sound + (ptrdiff_t)p * PACKET);
    return movie->error;
}

int vv_movie_close(VvMovie **pointer, bool whole) {
    VvMovie *movie = *pointer;
    if (!movie)
        return 0;
    int result = vv_webm_close(&movie->webm);
    if (!result)
        result = movie->error;
    if (whole && !result && rename(movie->part, movie->path))
        result = -errno;
    if (movie->begun && (!whole || result))
        unlink(movie->part);
    vv_vp8_encoder_free(&movie->vp8);
    vv_opus_encoder_free(&movie->opus);
    free(movie->path);
    free(movie->part);
    free(movie);
    *pointer = NULL;
    return whole ? result : 0;
}

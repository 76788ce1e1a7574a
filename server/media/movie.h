/* Movies: pictures with sound, VP8 and Opus in a WebM file that appears when it is whole. An object belongs to one
 * thread at a time. */
#ifndef VV_MOVIE_H
#define VV_MOVIE_H

#include "server/media/picture.h"

#include <stdbool.h>
#include <stdint.h>

#define VV_MOVIE_RATE 48000 /* samples of sound a second */

typedef struct VvMovieForm {
    int width, height;          /* 16..4096 */
    int fps;                    /* divides 50 */
    int video_kbps, sound_kbps; /* kbit/s */
} VvMovieForm;

typedef struct VvMovie VvMovie;

/* Begins a movie, which is called PATH.part until it is whole. 0, or a negative errno: -EINVAL for a form that cannot
 * be, -ENAMETOOLONG, -ENOMEM, -ENOENT, -EACCES, ... The caller closes; on failure `*movie` is NULL. */
int vv_movie_open(VvMovie **movie, const char *path, const VvMovieForm *form);

/* Adds a picture and the VV_MOVIE_RATE / fps mono samples that are heard while it is seen. 0 or a negative errno
 * (-ENOSPC, ...); after an error every later call gives one too. */
int vv_movie_add(VvMovie *movie, const VvPicture *picture, const int16_t *sound);

/* Clears the pointer; NULL inside is fine. With `whole` completes the file and gives it its name: 0, or a negative
 * errno and there is no file. Otherwise removes what there is. */
int vv_movie_close(VvMovie **movie, bool whole);

#endif

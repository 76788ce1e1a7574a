/* What is behind a person, out of focus; and how the camera turns linear light into pixels. */
#ifndef VV_BACKGROUND_H
#define VV_BACKGROUND_H

#include "weights/performer/identity.h"

/* Draws the scene's background: light[size * size * 3], linear. */
void vv_background_draw(const VvScene *scene, int size, float *light);

/* The camera's answer to linear light: exposure, a shoulder that keeps hues in highlights, contrast, sRGB. */
typedef struct VvFilm {
    uint8_t curve[8192];
} VvFilm;

void vv_film_open(VvFilm *film);
void vv_film_expose(const VvFilm *film, const float light[3], float exposure, uint8_t rgb[3]);

#endif

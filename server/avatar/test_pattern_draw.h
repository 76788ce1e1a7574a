/* Draws the test pattern. What stands still is drawn once for a size and copied; only what moves is drawn each frame.
 */
#ifndef VV_TEST_PATTERN_DRAW_H
#define VV_TEST_PATTERN_DRAW_H

#include "server/avatar/test_pattern.h"

typedef struct VvPatternCanvas VvPatternCanvas;

typedef enum VvPatternLook { VV_PATTERN_FACE, VV_PATTERN_BARS, VV_PATTERN_LOOKS } VvPatternLook;

/* What one frame shows. */
typedef struct VvPatternScene {
    VvPatternLook look;
    uint32_t frame;              /* its number, 24 bits */
    float mouth, voice;          /* 0..1 */
    VvYuv affect;                /* only its chroma is drawn */
    float eyes;                  /* 0 closed .. 1 open */
    float gaze_x, gaze_y;        /* -1..1, right and down */
    const VvPicture *camera;     /* NULL: none */
    const VvPicture *same_thumb; /* a frame with the same camera picture already in it, or NULL */
} VvPatternScene;

/* The parts that stand still, for one size. NULL if out of memory. Any thread. */
VvPatternCanvas *vv_pattern_canvas_new(int width, int height);
void vv_pattern_canvas_free(VvPatternCanvas **canvas);

/* Draws all of `out`, which has the canvas's size. Allocates nothing; the canvas may be shared by threads. */
void vv_pattern_draw(const VvPatternCanvas *canvas, const VvPatternScene *scene, VvPicture *out);

#endif

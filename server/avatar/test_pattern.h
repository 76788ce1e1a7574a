/* The test pattern's geometry, and a reader that gets the measurements back out of a picture.
 *
 * All rectangles are in pixels of a 256 x 256 picture; for other sizes both axes are scaled (vv_test_pattern_place).
 * The binary cells lie on VP8's block grid, and everything that is measured is luma on a neutral ground or a flat
 * colour, so that the picture can still be read after coding at low rates. The page and the tests measure by the same
 * numbers. The picture's other parts (the face, the clock's hand, the frames around things) are there for people.
 *
 *   +--------------------------------------------+  border: the emotion's colour
 *   |  clock's   emotion  voice   camera's       |
 *   |  hand      colour   level   thumbnail      |
 *   |                                            |
 *   |       ( eyes that blink and look )         |
 *   |              [ mouth bar ]                 |
 *   |                                            |
 *   |  #| | |#|#| | |#| 24 cells: frame number   |
 *   +--------------------------------------------+ */
#ifndef VV_TEST_PATTERN_H
#define VV_TEST_PATTERN_H

#include "server/avatar/avatar.h"

#define VV_TEST_PATTERN_SIZE 256
#define VV_TEST_PATTERN_DARK 16   /* luma of an empty level or cell */
#define VV_TEST_PATTERN_LIGHT 235 /* luma of a full one, and of the mouth bar */
#define VV_TEST_PATTERN_LIPS 48   /* luma of the mouth without the bar: softer, since it is seen most of the time */

typedef struct VvPatternRect {
    int x, y, width, height;
} VvPatternRect;

/* The mouth: a bright bar, its middle fixed, whose height is the speech amplitude of the frame (root mean square of its
 * four log-mel rows' amplitudes): 0 is no bar, VV_TEST_PATTERN_MOUTH_FULL or more is the whole rectangle. Edges are
 * blended, so that luma summed down a column is linear in the height to a fraction of a pixel. */
#define VV_TEST_PATTERN_MOUTH ((VvPatternRect){96, 156, 64, 48})
#define VV_TEST_PATTERN_MOUTH_FULL 0.25f

/* The frame number, presentation time / 40 ms modulo 2^24, as binary cells: light is 1, most significant bit first. A
 * light guard cell on either side, and a dark one outside of each, tell a pattern from any other picture. */
#define VV_TEST_PATTERN_CLOCK_BITS 24
#define VV_TEST_PATTERN_CLOCK ((VvPatternRect){32, 228, 192, 12})
#define VV_TEST_PATTERN_GUARD_LEFT ((VvPatternRect){24, 228, 8, 12})
#define VV_TEST_PATTERN_GUARD_RIGHT ((VvPatternRect){224, 228, 8, 12})
#define VV_TEST_PATTERN_DARK_LEFT ((VvPatternRect){16, 228, 8, 12})
#define VV_TEST_PATTERN_DARK_RIGHT ((VvPatternRect){232, 228, 8, 12})

/* The camera, aspect kept, black around it; a grey figure while there is none. */
#define VV_TEST_PATTERN_THUMBNAIL ((VvPatternRect){144, 16, 96, 72})

/* The emotion as a colour of constant luma: the label is the angle in the chroma plane (vv_test_pattern_affect), the
 * intensity the distance from grey. Neutral is grey. */
#define VV_TEST_PATTERN_AFFECT ((VvPatternRect){96, 16, 32, 72})
#define VV_TEST_PATTERN_AFFECT_LUMA 126
#define VV_TEST_PATTERN_AFFECT_CHROMA 60 /* distance from 128 at intensity 1 */

/* The user's voice: a bright bar that grows upwards; full at the mouth's full amplitude. */
#define VV_TEST_PATTERN_VOICE ((VvPatternRect){132, 16, 8, 72})

/* The clock's hand: a turn every VV_TEST_PATTERN_TURN frames, from the top, clockwise. */
#define VV_TEST_PATTERN_DIAL ((VvPatternRect){16, 16, 72, 72})
#define VV_TEST_PATTERN_TURN 100

/* What a picture says. */
typedef struct VvPatternReading {
    uint32_t frame;             /* 24 bits */
    float mouth;                /* 0..1 of full height */
    float voice;                /* 0..1 */
    uint8_t thumbnail[3][3][3]; /* R'G'B' means of 3 x 3 zones: [row][column] */
    VvYuv affect;               /* mean of the emotion's colour */
    int label;                  /* nearest emotion; 0 (neutral) below an intensity of 0.1 */
    float intensity;            /* 0..1 */
} VvPatternReading;

/* Reads a test pattern of any size, also one that went through VP8. False if it is none, or too damaged to be sure of
 * the frame number. Pure; any thread. */
bool vv_test_pattern_read(const VvPicture *picture, VvPatternReading *reading);

/* Where a rectangle lies in a picture of another size. */
VvPatternRect vv_test_pattern_place(VvPatternRect rect, int width, int height);

/* The same with even corners, for pictures inside pictures. */
VvPatternRect vv_test_pattern_place_even(VvPatternRect rect, int width, int height);

/* The colour of an emotion (VvEmotion's numbering, clamped) at an intensity (clamped to 0..1). */
VvYuv vv_test_pattern_affect(int label, float intensity);

#endif

/* Looks at what really came: decodes one session's pictures and sound, reads the test pattern, and compares the
 * picture with its presentation time, and the mouth with the sound of the same moment. */
#ifndef VV_INSPECT_H
#define VV_INSPECT_H

#include "protocol/vv_protocol.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Mouth and sound are compared at shifts of -100 to 100 ms, in steps of 2.5 ms. */
#define VV_INSPECT_STEP_MS 2.5
#define VV_INSPECT_STEPS 40

typedef struct VvInspector VvInspector;

typedef struct VvInspection {
    uint64_t pictures;                     /* decoded */
    uint64_t broken;                       /* pictures or packets that could not be decoded */
    uint64_t unreadable;                   /* pictures that are no test pattern (another avatar, or too damaged) */
    uint64_t agree, differ;                /* frame number in the picture against its pts */
    uint64_t spoken;                       /* frames under speech for which both mouth and sound are known */
    double lips[2 * VV_INSPECT_STEPS + 1]; /* correlation of mouth and loudness; the middle is no shift, to the right
                                              the mouth is behind the sound */
} VvInspection;

/* NULL if out of memory. One thread. */
VvInspector *vv_inspector_new(void);
void vv_inspector_free(VvInspector **inspector);

/* A message of kind 4 or 5, in order of arrival; others are ignored. */
void vv_inspector_take(VvInspector *inspector, const VvFrameHeader *header, const uint8_t *payload);

/* What was found so far. */
void vv_inspector_result(const VvInspector *inspector, VvInspection *result);

#endif

/* Spoils pictures as webcams do: framing, light, lens, sensor, encoder, in that order. */
#include "weights/performer/camera.h"
#include "weights/performer/chance.h"

#include <string.h>

enum { BLOCK = 8 };

void vv_webcam_random(VvWebcam *w, uint64_t seed) {
    VvChance c = vv_chance_of(seed, "webcam", 0);
    memset(w, 0, sizeof *w);
    w->seed = seed;
    const float bad = square(vv_chance_range(&c, 0, 1)); /* how bad, overall */
    w->off = vv_chance_happens(&c, 0.02f);
    w->zoom = clamp(vv_chance_lognormal(&c, 0.95f, 0.08f + 0.22f * bad), 0.45f, 1.8f);
    w->shift[0] = vv_chance_normal(&c, 0, 0.02f + 0.10f * bad);
    w->shift[1] = vv_chance_normal(&c, 0.01f, 0.02f + 0.07f * bad);
    w->tilt = vv_chance_normal(&c, 0, 0.01f + 0.08f * bad);
    w->gain = clamp(vv_chance_lognormal(&c, 1, 0.08f + 0.45f * bad), 0.25f, 2.8f);
    w->warmth = clamp(vv_chance_normal(&c, 0, 0.15f + 0.35f * bad), -1, 1);
    w->fade = vv_chance_range(&c, 0, 0.1f + 0.4f * bad);
    w->noise = vv_chance_range(&c, 0, 2 + 14 * bad) / sqrtf(w->gain);
    w->blur = vv_chance_range(&c, 0, 0.4f + 2.2f * bad);
    w->smear = vv_chance_range(&c, 0, 0.1f + 0.5f * bad);
    w->coarseness = (int)vv_chance_range(&c, 0, 6 + 30 * bad);
}

/* Where a point of the frame is seen. */
static void move_point(const VvWebcam *w, int size, const float from[2], float to[2]) {
    const float half = (float)size * 0.5f, x = (from[0] - half) * w->zoom, y = (from[1] - half) * w->zoom;
    const float c = cosf(w->tilt), s = sinf(w->tilt);
    to[0] = x * c - y * s + half + w->shift[0] * (float)size;
    to[1] = x * s + y * c + half + w->shift[1] * (float)size;
}

/* Samples with the edges drawn out: walls go on, shoulders go on; `inside_only`: nothing is beyond the picture. */
static float sample(const uint8_t *plane, int size, int channels, int channel, float x, float y, bool inside_only) {
    const float most = (float)(size - 1);
    if (inside_only && !(x >= -0.5f && y >= -0.5f && x <= most + 0.5f && y <= most + 0.5f))
        return 0;
    x = clamp(x, 0, most);
    y = clamp(y, 0, most);
    const int x0 = (int)x, y0 = (int)y, x1 = mini(x0 + 1, size - 1), y1 = mini(y0 + 1, size - 1);
    const float fx = x - (float)x0, fy = y - (float)y0;
    const float a = (float)plane[(y0 * size + x0) * channels + channel],
                b = (float)plane[(y0 * size + x1) * channels + channel];
    const float c = (float)plane[(y1 * size + x0) * channels + channel],
                d = (float)plane[(y1 * size + x1) * channels + channel];
    return mix(mix(a, b, fx), mix(c, d, fx), fy);
}

static void frame_picture(const VvWebcam *w, const VvFrame *frame, float *out, VvFrame *seen) {
    const int size = frame->size;
    const float half = (float)size * 0.5f, c = cosf(w->tilt) / w->zoom, s = sinf(w->tilt) / w->zoom;
    const uint8_t *from[3] = {frame->face, frame->lip, frame->hair};
    uint8_t *to[3] = {seen->face, seen->lip, seen->hair};
    for (int i = 0; i < size * size; i++) {
        const int column = i % size, row = i / size;
        const float dx = (float)column + 0.5f - half - w->shift[0] * (float)size;
        const float dy = (float)row + 0.5f - half - w->shift[1] * (float)size;
        const float x = dx * c + dy * s + half - 0.5f, y = -dx * s + dy * c + half - 0.5f;
        for (int k = 0; k < 3; k++) {
            out[3 * i + k] = sample(frame->rgb, size, 3, k, x, y, false);
            to[k][i] = (uint8_t)(sample(from[k], size, 1, 0, x, y, true) + 0.5f);
        }
    }
}

static void expose(const VvWebcam *w, const VvFrame *before, float *picture, int size) {
    const float cast[3] = {1 + 0.18f * w->warmth, 1, 1 - 0.22f * w->warmth};
    for (int i = 0; i < size * size; i++) {
        float *p = picture + 3 * i;
        for (int k = 0; k < 3; k++)
            p[k] = p[k] * w->gain * cast[k];
        const float luma = 0.3f * p[0] + 0.6f * p[1] + 0.1f * p[2];
        for (int k = 0; k < 3; k++) {
            p[k] = mix(p[k], 0.5f * luma + 48, w->fade * 0.6f);
            if (before && !w->off)
                p[k] = mix(p[k], (float)before->rgb[3 * i + k], w->smear);
        }
    }
}

/* Along rows, then along columns: a kernel of three, repeated, is smooth enough. */
static void soften(float *picture, int size, float blur) {
    for (int pass = 0; (float)pass < blur - 0.01f; pass++) {
        const float left = blur - (float)pass;
        const float side = minf(left, 1) * 0.30f, middle = 1 - 2 * side;
        for (int axis = 0; axis < 2; axis++) {
            const int step = axis ? size * 3 : 3, line = axis ? 3 : size * 3;
            for (int l = 0; l < size; l++)
                for (int k = 0; k < 3; k++) {
                    float *p = picture + (size_t)l * (size_t)line + k, previous = p[0];
                    for (int i = 0; i < size; i++) {
                        const float here = p[i * step], next = p[mini(i + 1, size - 1) * step];
                        p[i * step] = previous * side + here * middle + next * side;
                        previous = here;
                    }
                }
        }
    }
}

/* cos(pi k / 16) */
static const float wave[32] = {
    1.00000000f,  0.98078528f,  0.92387953f,  0.83146961f,  0.70710678f,  0.55557023f,  0.38268343f,  0.19509032f,
    0.00000000f,  -0.19509032f, -0.38268343f, -0.55557023f, -0.70710678f, -0.83146961f, -0.92387953f, -0.98078528f,
    -1.00000000f, -0.98078528f, -0.92387953f, -0.83146961f, -0.70710678f, -0.55557023f, -0.38268343f, -0.19509032f,
    0.00000000f,  0.19509032f,  0.38268343f,  0.55557023f,  0.70710678f,  0.83146961f,  0.92387953f,  0.98078528f,
};

static void transform(const float in[BLOCK], float out[BLOCK], bool inverse) {
    for (int k = 0; k < BLOCK; k++) {
        float sum = 0;
        for (int n = 0; n < BLOCK; n++) {
            const int frequency = inverse ? n : k, at = inverse ? k : n;
            const float norm = frequency == 0 ? 0.35355339f : 0.5f;
            sum += in[n] * norm * wave[(2 * at + 1) * frequency % 32];
        }
        out[k] = sum;
    }
}

/* A video encoder at too low a rate, as far as one picture shows it: coarse frequencies in blocks. */
static void quantise_block(float *picture, int size, int x0, int y0, int channel, int coarseness) {
    float block[BLOCK][BLOCK], line[BLOCK], out[BLOCK];
    for (int y = 0; y < BLOCK; y++) {
        for (int x = 0; x < BLOCK; x++)
            line[x] = picture[((y0 + y) * size + x0 + x) * 3 + channel];
        transform(line, block[y], false);
    }
    for (int x = 0; x < BLOCK; x++) {
        for (int y = 0; y < BLOCK; y++)
            line[y] = block[y][x];
        transform(line, out, false);
        for (int y = 0; y < BLOCK; y++) {
            const float step = (float)coarseness * (1 + 0.45f * (float)(x + y)) * (x + y == 0 ? 0.6f : 1);
            line[y] = roundf(out[y] / step) * step;
        }
        transform(line, out, true);
        for (int y = 0; y < BLOCK; y++)
            block[y][x] = out[y];
    }
    for (int y = 0; y < BLOCK; y++) {
        transform(block[y], line, true);
        for (int x = 0; x < BLOCK; x++)
            picture[((y0 + y) * size + x0 + x) * 3 + channel] = line[x];
    }
}

static void encode(const VvWebcam *w, float *picture, int size) {
    for (int y = 0; y < size && w->coarseness > 0; y += BLOCK)
        for (int x = 0; x < size; x += BLOCK)
            for (int k = 0; k < 3; k++)
                quantise_block(picture, size, x, y, k, w->coarseness);
}

static void move_truth(const VvWebcam *w, const VvFrame *frame, VvFrame *seen) {
    const float most = (float)frame->size;
    seen->pose = frame->pose;
    seen->lip_gap = frame->lip_gap;
    for (int e = 0; e < 2; e++) {
        seen->lid_gap[e] = frame->lid_gap[e];
        move_point(w, frame->size, frame->iris[e], seen->iris[e]);
    }
    for (int l = 0; l < VV_LANDMARKS; l++) {
        move_point(w, frame->size, frame->landmark[l], seen->landmark[l]);
        const float x = seen->landmark[l][0], y = seen->landmark[l][1];
        seen->visible[l] = frame->visible[l] && !w->off && x >= 0 && y >= 0 && x < most && y < most;
    }
}

void vv_webcam_see(const VvWebcam *w, const VvFrame *frame, const VvFrame *before, uint64_t number, float *scratch,
                   VvFrame *seen) {
    const int size = frame->size, count = size * size;
    move_truth(w, frame, seen);
    if (w->off) {
        memset(seen->rgb, 24, (size_t)count * 3);
        memset(seen->face, 0, (size_t)count);
        memset(seen->lip, 0, (size_t)count);
        memset(seen->hair, 0, (size_t)count);
        return;
    }
    frame_picture(w, frame, scratch, seen);
    expose(w, before, scratch, size);
    soften(scratch, size, w->blur);
    VvChance chance = vv_chance_of(w->seed, "sensor", number);
    for (int i = 0; i < count * 3 && w->noise > 0; i++) {
        const uint64_t bits = vv_chance_bits(&chance); /* two uniforms make a triangle, near enough to normal */
        const float unit2 = (float)((bits & 0xffffff) + (bits >> 24 & 0xffffff)) * (1.0f / 16777216.0f) - 1;
        scratch[i] += unit2 * 2.4f * w->noise;
    }
    encode(w, scratch, size);
    for (int i = 0; i < count * 3; i++)
        seen->rgb[i] = (uint8_t)clamp(scratch[i] + 0.5f, 0, 255);
}

/* The decoder of ITU-T G.722, mode 1: two ADPCM bands, 6 bits low and 2 bits high, joined by a 24-tap mirror filter.
 * Names of the blocks (and all constants) are the recommendation's. */
#include "weights/performer/voice_g722.h"

#include <string.h>

typedef struct Band {
    int s, sp, sz;  /* signal estimate: whole, of the poles, of the zeros */
    int r[3], p[3]; /* last reconstructed signals and partial signals */
    int a[3];       /* pole coefficients 1, 2 */
    int b[7], d[7]; /* zero coefficients and differences 1..6 */
    int nb, det;    /* scale factor, logarithmic and linear */
} Band;

static int saturate(int x) {
    return x > 32767 ? 32767 : x < -32768 ? -32768 : x;
}

static int sign_match(int x, int y) {
    return (x < 0) == (y < 0);
}

/* UPPOL2 and UPPOL1: the two poles, kept stable. */
static void adapt_poles(Band *band) {
    int wd1 = saturate(band->a[1] * 4);
    int wd2 = sign_match(band->p[0], band->p[1]) ? -wd1 : wd1;
    if (wd2 > 32767)
        wd2 = 32767;
    int second = (wd2 >> 7) + (sign_match(band->p[0], band->p[2]) ? 128 : -128) + (band->a[2] * 32512 >> 15);
    second = second > 12288 ? 12288 : second < -12288 ? -12288 : second;
    int first = saturate((sign_match(band->p[0], band->p[1]) ? 192 : -192) + (band->a[1] * 32640 >> 15));
    const int limit = saturate(15360 - second);
    first = first > limit ? limit : first < -limit ? -limit : first;
    band->a[1] = first;
    band->a[2] = second;
}

/* Block 4: with the new difference `d`, adapts the predictor and makes the next estimate. */
static void predict(Band *band, int d) {
    band->d[0] = d;
    band->r[0] = saturate(band->s + d);
    band->p[0] = saturate(band->sz + d);
    adapt_poles(band);
    const int step = d == 0 ? 0 : 128;
    for (int i = 1; i < 7; i++)
        band->b[i] = saturate((sign_match(band->d[i], d) ? step : -step) + (band->b[i] * 32640 >> 15));
    for (int i = 6; i > 0; i--)
        band->d[i] = band->d[i - 1];
    for (int i = 2; i > 0; i--) {
        band->r[i] = band->r[i - 1];
        band->p[i] = band->p[i - 1];
    }
    band->sp = saturate((band->a[1] * saturate(2 * band->r[1]) >> 15) + (band->a[2] * saturate(2 * band->r[2]) >> 15));
    int zeros = 0;
    for (int i = 6; i > 0; i--)
        zeros += band->b[i] * saturate(2 * band->d[i]) >> 15;
    band->sz = saturate(zeros);
    band->s = saturate(band->sp + band->sz);
}

static int scale(int nb, int shift) {
    static const int ilb[32] = {2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543,
                                2599, 2656, 2714, 2774, 2834, 2896, 2960, 3025, 3091, 3158, 3228,
                                3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008};
    const int mantissa = ilb[nb >> 6 & 31];
    const int down = shift - (nb >> 11);
    return (down < 0 ? mantissa << -down : mantissa >> down) * 4;
}

static int low_band(Band *band, int code) {
    static const int wl[8] = {-60, -30, 58, 172, 334, 538, 1198, 3042};
    static const int rl42[16] = {0, 7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1, 0};
    static const int qm4[16] = {0,     -20456, -12896, -8968, -6288, -4240, -2584, -1200,
                                20456, 12896,  8968,   6288,  4240,  2584,  1200,  0};
    static const int qm6[64] = {-136,   -136,   -136,  -136,  -24808, -21904, -19008, -16704, -14984, -13512, -12280,
                                -11192, -10232, -9360, -8576, -7856,  -7192,  -6576,  -6000,  -5456,  -4944,  -4464,
                                -4008,  -3576,  -3168, -2776, -2400,  -2032,  -1688,  -1360,  -1040,  -728,   24808,
                                21904,  19008,  16704, 14984, 13512,  12280,  11192,  10232,  9360,   8576,   7856,
                                7192,   6576,   6000,  5456,  4944,   4464,   4008,   3576,   3168,   2776,   2400,
                                2032,   1688,   1360,  1040,  728,    432,    136,    -432,   -136};
    int r = band->s + (band->det * qm6[code] >> 15);
    r = r > 16383 ? 16383 : r < -16384 ? -16384 : r;
    const int coarse = code >> 2;
    const int d = band->det * qm4[coarse] >> 15;
    int nb = (band->nb * 127 >> 7) + wl[rl42[coarse]];
    band->nb = nb < 0 ? 0 : nb > 18432 ? 18432 : nb;
    band->det = scale(band->nb, 8);
    predict(band, d);
    return r;
}

static int high_band(Band *band, int code) {
    static const int wh[3] = {0, -214, 798};
    static const int rh2[4] = {2, 1, 2, 1};
    static const int qm2[4] = {-7408, -1616, 7408, 1616};
    const int d = band->det * qm2[code] >> 15;
    int r = band->s + d;
    r = r > 16383 ? 16383 : r < -16384 ? -16384 : r;
    int nb = (band->nb * 127 >> 7) + wh[rh2[code]];
    band->nb = nb < 0 ? 0 : nb > 22528 ? 22528 : nb;
    band->det = scale(band->nb, 10);
    predict(band, d);
    return r;
}

void vv_g722_decode(const uint8_t *bytes, size_t size, int16_t *out) {
    static const int qmf[12] = {3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11};
    Band low = {.det = 32}, high = {.det = 8};
    int past[24] = {0};
    for (size_t i = 0; i < size; i++) {
        const int l = low_band(&low, bytes[i] & 63);
        const int h = high_band(&high, bytes[i] >> 6);
        memmove(past, past + 2, 22 * sizeof *past);
        past[22] = l + h;
        past[23] = l - h;
        int first = 0, second = 0;
        for (int k = 0; k < 12; k++) {
            second += past[2 * k] * qmf[k];
            first += past[2 * k + 1] * qmf[11 - k];
        }
        out[2 * i] = (int16_t)saturate(first >> 11);
        out[2 * i + 1] = (int16_t)saturate(second >> 11);
    }
}

/* A real transform of 512 samples as a complex one of 256: even samples are the real parts and odd ones the imaginary
 * parts, and the two spectra are taken apart at the end. Radix 2, tables for every angle. */
#include "server/media/fft.h"

#include <math.h>

enum { HALF = VV_FFT_SIZE / 2, HALF_BITS = 8 };

void vv_fft_init(VvFft *fft) {
    for (int i = 0; i < VV_FFT_SIZE; i++) {
        const double angle = 2 * 3.14159265358979323846 * i / VV_FFT_SIZE;
        fft->cosine[i] = cos(angle);
        fft->sine[i] = sin(angle);
    }
    for (int i = 0; i < HALF; i++) {
        int reversed = 0;
        for (int bit = 0; bit < HALF_BITS; bit++)
            reversed |= (i >> bit & 1) << (HALF_BITS - 1 - bit);
        fft->reversed[i] = (unsigned char)reversed;
    }
}

static void butterflies(VvFft *fft) {
    double *re = fft->re, *im = fft->im;
    for (int half = 1; half < HALF; half *= 2) {
        const int turn = HALF / half; /* in steps of 2 pi / 512, per butterfly */
        for (int base = 0; base < HALF; base += 2 * half) {
            for (int i = 0; i < half; i++) {
                const int a = base + i, b = a + half;
                const double c = fft->cosine[i * turn], s = fft->sine[i * turn];
                const double x = re[b] * c + im[b] * s;
                const double y = im[b] * c - re[b] * s;
                re[b] = re[a] - x;
                im[b] = im[a] - y;
                re[a] += x;
                im[a] += y;
            }
        }
    }
}

void vv_fft_power(VvFft *fft, const double x[VV_FFT_SIZE], double power[VV_FFT_BINS]) {
    for (int i = 0; i < HALF; i++) {
        fft->re[fft->reversed[i]] = x[2 * i];
        fft->im[fft->reversed[i]] = x[2 * i + 1];
    }
    butterflies(fft);
    for (int k = 0; k <= HALF; k++) {
        const int a = k % HALF, b = (HALF - k) % HALF;
        /* The even samples' spectrum, and the odd ones', which is then turned by its half-sample delay. */
        const double even_re = (fft->re[a] + fft->re[b]) / 2, even_im = (fft->im[a] - fft->im[b]) / 2;
        const double odd_re = (fft->im[a] + fft->im[b]) / 2, odd_im = (fft->re[b] - fft->re[a]) / 2;
        const double re = even_re + odd_re * fft->cosine[k] + odd_im * fft->sine[k];
        const double im = even_im + odd_im * fft->cosine[k] - odd_re * fft->sine[k];
        power[k] = re * re + im * im;
    }
}

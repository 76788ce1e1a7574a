/* The power spectrum of 512 real samples: the one transform that the features need. */
#ifndef VV_FFT_H
#define VV_FFT_H

#define VV_FFT_SIZE 512
#define VV_FFT_BINS (VV_FFT_SIZE / 2 + 1)

typedef struct VvFft {
    double cosine[VV_FFT_SIZE], sine[VV_FFT_SIZE]; /* of 2 pi i / 512 */
    unsigned char reversed[VV_FFT_SIZE / 2];       /* 8 bits back to front */
    double re[VV_FFT_SIZE / 2], im[VV_FFT_SIZE / 2];
} VvFft;

/* Fills the tables. */
void vv_fft_init(VvFft *fft);

/* power[k] = |sum over n of x[n] exp(-2 pi i k n / 512)|^2 for k in 0..256. Uses the object's scratch: one thread at a
 * time. The order of operations is fixed, so the same samples always give the same bits. */
void vv_fft_power(VvFft *fft, const double x[VV_FFT_SIZE], double power[VV_FFT_BINS]);

#endif

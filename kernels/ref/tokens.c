/* The definition of what works on token rows, and of noise. */
#include <math.h>

#include "kernels/check.h"
#include "kernels/ref/ref.h"

/* For every element of token rows: n, t, c. */
#define EACH_TOKEN_ELEMENT(tensor)                                                                                     \
    for (int n = 0; n < (tensor).shape[0]; n++)                                                                        \
        for (int t = 0; t < (tensor).shape[1]; t++)                                                                    \
            for (int c = 0; c < (tensor).shape[2]; c++)

/* 1 + what a table of [N,D] says, 0 if there is none. */
static double one_more(VvTensor table, int n, int c) {
    return table.rank ? 1 + vv_ref_get(table, vv_ref_row(table, n, c)) : 1;
}

VvKernelStatus vv_norm_ref(VvStream *stream, const VvNorm *norm) {
    (void)stream;
    const VvKernelStatus status = vv_check_norm(VV_ON_CPU, norm);
    if (status != VV_KERNEL_OK)
        return status;
    const VvTensor h = norm->h, y = norm->y, dst = norm->dst, shift = norm->shift;
    if (y.rank)
        EACH_TOKEN_ELEMENT(h) {
            const size_t at = vv_ref_token(h, n, t, c);
            vv_ref_put(h, at, vv_ref_get(h, at) + one_more(norm->gate, n, c) * vv_ref_get(y, vv_ref_token(y, n, t, c)));
        }
    const int d = h.shape[2];
    for (int n = 0; n < h.shape[0]; n++)
        for (int t = 0; t < h.shape[1]; t++) {
            double squares = 0;
            for (int c = 0; c < d; c++)
                squares += pow(vv_ref_get(h, vv_ref_token(h, n, t, c)), 2);
            const double factor = 1 / sqrt(squares / d + (double)VV_NORM_EPSILON);
            for (int c = 0; c < d; c++) {
                const double value = vv_ref_get(h, vv_ref_token(h, n, t, c)) * factor * one_more(norm->scale, n, c);
                vv_ref_put(dst, vv_ref_token(dst, n, t, c),
                           shift.rank ? value + vv_ref_get(shift, vv_ref_row(shift, n, c)) : value);
            }
        }
    return VV_KERNEL_OK;
}

VvKernelStatus vv_insert_ref(VvStream *stream, int first, VvTensor src, VvTensor place, VvTensor dst) {
    (void)stream;
    const VvKernelStatus status = vv_check_insert(VV_ON_CPU, first, src, place, dst);
    if (status != VV_KERNEL_OK)
        return status;
    for (int n = 0; n < dst.shape[0]; n++)
        for (int i = 0; i < src.shape[1]; i++)
            for (int c = 0; c < src.shape[2]; c++) {
                double value = vv_ref_get(src, vv_ref_token(src, src.shape[0] == 1 ? 0 : n, i, c));
                if (place.rank)
                    value += vv_ref_get(place, vv_ref_row(place, i % place.shape[0], c));
                vv_ref_put(dst, vv_ref_token(dst, n, first + i, c), value);
            }
    return VV_KERNEL_OK;
}

VvKernelStatus vv_embed_ref(VvStream *stream, int first, int places, VvTensor place, VvTensor frame, VvTensor h) {
    (void)stream;
    const VvKernelStatus status = vv_check_embed(VV_ON_CPU, first, places, place, frame, h);
    if (status != VV_KERNEL_OK)
        return status;
    EACH_TOKEN_ELEMENT(h) {
        const size_t at = vv_ref_token(h, n, t, c);
        double value = vv_ref_get(h, at);
        if (place.rank)
            value += vv_ref_get(place, vv_ref_row(place, (first + t) % places, c));
        if (frame.rank)
            value += vv_ref_get(frame, vv_ref_token(frame, n, (first + t) / places, c));
        vv_ref_put(h, at, value);
    }
    return VV_KERNEL_OK;
}

VvKernelStatus vv_rotary_ref(VvStream *stream, int heads, VvTensor src, VvTensor angles, VvTensor dst) {
    (void)stream;
    const VvKernelStatus status = vv_check_rotary(VV_ON_CPU, heads, src, angles, dst);
    if (status != VV_KERNEL_OK)
        return status;
    const int r = angles.shape[1] / 2;
    for (int n = 0; n < src.shape[0]; n++)
        for (int t = 0; t < src.shape[1]; t++)
            for (int pair = 0; pair < heads * r; pair++) {
                const int i = pair % r, c = pair / r * 2 * r + i;
                const double a = vv_ref_get(src, vv_ref_token(src, n, t, c));
                const double b = vv_ref_get(src, vv_ref_token(src, n, t, c + r));
                const double cosine = vv_ref_get(angles, vv_ref_row(angles, t, i));
                const double sine = vv_ref_get(angles, vv_ref_row(angles, t, i + r));
                vv_ref_put(dst, vv_ref_token(dst, n, t, c), a * cosine - b * sine);
                vv_ref_put(dst, vv_ref_token(dst, n, t, c + r), b * cosine + a * sine);
            }
    return VV_KERNEL_OK;
}

VvKernelStatus vv_noise_ref(VvStream *stream, const uint64_t seeds[], const uint64_t windows[], uint32_t number,
                            VvTensor dst) {
    (void)stream;
    const VvKernelStatus status = vv_check_noise(VV_ON_CPU, seeds, windows, dst);
    if (status != VV_KERNEL_OK)
        return status;
    const size_t columns = (size_t)dst.shape[dst.rank - 1], all = vv_tensor_count(dst),
                 item = all / (size_t)dst.shape[0];
    for (size_t i = 0; i < all; i++) {
        const size_t n = i / item, e = i % item;
        float normals[4];
        vv_philox_normals(seeds[n], windows[n], number, (uint32_t)(e / 4), normals);
        vv_ref_put(dst, i / columns * (size_t)dst.pitch + i % columns, (double)normals[e % 4]);
    }
    return VV_KERNEL_OK;
}

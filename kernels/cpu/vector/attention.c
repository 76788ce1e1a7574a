/* Attention: items, heads and blocks of queries. */
#include "kernels/check.h"
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/vector/attending.h"

VvKernelStatus VV_CPU(vv_attention_plan)(const VvAttention *a, size_t *scratch) {
    const VvKernelStatus status = vv_check_attention_plan(a);
    if (status != VV_KERNEL_OK)
        return status;
    const size_t bytes = vv_attend_bytes(a->q.shape[2] / a->heads, key_count(&a->cached_k), key_count(&a->k));
    if (*scratch < bytes)
        *scratch = bytes;
    return VV_KERNEL_OK;
}

/* One head of one item, whose keys are packed. */
static void attend_head(const VvAttention *a, const VvAttend *attend, VvAttendWork *work, int n, int head) {
    const int tokens = a->q.shape[1], channel = head * work->size;
    const float *gate = a->gate.rank ? (const float *)a->gate.data + (ptrdiff_t)n * a->gate.pitch + channel : NULL;
    for (int first = 0; first < tokens; first += VV_ATTEND_ROWS) {
        const int rows = tokens - first < VV_ATTEND_ROWS ? tokens - first : VV_ATTEND_ROWS;
        const void *queries[VV_ATTEND_ROWS];
        for (int i = 0; i < rows; i++)
            queries[i] = token_at(&a->q, n, first + i, channel);
        attend->answer(work, queries, rows);
        for (int i = 0; i < rows; i++) {
            float row[VV_HEAD_MAX];
            weigh(work, i, 1, gate, row);
            put_row(&a->dst, n, first + i, channel, row, work->size);
        }
    }
}

VvKernelStatus VV_CPU(vv_attention)(VvStream *stream, const VvAttention *a) {
    size_t bytes = 0;
    VvKernelStatus status = vv_check_attention(VV_ON_CPU, a);
    if (status == VV_KERNEL_OK)
        status = VV_CPU(vv_attention_plan)(a, &bytes);
    if (status != VV_KERNEL_OK)
        return status;
    unsigned char *scratch = vv_stream_scratch(stream, bytes);
    if (!scratch)
        return VV_KERNEL_SCRATCH;
    const VvAttend *attend = attend_for(a->q.type);
    const int size = a->q.shape[2] / a->heads;
    const bool shared = a->cached_k.rank && a->cached_k.shape[0] == 1;
    VvAttendWork work;
    vv_attend_lay_out(&work, a->q.type, size, key_count(&a->cached_k), key_count(&a->k), scratch);
    for (int head = 0; head < a->heads; head++)
        for (int n = 0; n < a->q.shape[0]; n++) {
            if (a->cached_k.rank && (n == 0 || !shared))
                attend->pack(&work, 0, keys_at(&a->cached_k, &a->cached_v, n, 0, a->cached_k.shape[1], head * size));
            if (a->k.rank)
                attend->pack(&work, 1, keys_at(&a->k, &a->v, n, 0, a->k.shape[1], head * size));
            attend_head(a, attend, &work, n, head);
        }
    return VV_KERNEL_OK;
}

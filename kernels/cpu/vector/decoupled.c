/* Decoupled cross-attention: the tokens of a frame see the same keys, and those of a region are answered together. */
#include "kernels/check.h"
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/vector/attending.h"

enum { LIP, CONTEXT, BRANCHES };

/* Both branches of one head. */
typedef struct Branches {
    const VvAttend *attend;
    VvAttendWork work[BRANCHES];
    float *mixed; /* [VV_ATTEND_ROWS][size], of both */
    const float *gate[BRANCHES];
    int n, head;
} Branches;

static size_t bytes_of(const VvDecoupled *a, size_t each[BRANCHES]) {
    const int size = a->q.shape[2] / a->heads;
    each[LIP] = vv_attend_bytes(size, a->lip_span, 0);
    each[CONTEXT] = vv_attend_bytes(size, a->shared, a->context_span);
    return each[LIP] + each[CONTEXT] + VV_ATTEND_ROWS * (size_t)size * sizeof(float);
}

VvKernelStatus VV_CPU(vv_decoupled_plan)(const VvDecoupled *a, size_t *scratch) {
    const VvKernelStatus status = vv_check_decoupled_plan(a);
    if (status != VV_KERNEL_OK)
        return status;
    size_t each[BRANCHES];
    const size_t bytes = bytes_of(a, each);
    if (*scratch < bytes)
        *scratch = bytes;
    return VV_KERNEL_OK;
}

/* How much of a branch the place shows. */
static float weight_of(const VvDecoupled *a, int branch, int place) {
    const float mask = ((const float *)a->mask.data)[place];
    return branch == LIP ? mask : 1 - mask;
}

/* Up to VV_ATTEND_ROWS tokens of one frame, from token i of q, which is place `place`. */
static void answer_tokens(const VvDecoupled *a, Branches *branches, int i, int place, int tokens) {
    bool begun[VV_ATTEND_ROWS] = {false};
    const int size = branches->work[LIP].size, channel = branches->head * size;
    for (int branch = LIP; branch < BRANCHES; branch++) {
        VvAttendWork *work = &branches->work[branch];
        const void *queries[VV_ATTEND_ROWS];
        int token[VV_ATTEND_ROWS], rows = 0;
        for (int t = 0; t < tokens; t++)
            if (weight_of(a, branch, place + t) != 0) {
                queries[rows] = token_at(&a->q, branches->n, i + t, channel);
                token[rows++] = t;
            }
        if (rows == 0)
            continue;
        branches->attend->answer(work, queries, rows);
        for (int row = 0; row < rows; row++) {
            const int t = token[row];
            float seen[VV_HEAD_MAX], *mixed = branches->mixed + (ptrdiff_t)t * size;
            weigh(work, row, weight_of(a, branch, place + t), branches->gate[branch], begun[t] ? seen : mixed);
            if (begun[t])
                for (int c = 0; c < size; c++)
                    mixed[c] += seen[c];
            begun[t] = true;
        }
    }
    for (int t = 0; t < tokens; t++)
        put_row(&a->dst, branches->n, i + t, channel, branches->mixed + (ptrdiff_t)t * size, size);
}

/* Whether any place of `count` from `place` on shows the branch. */
static bool is_shown(const VvDecoupled *a, int branch, int place, int count) {
    for (int i = 0; i < count; i++)
        if (weight_of(a, branch, place + i) != 0)
            return true;
    return false;
}

/* The keys that one frame sees and others do not. */
static void pack_frame(const VvDecoupled *a, Branches *branches, int frame, int place, int count) {
    const int n = branches->n, channel = branches->head * branches->work[LIP].size;
    if (is_shown(a, LIP, place, count))
        branches->attend->pack(&branches->work[LIP], 0,
                               keys_at(&a->lip_k, &a->lip_v, n, frame * a->lip_step, a->lip_span, channel));
    if (a->context_span && is_shown(a, CONTEXT, place, count))
        branches->attend->pack(
            &branches->work[CONTEXT], 1,
            keys_at(&a->context_k, &a->context_v, n, a->shared + frame * a->context_step, a->context_span, channel));
}

/* All tokens of one head of one item, frame by frame. */
static void answer_head(const VvDecoupled *a, Branches *branches) {
    const int channel = branches->head * branches->work[LIP].size, tokens = a->q.shape[1];
    if (a->shared)
        branches->attend->pack(&branches->work[CONTEXT], 0,
                               keys_at(&a->context_k, &a->context_v, branches->n, 0, a->shared, channel));
    for (int i = 0; i < tokens;) {
        const int frame = (a->first + i) / a->places, place = (a->first + i) % a->places;
        const int count = a->places - place < tokens - i ? a->places - place : tokens - i;
        pack_frame(a, branches, frame, place, count);
        for (int t = 0; t < count; t += VV_ATTEND_ROWS)
            answer_tokens(a, branches, i + t, place + t, count - t < VV_ATTEND_ROWS ? count - t : VV_ATTEND_ROWS);
        i += count;
    }
}

static const float *row_of(const VvTensor *table, int row, int channel) {
    return table->rank ? (const float *)table->data + (ptrdiff_t)row * table->pitch + channel : NULL;
}

VvKernelStatus VV_CPU(vv_decoupled)(VvStream *stream, const VvDecoupled *a) {
    const VvKernelStatus status = vv_check_decoupled(VV_ON_CPU, a);
    if (status != VV_KERNEL_OK)
        return status;
    size_t each[BRANCHES];
    unsigned char *scratch = vv_stream_scratch(stream, bytes_of(a, each));
    if (!scratch)
        return VV_KERNEL_SCRATCH;
    const int size = a->q.shape[2] / a->heads;
    Branches branches = {.attend = attend_for(a->q.type)};
    vv_attend_lay_out(&branches.work[LIP], a->q.type, size, a->lip_span, 0, scratch);
    vv_attend_lay_out(&branches.work[CONTEXT], a->q.type, size, a->shared, a->context_span, scratch + each[LIP]);
    branches.mixed = (float *)(void *)(scratch + each[LIP] + each[CONTEXT]);
    for (branches.n = 0; branches.n < a->q.shape[0]; branches.n++)
        for (branches.head = 0; branches.head < a->heads; branches.head++) {
            branches.work[LIP].prior = row_of(&a->lip_prior, branches.head, 0);
            branches.gate[LIP] = row_of(&a->lip_gate, branches.n, branches.head * size);
            branches.gate[CONTEXT] = row_of(&a->context_gate, branches.n, branches.head * size);
            answer_head(a, &branches);
        }
    return VV_KERNEL_OK;
}

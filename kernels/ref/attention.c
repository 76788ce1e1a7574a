/* The definition of attention, and of decoupled cross-attention. */
#include <math.h>

#include "kernels/check.h"
#include "kernels/ref/ref.h"

/* Some of the tokens of an item. */
typedef struct Keys {
    VvTensor k, v; /* no tensors: no keys */
    int n, first, count;
} Keys;

/* Keys of two sets, and what is added to their logits. */
typedef struct Sight {
    Keys set[2];
    VvTensor prior; /* [heads, keys of the first set], or no tensor */
} Sight;

static int count_of(const Keys *keys) {
    return keys->k.data ? keys->count : 0;
}

/* q[n,i] . key / sqrt(size), of one head, and its prior. */
static double logit(const Sight *sight, int set, int j, VvTensor q, int n, int i, int head, int size) {
    const Keys *keys = &sight->set[set];
    double sum = 0;
    for (int c = head * size; c < (head + 1) * size; c++)
        sum += vv_ref_get(q, vv_ref_token(q, n, i, c)) *
               vv_ref_get(keys->k, vv_ref_token(keys->k, keys->n, keys->first + j, c));
    sum /= sqrt(size);
    return sight->prior.rank && set == 0 ? sum + vv_ref_get(sight->prior, vv_ref_row(sight->prior, head, j)) : sum;
}

/* out[0..size-1] = what head `head` of q[n,i] sees. */
static void attend(const Sight *sight, VvTensor q, int n, int i, int head, int size, double out[]) {
    double most = -INFINITY, total = 0;
    for (int set = 0; set < 2; set++)
        for (int j = 0; j < count_of(&sight->set[set]); j++)
            most = fmax(most, logit(sight, set, j, q, n, i, head, size));
    for (int c = 0; c < size; c++)
        out[c] = 0;
    for (int set = 0; set < 2; set++) {
        const Keys *keys = &sight->set[set];
        for (int j = 0; j < count_of(keys); j++) {
            const double weight = exp(logit(sight, set, j, q, n, i, head, size) - most);
            total += weight;
            for (int c = 0; c < size; c++)
                out[c] +=
                    weight * vv_ref_get(keys->v, vv_ref_token(keys->v, keys->n, keys->first + j, head * size + c));
        }
    }
    for (int c = 0; c < size; c++)
        out[c] /= total;
}

/* 1 + what a table of [N,D] says, 0 if there is none. */
static double one_more(VvTensor table, int n, int c) {
    return table.rank ? 1 + vv_ref_get(table, vv_ref_row(table, n, c)) : 1;
}

VvKernelStatus vv_attention_plan_ref(const VvAttention *attention, size_t *scratch) {
    (void)scratch; /* none needed */
    return vv_check_attention_plan(attention);
}

VvKernelStatus vv_attention_ref(VvStream *stream, const VvAttention *a) {
    (void)stream;
    const VvKernelStatus status = vv_check_attention(VV_ON_CPU, a);
    if (status != VV_KERNEL_OK)
        return status;
    const VvTensor q = a->q;
    const int size = q.shape[2] / a->heads;
    for (int n = 0; n < q.shape[0]; n++) {
        const Sight sight = {.set = {{a->cached_k, a->cached_v, a->cached_k.shape[0] == 1 ? 0 : n, 0,
                                      a->cached_k.rank ? a->cached_k.shape[1] : 0},
                                     {a->k, a->v, n, 0, a->k.rank ? a->k.shape[1] : 0}}};
        for (int i = 0; i < q.shape[1]; i++)
            for (int head = 0; head < a->heads; head++) {
                double out[VV_HEAD_MAX];
                attend(&sight, q, n, i, head, size, out);
                for (int j = 0, c = head * size; j < size; j++, c++)
                    vv_ref_put(a->dst, vv_ref_token(a->dst, n, i, c), one_more(a->gate, n, c) * out[j]);
            }
    }
    return VV_KERNEL_OK;
}

VvKernelStatus vv_decoupled_plan_ref(const VvDecoupled *decoupled, size_t *scratch) {
    (void)scratch;
    return vv_check_decoupled_plan(decoupled);
}

/* Both branches of one token. */
static void decouple(const VvDecoupled *a, int n, int i) {
    const VvTensor q = a->q;
    const int size = q.shape[2] / a->heads, frame = (a->first + i) / a->places;
    const double mask = (double)((const float *)a->mask.data)[(a->first + i) % a->places];
    const Sight lip = {.set = {{a->lip_k, a->lip_v, n, frame * a->lip_step, a->lip_span}}, .prior = a->lip_prior};
    const Sight context = {
        .set = {{a->context_k, a->context_v, n, 0, a->shared},
                {a->context_k, a->context_v, n, a->shared + frame * a->context_step, a->context_span}}};
    for (int head = 0; head < a->heads; head++) {
        double by_lip[VV_HEAD_MAX] = {0}, by_context[VV_HEAD_MAX] = {0};
        if (mask != 0)
            attend(&lip, q, n, i, head, size, by_lip);
        if (mask != 1)
            attend(&context, q, n, i, head, size, by_context);
        for (int j = 0, c = head * size; j < size; j++, c++) {
            const double heard = mask != 0 ? mask * one_more(a->lip_gate, n, c) * by_lip[j] : 0;
            const double seen = mask != 1 ? (1 - mask) * one_more(a->context_gate, n, c) * by_context[j] : 0;
            vv_ref_put(a->dst, vv_ref_token(a->dst, n, i, c), heard + seen);
        }
    }
}

VvKernelStatus vv_decoupled_ref(VvStream *stream, const VvDecoupled *a) {
    (void)stream;
    const VvKernelStatus status = vv_check_decoupled(VV_ON_CPU, a);
    if (status != VV_KERNEL_OK)
        return status;
    for (int n = 0; n < a->q.shape[0]; n++)
        for (int i = 0; i < a->q.shape[1]; i++)
            decouple(a, n, i);
    return VV_KERNEL_OK;
}

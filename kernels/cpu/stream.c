/* The CPU's stream: scratch memory, oneDNN's stream, and the memory objects of the layers that ran on it. */
#include <pthread.h>
#include <stdlib.h>

#include "kernels/cpu/cpu.h"

/* GCC's OpenMP run time, which oneDNN is built on; its header comes with GCC only. */
extern int omp_get_max_threads(void);
extern void omp_set_num_threads(int threads);

int vv_one_thread(void) {
    const int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    return threads;
}

void vv_threads_back(int threads) {
    omp_set_num_threads(threads);
}

static dnnl_engine_t engine;

static void open_engine(void) {
    if (dnnl_engine_create(&engine, dnnl_cpu, 0) != dnnl_success)
        engine = NULL;
}

dnnl_engine_t vv_dnnl_engine(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, open_engine);
    return engine;
}

VvKernelStatus vv_dnnl_status(dnnl_status_t status) {
    switch (status) {
    case dnnl_success:
        return VV_KERNEL_OK;
    case dnnl_out_of_memory:
        return VV_KERNEL_MEMORY;
    case dnnl_unimplemented:
        return VV_KERNEL_UNSUPPORTED;
    default:
        return VV_KERNEL_BACKEND;
    }
}

/* ---- the stream -------------------------------------------------------------------------------------------------- */

/* A plan's memory objects. Plans that were closed leave theirs behind until the stream closes. */
typedef struct Binding {
    struct Binding *next;
    uint64_t id;
    dnnl_memory_t memory[VV_BOUND_COUNT];
} Binding;

enum { BUCKETS = 256 };

struct VvStream {
    VvTensor scratch;
    dnnl_stream_t dnnl;
    Binding *bindings[BUCKETS];
};

VvKernelStatus vv_stream_open_cpu(VvTensor scratch, VvStream **stream) {
    *stream = NULL;
    if (!vv_dnnl_engine())
        return VV_KERNEL_BACKEND;
    if (scratch.rank && (scratch.type != VV_U8 || !vv_tensor_is_dense(scratch)))
        return VV_KERNEL_TYPE;
    if (scratch.rank && (!scratch.data || scratch.device != VV_ON_CPU))
        return VV_KERNEL_DEVICE;
    VvStream *made = calloc(1, sizeof *made);
    if (!made)
        return VV_KERNEL_MEMORY;
    made->scratch = scratch;
    const dnnl_status_t status = dnnl_stream_create(&made->dnnl, vv_dnnl_engine(), dnnl_stream_default_flags);
    if (status != dnnl_success) {
        vv_stream_close_cpu(&made);
        return vv_dnnl_status(status);
    }
    *stream = made;
    return VV_KERNEL_OK;
}

static void free_binding(Binding *binding) {
    for (int i = 0; i < VV_BOUND_COUNT; i++)
        if (binding->memory[i])
            dnnl_memory_destroy(binding->memory[i]);
    free(binding);
}

void vv_stream_close_cpu(VvStream **stream) {
    VvStream *closing = *stream;
    if (!closing)
        return;
    for (int i = 0; i < BUCKETS; i++)
        while (closing->bindings[i]) {
            Binding *binding = closing->bindings[i];
            closing->bindings[i] = binding->next;
            free_binding(binding);
        }
    if (closing->dnnl)
        dnnl_stream_destroy(closing->dnnl);
    free(closing);
    *stream = NULL;
}

unsigned char *vv_stream_scratch(VvStream *stream, size_t bytes) {
    return vv_tensor_bytes(stream->scratch) >= bytes ? stream->scratch.data : NULL;
}

dnnl_stream_t vv_stream_dnnl(VvStream *stream) {
    return stream->dnnl;
}

static Binding *open_binding(const VvBindable *what) {
    Binding *binding = calloc(1, sizeof *binding);
    if (!binding)
        return NULL;
    binding->id = what->id;
    for (int i = 0; i < VV_BOUND_COUNT; i++)
        if (dnnl_memory_create(&binding->memory[i], &what->bound[i], vv_dnnl_engine(), DNNL_MEMORY_NONE) !=
            dnnl_success) {
            free_binding(binding);
            return NULL;
        }
    return binding;
}

dnnl_memory_t *vv_stream_bind(VvStream *stream, const VvBindable *what) {
    Binding **bucket = &stream->bindings[what->id % BUCKETS];
    for (Binding *binding = *bucket; binding; binding = binding->next)
        if (binding->id == what->id)
            return binding->memory;
    Binding *made = open_binding(what);
    if (!made)
        return NULL;
    made->next = *bucket;
    *bucket = made;
    return made->memory;
}

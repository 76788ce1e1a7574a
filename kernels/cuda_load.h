/* The CUDA backend from outside: a shared object that is opened when it is first asked for. The program has no other
 * tie to CUDA, and starts on machines that have never heard of it.
 *
 * It is looked for, in this order, and the first that is there counts:
 *   VISAVIS_CUDA        the environment's: a file; empty: as if there were none
 *   ../lib/visavis      beside the program's folder, as `make install` puts it
 *   the program's own   as `make` builds it
 *   PREFIX/lib/visavis */
#ifndef VV_CUDA_LOAD_H
#define VV_CUDA_LOAD_H

#include "kernels/kernels.h"

#define VV_CUDA_FILE "libvisavis_cuda.so"

/* What the object was found to be. */
typedef enum VvCudaState {
    VV_CUDA_READY,
    VV_CUDA_NO_FILE,     /* not built, or not installed */
    VV_CUDA_BROKEN,      /* a file that cannot be opened */
    VV_CUDA_OTHER,       /* of another version of visavis */
    VV_CUDA_NO_DRIVER,   /* no driver, or one older than the object needs */
    VV_CUDA_NO_DEVICE,   /* the driver knows no device */
    VV_CUDA_UNSUPPORTED, /* the first device is of an architecture that the object was not built for */
    VV_CUDA_FAILED,      /* the driver refused */
} VvCudaState;

typedef struct VvCuda {
    VvCudaState state;
    const VvKernels *kernels; /* NULL unless VV_CUDA_READY */
    char file[512];           /* empty: VV_CUDA_NO_FILE */
    char text[240];           /* a sentence without its full stop: the device, or what is missing */
    char fix[160];            /* what to do about it; empty: nothing */
} VvCuda;

/* Opens the object and looks for devices, once. The first device is used: CUDA_VISIBLE_DEVICES chooses among several.
 * Any thread; lives as long as the program. */
const VvCuda *vv_cuda(void);

/* The same, anew, for an object of this name (tests). What was opened stays open. */
void vv_cuda_open(const char *file, VvCuda *cuda);

/* ---- what the object offers: its one symbol, `vv_cuda_entry` -------------------------------------------------------
 */

/* Raise with every change to the structures below, to the table, or to what it is made of. */
#define VV_CUDA_VERSION 2
#define VV_CUDA_MAGIC 0x56564355 /* VVCU */

typedef struct VvCudaProbe {
    VvCudaState state; /* VV_CUDA_READY and from VV_CUDA_NO_DRIVER on */
    int devices;
    int driver, runtime; /* CUDA versions, 1000 * major + 10 * minor; driver 0: none */
    int cublas, cudnn;   /* versions of NVIDIA's libraries, 100 * major + minor; 0: not there */
    int major, minor;    /* the first device's architecture, */
    size_t memory;       /* bytes, */
    char name[128];      /* name */
    char error[128];     /* the driver's word */
} VvCudaProbe;

typedef struct VvCudaEntry {
    uint32_t magic, version, table_bytes; /* VV_CUDA_MAGIC, VV_CUDA_VERSION, sizeof(VvKernels) */
    const char *architectures;            /* it was built for, "80 86 90a" */
    void (*probe)(VvCudaProbe *probe);    /* looks for devices; any thread */
    const VvKernels *(*kernels)(void);
} VvCudaEntry;

#endif

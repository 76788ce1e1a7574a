/* Finds and opens the CUDA backend, and puts into words what is wrong with it. */
#include "kernels/cuda_load.h"

#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void say(VvCuda *cuda, VvCudaState state, const char *fix, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void say(VvCuda *cuda, VvCudaState state, const char *fix, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(cuda->text, sizeof cuda->text, format, arguments);
    va_end(arguments);
    snprintf(cuda->fix, sizeof cuda->fix, "%s", fix);
    cuda->state = state;
}

/* "cuDNN 9.19", or "no cuDNN". */
static void name_library(char *text, size_t size, const char *name, int version) {
    if (version)
        snprintf(text, size, "%s %d.%d", name, version / 100, version % 100);
    else
        snprintf(text, size, "no %s", name);
}

/* What the object found, in words. */
static void say_probed(VvCuda *cuda, const VvCudaProbe *probe, const char *architectures) {
    const int driver = probe->driver, runtime = probe->runtime;
    char blas[32], dnn[32];
    name_library(blas, sizeof blas, "cuBLASLt", probe->cublas);
    name_library(dnn, sizeof dnn, "cuDNN", probe->cudnn);
    switch (probe->state) {
    case VV_CUDA_READY:
        say(cuda, VV_CUDA_READY, "", "%s, %.1f GiB, architecture %d.%d, CUDA %d.%d, %s, %s", probe->name,
            (double)probe->memory / 1073741824.0, probe->major, probe->minor, runtime / 1000, runtime % 1000 / 10, blas,
            dnn);
        return;
    case VV_CUDA_NO_DRIVER:
        if (driver)
            say(cuda, VV_CUDA_NO_DRIVER, "install a newer NVIDIA driver",
                "the driver is for CUDA %d.%d, the CUDA engine needs %d.%d", driver / 1000, driver % 1000 / 10,
                runtime / 1000, runtime % 1000 / 10);
        else
            say(cuda, VV_CUDA_NO_DRIVER, "with a GPU here: install NVIDIA's driver, and try nvidia-smi",
                "the CUDA engine is there, an NVIDIA driver is not");
        return;
    case VV_CUDA_NO_DEVICE:
        say(cuda, VV_CUDA_NO_DEVICE, "with a GPU here: try nvidia-smi, and look at CUDA_VISIBLE_DEVICES",
            "the NVIDIA driver knows no device");
        return;
    case VV_CUDA_UNSUPPORTED:
        say(cuda, VV_CUDA_UNSUPPORTED,
            "build it for that one: make cuda CUDA_ARCHS=..., or choose another with CUDA_VISIBLE_DEVICES",
            "%s has architecture %d.%d, the CUDA engine was built for %.60s", probe->name, probe->major, probe->minor,
            architectures);
        return;
    default:
        say(cuda, VV_CUDA_FAILED, "try nvidia-smi", "the NVIDIA driver refuses: %s", probe->error);
    }
}

void vv_cuda_open(const char *file, VvCuda *cuda) {
    *cuda = (VvCuda){0};
    snprintf(cuda->file, sizeof cuda->file, "%s", file);
    if (access(file, F_OK) != 0) {
        say(cuda, VV_CUDA_NO_FILE, "", "there is no CUDA engine at %.150s", file);
        return;
    }
    void *object = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!object) {
        const char *why = dlerror();
        say(cuda, VV_CUDA_BROKEN, "build or install visavis again", "the CUDA engine cannot be opened: %.180s",
            why ? why : file);
        return;
    }
    const VvCudaEntry *entry = dlsym(object, "vv_cuda_entry");
    if (!entry || entry->magic != VV_CUDA_MAGIC) {
        say(cuda, VV_CUDA_BROKEN, "build or install visavis again", "%.150s is no CUDA engine of visavis", file);
    } else if (entry->version != VV_CUDA_VERSION || entry->table_bytes != sizeof(VvKernels)) {
        say(cuda, VV_CUDA_OTHER, "build or install visavis again",
            "the CUDA engine is of another version of visavis (%u, wanted %u)", entry->version, VV_CUDA_VERSION);
    } else {
        VvCudaProbe probe = {0};
        entry->probe(&probe);
        say_probed(cuda, &probe, entry->architectures);
        cuda->kernels = cuda->state == VV_CUDA_READY ? entry->kernels() : NULL;
    }
    if (!cuda->kernels)
        dlclose(object);
}

/* ---- the installed one ---------------------------------------------------------------------------------------------
 */

/* The first of the places that has the file; false: none. */
static bool find(char *file, size_t size) {
    static const char *const beside[] = {"../lib/visavis/", ""};
    char program[PATH_MAX];
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    const char *folder = dirname(program);
    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++)
        if (snprintf(file, size, "%s/%s" VV_CUDA_FILE, folder, beside[i]) < (int)size && access(file, F_OK) == 0)
            return true;
    snprintf(file, size, VV_PREFIX "/lib/visavis/" VV_CUDA_FILE);
    return access(file, F_OK) == 0;
}

static VvCuda installed;

static void open_installed(void) {
    char file[PATH_MAX];
    const char *wanted = getenv("VISAVIS_CUDA");
    if (wanted && *wanted)
        vv_cuda_open(wanted, &installed);
    else if (!wanted && find(file, sizeof file))
        vv_cuda_open(file, &installed);
    else
        say(&installed, VV_CUDA_NO_FILE, "", "this build of visavis has no CUDA engine");
}

const VvCuda *vv_cuda(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, open_installed);
    return &installed;
}

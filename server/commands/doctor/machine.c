/* Processor, memory, libraries, GPU, port. */
#include "server/commands/doctor/doctor.h"

#include <arpa/inet.h>
#include <cpuid.h>
#include <dlfcn.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- processor and memory -------------------------------------------------------------------------------- */

static int isa_here(void) {
    unsigned eax, ebx, ecx, edx = 0;
    int isa = 0;
    __builtin_cpu_init();
    isa |= __builtin_cpu_supports("avx2") ? VV_ISA_AVX2 : 0;
    isa |= __builtin_cpu_supports("avx512f") ? VV_ISA_AVX512 : 0;
    isa |= __builtin_cpu_supports("avx512bf16") ? VV_ISA_AVX512_BF16 : 0;
    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx))
        isa |= vv_isa_amx(edx);
    return isa;
}

static void read_file(const char *path, char *out, size_t size) {
    FILE *file = fopen(path, "r");
    size_t got = file ? fread(out, 1, size - 1, file) : 0;
    out[got] = 0;
    if (file)
        fclose(file);
}

void vv_doctor_processor(VvFindings *findings) {
    char text[8192], isa[120], model[128] = "unknown";
    read_file("/proc/cpuinfo", text, sizeof text);
    const char *line = strstr(text, "model name");
    if (line)
        sscanf(line, "model name : %127[^\n]", model);
    vv_finding_add(findings, "processor", VV_HEALTH_OK, "%s, %ld cores", model, sysconf(_SC_NPROCESSORS_ONLN));
    int set = isa_here();
    vv_isa_words(set, isa, sizeof isa);
    VvFinding *finding =
        vv_finding_add(findings, "instructions", set & VV_ISA_AVX2 ? VV_HEALTH_OK : VV_HEALTH_NOTE, "%s", isa);
    if (!(set & VV_ISA_AVX2))
        snprintf(finding->fix, sizeof finding->fix, "it works, but slowly: use a processor with AVX2 or more");
}

void vv_doctor_memory(VvFindings *findings) {
    char text[8192];
    struct rlimit files = {0};
    read_file("/proc/meminfo", text, sizeof text);
    int64_t total = vv_meminfo_bytes(text, "MemTotal"), free = vv_meminfo_bytes(text, "MemAvailable");
    bool little = free >= 0 && free < (int64_t)256 << 20;
    VvFinding *finding =
        vv_finding_add(findings, "memory", little ? VV_HEALTH_NOTE : VV_HEALTH_OK, "%.1f GiB, %.1f available",
                       (double)total / 1073741824.0, (double)free / 1073741824.0);
    if (little)
        snprintf(finding->fix, sizeof finding->fix, "a session needs some MiB: end other programs");
    getrlimit(RLIMIT_NOFILE, &files);
    finding = vv_finding_add(findings, "open files", files.rlim_cur < 1024 ? VV_HEALTH_NOTE : VV_HEALTH_OK,
                             "%llu at most", (unsigned long long)files.rlim_cur);
    if (finding->health)
        snprintf(finding->fix, sizeof finding->fix, "every connection is one: raise it with ulimit -n");
}

/* ---- libraries ------------------------------------------------------------------------------------------- */

typedef const char *(*VersionText)(void);
typedef int (*VersionNumber)(void);

/* A library that the program is linked to, found by a function of its own. Where the library has a function that tells
 * its version, that is asked; else its file's name tells it. */
typedef struct Library {
    const char *name, *symbol, *text_function, *major, *minor;
} Library;

static void library_version(const Library *library, char *out, size_t size) {
    void *symbol = library->text_function ? dlsym(RTLD_DEFAULT, library->text_function) : NULL;
    if (symbol) {
        VersionText function;
        memcpy(&function, &symbol, sizeof function); /* ISO C has no cast from object to function */
        snprintf(out, size, "%s", function());
        out[strcspn(out, "-")] = 0; /* what follows names a build */
        return;
    }
    void *major = library->major ? dlsym(RTLD_DEFAULT, library->major) : NULL;
    void *minor = library->minor ? dlsym(RTLD_DEFAULT, library->minor) : NULL;
    if (major && minor) {
        VersionNumber first, second;
        memcpy(&first, &major, sizeof first);
        memcpy(&second, &minor, sizeof second);
        snprintf(out, size, "%d.%d", first(), second());
        return;
    }
    Dl_info info;
    void *any = dlsym(RTLD_DEFAULT, library->symbol);
    char *path = any && dladdr(any, &info) && info.dli_fname ? realpath(info.dli_fname, NULL) : NULL;
    const char *version = path ? vv_soname_version(path) : "";
    snprintf(out, size, "%s%s", *version ? "file version " : any ? "linked in" : "", version);
    free(path);
}

void vv_doctor_libraries(VvFindings *findings) {
    static const Library libraries[] = {
        {"libwebsockets", "lws_create_context", "lws_get_library_version", NULL, NULL},
        {"libev", "ev_loop_new", NULL, "ev_version_major", "ev_version_minor"},
        {"libvpx", "vpx_codec_decode", "vpx_codec_version_str", NULL, NULL},
        {"libopus", "opus_encode", "opus_get_version_string", NULL, NULL},
        {"jansson", "json_loadb", "jansson_version_str", NULL, NULL},
        {"libjwt", "jwt_decode", NULL, NULL, NULL},
        {"speexdsp", "speex_resampler_init", NULL, NULL, NULL},
        {"libsndfile", "sf_open", NULL, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        char version[160];
        library_version(&libraries[i], version, sizeof version);
        if (*version) {
            vv_finding_add(findings, libraries[i].name, VV_HEALTH_OK, "%s", version);
        } else {
            VvFinding *finding = vv_finding_add(findings, libraries[i].name, VV_HEALTH_MISSING, "not in this program");
            snprintf(finding->fix, sizeof finding->fix, "build visavis again: make packages build");
        }
    }
}

/* ---- GPU ------------------------------------------------------------------------------------------------- */

/* How many NVIDIA devices the kernel shows. */
static size_t count_devices(void) {
    glob_t devices = {0};
    const size_t count = glob("/dev/nvidia[0-9]*", 0, NULL, &devices) == 0 ? devices.gl_pathc : 0;
    globfree(&devices);
    return count;
}

void vv_doctor_gpu_found(VvFindings *findings, const VvCuda *cuda, size_t devices) {
    if (cuda->state == VV_CUDA_READY) {
        vv_finding_add(findings, "GPU", VV_HEALTH_OK, "%.200s", cuda->text);
        return;
    }
    /* Without a device an engine that finds none is as it should be; a damaged one never is. */
    const bool damaged = cuda->state == VV_CUDA_BROKEN || cuda->state == VV_CUDA_OTHER;
    if (!devices && !damaged) {
        vv_finding_add(findings, "GPU", VV_HEALTH_OK, "no GPU here (%.160s): everything runs on the processor",
                       cuda->text);
        return;
    }
    VvFinding *finding =
        vv_finding_add(findings, "GPU", VV_HEALTH_NOTE, "%.190s: all runs on the processor", cuda->text);
    if (devices && cuda->state == VV_CUDA_NO_FILE)
        snprintf(finding->fix, sizeof finding->fix, "%zu NVIDIA device%s here: build with nvcc (make cuda)", devices,
                 devices == 1 ? " is" : "s are");
    else
        snprintf(finding->fix, sizeof finding->fix, "%s", cuda->fix);
}

void vv_doctor_gpu(VvFindings *findings) {
    vv_doctor_gpu_found(findings, vv_cuda(), count_devices());
}

/* ---- port ------------------------------------------------------------------------------------------------ */

void vv_doctor_port(VvFindings *findings, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one); /* as servers do: a closing connection is no user */
    int failure = bind(fd, (const struct sockaddr *)&address, sizeof address) || listen(fd, 1) ? errno : 0;
    if (fd >= 0)
        close(fd);
    if (!failure) {
        vv_finding_add(findings, "port", VV_HEALTH_OK, "%d is free", port);
        return;
    }
    VvFinding *finding = vv_finding_add(findings, "port", VV_HEALTH_NOTE, "%d: %s", port, strerror(failure));
    snprintf(finding->fix, sizeof finding->fix,
             failure == EADDRINUSE ? "something listens there already (visavis itself?); or serve with another --port"
                                   : "serve with another --port");
}

/* What `visavis doctor` finds out, as a list of findings. */
#ifndef VV_DOCTOR_H
#define VV_DOCTOR_H

#include "kernels/cuda_load.h"
#include "server/commands/avatar.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum VvHealth {
    VV_HEALTH_OK,
    VV_HEALTH_NOTE,    /* works, but worth knowing */
    VV_HEALTH_MISSING, /* needed, and not there */
} VvHealth;

typedef struct VvFinding {
    const char *name; /* static */
    VvHealth health;
    char text[240];
    char fix[240]; /* what to do about it; empty: nothing */
} VvFinding;

#define VV_FINDINGS_MAX 32

typedef struct VvFindings {
    VvFinding list[VV_FINDINGS_MAX];
    size_t count;
    int sessions; /* that this machine can carry; 0: none in real time, or not measured */
} VvFindings;

/* Appends a finding and returns it; its text is printed by `format`. One beyond the room replaces the last. */
VvFinding *vv_finding_add(VvFindings *findings, const char *name, VvHealth health, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The checks. Each appends one or more findings. */
void vv_doctor_processor(VvFindings *findings);
void vv_doctor_memory(VvFindings *findings);
void vv_doctor_libraries(VvFindings *findings);
void vv_doctor_gpu(VvFindings *findings);
void vv_doctor_weights(VvFindings *findings, const VvAvatarOptions *options);
void vv_doctor_page(VvFindings *findings);
void vv_doctor_port(VvFindings *findings, int port);
void vv_doctor_voice(VvFindings *findings);
void vv_doctor_codecs(VvFindings *findings);
void vv_doctor_avatar(VvFindings *findings, const VvAvatarOptions *options); /* opens it: some seconds */

/* ---- pure parts -------------------------------------------------------------------------------------------- */

enum { VV_ISA_AVX2 = 1, VV_ISA_AVX512 = 2, VV_ISA_AVX512_BF16 = 4, VV_ISA_AMX_BF16 = 8, VV_ISA_AMX_INT8 = 16 };

/* "AVX2, AVX-512, AMX (bf16)"; "none of AVX2, AVX-512, AMX" for an empty set. */
void vv_isa_words(int isa, char *out, size_t size);

/* The AMX bits of cpuid leaf 7's edx. */
int vv_isa_amx(uint32_t edx);

/* A field of /proc/meminfo ("MemTotal") in bytes, or -1. */
int64_t vv_meminfo_bytes(const char *text, const char *field);

/* What follows ".so." in a library's file name: "libopus.so.0.8.0" gives "0.8.0"; "" if there is nothing. */
const char *vv_soname_version(const char *file);

/* What to say of the CUDA engine on a machine with so many NVIDIA devices. */
void vv_doctor_gpu_found(VvFindings *findings, const VvCuda *cuda, size_t devices);

/* How many sessions fit `cores` when one takes `seconds` of a core for each second, leaving a third for everything
 * else.
 */
int vv_sessions_estimate(double seconds, int cores);

#endif

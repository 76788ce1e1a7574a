/* The doctor's pure parts. */
#include "server/commands/doctor/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

VvFinding *vv_finding_add(VvFindings *findings, const char *name, VvHealth health, const char *format, ...) {
    VvFinding *finding = &findings->list[findings->count < VV_FINDINGS_MAX ? findings->count++ : VV_FINDINGS_MAX - 1];
    va_list arguments;
    *finding = (VvFinding){.name = name, .health = health};
    va_start(arguments, format);
    vsnprintf(finding->text, sizeof finding->text, format, arguments);
    va_end(arguments);
    return finding;
}

void vv_isa_words(int isa, char *out, size_t size) {
    static const struct {
        int bit;
        const char *words;
    } all[] = {{VV_ISA_AVX2, "AVX2"},
               {VV_ISA_AVX512, "AVX-512"},
               {VV_ISA_AVX512_BF16, "AVX-512 bf16"},
               {VV_ISA_AMX_BF16, "AMX bf16"},
               {VV_ISA_AMX_INT8, "AMX int8"}};
    size_t used = 0;
    snprintf(out, size, "none of AVX2, AVX-512, AMX");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (!(isa & all[i].bit))
            continue;
        int wrote = snprintf(out + used, size - used, "%s%s", used ? ", " : "", all[i].words);
        if (wrote < 0 || (size_t)wrote >= size - used)
            return;
        used += (size_t)wrote;
    }
}

int vv_isa_amx(uint32_t edx) {
    /* The tiles themselves (bit 24) must be there for either kind of product. */
    if (!(edx >> 24 & 1))
        return 0;
    return (edx >> 22 & 1 ? VV_ISA_AMX_BF16 : 0) | (edx >> 25 & 1 ? VV_ISA_AMX_INT8 : 0);
}

int64_t vv_meminfo_bytes(const char *text, const char *field) {
    size_t length = strlen(field);
    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, field, length) == 0 && line[length] == ':') {
            char *end;
            long long value = strtoll(line + length + 1, &end, 10);
            return end == line + length + 1 || value < 0 ? -1 : value * 1024;
        }
    }
    return -1;
}

const char *vv_soname_version(const char *file) {
    const char *at = strstr(file, ".so.");
    return at ? at + 4 : "";
}

int vv_sessions_estimate(double seconds, int cores) {
    if (!(seconds > 0) || cores < 1)
        return 0;
    double sessions = cores * (2.0 / 3.0) / seconds;
    return sessions > 100000 ? 100000 : (int)sessions;
}

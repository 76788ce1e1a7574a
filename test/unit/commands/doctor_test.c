/* The doctor's parsers, and that each check finds what is there. */
#include "server/commands/doctor/doctor.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void names_instructions(void **state) {
    (void)state;
    char out[100];
    vv_isa_words(0, out, sizeof out);
    assert_string_equal(out, "none of AVX2, AVX-512, AMX");
    vv_isa_words(VV_ISA_AVX2 | VV_ISA_AMX_BF16, out, sizeof out);
    assert_string_equal(out, "AVX2, AMX bf16");
    vv_isa_words(31, out, sizeof out);
    assert_string_equal(out, "AVX2, AVX-512, AVX-512 bf16, AMX bf16, AMX int8");
    char small[8];
    vv_isa_words(31, small, sizeof small);
    assert_true(strlen(small) < sizeof small);
}

static void reads_amx_bits(void **state) {
    (void)state;
    assert_int_equal(vv_isa_amx(0), 0);
    assert_int_equal(vv_isa_amx(1u << 24), 0);
    assert_int_equal(vv_isa_amx(1u << 22 | 1u << 25), 0); /* no tiles: no products */
    assert_int_equal(vv_isa_amx(1u << 24 | 1u << 22), VV_ISA_AMX_BF16);
    assert_int_equal(vv_isa_amx(1u << 24 | 1u << 25), VV_ISA_AMX_INT8);
    assert_int_equal(vv_isa_amx(0xffffffff), VV_ISA_AMX_BF16 | VV_ISA_AMX_INT8);
}

static void reads_meminfo(void **state) {
    (void)state;
    static const char text[] = "MemTotal:       16000000 kB\nMemFree:  12 kB\nMemAvailable:    8000 kB\nBad: x\n";
    assert_int_equal(vv_meminfo_bytes(text, "MemTotal"), INT64_C(16000000) * 1024);
    assert_int_equal(vv_meminfo_bytes(text, "MemAvailable"), 8000 * 1024);
    assert_int_equal(vv_meminfo_bytes(text, "Mem"), -1);
    assert_int_equal(vv_meminfo_bytes(text, "Bad"), -1);
    assert_int_equal(vv_meminfo_bytes("", "MemTotal"), -1);
}

static void reads_versions(void **state) {
    (void)state;
    assert_string_equal(vv_soname_version("/usr/lib/libopus.so.0.8.0"), "0.8.0");
    assert_string_equal(vv_soname_version("libvpx.so"), "");
    assert_string_equal(vv_soname_version(""), "");
}

static void estimates_sessions(void **state) {
    (void)state;
    assert_int_equal(vv_sessions_estimate(0.01, 3), 200);
    assert_int_equal(vv_sessions_estimate(0.5, 1), 1);
    assert_int_equal(vv_sessions_estimate(5, 1), 0);
    assert_int_equal(vv_sessions_estimate(0, 4), 0);
    assert_int_equal(vv_sessions_estimate(-1, 4), 0);
    assert_int_equal(vv_sessions_estimate(1e-12, 4), 100000);
}

static void keeps_within_its_room(void **state) {
    (void)state;
    VvFindings findings = {0};
    for (int i = 0; i < VV_FINDINGS_MAX + 5; i++)
        vv_finding_add(&findings, "x", VV_HEALTH_NOTE, "%d", i);
    assert_int_equal(findings.count, VV_FINDINGS_MAX);
    assert_string_equal(findings.list[0].text, "0");
    assert_string_equal(findings.list[VV_FINDINGS_MAX - 1].text, "36");
}

static void sees_a_port_in_use(void **state) {
    (void)state;
    VvFindings findings = {0};
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    int port = ntohs(address.sin_port);
    vv_doctor_port(&findings, port);
    close(fd);
    vv_doctor_port(&findings, port);
    assert_int_equal(findings.list[0].health, VV_HEALTH_NOTE);
    assert_non_null(strstr(findings.list[0].fix, "--port"));
    assert_int_equal(findings.list[1].health, VV_HEALTH_OK);
}

/* Checks of this machine: the libraries that this test is linked to are there, the voice speaks, the codecs work. */
static void finds_what_is_here(void **state) {
    (void)state;
    static VvFindings findings;
    char name[] = "test-pattern";
    vv_doctor_processor(&findings);
    vv_doctor_memory(&findings);
    vv_doctor_gpu(&findings);
    VvAvatarOptions options = {.avatar = name};
    vv_doctor_weights(&findings, &options);
    vv_doctor_voice(&findings);
    vv_doctor_codecs(&findings);
    vv_doctor_avatar(&findings, &options);
    bool voice = false, codecs = false;
    for (size_t i = 0; i < findings.count; i++) {
        const VvFinding *finding = &findings.list[i];
        assert_true(finding->text[0]);
        assert_int_not_equal(finding->health, VV_HEALTH_MISSING);
        voice = voice || strcmp(finding->name, "voice") == 0;
        codecs = codecs || strcmp(finding->name, "VP8") == 0;
    }
    assert_true(voice && codecs && findings.sessions >= 0);
}

/* A machine without a device is well without an engine; one with a device is told what is missing; a damaged engine is
 * told of in any case. */
static void says_what_a_gpu_lacks(void **state) {
    (void)state;
    static const struct {
        VvCudaState engine;
        size_t devices;
        VvHealth health;
    } cases[] = {{VV_CUDA_READY, 1, VV_HEALTH_OK},       {VV_CUDA_NO_FILE, 0, VV_HEALTH_OK},
                 {VV_CUDA_NO_FILE, 2, VV_HEALTH_NOTE},   {VV_CUDA_NO_DRIVER, 0, VV_HEALTH_OK},
                 {VV_CUDA_NO_DRIVER, 1, VV_HEALTH_NOTE}, {VV_CUDA_UNSUPPORTED, 1, VV_HEALTH_NOTE},
                 {VV_CUDA_BROKEN, 0, VV_HEALTH_NOTE},    {VV_CUDA_OTHER, 0, VV_HEALTH_NOTE}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        VvFindings findings = {0};
        const VvCuda cuda = {.state = cases[i].engine, .text = "what the engine says", .fix = "what to do"};
        vv_doctor_gpu_found(&findings, &cuda, cases[i].devices);
        assert_int_equal(findings.count, 1);
        const VvFinding *finding = &findings.list[0];
        assert_int_equal(finding->health, cases[i].health);
        assert_non_null(strstr(finding->text, "what the engine says"));
        assert_int_equal(finding->fix[0] != '\0', cases[i].health == VV_HEALTH_NOTE);
        if (cases[i].engine != VV_CUDA_READY)
            assert_non_null(strstr(finding->text, "on the processor"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_a_gpu_lacks), cmocka_unit_test(names_instructions),
        cmocka_unit_test(reads_amx_bits),        cmocka_unit_test(reads_meminfo),
        cmocka_unit_test(reads_versions),        cmocka_unit_test(estimates_sessions),
        cmocka_unit_test(keeps_within_its_room), cmocka_unit_test(sees_a_port_in_use),
        cmocka_unit_test(finds_what_is_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Opening the CUDA engine: a file that is not there, files that are none of ours, and what each state is called. */
#include "kernels/cuda_load.h"

#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* A file beside this test, or `up` folders above it. */
static const char *beside(const char *name) {
    static char path[PATH_MAX + 64];
    char program[PATH_MAX];
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    assert_true(length > 0);
    program[length] = '\0';
    snprintf(path, sizeof path, "%s/%s", dirname(program), name);
    return path;
}

static void expect(const VvCuda *cuda, VvCudaState state, const char *words) {
    assert_int_equal(cuda->state, state);
    if (!strstr(cuda->text, words))
        fail_msg("\"%s\" does not say \"%s\"", cuda->text, words);
    assert_int_equal(cuda->kernels != NULL, state == VV_CUDA_READY);
    assert_int_equal(cuda->fix[0] == '\0', state == VV_CUDA_READY || state == VV_CUDA_NO_FILE);
}

static void says_that_there_is_no_file(void **state) {
    (void)state;
    VvCuda cuda;
    vv_cuda_open(beside("no_such_engine.so"), &cuda);
    expect(&cuda, VV_CUDA_NO_FILE, "there is no CUDA engine at ");
}

static void says_that_a_file_is_broken(void **state) {
    (void)state;
    VvCuda cuda;
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s", beside("broken_engine.so"));
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("\177ELF, but no more than that\n", file);
    fclose(file);
    vv_cuda_open(path, &cuda);
    expect(&cuda, VV_CUDA_BROKEN, "cannot be opened: ");
    unlink(path);
    vv_cuda_open(beside("."), &cuda); /* a folder */
    expect(&cuda, VV_CUDA_BROKEN, "cannot be opened: ");
    vv_cuda_open(beside("engine_nameless.so"), &cuda);
    expect(&cuda, VV_CUDA_BROKEN, "is no CUDA engine of visavis");
    Dl_info info; /* an object that opens and has nothing of ours: the C library */
    void *known = dlsym(RTLD_DEFAULT, "qsort");
    assert_non_null(known);
    assert_true(dladdr(known, &info) != 0);
    vv_cuda_open(info.dli_fname, &cuda);
    expect(&cuda, VV_CUDA_BROKEN, "is no CUDA engine of visavis");
}

static void refuses_another_version(void **state) {
    (void)state;
    VvCuda cuda;
    vv_cuda_open(beside("engine_other.so"), &cuda);
    expect(&cuda, VV_CUDA_OTHER, "of another version of visavis");
}

static void open_told(VvCudaState told, const char *driver, VvCuda *cuda) {
    char number[12];
    snprintf(number, sizeof number, "%d", (int)told);
    setenv("VV_TEST_CUDA_STATE", number, 1);
    setenv("VV_TEST_CUDA_DRIVER", driver, 1);
    vv_cuda_open(beside("engine_double.so"), cuda);
}

static void has_words_for_what_it_finds(void **state) {
    (void)state;
    VvCuda cuda;
    open_told(VV_CUDA_NO_DRIVER, "0", &cuda);
    expect(&cuda, VV_CUDA_NO_DRIVER, "the CUDA engine is there, an NVIDIA driver is not");
    open_told(VV_CUDA_NO_DRIVER, "12040", &cuda);
    expect(&cuda, VV_CUDA_NO_DRIVER, "the driver is for CUDA 12.4, the CUDA engine needs 13.0");
    open_told(VV_CUDA_NO_DEVICE, "13000", &cuda);
    expect(&cuda, VV_CUDA_NO_DEVICE, "knows no device");
    open_told(VV_CUDA_UNSUPPORTED, "13000", &cuda);
    expect(&cuda, VV_CUDA_UNSUPPORTED, "Tesla of the test has architecture 7.5, the CUDA engine was built for 80 90a");
    open_told(VV_CUDA_FAILED, "13000", &cuda);
    expect(&cuda, VV_CUDA_FAILED, "the NVIDIA driver refuses: told to refuse");
    open_told(VV_CUDA_READY, "13000", &cuda);
    expect(&cuda, VV_CUDA_READY, "Tesla of the test, 16.0 GiB, architecture 7.5, CUDA 13.0, cuBLASLt 13.1, no cuDNN");
    assert_string_equal(cuda.kernels->name, "told");
}

/* The engine of this build, if nvcc was there to build it: ready where there is a driver with a device that it knows,
 * and never without a driver. */
static void opens_the_one_that_was_built(void **state) {
    (void)state;
    VvCuda cuda;
    vv_cuda_open(beside("../../../" VV_CUDA_FILE), &cuda);
    if (cuda.state == VV_CUDA_NO_FILE)
        skip();
    print_message("# %s\n", cuda.text);
    assert_int_not_equal(cuda.state, VV_CUDA_BROKEN);
    assert_int_not_equal(cuda.state, VV_CUDA_OTHER);
    void *driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
    if (!driver)
        expect(&cuda, VV_CUDA_NO_DRIVER, "an NVIDIA driver is not");
    if (cuda.state == VV_CUDA_READY) {
        assert_int_equal(cuda.kernels->device, VV_ON_CUDA);
        assert_string_equal(cuda.kernels->name, "cuda");
    }
}

/* The program's own way: what the environment names, opened once. */
static void is_found_by_name(void **state) {
    (void)state;
    setenv("VISAVIS_CUDA", beside("engine_double.so"), 1);
    open_told(VV_CUDA_READY, "13000", &(VvCuda){0});
    const VvCuda *cuda = vv_cuda();
    expect(cuda, VV_CUDA_READY, "Tesla of the test");
    assert_ptr_equal(vv_kernels_named("cuda"), cuda->kernels);
    setenv("VISAVIS_CUDA", "elsewhere", 1);
    assert_ptr_equal(vv_cuda(), cuda);
    assert_int_equal(vv_cuda()->state, VV_CUDA_READY);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_that_there_is_no_file),   cmocka_unit_test(says_that_a_file_is_broken),
        cmocka_unit_test(refuses_another_version),      cmocka_unit_test(has_words_for_what_it_finds),
        cmocka_unit_test(opens_the_one_that_was_built), cmocka_unit_test(is_found_by_name),
    };
    return cmocka_run_group_tests_name("cuda_load", tests, NULL, NULL);
}

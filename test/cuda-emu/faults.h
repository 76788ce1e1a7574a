/* What the parts of the emulator's own test share. */
#ifndef VV_TEST_CUDA_EMU_FAULTS_H
#define VV_TEST_CUDA_EMU_FAULTS_H

#include <cuda_runtime.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

namespace vv {

enum { LAUNCHES = 40 };

/* Launches six blocks. */
template <typename... Parameters, typename... Arguments>
static inline void run_threads(unsigned threads, void (*kernel)(Parameters...), size_t dynamic_shared,
                               Arguments... arguments) {
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3(3, 2);
    config.blockDim = dim3(threads);
    config.dynamicSmemBytes = dynamic_shared;
    cudaLaunchKernelEx(&config, kernel, arguments...);
}

/* Whether a launch ends the program, or says that it went wrong by giving false. */
template <typename Launch> static inline bool fails(Launch launch) {
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0)
        _exit(!freopen("/dev/null", "w", stderr) || launch() ? 0 : 1);
    int status = 0;
    return child > 0 && waitpid(child, &status, 0) == child && status != 0;
}

/* Whether a launch ends the program. */
template <typename Launch> static inline bool dies(Launch launch) {
    return fails([&] {
        launch();
        return true;
    });
}

/* One line of the test. */
void expect(bool truth, const char *what);

/* faults_hopper.cu */
void expect_hopper();

} // namespace vv

#endif

/* The CUDA engine, as it is or is not on this machine: what the daemon says, and that it starts without one. */
#include "test/e2e/loop.h"
#include "test/e2e/peer.h"
#include "test/e2e/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MODEL "--avatar=model", "--weights=test/golden/model"

static Run run;

/* With a GPU asked for, a machine without one is refused, in one line that says what is missing. */
static void refuses_without_a_gpu(void **state) {
    (void)state;
    const char *const serve[] = {"serve", "--port=0", MODEL, "--kernels=cuda", NULL};
    const char *broken = scratch_write("broken.so", "this is no engine\n");
    run_list(&run, "VISAVIS_CUDA", broken, serve);
    assert_int_not_equal(run.status, 0);
    assert_non_null(strstr(run.err, "the CUDA engine cannot be opened"));
    run_list(&run, "VISAVIS_CUDA", scratch_path("nothing.so"), serve);
    assert_int_not_equal(run.status, 0);
    assert_non_null(strstr(run.err, "there is no CUDA engine at "));
    run_list(&run, "VISAVIS_CUDA", "", serve);
    assert_int_not_equal(run.status, 0);
    assert_non_null(strstr(run.err, "this build of visavis has no CUDA engine"));
}

/* With "auto" it starts in any case, and its log says which it is. */
static void starts_with_whatever_is_there(void **state) {
    (void)state;
    const struct {
        const char *file, *words;
    } cases[] = {{scratch_write("broken.so", "this is no engine\n"), "the CUDA engine cannot be opened"},
                 {"", "this build of visavis has no CUDA engine"},
                 {NULL, "GPU: "}}; /* as this machine is */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (cases[i].file)
            setenv("VISAVIS_CUDA", cases[i].file, 1);
        else
            unsetenv("VISAVIS_CUDA");
        Daemon *daemon = daemon_start(MODEL, "--kernels=auto", "--threads=1");
        assert_int_equal(daemon_logged(daemon, cases[i].words), 1);
        Peer *viewer = peer_join(daemon, "{\"type\":\"session.start\",\"role\":\"viewer\"}");
        peer_message(viewer, VV_MSG_SESSION_READY, 0);
        peer_await_more(viewer, 2);
        peer_leave(viewer);
        daemon_stop(&daemon);
    }
}

/* The doctor finds a damaged engine, and is well all the same: the processor is there. */
static void the_doctor_says_so(void **state) {
    (void)state;
    const char *const doctor[] = {"doctor", "--avatar=test-pattern", NULL};
    run_list(&run, "VISAVIS_CUDA", scratch_write("broken.so", "this is no engine\n"), doctor);
    assert_int_equal(run.status, 0);
    assert_non_null(strstr(run.out, "the CUDA engine cannot be opened"));
    assert_non_null(strstr(run.out, "build or install visavis again"));
    run_list(&run, "VISAVIS_CUDA", "", doctor);
    assert_int_equal(run.status, 0);
    assert_non_null(strstr(run.out, "this build of visavis has no CUDA engine"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        e2e_test(refuses_without_a_gpu),
        e2e_test(starts_with_whatever_is_there),
        e2e_test(the_doctor_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

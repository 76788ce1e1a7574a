/* The event loop of a test program, and how its tests wait: by condition, never by time. */
#ifndef E2E_LOOP_H
#define E2E_LOOP_H

#include "server/base/clock.h"

#include <stdbool.h>

struct ev_loop;

/* The loop of the running test; made at first use. */
struct ev_loop *e2e_loop(void);

/* Runs the loop until `done(arg)`, which is asked after every round of it. Fails the test, naming `what` was waited
 * for, after E2E_GUARD: a guard against hanging, far longer than anything takes, not a measurement. */
void e2e_until(bool (*done)(void *arg), void *arg, const char *what);

/* Runs the loop once, for a few milliseconds at most: for tests that watch something else in turn. */
void e2e_turn(void);

/* A moment after which the running wait is given up; for loops of a test's own. */
VvTime e2e_guard(void);

/* What every test has around it: nothing before, and after it everything closed, also when it failed. */
int e2e_teardown(void **state);

#define e2e_test(function) cmocka_unit_test_teardown(function, e2e_teardown)

#endif

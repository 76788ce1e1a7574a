/* The scheduler with an avatar whose steps wait for the test's word: orders are asserted, never times. */
#include "server/session/scheduler.h"

#include "server/base/metrics.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define MAX_BATCH 3
#define ROOM 8192
#define HOUR (3600 * VV_SECOND)

/* Records what each step was given: the items' `window` is the test's number for them. */
typedef struct Fake {
    VvAvatar avatar; /* first */
    bool recording;  /* off while the scheduler measures */
    bool gated;      /* each step says that it began and waits to be let go */
    sem_t entered, go;
    int status; /* of the next steps */
    long sleep_us;
    int steps;
    int size[ROOM]; /* of each step */
    uint64_t order[ROOM];
    int items;
    int states;
} Fake;

struct VvAvatarState {
    int unused;
};

static VvAvatarState *fake_create(VvAvatar *avatar, uint64_t seed) {
    (void)seed;
    Fake *fake = (Fake *)avatar;
    if (fake->states < 0)
        return NULL;
    fake->states++;
    return calloc(1, sizeof(VvAvatarState));
}

static void fake_destroy(VvAvatar *avatar, VvAvatarState **state) {
    ((Fake *)avatar)->states--;
    free(*state);
    *state = NULL;
}

static int fake_step(VvAvatar *avatar, VvAvatarItem *items[], int count) {
    Fake *fake = (Fake *)avatar;
    if (fake->sleep_us) {
        const struct timespec pause = {.tv_nsec = fake->sleep_us * count * 1000};
        nanosleep(&pause, NULL);
    }
    if (!fake->recording)
        return fake->status;
    fake->size[fake->steps++] = count;
    for (int i = 0; i < count; i++)
        fake->order[fake->items++] = items[i]->window;
    if (fake->gated) {
        sem_post(&fake->entered);
        sem_wait(&fake->go);
    }
    return fake->status;
}

static void fake_init(Fake *fake) {
    memset(fake, 0, sizeof *fake);
    fake->avatar.info = (VvAvatarInfo){.name = "fake", .width = 64, .height = 64, .max_batch = MAX_BATCH};
    fake->avatar.create = fake_create;
    fake->avatar.destroy = fake_destroy;
    fake->avatar.step = fake_step;
    sem_init(&fake->entered, 0, 0);
    sem_init(&fake->go, 0, 0);
}

/* A test's windows and the scheduler under it. */
typedef struct Bench {
    Fake fake;
    VvScheduler *scheduler;
    VvTime base;
    VvWindow windows[16];
    int answered[16];
    sem_t done;
} Bench;

static Bench bench;

static void on_done(void *ctx, VvWindow *window) {
    (*(int *)ctx)++;
    assert_null(window->next);
    sem_post(&bench.done);
}

static void open_bench(bool gated) {
    fake_init(&bench.fake);
    sem_init(&bench.done, 0, 0);
    memset(bench.answered, 0, sizeof bench.answered);
    memset(bench.windows, 0, sizeof bench.windows);
    assert_int_equal(vv_scheduler_open(&bench.fake.avatar, &bench.scheduler), 0);
    assert_int_equal(bench.fake.states, 0); /* what it measured with is gone */
    bench.fake.recording = true;
    bench.fake.gated = gated;
    bench.base = vv_now();
}

static void close_bench(void) {
    vv_scheduler_close(&bench.scheduler);
    assert_null(bench.scheduler);
    sem_destroy(&bench.done);
    sem_destroy(&bench.fake.entered);
    sem_destroy(&bench.fake.go);
}

/* Submits window `number`, due `after` the test's beginning. */
static void submit(int number, VvTime after, bool urgent) {
    VvWindow *window = &bench.windows[number];
    window->item.window = (uint64_t)number;
    window->deadline = bench.base + after;
    window->urgent = urgent;
    window->done = on_done;
    window->ctx = &bench.answered[number];
    vv_scheduler_submit(bench.scheduler, window);
}

static void wait_for(sem_t *semaphore, int count) {
    while (count > 0)
        if (!sem_wait(semaphore))
            count--;
}

static void assert_order(const int *expected, int count) {
    assert_int_equal(bench.fake.items, count);
    for (int i = 0; i < count; i++)
        assert_int_equal(bench.fake.order[i], expected[i]);
}

/* Occupies the device with window 0, so that what is submitted next is decided on at once when it is let go. */
static void occupy(void) {
    submit(0, 0, true);
    wait_for(&bench.fake.entered, 1);
}

static void let_go(int steps) {
    for (int i = 0; i < steps; i++)
        sem_post(&bench.fake.go);
}

static void earliest_deadline_goes_first(void **state) {
    (void)state;
    open_bench(true);
    occupy();
    static const int after[] = {0, 500, 100, 600, 300, 200, 400};
    for (int i = 1; i <= 6; i++)
        submit(i, -10 * VV_SECOND + after[i], false);
    let_go(3);
    wait_for(&bench.done, 7);
    close_bench();
    assert_order((const int[]){0, 2, 5, 4, 6, 1, 3}, 7);
    assert_int_equal(bench.fake.steps, 3);
    assert_int_equal(bench.fake.size[0], 1);
    assert_int_equal(bench.fake.size[1], 3);
    assert_int_equal(bench.fake.size[2], 3);
}

static void equal_deadlines_go_as_they_came(void **state) {
    (void)state;
    open_bench(true);
    occupy();
    for (int i = 1; i <= 6; i++)
        submit(i, -VV_SECOND, false);
    let_go(3);
    wait_for(&bench.done, 7);
    close_bench();
    assert_order((const int[]){0, 1, 2, 3, 4, 5, 6}, 7);
}

static void urgent_goes_before_all_others(void **state) {
    (void)state;
    open_bench(true);
    occupy();
    for (int i = 1; i <= 3; i++)
        submit(i, -10 * VV_SECOND + i, false);
    submit(4, -VV_SECOND, true);
    submit(5, -2 * VV_SECOND, true);
    let_go(3);
    wait_for(&bench.done, 6);
    close_bench();
    assert_order((const int[]){0, 5, 4, 1, 2, 3}, 6);
}

static void urgent_does_not_wait_for_its_deadline(void **state) {
    (void)state;
    open_bench(false);
    submit(1, HOUR, true);
    wait_for(&bench.done, 1);
    close_bench();
    assert_order((const int[]){1}, 1);
}

static void others_join_an_urgent_one_that_has_time(void **state) {
    (void)state;
    open_bench(true);
    submit(1, HOUR, false);
    submit(2, HOUR / 2, true);
    wait_for(&bench.fake.entered, 1);
    let_go(1);
    wait_for(&bench.done, 2);
    close_bench();
    assert_order((const int[]){2, 1}, 2);
    assert_int_equal(bench.fake.steps, 1);
}

static void others_far_from_due_do_not_slow_down_a_late_one(void **state) {
    (void)state;
    open_bench(true);
    occupy();
    submit(1, HOUR, false);
    submit(2, -1, true);
    let_go(1);
    wait_for(&bench.fake.entered, 1);
    let_go(2);
    wait_for(&bench.done, 2);
    assert_int_equal(bench.answered[2], 1);
    assert_int_equal(bench.answered[1], 0); /* in an hour */
    close_bench();
    assert_int_equal(bench.answered[1], 1);
    assert_order((const int[]){0, 2, 1}, 3);
    assert_int_equal(bench.fake.steps, 3);
}

/* Each of them alone would wait for an hour. */
static void full_batch_starts_at_once(void **state) {
    (void)state;
    open_bench(false);
    for (int i = 1; i <= MAX_BATCH; i++)
        submit(i, HOUR, false);
    wait_for(&bench.done, MAX_BATCH);
    close_bench();
    assert_int_equal(bench.fake.steps, 1);
    assert_int_equal(bench.fake.size[0], MAX_BATCH);
    for (int i = 1; i <= MAX_BATCH; i++)
        assert_int_equal(bench.windows[i].batch, MAX_BATCH);
}

static void windows_gather_while_a_step_runs(void **state) {
    (void)state;
    open_bench(true);
    occupy();
    submit(1, -1, false);
    submit(2, -1, false);
    let_go(1);
    wait_for(&bench.fake.entered, 1);
    assert_int_equal(bench.fake.size[1], 2);
    submit(3, -1, false); /* too late for this one */
    let_go(2);
    wait_for(&bench.done, 4);
    close_bench();
    assert_int_equal(bench.fake.steps, 3);
    assert_order((const int[]){0, 1, 2, 3}, 4);
}

static void a_lone_window_waits_for_its_time_and_no_longer(void **state) {
    (void)state;
    open_bench(false);
    const VvTime lead = vv_scheduler_lead(bench.scheduler);
    bench.base = vv_now();
    submit(1, lead + 20 * VV_MS, false);
    wait_for(&bench.done, 1); /* its timer alone brings this */
    close_bench();
    const VvWindow *window = &bench.windows[1];
    assert_true(window->started >= window->deadline - lead);
    assert_true(window->submitted <= window->started);
    assert_true(window->started <= window->finished);
    assert_int_equal(window->batch, 1);
    assert_int_equal(window->status, 0);
}

/* Windows that had to wait for the step before them make others be submitted earlier. */
static void waiting_for_the_device_is_learned(void **state) {
    (void)state;
    open_bench(true);
    occupy();
    for (int i = 1; i <= 2; i++) {
        const struct timespec pause = {.tv_nsec = 5000000};
        submit(i, 0, true);
        nanosleep(&pause, NULL);
        let_go(1);
        wait_for(&bench.fake.entered, 1);
    }
    let_go(1);
    wait_for(&bench.done, 3);
    assert_true(vv_scheduler_lead(bench.scheduler) >= 5000);
    close_bench();
}

static void failure_is_told_to_all(void **state) {
    (void)state;
    open_bench(true);
    occupy();
    for (int i = 1; i <= 3; i++)
        submit(i, -VV_SECOND, false);
    let_go(1);
    wait_for(&bench.done, 1);
    wait_for(&bench.fake.entered, 1);
    bench.fake.status = -EIO; /* of the step that is waiting: read after it is let go */
    let_go(1);
    wait_for(&bench.done, 3);
    submit(4, -1, true);
    wait_for(&bench.fake.entered, 1);
    bench.fake.status = 0;
    let_go(1);
    wait_for(&bench.done, 1);
    close_bench();
    assert_int_equal(bench.windows[0].status, 0);
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(bench.windows[i].status, -EIO);
        assert_int_equal(bench.windows[i].batch, 3);
        assert_int_equal(bench.answered[i], 1);
    }
    assert_int_equal(bench.windows[4].status, 0);
}

static void close_runs_the_rest(void **state) {
    (void)state;
    open_bench(false);
    for (int i = 1; i < MAX_BATCH; i++)
        submit(i, HOUR * i, false);
    close_bench();
    assert_int_equal(bench.fake.items, MAX_BATCH - 1);
    for (int i = 1; i < MAX_BATCH; i++)
        assert_int_equal(bench.answered[i], 1);
    vv_scheduler_close(&bench.scheduler); /* nothing there: fine */
}

static void windows_are_counted(void **state) {
    (void)state;
    const uint64_t windows = vv_counter(VV_COUNTER_WINDOWS);
    const uint64_t late = vv_counter(VV_COUNTER_WINDOWS_LATE);
    const uint64_t batches = vv_counter(VV_COUNTER_BATCHES);
    open_bench(true);
    occupy(); /* late: due when the test began */
    submit(1, -1, false);
    submit(2, HOUR, true);
    let_go(3);
    wait_for(&bench.done, 3);
    close_bench();
    assert_int_equal(vv_counter(VV_COUNTER_WINDOWS) - windows, 3);
    assert_int_equal(vv_counter(VV_COUNTER_WINDOWS_LATE) - late, 2);
    assert_int_equal(vv_counter(VV_COUNTER_BATCHES) - batches, (uint64_t)bench.fake.steps);
}

/* ---- many threads ----------------------------------------------------------------------------------------------- */

enum { THREADS = 4, EACH = 1000 };

typedef struct Crowd {
    VvScheduler *scheduler;
    VvWindow windows[EACH];
    atomic_int answers[EACH];
    int thread;
} Crowd;

static void on_crowd_done(void *ctx, VvWindow *window) {
    (void)window;
    atomic_fetch_add((atomic_int *)ctx, 1);
}

static void *submit_crowd(void *arg) {
    Crowd *crowd = arg;
    uint32_t random = 17 + (uint32_t)crowd->thread;
    for (int i = 0; i < EACH; i++) {
        random = random * 1664525u + 1013904223u;
        VvWindow *window = &crowd->windows[i];
        window->item.window = (uint64_t)(crowd->thread * EACH + i);
        window->deadline = vv_now() + (VvTime)(random >> 8) % (2 * VV_MS);
        window->urgent = random >> 28 == 0;
        window->done = on_crowd_done;
        window->ctx = &crowd->answers[i];
        vv_scheduler_submit(crowd->scheduler, window);
    }
    return NULL;
}

static void every_window_is_answered_once(void **state) {
    (void)state;
    open_bench(false);
    Crowd *crowds = calloc(THREADS, sizeof *crowds);
    pthread_t threads[THREADS];
    assert_non_null(crowds);
    for (int t = 0; t < THREADS; t++) {
        crowds[t].scheduler = bench.scheduler;
        crowds[t].thread = t;
        assert_int_equal(pthread_create(&threads[t], NULL, submit_crowd, &crowds[t]), 0);
    }
    for (int t = 0; t < THREADS; t++)
        pthread_join(threads[t], NULL);
    close_bench();
    static bool seen[THREADS * EACH];
    memset(seen, 0, sizeof seen);
    assert_int_equal(bench.fake.items, THREADS * EACH);
    for (int i = 0; i < THREADS * EACH; i++) {
        assert_false(seen[bench.fake.order[i]]);
        seen[bench.fake.order[i]] = true;
        assert_int_equal(atomic_load(&crowds[i / EACH].answers[i % EACH]), 1);
    }
    for (int i = 0; i < bench.fake.steps; i++)
        assert_in_range(bench.fake.size[i], 1, MAX_BATCH);
    free(crowds);
}

static void submit_again(void *ctx, VvWindow *window) {
    int *left = ctx;
    if (--*left > 0) {
        window->deadline = vv_now();
        vv_scheduler_submit(bench.scheduler, window);
    } else {
        sem_post(&bench.done);
    }
}

static void window_may_be_submitted_again_from_done(void **state) {
    (void)state;
    open_bench(false);
    int left = 500;
    VvWindow window = {.deadline = vv_now(), .done = submit_again, .ctx = &left};
    vv_scheduler_submit(bench.scheduler, &window);
    wait_for(&bench.done, 1);
    close_bench();
    assert_int_equal(left, 0);
    assert_int_equal(bench.fake.items, 500);
}

/* ---- measuring -------------------------------------------------------------------------------------------------- */

/* A step that sleeps can be slower than it says, never faster; so there are bounds that always hold. */
static void steps_are_measured(void **state) {
    (void)state;
    Fake *fake = &bench.fake;
    VvScheduler *scheduler;
    fake_init(fake);
    fake->sleep_us = 2000;
    assert_int_equal(vv_scheduler_open(&fake->avatar, &scheduler), 0);
    for (int batch = 1; batch <= MAX_BATCH; batch++)
        assert_true(vv_scheduler_step_time(scheduler, batch) >= 2000.0 * batch);
    assert_true(vv_scheduler_lead(scheduler) >= 2000);
    assert_in_range(vv_scheduler_capacity(scheduler), 0, 80);
    vv_scheduler_close(&scheduler);
}

static void opening_tells_what_failed(void **state) {
    (void)state;
    Fake *fake = &bench.fake;
    VvScheduler *scheduler;
    fake_init(fake);
    fake->status = -ENODEV;
    assert_int_equal(vv_scheduler_open(&fake->avatar, &scheduler), -ENODEV);
    assert_null(scheduler);
    assert_int_equal(fake->states, 0);
    fake_init(fake);
    fake->states = -1; /* creates none */
    assert_int_equal(vv_scheduler_open(&fake->avatar, &scheduler), -ENOMEM);
    assert_null(scheduler);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(earliest_deadline_goes_first),
        cmocka_unit_test(equal_deadlines_go_as_they_came),
        cmocka_unit_test(urgent_goes_before_all_others),
        cmocka_unit_test(urgent_does_not_wait_for_its_deadline),
        cmocka_unit_test(others_join_an_urgent_one_that_has_time),
        cmocka_unit_test(others_far_from_due_do_not_slow_down_a_late_one),
        cmocka_unit_test(full_batch_starts_at_once),
        cmocka_unit_test(windows_gather_while_a_step_runs),
        cmocka_unit_test(a_lone_window_waits_for_its_time_and_no_longer),
        cmocka_unit_test(waiting_for_the_device_is_learned),
        cmocka_unit_test(failure_is_told_to_all),
        cmocka_unit_test(close_runs_the_rest),
        cmocka_unit_test(windows_are_counted),
        cmocka_unit_test(every_window_is_answered_once),
        cmocka_unit_test(window_may_be_submitted_again_from_done),
        cmocka_unit_test(steps_are_measured),
        cmocka_unit_test(opening_tells_what_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

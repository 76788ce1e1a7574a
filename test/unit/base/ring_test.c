/* The record ring: order, laps, fullness, odd sizes, and two threads. */
#include "server/base/ring.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool push(VvRing *ring, uint32_t tag, const void *data, size_t size) {
    const VvSpan span = {data, size};
    return vv_ring_push(ring, tag, &span, 1);
}

static void test_order_and_tags(void **state) {
    (void)state;
    VvRing *ring = vv_ring_new(1024);
    VvRecord record;
    assert_false(vv_ring_peek(ring, &record));
    for (uint32_t i = 0; i < 10; i++)
        assert_true(push(ring, i, &i, sizeof i));
    for (uint32_t i = 0; i < 10; i++) {
        uint32_t value;
        assert_true(vv_ring_peek(ring, &record));
        assert_int_equal(record.tag, i);
        assert_int_equal(record.size, sizeof value);
        assert_int_equal((uintptr_t)record.data % 8, 0);
        memcpy(&value, record.data, sizeof value);
        assert_int_equal(value, i);
        vv_ring_pop(ring);
    }
    assert_false(vv_ring_peek(ring, &record));
    assert_int_equal(vv_ring_used(ring), 0);
    vv_ring_free(&ring);
    assert_null(ring);
    vv_ring_free(&ring);
}

static void test_spans_are_joined(void **state) {
    (void)state;
    VvRing *ring = vv_ring_new(256);
    const VvSpan spans[] = {{"one", 3}, {NULL, 0}, {"two", 3}, {"!", 1}};
    VvRecord record;
    assert_true(vv_ring_push(ring, 5, spans, 4));
    assert_true(vv_ring_peek(ring, &record));
    assert_int_equal(record.size, 7);
    assert_memory_equal(record.data, "onetwo!", 7);
    vv_ring_free(&ring);
}

static void test_full(void **state) {
    (void)state;
    VvRing *ring = vv_ring_new(100); /* becomes 128 */
    uint8_t data[128] = {0};
    VvRecord record;
    assert_int_equal(vv_ring_capacity(ring), 128);
    assert_int_equal(vv_ring_room(ring), 120);
    assert_false(push(ring, 1, data, 121));
    assert_true(push(ring, 1, data, 120));
    assert_int_equal(vv_ring_room(ring), 0);
    assert_false(push(ring, 2, data, 0));
    assert_true(vv_ring_peek(ring, &record));
    assert_int_equal(record.tag, 1);
    vv_ring_pop(ring);
    assert_true(push(ring, 3, data, 0)); /* an empty record is one all the same */
    assert_true(vv_ring_peek(ring, &record));
    assert_int_equal(record.tag, 3);
    assert_int_equal(record.size, 0);
    vv_ring_free(&ring);
}

/* Whatever room says fits, fits; one byte more than the ring can ever take does not. */
static void test_room_and_laps(void **state) {
    (void)state;
    VvRing *ring = vv_ring_new(512);
    uint8_t data[512];
    uint32_t pushed = 0, popped = 0;
    srand(11);
    for (int round = 0; round < 20000; round++) {
        const size_t room = vv_ring_room(ring), size = (size_t)rand() % 200;
        memset(data, (int)(pushed & 0xff), sizeof data);
        const size_t used = vv_ring_used(ring);
        if (push(ring, pushed, data, size)) {
            pushed++;
            assert_true(vv_ring_used(ring) >= used + vv_ring_cost(size));
        } else {
            assert_true(size > room || room == 0); /* of no room at all, not even an empty record */
            assert_int_equal(vv_ring_used(ring), used);
        }
        VvRecord record;
        while (rand() % 2 && vv_ring_peek(ring, &record)) {
            assert_int_equal(record.tag, popped);
            for (uint32_t i = 0; i < record.size; i++)
                assert_int_equal(record.data[i], popped & 0xff);
            popped++;
            vv_ring_pop(ring);
        }
    }
    assert_true(pushed > 1000 && pushed - popped < 64);
    vv_ring_free(&ring);
}

/* ---- two threads --------------------------------------------------------------------------------------- */

enum { RECORDS = 200000 };

static uint32_t next_random(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* A record's size and bytes follow from its number, so that the reader can check each of them. */
static size_t make(uint32_t number, uint8_t *data) {
    uint32_t state = number * 2654435761u + 1;
    const size_t size = next_random(&state) % 300;
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)next_random(&state);
    return size;
}

static void *produce(void *ring) {
    uint8_t data[300];
    for (uint32_t i = 0; i < RECORDS; i++) {
        const size_t size = make(i, data);
        while (!push(ring, i, data, size))
            sched_yield();
    }
    return NULL;
}

static void test_two_threads(void **state) {
    (void)state;
    VvRing *ring = vv_ring_new(4096);
    pthread_t producer;
    uint8_t expected[300];
    assert_int_equal(pthread_create(&producer, NULL, produce, ring), 0);
    for (uint32_t i = 0; i < RECORDS;) {
        VvRecord record;
        if (!vv_ring_peek(ring, &record)) {
            sched_yield();
            continue;
        }
        const size_t size = make(i, expected);
        assert_int_equal(record.tag, i);
        assert_int_equal(record.size, size);
        assert_memory_equal(record.data, expected, size);
        vv_ring_pop(ring);
        i++;
    }
    pthread_join(producer, NULL);
    assert_int_equal(vv_ring_used(ring), 0);
    vv_ring_free(&ring);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_tags), cmocka_unit_test(test_spans_are_joined), cmocka_unit_test(test_full),
        cmocka_unit_test(test_room_and_laps),  cmocka_unit_test(test_two_threads),
    };
    return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}

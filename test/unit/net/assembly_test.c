/* Messages from pieces. */
#include "server/net/assembly.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_one_piece_is_not_copied(void **state) {
    (void)state;
    VvAssembly assembly = {0};
    const uint8_t *data;
    size_t size;
    assert_int_equal(vv_assembly_add(&assembly, "abc", 3, true, true, 3, &data, &size), VV_ASSEMBLY_WHOLE);
    assert_int_equal(size, 3);
    assert_null(assembly.bytes);
    vv_assembly_free(&assembly);
}

static void test_pieces_of_random_sizes(void **state) {
    (void)state;
    enum { LENGTH = 100000 };
    uint8_t *message = malloc(LENGTH);
    VvAssembly assembly = {0};
    srand(7);
    for (int i = 0; i < LENGTH; i++)
        message[i] = (uint8_t)rand();
    for (int round = 0; round < 20; round++) {
        const uint8_t *data;
        size_t size = 0;
        for (size_t at = 0; at < LENGTH;) {
            size_t piece = (size_t)rand() % 9000;
            if (piece > LENGTH - at)
                piece = LENGTH - at;
            const bool last = at + piece == LENGTH;
            assert_int_equal(vv_assembly_add(&assembly, message + at, piece, at == 0, last, LENGTH, &data, &size),
                             last ? VV_ASSEMBLY_WHOLE : VV_ASSEMBLY_MORE);
            at += piece;
        }
        assert_int_equal(size, LENGTH);
        assert_memory_equal(data, message, LENGTH);
    }
    free(message);
    vv_assembly_free(&assembly);
}

static void test_the_limit(void **state) {
    (void)state;
    VvAssembly assembly = {0};
    const uint8_t *data;
    size_t size;
    assert_int_equal(vv_assembly_add(&assembly, "abcd", 4, true, true, 3, &data, &size), VV_ASSEMBLY_TOO_LARGE);
    assert_int_equal(vv_assembly_add(&assembly, "ab", 2, true, false, 3, &data, &size), VV_ASSEMBLY_MORE);
    assert_int_equal(vv_assembly_add(&assembly, "cd", 2, false, false, 3, &data, &size), VV_ASSEMBLY_TOO_LARGE);
    assert_int_equal(vv_assembly_add(&assembly, "ab", 2, true, false, 3, &data, &size), VV_ASSEMBLY_MORE);
    assert_int_equal(vv_assembly_add(&assembly, "c", 1, false, true, 3, &data, &size), VV_ASSEMBLY_WHOLE);
    assert_memory_equal(data, "abc", 3);
    vv_assembly_free(&assembly);
}

static void test_holding(void **state) {
    (void)state;
    VvAssembly assembly = {0};
    const uint8_t *data;
    size_t size;
    char piece[] = "held";
    vv_assembly_add(&assembly, piece, 4, true, true, 100, &data, &size);
    assert_true(vv_assembly_hold(&assembly, data, size));
    memset(piece, 'x', 4);
    assert_int_equal(assembly.size, 4);
    assert_memory_equal(assembly.bytes, "held", 4);
    vv_assembly_add(&assembly, "in ", 3, true, false, 100, &data, &size);
    vv_assembly_add(&assembly, "pieces", 6, false, true, 100, &data, &size);
    assert_true(vv_assembly_hold(&assembly, data, size));
    assert_memory_equal(assembly.bytes, "in pieces", 9);
    vv_assembly_free(&assembly);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_piece_is_not_copied),
        cmocka_unit_test(test_pieces_of_random_sizes),
        cmocka_unit_test(test_the_limit),
        cmocka_unit_test(test_holding),
    };
    return cmocka_run_group_tests_name("assembly", tests, NULL, NULL);
}

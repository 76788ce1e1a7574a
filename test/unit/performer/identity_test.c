/* People from seeds and from settings files. */
#include "weights/performer/faces.h"
#include "weights/performer/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static VvAsset *asset;

static int open_asset(void **state) {
    (void)state;
    char error[256];
    asset = vv_asset_open(VV_HEAD_ASSET, error, sizeof error);
    return asset ? 0 : -1;
}

static int close_asset(void **state) {
    (void)state;
    vv_asset_close(&asset);
    return 0;
}

static void test_a_seed_is_a_person(void **state) {
    (void)state;
    static VvIdentity a, b, c;
    VvScene x, y;
    vv_identity_random(&a, asset, 17);
    vv_identity_random(&b, asset, 17);
    vv_identity_random(&c, asset, 18);
    assert_memory_equal(&a, &b, sizeof a);
    assert_memory_not_equal(&a, &c, sizeof a);
    vv_scene_random(&x, 17);
    vv_scene_random(&y, 17);
    assert_memory_equal(&x, &y, sizeof x);
}

static void test_people_vary(void **state) {
    (void)state;
    int feminine = 0, old = 0, styles[VV_HAIR_STYLES] = {0}, garments[VV_GARMENTS] = {0};
    static VvIdentity id;
    for (uint64_t seed = 0; seed < 300; seed++) {
        vv_identity_random(&id, asset, seed);
        assert_true(id.age >= 18 && id.age <= 80);
        assert_true(id.brow.y <= id.skin.y * 0.23f); /* brows are darker than the skin */
        feminine += id.feminine;
        old += id.age > 55;
        styles[id.style]++;
        garments[id.garment]++;
    }
    assert_in_range(feminine, 110, 190);
    assert_in_range(old, 10, 90);
    for (int i = 0; i < VV_HAIR_STYLES; i++)
        assert_true(styles[i] > 0);
    for (int i = 0; i < VV_GARMENTS; i++)
        assert_true(garments[i] > 30);
}

/* Loads text as a settings file. */
static bool load(const char *text, VvIdentity *id, VvScene *scene, char error[256]) {
    char path[] = "/tmp/visavis-person-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    error[0] = '\0';
    const bool loaded = vv_identity_load(id, scene, asset, path, error, 256);
    if (!loaded)
        assert_non_null(strstr(error, path));
    unlink(path);
    return loaded;
}

static void test_settings_override_the_seed(void **state) {
    (void)state;
    static VvIdentity id, plain;
    VvScene scene;
    char error[256];
    vv_identity_random(&plain, asset, 9);
    assert_true(load("# a person\nseed = 9\nname = Ada\nage = 61\nhair-style = wavy\ngarment = jacket\niris = #336699\n"
                     "background = plain\n",
                     &id, &scene, error));
    assert_string_equal(id.name, "Ada");
    assert_true(id.age == 61);
    assert_int_equal(id.style, VV_HAIR_WAVY);
    assert_int_equal(id.garment, VV_GARMENT_JACKET);
    assert_int_equal(scene.background, VV_BACKGROUND_PLAIN);
    assert_true(fabsf(id.iris.z - srgb(0x336699).z) < 1e-6f);
    assert_memory_equal(id.shape, plain.shape, sizeof plain.shape);
}

static void test_bad_settings_are_named(void **state) {
    (void)state;
    static const char *const bad[][2] = {
        {"", "no seed"},
        {"name = Ada\n", "line 1: comes before the seed"},
        {"seed = x\n", "bad seed"},
        {"seed = 1\nseed = 2\n", "line 2"},
        {"seed = 1\n\nhair-colour = red\n", "line 3: has a key that there is not"},
        {"seed = 1\nage = 17\n", "a value that its key does not take"},
        {"seed = 1\nage = nan\n", "a value that its key does not take"},
        {"seed = 1\nage = 30 years\n", "a value that its key does not take"},
        {"seed = 1\nhair-style = mohawk\n", "a value that its key does not take"},
        {"seed = 1\nskin = #12345\n", "a value that its key does not take"},
        {"seed = 1\nskin = #12345g\n", "a value that its key does not take"},
        {"seed = 1\nfeminine = maybe\n", "a value that its key does not take"},
        {"seed = 1\nname = a name that is far too long for anybody to have\n", "a value that its key does not take"},
        {"seed = 1\nnothing\n", "is not key = value"},
    };
    static VvIdentity id;
    VvScene scene;
    char error[256];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(load(bad[i][0], &id, &scene, error));
        assert_non_null(strstr(error, bad[i][1]));
    }
    assert_false(vv_identity_load(&id, &scene, asset, "/nowhere/ada.conf", error, sizeof error));
    assert_non_null(strstr(error, "/nowhere/ada.conf"));
}

static void test_shipped_characters(void **state) {
    (void)state;
    static const char *const files[] = {"amara", "bruno", "chiyo", "daniel", "elif", "femi", "greta", "hugo"};
    static VvIdentity people[sizeof files / sizeof *files];
    VvScene scene;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[128], error[256] = "";
        snprintf(path, sizeof path, VV_CHARACTERS "/%s.conf", files[i]);
        assert_true(vv_identity_load(&people[i], &scene, asset, path, error, sizeof error));
        assert_true(people[i].name[0] != '\0');
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(people[i].name, people[k].name);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_seed_is_a_person),         cmocka_unit_test(test_people_vary),
        cmocka_unit_test(test_settings_override_the_seed), cmocka_unit_test(test_bad_settings_are_named),
        cmocka_unit_test(test_shipped_characters),
    };
    return cmocka_run_group_tests(tests, open_asset, close_asset);
}

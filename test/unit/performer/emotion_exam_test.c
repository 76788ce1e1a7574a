/* The exam's folder: whole, the truth in order, the same for the same seed; and errors that name what is wrong. */
#include "weights/performer/commands.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

enum { PICTURE = 256 * 256 * 3, TALK = 10, EMOTIONS = 7 };

static char folder[] = "/tmp/vv-exam-XXXXXX", nobody[64];

static int make_folder(void **state) {
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(nobody, sizeof nobody, "%s/nobody", folder); /* no characters: the exam is of random people alone */
    return mkdir(nobody, 0777);
}

static void empty(const char *path) {
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char file[512];
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.' && unlink(file) != 0)
            empty(file);
    }
    if (dir)
        closedir(dir);
    rmdir(path);
}

static int remove_folder(void **state) {
    (void)state;
    empty(folder);
    return 0;
}

/* Runs the command with its messages in a file of the folder; returns its exit status. */
static int exam(const char *out, const char *characters, const char *count, char *said, size_t room) {
    char log[128], folder_word[256], characters_word[256], identities[64];
    snprintf(log, sizeof log, "%s/log", folder);
    snprintf(folder_word, sizeof folder_word, "%s", out);
    snprintf(characters_word, sizeof characters_word, "%s", characters);
    snprintf(identities, sizeof identities, "--identities=%s", count);
    char name[] = "exam", seed[] = "--seed=5", where[] = "--characters";
    char *arguments[] = {name, folder_word, identities, seed, where, characters_word, NULL};
    fflush(stderr);
    const int keep = dup(2);
    assert_non_null(freopen(log, "w", stderr));
    const int status = vv_performer_exam(6, arguments);
    fflush(stderr);
    dup2(keep, 2);
    close(keep);
    FILE *file = fopen(log, "r");
    assert_non_null(file);
    said[fread(said, 1, room - 1, file)] = '\0';
    fclose(file);
    return status;
}

static json_t *read_exam(const char *out) {
    char path[256];
    snprintf(path, sizeof path, "%s/exam.json", out);
    return json_load_file(path, 0, NULL);
}

static void check_frames(const json_t *frames) {
    double gap = -1;
    size_t talk = 0, full = 0, half = 0, i;
    json_t *frame;
    json_array_foreach(frames, i, frame) {
        const char *meant = json_string_value(json_object_get(frame, "meant"));
        const double strength = json_real_value(json_object_get(frame, "strength"));
        assert_int_equal(json_array_size(json_object_get(frame, "landmarks")), 68);
        assert_int_equal(json_array_size(json_object_get(frame, "expression")), 53);
        if (strcmp(meant, "talk") == 0) {
            const double now = json_real_value(json_object_get(frame, "lip_gap"));
            assert_true(++talk == 1 || now > gap - 0.15); /* from closed to open, up to what this person's lips add */
            gap = now;
        } else {
            full += strength == 1 && strcmp(meant, "neutral") != 0;
            half += strength == 0.5;
        }
    }
    assert_true(gap > 0.2);
    assert_int_equal(talk, TALK);
    assert_int_equal(full, EMOTIONS);
    assert_int_equal(half, EMOTIONS);
}

static void writes_pictures_with_truth(void **state) {
    (void)state;
    char said[4096], one[128], two[128], path[256];
    snprintf(one, sizeof one, "%s/one", folder);
    snprintf(two, sizeof two, "%s/two", folder);
    assert_int_equal(exam(one, nobody, "1", said, sizeof said), 0);
    assert_non_null(strstr(said, "1 of 1 people"));
    json_t *whole = read_exam(one);
    const json_t *people = json_object_get(whole, "people"), *person = json_array_get(people, 0);
    assert_int_equal(json_array_size(people), 1);
    const json_t *frames = json_object_get(person, "frames");
    check_frames(frames);
    struct stat file;
    snprintf(path, sizeof path, "%s/%s", one, json_string_value(json_object_get(person, "pictures")));
    assert_int_equal(stat(path, &file), 0);
    assert_int_equal(file.st_size / PICTURE, json_array_size(frames));
    assert_int_equal(exam(two, nobody, "1", said, sizeof said), 0);
    json_t *again = read_exam(two);
    assert_true(json_equal(whole, again));
    json_decref(whole);
    json_decref(again);
}

static void says_what_is_wrong(void **state) {
    (void)state;
    char said[4096], path[256];
    snprintf(path, sizeof path, "%s/no/such", folder);
    assert_int_equal(exam(path, nobody, "1", said, sizeof said), 1);
    assert_non_null(strstr(said, path));
    assert_non_null(strstr(said, "No such file"));
    char out[128];
    snprintf(out, sizeof out, "%s/three", folder);
    assert_int_equal(exam(out, path, "1", said, sizeof said), 1);
    assert_non_null(strstr(said, path));
    assert_null(read_exam(out)); /* what is not whole does not say that it is */
    assert_int_equal(exam(out, nobody, "many", said, sizeof said), 2);
    assert_non_null(strstr(said, "usage: visavis-performer exam"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_pictures_with_truth),
        cmocka_unit_test(says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

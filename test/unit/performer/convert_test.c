/* The converter: obj files written from the shipped head, as upstream lays them out, must give the shipped asset back,
 * to the byte; and what is not the head model must be told by file and line. */
#include "weights/performer/commands.h"
#include "weights/performer/convert.h"
#include "weights/performer/expression.h"
#include "weights/performer/faces.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define NEUTRAL "generic_neutral_mesh"

static VvAsset *head;
static char folder[] = "/tmp/visavis-convert-XXXXXX";

static const char *path_of(const char *name) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static FILE *open_obj(const char *name) {
    char file[64];
    snprintf(file, sizeof file, "%s.obj", name);
    FILE *out = fopen(path_of(file), "w");
    assert_non_null(out);
    return out;
}

/* Nine digits give a float back exactly. */
static void write_vertices(FILE *out, const VvVec *vertex) {
    for (int i = 0; i < head->vertices; i++)
        fprintf(out, "v %.9g %.9g %.9g\n", (double)vertex[i].x, (double)vertex[i].y, (double)vertex[i].z);
}

static void write_corner(FILE *out, int triangle, int corner) {
    fprintf(out, " %d/%d/1", head->corner[triangle][corner] + 1, head->texel[triangle][corner] + 1);
}

/* Whether triangle t and the next are the fan of a quad. */
static bool are_quad(int t) {
    const uint16_t *a = head->corner[t], *b = head->corner[t + 1];
    const uint16_t *ta = head->texel[t], *tb = head->texel[t + 1];
    return a[0] == b[0] && a[2] == b[1] && ta[0] == tb[0] && ta[2] == tb[1];
}

/* Triangles back into as many quads as upstream has in each part. */
static void write_faces(FILE *out) {
    int first = 0, faces = 0;
    for (int part = 0; part < VV_PART_ASSET_COUNT; part++) {
        int last = first;
        while (last < head->triangles && head->part[last] == part)
            last++;
        int quads = last - first - (vv_upstream_part_end[part] - faces);
        assert_true(quads >= 0);
        for (int t = first; t < last; t++, faces++) {
            fputc('f', out);
            for (int k = 0; k < 3; k++)
                write_corner(out, t, k);
            if (quads > 0 && t + 1 < last && are_quad(t)) {
                write_corner(out, ++t, 2);
                quads--;
            }
            fputc('\n', out);
        }
        assert_int_equal(quads, 0);
        first = last;
    }
}

static void write_neutral(void) {
    FILE *out = open_obj(NEUTRAL);
    write_vertices(out, head->base);
    for (int i = 0; i < head->texcoords; i++)
        fprintf(out, "vt %.9g %.9g\n", (double)head->uv[i][0], (double)head->uv[i][1]);
    write_faces(out);
    assert_int_equal(fclose(out), 0);
}

static void write_expression(int e, const VvVec *vertex) {
    FILE *out = open_obj(vv_expression_name(e));
    write_vertices(out, vertex);
    assert_int_equal(fclose(out), 0);
}

static int convert(const char *out) {
    char name[] = "convert", to[256];
    snprintf(to, sizeof to, "%s", out);
    char *argv[] = {name, folder, to, NULL};
    return vv_performer_convert(3, argv);
}

/* Converts with standard error in a file; returns what it said. */
static const char *complaint(int *status) {
    static char said[1024];
    char log[256];
    snprintf(log, sizeof log, "%s", path_of("log"));
    fflush(stderr);
    const int keep = dup(2);
    assert_non_null(freopen(log, "w", stderr));
    *status = convert(path_of("bad.vvh"));
    fflush(stderr);
    assert_true(dup2(keep, 2) == 2);
    close(keep);
    FILE *in = fopen(log, "r");
    assert_non_null(in);
    said[fread(said, 1, sizeof said - 1, in)] = '\0';
    fclose(in);
    assert_int_not_equal(access(path_of("bad.vvh"), F_OK), 0); /* nothing half-made is left */
    return said;
}

static void assert_complains(const char *of) {
    int status = 0;
    const char *said = complaint(&status);
    assert_int_equal(status, 1);
    if (!strstr(said, of))
        fail_msg("\"%s\" does not tell of \"%s\"", said, of);
}

static void test_gives_the_head_back(void **state) {
    (void)state;
    VvVec *vertex = calloc((size_t)head->vertices, sizeof *vertex);
    assert_non_null(vertex);
    write_neutral();
    for (int e = 0; e < VV_EXPRESSIONS; e++) {
        const VvExpressionShape *shape = &head->expression[e];
        memcpy(vertex, head->base, (size_t)head->vertices * sizeof *vertex);
        for (int i = 0; i < shape->count; i++)
            vertex[shape->vertex[i]] = add(vertex[shape->vertex[i]], shape->delta[i]);
        write_expression(e, vertex);
    }
    for (int s = 0; s < VV_SHAPES; s++) {
        char name[24];
        snprintf(name, sizeof name, "identity%03d", s);
        FILE *out = open_obj(name);
        for (int i = 0; i < head->vertices; i++) {
            const int16_t *d = head->shape + (s * head->vertices + i) * 3;
            vertex[i] = add(head->base[i], scale(vec(d[0], d[1], d[2]), VV_ASSET_STEP));
        }
        write_vertices(out, vertex);
        assert_int_equal(fclose(out), 0);
    }
    free(vertex);
    assert_int_equal(convert(path_of("head.vvh")), 0);

    FILE *made = fopen(path_of("head.vvh"), "rb"), *shipped = fopen(VV_HEAD_ASSET, "rb");
    assert_non_null(made);
    assert_non_null(shipped);
    int a, b;
    do {
        a = fgetc(made);
        b = fgetc(shipped);
        assert_int_equal(a, b);
    } while (a != EOF);
    fclose(made);
    fclose(shipped);
}

static void test_tells_what_is_wrong(void **state) {
    (void)state;
    unlink(path_of(NEUTRAL ".obj"));
    assert_complains(NEUTRAL ".obj: No such file");

    static const struct {
        const char *line, *complaint;
    } wrong[] = {
        {"v 1 2\n", "line 1:"},
        {"v 1 nan 2\n", "line 1:"},
        {"v 1 2 3\nvt 0\n", "line 2:"},
        {"v 1 2 3\nvt 0 0\nf 1/1/1 2/1/1 1/1/1\n", "line 3:"},
        {"v 1 2 3\nvt 0 0\nf 1/1/1 1/0/1 1/1/1\n", "line 3:"},
        {"v 1 2 3\nvt 0 0\nf 1 1 1\n", "line 3:"},
        {"v 1 2 3\nvt 0 0\nf 1/1/1 1/1/1\n", "line 3:"},
        {"v 1 2 3\nvt 0 0\nf 1/1/1 1/1/1 1/1/1\n", "ends after 1 vertices and 1 faces"},
        {"", "ends after 0 vertices and 0 faces"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        FILE *out = open_obj(NEUTRAL);
        fputs(wrong[i].line, out);
        fclose(out);
        assert_complains(wrong[i].complaint);
    }

    write_neutral();
    FILE *out = open_obj(vv_expression_name(0));
    fputs("v 1 2 3\n", out);
    fclose(out);
    assert_complains("has 1 vertices, not 26719");

    VvVec *vertex = calloc((size_t)head->vertices, sizeof *vertex);
    assert_non_null(vertex);
    memcpy(vertex, head->base, (size_t)head->vertices * sizeof *vertex);
    vertex[77].y += 40; /* more than 32767 steps */
    write_expression(0, vertex);
    free(vertex);
    assert_complains("moves vertex 77 too far");
}

static void test_tells_of_an_unwritable_file(void **state) {
    (void)state;
    char name[] = "convert", nowhere[] = "/nowhere/head.vvh";
    char *argv[] = {name, folder, nowhere, NULL};
    assert_int_equal(vv_performer_convert(3, argv), 1);
    assert_int_equal(vv_performer_convert(2, argv), 2);
}

static int setup(void **state) {
    (void)state;
    char error[256];
    head = vv_asset_open(VV_HEAD_ASSET, error, sizeof error);
    return head && mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", folder);
    vv_asset_close(&head);
    return system(command);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gives_the_head_back),
        cmocka_unit_test(test_tells_what_is_wrong),
        cmocka_unit_test(test_tells_of_an_unwritable_file),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

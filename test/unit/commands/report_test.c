/* The benchmark's report: it comes back from its file as it was, two of them compare, and checks hold or not. */
#include "server/commands/bench/report.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/visavis-report-test-XXXXXX";

static json_t *make_report(double factor, int frames) {
    VvSamples samples = {0};
    VvBenchCounts counts = {.frames = (uint64_t)frames, .errors = 2};
    for (int i = 0; i <= 100; i++)
        vv_samples_add(&samples, i * factor);
    json_t *report = json_object(), *measures = json_object();
    json_object_set_new(measures, "speech_to_frame_ms", vv_report_samples(&samples));
    json_object_set_new(report, "measures", measures);
    json_object_set_new(report, "counts", vv_report_counts(&counts));
    json_object_set_new(report, "daemon", json_pack("{s:f}", "cpu_cores", 0.5 * factor));
    json_object_set_new(report, "version", json_string("<1 & 2>"));
    vv_samples_free(&samples);
    return report;
}

static char *read_all(FILE *file) {
    static char text[1 << 20];
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    return text;
}

static void comes_back_as_it_was(void **state) {
    (void)state;
    char why[200];
    double value;
    json_t *report = make_report(1, 250);
    assert_int_equal(vv_report_save(report, path), 0);
    json_t *again = vv_report_load(path, why, sizeof why);
    assert_non_null(again);
    assert_true(json_equal(report, again));
    assert_true(vv_report_number(again, "measures.speech_to_frame_ms.p99", &value));
    assert_true(value > 98.999 && value < 99.001);
    assert_true(vv_report_number(again, "speech_to_frame_ms.p50", &value)); /* the short way */
    assert_true(value > 49.999 && value < 50.001);
    assert_true(vv_report_number(again, "counts.frames", &value));
    assert_true(value > 249 && value < 251);
    assert_false(vv_report_number(again, "counts.nothing", &value));
    assert_false(vv_report_number(again, "counts", &value));
    assert_false(vv_report_number(again, "", &value));
    assert_false(vv_report_number(again, "..", &value));
    json_decref(report);
    json_decref(again);
}

static void refuses_what_is_no_report(void **state) {
    (void)state;
    char why[200] = "";
    assert_null(vv_report_load("/nonexistent/report.json", why, sizeof why));
    assert_non_null(strstr(why, "/nonexistent/report.json"));
    FILE *file = fopen(path, "w");
    fputs("{\"hello\": 1}", file);
    fclose(file);
    assert_null(vv_report_load(path, why, sizeof why));
    assert_non_null(strstr(why, "not a report"));
    file = fopen(path, "w");
    fputs("{\"measures\": {", file);
    fclose(file);
    assert_null(vv_report_load(path, why, sizeof why));
}

/* The line of a comparison that begins with `name`: its three numbers. */
static void compared(const char *text, const char *name, double *old, double *new, double *ratio) {
    const char *line = strstr(text, name);
    assert_non_null(line);
    assert_int_equal(sscanf(line + strlen(name), "%lf %lf %lf", old, new, ratio), 3);
}

static void compares_what_both_have(void **state) {
    (void)state;
    json_t *old = make_report(1, 200), *new = make_report(2, 100);
    double was, is, ratio;
    json_object_set_new(json_object_get(new, "daemon"), "only_here", json_real(7));
    FILE *out = tmpfile();
    int both = vv_report_compare(old, new, out);
    const char *text = read_all(out);
    assert_true(both > 20);
    compared(text, "speech_to_frame_ms.p50 ", &was, &is, &ratio);
    assert_true(was > 49.99 && was < 50.01 && is > 99.99 && is < 100.01 && ratio > 1.999 && ratio < 2.001);
    compared(text, "counts.frames ", &was, &is, &ratio);
    assert_true(was > 199.9 && is < 100.1 && ratio > 0.499 && ratio < 0.501);
    compared(text, "daemon.cpu_cores ", &was, &is, &ratio);
    assert_true(ratio > 1.999 && ratio < 2.001);
    assert_null(strstr(text, "only_here"));
    json_decref(old);
    json_decref(new);
}

static int check(const char *text, const char **printed) {
    json_t *report = make_report(1, 250); /* p50 50, p99 99, errors 2 */
    FILE *out = tmpfile();
    int result = vv_slo_check(report, text, out);
    const char *all = read_all(out);
    if (printed)
        *printed = all;
    json_decref(report);
    return result;
}

static void checks_hold_or_not(void **state) {
    (void)state;
    const char *printed;
    assert_int_equal(check("speech_to_frame_ms.p50<=50", NULL), 0);
    assert_int_equal(check("speech_to_frame_ms.p50<50", NULL), 1);
    assert_int_equal(check("measures.speech_to_frame_ms.p99 <= 150 , counts.errors <= 0", &printed), 1);
    assert_non_null(strstr(printed, "holds     measures.speech_to_frame_ms.p99 <= 150: 99"));
    assert_non_null(strstr(printed, "VIOLATED  counts.errors <= 0: 2"));
    assert_int_equal(check("counts.errors==2,counts.frames>=250,counts.frames>249", NULL), 0);
    assert_int_equal(check("counts.errors==3,counts.frames>250,counts.frames>=251", NULL), 3);
    assert_int_equal(check("counts.nothing<=5", &printed), 1); /* what is not measured does not hold */
    assert_non_null(strstr(printed, "not measured"));
}

static void refuses_what_is_no_check(void **state) {
    (void)state;
    assert_int_equal(check("counts.errors<=", NULL), -EINVAL);
    assert_int_equal(check("<=3", NULL), -EINVAL);
    assert_int_equal(check("counts.errors=<3", NULL), -EINVAL);
    assert_int_equal(check("counts.errors<<3", NULL), -EINVAL);
    assert_int_equal(check("counts.errors<=3ms", NULL), -EINVAL);
    assert_int_equal(check("counts.errors<=3,what", NULL), -EINVAL);
    assert_int_equal(check("/nonexistent/slo", NULL), -EINVAL);
}

static void reads_checks_from_a_file(void **state) {
    (void)state;
    FILE *file = fopen(path, "w");
    fputs(
        "# what must hold, a < b\n\nspeech_to_frame_ms.p50 <= 150  # the median\ncounts.errors <= 1, counts.frames >= "
        "1\n",
        file);
    fclose(file);
    assert_int_equal(check(path, NULL), 1);
}

static void the_page_is_whole_and_safe(void **state) {
    (void)state;
    json_t *report = make_report(1, 250), *seconds = json_array();
    for (int i = 0; i < 5; i++)
        json_array_append_new(seconds, json_pack("{s:i, s:f, s:f, s:f}", "t", i, "interval_p50", 40.0, "interval_p99",
                                                 41.0, "interval_max", 42.0));
    json_object_set_new(report, "timeline", json_pack("{s:o, s:{}}", "seconds", seconds, "points"));
    assert_int_equal(vv_report_html(report, path), 0);
    const char *text = read_all(fopen(path, "r"));
    assert_non_null(strstr(text, "</html>"));
    assert_non_null(strstr(text, "<svg"));
    assert_non_null(strstr(text, "&lt;1 &amp; 2>")); /* the version that looks like markup */
    assert_null(strstr(text, "<1 & 2>"));
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "http://")); /* it needs nothing but itself */
    assert_null(strstr(text, "https://"));
    json_decref(report);
}

static void inspections_add_up(void **state) {
    (void)state;
    VvInspection two[2] = {{.pictures = 10, .agree = 9, .differ = 1, .spoken = 5}, {.pictures = 20, .agree = 20}};
    double value;
    two[0].lips[VV_INSPECT_STEPS + 4] = two[1].lips[VV_INSPECT_STEPS + 4] = 0.9;
    two[0].lips[VV_INSPECT_STEPS] = 0.4;
    json_t *report = json_pack("{s:o}", "inspection", vv_report_inspection(two, 2));
    assert_true(vv_report_number(report, "inspection.agree", &value) && value > 28.9 && value < 29.1);
    assert_true(vv_report_number(report, "inspection.lips_skew_ms", &value) && value > 9.9 && value < 10.1);
    assert_true(vv_report_number(report, "inspection.lips_r", &value) && value > 0.199 && value < 0.201);
    json_decref(report);
}

static int make_file(void **state) {
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state) {
    (void)state;
    return unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_as_it_was),       cmocka_unit_test(refuses_what_is_no_report),
        cmocka_unit_test(compares_what_both_have),    cmocka_unit_test(checks_hold_or_not),
        cmocka_unit_test(refuses_what_is_no_check),   cmocka_unit_test(reads_checks_from_a_file),
        cmocka_unit_test(the_page_is_whole_and_safe), cmocka_unit_test(inspections_add_up),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}

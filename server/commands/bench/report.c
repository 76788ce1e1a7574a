/* Building, saving, loading and reading the report. */
#include "server/commands/bench/report.h"

#include "protocol/vv_protocol.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static const char *const keys[] = {
#define VV_MEASURE(NAME, key, doc) key,
#include "server/commands/bench/measures.def"
#undef VV_MEASURE
};

static const char *const words[] = {
#define VV_MEASURE(NAME, key, doc) doc,
#include "server/commands/bench/measures.def"
#undef VV_MEASURE
};

const char *vv_measure_key(VvMeasure measure) {
    return keys[measure];
}

const char *vv_measure_words(VvMeasure measure) {
    return words[measure];
}

/* Three decimals are a microsecond; more would only be noise in the file. */
static json_t *rounded(double value) {
    return json_real(round(value * 1000.0) / 1000.0);
}

json_t *vv_report_samples(VvSamples *samples) {
    static const struct {
        const char *name;
        double q;
    } points[] = {{"min", 0}, {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1}};
    json_t *object = json_object(), *cdf = json_array();
    vv_samples_sort(samples);
    json_object_set_new(object, "count", json_integer((json_int_t)samples->count));
    if (samples->lost)
        json_object_set_new(object, "lost", json_integer((json_int_t)samples->lost));
    json_object_set_new(object, "mean", rounded(vv_samples_mean(samples)));
    for (size_t i = 0; i < sizeof points / sizeof *points; i++)
        json_object_set_new(object, points[i].name, rounded(vv_samples_quantile(samples, points[i].q)));
    for (int i = 0; i <= 100; i++)
        json_array_append_new(cdf, rounded(vv_samples_quantile(samples, i / 100.0)));
    json_object_set_new(object, "cdf", cdf);
    return object;
}

json_t *vv_report_counts(const VvBenchCounts *c) {
    const struct {
        const char *name;
        uint64_t value;
    } all[] = {{"joined", c->joined},
               {"refused", c->refused},
               {"lost", c->lost},
               {"utterances", c->utterances},
               {"finished", c->finished},
               {"interrupts", c->interrupts},
               {"stuck", c->stuck},
               {"late_speech", c->late_speech},
               {"errors", c->errors},
               {"frames", c->frames},
               {"audio_packets", c->audio},
               {"missing_frames", c->missing_frames},
               {"missing_audio", c->missing_audio},
               {"pts_jumps", c->pts_jumps},
               {"unpaired", c->unpaired},
               {"windows", c->windows},
               {"windows_late", c->windows_late},
               {"starved", c->starved},
               {"dropped_video", c->dropped_video},
               {"dropped_camera", c->dropped_camera},
               {"lost_audio", c->lost_audio},
               {"bytes_in", c->bytes_in},
               {"bytes_out", c->bytes_out}};
    json_t *object = json_object();
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        json_object_set_new(object, all[i].name, json_integer((json_int_t)all[i].value));
    return object;
}

json_t *vv_report_inspection(const VvInspection *inspections, int count) {
    VvInspection sum = {0};
    json_t *lips = json_array();
    for (int i = 0; i < count; i++) {
        sum.pictures += inspections[i].pictures;
        sum.broken += inspections[i].broken;
        sum.unreadable += inspections[i].unreadable;
        sum.agree += inspections[i].agree;
        sum.differ += inspections[i].differ;
        sum.spoken += inspections[i].spoken;
        for (int s = 0; s <= 2 * VV_INSPECT_STEPS; s++)
            sum.lips[s] += inspections[i].lips[s] / count;
    }
    int best = VV_INSPECT_STEPS;
    for (int s = 0; s <= 2 * VV_INSPECT_STEPS; s++) {
        best = sum.lips[s] > sum.lips[best] ? s : best;
        json_array_append_new(lips, rounded(sum.lips[s]));
    }
    return json_pack("{s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "sessions", count, "pictures",
                     (json_int_t)sum.pictures, "broken", (json_int_t)sum.broken, "unreadable",
                     (json_int_t)sum.unreadable, "agree", (json_int_t)sum.agree, "differ", (json_int_t)sum.differ,
                     "spoken_frames", (json_int_t)sum.spoken, "lips_r", rounded(sum.lips[VV_INSPECT_STEPS]),
                     "lips_skew_ms", rounded((best - VV_INSPECT_STEPS) * VV_INSPECT_STEP_MS), "lips_by_shift", lips);
}

int vv_report_save(const json_t *report, const char *path) {
    FILE *out = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");
    if (!out)
        return -errno;
    int result = json_dumpf(report, out, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) || fputc('\n', out) == EOF ? -EIO : 0;
    if (out == stdout)
        fflush(out);
    else if (fclose(out) && !result)
        result = -errno;
    return result;
}

json_t *vv_report_load(const char *path, char *why, size_t size) {
    json_error_t error;
    json_t *report = json_load_file(path, 0, &error);
    if (!report) {
        snprintf(why, size, "%s: %s", path, error.text);
    } else if (!json_is_object(json_object_get(report, "measures"))) {
        snprintf(why, size, "%s: not a report of visavis bench", path);
        json_decref(report);
        report = NULL;
    }
    return report;
}

static bool number_at(const json_t *node, const char *path, double *value) {
    char key[128];
    while (node && *path) {
        size_t length = strcspn(path, ".");
        if (!length || length >= sizeof key)
            return false;
        memcpy(key, path, length);
        key[length] = 0;
        node = json_object_get(node, key);
        path += length + (path[length] == '.');
    }
    if (!json_is_number(node))
        return false;
    *value = json_number_value(node);
    return true;
}

bool vv_report_number(const json_t *report, const char *path, double *value) {
    return number_at(report, path, value) || number_at(json_object_get(report, "measures"), path, value);
}

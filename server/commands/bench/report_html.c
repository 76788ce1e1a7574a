/* The report as a page that needs nothing but itself. */
#include "server/commands/bench/plot.h"
#include "server/commands/bench/report.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char head[] =
    "<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n<meta name=viewport content='width=device-width'>\n"
    "<title>visavis bench</title>\n<style>\n"
    ":root{color-scheme:light dark;--bg:#fbfbfa;--card:#fff;--ink:#1c2126;--soft:#667078;--line:#e3e6e8;"
    "--s0:#2563a8;--s1:#c2571a;--s2:#3f8f5b;--s3:#8a4fa3;--good:#2c7a4b;--bad:#b3261e}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#14171a;--card:#1c2024;--ink:#e6e9eb;--soft:#98a2aa;--line:#2c3237;"
    "--s0:#6ea8e6;--s1:#e8935c;--s2:#74c08f;--s3:#c08fd6;--good:#74c08f;--bad:#f28b82}}\n"
    "*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);"
    "font:15px/1.5 system-ui,sans-serif}main{max-width:1200px;margin:0 auto;padding:32px 20px 64px}\n"
    "h1{font-size:26px;font-weight:650;margin:0}h2{font-size:17px;font-weight:600;margin:40px 0 12px}"
    ".sub{color:var(--soft);margin:4px 0 24px}\n"
    ".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(230px,1fr));gap:12px}"
    ".tile,figure,.wide{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px;"
    "margin:0}.tile b{display:block;font-size:26px;font-weight:650;font-variant-numeric:tabular-nums}"
    ".tile span{color:var(--soft);font-size:13px}\n"
    ".plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:12px}"
    "figcaption{font-weight:600;margin-bottom:6px}svg{width:100%;height:auto;display:block}\n"
    ".grid{stroke:var(--line)}.axis{stroke:var(--soft)}.tick,.label{fill:var(--soft);font-size:11.5px}"
    ".line{fill:none;stroke-width:2;stroke-linejoin:round}.line.s0{stroke:var(--s0)}.line.s1{stroke:var(--s1)}"
    ".line.s2{stroke:var(--s2)}.line.s3{stroke:var(--s3)}.dot{opacity:.75}.dot.s0{fill:var(--s0)}"
    ".dot.s1{fill:var(--s1)}.dot.s2{fill:var(--s2)}.dot.s3{fill:var(--s3)}\n"
    ".legend{margin:6px 0 0;color:var(--soft);font-size:13px}.legend span{margin-right:16px}.legend i{display:"
    "inline-block;width:10px;height:10px;border-radius:3px;margin-right:6px}i.s0{background:var(--s0)}"
    "i.s1{background:var(--s1)}i.s2{background:var(--s2)}i.s3{background:var(--s3)}\n"
    ".wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}"
    "th{font-weight:500;color:var(--soft);text-align:right;padding:4px 10px;white-space:nowrap}"
    "td{text-align:right;padding:4px 10px;border-top:1px solid var(--line);white-space:nowrap}"
    "th:first-child,td:first-child{text-align:left;padding-left:0;white-space:normal}"
    ".counts{columns:3 220px;font-variant-numeric:tabular-nums}.counts div{display:flex;"
    "justify-content:space-between;break-inside:avoid;padding:2px 0}.counts span{color:var(--soft)}"
    ".alarm b{color:var(--bad)}.fine b{color:var(--good)}\n"
    "</style>\n<main>\n";

static double number_in(const json_t *object, const char *key) {
    return json_number_value(json_object_get(object, key));
}

/* Text of the report's into the page: nothing in it is markup. */
static void put_text(const char *text, FILE *out) {
    for (; text && *text; text++) {
        const char *safe = *text == '<' ? "&lt;" : *text == '&' ? "&amp;" : *text == '"' ? "&quot;" : NULL;
        if (safe)
            fputs(safe, out);
        else
            fputc(*text, out);
    }
}

static void put_head(const json_t *report, FILE *out) {
    const json_t *setup = json_object_get(report, "setup"), *machine = json_object_get(report, "machine");
    fputs(head, out);
    fprintf(out, "<h1>visavis bench</h1>\n<p class=sub>%.0f sessions for %.0f s, speech ", number_in(setup, "sessions"),
            number_in(setup, "seconds"));
    put_text(json_string_value(json_object_get(setup, "pace")), out);
    fputs(", ", out);
    put_text(json_string_value(json_object_get(setup, "size")), out);
    fputs(" &middot; ", out);
    put_text(json_string_value(json_object_get(machine, "cpu")), out);
    fprintf(out, ", %.0f cores &middot; visavis ", number_in(machine, "cores"));
    put_text(json_string_value(json_object_get(report, "version")), out);
    fputs(" &middot; ", out);
    put_text(json_string_value(json_object_get(report, "date")), out);
    fputs("</p>\n", out);
}

static void put_tile(const json_t *report, const char *path, const char *words, const char *unit, FILE *out) {
    double value;
    if (vv_report_number(report, path, &value))
        fprintf(out, "<div class=tile><b>%.*f%s</b><span>%s</span></div>\n", fabs(value) < 10 ? 2 : 0, value, unit,
                words);
}

static void put_tiles(const json_t *report, FILE *out) {
    double differ = 0, agree = 0;
    fputs("<div class=tiles>\n", out);
    put_tile(report, "speech_to_frame_ms.p50", "speech in to first frame, median", " ms", out);
    put_tile(report, "speech_to_frame_ms.p99", "the same, 99 of 100", " ms", out);
    put_tile(report, "interrupt_to_silence_ms.max", "interrupt to silence, longest", " ms", out);
    put_tile(report, "frame_interval_ms.p99", "between two frames, 99 of 100", " ms", out);
    put_tile(report, "av_skew_ms.p99", "audio against video, 99 of 100", " ms", out);
    put_tile(report, "daemon.cpu_percent_per_session", "of a core per session", " %", out);
    put_tile(report, "daemon.rss_mib_per_session", "memory per session", " MiB", out);
    if (vv_report_number(report, "inspection.agree", &agree) && agree > 0) {
        vv_report_number(report, "inspection.differ", &differ);
        fprintf(out, "<div class='tile %s'><b>%.0f / %.0f</b><span>pictures that show their pts</span></div>\n",
                differ > 0 ? "alarm" : "fine", agree, agree + differ);
    }
    fputs("</div>\n", out);
}

/* ---- plots ----------------------------------------------------------------------------------------------- */

/* A measure's distribution: what share of it took at most so long. */
static void put_cdf(const json_t *measures, const char *key, FILE *out) {
    const json_t *measure = json_object_get(measures, key), *cdf = json_object_get(measure, "cdf");
    double x[102], y[102];
    size_t count = json_array_size(cdf);
    if (number_in(measure, "count") < 2 || count > 101)
        return;
    for (size_t i = 0; i < count; i++) {
        x[i] = json_number_value(json_array_get(cdf, i));
        y[i] = 100.0 * (double)i / (double)(count - 1);
    }
    char title[160], label[96];
    double p99 = number_in(measure, "p99"), max = number_in(measure, "max");
    const char *words = key;
    for (int i = 0; i < VV_MEASURE_COUNT; i++)
        words = strcmp(vv_measure_key((VvMeasure)i), key) == 0 ? vv_measure_words((VvMeasure)i) : words;
    snprintf(title, sizeof title, "%s", words);
    snprintf(label, sizeof label, "ms (p50 %.1f, p99 %.1f, max %.1f)", number_in(measure, "p50"), p99, max);
    VvPlot plot = {.title = title,
                   .x_label = label,
                   .y_label = "% at most this long",
                   .series = {{"share", x, y, count, false}},
                   .series_count = 1,
                   .x_max = max > 0 && max < 2 * p99 ? max : p99 * 1.5,
                   .y_max = 100};
    vv_plot_svg(&plot, out);
}

/* Members of the timeline's points against time. */
static void put_timeline(const json_t *points, const char *title, const char *unit, const char *const *keys,
                         const char *const *names, int series, FILE *out) {
    size_t count = json_array_size(points);
    double *values = calloc(count ? count * (size_t)(series + 1) : 1, sizeof *values);
    if (!values || count < 2) {
        free(values);
        return;
    }
    VvPlot plot = {.title = title, .x_label = "seconds", .y_label = unit, .series_count = series};
    for (size_t i = 0; i < count; i++)
        values[i] = number_in(json_array_get(points, i), "t");
    for (int s = 0; s < series; s++) {
        double *y = values + count * (size_t)(s + 1);
        for (size_t i = 0; i < count; i++) {
            const json_t *value = json_object_get(json_array_get(points, i), keys[s]);
            y[i] = json_is_number(value) ? json_number_value(value) : NAN;
        }
        plot.series[s] = (VvSeries){names[s], values, y, count, false};
    }
    vv_plot_svg(&plot, out);
    free(values);
}

/* Single measurements against the time at which they were taken: arrays [t, ms]. */
static void put_dots(const json_t *points, const char *const *keys, const char *const *names, int series, FILE *out) {
    VvPlot plot = {.title = "every utterance and every interrupt", .x_label = "seconds", .y_label = "ms"};
    double *values[VV_PLOT_SERIES] = {0};
    for (int s = 0; s < series; s++) {
        const json_t *list = json_object_get(points, keys[s]);
        size_t count = json_array_size(list);
        values[s] = calloc(count ? 2 * count : 1, sizeof *values[s]);
        for (size_t i = 0; i < count && values[s]; i++) {
            values[s][i] = json_number_value(json_array_get(json_array_get(list, i), 0));
            values[s][count + i] = json_number_value(json_array_get(json_array_get(list, i), 1));
        }
        if (values[s] && count)
            plot.series[plot.series_count++] = (VvSeries){names[s], values[s], values[s] + count, count, true};
    }
    if (plot.series_count)
        vv_plot_svg(&plot, out);
    for (int s = 0; s < series; s++)
        free(values[s]);
}

static void put_plots(const json_t *report, FILE *out) {
    static const char *const cdfs[] = {"speech_to_frame_ms", "interrupt_to_silence_ms",
                                       "frame_interval_ms",  "frame_jitter_ms",
                                       "av_skew_ms",         "bench_lateness_ms"};
    static const char *const interval[] = {"interval_p50", "interval_p99", "interval_max"};
    static const char *const interval_names[] = {"p50", "p99", "max"};
    static const char *const cpu[] = {"daemon_cpu", "bench_cpu"}, *const cpu_names[] = {"daemon", "benchmark"};
    static const char *const rss[] = {"rss_mib"}, *const rss_names[] = {"resident"};
    static const char *const dots[] = {"speech_to_frame", "interrupt"};
    static const char *const dot_names[] = {"speech in to first frame out", "interrupt to silence"};
    const json_t *measures = json_object_get(report, "measures"), *timeline = json_object_get(report, "timeline");
    const json_t *points = json_object_get(timeline, "seconds");
    if (json_array_size(points) > 1) {
        fputs("<h2>Over time</h2>\n<div class=plots>\n", out);
        put_dots(json_object_get(timeline, "points"), dots, dot_names, 2, out);
        put_timeline(points, "between two frames, each second", "ms", interval, interval_names, 3, out);
        put_timeline(points, "processor", "cores", cpu, cpu_names, 2, out);
        put_timeline(points, "the daemon's memory", "MiB", rss, rss_names, 1, out);
        fputs("</div>\n<h2>Distributions</h2>\n<div class=plots>\n", out);
        for (size_t i = 0; i < sizeof cdfs / sizeof *cdfs; i++)
            put_cdf(measures, cdfs[i], out);
        fputs("</div>\n", out);
    }
}

/* ---- tables ---------------------------------------------------------------------------------------------- */

static void put_measures(const json_t *section, const char *title, FILE *out) {
    const char *key;
    json_t *measure;
    if (!json_object_size(section))
        return;
    fprintf(out, "<h2>%s</h2>\n<div class=wide><table><tr><th>milliseconds<th>p50<th>p90<th>p99<th>max<th>count\n",
            title);
    json_object_foreach((json_t *)(uintptr_t)section, key, measure) {
        const char *words = key;
        for (int i = 0; i < VV_MEASURE_COUNT; i++)
            words = strcmp(vv_measure_key((VvMeasure)i), key) == 0 ? vv_measure_words((VvMeasure)i) : words;
        if (number_in(measure, "count") <= 0)
            continue;
        fputs("<tr><td>", out);
        put_text(words, out);
        fprintf(out, "<td>%.2f<td>%.2f<td>%.2f<td>", number_in(measure, "p50"), number_in(measure, "p90"),
                number_in(measure, "p99"));
        if (json_object_get(measure, "max"))
            fprintf(out, "%.2f", number_in(measure, "max"));
        fprintf(out, "<td>%.0f\n", number_in(measure, "count"));
    }
    fputs("</table></div>\n", out);
}

static void put_isolation(const json_t *isolation, FILE *out) {
    const char *key;
    json_t *ratio;
    if (!json_object_size(isolation))
        return;
    fputs("<h2>The others, while some misbehave (", out);
    put_text(json_string_value(json_object_get(isolation, "bad")), out);
    fputs(")</h2>\n<div class=wide><table><tr><th>p99, milliseconds<th>without<th>with<th>ratio\n", out);
    json_object_foreach(json_object_get(isolation, "ratio_p99"), key, ratio) {
        fputs("<tr><td>", out);
        put_text(key, out);
        fprintf(out, "<td>%.2f<td>%.2f<td>%.3f\n",
                number_in(json_object_get(json_object_get(isolation, "without"), key), "p99"),
                number_in(json_object_get(json_object_get(isolation, "with"), key), "p99"), json_number_value(ratio));
    }
    fputs("</table></div>\n", out);
}

static void put_churn(const json_t *churn, FILE *out) {
    double x[64], y[64];
    const json_t *points = json_object_get(churn, "points");
    size_t count = json_array_size(points) < 64 ? json_array_size(points) : 64;
    if (count < 2)
        return;
    for (size_t i = 0; i < count; i++) {
        x[i] = number_in(json_array_get(points, i), "cycles");
        y[i] = number_in(json_array_get(points, i), "rss_mib");
    }
    VvPlot plot = {.title = "the daemon's memory while connections come and go",
                   .x_label = "connections made and closed",
                   .y_label = "MiB",
                   .series = {{"resident", x, y, count, false}},
                   .series_count = 1};
    fputs("<h2>Coming and going</h2>\n<div class=plots>\n", out);
    vv_plot_svg(&plot, out);
    fputs("</div>\n", out);
}

static void put_counts(const json_t *counts, FILE *out) {
    const char *key;
    json_t *value;
    fputs("<h2>Counts</h2>\n<div class='wide counts'>\n", out);
    json_object_foreach((json_t *)(uintptr_t)counts, key, value) {
        fputs("<div><span>", out);
        put_text(key, out);
        fprintf(out, "</span>%.0f</div>\n", json_number_value(value));
    }
    fputs("</div>\n", out);
}

int vv_report_html(const json_t *report, const char *path) {
    FILE *out = fopen(path, "w");
    if (!out)
        return -errno;
    put_head(report, out);
    put_tiles(report, out);
    put_plots(report, out);
    put_isolation(json_object_get(report, "isolation"), out);
    put_churn(json_object_get(report, "churn"), out);
    put_measures(json_object_get(report, "measures"), "At the clients", out);
    put_measures(json_object_get(report, "server"), "In the daemon", out);
    put_counts(json_object_get(report, "counts"), out);
    fputs("</main>\n</html>\n", out);
    int failed = ferror(out);
    if (fclose(out) || failed)
        return -EIO;
    return 0;
}

/* The report as a table for people, and two reports side by side. */
#include "server/commands/bench/report.h"

#include <inttypes.h>
#include <string.h>

static double number_in(const json_t *object, const char *key) {
    return json_number_value(json_object_get(object, key));
}

static const char *text_in(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "?";
}

/* What a measure's key means, for the client's and the daemon's figures alike. */
static const char *words_of(const char *key) {
    for (int i = 0; i < VV_MEASURE_COUNT; i++)
        if (strcmp(vv_measure_key((VvMeasure)i), key) == 0)
            return vv_measure_words((VvMeasure)i);
    return key;
}

static void print_section(const json_t *section, const char *title, FILE *out) {
    const char *key;
    json_t *measure;
    bool begun = false;
    json_object_foreach((json_t *)(uintptr_t)section, key, measure) {
        if (number_in(measure, "count") <= 0)
            continue;
        if (!begun)
            fprintf(out, "\n%-52s %9s %9s %9s %9s %8s\n", title, "p50", "p90", "p99", "max", "count");
        begun = true;
        fprintf(out, "  %-50s %9.2f %9.2f %9.2f ", words_of(key), number_in(measure, "p50"), number_in(measure, "p90"),
                number_in(measure, "p99"));
        if (json_object_get(measure, "max"))
            fprintf(out, "%9.2f ", number_in(measure, "max"));
        else
            fprintf(out, "%9s ", "");
        fprintf(out, "%8.0f\n", number_in(measure, "count"));
    }
}

static void print_setup(const json_t *report, FILE *out) {
    const json_t *setup = json_object_get(report, "setup"), *machine = json_object_get(report, "machine");
    if (json_object_get(report, "churn"))
        fprintf(out, "visavis bench %s: connections that come and go, at %s\n", text_in(report, "version"),
                text_in(setup, "url"));
    else
        fprintf(out, "visavis bench %s: %.0f sessions, %.0f s, speech %s, %s at %s\n", text_in(report, "version"),
                number_in(setup, "sessions"), number_in(setup, "seconds"), text_in(setup, "pace"),
                text_in(setup, "size"), text_in(setup, "url"));
    fprintf(out, "on %s, %.0f cores\n", text_in(machine, "cpu"), number_in(machine, "cores"));
}

static void print_use(const json_t *report, FILE *out) {
    const json_t *daemon = json_object_get(report, "daemon"), *bench = json_object_get(report, "bench");
    fprintf(out, "\n");
    if (json_object_get(daemon, "cpu_cores"))
        fprintf(out, "daemon     CPU %.2f cores, %.2f %% of a core per session\n", number_in(daemon, "cpu_cores"),
                number_in(daemon, "cpu_percent_per_session"));
    if (json_object_get(daemon, "rss_mib_full"))
        fprintf(out, "           memory %.1f MiB before, %.1f with all sessions (%.2f each), %.1f after\n",
                number_in(daemon, "rss_mib_before"), number_in(daemon, "rss_mib_full"),
                number_in(daemon, "rss_mib_per_session"), number_in(daemon, "rss_mib_after"));
    if (json_object_get(bench, "cpu_cores"))
        fprintf(out, "benchmark  CPU %.2f cores\n", number_in(bench, "cpu_cores"));
}

static void print_counts(const json_t *report, FILE *out) {
    const char *key;
    json_t *value;
    int column = 0;
    fprintf(out, "\n");
    json_object_foreach(json_object_get(report, "counts"), key, value) {
        fprintf(out, "%s%-22s %12.0f", column % 2 ? "    " : "  ", key, json_number_value(value));
        if (++column % 2 == 0)
            fprintf(out, "\n");
    }
    if (column % 2)
        fprintf(out, "\n");
    const char *complaint = json_string_value(json_object_get(report, "complaint"));
    if (complaint)
        fprintf(out, "  the last complaint: %s\n", complaint);
}

static void print_inspection(const json_t *seen, FILE *out) {
    if (number_in(seen, "sessions") <= 0)
        return;
    if (number_in(seen, "unreadable") > 0 && number_in(seen, "unreadable") >= number_in(seen, "pictures")) {
        fprintf(out, "\npictures decoded: %.0f, broken %.0f; only the test pattern's can be read\n",
                number_in(seen, "pictures"), number_in(seen, "broken"));
        return;
    }
    fprintf(out,
            "\npictures decoded and read: %.0f; number agrees with pts in %.0f, differs in %.0f, unreadable %.0f, "
            "broken %.0f\n",
            number_in(seen, "pictures"), number_in(seen, "agree"), number_in(seen, "differ"),
            number_in(seen, "unreadable"), number_in(seen, "broken"));
    if (number_in(seen, "spoken_frames") > 0)
        fprintf(out,
                "mouth against sound of the same moment: r = %.3f over %.0f frames; they agree best at a shift of %.1f "
                "ms\n",
                number_in(seen, "lips_r"), number_in(seen, "spoken_frames"), number_in(seen, "lips_skew_ms"));
}

static void print_isolation(const json_t *isolation, FILE *out) {
    const char *key;
    json_t *value;
    if (!json_object_size(isolation))
        return;
    const json_t *without = json_object_get(isolation, "without"), *with = json_object_get(isolation, "with");
    fprintf(out, "\nwith misbehaving clients (%s)                  p99 without      with     ratio\n",
            text_in(isolation, "bad"));
    json_object_foreach(json_object_get(isolation, "ratio_p99"), key, value)
        fprintf(out, "  %-50s %9.2f %9.2f %9.3f\n", words_of(key), number_in(json_object_get(without, key), "p99"),
                number_in(json_object_get(with, key), "p99"), json_number_value(value));
    json_object_foreach(json_object_get(isolation, "clients"), key, value)
        fprintf(out, "  %s: connected %.0f times, closed %.0f, told %.0f errors, sent %.1f MB\n", key,
                number_in(value, "connected"), number_in(value, "closed"), number_in(value, "errors"),
                number_in(value, "bytes_sent") / 1e6);
}

static void print_churn(const json_t *churn, FILE *out) {
    size_t i;
    json_t *point;
    if (!json_object_size(churn))
        return;
    fprintf(out, "\n%.0f connections came and went; memory of the daemon:\n", number_in(churn, "cycles"));
    json_array_foreach(json_object_get(churn, "points"), i, point)
        fprintf(out, "  after %8.0f   %8.2f MiB\n", number_in(point, "cycles"), number_in(point, "rss_mib"));
    fprintf(out, "  growth after the second point: %.2f MiB (%.1f bytes a cycle)\n", number_in(churn, "growth_mib"),
            number_in(churn, "growth_bytes_per_cycle"));
}

void vv_report_print(const json_t *report, FILE *out) {
    print_setup(report, out);
    print_section(json_object_get(report, "measures"), "at the clients, milliseconds", out);
    print_section(json_object_get(report, "server"), "in the daemon (/metrics), milliseconds", out);
    print_use(report, out);
    print_counts(report, out);
    print_inspection(json_object_get(report, "inspection"), out);
    print_isolation(json_object_get(report, "isolation"), out);
    print_churn(json_object_get(report, "churn"), out);
}

/* ---- two reports ----------------------------------------------------------------------------------------- */

static void print_pair(const char *name, double old, double new, FILE *out) {
    fprintf(out, "  %-52s %12.2f %12.2f ", name, old, new);
    if (old > 0 || old < 0)
        fprintf(out, "%9.3f\n", new / old);
    else
        fprintf(out, "%9s\n", new > 0 || new < 0 ? "-" : "1.000");
}

/* The numbers of two objects, nested ones with dotted names; arrays are left out. */
static int compare(const json_t *old, const json_t *new, const char *prefix, FILE *out) {
    const char *key;
    json_t *value;
    int both = 0;
    json_object_foreach((json_t *)(uintptr_t) new, key, value) {
        char name[256];
        if (strcmp(key, "min") == 0 || strcmp(key, "mean") == 0 || strcmp(key, "p999") == 0)
            continue; /* in the file for who wants them; the table is long enough */
        const json_t *was = json_object_get(old, key);
        snprintf(name, sizeof name, "%s%s%s", prefix, *prefix ? "." : "", key);
        if (json_is_object(value)) {
            both += compare(was, value, name, out);
        } else if (json_is_number(value) && json_is_number(was)) {
            print_pair(name, json_number_value(was), json_number_value(value), out);
            both++;
        }
    }
    return both;
}

int vv_report_compare(const json_t *old, const json_t *new, FILE *out) {
    static const char *const sections[] = {"setup", "measures", "server",     "daemon",
                                           "bench", "counts",   "inspection", "churn"};
    int both = 0;
    fprintf(out, "\n%-54s %12s %12s %9s\n", "compared", "old", "new", "new/old");
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        both += compare(json_object_get(old, sections[i]), json_object_get(new, sections[i]),
                        strcmp(sections[i], "measures") == 0 ? "" : sections[i], out);
    return both;
}

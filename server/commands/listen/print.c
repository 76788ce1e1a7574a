/* What was heard, as text: curves in the terminal, a list of phones, comma-separated values. */
#include "server/commands/listen/listen.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define ROWS 4  /* of text that the mouth's curve is high */
#define LANES 3 /* of phones' names: a name is at most as long as three steps with their neighbours in other lanes */
#define TICK (VV_LISTEN_STEPS / 2)
#define COLUMNS_MAX 250
#define MARGIN "        "

static const char *const eighths[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

/* The character for a bar of `height` rows where row `row` (0 is the lowest) cuts it. */
static const char *bar(float height, int row) {
    const float part = fmaxf(0, fminf(1, height - (float)row));
    return eighths[(int)lroundf(part * 8)];
}

/* ---- curves ------------------------------------------------------------------------------------------------------ */

static void print_curves(const VvHeard *h, int first, int count) {
    const float scale = vv_listen_scale(h);
    for (int row = ROWS - 1; row >= 0; row--) {
        if (row == ROWS - 1)
            printf("%4.1f cm ", (double)scale);
        else
            printf("%s", row ? MARGIN : "  mouth ");
        for (int i = 0; i < count; i++)
            fputs(bar(vv_listen_opening(h, first + i) / scale * ROWS, row), stdout);
        putchar('\n');
    }
    printf("  sound ");
    for (int i = 0; i < count; i++)
        fputs(bar(vv_listen_level(h, first + i), 0), stdout);
    putchar('\n');
}

/* Names stand where their phones begin, each in a lane that is free there; pauses have none. */
static void print_phones(const VvHeard *h, int first, int count) {
    char lanes[LANES][COLUMNS_MAX + 1];
    int free_from[LANES] = {0};
    memset(lanes, ' ', sizeof lanes);
    for (int step = first, end; step < first + count; step = end) {
        end = vv_listen_phone_end(h, step);
        const char *name = h->info->phone[h->phone[step]];
        const int at = step - first, length = (int)strlen(name);
        int lane = 0;
        while (lane < LANES && free_from[lane] > at)
            lane++;
        if (h->phone[step] == h->pause || lane == LANES)
            continue;
        for (int i = 0; i < length && at + i < count; i++)
            lanes[lane][at + i] = name[i];
        free_from[lane] = at + length + 1;
    }
    for (int lane = 0; lane < LANES; lane++) {
        int length = count;
        while (length > 0 && lanes[lane][length - 1] == ' ')
            length--;
        if (length > 0)
            printf(MARGIN "%.*s\n", length, lanes[lane]);
    }
}

static void print_times(int first, int count) {
    printf("%s", MARGIN);
    for (int i = 0; i < count; i += TICK) {
        char time[32];
        const int length = snprintf(time, sizeof time, "|%.1f s", (double)(first + i) / VV_LISTEN_STEPS);
        printf("%s%*s", time, i + TICK < count ? TICK - length : 0, "");
    }
    printf("\n\n");
}

void vv_listen_print(const VvHeard *h, int columns) {
    columns = columns > COLUMNS_MAX ? COLUMNS_MAX : columns;
    printf("%s: %s, %.2f s; %.1f M parameters, %s; heard in %.2f s (%.3f of its time)\n", h->file, h->kind, h->seconds,
           (double)h->info->parameters / 1e6, h->kernels->name, h->spent, h->spent / h->seconds);
    printf("the mouth opens up to %.2f cm\n\n", (double)vv_listen_widest(h));
    for (int first = 0; first < h->steps; first += columns) {
        const int count = columns < h->steps - first ? columns : h->steps - first;
        print_curves(h, first, count);
        print_phones(h, first, count);
        print_times(first, count);
    }
}

/* ---- lists ------------------------------------------------------------------------------------------------------- */

static double mean(const VvHeard *h, int first, int end, float (*value)(const VvHeard *, int)) {
    double sum = 0;
    for (int i = first; i < end; i++)
        sum += (double)value(h, i);
    return sum / (end - first);
}

static float chance(const VvHeard *h, int step) {
    return h->chance[step];
}

void vv_listen_list(const VvHeard *h) {
    printf("   from s      to s  phone  chance  opening cm\n");
    for (int step = 0, end; step < h->steps; step = end) {
        end = vv_listen_phone_end(h, step);
        printf("%9.2f %9.2f  %-5s  %6.2f  %10.2f\n", (double)step / VV_LISTEN_STEPS, (double)end / VV_LISTEN_STEPS,
               h->info->phone[h->phone[step]], mean(h, step, end, chance), mean(h, step, end, vv_listen_opening));
    }
}

bool vv_listen_write_csv(const VvHeard *h, const char *path) {
    const int mouths = h->info->mouths;
    FILE *out = fopen(path, "w");
    if (out) {
        fprintf(out, "seconds,phone,chance,loudness");
        for (int i = 0; i < mouths; i++)
            fprintf(out, ",%s", h->info->mouth[i]);
        fputc('\n', out);
        for (int step = 0; step < h->steps; step++) {
            fprintf(out, "%.2f,%s,%.4f,%.5f", (double)step / VV_LISTEN_STEPS, h->info->phone[h->phone[step]],
                    (double)h->chance[step], (double)h->loudness[step]);
            for (int i = 0; i < mouths; i++)
                fprintf(out, ",%.4f", (double)h->mouth[step * mouths + i]);
            fputc('\n', out);
        }
    }
    const bool written = out && !ferror(out);
    const bool closed = out && fclose(out) == 0;
    if (!written || !closed)
        fprintf(stderr, "visavis listen: %s: %s (unwritable)\n", path, strerror(errno));
    return written && closed;
}

/* What was heard, as a picture: strips of four seconds, each with the sound's loudness, the mouth's opening, the phones
 * and the time. Where lips must meet (p, b, m) the opening stands on red. */
#include "server/commands/listen/canvas.h"
#include "server/commands/listen/listen.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    STRIP = 4 * VV_LISTEN_STEPS, /* steps */
    STRIPS_MAX = 40,
    STEP = 5, /* pixels */
    LEFT = 56,
    WIDTH = LEFT + STRIP * STEP + 24,
    TITLE = 28,
    SOUND = 32, /* heights */
    MOUTH = 90,
    GAP = 4,
    LANE = VV_CANVAS_HEIGHT + 3,
    LANES = 3,
    TIMES = 16,
    HEIGHT = SOUND + GAP + MOUTH + GAP + LANES * LANE + TIMES + 14,
};

enum { INK = 0x303840, SOFT = 0x8a939c, GRID = 0xd8dde2, LOUD = 0x9aa7b4, LIPS = 0x1f5fa8, CLOSED = 0xf6c9c4 };

/* Whether the lips meet in it. */
static bool closes(const VvHeard *h, int step) {
    const char *name = h->info->phone[h->phone[step]];
    return strcmp(name, "p") == 0 || strcmp(name, "b") == 0 || strcmp(name, "m") == 0;
}

static void draw_sound(VvCanvas *canvas, const VvHeard *h, int first, int count, int top) {
    vv_canvas_text(canvas, 4, top + SOUND / 2 - VV_CANVAS_HEIGHT / 2, SOFT, "sound");
    for (int i = 0; i < count; i++) {
        const int height = (int)lroundf(vv_listen_level(h, first + i) * SOUND / 2) * 2;
        vv_canvas_fill(canvas, LEFT + i * STEP, top + (SOUND - height) / 2, STEP, height, LOUD);
    }
}

static void draw_mouth(VvCanvas *canvas, const VvHeard *h, int first, int count, int top) {
    const float scale = vv_listen_scale(h);
    for (int i = 0; i < count; i++)
        if (closes(h, first + i))
            vv_canvas_fill(canvas, LEFT + i * STEP, top, STEP, MOUTH, CLOSED);
    for (int half = 0; half <= (int)lroundf(scale * 2); half++) {
        char text[16];
        const int y = top + MOUTH - (int)lroundf((float)half / 2 / scale * MOUTH);
        vv_canvas_fill(canvas, LEFT, y, count * STEP, 1, GRID);
        snprintf(text, sizeof text, "%d cm", half / 2);
        if (half % 2 == 0)
            vv_canvas_text(canvas, 4, y - VV_CANVAS_HEIGHT / 2, SOFT, text);
    }
    for (int i = 0; i < count; i++) {
        const int height = (int)lroundf(vv_listen_opening(h, first + i) / scale * MOUTH);
        vv_canvas_fill(canvas, LEFT + i * STEP, top + MOUTH - height, STEP, height, LIPS);
    }
}

/* Names begin where their phones do, each in a lane that is free there. */
static void draw_phones(VvCanvas *canvas, const VvHeard *h, int first, int count, int top) {
    int free_from[LANES] = {0};
    for (int step = first, end; step < first + count; step = end) {
        end = vv_listen_phone_end(h, step);
        const char *name = h->info->phone[h->phone[step]];
        const int x = LEFT + (step - first) * STEP;
        int lane = 0;
        while (lane < LANES && free_from[lane] > x)
            lane++;
        if (h->phone[step] == h->pause || lane == LANES)
            continue;
        vv_canvas_fill(canvas, x, top - GAP, 1, GAP, SOFT);
        vv_canvas_text(canvas, x, top + lane * LANE, INK, name);
        free_from[lane] = x + ((int)strlen(name) + 1) * VV_CANVAS_LETTER;
    }
}

static void draw_times(VvCanvas *canvas, int first, int count, int top) {
    for (int i = 0; i < count; i += VV_LISTEN_STEPS / 2) {
        char text[32];
        snprintf(text, sizeof text, "%.1f s", (double)(first + i) / VV_LISTEN_STEPS);
        vv_canvas_fill(canvas, LEFT + i * STEP, top, 1, TIMES / 2, SOFT);
        vv_canvas_text(canvas, LEFT + i * STEP + 3, top + 3, SOFT, text);
    }
}

static void draw_strip(VvCanvas *canvas, const VvHeard *h, int first, int top) {
    const int count = h->steps - first < STRIP ? h->steps - first : STRIP;
    draw_sound(canvas, h, first, count, top);
    top += SOUND + GAP;
    draw_mouth(canvas, h, first, count, top);
    top += MOUTH + GAP;
    draw_phones(canvas, h, first, count, top);
    top += LANES * LANE;
    draw_times(canvas, first, count, top);
}

bool vv_listen_draw(const VvHeard *h, const char *path) {
    const int all = (h->steps + STRIP - 1) / STRIP, strips = all < STRIPS_MAX ? all : STRIPS_MAX;
    VvCanvas *canvas;
    VvMediaProblem problem;
    char title[256];
    VvMediaError error = vv_canvas_open(path, WIDTH, TITLE + strips * HEIGHT, &canvas, &problem);
    if (!error) {
        const char *name = strrchr(h->file, '/');
        snprintf(title, sizeof title, "%.120s  %.2f s  mouth up to %.2f cm", name ? name + 1 : h->file, h->seconds,
                 (double)vv_listen_widest(h));
        vv_canvas_text(canvas, 4, 6, INK, title);
        for (int i = 0; i < strips; i++)
            draw_strip(canvas, h, i * STRIP, TITLE + i * HEIGHT);
        error = vv_canvas_close(&canvas, &problem);
    }
    if (error)
        fprintf(stderr, "visavis listen: %s (%s)\n", problem.text, vv_media_error_name(problem.error));
    else if (strips < all)
        fprintf(stderr, "visavis listen: %s shows the first %d s\n", path, strips * STRIP / VV_LISTEN_STEPS);
    return !error;
}

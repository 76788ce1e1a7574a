/* SVG plots. Colours come from the page's style, so that they fit light and dark. */
#include "server/commands/bench/plot.h"

#include <math.h>

#define WIDTH 560
#define HEIGHT 280
#define LEFT 56
#define RIGHT 14
#define TOP 14
#define BOTTOM 42

double vv_plot_step(double span, int wanted) {
    if (!(span > 0) || wanted < 1)
        return 1;
    double raw = span / wanted, power = pow(10, floor(log10(raw))), share = raw / power;
    return power * (share < 1.5 ? 1 : share < 3.5 ? 2 : share < 7.5 ? 5 : 10);
}

static double largest(const VvPlot *plot, bool vertical) {
    double most = 0;
    for (int s = 0; s < plot->series_count; s++)
        for (size_t i = 0; i < plot->series[s].count; i++) {
            double value = vertical ? plot->series[s].y[i] : plot->series[s].x[i];
            most = isfinite(value) && value > most ? value : most;
        }
    return most > 0 ? most : 1;
}

static double place_x(double x, double x_max) {
    return LEFT + (WIDTH - LEFT - RIGHT) * x / x_max;
}

static double place_y(double y, double y_max) {
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * y / y_max;
}

static void draw_axes(const VvPlot *plot, double x_max, double y_max, FILE *out) {
    double x_step = vv_plot_step(x_max, 6), y_step = vv_plot_step(y_max, 5);
    for (int i = 0; i * y_step <= y_max * 1.0001; i++) {
        const double y = i * y_step;
        fprintf(
            out,
            "<line class=grid x1=%d x2=%d y1=%.1f y2=%.1f /><text class=tick text-anchor=end x=%d y=%.1f>%g</text>\n",
            LEFT, WIDTH - RIGHT, place_y(y, y_max), place_y(y, y_max), LEFT - 7, place_y(y, y_max) + 4, y);
    }
    for (int i = 0; i * x_step <= x_max * 1.0001; i++) {
        const double x = i * x_step;
        fprintf(out, "<text class=tick text-anchor=middle x=%.1f y=%d>%g</text>\n", place_x(x, x_max),
                HEIGHT - BOTTOM + 18, x);
    }
    fprintf(out, "<line class=axis x1=%d x2=%d y1=%d y2=%d />\n", LEFT, WIDTH - RIGHT, HEIGHT - BOTTOM,
            HEIGHT - BOTTOM);
    fprintf(out, "<text class=label text-anchor=middle x=%d y=%d>%s</text>\n", (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6,
            plot->x_label);
    fprintf(out, "<text class=label text-anchor=middle transform='translate(13 %d) rotate(-90)'>%s</text>\n",
            (TOP + HEIGHT - BOTTOM) / 2, plot->y_label);
}

static void draw_series(const VvSeries *series, int number, double x_max, double y_max, FILE *out) {
    bool begun = false;
    if (!series->points)
        fprintf(out, "<path class='line s%d' d='", number);
    for (size_t i = 0; i < series->count; i++) {
        double x = series->x[i], y = series->y[i];
        if (!isfinite(x) || !isfinite(y) || x > x_max)
            continue;
        y = y < y_max ? y : y_max;
        if (series->points)
            fprintf(out, "<circle class='dot s%d' r=2.2 cx=%.1f cy=%.1f />", number, place_x(x, x_max),
                    place_y(y, y_max));
        else
            fprintf(out, "%c%.1f %.1f", begun ? 'L' : 'M', place_x(x, x_max), place_y(y, y_max));
        begun = true;
    }
    fprintf(out, series->points ? "\n" : "' />\n");
}

void vv_plot_svg(const VvPlot *plot, FILE *out) {
    double x_max = plot->x_max > 0 ? plot->x_max : largest(plot, false);
    double y_max = plot->y_max > 0 ? plot->y_max : largest(plot, true) * 1.05;
    fprintf(out, "<figure><figcaption>%s</figcaption>\n<svg viewBox='0 0 %d %d' role=img aria-label='%s'>\n",
            plot->title, WIDTH, HEIGHT, plot->title);
    draw_axes(plot, x_max, y_max, out);
    for (int s = 0; s < plot->series_count; s++)
        draw_series(&plot->series[s], s, x_max, y_max, out);
    fprintf(out, "</svg>\n");
    if (plot->series_count > 1) {
        fprintf(out, "<p class=legend>");
        for (int s = 0; s < plot->series_count; s++)
            fprintf(out, "<span><i class=s%d></i>%s</span>", s, plot->series[s].name);
        fprintf(out, "</p>\n");
    }
    fprintf(out, "</figure>\n");
}

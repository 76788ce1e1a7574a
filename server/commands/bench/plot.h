/* Line plots as SVG, drawn into a page: axes with round numbers, a few series, nothing else. */
#ifndef VV_PLOT_H
#define VV_PLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define VV_PLOT_SERIES 4

typedef struct VvSeries {
    const char *name;    /* in the legend */
    const double *x, *y; /* borrowed; values that are not finite are left out */
    size_t count;
    bool points; /* dots instead of a line */
} VvSeries;

typedef struct VvPlot {
    const char *title, *x_label, *y_label;
    VvSeries series[VV_PLOT_SERIES];
    int series_count;
    double x_max, y_max; /* 0: as the data say. What lies beyond is clipped */
} VvPlot;

/* Writes one <figure>. Both axes begin at 0. Names and titles are written as they are: they must be safe as HTML. */
void vv_plot_svg(const VvPlot *plot, FILE *out);

/* The distance between ticks that divides `span` into about `wanted` steps of 1, 2 or 5 times a power of ten. Pure. */
double vv_plot_step(double span, int wanted);

#endif

/* The two kinds of drawings. Letters in a PNG are three or five squares wide and five high, each of 2 x 2 pixels. */
#include "server/commands/listen/canvas.h"
#include "server/media/image.h"
#include "server/media/picture.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SQUARE 2
#define ROWS 5

struct VvCanvas {
    char *path;
    FILE *svg;     /* NULL: a PNG */
    VvImage image; /* of a PNG */
};

/* Five rows of three squares, and what they mean. */
static const struct {
    char letter;
    char squares[ROWS * 3 + 1];
} font[] = {
    {'a', " # # ##### ## #"}, {'b', "## # ### # ### "}, {'c', " ###  #  #   ##"}, {'d', "## # ## ## ### "},
    {'e', "####  ## #  ###"}, {'f', "####  ## #  #  "}, {'g', " ###  # ## # ##"}, {'h', "# ## ##### ## #"},
    {'i', "### #  #  # ###"}, {'j', "  #  #  ## # # "}, {'k', "# ## ### # ## #"}, {'l', "#  #  #  #  ###"},
    {'m', "# ######## ## #"}, {'n', "## # ## ## ## #"}, {'o', " # # ## ## # # "}, {'p', "## # ### #  #  "},
    {'q', " # # ## # ##  #"}, {'r', "## # ### # ## #"}, {'s', " ###   #   ### "}, {'t', "### #  #  #  # "},
    {'u', "# ## ## ## ####"}, {'v', "# ## ## ## # # "}, {'w', "# ## ######## #"}, {'x', "# ## # # # ## #"},
    {'y', "# ## # #  #  # "}, {'z', "###  # # #  ###"}, {'0', "#### ## ## ####"}, {'1', " # ##  #  # ###"},
    {'2', "##   # # #  ###"}, {'3', "##   # #   ### "}, {'4', "# ## ####  #  #"}, {'5', "####  ##   ### "},
    {'6', " ###  #### ####"}, {'7', "###  # #  #  # "}, {'8', "#### ##### ####"}, {'9', "#### ####  ### "},
    {'.', "             # "}, {'-', "      ###      "}, {'/', "  #  # # #  #  "},
};

VvMediaError vv_canvas_open(const char *path, int width, int height, VvCanvas **canvas, VvMediaProblem *problem) {
    VvCanvas *c = calloc(1, sizeof *c);
    const size_t length = strlen(path);
    VvMediaError error = VV_MEDIA_OK;
    *canvas = NULL;
    if (!c || !(c->path = strdup(path)))
        error = vv_media_fail(problem, VV_MEDIA_NO_MEMORY, "out of memory");
    else if (width < 1 || width > VV_PICTURE_SIZE_MAX || height < 1 || height > VV_PICTURE_SIZE_MAX)
        error = vv_media_fail(problem, VV_MEDIA_BAD_SIZE, "no picture has %d x %d pixels", width, height);
    else if (length > 4 && strcmp(path + length - 4, ".svg") == 0) {
        c->svg = fopen(path, "w");
        if (!c->svg)
            error = vv_media_fail(problem, VV_MEDIA_UNWRITABLE, "%s: %s", path, strerror(errno));
        else
            fprintf(c->svg,
                    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"monospace\" "
                    "font-size=\"12\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n",
                    width, height);
    } else if (vv_image_alloc(&c->image, width, height))
        error = vv_media_fail(problem, VV_MEDIA_NO_MEMORY, "out of memory");
    else
        memset(c->image.rgb, 255, (size_t)width * (size_t)height * 3);
    if (!error) {
        *canvas = c;
    } else if (c) {
        free(c->path);
        free(c);
    }
    return error;
}

void vv_canvas_fill(VvCanvas *canvas, int x, int y, int width, int height, uint32_t colour) {
    VvImage *image = &canvas->image;
    if (width < 1 || height < 1)
        return;
    if (canvas->svg) {
        fprintf(canvas->svg, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"#%06x\"/>\n", x, y, width,
                height, (unsigned)colour);
        return;
    }
    for (int j = y < 0 ? 0 : y; j < y + height && j < image->height; j++)
        for (int i = x < 0 ? 0 : x; i < x + width && i < image->width; i++) {
            uint8_t *pixel = image->rgb + ((size_t)j * (size_t)image->width + (size_t)i) * 3;
            pixel[0] = (uint8_t)(colour >> 16);
            pixel[1] = (uint8_t)(colour >> 8);
            pixel[2] = (uint8_t)colour;
        }
}

static void draw_letter(VvCanvas *canvas, int x, int y, uint32_t colour, char letter) {
    for (size_t i = 0; i < sizeof font / sizeof *font; i++)
        for (int square = 0; font[i].letter == letter && square < ROWS * 3; square++)
            if (font[i].squares[square] == '#')
                vv_canvas_fill(canvas, x + square % 3 * SQUARE, y + square / 3 * SQUARE, SQUARE, SQUARE, colour);
}

void vv_canvas_text(VvCanvas *canvas, int x, int y, uint32_t colour, const char *text) {
    if (!canvas->svg) {
        for (; *text; text++, x += VV_CANVAS_LETTER)
            draw_letter(canvas, x, y, colour, (char)tolower((unsigned char)*text));
        return;
    }
    fprintf(canvas->svg, "<text x=\"%d\" y=\"%d\" fill=\"#%06x\">", x, y + VV_CANVAS_HEIGHT, (unsigned)colour);
    for (; *text; text++) {
        if (*text == '<' || *text == '&' || *text == '>')
            fprintf(canvas->svg, "&#%d;", *text);
        else
            fputc((unsigned char)*text < ' ' ? '?' : *text, canvas->svg);
    }
    fprintf(canvas->svg, "</text>\n");
}

VvMediaError vv_canvas_close(VvCanvas **canvas, VvMediaProblem *problem) {
    VvCanvas *c = *canvas;
    VvMediaError error = VV_MEDIA_OK;
    if (!c)
        return error;
    if (c->svg) {
        fprintf(c->svg, "</svg>\n");
        const bool written = !ferror(c->svg);
        if (fclose(c->svg) || !written)
            error = vv_media_fail(problem, VV_MEDIA_UNWRITABLE, "%s: %s", c->path, strerror(errno));
    } else {
        error = vv_image_write_png(c->path, &c->image, problem);
    }
    vv_image_free(&c->image);
    free(c->path);
    free(c);
    *canvas = NULL;
    return error;
}

"""A drawing of a face, made here from ellipses and curves: something that the codec never saw the like of, and that belongs
to the project.

    python3 drawing.py OUT.png
"""

import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIZE, FINE = 256, 4  # drawn four times as large, then made smaller
SKIN, SHADE, BLUSH, LINE = (233, 182, 146), (201, 140, 108), (224, 138, 118), (92, 52, 44)
HAIR, HAIR_LIGHT, BROW = (96, 44, 36), (139, 70, 50), (88, 44, 36)
LIP, LIP_LINE, IRIS, IRIS_RIM = (190, 86, 86), (122, 46, 52), (74, 122, 96), (38, 66, 54)
COAT, COLLAR = (52, 84, 122), (226, 222, 208)


def curve(*points, steps=40):
    """A Bezier curve through its first and last point, as a list of points."""
    points = np.array(points, float)
    out = []
    for t in np.linspace(0, 1, steps):
        p = points
        while len(p) > 1:
            p = p[:-1] * (1 - t) + p[1:] * t
        out.append(p[0])
    return out


def mirrored(points):
    return [(SIZE - x, y) for x, y in points]


class Canvas:
    def __init__(self):
        rows = np.linspace(0, 1, SIZE * FINE)[:, None, None]
        wall = np.array([214, 208, 190]) * (1 - rows) + np.array([168, 176, 170]) * rows
        self.image = Image.fromarray(np.broadcast_to(wall, (SIZE * FINE, SIZE * FINE, 3)).astype(np.uint8))

    def _draw(self, what, colour, soft):
        mask = Image.new("L", self.image.size)
        what(ImageDraw.Draw(mask))
        if soft:
            mask = mask.filter(ImageFilter.GaussianBlur(soft * FINE))
        self.image.paste(Image.new("RGB", self.image.size, colour), mask=mask)

    def fill(self, points, colour, soft=0, strength=255):
        self._draw(lambda d: d.polygon([(x * FINE, y * FINE) for x, y in points], fill=strength), colour, soft)

    def oval(self, x, y, rx, ry, colour, soft=0, strength=255):
        box = [(x - rx) * FINE, (y - ry) * FINE, (x + rx) * FINE, (y + ry) * FINE]
        self._draw(lambda d: d.ellipse(box, fill=strength), colour, soft)

    def stroke(self, points, width, colour):
        self._draw(lambda d: d.line([(x * FINE, y * FINE) for x, y in points], fill=255, width=round(width * FINE),
                                    joint="curve"), colour, 0.3)

    def both(self, what, points, *rest):
        what(points, *rest)
        what(mirrored(points), *rest)


def body(c):
    c.oval(128, 92, 74, 76, HAIR)
    c.fill([(54, 92), (202, 92)] + curve((202, 92), (206, 160), (186, 194)) + curve((70, 194), (50, 160), (54, 92)), HAIR)
    c.fill(curve((8, 256), (20, 208), (100, 206)) + curve((156, 206), (236, 208), (248, 256)), COAT)
    c.fill([(102, 170), (154, 170)] + curve((156, 212), (128, 232), (100, 212)), SKIN)
    c.fill(curve((102, 184), (128, 212), (154, 184), (150, 176), (106, 176)), SHADE, 2, 190)
    c.both(c.fill, [(92, 203), (104, 200), (126, 236), (114, 252)], COLLAR)


def head(c):
    for x in (63, 193):
        c.oval(x, 118, 8, 16, SKIN)
        c.oval(x, 118, 4, 9, SHADE, 1)
    face = (curve((64, 96), (62, 40), (128, 36), (194, 40), (192, 96)) + curve((192, 96), (192, 160), (158, 196), (128, 198))
            + curve((128, 198), (98, 196), (64, 160), (64, 96)))
    c.fill(face, SKIN)
    c.both(c.fill, curve((64, 100), (66, 160), (108, 190), (124, 196), (92, 180), (76, 150), (64, 100)), SHADE, 3, 170)
    for x in (88, 168):
        c.oval(x, 142, 14, 9, BLUSH, 5, 130)


def eyes(c):
    for x in (98, 158):
        outline = (curve((x - 15, 112), (x - 6, 99), (x + 7, 99), (x + 15, 112))
                   + curve((x + 15, 112), (x + 5, 120), (x - 7, 120), (x - 15, 112)))
        c.oval(x, 106, 18, 12, SHADE, 3, 90)
        c.fill(outline, (247, 243, 236))
        c.oval(x, 109, 7.4, 7.8, IRIS_RIM)
        c.oval(x, 109, 6.2, 6.6, IRIS)
        c.oval(x, 109, 3, 3.2, (20, 18, 18))
        c.oval(x + 2.4, 106, 1.6, 1.6, (255, 255, 255))
        c.stroke(curve((x - 16, 112), (x - 6, 98), (x + 7, 98), (x + 16, 112)), 2.6, LINE)
        c.stroke(curve((x - 13, 102), (x - 4, 94), (x + 6, 94), (x + 14, 102)), 1, SHADE)
    c.both(c.fill, curve((80, 92), (90, 80), (104, 82), (114, 88)) + curve((114, 88), (102, 87), (92, 86), (80, 92)), BROW)


def nose_and_mouth(c):
    c.stroke(curve((122, 104), (116, 134), (112, 146), (120, 151)), 1.4, SHADE)
    c.stroke(curve((120, 151), (128, 156), (136, 151)), 2, LINE)
    c.both(c.fill, curve((113, 148), (116, 142), (121, 150), (113, 148)), SHADE, 0.6)
    c.oval(130, 143, 4, 5, (246, 208, 180), 2, 150)
    c.fill(curve((102, 170), (116, 164), (124, 161), (128, 165), (132, 161), (140, 164), (154, 170))
           + curve((154, 170), (140, 186), (116, 186), (102, 170)), LIP)
    c.stroke(curve((102, 170), (118, 173), (128, 170), (138, 173), (154, 170)), 1.8, LIP_LINE)
    c.oval(128, 177, 9, 2.2, (222, 130, 126), 1.5, 170)


def fringe(c):
    c.fill(curve((56, 112), (50, 22), (128, 10), (206, 22), (200, 112)) + curve((200, 112), (194, 72), (168, 60), (112, 48))
           + curve((112, 48), (92, 70), (66, 72), (56, 112)), HAIR)
    for k in range(6):
        c.stroke(curve((112, 46 - 5 * k), (90 - 4 * k, 50 - 4 * k), (74 - 2 * k, 72 - 2 * k)), 1.2, HAIR_LIGHT)
        c.stroke(curve((112, 46 - 5 * k), (160 + 4 * k, 46 - 4 * k), (183 + 2 * k, 72 - 2 * k)), 1.2, HAIR_LIGHT)


def draw():
    """The drawing, u8 [256, 256, 3]."""
    canvas = Canvas()
    for part in (body, head, eyes, nose_and_mouth, fringe):
        part(canvas)
    return np.asarray(canvas.image.resize((SIZE, SIZE), Image.LANCZOS))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: drawing.py OUT.png")
    Image.fromarray(draw()).save(sys.argv[1])

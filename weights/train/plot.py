"""Draws a training run's log as an SVG picture. Needs nothing but Python.

    python3 plot.py RUN... OUT.svg --panel "title: key key" --panel "loss: loss, logarithmic"

Every panel shows some keys of log.jsonl over the minutes of the run; keys that were logged rarely get dots. Several runs
stand one after another, as parts of one training.
"""

import argparse
import json
import math
import os
from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, TOP, BOTTOM, GAP = 720, 210, 62, 30, 26, 14
COLOURS = ("#1f5fa8", "#c2571a", "#2f8f4e", "#8a4fa3", "#7a7a7a")
LOGARITHMIC = "logarithmic"
POINTS = 600  # of a line, at most: more cannot be seen
RARE = 120


def read(runs):
    """Rows of the logs, with minutes counted through."""
    rows, before = [], 0.0
    for run in runs:
        with open(os.path.join(run, "log.jsonl"), encoding="utf-8") as file:
            part = [json.loads(line) for line in file if line.strip()]
        rows += [{**row, "minutes": row["minutes"] + before} for row in part]
        before = rows[-1]["minutes"] if rows else before
    return rows


def ticks(low, high, count=5):
    """Round numbers between the bounds."""
    step = 10 ** math.floor(math.log10((high - low) / count))
    step *= next(f for f in (1, 2, 5, 10) if (high - low) / (step * f) <= count)
    first = math.ceil(low / step - 1e-9)
    return [(first + i) * step for i in range(int((high - first * step) / step + 1e-9) + 1)]


def log_ticks(low, high):
    """1, 2, 5 times powers of ten, as logarithms; where that is too few, round numbers."""
    every = [math.log10(f) + e for e in range(math.floor(low), math.ceil(high) + 1) for f in (1, 2, 5)]
    within = [t for t in every if low <= t <= high]
    return within if len(within) > 2 else [math.log10(t) for t in ticks(10**low, 10**high) if t > 0]


def thinned(points):
    """Means of neighbours, POINTS of them."""
    many = math.ceil(len(points) / POINTS)
    groups = [points[i:i + many] for i in range(0, len(points), many)]
    return [(sum(p[0] for p in g) / len(g), sum(p[1] for p in g) / len(g)) for g in groups]


def label(value):
    return f"{value:.6g}"


class Panel:
    def __init__(self, rows, title, keys, logarithmic):
        self.title, self.logarithmic = title, logarithmic
        self.lines = []
        for key in keys:
            points = [(row["minutes"], math.log10(row[key]) if logarithmic else row[key])
                      for row in rows if key in row and (row[key] > 0 or not logarithmic)]
            if points:
                self.lines.append((key, points))
        values = [v for _, points in self.lines for _, v in points]
        self.low, self.high = (min(values), max(values)) if values else (0, 1)
        if self.high - self.low < 1e-9:
            self.low, self.high = self.low - 1, self.high + 1

    def draw(self, top, longest, out):
        y0, y1, x1 = top + TOP, top + HEIGHT - BOTTOM, WIDTH - GAP

        def x(minutes):
            return LEFT + (x1 - LEFT) * minutes / longest

        def y(value):
            return y1 - (y1 - y0) * (value - self.low) / (self.high - self.low)

        out.append(f'<text x="{LEFT}" y="{top + 18}" font-weight="bold">{escape(self.title)}</text>')
        for value in log_ticks(self.low, self.high) if self.logarithmic else ticks(self.low, self.high):
            shown = 10**value if self.logarithmic else value
            out.append(f'<path d="M{LEFT} {y(value):.1f}H{x1}" stroke="#ddd"/>'
                       f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{label(shown)}</text>')
        for value in ticks(0, longest, 8):
            out.append(f'<path d="M{x(value):.1f} {y0}V{y1}" stroke="#eee"/>'
                       f'<text x="{x(value):.1f}" y="{y1 + 16}" text-anchor="middle">{label(value)}</text>')
        at = x1
        for number, (key, points) in reversed(list(enumerate(self.lines))):
            colour = COLOURS[number % len(COLOURS)]
            path = " ".join(f"{x(m):.1f},{y(v):.1f}" for m, v in thinned(points))
            out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.4"/>')
            if len(points) < RARE:
                out += [f'<circle cx="{x(m):.1f}" cy="{y(v):.1f}" r="2.2" fill="{colour}"/>' for m, v in points]
            out.append(f'<text x="{at}" y="{top + 18}" text-anchor="end" fill="{colour}">{escape(key)}</text>')
            at -= 7 * len(key) + 18


def draw(rows, panels):
    """The picture's text. `panels`: (title, keys, logarithmic) each."""
    longest = max([row["minutes"] for row in rows] + [1e-3])
    height = HEIGHT * len(panels) + 18
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
           'font-family="sans-serif" font-size="12" fill="#333">', f'<rect width="{WIDTH}" height="{height}" fill="white"/>']
    for number, panel in enumerate(panels):
        Panel(rows, *panel).draw(number * HEIGHT, longest, out)
    out.append(f'<text x="{WIDTH - GAP}" y="{height - 6}" text-anchor="end">minutes of training</text></svg>')
    return "\n".join(out) + "\n"


def parsed(text):
    title, _, keys = text.partition(":")
    keys, _, kind = keys.partition(",")
    return title.strip(), keys.split(), kind.strip() == LOGARITHMIC


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="+")
    parser.add_argument("out")
    parser.add_argument("--panel", action="append", help="'title: key key' or 'title: key, logarithmic'")
    options = parser.parse_args()
    wanted = options.panel or ["PSNR, dB: psnr psnr_unseen psnr_characters", f"loss: loss, {LOGARITHMIC}"]
    rows = read(options.run)
    if not rows:
        raise SystemExit("plot.py: the log is empty")
    with open(options.out, "w", encoding="utf-8") as file:
        file.write(draw(rows, [parsed(text) for text in wanted]))


if __name__ == "__main__":
    main()

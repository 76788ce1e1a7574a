"""Pictures of what was measured, to look at: frames under the sound that they go with, and frames picked by chance."""

import os

import numpy as np
from PIL import Image, ImageDraw

import motion
from avatar_measures import scale_of

SHOWN = 14  # frames of a strip
SIDE, STRIP, MARGIN = 104, 76, 6  # pixels: of a frame, of the drawing above it, between strips
INK, TRUE, READ, SOUND = (30, 30, 30), (20, 140, 60), (200, 60, 30), (150, 170, 200)
ROWS, COLUMNS, CELL = 5, 10, 128


def best_stretch(clip, reading, frames):
    """The row in `kept` from which the mouth has most to do, by the truth."""
    opening = np.asarray(clip.opening)
    starts = range(len(reading.kept_frame) - frames)
    moved = [np.abs(np.diff(opening[reading.kept_frame[s]:reading.kept_frame[s + frames]])).sum() for s in starts]
    return int(np.argmax(moved)) if moved else 0


def line(draw, values, at, colour, top, height):
    """A curve: `values` 0..1 at the pixels `at`."""
    points = [(x, top + height - 1 - max(0.0, min(1.0, float(v))) * (height - 2)) for x, v in zip(at, values)]
    draw.line(points, fill=colour, width=2)


def strip(clip, reading, calibration):
    """Sound, the true opening (green) and the one read (red), and the frames at their times."""
    start = best_stretch(clip, reading, SHOWN)
    frames = reading.kept_frame[start:start + SHOWN]
    every = int(frames[1] - frames[0])
    width = SIDE * len(frames)
    sheet = Image.new("RGB", (width, STRIP + SIDE + MARGIN), "white")
    draw = ImageDraw.Draw(sheet)
    first, last = frames[0], frames[-1] + every
    sound = clip.pcm[first * 640:last * 640].astype(np.float32)
    bounds = np.linspace(0, len(sound), width + 1).astype(int)
    loud = np.array([np.abs(sound[a:b]).max() for a, b in zip(bounds, bounds[1:])]) / max(1.0, np.abs(sound).max())
    for x, value in enumerate(loud):
        draw.line([(x, STRIP / 2 - value * STRIP / 2), (x, STRIP / 2 + value * STRIP / 2)], fill=SOUND)
    number = np.arange(first, min(last, len(reading.lips)))
    at = (number + 0.5 - first) / every * SIDE
    scale = scale_of(calibration, clip.character)
    most = scale["full"] - scale["shut"]
    line(draw, np.asarray(clip.opening)[number] / most, at, TRUE, 0, STRIP)
    line(draw, (reading.lips[number] - scale["shut"]) / most, at, READ, 0, STRIP)
    for i, frame in enumerate(frames):
        picture = Image.fromarray(reading.kept[start + i]).resize((SIDE, SIDE), Image.LANCZOS)
        sheet.paste(picture, (i * SIDE, STRIP))
    draw.text((3, 1), f"{clip.character}, {clip.who}, {first / motion.FPS:.2f} s", fill=INK)
    return np.asarray(sheet)


def chosen(parts, seed=1):
    """ROWS x COLUMNS frames of all that were kept, each as likely as any other."""
    everything = [(reading, i) for members in parts.values() for _, reading in members for i in range(len(reading.kept))]
    picked = np.random.default_rng(seed).choice(len(everything), min(ROWS * COLUMNS, len(everything)), replace=False)
    return [everything[i][0].kept[everything[i][1]] for i in picked]


def tiled(pictures):
    cells = [np.asarray(Image.fromarray(p).resize((CELL, CELL), Image.LANCZOS)) for p in pictures]
    cells += [np.full((CELL, CELL, 3), 255, np.uint8)] * (-len(cells) % COLUMNS)
    return np.concatenate([np.concatenate(cells[i:i + COLUMNS], 1) for i in range(0, len(cells), COLUMNS)])


def write(folder, parts, calibration, strips=6):
    """avatar-speech.jpg: the first clips of the trained and the untrained voices; avatar-random.jpg: of all parts. `parts`
    maps names to [(clip, reading)]."""
    half = strips // 2
    shown = [m for name in ("trained", "untrained") for m in parts.get(name, [])[:half]]
    if not shown:
        raise SystemExit("there is nothing to draw yet: measure `trained` and `untrained` first")
    drawn = np.concatenate([strip(*m, calibration) for m in shown])
    for name, picture in (("speech", drawn), ("random", tiled(chosen(parts)))):
        Image.fromarray(picture).save(os.path.join(folder, f"avatar-{name}.jpg"), quality=84, optimize=True)

"""What an avatar's motion is like, from series that were read frame by frame: lips, heads, blinks, steadiness. Needs numpy
only.

A frame is 40 ms: frame f shows the time (f + 0.5) / 25 s, and goes with the phones 4 f to 4 f + 3, which are 10 ms each.
Openings of the mouth are in any one unit; landmarks are the usual 68 points, [frames, 68, 2]. Every function says what
better is.
"""

import numpy as np

from metrics import correlation, psnr, verification

FPS, PHONES_PER_FRAME = 25, 4
WINDOW = 5  # frames that are made at once
LIPS_SHUT, LIPS_OPEN = 0.02, 0.15  # cm of the true gap: surely shut, surely open
OUTER_EYES, NOSE_TIP, INNER = (36, 45), 30, slice(17, 68)
NOD_FRAMES = 10  # a nod goes down within these, and comes up within these


# ---- lips ------------------------------------------------------------------------------------------------------------


def delays(read, truth, most=6):
    """r of `read` against `truth` that many frames before, for each of -most..most: the best is at 0 in a mouth that
    moves with its sound, above 0 in one that is late."""
    n = len(read)
    return np.array([correlation(read[max(k, 0):n + min(k, 0)], truth[max(-k, 0):n - max(k, 0)])
                     for k in range(-most, most + 1)])


def best_delay(curve):
    """The delay in frames at which a curve of delays() is highest, between frames by the parabola through its top; 0 is
    best."""
    most, top = len(curve) // 2, int(np.argmax(curve))
    if top in (0, len(curve) - 1):
        return float(top - most)
    a, b, c = curve[top - 1:top + 2]
    bend = a - 2 * b + c
    return top - most + (0.5 * (a - c) / bend if bend < -1e-12 else 0.0)


def spans(phones, which):
    """Where any of these phones sounds: [(begin, end)] in steps of 10 ms; neighbours are one."""
    on = np.concatenate([[False], np.isin(phones, which), [False]])
    return list(zip(np.flatnonzero(~on[:-1] & on[1:]), np.flatnonzero(on[:-1] & ~on[1:])))


def lowest(read, where):
    """The lowest of `read` in the frames that each span touches; spans are left out whose frames are not all there."""
    out = []
    for begin, end in where:
        first, behind = begin // PHONES_PER_FRAME, (end - 1) // PHONES_PER_FRAME + 1
        frames = read[first:behind]
        if len(frames) == behind - first and np.isfinite(frames).all():
            out.append(frames.min())
    return np.array(out)


def shut_threshold(read, truth):
    """The reading that best separates frames whose lips are truly shut from those whose lips are truly open, and the share
    of both kinds that it tells right."""
    shut, wide = read[truth <= LIPS_SHUT], read[truth >= LIPS_OPEN]
    share, threshold = verification(wide, shut)
    above = np.concatenate([shut, wide])
    above = above[above > threshold]
    return float((threshold + above.min()) / 2 if len(above) else threshold), share


def amplitude(read, truth):
    """The deviation of what was read, as a share of the truth's; 1 is best."""
    return float(np.std(read) / max(np.std(truth), 1e-9))


def open_share(read, shut, full, part=0.1):
    """Share of frames in which the mouth is open by more than a part of its range, from its reading when shut to that when
    fully open."""
    return float(((np.asarray(read) - shut) / (full - shut) > part).mean())


# ---- heads and eyes --------------------------------------------------------------------------------------------------


def smooth(x, frames=3):
    """Means over a few frames, the ends as they are held."""
    side = frames // 2
    padded = np.pad(x, [(side, side)] + [(0, 0)] * (x.ndim - 1), mode="edge")
    return sum(padded[i:i + len(x)] for i in range(frames)) / frames


HEAD = ("turn", "nod", "tilt", "x", "y")


def head_of(landmarks):
    """How the head is held, [frames, HEAD]: nose against eyes to the side and down, the eyes' line in radians, the face's
    place; lengths in mean distances of the outer corners of the eyes, about their own means."""
    points = np.asarray(landmarks, np.float64)
    left, right = points[:, OUTER_EYES[0]], points[:, OUTER_EYES[1]]
    apart, middle = right - left, (left + right) / 2
    unit = np.linalg.norm(apart, axis=1).mean()
    nose, place = (points[:, NOSE_TIP] - middle) / unit, points[:, INNER].mean(1) / unit
    held = np.column_stack([nose, np.arctan2(apart[:, 1], apart[:, 0]), place])
    return held - held.mean(0)


def turning_points(x, depth):
    """Highs and lows by turns, each at least `depth` from the one before: [(frame, whether it is a high)]."""
    out, high, low, rising = [], 0, 0, None
    for i in range(1, len(x)):
        high, low = (i if x[i] > x[high] else high), (i if x[i] < x[low] else low)
        if rising is not True and x[i] - x[low] >= depth:
            out.append((low, False))
            rising, high = True, i
        elif rising is not False and x[high] - x[i] >= depth:
            out.append((high, True))
            rising, low = False, i
    return out + ([(high if rising else low, rising)] if out else [])


def nods(held, depth=0.08):
    """How often the head goes down and up again by at least `depth`, either within NOD_FRAMES. `held`: of head_of()."""
    y = smooth(held[:, HEAD.index("y")])  # grows downwards
    deep = lambda i: (y[max(0, i - NOD_FRAMES):i + 1].min() <= y[i] - depth and y[i:i + NOD_FRAMES + 1].min() <= y[i] - depth)
    return sum(deep(i) for i, high in turning_points(y, depth) if high)


def blinks(lids, part=0.5):
    """How often the lids' gap falls below a part of its median."""
    shut = np.asarray(lids) < part * np.median(lids)
    return int((shut[1:] & ~shut[:-1]).sum()) + int(shut[0])


def liveliness(landmarks, lids):
    """Spread and speed (mean change a frame, smoothed) of how the head is held, both [HEAD]; nods and blinks a minute."""
    held, minutes = head_of(landmarks), len(landmarks) / FPS / 60
    return {"spread": held.std(0), "speed": np.abs(np.diff(smooth(held), axis=0)).mean(0),
            "nods": nods(held) / minutes, "blinks": blinks(lids) / minutes, "minutes": minutes}


# ---- steadiness ------------------------------------------------------------------------------------------------------


def acceleration(x):
    """How much each inner frame leaves the straight line through its neighbours, [frames - 2]: mean over points of the
    distance for landmarks [n, k, 2]; mean difference for anything else."""
    x = np.asarray(x, np.float64)
    bend = x[2:] - 2 * x[1:-1] + x[:-2]
    size = np.linalg.norm(bend, axis=2) if bend.ndim == 3 and bend.shape[2] == 2 else np.abs(bend)
    return size.reshape(len(bend), -1).mean(1)


def at_borders(bend, frame, window=WINDOW):
    """Mean acceleration across the windows' borders, as a ratio to that elsewhere; 1 is best. `bend` is acceleration()'s,
    `frame` the numbers of the middle frames; windows begin at multiples of `window`."""
    border = np.isin(np.asarray(frame) % window, (0, window - 1))  # the first after a border, the last before
    return float(bend[border].mean() / bend[~border].mean())


def drift(values, frames):
    """The mean over the last frames less that over the first; 0 is best."""
    values = np.asarray(values, np.float64)
    return values[-frames:].mean(0) - values[:frames].mean(0)


def still_pixels(pictures, portrait, within=8):
    """Which pixels [h, w] are as in the portrait in nearly all pictures: the background."""
    away = np.abs(np.asarray(pictures, np.int16) - np.asarray(portrait, np.int16)).max(-1)
    return np.percentile(away, 95, axis=0) <= within


def psnr_within(picture, portrait, mask):
    """PSNR in dB of the pixels in a mask; higher is better."""
    return psnr(picture[mask], portrait[mask])

"""From what was read of clips (reading.py) and what is true of them (clips.py) to the figures of eval_avatar.py's tables.
Needs numpy only. A set is a list of (clip, reading)."""

import numpy as np

import metrics
import motion

CLOSING, WIDE = ("p", "b", "m"), ("aa", "ae", "ah", "ao", "eh")  # phones with shut lips; vowels with open ones
MINUTE = 60 * motion.FPS


def rows_of(series, reading):
    """The rows of a clip's truth that were read."""
    return np.asarray(series)[reading.frame]


# ---- what readings mean ------------------------------------------------------------------------------------------------


def calibrate(own, series="lips"):
    """What is read in the performers' own frames: by character, and of "all" of them, `shut`, the median where the lips are
    truly shut; `full`, the 98th percentile; `threshold`, which best tells shut lips from open ones; and `right`, the share
    that it tells right. `series`: whose reading, the probe's (lips) or the encoder's (lips_encoder)."""
    groups = {"all": own}
    for clip, reading in own:
        groups.setdefault(clip.character, []).append((clip, reading))
    out = {}
    for name, members in groups.items():
        truth = np.concatenate([rows_of(clip.opening, reading) for clip, reading in members])
        read = np.concatenate([getattr(reading, series) for _, reading in members])
        if (truth <= motion.LIPS_SHUT).sum() > 4 and (truth >= motion.LIPS_OPEN).sum() > 4:
            threshold, right = motion.shut_threshold(read, truth)
            out[name] = {"shut": float(np.median(read[truth <= motion.LIPS_SHUT])), "full": float(np.percentile(read, 98)),
                         "threshold": threshold, "right": right}
    return out


def scale_of(calibration, character):
    return calibration.get(character, calibration["all"])


# ---- lips --------------------------------------------------------------------------------------------------------------


def in_frames(read, reading):
    """A series with a place for every frame, no number where none was read."""
    out = np.full(reading.frame[-1] + 1, np.nan)
    out[reading.frame] = read
    return out


def mean_of(values):
    return float(np.mean(values)) if len(values) else None


def lips(members, calibration, names, series="lips"):
    """Lips against the truth. `names`: the phones'. `series` and its calibration: whose reading."""
    ids = {which: [names.index(n) for n in phones] for which, phones in (("closing", CLOSING), ("wide", WIDE))}
    r, said, curves, size, shut = [], [], [], [], {"closing": [], "wide": []}
    for clip, reading in members:
        read, truth, speaking = getattr(reading, series), rows_of(clip.opening, reading), rows_of(clip.speaking, reading)
        r.append(metrics.correlation(read, truth))
        said.append(metrics.correlation(read[speaking], truth[speaking]))
        curves.append(motion.delays(read, truth))
        size.append(motion.amplitude(read, truth))
        threshold = scale_of(calibration, clip.character)["threshold"]
        for which, phones in ids.items():
            shut[which] += list(motion.lowest(in_frames(read, reading), motion.spans(clip.phones, phones)) <= threshold)
    each = [motion.best_delay(curve) for curve in curves]
    return {"clips": len(members), "voices": len({clip.who for clip, _ in members}),
            "frames": sum(len(reading.lips) for _, reading in members), "r": mean_of(r), "r_lowest": float(min(r)),
            "r_speaking": mean_of(said), "delay": motion.best_delay(np.mean(curves, 0)),
            "delay_within": float(np.mean(np.abs(each) <= 1)), "amplitude": mean_of(size),
            "closing": len(shut["closing"]), "closed": mean_of(shut["closing"]), "wide_closed": mean_of(shut["wide"]),
            "each": {f"{clip.who} ({clip.character})": round(value, 3) for (clip, _), value in zip(members, r)}}


def shut_share(read, scale):
    """Share of frames in which the mouth stays within a tenth of its range."""
    return 1 - motion.open_share(read, scale["shut"], scale["full"])


def quiet(members, calibration, series="lips"):
    """Share of frames in which the mouth stays within a tenth of its range, and that of the worst clip."""
    shares = [shut_share(getattr(reading, series), scale_of(calibration, clip.character)) for clip, reading in members]
    return {"clips": len(members), "frames": sum(len(r.lips) for _, r in members), "shut": mean_of(shares),
            "shut_worst": float(min(shares))}


def resting(own, calibration, series="lips"):
    """The same share of performers' frames whose lips are truly shut: what the reader's own errors cost."""
    shares = []
    for clip, reading in own:
        still = rows_of(clip.opening, reading) <= motion.LIPS_SHUT
        if still.any():
            shares.append(shut_share(getattr(reading, series)[still], scale_of(calibration, clip.character)))
    return mean_of(shares)


# ---- the picture -------------------------------------------------------------------------------------------------------


def cycle(members, spread):
    """Cycle error of every frame whose latents are known, in units of their spread, one for each channel."""
    errors = [np.sqrt((((reading.again - reading.z) / spread) ** 2).mean((1, 2)))
              for _, reading in members if reading.z is not None]
    return np.concatenate(errors) if errors else np.zeros(0)


def whole(members, spread, true):
    """The same summed up, against the mean of true latents, `true`."""
    errors = cycle(members, spread)
    if not len(errors):
        return None
    return {"frames": len(errors), "mean": float(errors.mean()), "worst": float(errors.max()),
            "ratio": float(errors.mean() / true), "worst_ratio": float(errors.max() / true),
            "above_four": float((errors > 4 * true).mean())}


def lively(members):
    """Means over clips of motion.liveliness()."""
    rows = [motion.liveliness(reading.landmarks, reading.lids) for _, reading in members]
    minutes = np.array([row["minutes"] for row in rows])
    each = lambda key: np.average([row[key] for row in rows], axis=0, weights=minutes)
    return {"spread": np.round(each("spread"), 5).tolist(), "speed": np.round(each("speed"), 5).tolist(),
            "nods": float(each("nods")), "blinks": float(each("blinks")), "minutes": float(minutes.sum())}


def borders(members):
    """Acceleration at the windows' borders to that elsewhere, of landmarks and of pixels."""
    bend = np.concatenate([reading.bend for _, reading in members])
    frame = np.concatenate([reading.bend_frame for _, reading in members])
    return {name: motion.at_borders(bend[:, i], frame) for i, name in enumerate(("landmarks", "pixels"))}


def identity(members):
    return float(np.mean([reading.identity.mean() for _, reading in members]))


def steady(reading):
    """What changes from the first minute of a long clip to its last, and its worst minute on the way."""
    frames = max(2, int((reading.frame < reading.frame[0] + MINUTE).sum()))
    minute = (reading.frame - reading.frame[0]) // MINUTE
    by_minute = lambda x: np.array([x[minute == m].mean(0) for m in np.unique(minute)])
    out = {"minutes": float(reading.frame[-1] - reading.frame[0] + 1) / MINUTE}
    for name, values in (("background", reading.background), ("identity", reading.identity)):
        out[name] = {"first": float(values[:frames].mean()), "drift": float(motion.drift(values, frames)),
                     "worst_minute": float(by_minute(values).min())}
    out["colour_drift"] = float(np.abs(motion.drift(reading.colour, frames)).max())
    colours = by_minute(reading.colour)
    out["colour_between_minutes"] = float(np.abs(colours - colours[0]).max())
    return out


# ---- the outside reader ------------------------------------------------------------------------------------------------


def outside(members, rows, true_score=None):
    """What an outside network read of the kept frames (outside_reader/frames.mjs): `rows` has a list for each clip, with a
    row for each frame, None where no face was found."""
    found, scores, r, calm = [], [], [], []
    for (clip, reading), seen in zip(members, rows):
        frames = reading.kept_frame[[row["kept"] for row in seen]]
        here = np.array([row["score"] is not None for row in seen])
        found += here.tolist()
        scores += [row["score"] for row in seen if row["score"] is not None]
        if clip.opening is not None and clip.speaking is not None and here.sum() > 4:
            gap = np.array([row["gap"] for row in seen if row["score"] is not None])
            if clip.speaking.any():
                r.append(metrics.correlation(gap, np.asarray(clip.opening)[frames][here]))
            talking = np.asarray(clip.speaking)[frames]
            calm += [row["read"] in ("neutral", "happy") for row, t in zip(seen, talking) if t and row["score"] is not None]
    score = mean_of(scores)
    return {"frames": len(found), "found": mean_of(found), "score": score,
            "score_ratio": score / true_score if score and true_score else None, "r": mean_of(r), "clips": len(r),
            "neutral_or_happy": mean_of(calm)}

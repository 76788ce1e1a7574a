"""Speech with labels from dataset folders: log-mel, the mouth that goes with it, and the phone that sounds.

A mouth is described by few numbers, the two sides' mean where a shape has sides, and by `opening`, the gap between the
lips in cm that these make (the same numbers as vv_lip_gap, weights/performer/articulation.c).
"""

import os

import numpy as np

from dataset import Dataset
from log_mel import AHEAD, HOP, WINDOW, log_mel

STEPS_PER_FRAME, ROWS_PER_STEP = 2, 2

# Gap in cm of one unit of each shape; of both sides together where it has two.
GAP = {"jawOpen": 2.89, "mouthClose": -3.72, "mouthFunnel": 1.08, "mouthPucker": -0.13, "mouthRollLower": -0.25,
       "mouthRollUpper": 0.16, "mouthPress": -0.22, "mouthLowerDown": 0.58, "mouthUpperUp": 0.70, "mouthShrugLower": -0.64,
       "mouthShrugUpper": 0.46, "mouthStretch": 0.0, "tongue": 0.0}
MOUTH = ("opening", *GAP)


def column(data, pose, name):
    names = [name] if name in data.pose_columns else [name + "_L", name + "_R"]
    return np.mean([pose[:, data.pose_column(n)] for n in names], 0)


def mouth_of(data, pose):
    """Poses [frames, columns] -> [frames, MOUTH]."""
    shapes = np.stack([column(data, pose.astype(np.float32), n) for n in GAP], 1)
    gap = shapes @ np.array(list(GAP.values()), np.float32)
    return np.concatenate([np.maximum(gap, 0)[:, None], shapes], 1)


def to_steps(frames):
    """Rows at 25 Hz -> at 50 Hz, between their centres."""
    at = (np.arange(2 * len(frames)) + 0.5) / 2 - 0.5
    low = np.clip(np.floor(at).astype(int), 0, len(frames) - 1)
    high = np.minimum(low + 1, len(frames) - 1)
    share = np.clip(at - low, 0, 1)[:, None]
    return frames[low] * (1 - share) + frames[high] * share


def mel_of(pcm):
    """Log-mel of exactly len / 160 rows: what follows the sound is silence."""
    return log_mel(np.concatenate([pcm, np.zeros(WINDOW - AHEAD - HOP, pcm.dtype)]))


class Voices:
    """All sides of a split, in memory: mel f16 [n, rows, 80], mouth f32 [n, steps, MOUTH], phone u8 [n, steps].

    `sides` keeps what is known of each. A cache is kept in the dataset's folder, since features take a while.
    """

    def __init__(self, folders, split, only=None):
        self.mel, self.mouth, self.phone, self.sides, self.phones = [], [], [], [], None
        for folder in folders:
            data = Dataset(folder)
            self.phones = self.phones or data.phones
            for talk in data.split(split):
                for side in range(2):
                    if only is None or only(talk.sides[side]):
                        self._add(data, talk, side)

    def _add(self, data, talk, side):
        cache = talk.path(f"speech-{side}.npz")
        if not os.path.exists(cache):
            mouth = to_steps(mouth_of(data, np.asarray(talk.pose(side))))
            np.savez(cache + ".new.npz", mel=mel_of(talk.audio(side)).astype(np.float16), mouth=mouth.astype(np.float16),
                     phone=np.asarray(talk.phones(side))[1::ROWS_PER_STEP])
            os.replace(cache + ".new.npz", cache)
        with np.load(cache) as kept:
            self.mel.append(kept["mel"])
            self.mouth.append(kept["mouth"])
            self.phone.append(kept["phone"])
        self.sides.append({**talk.sides[side], "language": talk.language, "name": f"{talk.index:06d}-{side}"})

    def __len__(self):
        return len(self.mel)

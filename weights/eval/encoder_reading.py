"""Reads the mouth's opening and the eyes' from pictures a second time: linearly, from what the codec's encoder makes of them.

The probe (probe.py) knows nothing of the codec but is coarse, and sees blinks badly; this reader is fine, but sees with the
codec's eyes. It is fitted on performers' frames, as they are and decoded from their own latents, whose truth is known.
Needs numpy only."""

import dataclasses

import numpy as np

COLUMNS = ("opening", "lids")  # of the truth, cm
RIDGE = 200.0  # of deviations: a thousand numbers are read from, and only a few thousand frames are there to fit on


@dataclasses.dataclass
class EncoderReading:
    """Rows are flattened differences of latents to the portrait's."""

    middle: np.ndarray
    weight: np.ndarray
    mean: np.ndarray

    def __call__(self, z):
        """[frames, numbers] -> [frames, COLUMNS]."""
        return (z - self.middle) @ self.weight + self.mean

    def save(self, path):
        np.savez(path, **dataclasses.asdict(self))


def restore(path):
    with np.load(path) as kept:
        return EncoderReading(**dict(kept))


def fit(z, truth, ridge=RIDGE):
    """Ridge regression of truth [n, columns] on z [n, numbers]."""
    z, truth = np.asarray(z, np.float64), np.asarray(truth, np.float64)
    middle, spread, mean = z.mean(0), z.std(0) + 1e-6, truth.mean(0)
    x = (z - middle) / spread
    weight = np.linalg.solve(x.T @ x + ridge * np.eye(x.shape[1]), x.T @ (truth - mean))
    return EncoderReading(middle.astype(np.float32), (weight / spread[:, None]).astype(np.float32), mean.astype(np.float32))

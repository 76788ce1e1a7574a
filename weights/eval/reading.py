"""What is read from the frames of a clip as they come, by the probe and through the codec's encoder: all that the measures
need, so that no clip has to be kept whole.

Performers' own frames go the same way: what is read of them says how well the reading reads, and what it is held against.
"""

import dataclasses
import os

import numpy as np

import train_path  # noqa: F401
import codec_weights
import generate
import motion
import probe as probing
from voices import mouth_of

KEPT_EVERY = 2  # of which the outside reader and the sheets get one
PATCH = 4  # pixels that are averaged where pictures' acceleration is measured


@dataclasses.dataclass
class Reading:
    """Series of a clip: rows are frames, which need not be all of them; what is between them is read within stretches that
    follow each other."""

    name: str
    character: str
    frame: np.ndarray  # its number
    lips: np.ndarray  # the mouth's gap as the probe reads it, cm
    lips_encoder: np.ndarray  # and as it is read from `again`
    lids: np.ndarray  # the eyes' from `again`, cm
    landmarks: np.ndarray  # pixels
    identity: np.ndarray  # cosine with the portrait's
    again: np.ndarray  # latents of the frame, as the encoder sees it
    background: np.ndarray  # PSNR against the portrait, dB
    colour: np.ndarray  # mean red, green, blue of the face
    bend: np.ndarray  # acceleration of landmarks and of pixels, [rows, 2]
    bend_frame: np.ndarray  # of which frame, the middle one
    kept: np.ndarray  # some frames
    kept_frame: np.ndarray
    z: np.ndarray = None  # the latents that it was decoded from, where they are known

    def save(self, path):
        """At once or not at all."""
        unfinished = path + ".part.npz"
        np.savez(unfinished, **{k: v for k, v in dataclasses.asdict(self).items() if v is not None})
        os.replace(unfinished, path)


def restore(path):
    with np.load(path) as kept:
        values = dict(kept)
    return Reading(**{k: str(v) if k in ("name", "character") else v for k, v in values.items()})


class Reader:
    """`portraits`: u8 [h, h, 3] by character; `still`: masks of their backgrounds, likewise; `encoder`: reads latents
    (encoder_reading.py)."""

    def __init__(self, probe, codec, portraits, still, encoder):
        self.probe, self.codec, self.portraits, self.still, self.encoder = probe, codec, portraits, still, encoder
        names = sorted(portraits)
        pictures = np.stack([portraits[n] for n in names])
        self.identity = dict(zip(names, probing.read(probe, pictures)["identity"]))
        self.origin = dict(zip(names, generate.latents_of(codec, pictures)))

    def batch(self, pictures, character):
        seen = probing.read(self.probe, pictures)
        again = generate.latents_of(self.codec, pictures)
        opening, lids = self.encoder((again - self.origin[character]).reshape(len(again), -1)).T
        portrait, mask = self.portraits[character], self.still.get(character)
        low, high = seen["landmarks"].mean(0).min(0).astype(int), seen["landmarks"].mean(0).max(0).astype(int)
        face = pictures[:, max(low[1], 0):high[1], max(low[0], 0):high[0]]
        background = [np.nan if mask is None else motion.psnr_within(p, portrait, mask) for p in pictures]
        return {"lips": seen["measures"][:, self.probe.column("lip_gap")], "lips_encoder": opening, "lids": lids,
                "landmarks": seen["landmarks"], "identity": seen["identity"] @ self.identity[character], "again": again,
                "background": np.array(background), "colour": face.mean((1, 2))}

    def read(self, name, character, stretches, z=None, keep=KEPT_EVERY):
        """A clip's pictures to a Reading: stretches are (number of the first frame, batches of what follows); every so many
        frames are kept as they are. `z` has a row for every frame of the stretches."""
        rows, bends, kept = [], [], []
        for begin, batches in stretches:
            of_stretch, small, count = [], [], begin
            for pictures in batches:
                of_stretch.append({"frame": np.arange(count, count + len(pictures)), **self.batch(pictures, character)})
                small.append(shrink(pictures))
                kept += [(count + i, p) for i, p in enumerate(pictures) if (count + i) % keep == 0]
                count += len(pictures)
            rows += of_stretch
            points = np.concatenate([row["landmarks"] for row in of_stretch])
            bends.append(np.column_stack([motion.acceleration(points), motion.acceleration(np.concatenate(small)),
                                          np.arange(begin + 1, count - 1)]))
        joined, bend = {key: np.concatenate([row[key] for row in rows]) for key in rows[0]}, np.concatenate(bends)
        return Reading(name, character, bend=bend[:, :2], bend_frame=bend[:, 2].astype(int), z=z,
                       kept=np.stack([p for _, p in kept]), kept_frame=np.array([i for i, _ in kept]), **joined)


def shrink(pictures):
    n, h, w, c = pictures.shape
    return pictures.reshape(n, h // PATCH, PATCH, w // PATCH, PATCH, c).mean((2, 4), dtype=np.float32)


# ---- the performer's own frames --------------------------------------------------------------------------------------


def own_sides(data, limit):
    """(conversation, side, character) of pictures of characters, at most `limit` sides of each."""
    count = {}
    for talk in (talk for split in data.splits for talk in data.split(split)):
        for side in range(2):
            name = talk.sides[side].get("character")
            if name and count.get(name, 0) < limit:
                count[name] = count.get(name, 0) + 1
                yield talk, side, name


def in_batches(pictures, size=generate.BATCH):
    for begin in range(0, len(pictures), size):
        yield np.array(pictures[begin:begin + size])


def truth_of(talk, side):
    """What encoder_reading.COLUMNS say of every frame."""
    data = talk.dataset
    truth = np.asarray(talk.truth(side))
    lids = truth[:, [data.truth_column(f"lid_gap_{eye}") for eye in ("left", "right")]].mean(1)
    return np.stack([mouth_of(data, np.asarray(talk.pose(side)))[:, 0], lids], 1)


def background(pictures, portrait, samples=60):
    """The mask of the pixels that stay as in the portrait while the performer plays the character."""
    return motion.still_pixels(pictures[::max(1, len(pictures) // samples)], portrait)

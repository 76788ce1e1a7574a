"""Pictures of performers for training the codec: pairs of portrait and frame of one person, from a dataset folder made
with `visavis-performer dataset FOLDER --pictures raw`."""

import numpy as np

from dataset import Dataset

LIPS, EYES = slice(48, 68), slice(36, 48)
# What INFP's hybrid face keeps: lips, and eyes.
KEPT = (slice(48, 68), slice(36, 42), slice(42, 48))
CONTOUR = slice(0, 36)
INNER = slice(17, 68)  # without the jaw, whose points are of no fixed place on the skin


class Person:
    """Everything of one side of one conversation that has pictures."""

    def __init__(self, talk, side):
        self.name = f"{talk.index:06d}-{side}"
        self.pictures = talk.pictures(side)
        self.landmarks = np.asarray(talk.landmarks(side))
        self.visible = np.asarray(talk.visible(side))
        frames = np.asarray(talk.picture_frames(side))
        self.pose = np.asarray(talk.pose(side)).astype(np.float32)[frames]
        shut = self.pose[:, talk.dataset.pose_column("eyeBlink_L")] > 0.5
        self.blinks = np.flatnonzero(shut)

        # How the face is held, and not whose it is: landmarks against the person's own mean, and the performer's weights.
        held = (self.landmarks - self.landmarks.mean(0)).reshape(len(frames), -1)
        self.held = np.concatenate([held, self.pose], 1).astype(np.float32)

    def __len__(self):
        return len(self.pictures)


def people(folder, split, only=None):
    """All persons of a split that have pictures; `only` filters by the side's description."""
    data = Dataset(folder)
    return [Person(talk, side) for talk in data.split(split) for side in range(2)
            if only is None or only(talk.sides[side])]


def box(points, pad, size):
    """The points' box, as slices of rows and columns."""
    low = np.clip(np.floor(points.min(0)).astype(int) - pad, 0, size - 1)
    high = np.clip(np.ceil(points.max(0)).astype(int) + pad, 1, size)
    return slice(low[1], high[1]), slice(low[0], high[0])


def importance(landmarks, size, lips=6.0, eyes=10.0):
    """How much each quarter-size pixel counts: size/4 x size/4."""
    weight = np.ones((size // 4, size // 4), np.float32)
    for part, value in ((EYES, eyes), (LIPS, lips)):
        weight[box(landmarks[part] / 4, 1, size // 4)] = value
    return weight


def hybrid(picture, landmarks):
    """INFP's hybrid face: only eyes and lips, the rest grey, with the contour's points. picture: u8 [n, n, 3] of a size
    that landmarks are in; a new picture."""
    size = picture.shape[0]
    out = np.full_like(picture, 128)
    for part in KEPT:
        area = box(landmarks[part], size // 32, size)
        out[area] = picture[area]
    points = np.clip(landmarks[CONTOUR].astype(int), 0, size - 2)
    for x, y in points:
        out[y:y + 2, x:x + 2] = 255
    return out


BLINK_SHARE = 0.4  # of the frames; people blink in a twentieth, and a codec that sees so few leaves the eyes open


class Sampler:
    """Batches for the codec: `portraits` persons, each with `frames` frames of theirs."""

    def __init__(self, persons, size, seed, hybrid_share):
        self.persons, self.size, self.hybrid_share = persons, size, hybrid_share
        self.chance = np.random.default_rng(seed)

    def batch(self, portraits, frames):
        """Dictionary of arrays: pictures u8 [b, size, size, 3]; motion's input at half size; weight; held; `move`, the
        inner landmarks' places in the frame and from there to the portrait, pixels [b, 51, 4]; which of them are `seen`."""
        chance = self.chance
        portrait, frame, motion, weight, held, move, seen_both = [], [], [], [], [], [], []
        for k in chance.integers(len(self.persons), size=portraits):
            person = self.persons[k]
            p = chance.integers(len(person))
            portrait.append(person.pictures[p])
            for i in chance.integers(len(person), size=frames):
                if len(person.blinks) and chance.random() < BLINK_SHARE:
                    i = chance.choice(person.blinks)
                picture, landmarks = person.pictures[i], person.landmarks[i]
                seen = picture
                if chance.random() < self.hybrid_share:
                    seen = hybrid(picture, landmarks)
                frame.append(picture)
                motion.append(halve(seen))
                weight.append(importance(landmarks, self.size))
                held.append(person.held[i])
                move.append(np.concatenate([landmarks, person.landmarks[p] - landmarks], 1)[INNER])
                seen_both.append((person.visible[p] & person.visible[i])[INNER])
        return {name: np.stack(rows) for name, rows in
                (("portrait", portrait), ("frame", frame), ("motion", motion), ("weight", weight), ("held", held),
                 ("move", move), ("seen", seen_both))}


def halve(picture):
    """Means of 2 x 2 pixels, rounded: what vv_kernels' average pool gives."""
    n = picture.shape[0] // 2
    return ((picture.reshape(n, 2, n, 2, 3).astype(np.uint16).sum((1, 3)) + 2) // 4).astype(np.uint8)


def fixed_pairs(persons, each, seed):
    """A fixed choice of (person, portrait's number, frame's number), for evaluation."""
    chance = np.random.default_rng(seed)
    return [(p, int(chance.integers(len(p))), int(chance.integers(len(p)))) for p in persons for _ in range(each)]

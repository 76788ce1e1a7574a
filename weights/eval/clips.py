"""What the avatar is given to say in an evaluation, and what is true of it: pieces of voices from dataset folders, of
recordings with aligned phones, silence, and sound that is not its own."""

import dataclasses
import hashlib

import numpy as np

import train_path  # noqa: F401
import sounds
from aligned import Aligned
from dataset import PHONES_PER_FRAME, SAMPLES_PER_FRAME, Dataset
from voices import MOUTH, mouth_of

FPS = 25
ROWS = 4  # of log-mel a frame
LEAD = 15  # frames of silence before a voice, and behind it: nothing of it is cut


@dataclasses.dataclass
class Clip:
    """`pcm`: int16, 16 kHz, a whole number of frames; or, where only that was kept, `mel`, four rows a frame. The rest,
    where it is known: the mouth's opening in cm and whether somebody speaks, a row a frame; the phone that sounds, four a
    frame. `who` says whose voice it is."""

    name: str
    who: str
    character: str
    pcm: np.ndarray = None
    opening: np.ndarray = None
    speaking: np.ndarray = None
    phones: np.ndarray = None
    mel: np.ndarray = None

    @property
    def frames(self):
        return len(self.mel) // ROWS if self.pcm is None else len(self.pcm) // SAMPLES_PER_FRAME

    @property
    def seed(self):
        """Of all chance in it: its own, and always the same."""
        return int.from_bytes(hashlib.sha256(self.name.encode()).digest()[:6], "little")


def led(clip):
    """The same with silence before and behind it."""
    grow = lambda rows, each: None if rows is None else np.pad(rows, LEAD * each)
    return dataclasses.replace(clip, pcm=grow(clip.pcm, SAMPLES_PER_FRAME), opening=grow(clip.opening, 1),
                               speaking=grow(clip.speaking, 1), phones=grow(clip.phones, PHONES_PER_FRAME))


def busiest(speaking, frames):
    """Where the stretch of so many frames begins in which most is said."""
    said = np.concatenate([[0], np.cumsum(speaking)])
    return int(np.argmax(said[frames:] - said[:len(said) - frames]))


def cut(data, talk, side, frames, character):
    """The stretch of one side's voice in which it says most, and the frame in which it begins."""
    state = np.asarray(talk.state(side)).astype(np.float32)
    speaking = state[:, data.state_column("speaking")] > 0.5
    frames = min(frames, len(speaking))
    a = busiest(speaking, frames)
    b = a + frames
    opening = mouth_of(data, np.asarray(talk.pose(side))[a:b])[:, 0]
    return Clip(f"{data.seed}-{talk.index:06d}-{side}", talk.sides[side]["voice"], character,
                talk.audio(side)[a * SAMPLES_PER_FRAME:b * SAMPLES_PER_FRAME], opening, speaking[a:b],
                np.array(talk.phones(side))[a * PHONES_PER_FRAME:b * PHONES_PER_FRAME]), a


def in_turn(items, key):
    """Items in an order in which none has the same key as one before until all keys had their turn."""
    queues = {}
    for item in items:
        queues.setdefault(key(item), []).append(item)
    while queues:
        for name in list(queues):
            yield queues[name].pop(0)
            if not queues[name]:
                del queues[name]


def of_split(folder, split, count, seconds, characters, seed=1, least=0.3):
    """So many pieces of a split, of as many voices as there are, a quarter of them flite's; said by the characters in turn.
    Which they are depends on the seed; sides that speak less than `least` of the time are passed by."""
    data, chance = Dataset(folder), np.random.default_rng(seed)
    sides = [(talk, side) for talk in data.split(split) for side in range(2)]
    sides = [sides[i] for i in chance.permutation(len(sides))]
    voice = lambda s: s[0].sides[s[1]]["voice"]
    flite = [s for s in sides if voice(s).startswith("flite")][:count // 4]
    out = []
    for talk, side in flite + list(in_turn([s for s in sides if not voice(s).startswith("flite")], voice)):
        clip = led(cut(data, talk, side, int(seconds * FPS), characters[len(out) % len(characters)])[0])
        if clip.speaking.sum() >= least * seconds * FPS:
            out.append(clip)
        if len(out) == count:
            break
    return out


def recorded(files, count, seconds, characters, seed=1):
    """Pieces of recorded speakers that no network was trained on, with the mouth that aligned phones make (aligned.py); as
    many speakers as there are, in turn."""
    found, chance, n = Aligned(files, "test"), np.random.default_rng(seed), int(seconds * FPS)
    order = [int(i) for i in chance.permutation(len(found)) if len(found.phone[i]) // 2 >= n]
    out = []
    for i in list(in_turn(order, lambda i: found.sides[i]["speaker"]))[:count]:
        frames = len(found.phone[i]) // 2
        phones = np.repeat(found.phone[i][:2 * frames], 2)
        speaking = (phones != 0).reshape(frames, PHONES_PER_FRAME).any(1)
        opening = found.mouth[i][:2 * frames, MOUTH.index("opening")].reshape(frames, 2).mean(1)
        a = busiest(speaking, n)
        out.append(Clip(found.sides[i]["name"], found.sides[i]["speaker"], characters[len(out) % len(characters)], None,
                        opening[a:a + n], speaking[a:a + n], phones[a * PHONES_PER_FRAME:(a + n) * PHONES_PER_FRAME],
                        found.mel[i][a * ROWS:(a + n) * ROWS].astype(np.float32)))
    return out


def dialogue(folder, minutes, character, seed=1):
    """Half an hour, say, of one side of many conversations after each other: everybody known to be held out."""
    data, chance = Dataset(folder), np.random.default_rng(seed)
    sides = [(talk, side) for split in ("valid", "test") for talk in data.split(split) for side in range(2)]
    pieces = []
    for i in chance.permutation(len(sides)):
        talk, side = sides[i]
        pieces.append(Clip("", "", "", talk.audio(side), mouth_of(data, np.asarray(talk.pose(side)))[:, 0],
                           np.asarray(talk.state(side))[:, data.state_column("speaking")] > 0.5,
                           np.array(talk.phones(side))))
        if sum(p.frames for p in pieces) >= minutes * 60 * FPS:
            break
    frames = int(minutes * 60 * FPS)
    join = lambda name, each: np.concatenate([getattr(p, name) for p in pieces])[:frames * each]
    return Clip(f"{data.seed}-dialogue", f"{len(pieces)} voices", character, join("pcm", SAMPLES_PER_FRAME),
                join("opening", 1), join("speaking", 1), join("phones", PHONES_PER_FRAME))


def quiet(seconds, count, characters):
    """Digital silence."""
    n = int(seconds * FPS)
    return [Clip(f"silence-{i}", "nobody", characters[i % len(characters)], np.zeros(n * SAMPLES_PER_FRAME, np.int16),
                 np.zeros(n, np.float32), np.zeros(n, bool)) for i in range(count)]


def others(voices, kind, seconds, count, characters, below=10.0, seed=1):
    """What is heard while the avatar is silent, `below` dB under speech: kind is noise, music, or distant, somebody of
    `voices` (clips) at the other end of the room."""
    level = np.mean([sounds.level_of(clip.pcm, clip.speaking) for clip in voices]) if voices else sounds.SPEECH
    out, n = [], int(seconds * FPS)
    for i in range(count):
        chance = np.random.default_rng([seed, i])
        if kind == "distant":
            clip = voices[i % len(voices)]
            x = sounds.distant(clip.pcm[LEAD * SAMPLES_PER_FRAME:].astype(np.float64), chance)
        else:
            x = {"noise": sounds.noise, "music": sounds.music}[kind](seconds, chance)
        pcm = sounds.to_pcm(x[:n * SAMPLES_PER_FRAME], level * sounds.decibel(-below))
        frames = len(pcm) // SAMPLES_PER_FRAME
        out.append(Clip(f"{kind}-{i}", kind, characters[i % len(characters)], pcm[:frames * SAMPLES_PER_FRAME],
                        np.zeros(frames, np.float32), np.zeros(frames, bool)))
    return out

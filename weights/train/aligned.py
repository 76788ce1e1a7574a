"""Aligned recordings as training reads them: a speaker's short clips laid one after another, with pauses, in pieces that are
long enough for crops; with the mouth that the performer makes of their phones."""

import os

import numpy as np

from alignment import PAUSE
from voices import MOUTH, mel_of, mouth_of, to_steps

RATE, STEP = 16000, 320  # samples a second, and a step
SECONDS = 12, 28  # of a piece, about
GAP = 0.1, 0.7  # seconds between clips
QUIET = 250  # ms that a clip keeps of the silence at its ends
FADE = 160  # samples at a clip's ends


class AlignedError(Exception):
    """The file is none of align.py's."""


def trimmed(pcm, phones):
    """A clip without most of the silence at its ends, whole milliseconds long."""
    heard = [phone for phone in phones if phone[0] != PAUSE]
    first, last = heard[0][1], heard[-1][2]
    begin, end = max(0, first - QUIET), min(len(pcm) * 1000 // RATE, last + QUIET)
    inside = [(name, max(b, begin) - begin, min(e, end) - begin) for name, b, e in phones if e > begin and b < end]
    return pcm[begin * 16:end * 16], inside


def lay(clips, chance):
    """[(pcm, phones), ...] -> one (pcm int16, phones), with pauses and a quiet noise throughout."""
    sound, phones, at = [], [], 0
    for pcm, times in clips:
        gap = int(chance.uniform(*GAP) * 1000) * RATE // 1000
        begin = (at + gap) * 1000 // RATE
        slope = np.minimum(1, np.arange(len(pcm)) / FADE)
        sound += [np.zeros(gap, np.float32), pcm * slope * slope[::-1] * chance.uniform(0.4, 1.2)]
        phones += [(name, begin + b, begin + e) for name, b, e in times]
        at += gap + len(pcm)
    sound.append(np.zeros(-at % (2 * STEP) + 8 * STEP, np.float32))
    sound = np.concatenate(sound)
    sound += chance.standard_normal(len(sound)) * 10 ** chance.uniform(-0.5, 1)
    return np.clip(np.rint(sound), -32768, 32767).astype(np.int16), phones


def phones_by_step(phones, names, steps):
    """What sounds in the middle of each step, as a number; pauses are 0."""
    out = np.zeros(steps, np.uint8)
    middle = np.arange(steps) * 20 + 10
    for name, begin, end in phones:
        out[(middle >= begin) & (middle < end)] = names.index(name)
    return out


def groups(lengths, chance):
    """Numbers of clips, shuffled, in groups of about SECONDS together; what is left over joins the last."""
    out, total, wanted = [[]], 0, chance.uniform(*SECONDS)
    for k in chance.permutation(len(lengths)):
        if total > wanted:
            out.append([])
            total, wanted = 0, chance.uniform(*SECONDS)
        out[-1].append(k)
        total += lengths[k] + np.mean(GAP)
    if len(out) > 1 and total < SECONDS[0]:
        rest = out.pop()
        out[-1] += rest
    return out


def write_pieces(path, performer, aligned, names, seed):
    """{recording: phones} of one speaker -> a file that Aligned reads. Returns how many seconds that is."""
    chance = np.random.default_rng(seed)
    recordings = list(aligned)
    clips = [trimmed(performer.load(r.file), aligned[r]) for r in recordings]
    mel, mouth, phone, lengths = [], [], [], []
    for group in groups([len(pcm) / RATE for pcm, _ in clips], chance):
        pcm, phones = lay([clips[k] for k in group], chance)
        steps = len(pcm) // STEP
        poses = performer.poses(pcm, phones)
        mel.append(mel_of(pcm)[:2 * steps].astype(np.float16))
        mouth.append(to_steps(mouth_of(poses, poses.rows))[:steps].astype(np.float32))
        phone.append(phones_by_step(phones, names, steps))
        lengths.append(steps)
    about = recordings[0]
    with open(path + ".new", "wb") as file:
        np.savez(file, mel=np.concatenate(mel), mouth=np.concatenate(mouth), phone=np.concatenate(phone), lengths=lengths,
                 speaker=about.speaker, language=about.language, split=about.split, names=names, columns=MOUTH)
    os.replace(path + ".new", path)
    return sum(lengths) * STEP / RATE


class Aligned:
    """The pieces of some files, of known speakers ("train") or of held-out ones ("test"); the same form as voices.Voices:
    mel f16 [rows, 80], mouth f32 [steps, MOUTH], phone u8 [steps], and `sides`, what is known of each."""

    def __init__(self, files, split):
        self.mel, self.mouth, self.phone, self.sides, self.phones = [], [], [], [], None
        for path in files:
            self._add(path, split)

    def _add(self, path, split):
        try:
            with np.load(path, allow_pickle=False) as kept:
                kept = dict(kept)
                names, columns = list(kept["names"]), tuple(kept["columns"])
        except (OSError, ValueError, KeyError) as problem:
            raise AlignedError(f"{path}: {problem}") from problem
        if columns != MOUTH or (self.phones and names != self.phones):
            raise AlignedError(f"{path} has another mouth or other phones; align again")
        self.phones = names
        if kept["split"] != split:
            return
        ends = np.cumsum(kept["lengths"])
        if not len(kept["phone"]) == len(kept["mouth"]) == len(kept["mel"]) // 2 == ends[-1]:
            raise AlignedError(f"{path} is not whole")
        for number, (begin, end) in enumerate(zip(ends - kept["lengths"], ends)):
            self.mel.append(kept["mel"][2 * begin:2 * end])
            self.mouth.append(kept["mouth"][begin:end])
            self.phone.append(kept["phone"][begin:end])
            self.sides.append({"speaker": str(kept["speaker"]), "language": str(kept["language"]), "real": True,
                               "name": f"{kept['speaker']}-{number:03d}"})

    def __len__(self):
        return len(self.mel)

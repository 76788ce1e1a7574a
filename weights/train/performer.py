"""Asks visavis-performer: which recordings there are, what a voice makes of a text, which mouth goes with phones.

    performer = Performer("build/visavis-performer")
    performer.recordings()                         # list of Recording
    performer.say("espeak-fr+m3", "Bonjour.")      # (pcm int16 at 16 kHz, [(phone, begin, end), ...] in milliseconds)
    performer.load("clip.ogg")                     # pcm int16 at 16 kHz
    performer.poses(pcm, phones)                   # Poses
"""

import dataclasses
import subprocess

import numpy as np


class PerformerError(Exception):
    """What was asked for cannot be had; the next question may be asked."""


@dataclasses.dataclass(frozen=True)
class Recording:
    file: str
    language: str
    speaker: str
    split: str  # "test": held out
    text: str  # empty where it is not known


@dataclasses.dataclass(frozen=True)
class Poses:
    """The form of a dataset's poses, as voices.mouth_of takes it. `rows` f32 [frames, columns], 25 a second."""

    pose_columns: list
    rows: np.ndarray

    def pose_column(self, name):
        return self.pose_columns.index(name)


def phones_of(text):
    """ "aa:0-30 b:30-50" -> [("aa", 0, 30), ("b", 30, 50)]"""
    phones = []
    for word in text.split():
        name, _, times = word.partition(":")
        begin, _, end = times.partition("-")
        phones.append((name, int(begin), int(end)))
    return phones


def text_of(phones):
    return " ".join(f"{name}:{begin}-{end}" for name, begin, end in phones)


class Performer:
    def __init__(self, program):
        self.program = program
        self.process = subprocess.Popen([program, "speech"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def recordings(self):
        lines = subprocess.run([self.program, "recordings"], check=True, capture_output=True).stdout.decode().splitlines()
        return [Recording(*line.split("\t")) for line in lines]

    def say(self, voice, text):
        samples, phones = self._ask(f"say\t{voice}\t{' '.join(text.split())}", "speech")
        return self._read(np.int16, int(samples)), phones_of(phones)

    def load(self, file):
        samples, _ = self._ask(f"load\t{file}", "speech")
        return self._read(np.int16, int(samples))

    def poses(self, pcm, phones):
        frames, names = self._ask(f"mouth\t{len(pcm)}\t{text_of(phones)}", "poses", pcm.astype(np.int16).tobytes())
        names = names.split()
        return Poses(names, self._read(np.float32, int(frames) * len(names)).reshape(-1, len(names)))

    def _ask(self, line, kind, more=b""):
        self.process.stdin.write(line.encode() + b"\n" + more)
        self.process.stdin.flush()
        answer = self.process.stdout.readline().decode().rstrip("\n").split("\t")
        if answer[0] == "error":
            raise PerformerError(f"{line.split(chr(9))[0]}: {answer[1]}")
        if answer[0] != kind:
            raise RuntimeError(f"{self.program} ended, or answers something else")
        return answer[1:]

    def _read(self, dtype, count):
        size = count * np.dtype(dtype).itemsize
        values = self.process.stdout.read(size)
        if len(values) != size:
            raise RuntimeError(f"{self.program} ended in the middle of an answer")
        return np.frombuffer(values, dtype)

"""What an alignment is made of, and the file that keeps what was aligned already."""

import os
import re

import numpy as np

from performer import phones_of, text_of

PAUSE = "pau"
VOWELS = frozenset("iy ih eh ae aa ah ax ao ow uh uw ue oe er".split())
HISSES = frozenset(("s", "sh"))
LOW, HIGH = slice(5, 25), slice(55, 80)  # bands of log-mel: where vowels are strong, and where hissing is
NEAR, SIDE, LEAST = 12, 8, 2.0  # rows around a boundary that are looked at, and compared; and how much must change


def plain(text):
    """A text without the marks that its file has for itself."""
    return " ".join(re.sub(r"\\.|%\d|[\"<>_*]", " ", text).split())


def phones_of_steps(owned, phones, step):
    """Which of `phones` each step of `step` ms belongs to (-1: a pause) -> phones with their times there.

    Step s has its middle at (s + 1) step, and two steps meet half-way. Of a phone that a pause divides, the longest part
    stays and the rest is pause."""
    edges = np.concatenate([[0], np.flatnonzero(np.diff(owned)) + 1, [len(owned)]])
    runs = [(int(owned[begin]), int(begin), int(end)) for begin, end in zip(edges[:-1], edges[1:])]
    longest = {}
    for owner, begin, end in runs:
        if end - begin > longest.get(owner, (0, 0))[0]:
            longest[owner] = end - begin, begin
    out = []
    for owner, begin, end in runs:
        name = phones[owner][0] if owner >= 0 and longest[owner][1] == begin else PAUSE
        times = (begin * step + step // 2 if begin else 0, end * step + step // 2)
        if out and name == PAUSE and out[-1][0] == PAUSE:
            out[-1] = (PAUSE, out[-1][1], times[1])
        else:
            out.append((name, *times))
    return out


class Results:
    """What was aligned already, in a file: a line for each clip, its cost (inf: it cannot be aligned) and its phones."""

    def __init__(self, path):
        self.of, self.path, self.file = {}, path, None
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                for line in file:
                    if not line.endswith("\n"):
                        break  # it was cut off here
                    name, cost, phones = line.rstrip("\n").split("\t")
                    self.of[name] = phones_of(phones), float(cost)

    def add(self, name, phones, cost):
        if not self.file:  # anew, without a line that was cut off
            self.file = open(self.path, "w", encoding="utf-8")
            for known, (its_phones, its_cost) in self.of.items():
                self._write(known, its_phones, its_cost)
        self.of[name] = phones, cost
        self._write(name, phones, cost)

    def _write(self, name, phones, cost):
        self.file.write(f"{name}\t{cost:.5f}\t{text_of(phones)}\n")
        self.file.flush()

    def close(self):
        if self.file:
            self.file.close()
            self.file = None

    def best(self, recordings, keep):
        """The share `keep` of these with the lowest cost -> ({recording: phones}, costs of all)."""
        whole = [r for r in recordings if r.file in self.of and np.isfinite(self.of[r.file][1])]
        costs = [self.of[r.file][1] for r in whole]
        limit = np.quantile(costs, keep) if costs else 0
        return {r: self.of[r.file][0] for r, cost in zip(whole, costs) if cost <= limit}, costs


def alignment_lines(kept):
    """{recording: phones} as lines of the alignment file (weights/performer/voice_recorded.h)."""
    return [f"{recording.file}\t{text_of(phones)}\n" for recording, phones in kept.items()]


def sound_errors(mel, phones):
    """Milliseconds by which boundaries between vowels and /s/, /sh/ lie after the sound's own: the row (10 ms) where the
    balance of high and low bands turns most. Boundaries without such a turn near them are left out."""
    balance, errors = mel[:, HIGH].mean(1) - mel[:, LOW].mean(1), []
    for (before, _, end), (after, _, _) in zip(phones, phones[1:]):
        hisses = before in VOWELS and after in HISSES
        if not hisses and not (before in HISSES and after in VOWELS):
            continue
        first = max(0, round(end / 10) - NEAR)
        x = balance[first:first + 2 * NEAR] * (1 if hisses else -1)
        turns = [x[i:i + SIDE].mean() - x[max(0, i - SIDE):i].mean() for i in range(3, len(x) - 2)]
        if turns and max(turns) > LEAST:
            errors.append(end - 10 * (first + 3 + int(np.argmax(turns))))
    return errors

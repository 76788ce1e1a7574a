"""Tests of alignment (weights/train: warp, alignment, aligned, performer) against warps and phones that are known; speaks TAP.
Needs numpy only: what the speech encoder hears is made up here. With the program visavis-performer it is asked, too."""

import os
import sys
import tempfile

import numpy as np

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), *[os.pardir] * 3)
sys.path += [os.path.join(ROOT, *folder) for folder in (("weights", "train"), ("test", "unit"))]
import aligned  # noqa: E402
import alignment  # noqa: E402
import performer  # noqa: E402
import tap  # noqa: E402
from voices import GAP, MOUTH  # noqa: E402
from warp import ALONE, BOTH, FIRST, PAUSE, SECOND, carry_over, warp  # noqa: E402

NEVER = 50.0  # a pause that costs more than anything
NAMES = ["pau", "aa", "m", "s"]


def raises(kind, call, *words):
    try:
        call()
    except kind as problem:
        for word in words:
            assert word in str(problem), f"{problem} does not tell of {word}"
        return
    assert False, f"no {kind.__name__}"


def features(seed, steps):
    """Smooth rows of length 1, as the states of neighbouring steps are alike."""
    x = np.random.default_rng(seed).standard_normal((steps + 2, 16))
    x = x[2:] + x[1:-1] + x[:-2]
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def slow_warp(cost, pause):
    """The cheapest path's sum, place by place."""
    n, m = cost.shape
    total = np.full((n, m), np.inf)
    total[0, 0] = cost[0, 0]
    for i in range(n):
        for j in range(m):
            here = [total[i, j]]
            if i and j:
                here.append(total[i - 1, j - 1] + cost[i, j])
            if i:
                here.append(total[i - 1, j] + cost[i, j] + ALONE)
            if j:
                here.append(total[i, j - 1] + min(cost[i, j] + ALONE, pause[j]))
            total[i, j] = min(here)
    return total[-1, -1]


def the_cheapest_path_is_found():
    chance = np.random.default_rng(1)
    for n, m in ((1, 1), (1, 7), (7, 1), (13, 9), (20, 31)):
        cost, pause = chance.random((n, m)).astype(np.float32), chance.random(m).astype(np.float32)
        path, mean = warp(cost, pause)
        assert abs(mean * (n + m) - slow_warp(cost, pause)) < 1e-4, (n, m)
        total = cost[0, 0]
        for i, j, move in path[1:]:
            total += {BOTH: cost[i, j], FIRST: cost[i, j] + ALONE, SECOND: cost[i, j] + ALONE, PAUSE: pause[j]}[move]
        assert abs(total - mean * (n + m)) < 1e-4, (n, m)


def a_path_goes_from_end_to_end_and_never_back():
    path, _ = warp(np.random.default_rng(2).random((40, 55)).astype(np.float32), np.full(55, 0.4, np.float32))
    assert tuple(path[0, :2]) == (0, 0) and tuple(path[-1, :2]) == (39, 54)
    steps = np.diff(path[:, :2], axis=0)
    assert steps.min() == 0 and steps.max() == 1 and steps.sum(1).min() == 1
    for (i, j), move in zip(steps, path[1:, 2]):
        assert (i, j) == {BOTH: (1, 1), FIRST: (1, 0), SECOND: (0, 1), PAUSE: (0, 1)}[move]


def a_known_warp_is_recovered():
    """Rows that are said faster here and slower there, with noise."""
    chance = np.random.default_rng(3)
    rate = np.repeat(chance.uniform(0.6, 1.7, 12), 25)
    at = np.minimum(np.cumsum(rate), 299).astype(int)
    a, b = features(4, 300), features(4, 300)[at] + 0.1 * chance.standard_normal((len(at), 16))
    b /= np.linalg.norm(b, axis=1, keepdims=True)
    path, mean = warp((1 - a @ b.T).astype(np.float32), np.full(len(b), NEVER, np.float32))
    found = carry_over(path, np.arange(300), 12)
    off = np.abs(found - at)
    assert np.median(off) == 0 and np.quantile(off, 0.95) <= 1, (np.median(off), np.quantile(off, 0.95))
    other, far = features(5, 300), features(6, len(at))
    assert warp((1 - other @ far.T).astype(np.float32), np.full(len(b), NEVER, np.float32))[1] > 2 * mean


def a_pause_of_the_recording_is_told_from_a_slow_sound():
    a = features(7, 60)
    silence = np.ones(16) / 4
    b = np.concatenate([a[:30], np.tile(silence, (40, 1)), a[30:]])
    pause = np.full(len(b), NEVER, np.float32)
    pause[30:70] = 0.1
    path, _ = warp((1 - a @ b.T).astype(np.float32), pause)
    found = carry_over(path, np.arange(60), 12)
    assert (found[31:69] == -1).all() and (found[:29] == np.arange(29)).all() and (found[71:] == np.arange(31, 60)).all()
    assert (carry_over(path, np.arange(60), 60) >= 0).all()  # shorter than the shortest that counts


def warping_nothing_is_an_error():
    raises(ValueError, lambda: warp(np.zeros((0, 4), np.float32), np.zeros(4, np.float32)), "nothing")
    raises(ValueError, lambda: warp(np.zeros((3, 4), np.float32), np.zeros(3, np.float32)), "(3,)", "(4,)")


def steps_become_phones_in_order_without_gaps():
    phones = [("pau", 0, 20), ("m", 20, 80), ("aa", 80, 150)]
    owned = np.array([0] * 3 + [1] * 2 + [-1] * 4 + [1] * 5 + [2] * 6)
    found = alignment.phones_of_steps(owned, phones, 10)
    assert found == [("pau", 0, 95), ("m", 95, 145), ("aa", 145, 205)], found
    twice = alignment.phones_of_steps(np.array([1, 1, -1, 1, 1]), phones, 10)
    assert twice == [("m", 0, 25), ("pau", 25, 55)], twice
    assert performer.phones_of(performer.text_of(found)) == found


def boundaries_are_held_against_the_sound():
    """Vowels with strong low bands, hisses with strong high ones, at known rows; the phones say they are elsewhere."""
    kinds = [("aa", 300), ("s", 120), ("iy", 200), ("sh", 90), ("pau", 100), ("m", 100), ("ow", 150)]
    mel = np.random.default_rng(8).normal(-9, 0.5, (106, 80)).astype(np.float32)
    phones, at = [], 0
    for name, length in kinds:
        rows = slice(at // 10, (at + length) // 10)
        mel[rows, alignment.LOW if name in alignment.VOWELS else alignment.HIGH] += 5 * (name not in ("pau", "m"))
        phones.append((name, at, at + length))
        at += length
    assert alignment.sound_errors(mel, phones) == [0, 0, 0]
    late = [(name, begin + 30, end + 30) for name, begin, end in phones]
    assert alignment.sound_errors(mel, late) == [30, 30, 30]
    assert alignment.sound_errors(np.full((106, 80), -9, np.float32), phones) == []  # nothing to be heard


def marks_of_files_are_not_said():
    assert alignment.plain('Kdo \\"ví\\"?  *Já*, %1 <b>') == "Kdo ví ? Já , b"


def what_was_aligned_is_kept_even_if_cut_off():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "results.txt")
        results = alignment.Results(path)
        results.add("/a.ogg", [("m", 0, 50)], 0.25)
        results.add("/b.ogg", [], np.inf)
        results.add("/c.ogg", [("s", 5, 70), ("aa", 70, 90)], 0.75)
        results.close()
        with open(path, "a", encoding="utf-8") as file:
            file.write("/d.ogg\t0.5\tm:0-1")
        again = alignment.Results(path)
        assert set(again.of) == {"/a.ogg", "/b.ogg", "/c.ogg"}
        assert again.of["/c.ogg"] == ([("s", 5, 70), ("aa", 70, 90)], 0.75)
        clips = [performer.Recording(f"/{n}.ogg", "fr", "x", "train", "") for n in "abcd"]
        kept, costs = again.best(clips, 0.5)
        assert [r.file for r in kept] == ["/a.ogg"] and costs == [0.25, 0.75]
        assert again.best(clips[1:2], 0.5) == ({}, [])
        again.add("/e.ogg", [("m", 0, 1)], 0.125)
        again.close()
        assert set(alignment.Results(path).of) == {"/a.ogg", "/b.ogg", "/c.ogg", "/e.ogg"}


class Made:
    """In the place of the program: clips of noise, and mouths that are open in /aa/."""

    def __init__(self):
        self.asked = []

    def load(self, file):
        return np.random.default_rng(int(file)).integers(-3000, 3000, 16 * int(file)).astype(np.int16)

    def poses(self, pcm, phones):
        self.asked.append((len(pcm), phones))
        rows = np.zeros((-(-len(pcm) // 640), len(GAP)), np.float32)
        middle = np.arange(len(rows)) * 40 + 20
        for name, begin, end in phones:
            rows[(middle >= begin) & (middle < end), 0] = 0.5 * (name == "aa")
        return performer.Poses(list(GAP), rows)


def pieces(folder, name="x.npz", split="train", seed=1):
    made = Made()
    lengths = np.random.default_rng(9).integers(700, 4000, 40)
    clips = {performer.Recording(str(n), "fr", "someone", split, ""): [("m", 0, 200), ("aa", 200, 450), ("s", 450, int(n))]
             for n in sorted(set(int(n) for n in lengths))}
    path = os.path.join(folder, name)
    seconds = aligned.write_pieces(path, made, clips, NAMES, seed)
    return path, seconds, clips, made


def a_clip_loses_the_silence_at_its_ends_but_no_pause_within():
    pcm = np.arange(2000 * 16, dtype=np.int32).astype(np.int16)
    said = [("pau", 0, 700), ("m", 700, 800), ("pau", 800, 1000), ("aa", 1000, 1200), ("pau", 1200, 1999)]
    cut, phones = aligned.trimmed(pcm, said)
    assert phones == [("pau", 0, 250), ("m", 250, 350), ("pau", 350, 550), ("aa", 550, 750), ("pau", 750, 1000)], phones
    assert len(cut) == 16000 and (cut == pcm[450 * 16:1450 * 16]).all()
    cut, phones = aligned.trimmed(pcm[:100 * 16 + 5], [("s", 0, 105)])
    assert len(cut) == 1600 and phones == [("s", 0, 100)]


def pieces_have_the_sound_the_phones_and_the_mouth_of_their_clips():
    with tempfile.TemporaryDirectory() as folder:
        path, seconds, clips, made = pieces(folder)
        read = aligned.Aligned([path], "train")
        assert len(read) == len(made.asked) and read.phones == NAMES
        assert sum(len(p) for p in read.phone) * 0.02 == seconds > sum(int(r.file) for r in clips) / 1000
        vowels = 0
        for k in range(len(read)):
            mel, mouth, phone = read.mel[k], read.mouth[k], read.phone[k]
            assert 500 < len(phone) < 2300 and mel.shape == (2 * len(phone), 80) and mouth.shape == (len(phone), len(MOUTH))
            assert (mel.dtype, mouth.dtype, phone.dtype) == (np.float16, np.float32, np.uint8)
            loud = mel.astype(np.float32).reshape(len(phone), 2, 80).mean((1, 2))
            assert np.corrcoef(loud, phone > 0)[0, 1] > 0.9  # it sounds where phones are
            assert np.corrcoef(mouth[:, 0], phone == 1)[0, 1] > 0.85
            vowels += (np.diff((phone == 1).astype(int)) == 1).sum()
            times = [t for _, begin, end in made.asked[k][1] for t in (begin, end)]
            assert times == sorted(times) and times[-1] * 16 <= made.asked[k][0]
        assert vowels == len(clips)
        assert read.sides[0] == {"speaker": "someone", "language": "fr", "real": True, "name": "someone-000"}


def the_same_seed_makes_the_same_pieces():
    with tempfile.TemporaryDirectory() as folder:
        first, second = (aligned.Aligned([pieces(folder, name)[0]], "train") for name in ("a.npz", "b.npz"))
        other = aligned.Aligned([pieces(folder, "c.npz", seed=2)[0]], "train")
        assert all((a == b).all() for a, b in zip(first.mel, second.mel)) and len(first) == len(second)
        assert len(other) != len(first) or any(a.shape != b.shape for a, b in zip(first.mel, other.mel))


def speakers_keep_to_their_split():
    with tempfile.TemporaryDirectory() as folder:
        files = [pieces(folder, "a.npz", "train")[0], pieces(folder, "b.npz", "test")[0]]
        assert len(aligned.Aligned(files, "train")) == len(aligned.Aligned(files, "test")) > 1
        assert len(aligned.Aligned(files[:1], "test")) == 0


def files_that_are_none_are_named():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "bad.npz")
        raises(aligned.AlignedError, lambda: aligned.Aligned([path], "train"), "bad.npz")
        with open(path, "w", encoding="utf-8") as file:
            file.write("none")
        raises(aligned.AlignedError, lambda: aligned.Aligned([path], "train"), "bad.npz")
        good = dict(np.load(pieces(folder)[0]))
        for change, word in (({"columns": ["opening"]}, "mouth"), ({"phone": good["phone"][1:]}, "whole")):
            np.savez(path, **{**good, **change})
            raises(aligned.AlignedError, lambda: aligned.Aligned([path], "train"), "bad.npz", word)


def the_program_answers():
    """Says a text with phones in order, makes the mouth that goes with them, and tells what it cannot do."""
    if not PROGRAM:
        return "the performer is not built"
    with performer.Performer(PROGRAM) as asked:
        pcm, phones = asked.say("espeak-it+f2", "Mamma, poi papà.")
        lips = [name for name, _, _ in phones if name in ("m", "p")]
        assert lips[0] == "m" and lips[-1] == "p" and len(lips) >= 4, lips
        times = [t for _, begin, end in phones for t in (begin, end)]
        assert times == sorted(times) and abs(times[-1] * 16 - len(pcm)) < 32
        poses = asked.poses(pcm, phones)
        assert len(poses.rows) == -(-len(pcm) // 640)
        jaw = poses.rows[:, poses.pose_column("jawOpen")]
        middles = {name: [jaw[min((b + e) // 80, len(jaw) - 1)] for n, b, e in phones if n == name] for name in ("aa", "pau")}
        assert min(middles["aa"]) > max(middles["pau"]) + 0.05
        raises(performer.PerformerError, lambda: asked.say("nobody", "x"), "no voice of this name")
        raises(performer.PerformerError, lambda: asked.load("/nowhere.ogg"))
        raises(performer.PerformerError, lambda: asked.poses(pcm, [("aa", 50, 20)]), "no phones in order")
        assert (asked.say("espeak-it+f2", "Mamma, poi papà.")[0] == pcm).all()  # and goes on
        for clip in asked.recordings():
            assert clip.split in ("train", "test") and clip.file and clip.language and clip.speaker
    return None


PROGRAM = sys.argv[1] if len(sys.argv) > 1 and os.path.exists(sys.argv[1]) else None

if __name__ == "__main__":
    tap.run(globals(), (Made, raises, features, slow_warp, pieces))

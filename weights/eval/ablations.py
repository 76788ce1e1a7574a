"""What each part of the denoiser is worth: trains it without, for as long as with, and measures all of them alike, by their
latents; and the flow's steps on one of them. A table for docs/model-card.md.

    OMP_WAIT_POLICY=passive python3 ablations.py DATASET... --voices DATASET --speech RUN --head RUN --out FOLDER
        [--train --minutes 15 --small] [--main RUN] [--card docs/model-card.md]

DATASET have latents (weights/train/latents.py). --train trains what is not trained yet, each in FOLDER/NAME, and goes on where
it was stopped; without it whatever is there is measured. --main: the run, or the file, whose steps are compared; without it
the full model of the same minutes.

Lips are read from latents, by a linear reading fitted on performers' frames, which costs nothing; that the picture is whole
is seen by decoding, and encoding again, every CYCLE_EVERYth frame.
"""

import argparse
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import torch
from PIL import Image

import train_path  # noqa: F401
import clips as clips_of
import codec_weights
import generate
import metrics
import model_card
import motion
from dataset import Dataset
from latents import path_of
from run import threads
from train_denoiser import Readout
from voices import mouth_of

HERE = os.path.dirname(os.path.abspath(__file__))
WEIGHTS = os.path.dirname(HERE)
# Name, what is said of it, and what is withheld, as train_denoiser.py and generate.py call it.
ABLATIONS = (
    ("full", "everything", {}), ("entangled", "one attention for all, instead of SDCM's two", {"entangled": True}),
    ("no-bank", "no verbal memory", {"no_bank": True}), ("no-overlap", "no overlap", {"no_overlap": True}),
    ("no-pose", "nothing told: no head pose, gaze, blinks", {"no_pose": True}),
    ("no-eyes", "gaze and blinks not told", {"no_eyes": True}),
)
STEPS = (1, 2, 4, 8, 20)
CYCLE_EVERY = 5
NEVER = 1e6  # minutes


# ---- training ----------------------------------------------------------------------------------------------------------


def train(options, name, withheld):
    """Goes on until the run has had its minutes; at once if it had."""
    command = [sys.executable, os.path.join(WEIGHTS, "train", "train_denoiser.py"), *options.dataset,
               "--speech", options.speech, "--head", options.head, "--run", os.path.join(options.out, name),
               "--codec", options.codec, "--portraits", options.characters, "--minutes", str(options.minutes),
               "--seed", str(options.seed), "--threads", str(options.threads), "--watch", str(NEVER),
               *(["--small"] if options.small else []),
               *(f"--{key.replace('_', '-')}" for key in withheld)]
    subprocess.run(command, check=True)


def spent(folder):
    """(minutes, steps) that a run has had."""
    last = None
    with open(os.path.join(folder, "log.jsonl"), encoding="utf-8") as log:
        for row in map(json.loads, log):
            last = row
    return (last["minutes"], last["step"]) if last else (0, 0)


# ---- what is measured with ---------------------------------------------------------------------------------------------


class Bench:
    """Held-out clips, portraits, and what is known of true latents."""

    def __init__(self, options):
        self.portraits = {}
        for name in sorted(os.listdir(options.characters)):
            if name.endswith(".png"):
                self.portraits[name[:-4]] = np.asarray(Image.open(os.path.join(options.characters, name)).convert("RGB"))
        self.codec, _ = codec_weights.load(options.codec)
        self.origin = {n: torch.from_numpy(generate.latents_of(self.codec, p[None])[0]) for n, p in self.portraits.items()}
        self.clips = [clip for split in ("valid", "test") for clip in clips_of.of_split(
            options.voices, split, options.clips, options.seconds, list(self.portraits), options.seed)]
        self.tracks = [track for folder in options.dataset for track in performed(folder, self.portraits)]
        if not self.tracks:
            raise SystemExit("the datasets have no latents of these characters: run weights/train/latents.py")
        self.unit = float(np.sqrt(np.mean([track.z.astype(np.float32).var(0).mean() for track in self.tracks])))
        true = [self.cycle(track.character, track.z[::25].astype(np.float32)) for track in self.tracks[:8]]
        self.true = float(np.concatenate(true).mean())

    def cycle(self, character, z):
        """Cycle errors of these latents, in deviations of true ones."""
        shown = np.concatenate(list(generate.show(codec_weights.Face(self.codec, self.portraits[character]), z)))
        again = generate.latents_of(self.codec, shown)
        return np.sqrt(((again - z) ** 2).mean((1, 2))) / self.unit

    def reading(self, net):
        sampler = SimpleNamespace(reference=lambda track, _: (self.origin[track.character], None), spread=net.spread)
        return Readout(self.tracks, sampler, net.lips)

    def measure(self, model, steps):
        """One row: lips of known voices and of others, delay, amplitude, cycle error."""
        readout = self.reading(model.denoiser)
        made = generate.latents(model, self.clips, self.portraits, steps)
        r, curves, size, errors = [], [], [], []
        for clip, z in zip(self.clips, made):
            read = readout((torch.from_numpy(z) - self.origin[clip.character]) / model.denoiser.spread).numpy()
            r.append(metrics.correlation(read, clip.opening))
            curves.append(motion.delays(read, clip.opening))
            size.append(motion.amplitude(read, clip.opening))
            errors.append(self.cycle(clip.character, z[::CYCLE_EVERY]))
        half, errors = len(r) // 2, np.concatenate(errors)
        return {"trained": float(np.mean(r[:half])), "untrained": float(np.mean(r[half:])),
                "delay": motion.best_delay(np.mean(curves, 0)), "amplitude": float(np.mean(size)),
                "cycle": float(errors.mean()), "ratio": float(errors.mean() / self.true),
                "worst_ratio": float(errors.max() / self.true)}


def performed(folder, portraits):
    """Performers' true latents of the characters, with the opening of their mouths, frame by frame."""
    data = Dataset(folder)
    for talk in data.split("train"):
        for side in range(2):
            character = talk.sides[side].get("character")
            if character in portraits and os.path.exists(path_of(talk, side)):
                yield SimpleNamespace(z=np.load(path_of(talk, side)), character=character,
                                      opening=mouth_of(data, np.asarray(talk.pose(side)))[:, 0])


# ---- the table ---------------------------------------------------------------------------------------------------------


COLUMNS = (("lips, trained voices, r", "trained", 3), ("lips, voices never heard, r", "untrained", 3),
           ("behind the sound, frames", "delay", 2), ("deviation, share of the truth's", "amplitude", 2),
           ("cycle error", "cycle", 3), ("... times true", "ratio", 2), ("... worst frame, times true", "worst_ratio", 2))


def table(result):
    head = ["without, and steps of the flow", "minutes, steps trained"] + [title for title, _, _ in COLUMNS]
    rows = [[row["what"], row["trained_for"]] + [f"{row[key]:.{digits}f}" for _, key, digits in COLUMNS]
            for row in result["rows"]]
    return (f"{model_card.table(head, rows)}\n\n{result['clips']} clips of {result['seconds']:g} s of either kind of voice. "
            "Lips are read linearly from latents, which is coarser than the probe; the cycle error of true latents is "
            f"{result['true']:.3f} deviations.")


def measure_all(options):
    bench, rows = Bench(options), []

    def add(what, model, steps, minutes_and_steps):
        told = f"{minutes_and_steps[0]:.0f}, {minutes_and_steps[1]}" if minutes_and_steps else ""
        rows.append({"what": what, "trained_for": told, **bench.measure(model, steps)})
        print(json.dumps(rows[-1]), flush=True)

    source = lambda path: generate.Sources(options.speech, options.head, path, options.codec)
    for name, what, withheld in ABLATIONS:
        folder = os.path.join(options.out, name)
        if os.path.exists(os.path.join(folder, "checkpoint.pt")):
            add(what, generate.load(source(folder), generate.Variant(**withheld)), 2, spent(folder))
    main = options.main or os.path.join(options.out, "full")
    if os.path.exists(main):
        model = generate.load(source(main))
        for steps in STEPS:
            trained_for = spent(main) if os.path.isdir(main) else None
            add(f"everything, {steps} step{'s' if steps > 1 else ''}", model, steps, trained_for)
    return {"rows": rows, "true": bench.true, "clips": options.clips, "seconds": options.seconds}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="+")
    parser.add_argument("--voices", required=True, help="a dataset of speech, of whose valid and test splits clips are taken")
    parser.add_argument("--speech", required=True, help="run of train_speech.py")
    parser.add_argument("--head", required=True, help="run of train_head.py")
    parser.add_argument("--out", required=True)
    parser.add_argument("--main", help="the run or file whose steps are compared")
    parser.add_argument("--train", action="store_true")
    parser.add_argument("--minutes", type=float, default=15, help="of training, each")
    parser.add_argument("--small", action="store_true", help="networks of half the width and half the blocks")
    parser.add_argument("--clips", type=int, default=8, help="of known voices, and as many of others")
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--codec", default=os.path.join(WEIGHTS, "codec.safetensors"))
    parser.add_argument("--characters", default=os.path.join(WEIGHTS, "characters"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--card", help="the page whose table is filled in")
    options = parser.parse_args()

    threads(options.threads)
    os.makedirs(options.out, exist_ok=True)
    if options.train:
        for name, _, withheld in ABLATIONS:
            train(options, name, withheld)
    result = measure_all(options)
    if not result["rows"]:
        raise SystemExit("nothing is trained yet: --train")
    with open(os.path.join(options.out, "ablations.json"), "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
        file.write("\n")
    print(table(result))
    if options.card:
        model_card.fill(options.card, "ablations", table(result))


if __name__ == "__main__":
    main()

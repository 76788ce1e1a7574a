"""Measures a trained codec on frames that it was not trained on: a table for docs/model-card.md, sheets, and a JSON file.

    OMP_WAIT_POLICY=passive python3 eval_codec.py WEIGHTS DATASET... --probe probe.safetensors --out FOLDER

WEIGHTS is a training run's folder or a file of weights. Held out are all persons that the performer marks
so, and frames of the shipped characters that are in a dataset of another seed than training's (--training-seeds) or not
in its training split. Flicker is measured where a dataset has every frame (--every 1).
"""

import argparse
import json
import os

import numpy as np
import torch
from PIL import Image

import train_path  # noqa: F401
import codec_weights
import metrics
import model_card
import probe as probing
import sheets
import stills
from dataset import Dataset
from run import threads

SEQUENCE = 40  # frames, for flicker
AMPLIFIED = 4  # differences in the sheets
SETS = {"characters": "shipped characters", "unseen": "unseen people"}
TARGETS = {"characters": (31, 0.94), "unseen": (27, 0.90)}


class Side:
    """One side of one conversation: its pictures and what is true of them."""

    def __init__(self, data, talk, side):
        self.pictures, self.landmarks = talk.pictures(side), np.array(talk.landmarks(side))
        self.truth = np.array(talk.truth(side))
        self.pose = np.asarray(talk.pose(side))[np.asarray(talk.picture_frames(side))].astype(np.float32)
        self.lip_gap = self.truth[:, data.truth_column("lip_gap")]
        self.lid_gap = self.truth[:, data.truth_column("lid_gap_left")]
        still = self.pose[:, :probing.EXPRESSIONS]
        turned = self.pose[:, [data.pose_column(n) for n in probing.POSE]] / 0.2
        self.unrest = (still**2).sum(1) + (turned**2).sum(1)  # least in a portrait: at rest, looking at us
        self.consecutive = data.every == 1


class Subject:
    """A person with all their held-out frames: rows of (side, number)."""

    def __init__(self, name, sides):
        self.name, self.sides = name, sides
        self.frames = [(s, i) for s in sides for i in range(len(s.pictures))]
        self.portrait = min(self.frames, key=lambda f: f[0].unrest[f[1]])

    def sample(self, count, chance):
        """That many of its frames, without the portrait."""
        frames = [f for f in self.frames if f != self.portrait]
        chosen = chance.choice(len(frames), min(count, len(frames)), replace=False)
        return [frames[i] for i in sorted(chosen)]


def picture(frame):
    return np.asarray(frame[0].pictures[frame[1]])


def subjects(folders, training_seeds):
    """Held-out persons by set, training having been on datasets of those seeds: {"characters": [...], "unseen": [...]}."""
    found = {name: {} for name in SETS}
    for folder in folders:
        data = Dataset(folder)
        for split in data.splits:
            for talk in data.split(split):
                for side, about in enumerate(talk.sides):
                    name = about.get("character")
                    if name and (split != "train" or data.seed not in training_seeds):
                        found["characters"].setdefault(name, []).append(Side(data, talk, side))
                    elif not name and about["identity_held_out"]:
                        found["unseen"].setdefault(f"{data.seed}-{about['identity']}", []).append(Side(data, talk, side))
    return {name: [Subject(k, v) for k, v in sorted(people.items())] for name, people in found.items()}


def crop_psnr(a, b, landmarks, part):
    """PSNR in the box of some landmarks, with a margin of a 32nd of the picture."""
    area = stills.box(landmarks[part], len(a) // 32, len(a))
    return metrics.psnr(a[area], b[area])


class Sample:
    """Frames of a set, and what was made of them."""

    def __init__(self, frames, groups):
        self.frames, self.group = frames, np.array(groups)
        self.original = np.stack([picture(f) for f in frames])
        self.landmarks = np.stack([s.landmarks[i] for s, i in frames])
        self.lip_gap = np.array([s.lip_gap[i] for s, i in frames])

    def measure(self, shown, probe, threshold):
        """What one column of the table says of `shown`, which stands for the originals; without a probe, what needs none."""
        pairs = list(zip(shown, self.original, self.landmarks))
        psnr = np.array([metrics.psnr(a, b) for a, b, _ in pairs])
        out = {
            "frames": len(shown), "subjects": int(self.group.max()) + 1,
            "psnr": float(psnr.mean()),
            "psnr_worst_subject": float(min(psnr[self.group == g].mean() for g in np.unique(self.group))),
            "ssim": float(np.mean([metrics.ssim(a, b) for a, b, _ in pairs])),
            "psnr_mouth": float(np.mean([crop_psnr(*p, stills.LIPS) for p in pairs])),
            "psnr_eyes": float(np.mean([crop_psnr(*p, stills.EYES) for p in pairs])),
        }
        if probe:
            out.update(self.read(shown, probe, threshold))
        return out

    def read(self, shown, probe, threshold):
        """What the probe says of the same."""
        seen, true = (probing.read(probe, x, self.landmarks) for x in (shown, self.original))
        lips, lips_of_original = (x["measures"][:, probe.column("lip_gap")] for x in (seen, true))
        like = (seen["identity"] * true["identity"]).sum(1)
        return {
            "lip_gap_mm": float(10 * np.abs(lips - self.lip_gap).mean()),
            "lip_gap_r": metrics.correlation(lips, self.lip_gap, self.group),
            "lip_gap_mm_of_original": float(10 * np.abs(lips_of_original - self.lip_gap).mean()),
            "lip_gap_r_of_original": metrics.correlation(lips_of_original, self.lip_gap, self.group),
            "landmarks": float(metrics.landmark_error(seen["landmarks"], true["landmarks"]).mean()),
            "identity": float(1 - like.mean()),
            "verified": float((like > threshold).mean()),
            "fid": metrics.frechet(seen["features"], true["features"]),
        }


def decode(codec, portraits, frames):
    """Frames decoded from their own latents on portraits, one for each: pictures, latents, latents of the decoded."""
    out, z, again = [], [], []
    faces = {}
    for (side, number), frame in zip(portraits, frames):
        key = (id(side), number)
        if key not in faces:
            faces[key] = codec_weights.Face(codec, picture((side, number)))
        z.append(codec_weights.motion(codec, picture(frame)[None]))
        out.append(faces[key].decode(z[-1]))
        again.append(codec_weights.motion(codec, out[-1]))
    return np.concatenate(out), torch.cat(z).numpy(), torch.cat(again).numpy()


def choose(people, count, chance):
    """About `count` frames, as many of each person."""
    each = max(1, -(-count // len(people)))
    return [(k, frame) for k, p in enumerate(people) for frame in p.sample(each, chance)]


def flickers(codec, people):
    """Mean flicker over the first sequence of each person that has one: steps of 255, share of the change; their number."""
    values = []
    for person in people:
        side = next((s for s in person.sides if s.consecutive), None)
        if side is not None:
            frames = [(side, i) for i in range(min(SEQUENCE, len(side.pictures)))]
            shown = decode(codec, [person.portrait] * len(frames), frames)[0]
            values.append(metrics.flicker(shown, np.stack([picture(f) for f in frames])))
    return (*np.mean(values, 0).tolist(), len(values)) if values else (None, None, 0)


def evaluate_set(codec, probe, name, people, count, chance):
    """All columns of a set, and the sample with its decoded pictures. `probe` is what load_probe() gives."""
    chosen = choose(people, count, chance)
    frames = [frame for _, frame in chosen]
    sample = Sample(frames, [k for k, _ in chosen])
    portraits = [people[k].portrait for k, _ in chosen]
    shown, z, again = decode(codec, portraits, frames)
    columns = {name: sample.measure(shown, *probe)}
    cycle = metrics.cycle_error(z, again)
    flicker = flickers(codec, people)
    columns[name].update(cycle=float(cycle.mean()), cycle_worst=float(cycle.max()), flicker=flicker[0],
                         flicker_share=flicker[1], flicker_sequences=flicker[2])
    columns[name + "_portrait_held"] = sample.measure(np.stack([picture(p) for p in portraits]), *probe)
    # Any other frame of the side as the portrait: eyes may be shut in it, the mouth open, the head turned.
    others = [(s, (i + 1 + int(chance.integers(len(s.pictures) - 1))) % len(s.pictures)) for s, i in frames]
    columns[name + "_any_portrait"] = sample.measure(decode(codec, others, frames)[0], *probe)
    return columns, sample, shown


def difference(a, b):
    return np.clip(128 + AMPLIFIED * (a.astype(int) - b.astype(int)), 0, 255).astype(np.uint8)


def sheet(sample, shown, people):
    """Original, decoded and difference of a frame with an open mouth and open eyes of each of the first eight persons."""
    rows = []
    for k in range(min(8, len(people))):
        of = [n for n in range(len(sample.frames)) if sample.group[n] == k]
        open_eyes = [n for n in of if sample.frames[n][0].lid_gap[sample.frames[n][1]] > 0.5] or of
        n = max(open_eyes, key=lambda n: sample.lip_gap[n])
        rows.append((sample.original[n], shown[n], difference(shown[n], sample.original[n])))
    return sheets.grid(rows, 2)


def cell(value, digits):
    return "" if value is None else f"{value:.{digits}f}"


LINES = (
    ("PSNR, dB", "psnr", 2), ("... of the worst person", "psnr_worst_subject", 2), ("SSIM", "ssim", 4),
    ("PSNR of the mouth, dB", "psnr_mouth", 2), ("PSNR of the eyes, dB", "psnr_eyes", 2),
    ("mouth opening, mean error, mm", "lip_gap_mm", 2), ("... the probe's own, on originals", "lip_gap_mm_of_original", 2),
    ("mouth opening, r with the truth", "lip_gap_r", 3), ("... the probe's own, on originals", "lip_gap_r_of_original", 3),
    ("landmarks, % of the eyes' distance", "landmarks", 2), ("identity, cosine distance", "identity", 3),
    ("recognised as the same person, %", "verified", 1), ("FID on the probe's features", "fid", 3),
    ("cycle error, standard deviations", "cycle", 3), ("... of the worst frame", "cycle_worst", 3),
    ("flicker, steps of 255", "flicker", 3), ("... as a share of the true change", "flicker_share", 3),
)


def report_table(result):
    columns = [c for name in SETS for c in (name, name + "_any_portrait", name + "_portrait_held") if c in result["columns"]]
    titles = {"": "", "_any_portrait": ", any portrait", "_portrait_held": ", held still"}
    head = ["held-out frames"]
    for column in columns:
        name = next(n for n in SETS if column.startswith(n))
        head.append(SETS[name] + titles[column[len(name):]])
    rows = [["frames (people)"] + [f"{result['columns'][c]['frames']} ({result['columns'][c]['subjects']})" for c in columns]]
    for title, key, digits in LINES:
        scale = 100 if key == "verified" else 1
        values = [result["columns"][c].get(key) for c in columns]
        rows.append([title] + [cell(None if v is None else scale * v, digits) for v in values])
    return model_card.table(head, rows)


def verdicts(result):
    """One line for each target, met or not."""
    lines = []
    for name, (psnr, ssim) in TARGETS.items():
        got = result["columns"].get(name)
        if got:
            met = got["psnr"] >= psnr and got["ssim"] >= ssim
            lines.append(f"- {SETS[name]}: {got['psnr']:.2f} dB and {got['ssim']:.4f}; the target is {psnr} dB and {ssim:.2f}: "
                         f"{'met' if met else 'not met'}.")
    return "\n".join(lines)


def facts(result):
    parts = ", ".join(f"{name} {count / 1e6:.2f} M" for name, count in result["parameters"].items())
    trained = f" Trained for {result['steps']} steps, {result['minutes'] / 60:.1f} hours." if "minutes" in result else ""
    return f"Parameters: {parts}.{trained} The sample's seed is {result['seed']}."


def add_training_seeds(parser):
    parser.add_argument("--training-seeds", type=int, nargs="*", help="of the datasets that the codec was trained on; a "
                        "file of weights says so itself")


def training_seeds(options, about):
    """Those of the command line, or of the weights' provenance; without either nothing can be called held out."""
    seeds = options.training_seeds or about.get("dataset_seed")
    if not seeds:
        raise SystemExit("say which datasets the codec was trained on: --training-seeds")
    return seeds


def load_probe(path):
    """The probe, and the cosine above which two faces are one person's; None and None without a file."""
    if not path:
        return None, None
    probe, about = probing.load(path)
    return probe, about["metrics"]["threshold"]


def write_picture(path, picture_):
    Image.fromarray(picture_).save(path, quality=84, optimize=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights")
    parser.add_argument("dataset", nargs="+")
    parser.add_argument("--probe", help="a file that train_probe.py wrote; without it, its rows stay empty")
    parser.add_argument("--out", required=True, help="folder for codec.json and the sheets")
    parser.add_argument("--card", help="the page whose table is filled in")
    parser.add_argument("--frames", type=int, default=400, help="of each set")
    add_training_seeds(parser)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()

    threads(options.threads)
    codec, about = codec_weights.load(options.weights)
    probe = load_probe(options.probe)
    os.makedirs(options.out, exist_ok=True)
    chance = np.random.default_rng(options.seed)
    result = {**{k: about[k] for k in ("steps", "minutes") if k in about}, "seed": options.seed,
              "parameters": {n: sum(p.numel() for k, p in part.named_parameters() if "preview" not in k)
                             for n, part in codec.named_children()}, "columns": {}}
    for name, people in subjects(options.dataset, training_seeds(options, about)).items():
        if not people:
            print(f"no held-out frames of {SETS[name]} in there")
            continue
        columns, sample, shown = evaluate_set(codec, probe, name, people, options.frames, chance)
        result["columns"].update(columns)
        write_picture(os.path.join(options.out, f"codec-{name}.jpg"), sheet(sample, shown, people))
        print(f"{name}: {columns[name]['psnr']:.2f} dB, SSIM {columns[name]['ssim']:.4f}", flush=True)
    with open(os.path.join(options.out, "codec.json"), "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
        file.write("\n")
    text = f"{report_table(result)}\n\n{verdicts(result)}\n\n{facts(result)}"
    print(text)
    if options.card:
        model_card.fill(options.card, "codec", text)


if __name__ == "__main__":
    main()

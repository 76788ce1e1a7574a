"""Trains the probe (probe.py) on a dataset folder with raw pictures, and says how well it reads persons it never saw.

    OMP_WAIT_POLICY=passive python3 train_probe.py DATASET... RUN --minutes 12

RUN gets log.jsonl, checkpoint.pt, and at the end probe.safetensors and report.json; --card has a page's table filled in.
Pictures are moved, scaled, blurred, made noisy and given other colours and backgrounds, so that it reads decoded frames as
it reads drawn ones, and tells persons by their faces.
"""

import argparse
import json
import os

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import train_path  # noqa: F401
import metrics
import model_card
import probe as probing
from dataset import Dataset
from run import Run, threads

SCALE, MARGIN = 16.0, 0.2  # of cosines, in telling persons apart
SHOWN = ("jawOpen", "mouthSmile_L", "mouthPucker", "mouthFunnel", "mouthUpperUp_L", "mouthLowerDown_L", "browInnerUp_L",
         "browOuterUp_L", "eyeBlink_L", "eyeWide_L", "cheekSquint_L", "mouthPress_L")


def small(pictures):
    """Pictures [n, h, h, 3] at the probe's size, and how many times smaller that is. Made once, since steps are short."""
    factor = pictures.shape[1] // probing.SIZE
    total = np.full((len(pictures), probing.SIZE, probing.SIZE, 3), factor * factor // 2, np.uint16)
    for y in range(factor):
        for x in range(factor):
            total += pictures[:, y::factor, x::factor]
    return (total // (factor * factor)).astype(np.uint8), factor


class Person:
    """Everything of one side of one conversation that the probe learns from."""

    def __init__(self, data, talk, side):
        self.who = talk.sides[side].get("character") or f"{data.seed}-{talk.sides[side]['identity']}"
        self.pictures, factor = small(talk.pictures(side))
        self.landmarks = np.array(talk.landmarks(side)) / factor
        self.visible = np.array(talk.visible(side))
        pose = np.asarray(talk.pose(side))[np.asarray(talk.picture_frames(side))].astype(np.float32)
        truth = np.asarray(talk.truth(side))
        self.measures = np.concatenate(
            [pose[:, :probing.EXPRESSIONS], pose[:, [data.pose_column(n) for n in probing.POSE]],
             truth[:, [data.truth_column(n) for n in probing.TRUTH]]], 1).astype(np.float32)


def people(folders, split):
    """Persons of a split, and the names of what is measured."""
    persons, columns = [], None
    for folder in folders:
        data = Dataset(folder)
        columns = data.pose_columns[:probing.EXPRESSIONS] + list(probing.POSE) + list(probing.TRUTH)
        persons += [Person(data, talk, side) for talk in data.split(split) for side in range(2)]
    return persons, columns


def take(chosen):
    """Rows of (person, number) -> arrays."""
    return (np.stack([p.pictures[i] for p, i in chosen]), np.stack([p.landmarks[i] for p, i in chosen]),
            np.stack([p.visible[i] for p, i in chosen]), np.stack([p.measures[i] for p, i in chosen]))


def uniform(n, low, high):
    return torch.rand(n, 1, 1, 1) * (high - low) + low


def augment(x, points):
    """Pictures [b, 3, 128, 128] and landmarks [b, 68, 2], in -1..1, seen otherwise."""
    n = len(x)
    scale, shift = uniform(n, 0.85, 1.18)[:, 0, 0], torch.rand(n, 2) * 0.3 - 0.15
    at = (torch.arange(probing.SIZE) * 2 + 1) / probing.SIZE - 1
    grid = torch.stack(torch.meshgrid(at, at, indexing="xy"), 2)[None] * scale[:, None, None] + shift[:, None, None]
    x = F.grid_sample(x, grid, padding_mode="border", align_corners=False)
    points = (points - shift[:, None]) / scale[:, None]
    # Another background for a third, a plain one for a third.
    mask, kind = probing.face_mask(points, probing.SIZE), torch.rand(n)[:, None, None, None]
    other = torch.where(kind < 1 / 3, x.roll(1, 0).flip(3), (torch.rand(n, 3, 1, 1) * 1.6 - 0.8).expand_as(x))
    x = torch.where(kind < 2 / 3, x * mask + other * (1 - mask), x)
    x = x * uniform(n, 0.8, 1.2) * (1 + 0.12 * torch.randn(n, 3, 1, 1)) + 0.1 * torch.randn(n, 1, 1, 1)
    soft = F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
    softer = F.avg_pool2d(soft, 3, 1, 1, count_include_pad=False)
    blurred, much = (torch.rand(n, 1, 1, 1) < 0.5), uniform(n, 0, 1)
    x = torch.where(blurred, x + much * (torch.where(torch.rand(n, 1, 1, 1) < 0.5, soft, softer) - x), x)
    x = x + uniform(n, 0, 0.05) * torch.randn_like(x)
    return x.clamp(-1, 1).contiguous(memory_format=torch.channels_last), points


class Persons(nn.Module):
    """Cosines with one direction a training person; only for training."""

    def __init__(self, count):
        super().__init__()
        self.directions = nn.Parameter(torch.randn(count, probing.IDENTITY))

    def forward(self, identity, who):
        cosines = identity @ F.normalize(self.directions, dim=1).T
        wanted = F.one_hot(who, len(self.directions))
        return F.cross_entropy(SCALE * (cosines - MARGIN * wanted), who)


def apart(identity, who):
    """How unlikely the other pictures of one's person are among all others of the batch, by their cosines."""
    itself = torch.eye(len(who), dtype=torch.bool)
    chances = torch.log_softmax((SCALE * identity @ identity.T).masked_fill(itself, -1e4), 1)
    same = (who[:, None] == who) & ~itself
    return -(chances * same).sum() / same.sum()


def losses(net, persons, pictures, points, visible, wanted, who):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found, measures, _, identity = net(pictures)
    weight = (0.2 + 0.8 * visible)[..., None]
    # 0.02 of half a picture is one pixel of 128: finer than that the square takes over from the distance.
    place = (F.smooth_l1_loss(found, points, beta=0.02, reduction="none") * weight).mean()
    return {"place": place, "measure": F.smooth_l1_loss(measures, wanted), "who": persons(identity, who),
            "pair": apart(identity, who)}


WEIGHTS = {"place": 20.0, "measure": 1.0, "who": 0.1, "pair": 0.2}


def pairs(persons, each, seed):
    """Cosine pairs: (person, i, j) of one, and ((person, i), (other, j)) of two; by identity, not by conversation."""
    chance = np.random.default_rng(seed)
    same, different = [], []
    for p in persons:
        others = [q for q in persons if q.who != p.who]
        for _ in range(each):
            i, j = chance.choice(len(p.pictures), 2, replace=False)
            same.append(((p, int(i)), (p, int(j))))
            q = others[chance.integers(len(others))]
            different.append(((p, int(i)), (q, int(chance.integers(len(q.pictures))))))
    return same, different


def cosines(net, chosen):
    sides = []
    for part in zip(*chosen):
        pictures, landmarks, _, _ = take(part)
        sides.append(probing.read(net, pictures, landmarks)["identity"])
    return (sides[0] * sides[1]).sum(1)


def report(net, known, unseen, each=20, seed=5):
    """How well it reads `each` pictures of every person: a dictionary of numbers."""
    chance = np.random.default_rng(seed)
    rows = [(p, int(i)) for p in unseen for i in chance.choice(len(p.pictures), min(each, len(p.pictures)), replace=False)]
    group = np.array([k for k, p in enumerate(unseen) for _ in range(min(each, len(p.pictures)))])
    pictures, landmarks, visible, truth = take(rows)
    seen = probing.read(net, pictures, landmarks)
    error = np.linalg.norm(seen["landmarks"] - landmarks, axis=2)
    eyes = np.linalg.norm(landmarks[:, 36] - landmarks[:, 45], axis=1)[:, None]
    shown = visible > 0
    measure = {name: (seen["measures"][:, k], truth[:, k]) for k, name in enumerate(net.columns)}
    out = {"pictures": len(rows), "persons": len(unseen),
           "landmark_percent": float(metrics.landmark_error(seen["landmarks"], landmarks).mean()),
           "landmark_visible_percent": float((100 * error / eyes)[shown].mean()),
           "lip_gap_mm": float(10 * np.abs(np.subtract(*measure["lip_gap"])).mean()),
           "lid_gap_mm": float(10 * np.abs(np.subtract(*measure["lid_gap_left"])).mean())}
    for name in ("lip_gap", "lid_gap_left", *SHOWN):
        out[f"r_{name}"] = metrics.correlation(*measure[name], group)
    for name in probing.POSE:
        out[f"{name}_degrees"] = float(np.degrees(np.abs(np.subtract(*measure[name])).mean()))
        out[f"{name}_spread_degrees"] = float(np.degrees(measure[name][1].std()))
        out[f"r_{name}"] = metrics.correlation(*measure[name], group)
    same, different = pairs(known, 2, seed)
    threshold = metrics.verification(cosines(net, same), cosines(net, different))[1]
    same, different = pairs(unseen, 20, seed)
    same, different = cosines(net, same), cosines(net, different)
    out.update(verified=metrics.verification(same, different, threshold)[0], threshold=threshold,
               cosine_same=float(same.mean()), cosine_different=float(different.mean()))
    return out


def report_table(result):
    """What report() found, as a table."""
    def r(name):
        return f"{result[f'r_{name}']:.3f}"

    rows = [["landmarks, mean error in % of the eyes' distance", f"{result['landmark_percent']:.2f}"],
            ["mouth opening, mean error", f"{result['lip_gap_mm']:.2f} mm"], ["mouth opening, r", r("lip_gap")],
            ["lid opening, mean error", f"{result['lid_gap_mm']:.2f} mm"], ["lid opening, r", r("lid_gap_left")]]
    for name in probing.POSE:
        rows.append([f"{name.replace('_', ' ')}, mean error (its spread); r",
                     f"{result[f'{name}_degrees']:.2f}° ({result[f'{name}_spread_degrees']:.2f}°); {r(name)}"])
    rows.append(["expression weights, r", ", ".join(f"{name} {r(name)}" for name in SHOWN)])
    rows.append(["same person or not, from two cut-out faces", f"{100 * result['verified']:.1f} % right"])
    return (model_card.table([f"{result['pictures']} pictures of {result['persons']} unseen people", ""], rows)
            + f"\n\n{result['parameters'] / 1e6:.1f} M parameters, {result['steps']} steps, {result['minutes']:.0f} minutes. "
            "r is within each person.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="+")
    parser.add_argument("run")
    parser.add_argument("--minutes", type=float, default=12)
    parser.add_argument("--card", help="the page whose table is filled in")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--persons", type=int, default=16, help="persons in a batch, three pictures of each")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()

    threads(options.threads)
    known, columns = people(options.dataset, "train")
    unseen = people(options.dataset, "valid")[0]
    if len(known) < options.persons or not unseen:
        raise SystemExit("train_probe.py: too few pictures in there (make them with --pictures raw)")
    names = {who: k for k, who in enumerate(sorted({p.who for p in known}))}
    values = np.concatenate([p.measures for p in known])
    mean, spread = values.mean(0), values.std(0)
    used = torch.from_numpy((spread > 1e-3).astype(np.float32))  # the performer never moves some
    print(f"{len(known)} sides, {len(names)} persons, {len(values)} pictures; {len(unseen)} sides unseen", flush=True)

    torch.manual_seed(options.seed)
    net = probing.Probe(columns, mean, np.maximum(spread, 1e-3)).to(memory_format=torch.channels_last)
    persons = Persons(len(names))
    optimizer = torch.optim.AdamW([*net.parameters(), *persons.parameters()], lr=options.rate, weight_decay=1e-3)
    run = Run(options.run, {"probe": net, "persons": persons}, optimizer, options.minutes, options.seed, smoothing=0.998)
    chance = np.random.default_rng(options.seed * 1000003 + run.step)
    while run.fraction < 1:
        rate = run.rate(options.rate)
        chosen = [(known[k], int(i)) for k in chance.choice(len(known), options.persons, replace=False)
                  for i in chance.integers(len(known[k].pictures), size=3)]
        pictures, landmarks, visible, wanted = take(chosen)
        x, points = augment(probing.to_input(pictures), torch.from_numpy(landmarks / (pictures.shape[1] / 2) - 1))
        wanted = (torch.from_numpy(wanted) - net.mean) / net.spread * used
        who = torch.tensor([names[p.who] for p, _ in chosen])
        parts = losses(net, persons, x, points, torch.from_numpy(visible).float(), wanted, who)
        run.advance(sum(WEIGHTS[name] * value for name, value in parts.items()))
        if run.step % 50 == 0:
            run.log(rate=rate, **{name: value.item() for name, value in parts.items()})
        run.save()
    run.save(0)

    net.load_state_dict(run.smoothed("probe"))
    net.eval()
    result = report(net, known, unseen)
    result.update(steps=run.step, minutes=run.spent / 60, seed=options.seed,
                  parameters=sum(p.numel() for p in net.parameters()))
    print(json.dumps(result, indent=1))
    with open(os.path.join(options.run, "report.json"), "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
        file.write("\n")
    if options.card:
        model_card.fill(options.card, "probe", report_table(result))
    seeds = [Dataset(folder).seed for folder in options.dataset]
    probing.save(os.path.join(options.run, "probe.safetensors"), net,
                 {"dataset_seeds": seeds, "seed": options.seed, "steps": run.step, "metrics": result})


if __name__ == "__main__":
    main()

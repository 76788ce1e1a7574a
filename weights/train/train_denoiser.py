"""Stage one of the denoiser's training: one speaker, the lip branch and what the head generator tells; the context branch
knows of nobody else yet.

    OMP_WAIT_POLICY=passive python3 train_denoiser.py DATASET... --speech RUN --head RUN --run RUN --minutes 90

The datasets need latents (latents.py). RUN gets log.jsonl and checkpoint.pt; the same command goes on after an
interruption, with whatever data there is by then.
"""

import argparse
import json
import os
import time

import numpy as np
import torch

from dataset import Dataset
from denoiser import Denoiser, DenoiserConfig
from head import Head, HeadConfig
from latents import CODEC, load_codec
from optimizer import Muon
from run import Run, threads
from tracks import Sampler, load_speech, load_tracks, portraits

LIPS, EYES = 4.0, 3.0  # how much their tokens' loss counts, to 1
SHUT = 2.0  # how much more the lips' tokens count in frames of /p b m/: a mouth nearly shut is wrong
FORGET, DEAF, UNMOVED, AT_REST = 0.35, 0.05, 0.15, 0.04  # shares of windows without overlap, speech, emotion; just begun
OVERLAP_NOISE = 0.3


def load_head(run):
    saved = torch.load(os.path.join(run, "checkpoint.pt"), map_location="cpu")
    head = Head(HeadConfig())
    head.load_state_dict({k[len("head."):]: v for k, v in saved["smooth"].items()})
    return head.eval()


def regions(folders, grid, limit=60):
    """Soft masks on the grid of lower face and eyes: where they are, over people and poses."""
    fine = grid * 8
    ys, xs = np.mgrid[0:fine, 0:fine] + 0.5
    lips, eyes, count = np.zeros((fine, fine)), np.zeros((fine, fine)), 0
    for folder in folders:
        data = Dataset(folder)
        for talk in list(data.split("train"))[:limit]:
            for side in range(2):
                for points in np.asarray(talk.landmarks(side))[::25] * fine / data.picture_size:
                    inset = (points[12, 0] - points[4, 0]) * 0.12
                    lips += ((xs >= points[4, 0] + inset) & (xs <= points[12, 0] - inset)
                             & (ys >= points[33, 1] + fine / 64) & (ys <= points[8, 1] + fine * 3 / 64))
                    low, high = points[36:48].min(0) - fine / 40, points[36:48].max(0) + fine / 40
                    eyes += (xs >= low[0]) & (xs <= high[0]) & (ys >= low[1]) & (ys <= high[1])
                    count += 1
    cells = lambda m: torch.from_numpy((m / count).reshape(grid, 8, grid, 8).mean((1, 3)).reshape(-1)).float()
    snap = lambda m: torch.where(m < 0.02, torch.zeros_like(m), torch.where(m > 0.98, torch.ones_like(m), m))
    return snap(cells(lips)), cells(eyes)


def flow_times(count):
    """Half of them where sampling in two steps asks, the others from a logit-normal."""
    t = torch.sigmoid(torch.randn(count))
    asked = torch.rand(count)
    t[asked < 0.25] = 1.0
    t[(asked >= 0.25) & (asked < 0.5)] = 0.5
    return t


def velocity(net, batch, x, t, forget=None):
    context = net.context(batch["overlap"], batch["reference"], forget)
    condition = net.condition(batch["speech"], batch["coarse"])
    return net.velocity(x, t, batch["emotion"], batch["told"], batch["mask"], batch["reference"], context, condition)


def withhold(batch):
    """Conditions dropped independently, the overlap disturbed; says which overlaps to forget."""
    n = len(batch["x"])
    lost = lambda share: torch.rand(n) < share
    at_rest = lost(AT_REST)
    batch["overlap"] = torch.where(at_rest[:, None, None, None], torch.zeros(()), batch["overlap"])
    batch["overlap"] = batch["overlap"] + OVERLAP_NOISE * torch.rand(n, 1, 1, 1) * torch.randn_like(batch["overlap"])
    deaf = lost(DEAF)
    batch["speech"] = torch.where(deaf[:, None, None], torch.zeros(()), batch["speech"])
    batch["emotion"] = torch.where(lost(UNMOVED)[:, None], torch.zeros(()), batch["emotion"])
    return lost(FORGET) & ~at_rest


def loss_of(net, batch, weight):
    forget = withhold(batch)
    x = batch["x"]
    t, noise = flow_times(len(x)), torch.randn_like(x)
    at = t[:, None, None, None]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        v = velocity(net, batch, (1 - at) * x + at * noise, t, forget)
    error = (v - (noise - x)).square()
    shut = 1 + SHUT * batch["shut"][..., None] * net.lips
    return (error * (weight * shut)[..., None]).mean(), error.detach()


class Readout:
    """A linear reading of the mouth's opening from latents, for watching only."""

    def __init__(self, tracks, sampler, lips):
        self.cells = lips > 0.2
        rows, truth = [], []
        for track in tracks:
            z_ref = sampler.reference(track, False)[0]
            rows.append(((torch.from_numpy(track.z[::4].astype(np.float32)) - z_ref) / sampler.spread)[:, self.cells].flatten(1))
            truth.append(torch.from_numpy(track.opening[::4]))
        a, y = torch.cat(rows), torch.cat(truth).float()
        self.middle, self.mean = a.mean(0), y.mean()
        a = a - self.middle
        self.weight = torch.linalg.solve(a.T @ a + 30 * torch.eye(a.shape[1]), a.T @ (y - self.mean))

    def __call__(self, dz):
        return (dz[..., self.cells, :].flatten(-2) - self.middle) @ self.weight + self.mean


@torch.no_grad()
def free_running(net, sampler, tracks, frames=250, steps=2, seed=5):
    """dz made window after window from the model's own output, for each track; and what was true."""
    c = net.config
    generator = torch.Generator().manual_seed(seed)
    references = [sampler.reference(track, True) for track in tracks]
    made = torch.zeros(len(tracks), c.overlap, c.places, c.latent)
    true = []
    for start in range(c.overlap, frames, c.fresh):
        rows = [sampler.window(track, start, reference) for track, reference in zip(tracks, references)]
        b = {name: torch.stack([row[name] for row in rows]) for name in rows[0]}
        true.append(b["x"])
        noise = torch.randn(b["x"].shape, generator=generator)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            x = net.sample(noise, made[:, -c.overlap:], b["reference"], b["speech"], b["coarse"], b["emotion"], b["told"],
                           b["mask"], steps)
        made = torch.cat([made, x], 1)
    return made[:, c.overlap:], torch.cat(true, 1)


def watch(net, sampler, tracks, readout, steps=2):
    """Lips of free-running generation against truth, of tracks never trained on."""
    made, true = free_running(net, sampler, tracks, steps=steps)
    first = net.config.overlap
    r, best, amplitude = [], [], []
    for k, track in enumerate(tracks):
        opening = track.opening[first:first + made.shape[1]]
        read = readout(made[k]).numpy()
        r.append(np.corrcoef(read, opening)[0, 1])
        best.append(np.corrcoef(readout(true[k]).numpy(), opening)[0, 1])
        amplitude.append(read.std() / opening.std())
    return {"lips": np.mean(r), "lips_true": np.mean(best), "amplitude": np.mean(amplitude),
            "spread": float(made.std() / true.std())}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="+")
    parser.add_argument("--speech", required=True, help="run of train_speech.py")
    parser.add_argument("--head", required=True, help="run of train_head.py")
    parser.add_argument("--run", required=True)
    parser.add_argument("--codec", default=CODEC)
    parser.add_argument("--portraits", default=os.path.join(os.path.dirname(CODEC), "characters"))
    parser.add_argument("--minutes", type=float, default=90)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--watch", type=float, default=12, help="minutes between looks at held-out tracks")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--small", action="store_true", help="half the width and half the blocks: six times as fast, to compare")
    parser.add_argument("--entangled", action="store_true", help="ablation: one attention instead of SDCM's two")
    parser.add_argument("--no-bank", action="store_true", help="ablation: no verbal memory")
    parser.add_argument("--no-overlap", action="store_true", help="ablation")
    parser.add_argument("--no-pose", action="store_true", help="ablation: nothing is told")
    parser.add_argument("--no-eyes", action="store_true", help="ablation: gaze and blinks are not told")
    options = parser.parse_args()

    threads(options.threads)
    torch.manual_seed(options.seed)
    phones = Dataset(options.dataset[0]).phones
    speech, head, codec = load_speech(options.speech, phones), load_head(options.head), load_codec(options.codec)
    size = {"width": 128, "blocks": 3, "rotary": (6, 5, 5)} if options.small else {}
    config = DenoiserConfig(decoupled=not options.entangled, remember=not options.no_bank, **size)
    os.makedirs(options.run, exist_ok=True)
    with open(os.path.join(options.run, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config.to_json(), file)
    train = load_tracks(options.dataset, "train", speech, head)
    held = [t for t in load_tracks(options.dataset, "valid", speech, head) if t.speaking.mean() > 0.2][:8]
    net = Denoiser(config)
    sample = np.concatenate([t.z[::10] for t in train]).astype(np.float32)
    rest = np.concatenate([t.z[t.rest] for t in train]).astype(np.float32)
    away = np.concatenate([t.z[::10].astype(np.float32) - t.z[t.rest].astype(np.float32).mean(0) for t in train])
    lips, eyes = regions(options.dataset, config.grid)
    if not os.path.exists(os.path.join(options.run, "checkpoint.pt")):  # else they come with it
        net.spread.copy_(torch.from_numpy(away.std((0, 1))) * 1.2)
        net.reference_mean.copy_(torch.from_numpy(rest.mean((0, 1))))
        net.lips.copy_(lips)
    print(f"{len(train)} tracks, {sum(map(len, train))} frames, {len(held)} held out; latents' spread {sample.std():.2f}, "
          f"from rest {away.std():.2f}", flush=True)
    run = Run(options.run, {"denoiser": net}, Muon(net, options.rate), options.minutes, options.seed)
    sampler = Sampler(train, head, config, net.spread, net.reference_mean, portraits(options.portraits, codec),
                      options.seed * 1000003 + run.step)
    told = blinded(options, config)
    readout = Readout(train, sampler, lips)
    weight = 1 + (LIPS - 1) * net.lips + (EYES - 1) * eyes
    weight = weight / weight.mean()
    looked = last = time.time()
    smooth = {}
    while run.fraction < 1:
        rate = run.rate(options.rate)
        batch = sampler.batch(options.batch)
        batch["told"] = batch["told"] * told
        if options.no_pose:
            batch["mask"] = torch.zeros_like(batch["mask"])
        if options.no_overlap:
            batch["overlap"] = torch.zeros_like(batch["overlap"])
        loss, error = loss_of(net, batch, weight)
        run.advance(loss)
        for name, value in (("loss", loss.item()), ("mouth", error[:, :, lips > 0.5].mean().item())):
            smooth[name] = value if name not in smooth else 0.97 * smooth[name] + 0.03 * value
        if run.step % 50 == 0:
            run.log(**smooth, rate=rate, seconds=(time.time() - last) / 50)
            last = time.time()
        if held and (time.time() - looked > options.watch * 60 or run.fraction >= 1):
            kept = {k: v.clone() for k, v in net.state_dict().items()}
            net.load_state_dict(run.smoothed("denoiser"))
            run.log(**watch(net, sampler, held, readout))
            net.load_state_dict(kept)
            looked = last = time.time()
        run.save()
    run.save(0)


def blinded(options, config):
    """What of the told numbers is told: a factor for each, of the frame and of the reference."""
    factor = torch.ones(2, config.told)
    if options.no_pose:
        factor[:] = 0
    if options.no_eyes:
        factor[:, 6:] = 0
    return factor.flatten()


if __name__ == "__main__":
    main()

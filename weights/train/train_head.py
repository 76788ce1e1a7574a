"""Trains the head mask generator on dataset folders: motion on those without pictures, the mask on those with.

    OMP_WAIT_POLICY=passive python3 train_head.py --motion DATASET... --mask DATASET... --run RUN --minutes 8
"""

import argparse

import numpy as np
import torch
from torch.nn import functional as F

from dataset import Dataset
from head import POSE, Head, HeadConfig, emotion_of, loudness, told_of
from run import Run, threads
from voices import mel_of

CROP = 250  # frames
RARE = 0.5  # %, of either side: poses beyond are never sampled. Left to itself the head wanders there in minutes, and stays


def tracks(folders, split):
    """(told, given) of every side: numbers as they are."""
    out = []
    for folder in folders:
        data = Dataset(folder)
        for talk in data.split(split):
            heard = [loudness(torch.from_numpy(mel_of(talk.audio(side)))) for side in range(2)]
            for side in range(2):
                told = told_of(data, np.asarray(talk.pose(side)).astype(np.float32))
                emotion = emotion_of(data, np.asarray(talk.state(side)).astype(np.float32))
                out.append((told, torch.cat([heard[side], heard[1 - side], emotion], 1)))
    return out


def inside(points, polygon):
    """Which of the points [n, 2] lie in the convex polygon [m, 2], counter-clockwise or clockwise."""
    edge = np.roll(polygon, -1, 0) - polygon
    away = points[:, None] - polygon[None]
    side = edge[None, :, 0] * away[..., 1] - edge[None, :, 1] * away[..., 0]
    return (side >= 0).all(1) | (side <= 0).all(1)


def hull(points):
    """Andrew's convex hull."""
    points = points[np.lexsort((points[:, 1], points[:, 0]))]

    def half(sequence):
        out = []
        for p in sequence:
            while len(out) > 1 and np.cross(out[-1] - out[-2], p - out[-2]) <= 0:
                out.pop()
            out.append(p)
        return out[:-1]

    return np.array(half(points) + half(points[::-1]))


def head_mask(landmarks, size, grid):
    """The share of each cell that the face covers, forehead included: what 68 landmarks can tell of it."""
    jaw, brows = landmarks[:17], landmarks[17:27]
    rise = (brows.mean(0) - landmarks[8]) * 0.45
    outline = hull(np.concatenate([jaw, brows + rise]))
    fine = grid * 4
    ys, xs = np.mgrid[0:fine, 0:fine]
    points = np.stack([xs, ys], -1).reshape(-1, 2) * (size / fine) + size / fine / 2
    return inside(points, outline).reshape(grid, 4, grid, 4).mean((1, 3)).reshape(-1)


def masks(folders, split, grid, every):
    """(told, mask) of pictures; every so many of them."""
    told, mask = [], []
    for folder in folders:
        data = Dataset(folder)
        for talk in data.split(split):
            for side in range(2):
                frames = np.asarray(talk.picture_frames(side))[::every]
                told.append(told_of(data, np.asarray(talk.pose(side)).astype(np.float32))[frames])
                mask += [head_mask(points, data.picture_size, grid) for points in np.asarray(talk.landmarks(side))[::every]]
    return torch.cat(told), torch.from_numpy(np.stack(mask)).float()


@torch.no_grad()
def statistics(net, tests, seed, frames=1500):
    """Ratios, made to true, of each number's spread and of its change from frame to frame; and blinks a minute."""
    generator = torch.Generator().manual_seed(seed)
    given = torch.stack([g[:frames] for _, g in tests])
    before, state, made = torch.zeros(len(tests), net.config.told), None, []
    for t in range(frames):
        before, state = net.step(before, given[:, t], state, torch.rand(len(tests), generator=generator),
                                 torch.randn(before.shape, generator=generator))
        made.append(before)
    made = torch.stack(made, 1)
    true = torch.stack([(told[:frames] - net.mean) / net.spread for told, _ in tests])
    shut = lambda x: (x[..., -1] * net.spread[-1] + net.mean[-1]) > 0.5
    blinks = lambda x: float((shut(x)[:, 1:] & ~shut(x)[:, :-1]).sum()) / len(tests) / (frames / 1500)
    return {"spread": made.std(1).mean(0) / true.std(1).mean(0), "speed": (made.diff(dim=1).abs().mean((0, 1))
            / true.diff(dim=1).abs().mean((0, 1))), "blinks": (blinks(made), blinks(true)), "mean": made.mean((0, 1)) - true.mean((0, 1))}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--motion", nargs="+", required=True)
    parser.add_argument("--mask", nargs="+", required=True)
    parser.add_argument("--run", required=True)
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()

    threads(options.threads)
    torch.manual_seed(options.seed)
    net = Head(HeadConfig())
    train, valid = tracks(options.motion, "train"), tracks(options.motion, "valid")
    told = torch.cat([t for t, _ in train])
    net.mean.copy_(told.mean(0))
    net.spread.copy_(told.std(0))
    scaled = (told - net.mean) / net.spread
    low, high = np.percentile(scaled.numpy(), [RARE, 100 - RARE], axis=0)
    net.low.copy_(torch.from_numpy(low))
    net.high.copy_(torch.from_numpy(high))
    net.low[-1], net.high[-1] = scaled[:, -1].min(), scaled[:, -1].max()  # eyes do shut
    seen, mask = masks(options.mask, "train", net.config.grid, 3)
    seen = ((seen - net.mean) / net.spread)[:, :POSE]
    with torch.no_grad():
        net.mask_out.bias.copy_(torch.logit(mask.mean(0).clamp(0.01, 0.99)))
    print(f"{len(train)} tracks, {len(mask)} masks", flush=True)
    optimizer = torch.optim.Adam(net.parameters(), lr=options.rate, betas=(0.9, 0.98))
    run = Run(options.run, {"head": net}, optimizer, options.minutes, options.seed, smoothing=0.995)
    chance = np.random.default_rng(options.seed * 1000003 + run.step)
    while run.fraction < 1:
        run.rate(options.rate)
        x, given = [], []
        for k in chance.integers(len(train), size=options.batch):
            t = int(chance.integers(len(train[k][0]) - CROP - 1))
            x.append(train[k][0][t:t + CROP + 1])
            given.append(train[k][1][t + 1:t + CROP + 1])
        x, given = (torch.stack(x) - net.mean) / net.spread, torch.stack(given)
        before = x[:, :-1] + 0.03 * torch.randn_like(x[:, :-1])  # its own errors must not grow
        loss = net.loss(before, given, x[:, 1:])
        pick = torch.randint(len(mask), (256,))
        masked = F.binary_cross_entropy(net.mask(seen[pick]), mask[pick])
        run.advance(loss + masked)
        if run.step % 100 == 0:
            run.log(loss=loss.item(), mask=masked.item())
        run.save()
    net.load_state_dict(run.smoothed("head"))
    for name, value in statistics(net, valid, 7).items():
        print(name, np.round(np.asarray(value), 2))
    run.save(0)


if __name__ == "__main__":
    main()

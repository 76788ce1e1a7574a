"""Trains the portrait codec on a dataset folder with raw pictures.

    OMP_WAIT_POLICY=passive python3 train_codec.py DATASET RUN --minutes 90

RUN gets log.jsonl, checkpoint.pt and sheets of samples; the same command goes on after an interruption. The first part of
the time is spent at half size, where a step costs a third. On a GPU the same script runs in bf16 on it.
"""

import argparse
import os
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import sheets
import stills
from codec import Codec, CodecConfig
from run import Run, threads


def to_net(pictures, device):
    """u8 [b, n, n, 3] -> -1..1, channels first, in channels_last memory."""
    x = torch.from_numpy(np.ascontiguousarray(pictures)).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1
    return x.contiguous(memory_format=torch.channels_last)


def laplacian(difference, weight, levels):
    """L1 over a Laplacian pyramid of the difference, weighted by place."""
    loss = 0
    for _ in range(levels):
        low = F.avg_pool2d(difference, 2)
        band = difference - F.interpolate(low, scale_factor=2, mode="bilinear", align_corners=False)
        loss = loss + 2 * (band.abs() * weight).mean()
        difference, weight = low, F.avg_pool2d(weight, 2)
    return loss + (difference.abs() * weight).mean()


def psnr(a, b):
    """Of pictures in -1..1."""
    return -10 * torch.log10(((a - b) ** 2).mean() / 4)


class Reader(nn.Module):
    """A linear map from z to the performer's parameters: keeps z easy to read, and so to generate."""

    def __init__(self, config, columns):
        super().__init__()
        self.linear = nn.Linear(config.grid ** 2 * config.latent, columns)

    def forward(self, z):
        return self.linear(z.permute(0, 2, 3, 1).flatten(1))


def reconstruct(codec, batch, frames, half, device, noise=0.05):
    """Decoded frames, the mask, z (noised, as decoded) and z itself."""
    portrait = to_net(batch["portrait"], device)
    motion = to_net(batch["motion"], device)
    with torch.autocast(device.type, dtype=torch.bfloat16):
        z = codec.motion(motion).float()
        noised = z + noise * torch.randn_like(z)
        maps = [m.repeat_interleave(frames, 0) for m in codec.appearance(portrait)]
        shown = F.avg_pool2d(portrait, 2) if half else portrait
        out, mask = codec.decoder(noised, maps, shown.repeat_interleave(frames, 0), half)
    return out, mask, noised, z


@torch.no_grad()
def evaluate(codec, pairs, device):
    """Mean PSNR over fixed pairs, and the pictures."""
    shown, scores = [], []
    for person, portrait, frame in pairs:
        target = to_net(person.pictures[frame][None], device)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            z = codec.motion(to_net(stills.halve(person.pictures[frame])[None], device)).float()
            source = to_net(person.pictures[portrait][None], device)
            out = codec.decoder(z, codec.appearance(source), source)[0].float()
        scores.append(psnr(out.clamp(-1, 1), target).item())
        shown.append((person.pictures[portrait], person.pictures[frame], sheets.to_u8(out[0])))
    return float(np.mean(scores)), shown


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="+")
    parser.add_argument("run")
    parser.add_argument("--minutes", type=float, default=90)
    parser.add_argument("--half", type=float, default=0.4, help="share of the time at half size")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--portraits", type=int, default=4)
    parser.add_argument("--frames", type=int, default=3)
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--hybrid", type=float, default=0.2, help="share of frames seen as hybrid faces")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()

    threads(options.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    config = CodecConfig()
    persons = [p for folder in options.dataset for p in stills.people(folder, "train")]
    unseen = [p for folder in options.dataset for p in stills.people(folder, "valid")]
    if not persons:
        raise SystemExit("train_codec.py: no pictures for training in there (make them with --pictures raw)")
    poses = np.concatenate([p.pose for p in persons])
    mean, spread = poses.mean(0), poses.std(0)
    used = np.flatnonzero(spread > 1e-3)
    print(f"{len(persons)} persons, {len(poses)} pictures, {len(unseen)} persons unseen", flush=True)

    torch.manual_seed(options.seed)
    codec = Codec(config).to(device, memory_format=torch.channels_last)
    reader = Reader(config, len(used)).to(device)
    optimizer = torch.optim.AdamW([*codec.parameters(), *reader.parameters()], lr=options.rate, betas=(0.9, 0.99),
                                  weight_decay=1e-3)
    run = Run(options.run, {"codec": codec, "reader": reader}, optimizer, options.minutes, options.seed)
    sampler = stills.Sampler(persons, config.picture, options.seed * 1000003 + run.step, options.hybrid)
    pairs = stills.fixed_pairs(unseen[:16], 1, 7) or stills.fixed_pairs(persons[:8], 1, 7)
    smooth_psnr, last = None, time.time()
    while run.fraction < 1:
        half = run.fraction < options.half
        rate = run.rate(options.rate)
        batch = sampler.batch(options.portraits, options.frames)
        out, mask, noised, z = reconstruct(codec, batch, options.frames, half, device)
        target = to_net(batch["frame"], device)
        weight = torch.from_numpy(batch["weight"]).to(device)[:, None]
        weight = F.interpolate(weight, scale_factor=2 if half else 4)
        if half:
            target = F.avg_pool2d(target, 2)
        truth = torch.from_numpy((batch["pose"][:, used] - mean[used]) / spread[used]).to(device)
        read = (reader(noised) - truth).pow(2).mean()
        difference = out.float() - target
        loss = (laplacian(difference, weight, 3 if half else 4) + 0.5 * (difference ** 2 * weight).mean()
                + 1e-3 * z.pow(2).mean() + 0.02 * read)
        run.advance(loss)
        score = psnr(out.detach().float(), target).item()
        smooth_psnr = score if smooth_psnr is None else 0.95 * smooth_psnr + 0.05 * score
        if run.step % 50 == 0:
            now = time.time()
            run.log(loss=loss.item(), psnr=smooth_psnr, z=z.std().item(), read=read.item(), mask=mask.mean().item(),
                    half=half, rate=rate, seconds=(now - last) / 50)
            last = now
        if run.step % 500 == 0 and not half:
            kept = {k: v.clone() for k, v in codec.state_dict().items()}
            codec.load_state_dict(run.smoothed("codec"))
            score, shown = evaluate(codec, pairs, device)
            codec.load_state_dict(kept)
            run.log(unseen_psnr=score)
            sheets.write_png(os.path.join(options.run, "unseen.png"), sheets.grid(shown))
        run.save()
    run.save(0)


if __name__ == "__main__":
    main()

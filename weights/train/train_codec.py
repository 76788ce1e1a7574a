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


def flow_error(flow, move, seen, size):
    """Mean distance, in halves of the picture, between where the flow points at the inner landmarks and where they are in
    the portrait: without it the flow takes long to begin to be one."""
    at, there = move[..., :2] * 2 / size - 1, move[..., 2:] * 2 / size
    read = F.grid_sample(flow[:, :2], at[:, None], padding_mode="border", align_corners=False)[:, :, 0].transpose(1, 2)
    return ((read - there).abs().sum(-1) * seen).sum() / seen.sum().clamp(min=1)


class Reader(nn.Module):
    """A linear map from z to how the performer holds the face: keeps z easy to read, and so to generate."""

    def __init__(self, config, columns):
        super().__init__()
        self.linear = nn.Linear(config.grid ** 2 * config.latent, columns)
        nn.init.zeros_(self.linear.weight)  # a random reading would first of all make z small

    def forward(self, z):
        return self.linear(z.permute(0, 2, 3, 1).flatten(1))


def reconstruct(codec, batch, frames, half, device, noise=0.1):
    """Decoded frames, mask, flow, painted pixels, z (noised, as decoded) and z itself."""
    portrait = to_net(batch["portrait"], device)
    motion = to_net(batch["motion"], device)
    with torch.autocast(device.type, dtype=torch.bfloat16):
        z, z0 = codec.motion(torch.cat([motion, F.avg_pool2d(portrait, 2)])).float().split([len(motion), len(portrait)])
        spread = z.detach().std(0).mean()  # relative noise: z cannot run from it, nor drown in it
        noised = z + noise * spread * torch.randn_like(z)
        maps = [m.repeat_interleave(frames, 0) for m in codec.appearance(portrait)]
        shown = F.avg_pool2d(portrait, 2) if half else portrait
        out, mask, flow, painted = codec.decoder(noised, z0.repeat_interleave(frames, 0), maps, shown.repeat_interleave(frames, 0),
                                                 half)
    return out, mask, flow, painted, noised, z


def held_scale(persons, path):
    """Mean and spread of `held`, and the columns worth reading: those of the run's first start, whatever data came later."""
    if not os.path.exists(path):
        held = np.concatenate([p.held for p in persons])
        os.makedirs(os.path.dirname(path), exist_ok=True)
        np.savez(path, mean=held.mean(0), spread=held.std(0), used=np.flatnonzero(held.std(0) > 0.02))
    kept = np.load(path)
    return kept["mean"], kept["spread"], kept["used"]


@torch.no_grad()
def evaluate(codec, pairs, device):
    """Mean PSNR over fixed pairs, and the pictures."""
    shown, scores = [], []
    for person, portrait, frame in pairs:
        target = to_net(person.pictures[frame][None], device)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            out = codec(target, to_net(person.pictures[portrait][None], device)).float()
        scores.append(psnr(out.clamp(-1, 1), target).item())
        shown.append((person.pictures[portrait], person.pictures[frame], sheets.to_u8(out[0])))
    return float(np.mean(scores)), shown


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="+")
    parser.add_argument("run")
    parser.add_argument("--minutes", type=float, default=90)
    parser.add_argument("--half", type=float, default=0.3, help="share of the time at half size")
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
    unseen = [p for folder in options.dataset for p in stills.people(folder, "valid", lambda s: not s.get("character"))]
    known = [p for folder in options.dataset for p in stills.people(folder, "valid", lambda s: s.get("character"))]
    if not persons:
        raise SystemExit("train_codec.py: no pictures for training in there (make them with --pictures raw)")
    mean, spread, used = held_scale(persons, os.path.join(options.run, "held.npz"))
    print(f"{len(persons)} persons, {sum(map(len, persons))} pictures, {len(unseen)} persons unseen, "
          f"{len(known)} unseen conversations of characters", flush=True)

    torch.manual_seed(options.seed)
    codec = Codec(config).to(device, memory_format=torch.channels_last)
    reader = Reader(config, len(used)).to(device)
    optimizer = torch.optim.AdamW([*codec.parameters(), *reader.parameters()], lr=options.rate, betas=(0.9, 0.99),
                                  weight_decay=1e-3)
    run = Run(options.run, {"codec": codec, "reader": reader}, optimizer, options.minutes, options.seed)
    sampler = stills.Sampler(persons, config.picture, options.seed * 1000003 + run.step, options.hybrid)
    pairs = {"unseen": stills.fixed_pairs(unseen[:24], 2, 7), "characters": stills.fixed_pairs(known, 6, 7)}
    smooth_psnr, last = None, time.time()
    while run.fraction < 1:
        half = run.fraction < options.half
        rate = run.rate(options.rate)
        batch = sampler.batch(options.portraits, options.frames)
        out, mask, flow, painted, noised, z = reconstruct(codec, batch, options.frames, half, device)
        target = to_net(batch["frame"], device)
        weight = torch.from_numpy(batch["weight"]).to(device)[:, None]
        weight = F.interpolate(weight, scale_factor=2 if half else 4)
        if half:
            target = F.avg_pool2d(target, 2)
        truth = torch.from_numpy(np.clip((batch["held"][:, used] - mean[used]) / spread[used], -3, 3)).to(device)
        read = F.smooth_l1_loss(reader(noised), truth)
        strayed = flow_error(flow, torch.from_numpy(batch["move"]).to(device), torch.from_numpy(batch["seen"]).to(device),
                             config.picture)
        difference = out.float() - target
        loss = (laplacian(difference, weight, 3 if half else 4) + 0.5 * (difference ** 2 * weight).mean()
                + 1e-3 * z.pow(2).mean() + 0.1 * read + 0.5 * strayed
                # where the mask has closed, nothing would ever teach the painter
                + 0.1 * ((painted - target).abs() * weight).mean())
        run.advance(loss)
        score = psnr(out.detach().float(), target).item()
        smooth_psnr = score if smooth_psnr is None else 0.95 * smooth_psnr + 0.05 * score
        if run.step % 50 == 0:
            now = time.time()
            run.log(loss=loss.item(), psnr=smooth_psnr, z=z.std(0).mean().item(), read=read.item(), strayed=strayed.item() * config.picture / 2, mask=mask.mean().item(),
                    half=half, rate=rate, seconds=(now - last) / 50)
            last = now
        if run.step % 500 == 0 and not half:
            kept = {k: v.clone() for k, v in codec.state_dict().items()}
            codec.load_state_dict(run.smoothed("codec"))
            scores = {}
            for name, chosen in pairs.items():
                if chosen:
                    scores[f"psnr_{name}"], shown = evaluate(codec, chosen, device)
                    sheets.write_png(os.path.join(options.run, f"{name}.png"), sheets.grid(shown[::2]))
            run.log(**scores)
            codec.load_state_dict(kept)
        run.save()
    run.save(0)


if __name__ == "__main__":
    main()

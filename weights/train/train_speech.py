"""Trains the speech encoder on the sound and the labels of dataset folders (pictures are not needed).

    OMP_WAIT_POLICY=passive python3 train_speech.py DATASET... RUN --minutes 20 [--real FILE...] [--begin CHECKPOINT]

RUN gets log.jsonl and checkpoint.pt; the same command goes on after an interruption. `--real` are aligned recordings
(align.py), which then are a share of every batch.
"""

import argparse
import json

import numpy as np
import torch
from torch.nn import functional as F

from augment import augment
from run import Run, threads
from speech import Speech, SpeechConfig
from voices import MOUTH, Voices

SILENCE = -13.8155  # log-mel of no sound
STEPS = 160  # of 20 ms, in a crop
EDGE = 20  # whose first steps lack their past and do not count
REAL_SHARE = 0.4
SILENT_SHARE = 0.15  # of crops whose speaker is taken away: what else is heard must not move the mouth


class Crops:
    """Random crops of a set of voices, as tensors."""

    def __init__(self, voices, scale):
        self.voices, self.scale = voices, scale
        lengths = np.array([max(0, len(p) - STEPS) for p in voices.phone], float)
        self.share = lengths / lengths.sum()

    def take(self, chance, count):
        mel, mouth, phone = [], [], []
        for k in chance.choice(len(self.share), size=count, p=self.share):
            t = int(chance.integers(len(self.voices.phone[k]) - STEPS))
            mel.append(self.voices.mel[k][2 * t:2 * (t + STEPS)].astype(np.float32))
            mouth.append(self.voices.mouth[k][t:t + STEPS].astype(np.float32) / self.scale)
            phone.append(self.voices.phone[k][t:t + STEPS].astype(np.int64))
        return torch.from_numpy(np.stack(mel)), torch.from_numpy(np.stack(mouth)), torch.from_numpy(np.stack(phone))


def as_heard(mel, mouth, phone):
    """Log-mel as it may be heard; some crops lose their speaker, in labels too, which change in place."""
    silent = torch.rand(len(mel)) < SILENT_SHARE
    others = mel[torch.randperm(len(mel))]
    mel[silent], mouth[silent], phone[silent] = SILENCE, 0.0, 0
    return augment(mel, others)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="+")
    parser.add_argument("run")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--real", nargs="*", default=[], help="aligned recordings (align.py)")
    parser.add_argument("--begin", help="a checkpoint of another run to begin with")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


@torch.no_grad()
def evaluate(net, voices, scale, limit=40):
    """Correlation of the opening, of all of the mouth, and the share of phones that are right, over whole sides."""
    if not len(voices):
        return {}
    got, want, right, total = [], [], 0, 0
    for k in range(0, len(voices), max(1, len(voices) // limit)):
        hidden = net(torch.from_numpy(voices.mel[k][None].astype(np.float32)))
        mouth, phone = net.heads(hidden)
        got.append(mouth[0].numpy())
        want.append(voices.mouth[k].astype(np.float32) / scale)
        heard = voices.phone[k] != 0
        right += (phone[0].argmax(-1).numpy() == voices.phone[k])[heard].sum()
        total += heard.sum()
    got, want = np.concatenate(got), np.concatenate(want)
    r = [np.corrcoef(got[:, i], want[:, i])[0, 1] if want[:, i].std() > 1e-3 else np.nan for i in range(len(MOUTH))]
    return {"opening": r[0], "mouth": np.nanmean(r), "phones": right / max(total, 1)}


def main():
    options = arguments()
    threads(options.threads)
    torch.manual_seed(options.seed)
    train = Voices(options.dataset, "train")
    tests = {"valid": Voices(options.dataset, "valid"), "unknown": Voices(options.dataset, "test")}
    real = None
    if options.real:
        from aligned import Aligned  # needs recordings

        real, tests["real"] = Aligned(options.real, "train"), Aligned(options.real, "test")
    scale = np.concatenate([m.astype(np.float32) for m in train.mouth]).std(0) + 1e-3
    net = Speech(SpeechConfig(mouth=MOUTH, phones=tuple(train.phones)))
    if options.begin:
        net.load_state_dict(torch.load(options.begin)["modules"]["speech"])
    optimizer = torch.optim.AdamW(net.parameters(), lr=options.rate, betas=(0.9, 0.98), weight_decay=0.02)
    run = Run(options.run, {"speech": net}, optimizer, options.minutes, options.seed, smoothing=0.995)
    np.save(f"{options.run}/mouth-scale.npy", scale)
    with open(f"{options.run}/config.json", "w", encoding="utf-8") as file:
        json.dump(net.config.to_json(), file)
    chance = np.random.default_rng(options.seed * 1000003 + run.step)
    crops, real_crops = Crops(train, scale), real and Crops(real, scale)
    few = int(options.batch * REAL_SHARE) if real else 0
    print(f"{len(train)} voices, {len(real) if real else 0} recordings", flush=True)
    while run.fraction < 1:
        rate = run.rate(options.rate)
        mel, mouth, phone = crops.take(chance, options.batch - few)
        if few:
            mel, mouth, phone = (torch.cat(pair) for pair in zip((mel, mouth, phone), real_crops.take(chance, few)))
        heard_as = as_heard(mel, mouth, phone)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            got, heard = net.heads(net(heard_as))
        got, heard = got[:, EDGE:], heard[:, EDGE:]
        loss_mouth = F.smooth_l1_loss(got, mouth[:, EDGE:], beta=0.5)
        loss_phone = F.cross_entropy(heard.flatten(0, 1), phone[:, EDGE:].flatten(), label_smoothing=0.05)
        run.advance(loss_mouth + 0.2 * loss_phone)
        if run.step % 50 == 0:
            run.log(mouth=loss_mouth.item(), phone=loss_phone.item(), rate=rate)
        if run.step % 250 == 0:
            kept = {k: v.clone() for k, v in net.state_dict().items()}
            net.load_state_dict(run.smoothed("speech"))
            for name, voices in tests.items():
                run.log(**{f"{name}_{k}": v for k, v in evaluate(net, voices, scale).items()})
            net.load_state_dict(kept)
        run.save()
    net.load_state_dict(run.smoothed("speech"))
    for name, voices in tests.items():
        run.log(**{f"{name}_{k}": v for k, v in evaluate(net, voices, scale).items()})
    run.save(0)


if __name__ == "__main__":
    main()

"""What the denoiser is trained on: one side of a conversation as rows a frame, from dataset folders with latents
(latents.py), through the speech encoder and the head generator's mask."""

import os

import numpy as np
import torch

from augment import augment
from dataset import PHONES_PER_FRAME, Dataset
from head import POSE, emotion_of, loudness, told_of
from latents import encode, path_of
from speech import Speech, SpeechConfig
from voices import MOUTH, mel_of, mouth_of

LISTENED = 3  # how often each voice is heard: as it is, and augmented
CLOSURES = 0.35  # share of windows that are chosen for a /p b m/ in them
PIECE = 3000  # rows of log-mel that are augmented alike: 30 s


def load_speech(run, phones):
    """The smoothed encoder of a run of train_speech.py."""
    saved = torch.load(os.path.join(run, "checkpoint.pt"), map_location="cpu")
    net = Speech(SpeechConfig(mouth=MOUTH, phones=tuple(phones)))
    net.load_state_dict({k[len("speech."):]: v for k, v in saved["smooth"].items()})
    return net.eval()


@torch.no_grad()
def hear(net, mel):
    """Log-mel [rows, 80] -> speech tokens [steps, width], f16."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return net(torch.as_tensor(mel)[None])[0].float().numpy().astype(np.float16)


class Track:
    """One side: z f16 [frames, places, channels]; told (as it is), mask, emotion, coarse, opening: a row a frame; tokens:
    LISTENED arrays [2 frames, width]; `rest`: frames that look like a portrait."""

    def __init__(self, data, talk, side, speech, head):
        pose = np.array(talk.pose(side)).astype(np.float32)
        state = np.array(talk.state(side)).astype(np.float32)
        self.name, self.about = f"{os.path.basename(data.folder)}/{talk.index:06d}-{side}", talk.sides[side]
        self.character = talk.sides[side].get("character")
        self.z = np.load(path_of(talk, side))
        self.told = told_of(data, pose)
        with torch.no_grad():
            self.mask = head.mask(((self.told - head.mean) / head.spread)[:, :POSE])
        self.emotion = emotion_of(data, state)
        mel = mel_of(talk.audio(side))
        self.coarse = loudness(torch.from_numpy(mel))
        self.speaking = state[:, data.state_column("speaking")] > 0.5
        self.opening = mouth_of(data, pose)[:, 0]
        bilabial = np.isin(np.array(talk.phones(side)), [data.phones.index(p) for p in ("p", "b", "m")])
        self.shut = torch.from_numpy(bilabial.reshape(-1, PHONES_PER_FRAME).any(1)).float()
        self.closures = np.flatnonzero(self.shut.numpy())
        heard = [mel]
        if talk.split == "train":
            x = torch.from_numpy(mel[:len(mel) // PIECE * PIECE].reshape(-1, PIECE, mel.shape[1]))
            heard += [np.concatenate([augment(x, x.roll(1, 0)).flatten(0, 1).numpy(), mel[x.shape[0] * PIECE:]])
                      for _ in range(LISTENED - 1)]
        self.tokens = [hear(speech, m) for m in heard]
        calm = ((self.told[:, :POSE] - head.mean[:POSE]) / head.spread[:POSE]).square().mean(1).numpy()
        calm = calm + 4 * (self.told[:, -1].numpy() > 0.15) + 4 * (self.opening > 0.12) + (1 - self.emotion[:, 0].numpy())
        self.rest = np.argsort(calm)[:40]

    def __len__(self):
        return len(self.z)


def load_tracks(folders, split, speech, head, only=None):
    out = []
    for folder in folders:
        data = Dataset(folder)
        for talk in data.split(split):
            for side in range(2):
                if os.path.exists(path_of(talk, side)) and (only is None or only(talk.sides[side])):
                    out.append(Track(data, talk, side, speech, head))
    return out


def portraits(folder, codec):
    """Latents of the portraits in a folder, by name."""
    from PIL import Image  # only where there are pictures

    found = {}
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        if name.endswith((".png", ".jpg", ".jpeg")):
            picture = np.asarray(Image.open(os.path.join(folder, name)).convert("RGB"))
            found[os.path.splitext(name)[0]] = encode(codec, picture[None])[0]
    return found


class Sampler:
    """Windows as the denoiser meets them. `portraits` are taken for reference in half of a character's windows."""

    def __init__(self, tracks, head, config, spread, reference_mean, portraits, seed, speaking=0.7):
        self.tracks, self.config, self.portraits = tracks, config, portraits
        self.head_mean, self.head_spread = head.mean, head.spread
        self.spread, self.reference_mean = spread, reference_mean
        self.chance, self.speaking = np.random.default_rng(seed), speaking
        self.edge = config.overlap, config.fresh + config.after + 1

    def told(self, track, frames):
        return (track.told[frames] - self.head_mean) / self.head_spread

    def reference(self, track, portrait):
        """(z_ref, its told row)."""
        z = self.portraits.get(track.character) if portrait else None
        if z is not None:
            return torch.from_numpy(z), -self.head_mean / self.head_spread
        frame = int(self.chance.choice(track.rest))
        return torch.from_numpy(track.z[frame].astype(np.float32)), self.told(track, frame)

    def window(self, track, start, reference, heard=0):
        """Everything of the window whose first new frame is `start`, as a dictionary of tensors."""
        c = self.config
        z_ref, told_ref = reference
        z = torch.from_numpy(track.z[start - c.overlap:start + c.fresh].astype(np.float32))
        dz = (z - z_ref) / self.spread
        frames = slice(start, start + c.fresh)
        told = self.told(track, frames)
        around = [track.coarse[start + f - c.before:start + f + c.after + 1].flatten() for f in range(c.fresh)]
        tokens = track.tokens[heard][2 * (start - c.before):2 * (start + c.fresh + c.after)]
        return {"overlap": dz[:c.overlap], "x": dz[c.overlap:], "reference": (z_ref - self.reference_mean) / self.spread,
                "speech": torch.from_numpy(tokens.astype(np.float32)), "coarse": torch.stack(around),
                "emotion": track.emotion[start], "told": torch.cat([told, told_ref.expand(c.fresh, -1)], 1),
                "mask": track.mask[frames], "shut": track.shut[frames]}

    def start(self, track):
        """A random first new frame; mostly where somebody speaks, and often where lips must be shut."""
        low, high = self.edge[0], len(track) - self.edge[1]
        closures = track.closures[(track.closures >= low + self.config.fresh) & (track.closures < high)]
        if len(closures) and self.chance.random() < CLOSURES:
            return int(self.chance.choice(closures) - self.chance.integers(self.config.fresh))
        for _ in range(20):
            t = int(self.chance.integers(low, high))
            if track.speaking[t] or self.chance.random() > self.speaking:
                break
        return t

    def batch(self, count):
        rows = []
        for k in self.chance.integers(len(self.tracks), size=count):
            track = self.tracks[k]
            reference = self.reference(track, self.chance.random() < 0.5)
            rows.append(self.window(track, self.start(track), reference, int(self.chance.integers(len(track.tokens)))))
        return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}

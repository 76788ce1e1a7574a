"""Makes the avatar's frames from speech with PyTorch, as the server makes them: speech encoder, head generator, denoiser
window by window from its own output, codec. Chance is the server's, Philox keyed by a seed, so the same seed gives the
same frames there and here, up to rounding.

    model = load(Sources(speech, head, denoiser, codec))      runs' folders or files of weights
    z = latents(model, clips, portraits, steps=2)             f32 [frames, places, channels] of each clip
    for pictures in show(face, z[0]): ...                     u8 [some, h, h, 3]
"""

import dataclasses
import os

import numpy as np
import torch

import train_path  # noqa: F401
import codec_weights
from clips import ROWS
from denoiser import Denoiser
from export_denoiser import HEAD_CHOICE, HEAD_NORMAL, NOISE, net_of_run, net_of_weights, normals, uniforms
from export_speech import SILENCE, speech_of_run, speech_of_weights
from head import POSE, loudness
from speech import BANDS
from tracks import hear
from voices import mel_of

BATCH = 16  # clips that are made side by side


@dataclasses.dataclass(frozen=True)
class Variant:
    """What an ablation withholds, in the words of train_denoiser.py's options."""

    entangled: bool = False
    no_bank: bool = False
    no_overlap: bool = False
    no_pose: bool = False
    no_eyes: bool = False

    def told(self, count):
        """A factor for each number told, of the frame and of the reference."""
        factor = torch.ones(2, count)
        if self.no_pose:
            factor[:] = 0
        if self.no_eyes:
            factor[:, POSE:] = 0
        return factor.flatten()


@dataclasses.dataclass(frozen=True)
class Sources:
    """Where the weights are: a run's folder or a file each."""

    speech: str
    head: str
    denoiser: str
    codec: str


@dataclasses.dataclass
class Model:
    speech: torch.nn.Module
    head: torch.nn.Module
    denoiser: torch.nn.Module
    codec: torch.nn.Module
    variant: Variant = Variant()


def of_either(path, of_run, of_weights):
    return (of_run if os.path.isdir(path) else of_weights)(path)


def load(sources, variant=Variant()):
    speech = of_either(sources.speech, speech_of_run, speech_of_weights)[0]
    head = of_either(sources.head, lambda p: net_of_run(p, True), net_of_weights)[0]
    denoiser = of_either(sources.denoiser, lambda p: net_of_run(p, False), net_of_weights)[0]
    if variant.entangled or variant.no_bank:  # the same weights, used otherwise
        config = dataclasses.replace(denoiser.config, decoupled=not variant.entangled, remember=not variant.no_bank)
        state, denoiser = denoiser.state_dict(), Denoiser(config)
        denoiser.load_state_dict(state)
    codec, _ = codec_weights.load(sources.codec)
    return Model(speech.eval(), head.eval(), denoiser.eval(), codec, variant)


def neutral(count):
    """The emotion of somebody who has none: the first of the names, and no valence, arousal, dominance."""
    return torch.eye(count)[0]


# ---- before the windows ----------------------------------------------------------------------------------------------


def heard(model, mel, before, frames):
    """Speech tokens f32 [2 (before + frames), width] and loudness [before + frames, 2] of log-mel: silent for `before` frames,
    and once it ends."""
    warm = model.speech.config.past // 2 + 1  # frames of silence that the encoder has seen before all that
    padded = np.full(((warm + before + frames) * ROWS, BANDS), SILENCE, np.float32)
    padded[(warm + before) * ROWS:][:len(mel)] = mel
    tokens, loud = hear(model.speech, padded), loudness(torch.from_numpy(padded))
    return torch.from_numpy(tokens[2 * warm:].astype(np.float32)), loud[warm:]


def mel_of_clip(clip):
    return mel_of(clip.pcm) if clip.mel is None else clip.mel


@torch.no_grad()
def decide(model, loud, seeds, emotion):
    """What the head generator decides, frame by frame, hearing the avatar's loudness [n, frames, 2] and nobody else:
    [n, frames, told], in units of its spread."""
    head, (n, frames) = model.head, loud.shape[:2]
    nobody = loudness(torch.full((ROWS, BANDS), SILENCE)).expand(n, -1)
    before, state, made = (-head.mean / head.spread).expand(n, -1), None, []
    for t in range(frames):
        uniform = torch.tensor([uniforms(seed, t, HEAD_CHOICE, 1)[0, 0] for seed in seeds], dtype=torch.float32)
        normal = torch.from_numpy(np.stack([normals(seed, t, HEAD_NORMAL, head.config.told) for seed in seeds]))
        given = torch.cat([loud[:, t], nobody, emotion.expand(n, -1)], 1)
        before, state = head.step(before, given, state, uniform, normal)
        made.append(before)
    return torch.stack(made, 1)


# ---- windows ---------------------------------------------------------------------------------------------------------


class Given:
    """What the denoiser is given of a batch of clips. Sound begins as many frames early as a frame hears before itself."""

    def __init__(self, model, clips, portraits, emotion=None):
        c = model.denoiser.config
        self.model, self.config = model, c
        self.frames = -(-max(clip.frames for clip in clips) // c.fresh) * c.fresh
        self.seeds = [clip.seed for clip in clips]
        self.emotion = (neutral(c.emotion) if emotion is None else emotion).expand(len(clips), -1)
        # What is heard begins with silence, as it does for the server, and ends with it.
        sound = [heard(model, mel_of_clip(clip), c.before, self.frames + c.after) for clip in clips]
        self.tokens, self.loud = (torch.stack([s[i] for s in sound]) for i in range(2))
        told = decide(model, self.loud[:, c.before:c.before + self.frames], self.seeds, self.emotion[:1])
        with torch.no_grad():
            self.mask = model.head.mask(told[..., :POSE]) * (0.0 if model.variant.no_pose else 1.0)
        rest = (-model.head.mean / model.head.spread).expand_as(told)
        self.told = torch.cat([told, rest], 2) * model.variant.told(c.told)
        z = torch.from_numpy(np.stack([latents_of(model.codec, portraits[clip.character][None])[0] for clip in clips]))
        self.origin, self.reference = z, (z - model.denoiser.reference_mean) / model.denoiser.spread

    def window(self, start):
        """Arguments of Denoiser.sample but noise and overlap, of the window whose first frame is `start`."""
        c, frames = self.config, slice(start, start + self.config.fresh)
        around = [self.loud[:, start + f:start + f + c.around].flatten(1) for f in range(c.fresh)]
        return {"reference": self.reference, "speech": self.tokens[:, 2 * start:2 * start + c.speech_tokens],
                "coarse": torch.stack(around, 1), "emotion": self.emotion, "told": self.told[:, frames],
                "mask": self.mask[:, frames]}

    def noise(self, number):
        c = self.config
        drawn = [normals(seed, number, NOISE, c.fresh * c.places * c.latent) for seed in self.seeds]
        return torch.from_numpy(np.stack(drawn)).reshape(-1, c.fresh, c.places, c.latent)


@torch.no_grad()
def windows(given, steps):
    """Latents of one window after the other, made from the model's own: [n, fresh, places, channels]."""
    c, net = given.config, given.model.denoiser
    overlap = torch.zeros(len(given.seeds), c.overlap, c.places, c.latent)
    for start in range(0, given.frames, c.fresh):
        seen = torch.zeros_like(overlap) if given.model.variant.no_overlap else overlap
        with torch.autocast("cpu", dtype=torch.bfloat16):
            dz = net.sample(given.noise(start // c.fresh), seen, steps=steps, **given.window(start))
        overlap = torch.cat([overlap, dz.float()], 1)[:, -c.overlap:]
        yield dz.float() * net.spread + given.origin[:, None]


def latents(model, clips, portraits, steps=2):
    """z, f32 [frames, places, channels], of each clip."""
    out = []
    for begin in range(0, len(clips), BATCH):
        some = clips[begin:begin + BATCH]
        z = torch.cat(list(windows(Given(model, some, portraits), steps)), 1).numpy()
        out += [z[k, :clip.frames] for k, clip in enumerate(some)]
    return out


# ---- pictures --------------------------------------------------------------------------------------------------------


def latents_of(codec, pictures):
    """u8 [n, h, h, 3] -> z [n, places, channels], f32."""
    parts = [codec_weights.motion(codec, pictures[i:i + BATCH]) for i in range(0, len(pictures), BATCH)]
    return torch.cat(parts).permute(0, 2, 3, 1).flatten(1, 2).float().numpy()


def show(face, z):
    """Frames of latents [n, places, channels], in batches, as a generator of u8 [some, h, h, 3]. `face`: of
    codec_weights.Face."""
    grid = int(round(z.shape[1] ** 0.5))
    planes = torch.from_numpy(np.ascontiguousarray(z)).permute(0, 2, 1).unflatten(2, (grid, grid))
    for begin in range(0, len(z), BATCH):
        some = planes[begin:begin + BATCH].contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16):  # not around the yield, where others compute
            shown = face.decode(some)
        yield shown

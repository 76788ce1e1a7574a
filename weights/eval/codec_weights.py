"""A trained codec, from a training run or a file of weights, on pictures as numpy arrays."""

import os

import numpy as np
import torch

import train_path  # noqa: F401
from export_codec import codec_of_run, codec_of_weights


def load(path):
    """(codec, about) of a run's folder, whose smoothed weights they are, or of a file of weights; about is its provenance:
    steps and minutes, where known."""
    codec, about = codec_of_run(path) if os.path.isdir(path) else codec_of_weights(path)
    return codec.eval().to(memory_format=torch.channels_last), about


def to_net(pictures):
    """u8 [n, h, h, 3] -> -1..1, channels first."""
    x = torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1
    return x.contiguous(memory_format=torch.channels_last)


def to_u8(x):
    """The same back."""
    return ((x.clamp(-1, 1).permute(0, 2, 3, 1).numpy() + 1) * 127.5 + 0.5).astype(np.uint8)


@torch.no_grad()
def motion(codec, pictures):
    """Latents of frames, which the encoder sees at half size: [n, c, g, g]."""
    return codec.motion(torch.nn.functional.avg_pool2d(to_net(pictures), 2))


class Face:
    """A portrait, ready to be moved."""

    @torch.no_grad()
    def __init__(self, codec, portrait):
        self.codec, self.portrait = codec, to_net(portrait[None])
        self.maps, self.z0 = codec.appearance(self.portrait), motion(codec, portrait[None])

    @torch.no_grad()
    def decode(self, z):
        """Frames of latents, u8 [n, h, h, 3]."""
        n = len(z)
        return to_u8(self.codec.decoder(z, self.z0.expand(n, -1, -1, -1), [m.expand(n, -1, -1, -1) for m in self.maps],
                                        self.portrait.expand(n, -1, -1, -1))[0])

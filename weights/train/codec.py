"""The portrait codec (INFP, phase 1): appearance and motion of a face, taken apart and put together again.

    appearance(portrait)  the portrait's feature maps, once a character
    motion(frame)         G x G x C numbers that say how the face is held (z); the portrait's own (z0) once a character
    decode(z, z0, maps, portrait)  the frame

Flow is what changes between z0 and z, so the decoder is given their difference: left to find it by itself in the maps, it
learnt to copy the portrait and to ignore z.

Pictures are channels first here, -1..1. Everything is a 3 x 3 convolution with bias and ReLU, without normalisation, so
that each layer is one fused call at run time (server/avatar/codec.c runs the same graph, layer by layer). Flow is in
units of half the picture (grid_sample's), at 8 G; its third channel is occlusion.
"""

import dataclasses

import torch
from torch import nn
from torch.nn import functional as F


@dataclasses.dataclass(frozen=True)
class CodecConfig:
    """Sizes, as they stand in the weights file. `grid` is G; pictures have 32 G pixels a side."""

    grid: int = 8
    latent: int = 16
    motion: tuple = (48, 64, 96, 160)  # at 8G, 4G, 2G, G
    trunk: tuple = (32, 64, 96, 160, 224)  # appearance, at 16G .. G
    maps: tuple = (16, 32, 64, 128, 192)  # what the decoder gets of it, at 16G .. G
    decoder: tuple = (32, 64, 96, 128, 192)  # at 16G .. G
    residual: tuple = (1, 1, 2, 2, 2)  # blocks at 16G .. G

    @property
    def picture(self):
        return 32 * self.grid

    def to_json(self):
        return {name: list(v) if isinstance(v, tuple) else v for name, v in dataclasses.asdict(self).items()}

    @staticmethod
    def from_json(values):
        return CodecConfig(**{name: tuple(v) if isinstance(v, list) else v for name, v in values.items()})


FLOW_SCALE = 0.25  # of what the convolutions give, so that learning starts with small flows
OCCLUSION_BIAS = 2.0  # sigmoid(2) = 0.88: the portrait shows through from the start


def conv(ci, co, stride=1, kernel=3):
    """Without normalisation, layers must keep the size of what passes them from the start (He's initialisation)."""
    layer = nn.Conv2d(ci, co, kernel, stride=stride, padding=kernel // 2)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    nn.init.zeros_(layer.bias)
    return layer


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.a, self.b = conv(channels, channels), conv(channels, channels)
        with torch.no_grad():
            self.b.weight.mul_(0.2)

    def forward(self, x):
        return F.relu(x + self.b(F.relu(self.a(x))))


class Motion(nn.Module):
    """Sees the frame at half size: B x 3 x 16G x 16G -> B x C x G x G."""

    def __init__(self, config):
        super().__init__()
        w = config.motion
        self.stem = conv(12, w[0])
        self.down = nn.ModuleList(conv(w[i], w[i + 1], 2) for i in range(3))
        self.block = nn.ModuleList(Residual(w[i + 1]) for i in range(3))
        self.last = Residual(w[3])
        self.out = conv(w[3], config.latent)

    def forward(self, half):
        h = F.relu(self.stem(F.pixel_unshuffle(half, 2)))
        for down, block in zip(self.down, self.block):
            h = block(F.relu(down(h)))
        return self.out(self.last(h))


class Appearance(nn.Module):
    """B x 3 x 32G x 32G -> maps at 16G, 8G, 4G, 2G, G."""

    def __init__(self, config):
        super().__init__()
        w = config.trunk
        self.stem = conv(12, w[0])
        self.down = nn.ModuleList(conv(w[i], w[i + 1], 2) for i in range(4))
        self.block = nn.ModuleList(Residual(w[i + 1]) for i in range(4))
        self.maps = nn.ModuleList(conv(a, b, kernel=1) for a, b in zip(w, config.maps))

    def forward(self, portrait):
        h = F.relu(self.stem(F.pixel_unshuffle(portrait, 2)))
        trunk = [h]
        for down, block in zip(self.down, self.block):
            h = block(F.relu(down(h)))
            trunk.append(h)
        return [F.relu(m(t)) for m, t in zip(self.maps, trunk)]


def up(x):
    return F.interpolate(x, scale_factor=2, mode="nearest")


def warp(x, flow, occlude=True):
    """x sampled where flow points, times the occlusion. f32: positions need it."""
    n = x.shape[-1]
    if flow.shape[-1] != n:
        flow = F.interpolate(flow, size=(n, n), mode="bilinear", align_corners=False)
    centre = (torch.arange(n, device=x.device, dtype=torch.float32) * 2 + 1) / n - 1
    ys, xs = torch.meshgrid(centre, centre, indexing="ij")
    grid = torch.stack([xs, ys], -1)[None] + flow[:, :2].permute(0, 2, 3, 1)
    out = F.grid_sample(x.float(), grid, padding_mode="border", align_corners=False)
    if occlude:
        out = out * torch.sigmoid(flow[:, 2:3] + OCCLUSION_BIAS)
    return out.to(x.dtype)


def zeroed(layer):
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class Decoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        w, m = config.decoder, config.maps
        self.enter = nn.ModuleList(
            [conv(w[i + 1] + m[i], w[i]) for i in range(4)] + [conv(2 * config.latent + m[4], w[4])])
        self.block = nn.ModuleList(nn.Sequential(*(Residual(w[i]) for _ in range(config.residual[i]))) for i in range(5))
        self.flow16 = zeroed(conv(w[3], 3 * 16))  # at 2G, shuffled to 8G
        self.flow32 = zeroed(conv(w[2], 3 * 4))  # at 4G, shuffled to 8G
        self.flow64 = zeroed(conv(w[1], 3))
        self.preview = conv(w[1], 16)  # a picture of half size, for the first part of training only
        self.out = conv(w[0], 16)
        with torch.no_grad():
            self.preview.weight.mul_(0.2)
            self.out.weight.mul_(0.2)

    def level(self, i, x, appearance):
        return self.block[i](F.relu(self.enter[i](torch.cat([x, appearance], 1))))

    @staticmethod
    def blend(o, portrait, flow):
        o = F.pixel_shuffle(o, 2).float()
        mask = torch.sigmoid(o[:, 3:4])
        return mask * warp(portrait, flow, occlude=False) + (1 - mask) * o[:, :3], mask, flow, o[:, :3]

    def forward(self, z, z0, maps, portrait, half=False):
        """The frame, the mask that says where it is the portrait's own pixels, the flow, and the painted pixels. `half`: of
        half size, where `portrait` has half size too."""
        h = self.level(4, torch.cat([z, z - z0], 1), maps[4])
        h = self.level(3, up(h), maps[3])
        flow = F.pixel_shuffle(self.flow16(h), 4).float() * FLOW_SCALE
        h = self.level(2, up(h), warp(maps[2], flow))
        flow = flow + F.pixel_shuffle(self.flow32(h), 2).float() * FLOW_SCALE
        h = self.level(1, up(h), warp(maps[1], flow))
        flow = flow + self.flow64(h).float() * FLOW_SCALE
        if half:
            return self.blend(self.preview(h), portrait, flow)
        h = self.level(0, up(h), warp(maps[0], flow))
        return self.blend(self.out(h), portrait, flow)


class Codec(nn.Module):
    def __init__(self, config=CodecConfig()):
        super().__init__()
        self.config = config
        self.motion, self.appearance, self.decoder = Motion(config), Appearance(config), Decoder(config)

    def forward(self, frame, portrait):
        """Frame and portrait of full size -> the frame again."""
        z, z0 = self.motion(F.avg_pool2d(frame, 2)), self.motion(F.avg_pool2d(portrait, 2))
        return self.decoder(z, z0, self.appearance(portrait), portrait)[0]


if __name__ == "__main__":
    net = Codec()
    for name, part in net.named_children():
        print(f"{name}: {sum(p.numel() for p in part.parameters()) / 1e6:.2f} M parameters")

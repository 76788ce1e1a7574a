"""What test/gpu/bench.c times, in PyTorch: the same shapes and types under the same names.

Each piece comes with its definition (kernels/kernels.h) written out in f64, place by place: `check` holds the piece to it on
small sizes before anything is timed. PyTorch is given what it likes: keys in one tensor and gathered beforehand where the
kernels gather them on the way, channels_last, matrices in the type of the row.
"""

import dataclasses
from typing import Callable

import torch
from torch.nn import functional as F

HEADS, SPAN, STEP, OWN = 4, 18, 2, 9  # lip tokens that a frame sees, and from one frame's to the next's; its own context's
EPSILON = 1e-6
FUSED = hasattr(F, "scaled_dot_product_attention")


@dataclasses.dataclass(frozen=True)
class Sizes:
    batch: int
    frames: int = 5
    places: int = 64
    kept: int = 272
    channels: int = 256
    side: int = 128  # of feature maps; pictures have twice as many pixels

    @property
    def tokens(self):
        return self.frames * self.places

    @property
    def pictures(self):
        return self.frames * min(self.batch, 16)


SMALL = Sizes(batch=2, frames=2, places=5, kept=3, channels=32, side=6)


@dataclasses.dataclass(frozen=True)
class Piece:
    name: str
    inputs: Callable  # (sizes, random) -> tensors; random(*shape) is uniform in -1..1, of the row's type
    call: Callable  # tensors -> tensor
    exact: Callable  # the same from f64, written out
    fuses: bool = True  # more than one call of a library: compiling may gain


def random_of(device, dtype, seed=1):
    chance = torch.Generator().manual_seed(seed)

    def random(*shape, dtype=dtype):
        return (torch.rand(shape, generator=chance) * 2 - 1).to(device, dtype)
    return random


def apart(piece, device, dtype, sizes=SMALL):
    """How far a piece is from its definition: the largest difference over the largest number. NaN if anything is."""
    given = piece.inputs(sizes, random_of(device, dtype))
    exact = piece.exact(*[x.detach().cpu().double() if x.is_floating_point() else x.cpu() for x in given])
    got = piece.call(*[x.clone() for x in given]).detach().cpu().double()
    assert got.shape == exact.shape, f"{piece.name}: {tuple(got.shape)}, wanted {tuple(exact.shape)}"
    return ((got - exact).abs().max() / exact.abs().max().clamp(min=1e-30)).item()


# ---- attention -------------------------------------------------------------------------------------------------------


def split(x, heads=HEADS):
    """[..., tokens, width] -> [..., heads, tokens, channels]."""
    return x.unflatten(-1, (heads, -1)).transpose(-2, -3)


def join(x):
    return x.transpose(-2, -3).flatten(-2)


def attend(q, k, v, prior=None):
    """Softmax attention of 4 dimensions; by PyTorch's fused kernels where it has them."""
    if FUSED:
        return F.scaled_dot_product_attention(q, k, v, attn_mask=prior)
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    return (scores if prior is None else scores + prior).softmax(-1) @ v


def attend_exact(q, k, v, prior=None):
    """One item: q [T, D], keys and values [K, D] in f64, head by head and query by query."""
    out, size = torch.zeros_like(q), q.shape[-1] // HEADS
    for h in range(HEADS):
        at = slice(h * size, (h + 1) * size)
        for i in range(len(q)):
            logits = torch.stack([(q[i, at] * k[j, at]).sum() / size ** 0.5 for j in range(len(k))])
            weights = (logits - logits.max()).exp()
            out[i, at] = sum(weights[j] * v[j, at] for j in range(len(k))) / weights.sum()
    return out


def attention_inputs(s, random):
    return random(s.batch, s.tokens, s.channels), *[random(s.batch, s.kept + s.tokens, s.channels) for _ in range(2)]


def attention(q, k, v):
    return join(attend(split(q), split(k), split(v)))


def attention_exact(q, k, v):
    return torch.stack([attend_exact(*item) for item in zip(q, k, v)])


def lip_mask(places):
    """Half of the places do not hear the lips, a quarter hears both."""
    return torch.tensor([0.0 if 2 * i < places else 0.5 if 4 * i < 3 * places else 1.0 for i in range(places)])


def decoupled_inputs(shared):
    def inputs(s, random):
        lips = [random(s.batch, STEP * (s.frames - 1) + SPAN, s.channels) for _ in range(2)]
        far = [random(s.batch, shared + s.frames - 1 + OWN, s.channels) for _ in range(2)]
        q = random(s.batch, s.tokens, s.channels)
        return q, lip_mask(s.places).to(q.device), *gathered(lips, far, shared, s.frames)
    return inputs


def gathered(lips, far, shared, frames):
    """Every frame's own keys and values, [n x frames, keys, D]."""
    windows = lambda x, span, step: x.unfold(1, span, step).transpose(-1, -2)
    near = [windows(x, SPAN, STEP).flatten(0, 1).contiguous() for x in lips]
    seen = [torch.cat([x[:, None, :shared].expand(-1, frames, -1, -1), windows(x[:, shared:], OWN, 1)], 2).flatten(0, 1)
            for x in far]
    return *near, *seen


def decoupled(q, mask, lip_k, lip_v, far_k, far_v):
    """SDCM as two attentions and a blend. q [n, F S, D], the others [n F, keys, D]."""
    tokens = q.reshape(len(lip_k), -1, q.shape[-1])
    turned = split(tokens)
    lips, far = [join(attend(turned, split(k), split(v))) for k, v in ((lip_k, lip_v), (far_k, far_v))]
    m = mask[None, :, None].to(q.dtype)
    return torch.lerp(far, lips, m.expand_as(far)).reshape(q.shape)


def decoupled_exact(q, mask, lip_k, lip_v, far_k, far_v):
    tokens = q.reshape(len(lip_k), -1, q.shape[-1])
    out = [mask[:, None] * attend_exact(t, lip_k[i], lip_v[i]) + (1 - mask[:, None]) * attend_exact(t, far_k[i], far_v[i])
           for i, t in enumerate(tokens)]
    return torch.stack(out).reshape(q.shape)


# ---- rows of tokens --------------------------------------------------------------------------------------------------


def rows_inputs(s, random):
    """The residual stream in f32, what is added to it, a scale, which is also the shift and the gate."""
    return (random(s.batch, s.tokens, s.channels, dtype=torch.float32), random(s.batch, s.tokens, s.channels),
            random(s.batch, s.channels, dtype=torch.float32))


def norm(h, y, scale):
    mean = h.square().mean(-1, keepdim=True)
    return (h * torch.rsqrt(mean + EPSILON) * (1 + scale[:, None]) + scale[:, None]).to(y.dtype)


def norm_exact(h, y, scale):
    out = torch.zeros_like(h)
    for n in range(len(h)):
        for t in range(h.shape[1]):
            root = (sum(x * x for x in h[n, t]) / h.shape[2] + EPSILON).sqrt()
            out[n, t] = h[n, t] / root * (1 + scale[n]) + scale[n]
    return out


def sum_norm(h, y, scale):
    """The stream goes on with the sum."""
    return norm(h.add_((1 + scale[:, None]) * y), y, scale)


def sum_norm_exact(h, y, scale):
    total = torch.stack([torch.stack([h[n, t] + (1 + scale[n]) * y[n, t] for t in range(h.shape[1])]) for n in range(len(h))])
    return norm_exact(total, y, scale)


def rotary_inputs(s, random):
    return random(s.batch, s.tokens, s.channels), random(s.tokens, s.channels // HEADS, dtype=torch.float32)


def rotary(x, angles):
    a, b = split(x).float().chunk(2, -1)
    cos, sin = angles.chunk(2, -1)
    return join(torch.cat([a * cos - b * sin, b * cos + a * sin], -1)).to(x.dtype)


def rotary_exact(x, angles):
    out, size = torch.zeros_like(x), x.shape[-1] // HEADS
    r = size // 2
    for h in range(HEADS):
        for i in range(r):
            a, b = x[..., h * size + i], x[..., h * size + i + r]
            out[..., h * size + i] = a * angles[:, i] - b * angles[:, i + r]
            out[..., h * size + i + r] = b * angles[:, i] + a * angles[:, i + r]
    return out


# ---- layers ----------------------------------------------------------------------------------------------------------


def linear_inputs(wide, narrow):
    """Channels in and out, as multiples of the width."""
    def inputs(s, random):
        return (random(s.batch * s.tokens, wide * s.channels), random(narrow * s.channels, wide * s.channels) / 16,
                random(narrow * s.channels))
    return inputs


def linear_exact(x, weight, bias):
    return torch.stack([(weight * row).sum(1) + bias for row in x])


def linear_relu2(x, weight, bias):
    return F.relu(F.linear(x, weight, bias)).square()


def conv_inputs(size, channels):
    def inputs(s, random):
        n, size_, c = (s.batch, size, channels) if s is not SMALL else (2, 5, 3)
        last = lambda x: x.contiguous(memory_format=torch.channels_last)
        return last(random(n, c, size_, size_)), last(random(c, c, 3, 3) / 16), random(c), last(random(n, c, size_, size_))
    return inputs


def conv(x, weight, bias, residual):
    return F.relu(F.conv2d(x, weight, bias, padding=1) + residual)


def conv_exact(x, weight, bias, residual):
    out, (n, _, h, w) = residual + bias[None, :, None, None], x.shape
    for y in range(h):
        for z in range(w):
            for i in range(max(0, 1 - y), min(3, h + 1 - y)):
                for j in range(max(0, 1 - z), min(3, w + 1 - z)):
                    out[:, :, y, z] += x[:, :, y + i - 1, z + j - 1] @ weight[:, :, i, j].T
    return out.clamp(min=0)


# ---- pictures --------------------------------------------------------------------------------------------------------


def bytes_of(random, *shape):
    return (random(*shape, dtype=torch.float32) * 127.5 + 127.5).to(torch.uint8)


def sampled(x, flow):
    """x [n, C, H, W] in f32, flow [n, 2, h, w] in halves of the picture."""
    n = x.shape[-1]
    flow = F.interpolate(flow, size=(n, n), mode="bilinear", align_corners=False)
    centre = (torch.arange(n, device=x.device, dtype=torch.float32) * 2 + 1) / n - 1
    ys, xs = torch.meshgrid(centre, centre, indexing="ij")
    grid = torch.stack([xs, ys], -1)[None] + flow.permute(0, 2, 3, 1)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def bilinear(x, y, z):
    """One item's channels at a place, which is moved to the border where it lies outside. x [C, H, W]."""
    h, w = x.shape[1:]
    y, z = min(max(float(y), 0.0), h - 1.0), min(max(float(z), 0.0), w - 1.0)
    i, j = min(int(y), h - 2), min(int(z), w - 2)
    a, b = y - i, z - j
    return ((1 - a) * ((1 - b) * x[:, i, j] + b * x[:, i, j + 1]) + a * ((1 - b) * x[:, i + 1, j] + b * x[:, i + 1, j + 1]))


def sampled_exact(x, flow):
    side, cells = x.shape[-1], flow.shape[-1]
    out = torch.zeros(len(flow), x.shape[1], side, side, dtype=torch.float64)
    for n in range(len(flow)):
        for y in range(side):
            for z in range(side):
                fx, fy = bilinear(flow[n], (y + 0.5) * cells / side - 0.5, (z + 0.5) * cells / side - 0.5)
                out[n, :, y, z] = bilinear(x[n], y + fy * side / 2, z + fx * side / 2)
    return out


def warp_inputs(s, random):
    maps = random(s.pictures, 16, s.side, s.side).contiguous(memory_format=torch.channels_last)
    return maps, random(s.pictures, 2, s.side // 2, s.side // 2, dtype=torch.float32)


def warp(maps, flow):
    return sampled(maps.float(), flow).to(maps.dtype)


def blend_inputs(s, random):
    maps, flow = warp_inputs(s, random)
    return bytes_of(random, 1, 3, 2 * s.side, 2 * s.side), flow, maps


def blend(portrait, flow, painted):
    o = F.pixel_shuffle(painted, 2).float()
    mask = torch.sigmoid(o[:, 3:4])
    moved = sampled(portrait.float().expand(len(o), -1, -1, -1), flow)
    return (mask * moved + (1 - mask) * (o[:, :3] + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def blend_exact(portrait, flow, painted):
    n, _, h, w = painted.shape
    o = torch.zeros(n, 4, 2 * h, 2 * w, dtype=torch.float64)
    for c in range(4):
        for i in range(2):
            for j in range(2):
                o[:, c, i::2, j::2] = painted[:, 4 * c + 2 * i + j]
    mask = 1 / (1 + (-o[:, 3:]).exp())
    moved = sampled_exact(portrait.double().expand(n, -1, -1, -1), flow)
    return (mask * moved + (1 - mask) * (o[:, :3] + 1) * 127.5).round().clamp(0, 255)


RED, GREEN, BLUE = 0.2126, 0.7152, 0.0722  # BT.709


def i420(rgb):
    """The planes Y, U, V of bytes of RGB, one after another: [n, 3/2 H, W]."""
    r, g, b = rgb.float().unbind(1)
    chroma = lambda x: F.avg_pool2d(x[:, None], 2)[:, 0].reshape(len(x), -1, x.shape[-1])
    y = RED * r + GREEN * g + BLUE * b
    u, v = (b - y) / (2 * (1 - BLUE)), (r - y) / (2 * (1 - RED))
    planes = torch.cat([16 + y * (219 / 255), 128 + chroma(u) * (224 / 255), 128 + chroma(v) * (224 / 255)], 1)
    return planes.round().clamp(0, 255).to(torch.uint8)


def i420_exact(rgb):
    """The matrix of BT.709 in limited range, pixel by pixel."""
    matrix = torch.tensor([[0.18259, 0.61423, 0.06201], [-0.10064, -0.33857, 0.43922], [0.43922, -0.39894, -0.04027]],
                          dtype=torch.float64)
    n, _, h, w = rgb.shape
    yuv = torch.einsum("ij,njyx->niyx", matrix, rgb.double())
    out = torch.zeros(n, h * 3 // 2, w, dtype=torch.float64)
    out[:, :h] = 16 + yuv[:, 0]
    for plane in range(2):
        small = sum(yuv[:, 1 + plane, i::2, j::2] for i in range(2) for j in range(2)) / 4
        out[:, h + plane * h // 4:h + (plane + 1) * h // 4] = 128 + small.reshape(n, h // 4, w)
    return out.round()


def blend_planes(portrait, flow, painted):
    return i420(blend(portrait, flow, painted))


def blend_planes_exact(portrait, flow, painted):
    return i420_exact(blend_exact(portrait, flow, painted))


def upsample2_inputs(s, random):
    return (random(s.pictures, 16, s.side, s.side).contiguous(memory_format=torch.channels_last),)


def upsample2(x):
    return F.interpolate(x, scale_factor=2, mode="nearest")


def upsample2_exact(x):
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


# ---- all of them -----------------------------------------------------------------------------------------------------

CONVS = [(8, 192), (32, 96), (64, 64), (128, 32)]


def pieces(batch):
    """In the order of test/gpu/bench.c; a batch is part of the convolutions' names."""
    exact_relu2 = lambda *x: linear_exact(*x).clamp(min=0).square()
    return [
        Piece("linear 256 to 768", linear_inputs(1, 3), F.linear, linear_exact, fuses=False),
        Piece("linear 256 to 1024, squared relu", linear_inputs(1, 4), linear_relu2, exact_relu2),
        Piece("linear 1024 to 256", linear_inputs(4, 1), F.linear, linear_exact, fuses=False),
        Piece("attention 320 of 272 + 320", attention_inputs, attention, attention_exact, fuses=not FUSED),
        *[Piece(f"decoupled, lip 18, context {shared} + 9", decoupled_inputs(shared), decoupled, decoupled_exact)
          for shared in (16, 200)],
        *[Piece(f"conv 3x3 {batch}x{size}x{size}x{c} to {c}", conv_inputs(size, c), conv, conv_exact) for size, c in CONVS],
        Piece("norm", rows_inputs, norm, norm_exact),
        Piece("norm of a sum, in place of what is added", rows_inputs, sum_norm, sum_norm_exact),
        Piece("rotary", rotary_inputs, rotary, rotary_exact),
        Piece("warp 128x128x16", warp_inputs, warp, sampled_exact),
        Piece("blend 256x256x3 to I420", blend_inputs, blend_planes, blend_planes_exact),
        Piece("upsample2 128x128x16", upsample2_inputs, upsample2, upsample2_exact),
    ]

"""The denoiser: flow matching over windows of 5 new frames, with SDCM (ECHO) and the overlap of INFP.

Latents are differences to the reference frame's, in units of their spread: dz = (z - z_ref) / spread. A window's new frames
are G x G tokens each; before them lie 10 overlap frames, the older ones pooled 2 x 2, and the reference frame, which are
clean context: their keys and values are made once a window and kept over the flow steps. What a small model can decide
first is told (head.py): where the head is, where the eyes look, whether they are shut.

    context(dz_overlap, z_ref)        keys and values of the overlap and the reference, per block
    condition(speech, coarse)         keys and values of the lip and the context branch, per block
    velocity(x, t, emotion, told, mask, ...)  what the flow's field is at x: noise - dz

server/avatar/denoiser.c runs the same graph on the kernels' table.
"""

import dataclasses
import math

import torch
from torch import nn
from torch.nn import functional as F

from speech import norm

MODULATIONS = 10  # scale, shift, gate of self-attention; scale, shift of SDCM; its two gates; scale, shift, gate of the rest
TIME_WAVES = 64
REFERENCE_TIME = -16.0  # where rotary positions put the reference frame
ROTARY_BASE = 100.0


@dataclasses.dataclass(frozen=True)
class DenoiserConfig:
    """Sizes, as they stand in the weights file."""

    grid: int = 8
    latent: int = 16
    width: int = 256
    heads: int = 4
    blocks: int = 6
    overlap: int = 10  # frames
    whole: int = 2  # of them, the newest, that are not pooled
    fresh: int = 5  # new frames
    speech: int = 256  # width of a speech token, two a frame
    before: int = 5  # frames of speech that a frame hears, before it
    after: int = 3  # and after it
    bank: int = 64  # verbal memories
    told: int = 9  # numbers of a frame that head.py decides
    coarse: int = 2  # numbers of the avatar's own loudness in a frame
    emotion: int = 11
    rotary: tuple = (12, 10, 10)  # pairs of a head's channels that turn with time, y, x
    # variants, for ablations
    decoupled: bool = True
    remember: bool = True

    @property
    def places(self):
        return self.grid ** 2

    @property
    def span(self):
        """Speech tokens that a frame hears."""
        return 2 * (self.before + 1 + self.after)

    @property
    def speech_tokens(self):
        """Of a window."""
        return 2 * (self.before + self.fresh + self.after)

    @property
    def around(self):
        """Frames of loudness that a frame knows of."""
        return self.before + 1 + self.after

    def to_json(self):
        return {name: list(v) if isinstance(v, tuple) else v for name, v in dataclasses.asdict(self).items()}

    @staticmethod
    def from_json(values):
        return DenoiserConfig(**{name: tuple(v) if isinstance(v, list) else v for name, v in values.items()})


def zeroed(layer):
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def stacked(layer, parts):
    """Says that a layer's matrix is several, one above the other."""
    layer.weight.parts = parts
    return layer


def angles(config, positions):
    """Rotary angles [tokens, pairs] of positions [tokens, 3]: time, y, x."""
    columns = []
    for axis, pairs in enumerate(config.rotary):
        frequency = ROTARY_BASE ** (-torch.arange(pairs) / pairs)
        columns.append(positions[:, axis:axis + 1] * frequency[None])
    return torch.cat(columns, 1)


def positions(times, places):
    """[times x places x places, 3], `places` from 0 in units of a cell."""
    t, y, x = torch.meshgrid(torch.as_tensor(times), places, places, indexing="ij")
    return torch.stack([t, y, x], -1).reshape(-1, 3)


def rotate(x, turn):
    """x [n, heads, tokens, channels], in f32, rounded back; pairs are the halves' channels."""
    a, b = x.float().chunk(2, -1)
    cos, sin = turn
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1).to(x.dtype)


def split(x, heads):
    """[..., tokens, width] -> [..., heads, tokens, channels]."""
    return x.unflatten(-1, (heads, -1)).transpose(-2, -3)


def join(x):
    return x.transpose(-2, -3).flatten(-2)


def attend(q, k, v, prior=None):
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    if prior is not None:
        scores = scores + prior.to(scores.dtype)
    return scores.softmax(-1) @ v


def modulated(x, scale, shift):
    return norm(x) * (1 + scale[:, None]) + shift[:, None]


class ContextBlock(nn.Module):
    """Lets the overlap's and the reference's tokens see each other, once a window."""

    def __init__(self, config):
        super().__init__()
        d, self.heads = config.width, config.heads
        self.qkv, self.out = stacked(nn.Linear(d, 3 * d), 3), zeroed(nn.Linear(d, d))
        self.wide, self.narrow = nn.Linear(d, 2 * d), zeroed(nn.Linear(2 * d, d))

    def forward(self, x, turn):
        q, k, v = (split(y, self.heads) for y in self.qkv(norm(x)).chunk(3, -1))
        x = x + self.out(join(attend(rotate(q, turn), rotate(k, turn), v))).float()
        return x + self.narrow(F.relu(self.wide(norm(x))).square()).float()


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        d, self.config = config.width, config
        self.qkv, self.out = stacked(nn.Linear(d, 3 * d), 3), zeroed(nn.Linear(d, d))
        self.context_kv = stacked(nn.Linear(d, 2 * d), 2)
        self.cross_q, self.cross_out = nn.Linear(d, d), zeroed(nn.Linear(d, d))
        self.lip_kv, self.far_kv = stacked(nn.Linear(d, 2 * d), 2), stacked(nn.Linear(d, 2 * d), 2)
        self.wide, self.narrow = nn.Linear(d, 4 * d), zeroed(nn.Linear(4 * d, d))
        self.table = nn.Parameter(torch.zeros(MODULATIONS, d))
        # Where in time each head listens, seconds, and how narrowly.
        self.centre = nn.Parameter(torch.linspace(-0.12, 0.08, config.heads))
        self.narrowness = nn.Parameter(torch.linspace(3.5, 3.5, config.heads))

    def prior(self):
        """Added to the lip branch's logits, [heads, span]: token j of a frame's is (j - 2 before) / 50 s - 10 ms away."""
        c = self.config
        away = (torch.arange(c.span) - 2 * c.before - 0.5) * 0.02
        return -5 * self.narrowness.exp()[:, None] * (away[None] - self.centre[:, None]).square()

    def cross(self, q, lip, far, lips, modulation):
        """SDCM. q [n, F S, d]; keys and values of either branch [n, tokens, d]; `lips` [S], the lip mask."""
        c = self.config
        heard = [split(x.unfold(1, c.span, 2).transpose(-1, -2), c.heads) for x in lip]  # n, F, heads, span, channels
        q = split(q.unflatten(1, (c.fresh, c.places)), c.heads)
        shared = far[0].shape[1] - c.fresh
        seen = []
        for x in far:
            own = x[:, shared:, None]
            seen.append(split(torch.cat([x[:, None, :shared].expand(-1, c.fresh, -1, -1), own], 2), c.heads))
        gate_lip, gate_far = 1 + modulation[:, None, 5:6], 1 + modulation[:, None, 6:7]
        m = lips[None, None, :, None]
        if not c.decoupled:  # the ablation: one attention over everything, everywhere
            keys, values = (torch.cat(pair, -2) for pair in zip(heard, seen))
            prior = F.pad(self.prior(), (0, shared + 1))[:, None]
            return (gate_lip * join(attend(q, keys, values, prior)).float()).flatten(1, 2)
        speaks = join(attend(q, *heard, self.prior()[:, None])).float()
        answers = join(attend(q, *seen)).float()
        return (m * gate_lip * speaks + (1 - m) * gate_far * answers).flatten(1, 2)

    def forward(self, x, modulation, turn, context, lip, far, lips):
        c = self.config
        m = modulation + self.table
        q, k, v = (split(y, c.heads) for y in self.qkv(modulated(x, m[:, 0], m[:, 1])).chunk(3, -1))
        kc, vc = context
        seen = join(attend(rotate(q, turn), torch.cat([kc, rotate(k, turn)], 2), torch.cat([vc, v], 2))).float()
        x = x + self.out(seen * (1 + m[:, None, 2])).float()
        q = self.cross_q(modulated(x, m[:, 3], m[:, 4]))
        x = x + self.cross_out(self.cross(q, lip, far, lips, m)).float()
        y = self.narrow(F.relu(self.wide(modulated(x, m[:, 7], m[:, 8]))).square()).float()
        return x + y * (1 + m[:, None, 9])


class Denoiser(nn.Module):
    def __init__(self, config=DenoiserConfig()):
        super().__init__()
        self.config = c = config
        d, z, g = c.width, c.latent, c.grid
        self.enter = nn.Linear(2 * z + 2, d)  # noisy latents, the reference's, head mask, lip mask
        self.enter_old, self.enter_new, self.enter_reference = nn.Linear(4 * z, d), nn.Linear(z, d), nn.Linear(4 * z, d)
        self.place_embed = nn.Parameter(torch.randn(c.places, d) * 0.02)
        self.pool_embed = nn.Parameter(torch.randn(c.places // 4, d) * 0.02)
        self.no_overlap = nn.Parameter(torch.randn(d) * 0.02)
        self.time_in, self.emotion_in = nn.Linear(2 * TIME_WAVES, d), zeroed(nn.Linear(c.emotion, d))
        self.modulation = stacked(nn.Linear(d, MODULATIONS * d), MODULATIONS)
        with torch.no_grad():
            self.modulation.weight.mul_(0.1)
            self.modulation.bias.zero_()
        self.told_in, self.told_out = nn.Linear(2 * c.told, d), zeroed(nn.Linear(d, d))
        self.speech_in = nn.Linear(c.speech, d)
        self.bank_q, self.bank_out = nn.Linear(d, d), zeroed(nn.Linear(d, d))
        self.bank_keys = nn.Parameter(torch.randn(c.bank, d) * d ** -0.5)
        self.bank_values = nn.Parameter(torch.randn(c.bank, d) * d ** -0.5)
        self.coarse_in, self.nobody = nn.Linear(c.around * c.coarse, d), nn.Parameter(torch.randn(1, d) * 0.02)
        self.context_block = ContextBlock(c)
        self.blocks = nn.ModuleList(Block(c) for _ in range(c.blocks))
        self.leave = zeroed(nn.Linear(d, z))
        # Not learnt, but of the weights: the lip mask, and what latents and told numbers are divided by.
        self.register_buffer("lips", torch.zeros(c.places))
        self.register_buffer("spread", torch.ones(z))
        self.register_buffer("reference_mean", torch.zeros(z))
        self.register_buffer("told_spread", torch.ones(c.told))
        cells, halves = torch.arange(g, dtype=torch.float32), torch.arange(g // 2, dtype=torch.float32) * 2 + 0.5
        times = lambda a, b: torch.arange(a, b, dtype=torch.float32)
        new = angles(c, positions(times(0, c.fresh), cells))
        kept = torch.cat([angles(c, positions(torch.tensor([REFERENCE_TIME]), halves)),
                          angles(c, positions(times(-c.overlap, -c.whole), halves)),
                          angles(c, positions(times(-c.whole, 0), cells))])
        self.turn_new, self.turn_kept = (new.cos(), new.sin()), (kept.cos(), kept.sin())

    def pooled(self, z):
        """[n, frames, S, C] -> [n, frames * S / 4, 4 C], in pixel_unshuffle's order."""
        n, frames, g = z.shape[0], z.shape[1], self.config.grid
        cells = z.reshape(n * frames, g, g, -1).permute(0, 3, 1, 2)
        return F.pixel_unshuffle(cells, 2).flatten(2).transpose(1, 2).reshape(n, frames * (g // 2) ** 2, -1)

    def context(self, overlap, reference, forget=None):
        """dz of the overlap [n, K, S, C] and normalised reference [n, S, C] -> per block keys and values
        [n, heads, tokens, channels]. `forget` [n]: overlaps that are withheld."""
        c = self.config
        n, old = len(overlap), c.overlap - c.whole
        x = torch.cat([self.enter_old(self.pooled(overlap[:, :old])).float() + self.pool_embed.repeat(old, 1),
                       self.enter_new(overlap[:, old:].flatten(1, 2)).float() + self.place_embed.repeat(c.whole, 1)], 1)
        if forget is not None:
            x = torch.where(forget[:, None, None], self.no_overlap, x)
        anchor = self.enter_reference(self.pooled(reference[:, None])).float() + self.pool_embed
        x = norm(self.context_block(torch.cat([anchor, x], 1), self.turn_kept))
        kept = []
        for block in self.blocks:
            k, v = (split(y, c.heads) for y in block.context_kv(x).chunk(2, -1))
            kept.append((rotate(k, self.turn_kept), v))
        return kept

    def condition(self, speech, coarse):
        """Speech tokens [n, T, speech] and loudness around each new frame [n, F, around * coarse] -> per block keys and
        values of both branches [n, tokens, d]. The context branch has one token that says nobody is there, and each
        frame's own loudness; the user's will stand beside the first."""
        c = self.config
        token = self.speech_in(speech).float()
        if c.remember:
            q = split(self.bank_q(norm(token)), c.heads)
            keys, values = (split(x.to(q.dtype), c.heads) for x in (self.bank_keys, self.bank_values))
            token = token + self.bank_out(join(attend(q, keys, values))).float()
        token = norm(token)
        far = norm(torch.cat([self.nobody.expand(len(speech), 1, -1), self.coarse_in(coarse).float()], 1))
        return [(block.lip_kv(token).chunk(2, -1), block.far_kv(far).chunk(2, -1)) for block in self.blocks]

    def modulations(self, t, emotion):
        """[n, MODULATIONS, d] of flow times [n] in 0..1 and emotions [n, emotion]."""
        wave = torch.exp(-math.log(1000.0) * torch.arange(TIME_WAVES) / TIME_WAVES)
        angle = 100 * t[:, None] * wave[None]
        h = self.time_in(torch.cat([angle.cos(), angle.sin()], -1)).float() + self.emotion_in(emotion).float()
        return self.modulation(F.silu(h)).float().unflatten(-1, (MODULATIONS, -1))

    def velocity(self, x, t, emotion, told, mask, reference, context, condition):
        """x [n, F, S, C]; told [n, F, 2 told]: the frame's and the reference's; mask [n, F, S]: where the head is."""
        c = self.config
        n = len(x)
        given = torch.cat([x, reference[:, None].expand(-1, c.fresh, -1, -1), mask[..., None],
                           self.lips[None, None, :, None].expand(n, c.fresh, -1, -1)], -1)
        frame = self.told_out(F.silu(self.told_in(told))).float()
        h = (self.enter(given).float() + self.place_embed + frame[:, :, None]).flatten(1, 2)
        m = self.modulations(t, emotion)
        for block, kept, (lip, far) in zip(self.blocks, context, condition):
            h = block(h, m, self.turn_new, kept, lip, far, self.lips)
        return self.leave(norm(h)).float().unflatten(1, (c.fresh, c.places))

    @torch.no_grad()
    def sample(self, noise, overlap, reference, speech, coarse, emotion, told, mask, steps=2, forget=None):
        """dz of the new frames, by Euler steps from noise [n, F, S, C]."""
        context, condition = self.context(overlap, reference, forget), self.condition(speech, coarse)
        x = noise
        for i in range(steps):
            t = torch.full((len(x),), 1 - i / steps)
            x = x - self.velocity(x, t, emotion, told, mask, reference, context, condition) / steps
        return x


if __name__ == "__main__":
    net = Denoiser()
    print(f"{sum(p.numel() for p in net.parameters()) / 1e6:.2f} M parameters")

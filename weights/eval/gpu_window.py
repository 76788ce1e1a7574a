"""A whole window in PyTorch on a device: what the server does between 520 ms of log-mel and five pictures as I420.

The networks are weights/train's own, from the server's weights. What a device likes is put in their place: matrices in the
type of the row instead of an autocast, PyTorch's fused attention, positions and priors on the device, embedded flow times
worked out beforehand, channels_last for the codec. `apart` holds the result to the networks as they were trained, in f32.
"""

import os

import torch
from torch import nn
from torch.nn import functional as F

import train_path  # noqa: F401
import denoiser
import export_codec
import export_denoiser
import export_speech
from gpu_pieces import attend, i420, random_of

STEPS = 2
ATTEND = denoiser.attend  # as it was written


class Matrix(nn.Module):
    """A linear layer in the type of its weights, whatever comes in."""

    def __init__(self, layer, dtype):
        super().__init__()
        self.weight = nn.Parameter(layer.weight.to(dtype))
        self.bias = None if layer.bias is None else nn.Parameter(layer.bias.to(dtype))

    def forward(self, x):
        return F.linear(x.to(self.weight.dtype), self.weight, self.bias)


def with_matrices(net, dtype):
    for part in list(net.modules()):
        for name, child in list(part.named_children()):
            if isinstance(child, nn.Linear):
                setattr(part, name, Matrix(child, dtype))
    return net


def attend_flat(q, k, v, prior=None):
    """denoiser.attend by the fused kernels, which take 4 dimensions."""
    flat = lambda x: x.expand(*q.shape[:-3], *x.shape[-3:]).flatten(0, -4)
    seen = attend(flat(q), flat(k), flat(v), None if prior is None else prior[None].to(q.dtype))
    return seen.unflatten(0, q.shape[:-3])


class Window(nn.Module):
    def __init__(self, folder, device, dtype):
        super().__init__()
        path = lambda name: os.path.join(folder, f"{name}.safetensors")
        net = export_denoiser.net_of_weights(path("denoiser"))[0]
        self.speech = with_matrices(export_speech.speech_of_weights(path("speech"))[0], dtype).to(device).eval()
        codec = export_codec.codec_of_weights(path("codec"))[0]
        self.appearance = codec.appearance.to(device).eval()
        self.decoder = codec.decoder.to(device, dtype).to(memory_format=torch.channels_last).eval()
        self.config, self.picture, self.device, self.dtype = net.config, codec.config.picture, device, dtype
        with torch.no_grad():
            times = [net.time_in(waves(1 - i / STEPS)).to(device) for i in range(STEPS)]
        self.net = with_matrices(net, dtype).to(device).eval()
        net.turn_new, net.turn_kept = [tuple(x.to(device) for x in turn) for turn in (net.turn_new, net.turn_kept)]
        for block in net.blocks:
            block.prior = lambda table=block.prior().to(device): table
        # `velocity` hands on what it was given as the time: here the number of the step.
        net.modulations = lambda step, emotion: net.modulation(
            F.silu(times[step] + net.emotion_in(emotion).float())).float().unflatten(-1, (denoiser.MODULATIONS, -1))
        denoiser.attend = attend_flat

    def forward(self, mel, noise, overlap, reference, coarse, emotion, told, mask, maps, portrait):
        """Bytes of I420 [n x frames, 3/2 H, W]; of one character: maps and portrait of 1."""
        c, net = self.config, self.net
        speech = self.speech(mel)[:, self.speech.config.past:][:, :c.speech_tokens]
        context, condition = net.context(overlap, reference), net.condition(speech, coarse)
        x = noise
        for step in range(STEPS):
            x = x - net.velocity(x, step, emotion, told, mask, reference, context, condition) / STEPS
        return self.pictures(x, reference, maps, portrait)

    def pictures(self, x, reference, maps, portrait):
        g, count = self.config.grid, x.shape[0] * x.shape[1]
        cells = lambda z: z.reshape(count, g, g, -1).permute(0, 3, 1, 2).to(self.dtype)
        z0 = cells(reference[:, None].expand_as(x))
        many = lambda y: y.expand(count, -1, -1, -1)
        frame = self.decoder(z0 + cells(x * self.net.spread), z0, [many(m) for m in maps], many(portrait))[0]
        return i420(((frame + 1) * 127.5).round().clamp(0, 255).to(torch.uint8))

    @torch.no_grad()
    def inputs(self, batch):
        c, random = self.config, random_of(self.device, torch.float32)
        steps = c.speech_tokens + self.speech.config.past + self.speech.config.ahead
        portrait = random(1, 3, self.picture, self.picture)
        maps = [m.to(self.dtype).contiguous(memory_format=torch.channels_last) for m in self.appearance(portrait)]
        return (5 * random(batch, 2 * steps, 80) - 9, random(batch, c.fresh, c.places, c.latent),
                random(batch, c.overlap, c.places, c.latent), random(batch, c.places, c.latent),
                random(batch, c.fresh, c.around * c.coarse), random(batch, c.emotion).abs(),
                random(batch, c.fresh, 2 * c.told), random(batch, c.fresh, c.places).abs(), maps,
                portrait.contiguous(memory_format=torch.channels_last))


def waves(time):
    """Of a flow time, as denoiser.modulations embeds it."""
    count = denoiser.TIME_WAVES
    angle = 100 * time * torch.exp(-denoiser.math.log(1000.0) * torch.arange(count) / count)
    return torch.cat([angle.cos(), angle.sin()], -1)


@torch.no_grad()
def plain(folder, mel, noise, overlap, reference, coarse, emotion, told, mask, maps, portrait):
    """The same by the networks as they are, in f32 on the processor."""
    path = lambda name: os.path.join(folder, f"{name}.safetensors")
    net = export_denoiser.net_of_weights(path("denoiser"))[0]
    speech = export_speech.speech_of_weights(path("speech"))[0]
    decoder = export_codec.codec_of_weights(path("codec"))[0].decoder
    heard = speech(mel)[:, speech.config.past:][:, :net.config.speech_tokens]
    fresh = net.sample(noise, overlap, reference, heard, coarse, emotion, told, mask, STEPS)
    g, frames = net.config.grid, []
    for n in range(len(fresh)):
        z0 = reference[n].reshape(1, g, g, -1).permute(0, 3, 1, 2)
        for dz in fresh[n]:
            z = z0 + (dz * net.spread).reshape(1, g, g, -1).permute(0, 3, 1, 2)
            frames.append(decoder(z, z0, maps, portrait)[0])
    return i420(((torch.cat(frames) + 1) * 127.5).round().clamp(0, 255).to(torch.uint8))


@torch.no_grad()
def apart(window, folder, batch=1):
    """How far a window's pictures are from those of the networks as they are: the mean difference, of 255."""
    given = window.inputs(batch)
    got = window(*given).cpu().float()
    denoiser.attend = ATTEND
    wanted = plain(folder, *[[m.float().cpu() for m in x] if isinstance(x, list) else x.cpu() for x in given]).float()
    denoiser.attend = attend_flat
    return (got - wanted).abs().mean().item()

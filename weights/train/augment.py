"""Makes the voices of a few speakers sound like many, in many rooms: on log-mel, by what the power of a band becomes.

What is added to speech adds its power, so noise, music and other people cost a sum; a room smears power over time. A voice
of another size has its bands moved. Labels stay as they are: whoever is heard beside the speaker, or while the speaker is
silent, is none of the mouth's business. So others are never as loud and as dry as the speaker may be.
"""

import torch
from torch.nn import functional as F

FLOOR = 1e-6  # what log-mel adds to the power
SPEECH_POWER = 1.2  # of a band, on average, while somebody speaks as usual


def power(mel):
    return (torch.exp(mel) - FLOOR).clamp(min=0)


def uniform(shape, low, high):
    return low + (high - low) * torch.rand(shape)


def decibel(value):
    return 10 ** (value / 10)


def resize_voice(p, amount=0.16):
    """Bands moved by up to `amount`: a longer or a shorter vocal tract."""
    n, rows, bands = p.shape
    at = (torch.arange(bands)[None] * (1 + uniform((n, 1), -amount, amount))).clamp(0, bands - 1.001)
    low = at.floor().long()
    share = (at - low)[:, None]
    pick = lambda index: torch.gather(p, 2, index[:, None].expand(-1, rows, -1))
    return pick(low) * (1 - share) + pick(low + 1) * share


def equalise(p, depth=8.0):
    """A smooth curve over the bands, up to `depth` dB either way; telephones cut below and above."""
    n, _, bands = p.shape
    knots = uniform((n, 1, 6), -depth, depth)
    curve = F.interpolate(knots, size=bands, mode="linear", align_corners=True)
    place = torch.arange(bands)[None, None]
    telephone = (torch.rand(n, 1, 1) < 0.1).float() * -40.0
    outside = ((place < uniform((n, 1, 1), 5, 9)) | (place > uniform((n, 1, 1), 58, 79))).float()
    return p * decibel(curve + telephone * outside)


def reverberate(p, wet, seconds):
    """An exponential tail of `seconds` until -60 dB (tensor [n]), with a power of `wet` [n] of the direct sound's."""
    n, rows, bands = p.shape
    taps = 60
    age = torch.arange(1, taps + 1)[None] * 0.01
    kernel = torch.exp(-13.8 * age / seconds[:, None])
    kernel = kernel / kernel.sum(1, keepdim=True) * wet[:, None]
    kernel = torch.cat([kernel.flip(1), torch.ones(n, 1)], 1)
    x = F.pad(p.permute(2, 0, 1).reshape(bands, n, rows), (taps, 0))
    return F.conv1d(x, kernel[:, None], groups=n).permute(1, 2, 0)


def noise(shape):
    """Coloured noise that swells and fades: smooth over the bands, chi-square over time."""
    n, rows, bands = shape
    colour = F.interpolate(uniform((n, 1, 5), -15, 10), size=bands, mode="linear", align_corners=True)
    swell = F.interpolate(uniform((n, 1, rows // 25 + 2), -6, 3), size=rows, mode="linear", align_corners=True)
    grain = torch.distributions.Gamma(2.0, 2.0).sample(shape)
    return decibel(colour + swell.transpose(1, 2)) * grain


def music(shape, voices=4):
    """Chords of decaying tones with harmonics, and beats: power in single bands, held for a while."""
    n, rows, bands = shape
    p = torch.zeros(shape)
    step = int(torch.randint(12, 60, ()))
    for start in range(0, rows, step):
        length = min(step, rows - start)
        decay = torch.exp(-torch.arange(length)[None, :, None] * uniform((n, 1, 1), 0.005, 0.1))
        for _ in range(voices):
            hertz = 110 * 2 ** uniform((n, 1), 0, 3.5)
            for k in range(1, 7):
                mel = 2595 * torch.log10(1 + hertz * k / 700) / 2840.0 * (bands + 1) - 1
                shape_of = torch.exp(-0.5 * ((torch.arange(bands)[None] - mel) / 0.8) ** 2) * uniform((n, 1), 0.2, 1) / k
                p[:, start:start + length] += decay * shape_of[:, None]
        beat = torch.exp(-torch.arange(length) * 0.35)[None, :, None] * uniform((n, 1, 1), 0, 1.5)
        p[:, start:start + length] += beat * torch.linspace(1, 0.2, bands)
    return p / p.mean((1, 2), keepdim=True)


def some(n, share):
    """Which of n, each with this chance."""
    return torch.nonzero(torch.rand(n) < share)[:, 0]


def augment(mel, others):
    """Log-mel [n, rows, 80] of speakers and of other people -> log-mel as it may be heard."""
    n, rows, bands = mel.shape
    p = equalise(resize_voice(power(mel))) * decibel(uniform((n, 1, 1), -8, 6))
    room = some(n, 0.5)
    if len(room):
        p[room] = reverberate(p[room], uniform(room.shape, 0, 0.5), uniform(room.shape, 0.15, 0.6))
    far = some(n, 0.4)
    if len(far):
        distant = reverberate(equalise(resize_voice(power(others[far]))), uniform(far.shape, 0.5, 3), uniform(far.shape, 0.3, 0.9))
        p[far] += distant * decibel(uniform((len(far), 1, 1), -25, -5))
    for where, kind, quiet in ((some(n, 0.5), noise, -40), (some(n, 0.25), music, -30)):
        if len(where):
            p[where] += kind((len(where), rows, bands)) * SPEECH_POWER * decibel(uniform((len(where), 1, 1), quiet, -2))
    return torch.log(p + FLOOR)

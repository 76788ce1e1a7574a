"""Sound that evaluation needs and no dataset has: what else is heard in a room while the avatar is silent, and WAV files.
Needs numpy only. Samples are int16 at 16 kHz; levels are against speech of usual loudness."""

import wave

import numpy as np

RATE = 16000
SPEECH = 0.05  # root mean square of speech, full scale being 1, where a dataset does not say


def write_wav(path, pcm):
    with wave.open(path, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.asarray(pcm, "<i2").tobytes())


def to_pcm(x, level):
    """Any signal at a root mean square of `level`, full scale being 1."""
    x = x - x.mean()
    return np.clip(np.round(x / np.sqrt((x**2).mean()) * level * 32768), -32768, 32767).astype(np.int16)


def level_of(pcm, speaking):
    """Root mean square of a voice, full scale being 1, over the frames in which it speaks."""
    frames = np.asarray(pcm[:len(speaking) * 640], np.float64).reshape(-1, 640) / 32768
    return float(np.sqrt((frames[np.asarray(speaking, bool)]**2).mean()))


def decibel(value):
    return 10 ** (value / 20)


def shaped(x, curve):
    """`x` with its spectrum multiplied by curve(Hz)."""
    hertz = np.fft.rfftfreq(len(x), 1 / RATE)
    return np.fft.irfft(np.fft.rfft(x) * curve(hertz), len(x))


def noise(seconds, chance):
    """Noise as of traffic or a fan: falling with the frequency, swelling and fading."""
    n = int(seconds * RATE)
    slope = chance.uniform(0.3, 1.0)
    x = shaped(chance.normal(size=n), lambda hz: (np.maximum(hz, 40) / 1000) ** -slope)
    knots = np.arange(int(seconds) + 2)
    swell = np.interp(np.arange(n) / RATE, knots, chance.uniform(-6, 3, len(knots)))
    return x * decibel(swell)


def music(seconds, chance):
    """Chords of plucked tones with harmonics, a bass, and a beat of noise."""
    n, beat = int(seconds * RATE), int(RATE * chance.uniform(0.35, 0.6))
    out, scale = np.zeros(n), np.array([0, 2, 4, 5, 7, 9, 11])
    root = chance.uniform(40, 52)
    for number, start in enumerate(range(0, n, beat)):
        degree = int(chance.integers(7)) if number % 4 == 0 else degree
        length = min(4 * beat, n - start)
        t = np.arange(length) / RATE
        for voice in (-7, 0, 2, 4, 7 + 2 * int(chance.integers(4))):
            step = degree + voice
            key = root + 12 * (step // 7 + 1) + scale[step % 7]
            hertz, fade = 440 * 2 ** ((key - 69) / 12), chance.uniform(1, 4)
            tone = sum(np.sin(2 * np.pi * hertz * k * t) / k for k in range(1, 7) if hertz * k < RATE / 2)
            out[start:start + length] += tone * np.exp(-fade * t) * (1 - np.exp(-300 * t))
        hit = min(RATE // 8, n - start)
        out[start:start + hit] += 2 * chance.normal(size=hit) * np.exp(-np.arange(hit) / RATE * 40)
    return out


def distant(pcm, chance):
    """A voice from across a room: more echo than voice, dull."""
    seconds = chance.uniform(0.4, 0.8)
    n = int(seconds * RATE)
    echo = chance.normal(size=n) * np.exp(-6.9 * np.arange(n) / n)
    echo *= 1.5 / np.sqrt((echo**2).sum())
    echo[0] += 1
    size = len(pcm) + n
    x = np.fft.irfft(np.fft.rfft(pcm / 32768, size) * np.fft.rfft(echo, size), size)[:len(pcm)]
    return shaped(x, lambda hz: 1 / np.sqrt(1 + (hz / 2500) ** 2))

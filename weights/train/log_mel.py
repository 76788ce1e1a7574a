#!/usr/bin/env python3
"""The log-mel features computed a second time, with numpy and from their definition alone.

    log_mel.py --write FILE    writes the features of the golden signal (float32, rows of 80)
    log_mel.py --check FILE    compares FILE, written by the C code, with them; exit status 1 beyond 1e-4
    log_mel.py --golden FILE   the same for the rows kept in the repository

The definition (server/media/log_mel.h): row h covers samples [160 h - 120, 160 h + 280) of a 16 kHz stream, silence
before it; a symmetric 400-point Hann window; the power spectrum of 512 points of samples in [-1, 1); 80 triangles of
unit peak, evenly spaced on the HTK mel scale from 0 to 8000 Hz; ln(power + 1e-6).
"""
import argparse
import sys

import numpy as np

RATE, HOP, WINDOW, AHEAD, POINTS, BANDS = 16000, 160, 400, 120, 512, 80
COUNT = 16000  # samples of the golden signal
TOLERANCE = 1e-4


def golden_signal():
    """One second: silence, a rising square-law chirp as a triangle wave, noise that grows, silence, full-scale clicks.

    Integer arithmetic modulo 2^32 only; test/unit/media/golden_signal.h makes the same samples in C.
    """
    mask = 0xFFFFFFFF
    seed, phase = 1, 0
    pcm = np.zeros(COUNT, np.int16)
    for i in range(COUNT):
        seed = (seed * 1664525 + 1013904223) & mask
        noise = (seed >> 16) - 32768
        if 1600 <= i < 9600:
            phase = (phase + (i - 1600) * 240000 + 20000000) & mask
            triangle = abs((phase >> 16) - 32768) * 2 - 32768
            pcm[i] = triangle // 2
        if 8000 <= i < 13600:
            pcm[i] = (int(pcm[i]) + noise * (i - 8000) // 11200) // 2
        if i >= 15200 and i % 200 == 0:
            pcm[i] = -32768 if i % 400 else 32767
    return pcm


def filterbank():
    mel = lambda hz: 2595 * np.log10(1 + hz / 700)
    edges = 700 * (10 ** (np.linspace(0, mel(RATE / 2), BANDS + 2) / 2595) - 1)
    hz = np.arange(POINTS // 2 + 1) * RATE / POINTS
    bank = np.zeros((BANDS, len(hz)))
    for b in range(BANDS):
        bank[b] = np.interp(hz, edges[b : b + 3], [0, 1, 0], left=0, right=0)
    return bank


def log_mel(pcm):
    """All rows that the samples complete."""
    x = np.concatenate([np.zeros(AHEAD), pcm / 32768])
    rows = (len(x) - WINDOW) // HOP + 1
    frames = np.stack([x[h * HOP : h * HOP + WINDOW] for h in range(rows)])
    power = np.abs(np.fft.rfft(frames * np.hanning(WINDOW), POINTS, axis=1)) ** 2
    return np.log(power @ filterbank().T + 1e-6).astype("<f4")


def compare(path, rows):
    got = np.fromfile(path, "<f4")
    if got.size != rows.size:
        sys.exit(f"log_mel: {got.size / BANDS:g} rows of {BANDS} in {path}, not {len(rows)}")
    worst = float(np.max(np.abs(got.reshape(rows.shape) - rows)))
    print(f"# log_mel: {path}: {len(rows)} rows, largest difference {worst:.2g}")
    if not worst <= TOLERANCE:
        sys.exit(f"log_mel: {path} differs by more than {TOLERANCE}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", metavar="FILE")
    parser.add_argument("--check", metavar="FILE")
    parser.add_argument("--golden", metavar="FILE")
    arguments = parser.parse_args()
    rows = log_mel(golden_signal())
    if arguments.write:
        rows.tofile(arguments.write)
    for path in filter(None, [arguments.check, arguments.golden]):
        compare(path, rows)


if __name__ == "__main__":
    main()

"""How alike pictures are, in numbers. Needs numpy only.

Pictures are u8 [height, width, 3]; sequences have a frame's number in front. Every function says what better is.
"""

import numpy as np

PEAK = 255.0
LUMA = np.array([0.299, 0.587, 0.114])
WINDOW, SIGMA = 11, 1.5  # of SSIM, as in Wang et al. 2004
C1, C2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2


def psnr(a, b):
    """Peak signal to noise in dB over all pixels and channels; higher is better, infinite where nothing differs."""
    error = np.mean((np.asarray(a, np.float64) - np.asarray(b, np.float64)) ** 2)
    return float(10 * np.log10(PEAK**2 / error)) if error else float("inf")


def gaussian(size=WINDOW, sigma=SIGMA):
    x = np.arange(size) - (size - 1) / 2
    weight = np.exp(-(x**2) / (2 * sigma**2))
    return weight / weight.sum()


def blur(image):
    """Gaussian means of a picture [h, w], where the window lies within it: [h - 10, w - 10]."""
    weight = gaussian()
    rows, columns = image.shape[0] - WINDOW + 1, image.shape[1] - WINDOW + 1
    image = sum(w * image[i:i + rows] for i, w in enumerate(weight))
    return sum(w * image[:, i:i + columns] for i, w in enumerate(weight))


def ssim(a, b):
    """Structural similarity of the luma (Wang et al. 2004), mean over the picture; 1 is equal."""
    a, b = np.asarray(a) @ LUMA, np.asarray(b) @ LUMA
    ma, mb = blur(a), blur(b)
    va, vb, both = blur(a * a) - ma * ma, blur(b * b) - mb * mb, blur(a * b) - ma * mb
    return float(np.mean((2 * ma * mb + C1) * (2 * both + C2) / ((ma * ma + mb * mb + C1) * (va + vb + C2))))


def root_trace(a, b):
    """The trace of the square root of a product of covariances."""
    values, vectors = np.linalg.eigh(a)
    half = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    return float(np.sqrt(np.maximum(np.linalg.eigvalsh(half @ b @ half), 0)).sum())


def frechet(a, b):
    """Frechet distance of two sets of features, rows each (FID, where the features are a network's); 0 is alike. It
    depends on how many rows there are: compare only between sets of one size."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    ca, cb = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(ca) + np.trace(cb) - 2 * root_trace(ca, cb))


def flicker(shown, truth):
    """How much more than it should a sequence changes from one frame to the next: the mean of |change shown - true
    change|, in steps of 255, and the same over the mean true change. 0 is best; an error that stands still is none."""
    shown, truth = np.asarray(shown, np.float32), np.asarray(truth, np.float32)
    change = np.diff(truth, axis=0)
    wrong = float(np.abs(np.diff(shown, axis=0) - change).mean())
    return wrong, wrong / max(float(np.abs(change).mean()), 1e-6)


def correlation(a, b, group=None):
    """Pearson's r; with groups, of what deviates from each group's mean, so that groups that differ from each other
    count for nothing. 0 where one does not vary."""
    a, b = np.array(a, np.float64), np.array(b, np.float64)
    group = np.zeros(len(a), int) if group is None else np.asarray(group)
    for g in np.unique(group):
        a[group == g] -= a[group == g].mean()
        b[group == g] -= b[group == g].mean()
    spread = np.sqrt((a * a).sum() * (b * b).sum())
    return float((a * b).sum() / spread) if spread > 1e-12 else 0.0


def cycle_error(z, again):
    """How far latents [n, ...channels, g, g] come back changed after decoding and encoding: RMS of the difference in
    standard deviations of z, each frame by itself: [n]. The deviation is that from frame to frame at one place."""
    z, again = np.asarray(z, np.float64), np.asarray(again, np.float64)
    return np.sqrt(((again - z) ** 2).reshape(len(z), -1).mean(1) / z.var(0).mean())


def landmark_error(a, b):
    """Mean distance of 68 points [n, 68, 2] in percent of b's distance between the eyes' outer corners: [n]."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    eyes = np.linalg.norm(b[:, 36] - b[:, 45], axis=1)
    return 100 * np.linalg.norm(a - b, axis=2).mean(1) / eyes


def verification(same, different, threshold=None):
    """Cosines of pairs of one person and of two -> (share told apart at the threshold, the mean of both kinds; the
    threshold). Without a threshold, the best one for these pairs."""
    same, different = np.asarray(same, np.float64), np.asarray(different, np.float64)

    def share(t):
        return ((same > t).mean() + (different <= t).mean()) / 2

    if threshold is None:
        threshold = max(np.unique(np.concatenate([same, different])), key=share)
    return float(share(threshold)), float(threshold)

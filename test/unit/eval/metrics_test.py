"""Tests of weights/eval: the metrics against answers known from their definitions, and what writes them down; speaks TAP.
Needs numpy only."""

import os
import sys
import xml.etree.ElementTree

import numpy as np

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), *[os.pardir] * 3)
sys.path += [os.path.join(ROOT, *folder) for folder in (("weights", "eval"), ("weights", "train"), ("test", "unit"))]
import metrics  # noqa: E402
import model_card  # noqa: E402
import plot  # noqa: E402
import tap  # noqa: E402


def flat(value, n=24):
    return np.full((n, n, 3), value, np.uint8)


def noise(seed, n=24):
    return np.random.default_rng(seed).integers(0, 256, (n, n, 3)).astype(np.uint8)


def near(a, b, tolerance=1e-9):
    assert abs(a - b) <= tolerance, f"{a} is not {b}"


def psnr_of_a_known_difference():
    near(metrics.psnr(flat(100), flat(110)), 20 * np.log10(25.5))
    near(metrics.psnr(flat(255), flat(0)), 0)
    assert metrics.psnr(flat(7), flat(7)) == float("inf")


def ssim_of_flat_pictures_is_the_luminance_term():
    near(metrics.ssim(flat(100), flat(140)), (2 * 100 * 140 + metrics.C1) / (100**2 + 140**2 + metrics.C1), 1e-6)


def ssim_of_a_picture_with_itself_is_one_and_of_its_negative_is_negative():
    picture = noise(1)
    near(metrics.ssim(picture, picture), 1)
    assert metrics.ssim(picture, 255 - picture) < -0.5


def ssim_is_the_formula_at_every_place():
    """Window by window, with weighted means written out."""
    a, b = noise(2, 14), noise(3, 14)
    x, y = a @ metrics.LUMA, b @ metrics.LUMA
    line = [np.exp(-((i - 5) ** 2) / (2 * 1.5**2)) for i in range(11)]
    weight = np.outer(line, line) / np.sum(line) ** 2
    values = []
    for i in range(4):
        for j in range(4):
            p, q = x[i:i + 11, j:j + 11], y[i:i + 11, j:j + 11]
            mp, mq = (weight * p).sum(), (weight * q).sum()
            vp, vq = (weight * (p - mp) ** 2).sum(), (weight * (q - mq) ** 2).sum()
            both = (weight * (p - mp) * (q - mq)).sum()
            values.append((2 * mp * mq + 6.5025) * (2 * both + 58.5225)
                          / ((mp**2 + mq**2 + 6.5025) * (vp + vq + 58.5225)))
    near(metrics.ssim(a, b), np.mean(values), 1e-9)


def frechet_of_gaussians_with_known_moments():
    """Of diagonal covariances: the means' distance, and the squared differences of the deviations."""
    chance = np.random.default_rng(4)
    base = chance.normal(size=(4000, 3))
    base -= base.mean(0)
    values, vectors = np.linalg.eigh(np.cov(base, rowvar=False))
    base = base @ vectors / np.sqrt(values)  # covariance: exactly one
    near(metrics.frechet(base, base), 0, 1e-6)
    near(metrics.frechet(base, base + [3, 0, 4]), 25, 1e-6)
    near(metrics.frechet(base * [1, 2, 3], base * [2, 4, 6] + [1, 0, 0]), 1 + 1 + 4 + 9, 1e-6)
    turn = np.linalg.qr(chance.normal(size=(3, 3)))[0]
    near(metrics.frechet(base * [1, 2, 3] @ turn, base * [2, 4, 6] @ turn), 14, 1e-6)


def flicker_counts_only_what_changes():
    truth = np.stack([noise(i) // 2 for i in range(5)])
    assert metrics.flicker(truth, truth)[0] == 0
    near(metrics.flicker(truth + 10, truth)[0], 0)
    shaking = truth.astype(int) + (np.arange(5) % 2 * 6)[:, None, None, None]
    wrong, share = metrics.flicker(shaking, truth)
    near(wrong, 6, 1e-5)
    near(share, 6 / np.abs(np.diff(truth.astype(float), axis=0)).mean(), 1e-5)


def correlation_of_groups_ignores_their_means():
    a = np.array([1, 2, 3, 11, 12, 13.0])
    b = np.array([3, 2, 1, 13, 12, 11.0])
    assert metrics.correlation(a, b) > 0.9
    near(metrics.correlation(a, b, [0, 0, 0, 1, 1, 1]), -1)
    near(metrics.correlation(a, 2 * a + 1), 1)
    assert metrics.correlation(a, np.ones(6)) == 0


def cycle_error_is_in_standard_deviations():
    z = np.random.default_rng(5).normal(3, 2, (6, 4, 8, 8)) * [[[2.0]], [[1.0]], [[0.5]], [[0.0]]]
    z += np.arange(64).reshape(8, 8) * 100  # what never changes is no deviation
    error = metrics.cycle_error(z, z + np.arange(6)[:, None, None, None])
    for i in range(6):
        near(error[i], i / np.sqrt(np.mean([z[:, c].var(0).mean() for c in range(4)])))


def landmark_error_is_in_percent_of_the_eyes_distance():
    b = np.random.default_rng(6).normal(size=(2, 68, 2))
    b[:, 36], b[:, 45] = [0, 0], [50, 0]
    a = b.copy()
    a[1] += [3, 4]
    near(metrics.landmark_error(a, b)[0], 0)
    near(metrics.landmark_error(a, b)[1], 10)


def verification_finds_the_threshold_and_keeps_a_given_one():
    same, different = [0.9, 0.8, 0.4], [0.1, 0.2, 0.5]
    share, threshold = metrics.verification(same, different)
    near(share, 5 / 6)
    assert metrics.verification(same, different, threshold)[0] == share
    near(metrics.verification(same, different, 0.95)[0], 0.5)


def a_table_takes_its_place_on_the_page_and_nothing_else_changes():
    page = "before\n<!-- a: begin -->\nold\n<!-- a: end -->\nafter\n<!-- b: begin -->\nkept\n<!-- b: end -->\n"
    once = model_card.filled(page, "a", model_card.table(["x", "y"], [["1", "2"]]))
    assert once == page.replace("old\n", "\n| x | y |\n|---|---|\n| 1 | 2 |\n\n"), once
    assert model_card.filled(once, "a", "old") == page.replace("old\n", "\nold\n\n")
    for wrong in ("c", "before"):
        try:
            model_card.filled(page, wrong, "")
        except ValueError:
            continue
        raise AssertionError(f"a place for {wrong} was found")


def the_model_card_has_the_places_that_the_programs_fill():
    with open(os.path.join(ROOT, "docs", "model-card.md"), encoding="utf-8") as file:
        page = file.read()
    for part in ("codec", "drawing", "probe", "avatar", "ablations"):
        assert f"\n\nnew {part}\n\n" in model_card.filled(page, part, f"new {part}")


def a_plot_shows_its_points_where_they_belong():
    rows = [{"minutes": m, "loss": 10.0 ** -m, "psnr": 20 + m} for m in range(5)] + [{"minutes": 4, "step": 9}]
    drawn = xml.etree.ElementTree.fromstring(plot.draw(rows, [("a < b", ["psnr", "never"], False), ("l", ["loss"], True)]))
    lines = [e for e in drawn.iter() if e.tag.endswith("polyline")]
    assert len(lines) == 2
    rising, falling = ([[float(v) for v in p.split(",")] for p in e.get("points").split()] for e in lines)
    assert [p[0] for p in rising] == [p[0] for p in falling] and len(rising) == 5
    for k in range(5):  # both are straight lines, one on a logarithmic scale
        near(rising[k][1], rising[0][1] + k * (rising[4][1] - rising[0][1]) / 4, 0.11)
        near(falling[k][1], falling[0][1] + k * (falling[4][1] - falling[0][1]) / 4, 0.11)
    assert rising[4][1] < rising[0][1] < falling[0][1] < falling[4][1]
    assert [plot.label(t) for t in plot.ticks(0, 1)] == ["0", "0.2", "0.4", "0.6", "0.8", "1"]


if __name__ == "__main__":
    tap.run(globals(), (flat, noise, near))

#!/usr/bin/env python3
"""Writes metrics_reference.json: the metrics of small sets, computed by other means than Saddle's.

Needs numpy and scipy. Frechet: scipy.linalg.sqrtm of the product of the covariances. PRDC and improved precision and
recall: every distance from the differences, in float64, and the definitions word by word. Sliced Wasserstein: the
pyramid by scipy.ndimage with mirrored borders, patch by patch, scipy.stats.wasserstein_distance a direction. MS-SSIM:
scipy.signal.correlate2d, pair by pair. The trained classifier: scipy's L-BFGS. The sets and draws are formulas of
integers, so that the test makes exactly the same ones (tests/plugins/metrics/sets.hpp).
"""
import json
import pathlib

import numpy as np
import scipy.linalg
import scipy.ndimage
import scipy.optimize
import scipy.signal
import scipy.special
import scipy.stats


def splitmix(state):
    mask = (1 << 64) - 1
    z = (state + 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return z ^ (z >> 31)


def make_set(seed, n, d, scale=1.0, shift=0.0, levels=0):
    """Features [n, d], float32. levels > 0: integers below it, so that distances tie."""
    u = np.array([(splitmix((seed << 32) + i) >> 40) / 2**24 for i in range(n * d)]).reshape(n, d)
    if levels:
        x = np.floor(u * levels)
    else:
        x = u + 0.5 * np.roll(u, -1, axis=1)  # neighbouring columns are correlated
    return (x * scale + shift).astype(np.float32)


def frechet(a, b):
    a, b = a.astype(np.float64), b.astype(np.float64)
    s1, s2 = np.atleast_2d(np.cov(a, rowvar=False)), np.atleast_2d(np.cov(b, rowvar=False))
    root = scipy.linalg.sqrtm(s1 @ s2)
    return float(np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(s1) + np.trace(s2) - 2 * np.trace(root).real)


def prdc(real, fake, k, ties):
    def distances(a, b):
        return np.sum((a[:, None, :].astype(np.float64) - b[None, :, :].astype(np.float64)) ** 2, axis=2)

    def radii(a):
        d = distances(a, a)
        np.fill_diagonal(d, np.inf)
        return np.sort(d, axis=1)[:, k - 1]

    def inside(d, r):
        return d < r if ties == "strict" else d <= r

    d = distances(real, fake)
    in_real = inside(d, radii(real)[:, None])
    in_fake = inside(d, radii(fake)[None, :])
    return {
        "precision": float(in_real.any(axis=0).mean()),
        "recall": float(in_fake.any(axis=1).mean()),
        "density": float(in_real.sum(axis=0).mean() / k),
        "coverage": float(in_real.any(axis=1).mean()),
    }


def precision_recall(real, fake, k):
    found = prdc(real, fake, k, "inclusive")
    return {"improved_precision": found["precision"], "improved_recall": found["recall"]}


def labels_of(n, classes):
    return np.array([(7 * i + i // 3) % classes for i in range(n)])


def intra_frechet(real, fake, classes):
    yr, yf = labels_of(len(real), classes), labels_of(len(fake), classes)
    each = [frechet(real[yr == c], fake[yf == c]) for c in range(classes)]
    return {"intra_frechet": float(np.mean(each))} | {f"intra_frechet_{c}": d for c, d in enumerate(each)}


class Draws:
    """plugins/metrics/sampling.hpp"""

    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        z = splitmix(self.state)
        self.state = (self.state + 0x9E3779B97F4A7C15) & ((1 << 64) - 1)
        return z % n

    def choose(self, n, count):
        order = list(range(n))
        for i in range(count):
            j = i + self.below(n - i)
            order[i], order[j] = order[j], order[i]
        return order[:count]


BINOMIAL = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256


def filtered(x, kernel):
    return np.stack([[scipy.ndimage.convolve(c, kernel, mode="mirror") for c in picture] for picture in x])


def pyramid(x, levels):
    out = [x.astype(np.float64)]
    while len(out) < levels:
        smaller = filtered(out[-1], BINOMIAL)[:, :, ::2, ::2]
        spread = np.zeros_like(out[-1])
        spread[:, :, ::2, ::2] = smaller
        out[-1] = out[-1] - filtered(spread, 4 * BINOMIAL)
        out.append(smaller)
    return out


def descriptors(x, levels, patch, per_picture, seed):
    rows, draws = [[] for _ in range(levels)], Draws(seed)
    for level, maps in enumerate(pyramid(x, levels)):
        for picture in maps:
            for _ in range(per_picture):
                top = draws.below(maps.shape[2] - patch + 1)
                left = draws.below(maps.shape[3] - patch + 1)
                rows[level].append(picture[:, top:top + patch, left:left + patch])
    out = []
    for level in rows:
        d = np.array(level)
        d -= d.mean(axis=(0, 2, 3), keepdims=True)
        d /= d.std(axis=(0, 2, 3), keepdims=True)
        out.append(d.reshape(len(d), -1))
    return out


def sliced(a, b, directions, seed):
    draws, steps, total = Draws(seed), 1 << 53, 0
    for _ in range(directions):
        v = []
        for _ in range(a.shape[1]):
            u, angle = (draws.below(steps) + 1) / steps, draws.below(steps) / steps
            v.append(np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * angle))
        v = np.array(v) / np.linalg.norm(v)
        total += scipy.stats.wasserstein_distance(a @ v, b @ v)
    return float(total / directions)


def swd(real, fake, shape=None, levels=0, patch=0, patches=0, directions=0, seed=2020, **_):
    count = min(len(real), len(fake))
    real, fake = [x if len(x) == count else x[Draws(seed).choose(len(x), count)] for x in (real, fake)]
    if shape is None:
        return {"swd": sliced(real.astype(np.float64), fake.astype(np.float64), directions, seed + 2)}
    a, b = [descriptors(x.reshape(-1, *shape), levels, patch, patches, seed + 1) for x in (real, fake)]
    each = [1000 * sliced(x, y, directions, seed + 2) for x, y in zip(a, b)]
    return {"swd": float(np.mean(each))} | {f"swd_{shape[2] >> i}": d for i, d in enumerate(each)}


def ms_ssim_pair(a, b, scales):
    weights = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333][:scales])
    product = 1.0
    for i, w in enumerate(weights / weights.sum()):
        if i:
            a, b = [x.reshape(len(x), x.shape[1] // 2, 2, x.shape[2] // 2, 2).mean((2, 4)) for x in (a, b)]
        size = min(11, *a.shape[1:])
        line = np.exp(-(((np.arange(size) - (size - 1) / 2) / (1.5 * size / 11)) ** 2) / 2)
        window = np.outer(line, line) / line.sum() ** 2
        values = []
        for x, y in zip(a, b):
            blur = lambda t: scipy.signal.correlate2d(t, window, mode="valid")
            mx, my = blur(x), blur(y)
            vx, vy, cov = blur(x * x) - mx**2, blur(y * y) - my**2, blur(x * y) - mx * my
            value = (2 * cov + 0.03**2) / (vx + vy + 0.03**2)
            if i + 1 == scales:
                value = value * (2 * mx * my + 0.01**2) / (mx**2 + my**2 + 0.01**2)
            values.append(value)
        product *= max(0.0, np.mean(values)) ** w
    return product


def ms_ssim(x, labels, classes, shape, pairs, scales, seed=2020):
    x = x.reshape(-1, *shape).astype(np.float64) / 2 + 0.5
    draws, each = Draws(seed), []
    for c in range(classes):
        rows, found = np.flatnonzero(labels == c), []
        for _ in range(pairs):
            first, other = draws.below(len(rows)), draws.below(len(rows) - 1)
            found.append(ms_ssim_pair(x[rows[first]], x[rows[other + (other >= first)]], scales))
        each.append(np.mean(found))
    return float(np.mean(each)), float(np.max(each))


def softmax_regression(real, fake, classes, decay):
    """Accuracies on the real and on the fake set; the weights at the optimum."""
    yr, yf = labels_of(len(real), classes), labels_of(len(fake), classes)
    real, fake = real.astype(np.float64), fake.astype(np.float64)
    m, s = fake.mean(0), fake.std(0)
    with_one = lambda x: np.hstack([(x - m) / s, np.ones((len(x), 1))])
    x = with_one(fake)

    def value(flat):
        w = flat.reshape(-1, classes)
        logits = x @ w
        lse = scipy.special.logsumexp(logits, axis=1, keepdims=True)
        p = np.exp(logits - lse)
        p[np.arange(len(x)), yf] -= 1
        loss = np.mean(lse[:, 0] - logits[np.arange(len(x)), yf]) + decay / 2 * np.sum(w**2)
        return loss, (x.T @ p / len(x) + decay * w).ravel()

    w = scipy.optimize.minimize(value, np.zeros(x.shape[1] * classes), jac=True, method="L-BFGS-B",
                                options={"maxiter": 10000, "ftol": 1e-15, "gtol": 1e-10}).x.reshape(-1, classes)
    accuracy = lambda t, y: float(np.mean(np.argmax(with_one(t) @ w, axis=1) == y))
    return {"classifier_accuracy": accuracy(real, yr), "classifier_accuracy_fake": accuracy(fake, yf)}


FRECHET = [
    ("correlated", dict(seed=1, n=200, d=6), dict(seed=2, n=150, d=6, scale=1.5, shift=0.25)),
    ("one_feature", dict(seed=3, n=50, d=1), dict(seed=4, n=60, d=1, scale=2.0)),
    ("far_apart", dict(seed=5, n=100, d=4), dict(seed=6, n=100, d=4, shift=100.0)),
    ("wide", dict(seed=7, n=300, d=40), dict(seed=8, n=300, d=40, scale=0.5)),
]
PRDC = [
    ("same_law", dict(seed=11, n=120, d=5), dict(seed=12, n=100, d=5), 5, "strict"),
    ("narrow_fakes", dict(seed=13, n=150, d=3), dict(seed=14, n=90, d=3, scale=0.5, shift=0.25), 3, "strict"),
    ("apart", dict(seed=15, n=60, d=3), dict(seed=16, n=60, d=3, shift=8.0), 5, "strict"),
    ("ties_strict", dict(seed=17, n=150, d=4, levels=4), dict(seed=18, n=140, d=4, levels=4), 3, "strict"),
    ("ties_inclusive", dict(seed=17, n=150, d=4, levels=4), dict(seed=18, n=140, d=4, levels=4), 3, "inclusive"),
    ("ties_far_from_zero", dict(seed=19, n=150, d=4, levels=4, scale=0.25, shift=1000.0),
     dict(seed=20, n=140, d=4, levels=4, scale=0.25, shift=1000.0), 5, "strict"),
]

SWD = [
    ("plain", dict(seed=31, n=60, d=5), dict(seed=32, n=60, d=5, scale=1.5), dict(directions=16)),
    ("plain_other_counts", dict(seed=31, n=80, d=3), dict(seed=32, n=50, d=3, shift=0.5), dict(directions=8)),
    ("one_level", dict(seed=33, n=20, d=64), dict(seed=34, n=20, d=64, scale=0.5),
     dict(shape=(1, 8, 8), levels=1, patch=7, patches=5, directions=8)),
    ("two_levels_in_colour", dict(seed=35, n=12, d=3072), dict(seed=36, n=10, d=3072, scale=0.5, shift=0.1),
     dict(shape=(3, 32, 32), levels=2, patch=7, patches=4, directions=6)),
    ("three_levels", dict(seed=37, n=6, d=2048), dict(seed=38, n=6, d=2048, shift=0.1),
     dict(shape=(1, 32, 64), levels=3, patch=3, patches=6, directions=6, least_side=8)),
]
MS_SSIM = [
    ("small", dict(seed=41, n=20, d=64, scale=1.2, shift=-1), (1, 8, 8), 1, 0, 1),
    ("colour", dict(seed=42, n=21, d=3072, scale=1.2, shift=-1), (3, 32, 32), 3, 0, 2),
    ("five_scales", dict(seed=43, n=12, d=1024, scale=1.2, shift=-1), (1, 32, 32), 2, 5, 5),
]


def with_trend(x, classes):
    """Features that tell the classes apart a little."""
    y = labels_of(len(x), classes)
    return (x + 0.4 * (np.arange(x.shape[1]) % classes == y[:, None])).astype(np.float32)


if __name__ == "__main__":
    out = {
        "frechet": [
            {"name": name, "real": a, "fake": b, "expected": frechet(make_set(**a), make_set(**b))}
            for name, a, b in FRECHET
        ],
        "prdc": [
            {"name": name, "real": a, "fake": b, "k": k, "ties": ties,
             "expected": prdc(make_set(**a), make_set(**b), k, ties)}
            for name, a, b, k, ties in PRDC
        ],
        "precision_recall": [
            {"name": name, "real": a, "fake": b, "k": k, "expected": precision_recall(make_set(**a), make_set(**b), k)}
            for name, a, b, k, _ in PRDC
        ],
        "intra_frechet": [
            {"real": a, "fake": b, "classes": 3, "expected": intra_frechet(make_set(**a), make_set(**b), 3)}
            for a, b in [(dict(seed=21, n=90, d=4), dict(seed=22, n=75, d=4, scale=1.5)),
                         (dict(seed=23, n=45, d=20), dict(seed=24, n=60, d=20, shift=0.5))]
        ],
        "swd": [
            {"name": name, "real": a, "fake": b, "config": c, "expected": swd(make_set(**a), make_set(**b), **c)}
            for name, a, b, c in SWD
        ],
        "ms_ssim": [
            {"name": name, "set": a, "shape": shape, "classes": classes, "scales": scales, "used": used, "pairs": 6,
             "expected": ms_ssim(make_set(**a), labels_of(a["n"], classes), classes, shape, 6, used)}
            for name, a, shape, classes, scales, used in MS_SSIM
        ],
        "classifier_accuracy": [
            {"real": a, "fake": b, "classes": 3, "decay": decay,
             "expected": softmax_regression(with_trend(make_set(**a), 3), with_trend(make_set(**b), 3), 3, decay)}
            for a, b, decay in [(dict(seed=51, n=120, d=5), dict(seed=52, n=90, d=5), 1e-3),
                                (dict(seed=53, n=100, d=12), dict(seed=54, n=40, d=12), 0.1)]
        ],
    }
    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(out, indent=1) + "\n")

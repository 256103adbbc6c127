#!/usr/bin/env python3
"""Writes metrics_reference.json: Frechet distance and PRDC of small sets, computed by other means than Saddle's.

Needs numpy and scipy. Frechet: scipy.linalg.sqrtm of the product of the covariances. PRDC: every distance from the
differences, in float64, and the definitions of Naeem et al. 2020 word by word. The sets are a formula of integers, so
that the test makes exactly the same ones (tests/plugins/metrics/sets.hpp).
"""
import json
import pathlib

import numpy as np
import scipy.linalg


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
    }
    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(out, indent=1) + "\n")

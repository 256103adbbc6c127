#!/usr/bin/env python3
"""Writes selection_reference.json: densities of small sets of features, as scikit-learn gives them.

Needs numpy and scikit-learn. As instance selection for GANs (DeVries et al. 2020) has them: a GaussianMixture of one
component with reg_covar 1e-5, PCA(0.95, svd_solver="full"), and minus the distance to the fifth neighbour. The sets: more
samples than dimensions, and fewer.
"""
import json
import pathlib

import numpy as np
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors

cases = []
for seed, n, d in [(1, 40, 6), (2, 9, 14)]:
    random = np.random.default_rng(seed)
    rows = random.normal(size=(n, d)) @ np.diag(1.5 ** -np.arange(d)) @ random.normal(size=(d, d))
    rows = np.round(rows + random.normal(size=d), 4)
    distances, _ = NearestNeighbors(n_neighbors=5).fit(rows).kneighbors()  # without the point itself
    cases.append(
        {
            "rows": rows.tolist(),
            "gaussian": GaussianMixture(1, reg_covar=1e-5).fit(rows).score_samples(rows).tolist(),
            "ppca": PCA(0.95, svd_solver="full").fit(rows).score_samples(rows).tolist(),
            "knn": (-distances[:, -1]).tolist(),
        }
    )
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(cases) + "\n")

#!/usr/bin/env python3
"""Writes agreement_reference.json: what torch-fidelity, pytorch-fid and the prdc package say of committed sets.

Needs torch, torch-fidelity 0.4.0, pytorch-fid 0.3.0 (with torchvision), prdc 0.2 (with scikit-learn), NumPy, SciPy.
The sets are those formulas of metrics_reference.py, so the numbers alone are kept. torch-fidelity's KID takes its
subsets by a generator of its own: subsets of the whole sets compare. prdc is given float64, since in float32 the
expanded square that it takes distances by puts some neighbours inside of balls that they lie outside of.
"""
import json
import pathlib

import prdc
import torch
import torch_fidelity.metric_fid as fid
import torch_fidelity.metric_isc as isc
import torch_fidelity.metric_kid as kid
from pytorch_fid.fid_score import calculate_frechet_distance

from metrics_reference import make_set

PAIRS = {
    "features": (dict(seed=31, n=400, d=24), dict(seed=32, n=400, d=24, scale=1.2, shift=0.1)),
    "near": (dict(seed=33, n=500, d=16), dict(seed=34, n=500, d=16)),
    "narrow_fakes": (dict(seed=35, n=300, d=64), dict(seed=36, n=300, d=64, scale=0.6, shift=0.2)),
}
LOGITS = {"sharp": dict(seed=41, n=600, d=12, scale=9.0), "flat": dict(seed=42, n=500, d=30, scale=1.5)}


def pair(name, real, fake):
    a, b = make_set(**real), make_set(**fake)
    ta, tb = torch.from_numpy(a), torch.from_numpy(b)
    statistics = [fid.fid_features_to_statistics(t) for t in (ta, tb)]
    n = len(a)
    kd = kid.kid_features_to_metric(ta.double(), tb.double(), kid_subsets=1, kid_subset_size=n, kid_kernel="poly",
                                    kid_kernel_poly_degree=3, kid_kernel_poly_gamma=None, kid_kernel_poly_coef0=1,
                                    rng_seed=1, verbose=False)
    return {
        "name": name, "real": real, "fake": fake,
        "torch_fidelity_frechet": fid.fid_statistics_to_metric(*statistics, verbose=False)[fid.KEY_METRIC_FID],
        "pytorch_fid_frechet": float(calculate_frechet_distance(
            statistics[0]["mu"], statistics[0]["sigma"], statistics[1]["mu"], statistics[1]["sigma"])),
        "torch_fidelity_kid": kd[kid.KEY_METRIC_KID_MEAN],
        "prdc": {k: float(v) for k, v in prdc.compute_prdc(a.astype("f8"), b.astype("f8"), nearest_k=5).items()},
    }


def score(name, logits):
    values = isc.isc_features_to_metric(torch.from_numpy(make_set(**logits)), splits=5, shuffle=False)
    return {"name": name, "logits": logits, "splits": 5, "mean": values[isc.KEY_METRIC_ISC_MEAN],
            "std": values[isc.KEY_METRIC_ISC_STD]}


if __name__ == "__main__":
    out = {"pairs": [pair(n, *p) for n, p in PAIRS.items()], "scores": [score(n, s) for n, s in LOGITS.items()]}
    pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(out, indent=1) + "\n")

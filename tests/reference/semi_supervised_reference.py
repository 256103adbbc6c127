#!/usr/bin/env python3
"""Writes semi_supervised_reference.json: the loss semi_supervised as PyTorch computes it, in float64.

usage: semi_supervised_reference.py      (torch 2.11, CPU; the file is beside this script)

Each part is a cross-entropy over K + 1 classes with the last logit at 0 (Salimans et al. 2016, section 5): of the
label among the first K; of any of the first K for real samples; of the last for fakes.
"""
import json
import pathlib

import torch
import torch.nn.functional as F


def main():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(8)
    k, label = 4, torch.tensor([2, 0, 3, 1, 1])
    logits = {s: (4 * torch.randn(n, k)).requires_grad_() for s, n in (("labelled", 5), ("real", 6), ("fake", 6))}
    chances = {s: F.softmax(torch.cat([l, torch.zeros(len(l), 1)], 1), 1) for s, l in logits.items()}
    terms = {
        "supervised": F.cross_entropy(logits["labelled"], label),
        "real": -0.5 * (1 - chances["real"][:, k]).log().mean(),
        "fake": -0.5 * chances["fake"][:, k].log().mean(),
    }
    found = torch.autograd.grad(sum(terms.values()), list(logits.values()))
    out = {"torch": torch.__version__.split("+")[0], "label": label.tolist(),
           "logits": {s: l.tolist() for s, l in logits.items()}, "terms": {n: t.item() for n, t in terms.items()},
           "gradients": {s: g.tolist() for s, g in zip(logits, found)}}
    pathlib.Path(__file__).resolve().with_suffix(".json").write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()

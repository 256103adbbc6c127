#!/usr/bin/env python3
"""Writes losses_reference.json: terms and gradients of every loss as PyTorch computes them, in float64.

usage: losses_reference.py            (torch 2.11, CPU; the file is beside this script)

Cross-entropies come from binary_cross_entropy_with_logits with explicit targets. The penalties differentiate a
small network, logit = w2 tanh(W1 x + b1), whose weights are in the file; gradient_penalty draws its mixing
numbers with torch.rand after manual_seed(SEED). The losses on features are written sample by sample: densities as
means of exponentials, similarities as the whole matrix of places.
"""
import json
import pathlib

import torch
import torch.nn.functional as F

SEED = 11


def bce(logit, target):
    return F.binary_cross_entropy_with_logits(logit, torch.full_like(logit, target))


def half_mse(logit, target):
    return F.mse_loss(logit, torch.full_like(logit, target)) / 2


def cross_entropy(r, f, smoothing=0.0):
    return {"real": bce(r, 1 - smoothing), "fake": bce(f, 0)}


def hinge(r, f, margin=1.0):
    return {"hinge_real": F.relu(margin - r).mean(), "hinge_fake": F.relu(margin + f).mean()}


ADVERSARIAL = [
    ("minimax", {}, cross_entropy, lambda f: {"fake": -bce(f, 0)}),
    ("minimax", {"smoothing": 0.1}, cross_entropy, lambda f, smoothing: {"fake": -bce(f, 0)}),
    ("ns", {}, cross_entropy, lambda f: {"fake": bce(f, 1)}),
    ("ns", {"smoothing": 0.25}, cross_entropy, lambda f, smoothing: {"fake": bce(f, 1)}),
    ("hinge", {}, hinge, lambda f: {"hinge": -f.mean()}),
    ("hinge", {"margin": 0.3}, hinge, lambda f, margin: {"hinge": -f.mean()}),
    ("least_squares", {}, lambda r, f: {"real": half_mse(r, 1), "fake": half_mse(f, 0)},
     lambda f: {"fake": half_mse(f, 1)}),
    ("least_squares", {"real": 0.9, "fake": -1.0, "target": 0.2},
     lambda r, f, real, fake, target: {"real": half_mse(r, real), "fake": half_mse(f, fake)},
     lambda f, real, fake, target: {"fake": half_mse(f, target)}),
    ("wasserstein", {}, lambda r, f: {"real": -r.mean(), "fake": f.mean()}, lambda f: {"fake": -f.mean()}),
]


def gradient_penalty(discriminator, real, fake, target=1.0, eps=1e-12):
    torch.manual_seed(SEED)
    alpha = torch.rand(len(real), 1, 1, 1, dtype=real.dtype)
    x = (alpha * real + (1 - alpha) * fake).requires_grad_()
    g, = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
    return ((g.pow(2).sum(dim=[1, 2, 3]) + eps).sqrt() - target).pow(2).mean()


def r1(discriminator, real, fake, gamma=10.0, every=1):
    x = real.clone().requires_grad_()
    g, = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True)
    return every * gamma / 2 * g.pow(2).sum(dim=[1, 2, 3]).mean()


PENALTIES = [("gradient_penalty", {}, gradient_penalty), ("gradient_penalty", {"target": 0.0}, gradient_penalty),
             ("gradient_penalty", {"eps": 1e-4}, gradient_penalty), ("r1", {}, r1),
             ("r1", {"gamma": 0.1, "every": 16}, r1)]


def density(x, anchors, skip, kernel, temperature):
    """log of the mean of the kernel over the anchors, without the one at `skip`."""
    values = []
    for j, a in enumerate(anchors):
        if j == skip:
            continue
        if kernel == "vmf":
            values.append((F.cosine_similarity(x, a, dim=0) / temperature).exp())
        else:
            values.append((-(x - a).square().sum() / (2 * temperature**2)).exp())
    return torch.stack(values).mean().log()


def kdd(real, fake, kernel="vmf", temperature=1.0, margin=1.0, leave_one_out=True, detach_anchors=False):
    anchors = [t.detach() if detach_anchors else t for t in (real, fake)]

    def ratios(samples, own):
        out = []
        for i, x in enumerate(samples):
            logs = [density(x, a, i if leave_one_out and k == own else None, kernel, temperature)
                    for k, a in enumerate(anchors)]
            out.append(logs[0] - logs[1])
        return torch.stack(out)

    r, f = ratios(real, 0), ratios(fake, 1)
    return ({"kdd_real": F.relu(margin - r).mean(), "kdd_fake": F.relu(margin + f).mean()}, {"kdd": -f.mean()})


def feature_matching(real, fake, form="squared"):
    real = real.detach()
    by = fake.mean(0) - real.mean(0)
    return {}, {"matching": {"squared": by.square().sum(), "l2": by.norm(), "l1": by.abs().mean(),
                             "per_sample": F.mse_loss(fake, real)}[form]}


def css(real, fake, normalize="place", pool="mean", over="sum", one_sided=True, relu=True, running=True):
    def statistic(x):
        f = x.T  # channels by places
        if relu:
            f = F.relu(f)
        if normalize == "place":
            f = F.normalize(f, dim=0)
        m = f.T @ f
        s = f @ m
        return s.sum(1) / (1 if pool == "sum" else f.shape[1] ** 2)

    more = statistic(fake) - statistic(real).detach()
    squares = (F.relu(more) if one_sided else more).square()
    return {}, {"similarity": squares.sum() if over == "sum" else squares.mean()}


FEATURES = [("kdd", c) for c in (
    {}, {"temperature": 0.05}, {"temperature": 5.0, "margin": 0.2}, {"leave_one_out": False}, {"detach_anchors": True},
    {"kernel": "gaussian"}, {"kernel": "gaussian", "temperature": 2.0, "detach_anchors": True, "margin": 3.0})]
FEATURES += [("feature_matching", {"form": form}) for form in ("squared", "l2", "l1", "per_sample")]
FEATURES += [("css", c) for c in (
    {}, {"normalize": "none", "pool": "sum"}, {"over": "mean", "one_sided": False}, {"relu": False, "running": False})]


def numbers(terms):
    return {name: value.item() for name, value in terms.items()}


def main():
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(3)
    r, f = (3 * torch.randn(7, 1)).requires_grad_(), (3 * torch.randn(7, 1)).requires_grad_()
    out = {"torch": torch.__version__.split("+")[0], "real": r.flatten().tolist(), "fake": f.flatten().tolist(),
           "adversarial": [], "penalties": []}
    for name, config, d, g in ADVERSARIAL:
        terms = d(r, f, **config)
        dr, df = torch.autograd.grad(sum(terms.values()), [r, f])
        generator = g(f, **config)
        gf, = torch.autograd.grad(sum(generator.values()), f)
        out["adversarial"].append({
            "loss": name, "config": config, "discriminator": numbers(terms), "generator": numbers(generator),
            "gradients": {"discriminator.real": dr.flatten().tolist(), "discriminator.fake": df.flatten().tolist(),
                          "generator.fake": gf.flatten().tolist()}})

    own = torch.Generator().manual_seed(5)
    x, y = torch.randn(6, 4, generator=own) + 0.3, torch.randn(6, 4, generator=own)
    out |= {"real_features": x.tolist(), "fake_features": y.tolist(), "features": []}
    for name, config in FEATURES:
        x, y = x.detach().requires_grad_(), y.detach().requires_grad_()
        case = {"loss": name, "config": config, "gradients": {}}
        for player, terms in zip(("discriminator", "generator"), globals()[name](x, y, **config)):
            case[player] = numbers(terms)
            if terms:
                slopes = torch.autograd.grad(sum(terms.values()), [x, y], allow_unused=True, materialize_grads=True,
                                             retain_graph=True)
                case["gradients"] |= {f"{player}.{n}": g.tolist() for n, g in zip(("real", "fake"), slopes)}
        out["features"].append(case)

    real, fake = torch.randn(4, 2, 1, 3), torch.randn(4, 2, 1, 3)
    w1, b1, w2 = torch.randn(5, 6).requires_grad_(), torch.randn(5).requires_grad_(), torch.randn(1, 5).requires_grad_()

    def discriminator(x):
        return torch.tanh(x.flatten(1) @ w1.T + b1) @ w2.T

    out |= {"seed": SEED, "image_shape": [4, 2, 1, 3], "real_image": real.flatten().tolist(),
            "fake_image": fake.flatten().tolist(),
            "network": {"w1": w1.tolist(), "b1": b1.tolist(), "w2": w2.tolist()}}
    for name, config, penalty in PENALTIES:
        value = penalty(discriminator, real, fake, **config)
        out["penalties"].append({"loss": name, "config": config, "penalty": value.item(), "gradients": {
            n: g.tolist() for n, g in zip(("w1", "b1", "w2"), torch.autograd.grad(value, [w1, b1, w2], allow_unused=True,
                                                                                  materialize_grads=True))}})
    path = pathlib.Path(__file__).resolve().with_suffix(".json")
    path.write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()

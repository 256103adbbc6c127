#!/usr/bin/env python3
"""Writes optimizers.json: what Python torch's optimisers make of fixed gradients.

Run with torch 2.11.0:  python3 optimizers.py > optimizers.json
The plain single-tensor forms (fused=False, foreach=False) are used, in float64
and float32, so that Saddle's fused and foreach kernels are checked against other code.
"""
import json
import sys

import torch

SHAPES = [[3], [2, 3], [2, 1, 2, 2]]
STEPS = 6

CASES = {
    "adam": (torch.optim.Adam, dict(lr=1e-2, betas=(0.9, 0.999), eps=1e-8)),
    "adam_gan": (torch.optim.Adam, dict(lr=2e-4, betas=(0.0, 0.9), eps=1e-6)),
    "adam_decay": (torch.optim.Adam, dict(lr=1e-2, betas=(0.5, 0.99), eps=1e-8, weight_decay=0.1)),
    "adamw": (torch.optim.AdamW, dict(lr=1e-2, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1)),
    "sgd": (torch.optim.SGD, dict(lr=0.1)),
    "sgd_momentum": (torch.optim.SGD, dict(lr=0.1, momentum=0.9, dampening=0.3, weight_decay=0.05)),
    "sgd_nesterov": (torch.optim.SGD, dict(lr=0.1, momentum=0.9, nesterov=True)),
    "rmsprop": (torch.optim.RMSprop, dict(lr=1e-2, alpha=0.9, eps=1e-8)),
    "rmsprop_all": (torch.optim.RMSprop,
                    dict(lr=1e-2, alpha=0.95, eps=1e-6, momentum=0.8, centered=True, weight_decay=0.05)),
}


def start(shape, index):
    n = torch.Size(shape).numel()
    return (torch.arange(n, dtype=torch.float64) * 0.37 + 0.11 * index).sin().reshape(shape)


def gradient(shape, index, step):
    """Changes sign and size from step to step; one parameter has no gradient in step 2."""
    if step == 2 and index == 1:
        return torch.zeros(shape, dtype=torch.float64)
    n = torch.Size(shape).numel()
    return ((torch.arange(n, dtype=torch.float64) + 1) * 0.7 + index + 1.3 * step).cos().reshape(shape) * (1 + step)


def config(name, keys):
    json_keys = {"use": name.split("_")[0]}
    for key, value in keys.items():
        json_keys[key] = list(value) if isinstance(value, tuple) else value
    return json_keys


def run(optimizer, keys, dtype):
    parameters = [torch.nn.Parameter(start(s, i).to(dtype)) for i, s in enumerate(SHAPES)]
    stepper = optimizer(parameters, fused=False, foreach=False, **keys) if optimizer is not torch.optim.RMSprop \
        else optimizer(parameters, foreach=False, **keys)
    after = []
    for step in range(STEPS):
        stepper.param_groups[0]["lr"] = keys["lr"] / (1 + step % 3)  # a schedule
        for i, p in enumerate(parameters):
            p.grad = gradient(SHAPES[i], i, step).to(dtype)
        stepper.step()
        after.append([p.detach().double().flatten().tolist() for p in parameters])
    return after


json.dump({
    "torch": torch.__version__,
    "shapes": SHAPES,
    "start": [start(s, i).flatten().tolist() for i, s in enumerate(SHAPES)],
    "gradients": [[gradient(s, i, t).flatten().tolist() for i, s in enumerate(SHAPES)] for t in range(STEPS)],
    "cases": {
        name: {"config": config(name, keys), "float64": run(optimizer, keys, torch.float64),
               "float32": run(optimizer, keys, torch.float32)}
        for name, (optimizer, keys) in CASES.items()
    },
}, sys.stdout, indent=None)
sys.stdout.write("\n")

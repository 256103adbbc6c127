#!/usr/bin/env python3
"""Writes systems_reference.safetensors: outputs and gradients of stylegan2 as PyTorch computes them.

usage: systems_reference.py            (torch 2.11, CPU; the file is beside this script)

The networks are written the slow way: every sample is convolved on its own with weights of its own, upsampling puts
zeros between the pixels, filters are sums of shifted copies. Tensors and metadata as in models_reference.py.
"""
import json
import pathlib

import torch
import torch.nn.functional as F
from torch import nn

from reference_file import count, record, save_safetensors

TAPS = [1 / 8, 3 / 8, 3 / 8, 1 / 8]


def activate(x, gain=1.0):
    return torch.where(x > 0, x, 0.2 * x) * 2**0.5 * gain


def shifted_sum(x, before, after, gain):
    """Convolution with the outer product of TAPS after padding with zeros; gain times."""
    x = F.pad(x, (before, after, before, after))
    h, w = x.shape[2] - 3, x.shape[3] - 3
    y = 0
    for i, a in enumerate(TAPS):
        for j, b in enumerate(TAPS):
            y = y + a * b * gain * x[:, :, i:i + h, j:j + w]
    return y


def zeros_between(x):
    n, c, h, w = x.shape
    y = x.new_zeros(n, c, h, 2, w, 2)
    y[:, :, :, 0, :, 0] = x
    return y.reshape(n, c, 2 * h, 2 * w)


def double(x):
    return shifted_sum(zeros_between(x), 2, 1, 4)


class Dense(nn.Module):
    def __init__(self, a, b, rate=1.0):
        super().__init__()
        self.rate = rate
        self.weight, self.bias = nn.Parameter(torch.zeros(b, a)), nn.Parameter(torch.zeros(b))

    def forward(self, x):
        return x @ self.weight.t() * (self.rate / self.weight.shape[1]**0.5) + self.bias * self.rate


class Conv(nn.Module):
    def __init__(self, a, b, kernel, down=False, bias=True, gain=1.0):
        super().__init__()
        self.kernel, self.down, self.gain = kernel, down, gain
        self.weight = nn.Parameter(torch.zeros(b, a, kernel, kernel))
        if bias:
            self.bias = nn.Parameter(torch.zeros(b))

    def forward(self, x):
        w = self.weight / (self.weight[0].numel())**0.5
        if self.down:
            # Filter and convolve at full size, keep every second place.
            pad = (self.kernel - 1) // 2 + 1
            y = F.conv2d(shifted_sum(x, pad, pad, 1), w)[:, :, ::2, ::2]
        else:
            y = F.conv2d(x, w, padding=self.kernel // 2)
        return activate(y + self.bias[:, None, None], self.gain) if hasattr(self, "bias") else y * self.gain


class Modulated(nn.Module):
    def __init__(self, style, a, b, kernel, up=False, demodulate=True):
        super().__init__()
        self.up, self.demodulate, self.kernel = up, demodulate, kernel
        self.style = Dense(style, a)
        self.weight = nn.Parameter(torch.zeros(b, a, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(b))

    def convolved(self, x, w):
        style, all = self.style(w), []
        for i in range(len(x)):
            own = self.weight / (self.weight[0].numel())**0.5 * style[i][None, :, None, None]
            if self.demodulate:
                own = own / (own.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8).sqrt()
            if self.up:
                # A transposed convolution: zeros between, then the turned kernel over everything it touches.
                spread = F.pad(zeros_between(x[i:i + 1]), (2, 1, 2, 1))
                y = shifted_sum(F.conv2d(spread, own.flip(2, 3)), 1, 1, 4)
            else:
                y = F.conv2d(x[i:i + 1], own, padding=self.kernel // 2)
            all.append(y)
        return torch.cat(all)

    def forward(self, x, w):
        return activate(self.convolved(x, w) + self.bias[:, None, None])


class Picture(Modulated):
    def __init__(self, style, a, b):
        super().__init__(style, a, b, 1, demodulate=False)

    def forward(self, x, w):
        return self.convolved(x, w) + self.bias[:, None, None]


class Mapping(nn.Module):
    def __init__(self, z, classes, width, layers, rate):
        super().__init__()
        self.z, self.layers = z, layers
        if classes:
            self.embedding = nn.Linear(classes, width)
            self.embedding.weight = nn.Parameter(torch.zeros(classes, width))
        for i in range(layers):
            setattr(self, f"layer{i}", Dense((z + (width if classes else 0)) if i == 0 else width, width, rate))

    def forward(self, z, label):
        unit = lambda t: t / (t.square().mean(1, keepdim=True) + 1e-8).sqrt()
        parts = [unit(z)] if self.z else []
        if hasattr(self, "embedding"):
            e = self.embedding
            parts.append(unit(e.weight[label] / len(e.weight)**0.5 + e.bias))
        x = torch.cat(parts, 1)
        for i in range(self.layers):
            x = activate(getattr(self, f"layer{i}")(x))
        return x


def channels(side, width, base):
    return max(1, min(width, base // side))


class Generator(nn.Module):
    def __init__(self, z, picture, side, width, base=32768, layers=8, rate=0.01, classes=0, psi=1.0, decay=0.998):
        super().__init__()
        self.psi, self.decay = psi, decay
        self.mapping = Mapping(z, classes, width, layers, rate)
        self.start = nn.Parameter(torch.zeros(channels(4, width, base), 4, 4))
        self.register_buffer("mean_w", torch.zeros(width))
        self.register_buffer("filter", torch.outer(torch.tensor(TAPS), torch.tensor(TAPS))[None, None])
        self.blocks, s = 0, 4
        while s <= side:
            b, before, after = nn.Module(), channels(s // 2, width, base), channels(s, width, base)
            if s > 4:
                b.layer0 = Modulated(width, before, after, 3, up=True)
            b.layer1, b.picture = Modulated(width, after, after, 3), Picture(width, after, picture)
            setattr(self, f"block{self.blocks}", b)
            self.blocks, s = self.blocks + 1, 2 * s

    def forward(self, z, label=None):
        w = self.mapping(z, label)
        if self.training:
            with torch.no_grad():
                self.mean_w.copy_(self.decay * self.mean_w + (1 - self.decay) * w.mean(0))
        else:
            w = self.mean_w + self.psi * (w - self.mean_w)
        x, picture = self.start.expand(len(z), -1, -1, -1), 0
        for i in range(self.blocks):
            b = getattr(self, f"block{i}")
            if i > 0:
                x, picture = b.layer0(x, w), double(picture)
            x = b.layer1(x, w)
            picture = picture + b.picture(x, w)
        return {"image": picture, "w": w[:, None].repeat(1, 2 * self.blocks, 1)}


class Discriminator(nn.Module):
    def __init__(self, picture, side, width, base=32768, layers=8, rate=0.01, classes=0, group=4):
        super().__init__()
        self.group, self.width, half = group, width, 0.5**0.5
        self.register_buffer("filter", torch.outer(torch.tensor(TAPS), torch.tensor(TAPS))[None, None])
        self.input = Conv(picture, channels(side, width, base), 1)
        self.blocks, s = 0, side
        while s > 4:
            b, before, after = nn.Module(), channels(s, width, base), channels(s // 2, width, base)
            b.conv0 = Conv(before, before, 3)
            b.conv1 = Conv(before, after, 3, down=True, gain=half)
            b.skip = Conv(before, after, 1, down=True, bias=False, gain=half)
            setattr(self, f"block{self.blocks}", b)
            self.blocks, s = self.blocks + 1, s // 2
        last = channels(4, width, base)
        self.last, self.hidden = Conv(last + 1, last, 3), Dense(16 * last, last)
        self.output = Dense(last, width if classes else 1)
        if classes:
            self.mapping = Mapping(0, classes, width, layers, rate)

    def forward(self, x, label=None):
        x = self.input(x)
        for i in range(self.blocks):
            b = getattr(self, f"block{i}")
            x = b.conv1(b.conv0(x)) + b.skip(x)
        n = len(x)
        group = max(g for g in range(1, min(self.group, n) + 1) if n % g == 0)
        more = torch.zeros(n, 1, 4, 4)
        for first in range(n // group):
            rows = range(first, n, n // group)
            own = x[list(rows)]
            more[list(rows)] = (((own - own.mean(0)).square().mean(0) + 1e-8).sqrt()).mean()
        x = self.last(torch.cat([x, more], 1))
        h = activate(self.hidden(x.flatten(1)))
        logit = self.output(h)
        if hasattr(self, "mapping"):
            logit = (logit * self.mapping(None, label)).sum(1, keepdim=True) / self.width**0.5
        return {"logit": logit, "features": h, "map": x}


def case(role, network, config, shape, classes=0, n=3):
    return {"model": "stylegan2", "role": role, "network": network, "config": config, "n": n,
            "facts": {"sample_shape": shape, "latent_size": 5, "classes": classes}}


PLAIN = {"noise": False, "mixing": 0.0}
CASES = {
    "generator_8": case("generator", Generator(5, 1, 8, 6), PLAIN | {"width": 6}, [1, 8, 8]),
    # Widths that fall with the side, in the grouped form, with truncation.
    "generator_32": case(
        "generator", Generator(5, 3, 32, 8, base=64, layers=2, rate=0.1, psi=0.7, decay=0.9),
        PLAIN | {"width": 8, "channel_base": 64, "mapping_layers": 2, "mapping_rate": 0.1, "truncation_psi": 0.7,
                 "mean_decay": 0.9, "modulate": "weights"}, [3, 32, 32]),
    "generator_labels": case("generator", Generator(5, 1, 8, 6, layers=2, classes=3),
                             PLAIN | {"width": 6, "mapping_layers": 2, "conditional": True}, [1, 8, 8], classes=3),
    "discriminator_8": case("discriminator", Discriminator(1, 8, 6), {"width": 6}, [1, 8, 8]),
    # Two groups of two.
    "discriminator_32": case("discriminator", Discriminator(3, 32, 8, base=64, group=3),
                             {"width": 8, "channel_base": 64, "group": 3}, [3, 32, 32], n=4),
    "discriminator_labels": case(
        "discriminator", Discriminator(1, 8, 6, layers=2, classes=3),
        {"width": 6, "mapping_layers": 2, "conditional": True}, [1, 8, 8], classes=3),
}


def main():
    # Config F: "25M -> 30M" and "24M -> 29M" parameters (Karras et al. 2020, section 4.2).
    counts = {side: (count(Generator(512, 3, side, 512)), count(Discriminator(3, side, 512))) for side in (256, 1024)}
    print(counts)
    assert [round(c / 1e6) for c in counts[1024]] == [30, 29]
    torch.manual_seed(21)
    torch.set_num_threads(1)
    tensors = {}
    for name, c in CASES.items():
        network = c.pop("network")
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.normal_()
            if hasattr(network, "mean_w"):
                network.mean_w.normal_()
        record(tensors, name, c, network, c.pop("n"))
    here = pathlib.Path(__file__).resolve()
    save_safetensors(here.with_suffix(".safetensors"), tensors,
                     {"torch": torch.__version__.split("+")[0], "cases": json.dumps(CASES),
                      "counts": json.dumps(counts)})


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Writes stackgan_reference.safetensors: outputs and gradients of StackGAN's two stages and of their discriminators.

usage: stackgan_reference.py            (torch 2.11, CPU; the file is beside this script)

Written from Zhang et al. 2017, sections 3.2 to 3.4, with a row of a table in place of the text's embedding and its
layer, so that its halves are the mean and the logarithm of the deviation. Nothing but sums of shifted pictures in
float64: a convolution adds up its taps, batch normalisation is its formula. Each case says the channels at every side.
Tensors and metadata as in models_reference.py; CASE/draw is what the condition was drawn with, by a generator of random
numbers that begins at the case's seed in every pass.
"""
import json
import pathlib

import torch
from torch import nn

from reference_file import count, record, save_safetensors

SEED = 17
LATENT, CONDITION = 5, 3


def rectified(x, below=0.0):
    return torch.maximum(x, torch.zeros_like(x)) + below * torch.minimum(x, torch.zeros_like(x))


class Conv(nn.Module):
    def __init__(self, a, b, kernel, bias=False):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(b, a, kernel, kernel))
        if bias:
            self.bias = nn.Parameter(torch.zeros(b))

    def forward(self, x):
        """Kernel 1 and 3 keep the side, kernel 4 halves it."""
        kernel = self.weight.shape[-1]
        n, a, h, w = x.shape
        edge, step = {1: (0, 1), 3: (1, 1), 4: (1, 2)}[kernel]
        framed = x.new_zeros(n, a, h + 2 * edge, w + 2 * edge)
        framed[:, :, edge:edge + h, edge:edge + w] = x
        y = 0
        for i in range(kernel):
            for j in range(kernel):
                tap = framed[:, :, i:i + h:step, j:j + w:step]
                y = y + torch.einsum("nahw,ba->nbhw", tap, self.weight[:, :, i, j])
        return y + self.bias[:, None, None] if hasattr(self, "bias") else y


class Norm(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.zeros(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.zeros(channels))

    def forward(self, x):
        rows = x.transpose(0, 1).flatten(1)
        middle, variance = self.running_mean, self.running_var
        if self.training:
            size = rows.shape[1]
            middle = rows.sum(1) / size
            variance = (rows - middle[:, None]).square().sum(1) / size
            with torch.no_grad():
                self.running_mean.mul_(0.9).add_(0.1 * middle)
                self.running_var.mul_(0.9).add_(0.1 * variance * size / (size - 1))
        rows = (rows - middle[:, None]) / (variance[:, None] + 1e-5).sqrt()
        rows = rows * self.weight[:, None] + self.bias[:, None]
        return rows.reshape(x.shape[1], x.shape[0], *x.shape[2:]).transpose(0, 1)


class Layer(nn.Module):
    """"Batch normalization and ReLU activation are applied after every convolution except the last one."""

    def __init__(self, a, b, kernel, below=0.0):
        super().__init__()
        self.below, self.conv, self.norm = below, Conv(a, b, kernel), Norm(b)

    def forward(self, x):
        return rectified(self.norm(self.conv(x)), self.below)


class Network(nn.Module):
    def learn_condition(self, classes, drawn, size):
        self.condition_size, self.drawn = size if classes else 0, drawn
        if classes:
            self.condition = nn.Module()
            self.condition.weight = nn.Parameter(torch.zeros(classes, (2 if drawn else 1) * size))

    def conditioned(self, label):
        """The condition, and what the picture is given out with."""
        if not self.condition_size:
            return None, {}
        row = torch.stack([self.condition.weight[i] for i in label])
        if not self.drawn:
            return row, {}
        middle, log_deviation = row.chunk(2, 1)
        self.draw = torch.randn(middle.shape, dtype=row.dtype, generator=torch.Generator().manual_seed(SEED))
        return middle + self.draw * log_deviation.exp(), {"condition": row}

    def joined(self, x, c):
        """The maps, then the condition copied to all their places."""
        if c is not None:
            both = x.new_zeros(len(x), x.shape[1] + c.shape[1], *x.shape[2:])
            both[:, :x.shape[1]] = x
            both[:, x.shape[1]:] = c[:, :, None, None]
            x = both
        return self.join(x)

    def number(self, name, layers, first=0):
        names = [f"{name}{first + i}" for i in range(len(layers))]
        for own, layer in zip(names, layers):
            setattr(self, own, layer)
        setattr(self, name, names)

    def each(self, name):
        return [getattr(self, own) for own in getattr(self, name)]

    def paint(self, x):
        """Nearest neighbours doubled, then a convolution of 3 by 3, up to the picture."""
        for layer in self.each("up"):
            n, c, h, w = x.shape
            x = layer(x[:, :, :, None, :, None].expand(n, c, h, 2, w, 2).reshape(n, c, 2 * h, 2 * w))
        return torch.tanh(self.picture(x))


class StageOne(Network):
    """`channels` at `low` places a side, at twice that, and so on."""

    def __init__(self, picture, low, channels, classes=0, drawn=False, condition=CONDITION, latent=LATENT):
        super().__init__()
        self.learn_condition(classes, drawn, condition)
        self.low, self.project, self.first = low, nn.Module(), nn.Module()
        self.project.weight = nn.Parameter(torch.zeros(channels[0] * low * low, latent + self.condition_size))
        self.first.norm = Norm(channels[0])
        self.number("up", [Layer(a, b, 3) for a, b in zip(channels, channels[1:])])
        self.picture = Conv(channels[-1], picture, 3, bias=True)

    def forward(self, z, label=None):
        c, more = self.conditioned(label)
        x = z @ self.project.weight[:, :z.shape[1]].t()
        if c is not None:
            x = x + c @ self.project.weight[:, z.shape[1]:].t()
        x = rectified(self.first.norm(x.reshape(len(z), -1, self.low, self.low)))
        return {"image": self.paint(x)} | more


class StageTwo(Network):
    """`down`: channels at the coarse picture's side, at half that, ...; `up`: from the lowest side to the full one."""

    def __init__(self, picture, down, up, blocks, classes=0, drawn=False, condition=CONDITION):
        super().__init__()
        self.learn_condition(classes, drawn, condition)
        low = up[0]
        self.first = Layer(picture, down[0], 3)
        self.number("down", [Layer(a, b, 4) for a, b in zip(down, down[1:])])
        self.join = Layer(low + self.condition_size, low, 3)
        self.number("block", [nn.Module() for _ in range(blocks)])
        for block in self.each("block"):
            block.layer0, block.conv1, block.norm1 = Layer(low, low, 3), Conv(low, low, 3), Norm(low)
        self.number("up", [Layer(a, b, 3) for a, b in zip(up, up[1:])])
        self.picture = Conv(up[-1], picture, 3, bias=True)

    def forward(self, coarse, label=None):
        c, more = self.conditioned(label)
        x = self.first(coarse)
        for layer in self.each("down"):
            x = layer(x)
        x = self.joined(x, c)
        for block in self.each("block"):
            x = rectified(block.norm1(block.conv1(block.layer0(x))) + x)
        return {"image": self.paint(x)} | more


class Judge(Network):
    """`channels` behind the first convolution, which has no batch normalisation, and behind each that follows."""

    def __init__(self, picture, low, channels, classes=0, condition=CONDITION, kernel=4):
        super().__init__()
        self.learn_condition(classes, False, condition)
        self.input = Conv(picture, channels[0], kernel, bias=True)
        self.number("down", [Layer(a, b, 4, 0.2) for a, b in zip(channels, channels[1:])], 1)
        self.join = Layer(channels[-1] + self.condition_size, channels[-1], 1, 0.2)
        self.output = nn.Module()
        self.output.weight = nn.Parameter(torch.zeros(1, channels[-1] * low * low))
        self.output.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x, label=None):
        x = rectified(self.input(x), 0.2)
        for layer in self.each("down"):
            x = layer(x)
        x = self.joined(x, self.conditioned(label)[0])
        score = (x * self.output.weight.reshape(1, *x.shape[1:])).sum((1, 2, 3)) + self.output.bias
        return {"logit": score[:, None], "features": x.flatten(1), "map": x}


def case(role, network, shape, classes=0, n=3, coarse=None, **config):
    if classes:
        config["condition"] = CONDITION
        if role != "discriminator":
            config["augment_condition"] = network.drawn
    return {"model": "stackgan", "role": role, "network": network, "n": n, "coarse": coarse, "config": config,
            "seed": SEED, "facts": {"sample_shape": shape, "latent_size": LATENT, "classes": classes}}


CASES = {
    "generator_12": case("generator", StageOne(3, 6, [4, 2]), [3, 12, 12], width=2),
    "generator_16": case("generator", StageOne(1, 4, [8, 4, 2], 3), [1, 16, 16], 3, width=2),
    "generator_drawn": case("generator", StageOne(1, 4, [4, 2], 4, True), [1, 8, 8], 4, n=4, width=2),
    # Coarse pictures of side 4 are not halved, those of 8 once, those of 16 twice.
    "refiner_8": case("refiner", StageTwo(3, [4], [4, 2], 1, 3), [3, 8, 8], 3, coarse=4, width=2, ratio=2, blocks=1),
    "refiner_16": case("refiner", StageTwo(1, [4], [4, 2, 1], 1), [1, 16, 16], coarse=4, width=1, ratio=4, blocks=1),
    "refiner_drawn": case("refiner", StageTwo(1, [2, 4], [4, 2, 1], 2, 4, True), [1, 16, 16], 4, n=4, coarse=8,
                          width=1, ratio=2, blocks=2),
    "refiner_32": case("refiner", StageTwo(1, [2, 4, 8], [8, 4, 2, 1], 1, 3), [1, 32, 32], 3, n=2, coarse=16, width=1,
                       ratio=2, blocks=1),
    "discriminator_4": case("discriminator", Judge(1, 4, [3], 3, kernel=3), [1, 4, 4], 3, width=3),
    "discriminator_12": case("discriminator", Judge(3, 6, [4]), [3, 12, 12], width=2),
    "discriminator_16": case("discriminator", Judge(1, 4, [4, 8], 3), [1, 16, 16], 3, width=2),
}


def randomise(network):
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith("running_var"):
                tensor.uniform_(0.7, 1.3)
            elif tensor.dim() > 1 and not name.startswith("condition"):
                tensor.normal_(0, (1 / tensor[0].numel())**0.5)
            elif name.endswith("norm.weight") or name.endswith("norm1.weight"):
                tensor.normal_(1, 0.3)
            else:
                tensor.normal_(0, 0.4)


def published():
    """Parameters of the networks that make and judge 64 x 64 and 256 x 256, of width 96, on 200 classes."""
    with torch.device("meta"):
        return {"generator 64": count(StageOne(3, 4, [768, 768, 384, 192, 96], 200, True, 128, 100)),
                "refiner 256": count(StageTwo(3, [384, 768, 768], [768, 768, 384, 192, 96], 4, 200, True, 128)),
                "discriminator 64": count(Judge(3, 4, [192, 384, 768, 768], 200, 128)),
                "discriminator 256": count(Judge(3, 4, [192, 384, 768, 768, 768, 768], 200, 128))}


def main():
    torch.manual_seed(22)
    torch.set_num_threads(1)
    tensors = {}
    for name, c in CASES.items():
        network, n, coarse = c.pop("network"), c.pop("n"), c.pop("coarse")
        randomise(network)
        shape = c["facts"]["sample_shape"]
        record(tensors, name, c, network.double(), n, [shape[0], coarse, coarse] if coarse else None)
        if network.drawn:
            tensors[f"{name}/draw"] = network.draw
        for key, tensor in tensors.items():
            assert not key.startswith(f"{name}/gradient") or tensor.abs().max() > 0.01, key  # there is what to compare
    here = pathlib.Path(__file__).resolve()
    save_safetensors(here.with_suffix(".safetensors"), tensors,
                     {"torch": torch.__version__.split("+")[0], "cases": json.dumps(CASES),
                      "counts": json.dumps(published())})


if __name__ == "__main__":
    main()

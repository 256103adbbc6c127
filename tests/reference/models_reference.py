#!/usr/bin/env python3
"""Writes models_reference.safetensors: outputs and gradients of the bundled models as PyTorch computes them.

usage: models_reference.py            (torch 2.11, CPU; the file is beside this script)

The networks are built from torch.nn as the papers draw them (convolution after upsampling, pooling after
convolution), at small widths, with every weight, bias, gain and running statistic drawn at random. Tensors:
CASE/weight/NAME, CASE/buffer/NAME (before), CASE/input, CASE/OUTPUT (training), CASE/eval/OUTPUT,
CASE/label where there are classes, CASE/after/NAME (buffers after the training pass), CASE/gradient and
CASE/gradient_of/NAME: of the sum of all outputs' squares by the input and by each parameter, in the training pass. The metadata `cases` says what each case is.
"""
import json
import pathlib
import struct

import torch
import torch.nn.functional as F
from torch import nn


def activation(slope):
    return lambda x: torch.where(x > 0, x, slope * x)


def with_norm(layer, channels, on, eps=1e-5, kind=nn.BatchNorm2d):
    if on:
        layer.norm = kind(channels, eps=eps)
    return layer


def normed(layer, x):
    y = layer(x)
    return layer.norm(y) if hasattr(layer, "norm") else y


class MlpBody(nn.Module):
    def __init__(self, inputs, outputs, width, depth, leaky=False, batch_norm=False):
        super().__init__()
        self.depth, self.act = depth, activation(0.2 if leaky else 0.0)
        for i in range(depth):
            setattr(self, f"layer{i}", nn.Linear(inputs if i == 0 else width, width))
            if batch_norm:
                setattr(self, f"norm{i}", nn.BatchNorm1d(width))
        self.output = nn.Linear(width, outputs)

    def hidden(self, x):
        for i in range(self.depth):
            x = getattr(self, f"layer{i}")(x)
            if hasattr(self, f"norm{i}"):
                x = getattr(self, f"norm{i}")(x)
            x = self.act(x)
        return x


class MlpGenerator(MlpBody):
    def __init__(self, z, shape, tanh, **options):
        super().__init__(z, torch.Size(shape).numel(), **options)
        self.shape, self.tanh = shape, tanh

    def forward(self, z):
        x = self.output(self.hidden(z)).unflatten(1, self.shape)
        return {"image": torch.tanh(x) if self.tanh else x}


class MlpDiscriminator(MlpBody):
    def __init__(self, shape, **options):
        super().__init__(torch.Size(shape).numel(), 1, **options)

    def forward(self, image):
        h = self.hidden(image.flatten(1))
        return {"logit": self.output(h), "features": h}


class DcganGenerator(nn.Module):
    def __init__(self, z, channels, stages, width, slope=0.0, batch_norm=True):
        super().__init__()
        self.stages, self.top, self.act = stages, width * 2**stages, activation(slope)
        self.project = nn.Linear(z, self.top * 4 * 4)
        for i in range(stages):
            a, b = self.top // 2**i, self.top // 2 ** (i + 1)
            setattr(self, f"up{i}", with_norm(nn.ConvTranspose2d(a, b, 4, 2, 1), b, batch_norm, 1e-4))
        self.picture = nn.Conv2d(width, channels, 3, 1, 1)

    def forward(self, z):
        x = self.project(z).view(len(z), self.top, 4, 4)
        for i in range(self.stages):
            x = self.act(normed(getattr(self, f"up{i}"), x))
        return {"image": torch.tanh(self.picture(x))}


class DcganDiscriminator(nn.Module):
    def __init__(self, channels, stages, width, slope=0.0, batch_norm=True):
        super().__init__()
        self.stages, self.act = stages, activation(slope)
        for i in range(stages):
            a, b = channels if i == 0 else width * 2 ** (i - 1), width * 2**i
            setattr(self, f"conv{i}", with_norm(nn.Conv2d(a, b, 3, 1, 1), b, batch_norm, 1e-4))
            setattr(self, f"down{i}", with_norm(nn.Conv2d(b, b, 4, 2, 1), b, batch_norm, 1e-4))
        last = width * 2**stages
        self.last = with_norm(nn.Conv2d(last // 2, last, 3, 1, 1), last, batch_norm, 1e-4)
        self.output = nn.Linear(last, 1)

    def forward(self, x):
        for i in range(self.stages):
            x = self.act(normed(getattr(self, f"conv{i}"), x))
            x = self.act(normed(getattr(self, f"down{i}"), x))
        x = self.act(normed(self.last, x))
        h = x.sum(dim=[2, 3])
        return {"logit": self.output(h), "features": h, "map": x}


class SnganUp(nn.Module):
    def __init__(self, width, mode):
        super().__init__()
        self.mode = {"mode": "nearest"} if mode == "nearest" else {"mode": "bilinear", "align_corners": False}
        self.norm1, self.norm2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        self.conv1, self.conv2 = nn.Conv2d(width, width, 3, 1, 1), nn.Conv2d(width, width, 3, 1, 1)
        self.shortcut = nn.Conv2d(width, width, 1)

    def up(self, x):
        return F.interpolate(x, scale_factor=2, **self.mode)

    def forward(self, x):
        h = self.conv1(self.up(F.relu(self.norm1(x))))
        return self.conv2(F.relu(self.norm2(h))) + self.shortcut(self.up(x))


class SnganGenerator(nn.Module):
    def __init__(self, z, channels, side, blocks, width, upsample="nearest"):
        super().__init__()
        self.width, self.side, self.blocks = width, side, blocks
        self.project = nn.Linear(z, width * side * side)
        for i in range(blocks):
            setattr(self, f"block{i}", SnganUp(width, upsample))
        self.norm = nn.BatchNorm2d(width)
        self.picture = nn.Conv2d(width, channels, 3, 1, 1)

    def forward(self, z):
        x = self.project(z).view(len(z), self.width, self.side, self.side)
        for i in range(self.blocks):
            x = getattr(self, f"block{i}")(x)
        return {"image": torch.tanh(self.picture(F.relu(self.norm(x))))}


class SnganDown(nn.Module):
    def __init__(self, a, b, first, down):
        super().__init__()
        self.first, self.down = first, down
        self.conv1, self.conv2 = nn.Conv2d(a, b, 3, 1, 1), nn.Conv2d(b, b, 3, 1, 1)
        if down or a != b:
            self.shortcut = nn.Conv2d(a, b, 1)

    def forward(self, x):
        h = self.conv2(F.relu(self.conv1(x if self.first else F.relu(x))))
        s = self.shortcut(x) if hasattr(self, "shortcut") else x
        return F.avg_pool2d(h, 2) + F.avg_pool2d(s, 2) if self.down else h + s


class SnganDiscriminator(nn.Module):
    def __init__(self, channels, downs, width):
        super().__init__()
        self.blocks = downs + 2
        for i in range(self.blocks):
            setattr(self, f"block{i}", SnganDown(channels if i == 0 else width, width, i == 0, i < downs))
        self.output = nn.Linear(width, 1)

    def forward(self, x):
        for i in range(self.blocks):
            x = getattr(self, f"block{i}")(x)
        x = F.relu(x)
        h = x.sum(dim=[2, 3])
        return {"logit": self.output(h), "features": h, "map": x}


class Condition(nn.Module):
    """Batch norm with gain 1 + f(c) and bias g(c): c a label, a vector, or z through a hidden layer."""

    def __init__(self, features, kind, size=0, eps=1e-5):
        super().__init__()
        self.kind, self.eps = kind, eps
        if kind == "nothing":
            self.weight, self.bias = nn.Parameter(torch.ones(features)), nn.Parameter(torch.zeros(features))
        elif kind == "label":
            self.gain, self.bias = nn.Embedding(size, features), nn.Embedding(size, features)
        elif kind == "vector":
            self.gain, self.bias = nn.Linear(size, features, bias=False), nn.Linear(size, features, bias=False)
        else:
            self.gain_hidden, self.bias_hidden = nn.Linear(size, 128), nn.Linear(size, 128)
            self.gain, self.bias = nn.Linear(128, features, bias=False), nn.Linear(128, features, bias=False)
        self.register_buffer("running_mean", torch.zeros(features))
        self.register_buffer("running_var", torch.ones(features))

    def forward(self, x, c):
        if self.training:
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
            n = x.numel() / x.shape[1]
            with torch.no_grad():
                self.running_mean.lerp_(mean, 0.1)
                self.running_var.lerp_(var * n / (n - 1), 0.1)
        else:
            mean, var = self.running_mean, self.running_var
        over = lambda t: t[..., None, None]
        h = (x - over(mean)) / over((var + self.eps).sqrt())
        if self.kind == "nothing":
            return h * over(self.weight) + over(self.bias)
        if self.kind == "latent":
            gain, bias = self.gain(F.relu(self.gain_hidden(c))), self.bias(F.relu(self.bias_hidden(c)))
        else:
            gain, bias = self.gain(c), self.bias(c)
        return h * (1 + over(gain)) + over(bias)


class SelfAttention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.query, self.key = nn.Conv2d(c, c // 8, 1, bias=False), nn.Conv2d(c, c // 8, 1, bias=False)
        self.value, self.output = nn.Conv2d(c, c // 2, 1, bias=False), nn.Conv2d(c // 2, c, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        q, k, v = self.query(x), F.max_pool2d(self.key(x), 2), F.max_pool2d(self.value(x), 2)
        weights = torch.einsum("ncij,nckl->nijkl", q, k)
        weights = torch.softmax(weights.flatten(3), -1).view_as(weights)
        return x + self.gamma * self.output(torch.einsum("nckl,nijkl->ncij", v, weights))


class ResidualUp(nn.Module):
    def __init__(self, a, b, kind, size):
        super().__init__()
        self.norm1, self.norm2 = Condition(a, kind, size), Condition(b, kind, size)
        self.conv1, self.conv2 = nn.Conv2d(a, b, 3, 1, 1), nn.Conv2d(b, b, 3, 1, 1)
        self.shortcut = nn.Conv2d(a, b, 1)

    def forward(self, x, c):
        up = lambda t: F.interpolate(t, scale_factor=2)
        h = self.conv1(up(F.relu(self.norm1(x, c))))
        return self.conv2(F.relu(self.norm2(h, c))) + self.shortcut(up(x))


class ResidualGenerator(nn.Module):
    """channels: before the first block, then after each. kind: of the blocks' batch norms."""

    def __init__(self, z, picture, side, channels, classes=0, shared=0, skip_z=False, self_mod=False, attention=None):
        super().__init__()
        self.side, self.blocks, self.skip_z, self.self_mod = side, len(channels) - 1, skip_z, self_mod
        self.attention_after = attention
        piece = z // (self.blocks + 1) if skip_z else z
        self.project = nn.Linear(piece, channels[0] * side * side)
        if shared:
            self.shared = nn.Embedding(classes, shared)
        if self_mod:
            kind, size = "latent", z
        elif skip_z or shared:
            kind, size = "vector", (piece if skip_z else 0) + shared
        else:
            kind, size = ("label", classes) if classes else ("nothing", 0)
        for i in range(self.blocks):
            setattr(self, f"block{i}", ResidualUp(channels[i], channels[i + 1], kind, size))
        if attention is not None:
            self.attention = SelfAttention(channels[attention + 1])
        self.norm = Condition(channels[-1], "nothing")
        self.picture = nn.Conv2d(channels[-1], picture, 3, 1, 1)

    def forward(self, z, label=None):
        y = self.shared(label) if hasattr(self, "shared") else label
        pieces = z.chunk(self.blocks + 1, 1) if self.skip_z else [z]
        x = self.project(pieces[0]).unflatten(1, (-1, self.side, self.side))
        for i in range(self.blocks):
            c = z if self.self_mod else y
            if self.skip_z:
                c = pieces[i + 1] if y is None else torch.cat([pieces[i + 1], y], 1)
            x = getattr(self, f"block{i}")(x, c)
            if self.attention_after == i:
                x = self.attention(x)
        return {"image": torch.tanh(self.picture(F.relu(self.norm(x, None))))}


class ResidualDown(nn.Module):
    def __init__(self, a, hidden, b, first, down):
        super().__init__()
        self.first, self.down = first, down
        self.conv1, self.conv2 = nn.Conv2d(a, hidden, 3, 1, 1), nn.Conv2d(hidden, b, 3, 1, 1)
        if down or a != b:
            self.shortcut = nn.Conv2d(a, b, 1)

    def forward(self, x):
        h = self.conv2(F.relu(self.conv1(x if self.first else F.relu(x))))
        s = self.shortcut(x) if hasattr(self, "shortcut") else x
        return F.avg_pool2d(h, 2) + F.avg_pool2d(s, 2) if self.down else h + s


class ResidualDiscriminator(nn.Module):
    """blocks: (out, down)."""

    def __init__(self, picture, blocks, classes=0, attention=None, mean=False, narrow=False):
        super().__init__()
        self.blocks, self.attention_after, self.mean = len(blocks), attention, mean
        a = picture
        for i, (b, down) in enumerate(blocks):
            setattr(self, f"block{i}", ResidualDown(a, a if narrow and i else b, b, i == 0, down))
            a = b
            if attention == i:
                self.attention = SelfAttention(a)
        self.output = nn.Linear(a, 1)
        if classes:
            self.embedding = nn.Embedding(classes, a)

    def forward(self, x, label=None):
        for i in range(self.blocks):
            x = getattr(self, f"block{i}")(x)
            if self.attention_after == i:
                x = self.attention(x)
        x = F.relu(x)
        h = x.mean((2, 3)) if self.mean else x.sum((2, 3))
        logit = self.output(h)
        if hasattr(self, "embedding"):
            logit = logit + (self.embedding(label) * h).sum(1, keepdim=True)
        return {"logit": logit, "features": h, "map": x}


class DeepUp(nn.Module):
    def __init__(self, a, b, up, size):
        super().__init__()
        self.b, self.up, h = b, up, a // 4
        for i, c in enumerate((a, h, h, h)):
            setattr(self, f"norm{i}", Condition(c, "vector", size))
        self.conv0, self.conv1 = nn.Conv2d(a, h, 1), nn.Conv2d(h, h, 3, 1, 1)
        self.conv2, self.conv3 = nn.Conv2d(h, h, 3, 1, 1), nn.Conv2d(h, b, 1)

    def forward(self, x, c):
        up = (lambda t: F.interpolate(t, scale_factor=2)) if self.up else (lambda t: t)
        h = self.conv0(F.relu(self.norm0(x, c)))
        h = self.conv1(up(F.relu(self.norm1(h, c))))
        h = self.conv2(F.relu(self.norm2(h, c)))
        return self.conv3(F.relu(self.norm3(h, c))) + up(x[:, :self.b])


class DeepGenerator(nn.Module):
    def __init__(self, z, picture, side, channels, classes, shared, attention_level=None, depth=2):
        super().__init__()
        self.side, self.first = side, channels[0]
        size = z + (shared if classes else 0)
        if classes:
            self.shared = nn.Embedding(classes, shared)
        self.project = nn.Linear(size, channels[0] * side * side)
        self.blocks, self.attention_after, a = 0, None, channels[0]
        for level, b in enumerate(channels[1:]):
            for d in range(depth):
                last = d + 1 == depth
                setattr(self, f"block{self.blocks}", DeepUp(a, b if last else a, last, size))
                a, self.blocks = b if last else a, self.blocks + 1
            if level == attention_level:
                self.attention, self.attention_after = SelfAttention(a), self.blocks - 1
        self.norm = Condition(a, "nothing")
        self.picture = nn.Conv2d(a, picture, 3, 1, 1)

    def forward(self, z, label=None):
        c = torch.cat([z, self.shared(label)], 1) if hasattr(self, "shared") else z
        x = self.project(c).unflatten(1, (self.first, self.side, self.side))
        for i in range(self.blocks):
            x = getattr(self, f"block{i}")(x, c)
            if self.attention_after == i:
                x = self.attention(x)
        return {"image": torch.tanh(self.picture(F.relu(self.norm(x, None))))}


class DeepDown(nn.Module):
    def __init__(self, a, b, down):
        super().__init__()
        self.down, h = down, b // 4
        self.conv0, self.conv1 = nn.Conv2d(a, h, 1), nn.Conv2d(h, h, 3, 1, 1)
        self.conv2, self.conv3 = nn.Conv2d(h, h, 3, 1, 1), nn.Conv2d(h, b, 1)
        if b > a:
            self.shortcut = nn.Conv2d(a, b - a, 1)

    def forward(self, x):
        pool = (lambda t: F.avg_pool2d(t, 2)) if self.down else (lambda t: t)
        h = self.conv2(F.relu(self.conv1(F.relu(self.conv0(F.relu(x))))))
        s = pool(x)
        if hasattr(self, "shortcut"):
            s = torch.cat([s, self.shortcut(s)], 1)
        return self.conv3(pool(F.relu(h))) + s


class DeepDiscriminator(nn.Module):
    def __init__(self, picture, levels, classes, attention_level=None, depth=2):
        super().__init__()
        self.input = nn.Conv2d(picture, levels[0], 3, 1, 1)
        self.blocks, self.attention_after, a = 0, None, levels[0]
        for level, b in enumerate(levels[1:]):
            for d in range(depth):
                down = d == 0 and level + 2 < len(levels)
                setattr(self, f"block{self.blocks}", DeepDown(a, b, down))
                a, self.blocks = b, self.blocks + 1
            if level == attention_level:
                self.attention, self.attention_after = SelfAttention(a), self.blocks - 1
        self.output = nn.Linear(a, 1)
        if classes:
            self.embedding = nn.Embedding(classes, a)

    def forward(self, x, label=None):
        x = self.input(x)
        for i in range(self.blocks):
            x = getattr(self, f"block{i}")(x)
            if self.attention_after == i:
                x = self.attention(x)
        x = F.relu(x)
        h = x.sum((2, 3))
        logit = self.output(h)
        if hasattr(self, "embedding"):
            logit = logit + (self.embedding(label) * h).sum(1, keepdim=True)
        return {"logit": logit, "features": h, "map": x}


class UnetDecoder(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(a, b, 3, 1, 1), nn.Conv2d(b, b, 3, 1, 1)
        self.shortcut = nn.Conv2d(a, b, 1)

    def forward(self, x):
        up = lambda t: F.interpolate(t, scale_factor=2)
        return self.conv2(F.relu(self.conv1(up(F.relu(x))))) + self.shortcut(up(x))


class Unet(nn.Module):
    def __init__(self, picture, levels, width, classes=0):
        super().__init__()
        self.levels = levels
        c = [width * min(16, 2**i) for i in range(levels)]
        for i in range(levels):
            setattr(self, f"encoder{i}", ResidualDown(c[i - 1] if i else picture, c[i], c[i], i == 0, True))
        for i in reversed(range(levels)):
            setattr(self, f"decoder{i}", UnetDecoder(c[i] if i == levels - 1 else 2 * c[i], c[max(0, i - 1)]))
        self.output, self.pixel = nn.Linear(c[-1], 1), nn.Conv2d(width, 1, 1)
        if classes:
            self.embedding, self.pixel_embedding = nn.Embedding(classes, c[-1]), nn.Embedding(classes, width)

    def forward(self, x, label=None):
        maps = []
        for i in range(self.levels):
            x = getattr(self, f"encoder{i}")(x)
            maps.append(x)
        bottleneck = F.relu(x)
        h = bottleneck.sum((2, 3))
        for i in reversed(range(self.levels)):
            if i < self.levels - 1:
                x = torch.cat([x, maps[i]], 1)
            x = getattr(self, f"decoder{i}")(x)
        x = F.relu(x)
        logit, pixels = self.output(h), self.pixel(x)
        if hasattr(self, "embedding"):
            logit = logit + (self.embedding(label) * h).sum(1, keepdim=True)
            pixels = pixels + torch.einsum("nc,ncij->nij", self.pixel_embedding(label), x)[:, None]
        return {"logit": logit, "pixel_logit": pixels, "features": h, "map": bottleneck}


# Salimans et al. 2016: virtual batch norm, minibatch discrimination, the networks for semi-supervised learning.


class VirtualNorm(nn.Module):
    """The reference by its own mean and mean of squares; each other sample i as if it were one more of the n."""

    def __init__(self, channels, eps):
        super().__init__()
        self.weight, self.bias, self.eps = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels)), eps

    def one(self, x, first, second):
        shape = [-1] + [1] * (x.dim() - 1)
        first, second, weight, bias = (t.reshape(shape) for t in (first, second, self.weight, self.bias))
        return (x - first) / torch.sqrt(second - first**2 + self.eps) * weight + bias

    def forward(self, reference, batch):
        over = [0] + list(range(2, reference.dim()))
        first, second, n = reference.mean(over), (reference**2).mean(over), len(reference)
        rows = []
        for x in batch:
            places = x.flatten(1) if x.dim() > 1 else x[:, None]
            rows.append(self.one(x, (places.mean(1) + n * first) / (n + 1), ((places**2).mean(1) + n * second) / (n + 1)))
        return torch.stack([self.one(x, first, second) for x in reference]), torch.stack(rows)


class VirtualMlp(nn.Module):
    def __init__(self, inputs, shape, width, depth, reference):
        super().__init__()
        self.depth, self.shape = depth, shape
        self.register_buffer("reference", torch.zeros(reference, inputs))
        for i in range(depth):
            setattr(self, f"layer{i}", nn.Linear(inputs if i == 0 else width, width))
            setattr(self, f"norm{i}", VirtualNorm(width, 1e-5))
        self.output = nn.Linear(width, torch.Size(shape).numel())

    def forward(self, z):
        r = self.reference
        for i in range(self.depth):
            layer = getattr(self, f"layer{i}")
            r, z = (F.relu(t) for t in getattr(self, f"norm{i}")(layer(r), layer(z)))
        return {"image": self.output(z).unflatten(1, self.shape)}


class VirtualDcgan(DcganGenerator):
    def __init__(self, z, channels, stages, width, reference):
        super().__init__(z, channels, stages, width, batch_norm=False)
        self.register_buffer("reference", torch.zeros(reference, z))
        for i in range(stages):
            getattr(self, f"up{i}").norm = VirtualNorm(self.top // 2 ** (i + 1), 1e-4)

    def forward(self, z):
        pair = [self.project(t).view(len(t), self.top, 4, 4) for t in (self.reference, z)]
        for i in range(self.stages):
            up = getattr(self, f"up{i}")
            # The layer alone, without the norm that is registered in it.
            pair = [F.conv_transpose2d(t, up.weight, up.bias, 2, 1) for t in pair]
            pair = [F.relu(t) for t in up.norm(*pair)]
        return {"image": torch.tanh(self.picture(pair[1]))}


def beside_discrimination(f, weight, kernels):
    m = (f @ weight.T).view(len(f), kernels, -1)
    rows = []
    for i in range(len(f)):
        rows.append(sum(torch.exp(-(m[i] - m[j]).abs().sum(1)) for j in range(len(f)) if j != i))
    return torch.cat([f, torch.stack(rows)], 1)


def beside_stddev(f):
    return torch.cat([f, f.var(0, unbiased=False).add(1e-8).sqrt().mean().expand(len(f), 1)], 1)


class MinibatchMlp(MlpDiscriminator):
    def __init__(self, shape, width, depth, kernels, size):
        super().__init__(shape, width=width, depth=depth)
        self.kernels = kernels
        if kernels:
            self.minibatch = nn.Linear(width, kernels * size, bias=False)
        self.output = nn.Linear(width + (kernels or 1), 1)

    def forward(self, image):
        h = self.hidden(image.flatten(1))
        seen = beside_discrimination(h, self.minibatch.weight, self.kernels) if self.kernels else beside_stddev(h)
        return {"logit": self.output(seen), "features": h}


class MinibatchDcgan(DcganDiscriminator):
    def __init__(self, channels, stages, width):
        super().__init__(channels, stages, width)
        self.output = nn.Linear(width * 2**stages + 1, 1)

    def forward(self, x):
        linear, self.output = self.output, nn.Identity()
        outputs = super().forward(x)
        self.output = linear
        return outputs | {"logit": linear(beside_stddev(outputs["features"]))}


class MinibatchResidual(ResidualDiscriminator):
    def __init__(self, picture, blocks, kernels, size):
        super().__init__(picture, blocks)
        self.kernels, width = kernels, self.output.in_features
        self.minibatch, self.output = nn.Linear(width, kernels * size, bias=False), nn.Linear(width + kernels, 1)

    def forward(self, x):
        linear, self.output = self.output, nn.Identity()
        outputs = super().forward(x)
        self.output = linear
        seen = beside_discrimination(outputs["features"], self.minibatch.weight, self.kernels)
        return outputs | {"logit": linear(seen)}


class ImprovedMlpGenerator(nn.Module):
    def __init__(self, z, shape, width):
        super().__init__()
        self.shape = shape
        self.layer0, self.norm0 = nn.Linear(z, width), nn.BatchNorm1d(width)
        self.layer1, self.norm1 = nn.Linear(width, width), nn.BatchNorm1d(width)
        self.output = nn.Linear(width, torch.Size(shape).numel())

    def forward(self, z):
        x = F.softplus(self.norm1(self.layer1(F.softplus(self.norm0(self.layer0(z))))))
        return {"image": torch.tanh(self.output(x)).unflatten(1, self.shape)}


class ImprovedConvGenerator(nn.Module):
    def __init__(self, z, channels, stages, width):
        super().__init__()
        self.stages, self.top = stages, width * 2 ** (stages - 1)
        self.project, self.norm = nn.Linear(z, self.top * 16), nn.BatchNorm2d(self.top)
        for i in range(stages):
            last = i + 1 == stages
            b = channels if last else self.top // 2 ** (i + 1)
            setattr(self, f"up{i}", with_norm(nn.ConvTranspose2d(self.top // 2**i, b, 5, 2, 2, 1), b, not last))

    def forward(self, z):
        x = F.relu(self.norm(self.project(z).view(len(z), self.top, 4, 4)))
        for i in range(self.stages):
            x = normed(getattr(self, f"up{i}"), x)
            x = torch.tanh(x) if i + 1 == self.stages else F.relu(x)
        return {"image": x}


def with_classes(output, h):
    logits = output(h)
    return {"logit": torch.logsumexp(logits, 1, keepdim=True), "logits": logits, "features": h}


class ImprovedMlp(nn.Module):
    def __init__(self, shape, units, classes):
        super().__init__()
        inputs = [torch.Size(shape).numel(), *units]
        self.depth = len(units)
        for i in range(self.depth):
            setattr(self, f"layer{i}", nn.Linear(inputs[i], inputs[i + 1]))
        self.output = nn.Linear(units[-1], classes)

    def forward(self, image, label=None):
        x = image.flatten(1)
        for i in range(self.depth):
            x = F.relu(getattr(self, f"layer{i}")(x))
        return with_classes(self.output, x)


class ImprovedConv(nn.Module):
    def __init__(self, channels, width, classes, rim):
        super().__init__()
        a = channels
        for i, (b, kernel, stride, padding) in enumerate(
                [(width, 3, 1, 1)] * 2 + [(width, 3, 2, 1)] + [(2 * width, 3, 1, 1)] * 2 + [(2 * width, 3, 2, 1)] +
                [(2 * width, 3, 1, rim)] + [(2 * width, 1, 1, 0)] * 2):
            setattr(self, f"conv{i}", nn.Conv2d(a, b, kernel, stride, padding))
            a = b
        self.output = nn.Linear(a, classes)

    def forward(self, x, label=None):
        for i in range(9):
            x = F.leaky_relu(getattr(self, f"conv{i}")(x), 0.2)
        return with_classes(self.output, x.mean((2, 3)))


def case(model, role, network, config, shape, z=5, classes=0, **facts):
    return {"model": model, "role": role, "network": network, "config": config,
            "facts": {"sample_shape": shape, "latent_size": z, "classes": classes, **facts}}


CASES = {
    "mlp_points_generator": case("mlp", "generator", MlpGenerator(5, [2], False, width=6, depth=2),
                                 {"width": 6, "depth": 2}, [2]),
    "mlp_pictures_generator": case(
        "mlp", "generator", MlpGenerator(5, [1, 4, 3], True, width=6, depth=3, leaky=True, batch_norm=True),
        {"width": 6, "depth": 3, "activation": "leaky_relu", "batch_norm": True}, [1, 4, 3]),
    "mlp_points_discriminator": case("mlp", "discriminator", MlpDiscriminator([2], width=6, depth=1),
                                     {"width": 6, "depth": 1}, [2]),
    "mlp_pictures_discriminator": case(
        "mlp", "discriminator", MlpDiscriminator([2, 4, 4], width=6, depth=2, leaky=True, batch_norm=True),
        {"width": 6, "depth": 2, "activation": "leaky_relu", "batch_norm": True}, [2, 4, 4]),
    "dcgan_8_generator": case("dcgan", "generator", DcganGenerator(5, 1, 1, 3), {"width": 3}, [1, 8, 8]),
    "dcgan_16_generator": case("dcgan", "generator", DcganGenerator(5, 3, 2, 2, slope=0.1, batch_norm=False),
                               {"width": 2, "slope": 0.1, "batch_norm": False}, [3, 16, 16]),
    "dcgan_8_discriminator": case("dcgan", "discriminator", DcganDiscriminator(1, 1, 3), {"width": 3}, [1, 8, 8]),
    "dcgan_16_discriminator": case("dcgan", "discriminator",
                                   DcganDiscriminator(3, 2, 2, slope=0.2, batch_norm=False),
                                   {"width": 2, "slope": 0.2, "batch_norm": False}, [3, 16, 16]),
    "sngan_16_generator": case("sngan", "generator", SnganGenerator(5, 3, 4, 2, 3), {"width": 3}, [3, 16, 16]),
    "sngan_20_generator": case("sngan", "generator", SnganGenerator(5, 1, 5, 2, 3, "bilinear"),
                               {"width": 3, "upsample": "bilinear"}, [1, 20, 20]),
    "sngan_12_discriminator": case("sngan", "discriminator", SnganDiscriminator(1, 1, 3), {"width": 3}, [1, 12, 12]),
    "sngan_32_discriminator": case("sngan", "discriminator", SnganDiscriminator(3, 2, 3), {"width": 3}, [3, 32, 32]),
    # As many input channels as its width: the first shortcut is learned all the same.
    "sngan_8_discriminator": case("sngan", "discriminator", SnganDiscriminator(3, 1, 3), {"width": 3}, [3, 8, 8]),
    "sngan_labels_generator": case("sngan", "generator", ResidualGenerator(5, 3, 4, [3, 3], classes=4),
                                   {"width": 3, "conditional": True}, [3, 8, 8], classes=4),
    "sngan_labels_discriminator": case(
        "sngan", "discriminator", ResidualDiscriminator(3, [(3, True), (3, False), (3, False)], classes=4),
        {"width": 3, "conditional": True}, [3, 8, 8], classes=4),
    "sngan_48_generator": case("sngan", "generator", ResidualGenerator(5, 3, 6, [8, 4, 2, 1]), {"width": 1}, [3, 48, 48]),
    "sngan_48_discriminator": case(
        "sngan", "discriminator",
        ResidualDiscriminator(3, [(1, True), (2, True), (4, True), (8, True), (16, False)], narrow=True),
        {"width": 1}, [3, 48, 48]),
    "sagan_16_generator": case("sagan", "generator", ResidualGenerator(5, 1, 4, [8] * 3, classes=3, attention=0),
                               {"width": 8}, [1, 16, 16], classes=3),
    "sagan_16_discriminator": case(
        "sagan", "discriminator",
        ResidualDiscriminator(1, [(8, True), (8, False), (8, False)], classes=3, attention=0),
        {"width": 8}, [1, 16, 16], classes=3),
    "wgan_gp_8_generator": case("wgan_gp", "generator", ResidualGenerator(5, 1, 4, [3, 3]), {"width": 3}, [1, 8, 8]),
    "wgan_gp_8_discriminator": case(
        "wgan_gp", "discriminator", ResidualDiscriminator(1, [(3, True), (3, False), (3, False)], mean=True),
        {"width": 3}, [1, 8, 8]),
    "biggan_tables_generator": case("biggan", "generator", ResidualGenerator(5, 1, 4, [4, 4], classes=3), {"width": 1},
                                    [1, 8, 8], classes=3),
    "biggan_shared_generator": case(
        "biggan", "generator", ResidualGenerator(6, 3, 4, [8] * 3, classes=3, shared=4, skip_z=True, attention=1),
        {"width": 2, "shared_embedding": 4, "skip_z": True, "attention": 16}, [3, 16, 16], z=6, classes=3),
    "biggan_skip_generator": case("biggan", "generator", ResidualGenerator(6, 1, 4, [4, 4], skip_z=True),
                                  {"width": 1, "conditional": False, "skip_z": True}, [1, 8, 8], z=6),
    "biggan_self_modulated_generator": case(
        "biggan", "generator", ResidualGenerator(5, 1, 4, [4, 4], self_mod=True),
        {"width": 1, "conditional": False, "self_modulation": True}, [1, 8, 8]),
    "biggan_64_generator": case("biggan", "generator", ResidualGenerator(5, 1, 4, [16, 8, 4, 2, 1]),
                                {"width": 1, "conditional": False}, [1, 64, 64]),
    "biggan_16_discriminator": case(
        "biggan", "discriminator",
        ResidualDiscriminator(3, [(8, True), (8, False), (8, False)], classes=3, attention=0),
        {"width": 2, "attention": 8}, [3, 16, 16], classes=3),
    "biggan_64_discriminator": case(
        "biggan", "discriminator",
        ResidualDiscriminator(1, [(1, True), (2, True), (4, True), (8, True), (16, False)]),
        {"width": 1, "conditional": False}, [1, 64, 64]),
    "biggan_deep_16_generator": case("biggan_deep", "generator", DeepGenerator(5, 3, 4, [8] * 3, 3, 4, attention_level=0),
                                     {"width": 2, "shared_embedding": 4, "attention": 8}, [3, 16, 16], classes=3),
    "biggan_deep_64_generator": case("biggan_deep", "generator", DeepGenerator(5, 1, 4, [64, 32, 16, 8, 4], 0, 0, depth=1),
                                     {"width": 4, "conditional": False, "depth": 1}, [1, 64, 64]),
    "biggan_deep_16_discriminator": case("biggan_deep", "discriminator",
                                         DeepDiscriminator(3, [8, 8, 8], 3, attention_level=0),
                                         {"width": 2, "attention": 8}, [3, 16, 16], classes=3),
    "biggan_deep_64_discriminator": case("biggan_deep", "discriminator",
                                         DeepDiscriminator(1, [4, 8, 16, 32, 64, 64], 0),
                                         {"width": 4, "conditional": False}, [1, 64, 64]),
    "unet_16_discriminator": case("unet", "discriminator", Unet(3, 2, 2, classes=3), {"width": 2, "conditional": True},
                                  [3, 16, 16], classes=3),
    "unet_8_discriminator": case("unet", "discriminator", Unet(1, 1, 2), {"width": 2}, [1, 8, 8]),
    "mlp_virtual_generator": case("mlp", "generator", VirtualMlp(5, [2], 6, 2, 4),
                                  {"width": 6, "depth": 2, "virtual_batch_norm": True}, [2], batch=4),
    "dcgan_virtual_generator": case("dcgan", "generator", VirtualDcgan(5, 1, 2, 2, 4),
                                    {"width": 2, "virtual_batch_norm": True}, [1, 16, 16], batch=4),
    "mlp_discrimination": case("mlp", "discriminator", MinibatchMlp([2], 6, 2, 3, 2),
                               {"width": 6, "depth": 2, "minibatch": "discrimination", "minibatch_kernels": 3,
                                "minibatch_size": 2}, [2]),
    "mlp_stddev": case("mlp", "discriminator", MinibatchMlp([2], 6, 2, 0, 0),
                       {"width": 6, "depth": 2, "minibatch": "stddev"}, [2]),
    "dcgan_stddev": case("dcgan", "discriminator", MinibatchDcgan(1, 1, 3), {"width": 3, "minibatch": "stddev"},
                         [1, 8, 8]),
    "sngan_discrimination": case(
        "sngan", "discriminator", MinibatchResidual(1, [(3, True), (3, False), (3, False)], 4, 2),
        {"width": 3, "minibatch": "discrimination", "minibatch_kernels": 4, "minibatch_size": 2}, [1, 8, 8]),
    "improved_mlp_generator": case("improved_gan", "generator", ImprovedMlpGenerator(5, [1, 3, 4], 6), {"width": 6},
                                   [1, 3, 4]),
    "improved_mlp_discriminator": case("improved_gan", "discriminator", ImprovedMlp([1, 3, 4], [8, 4, 2, 2, 2], 3),
                                       {"width": 8, "input_noise": 0, "noise": 0}, [1, 3, 4], classes=3),
    "improved_conv_generator": case("improved_gan", "generator", ImprovedConvGenerator(5, 3, 2, 4),
                                    {"form": "conv", "width": 4}, [3, 16, 16]),
    "improved_conv_8_discriminator": case(
        "improved_gan", "discriminator", ImprovedConv(1, 3, 3, 1),
        {"form": "conv", "width": 3, "input_dropout": 0, "dropout": 0}, [1, 8, 8], classes=3),
    "improved_conv_16_discriminator": case(
        "improved_gan", "discriminator", ImprovedConv(3, 3, 4, 0),
        {"form": "conv", "width": 3, "input_dropout": 0, "dropout": 0}, [3, 16, 16], classes=4),
}


def randomise(network):
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith("num_batches_tracked"):
                continue
            if name.endswith("running_var"):
                tensor.uniform_(0.7, 1.3)
            elif name.endswith(("gain.weight", "bias.weight", "gamma")):
                tensor.normal_(0, 0.1)
            elif tensor.dim() > 1:
                tensor.normal_(0, (1 / tensor[0].numel()) ** 0.5)
            else:
                tensor.normal_(1 if "norm" in name and name.endswith("weight") else 0, 0.3)


def named(network, buffers):
    source = network.named_buffers() if buffers else network.named_parameters()
    return {n: t.detach().clone() for n, t in source if not n.endswith("num_batches_tracked")}


def save_safetensors(path, tensors, metadata):
    header, offset = {"__metadata__": metadata}, 0
    for name in sorted(tensors):
        t = tensors[name]
        header[name] = {"dtype": "F32", "shape": list(t.shape), "data_offsets": [offset, offset + 4 * t.numel()]}
        offset += 4 * t.numel()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for name in sorted(tensors):
            out.write(tensors[name].detach().contiguous().numpy().astype("<f4").tobytes())


def count(network):
    return sum(p.numel() for p in network.parameters())


def record(tensors, name, case, network, n=3):
    """Adds to the tensors what a test asks of a case: weights, n inputs, outputs in evaluation and in training, buffers
    after that, and the gradients of the outputs' summed squares."""
    facts = case["facts"]
    tensors |= {f"{name}/weight/{w}": t for w, t in named(network, False).items()}
    tensors |= {f"{name}/buffer/{b}": t for b, t in named(network, True).items()}
    shape = [facts["latent_size"]] if case["role"] == "generator" else facts["sample_shape"]
    inputs = [torch.randn(n, *shape)]
    tensors[f"{name}/input"] = inputs[0].clone()
    if facts["classes"]:
        inputs.append(torch.randint(facts["classes"], (n,)))
        tensors[f"{name}/label"] = inputs[1].float()
    network.eval()
    tensors |= {f"{name}/eval/{o}": t for o, t in network(*inputs).items()}
    network.train()
    inputs[0].requires_grad_()
    outputs = network(*inputs)
    tensors |= {f"{name}/{o}": t for o, t in outputs.items()}
    tensors |= {f"{name}/after/{b}": t for b, t in named(network, True).items()}
    names, parameters = zip(*network.named_parameters())
    found = torch.autograd.grad(sum(t.square().sum() for t in outputs.values()), [inputs[0], *parameters])
    tensors[f"{name}/gradient"] = found[0]
    tensors |= {f"{name}/gradient_of/{w}": t for w, t in zip(names, found[1:])}


def main():
    # The counts that StudioGAN logs (DCGAN) and that follow from the paper's tables (SNGAN), z 128, 3 x 32 x 32.
    assert count(DcganGenerator(128, 3, 3, 64)) == 3812355
    assert count(DcganDiscriminator(3, 3, 64)) == 2931009
    assert count(SnganGenerator(128, 3, 4, 3, 256)) == 4276739
    assert count(SnganDiscriminator(3, 2, 128)) == 1053825
    assert count(ResidualGenerator(128, 3, 4, [256] * 4, classes=10)) == 4304387
    assert count(ResidualGenerator(80, 3, 4, [384] * 4, classes=10, shared=128, skip_z=True, attention=1)) == 9416196
    assert count(DeepGenerator(128, 3, 4, [512] * 4, 10, 128, attention_level=1)) == 7762948
    assert count(DeepDiscriminator(3, [512] * 4, 10, attention_level=0)) == 2908930
    torch.manual_seed(20)
    torch.set_num_threads(1)
    tensors = {}
    for name, c in CASES.items():
        network = c.pop("network")
        randomise(network)
        record(tensors, name, c, network)
    here = pathlib.Path(__file__).resolve()
    save_safetensors(here.with_suffix(".safetensors"), tensors,
                     {"torch": torch.__version__.split("+")[0], "cases": json.dumps(CASES)})


if __name__ == "__main__":
    main()

"""The papers' networks as PyTorch modules, for models_reference.py."""

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

"""Salimans et al. 2016: virtual batch norm, minibatch discrimination, the networks for semi-supervised learning."""

import torch
import torch.nn.functional as F
from torch import nn

from networks import DcganDiscriminator, DcganGenerator, MlpDiscriminator, ResidualDiscriminator, normed, with_norm


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

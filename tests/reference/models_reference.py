#!/usr/bin/env python3
"""Writes models_reference.safetensors: outputs of mlp, dcgan and sngan as PyTorch computes them.

usage: models_reference.py            (torch 2.11, CPU; the file is beside this script)

The networks are built from torch.nn as the papers draw them (convolution after upsampling, pooling after
convolution), at small widths, with every weight, bias, gain and running statistic drawn at random. Tensors:
CASE/weight/NAME, CASE/buffer/NAME (before), CASE/input, CASE/OUTPUT (training), CASE/eval/OUTPUT,
CASE/after/NAME (buffers after the training pass), CASE/gradient: of the sum of all outputs' squares by the
input, in the training pass. The metadata `cases` says what each case is.
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
        h = self.act(normed(self.last, x)).sum(dim=[2, 3])
        return {"logit": self.output(h), "features": h}


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
        h = F.relu(x).sum(dim=[2, 3])
        return {"logit": self.output(h), "features": h}


def case(model, role, network, config, shape, z=5):
    return {"model": model, "role": role, "network": network, "config": config,
            "facts": {"sample_shape": shape, "latent_size": z}}


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
}


def randomise(network):
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith("num_batches_tracked"):
                continue
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 1.5)
            elif tensor.dim() > 1:
                tensor.normal_(0, (2 / tensor[0].numel()) ** 0.5)
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


def main():
    # The counts that StudioGAN logs (DCGAN) and that follow from the paper's tables (SNGAN), z 128, 3 x 32 x 32.
    assert count(DcganGenerator(128, 3, 3, 64)) == 3812355
    assert count(DcganDiscriminator(3, 3, 64)) == 2931009
    assert count(SnganGenerator(128, 3, 4, 3, 256)) == 4276739
    assert count(SnganDiscriminator(3, 2, 128)) == 1053825
    torch.manual_seed(20)
    torch.set_num_threads(1)
    tensors = {}
    for name, c in CASES.items():
        network, facts = c.pop("network"), c["facts"]
        randomise(network)
        tensors |= {f"{name}/weight/{n}": t for n, t in named(network, False).items()}
        tensors |= {f"{name}/buffer/{n}": t for n, t in named(network, True).items()}
        shape = [facts["latent_size"]] if c["role"] == "generator" else facts["sample_shape"]
        x = torch.randn(3, *shape)
        tensors[f"{name}/input"] = x.clone()
        network.eval()
        tensors |= {f"{name}/eval/{o}": t for o, t in network(x).items()}
        network.train()
        outputs = network(x.requires_grad_())
        tensors |= {f"{name}/{o}": t for o, t in outputs.items()}
        tensors |= {f"{name}/after/{n}": t for n, t in named(network, True).items()}
        tensors[f"{name}/gradient"] = torch.autograd.grad(sum(t.square().sum() for t in outputs.values()), x)[0]
    here = pathlib.Path(__file__).resolve()
    save_safetensors(here.with_suffix(".safetensors"), tensors,
                     {"torch": torch.__version__.split("+")[0], "cases": json.dumps(CASES)})


if __name__ == "__main__":
    main()

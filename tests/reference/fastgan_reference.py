#!/usr/bin/env python3
"""Writes fastgan_reference.safetensors: FastGAN's networks, and LPIPS and style distances, as PyTorch computes them.

usage: fastgan_reference.py            (torch, torchvision, lpips 0.1.4, safetensors; CPU; the file is beside this script)

The networks are functions of a table of tensors, which is filled as they run, so that counts come from running them on
the meta device. Tensors: CASE/weight/NAME, CASE/buffer/NAME (before), CASE/input/NAME, CASE/output/NAME (training),
CASE/eval/NAME (up to 64 x 64), CASE/after/NAME (buffers after the training pass), CASE/gradient/NAME by input and
CASE/gradient_of/NAME by parameter, both of the sum of the outputs' squares in the training pass. Strengths of noise
are 0. Metadata: `cases`, and `counts`: [role, variant, side, sle, decoders, parameters] at width 64, z 256.
The distances: lpips/vgg/NAME is a narrow VGG-16, lpips/lin/NAME LPIPS's layers for it, lpips/a and lpips/b pictures,
and what the package lpips makes of them, per picture, lpips/distance; lpips/plain without the layers; lpips/gram.
"""
import json
import pathlib
from collections import namedtuple

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

torch.manual_seed(11)
G_WIDTHS = {4: 16, 8: 8, 16: 4, 32: 2, 64: 2, 128: 1, 256: 0.5, 512: 0.25, 1024: 0.125}
D_WIDTHS = {256: 0.25, 128: 0.5, 64: 1, 32: 2, 16: 4}
BRANCH_WIDTHS = {64: 0.5, 32: 1, 16: 2, 8: 4}
DECODER_WIDTHS = {16: 2, 32: 1, 64: 1, 128: 0.5}


class Net:
    def __init__(self, width, side, variant="report", sle=True, decoders=True, device="cpu"):
        self.width, self.side, self.small = width, side, min(128, side // 2)
        self.published, self.sle, self.decoders, self.device = variant == "published", sle, decoders, device
        self.weights, self.buffers, self.training = {}, {}, True

    def n(self, times):
        return max(1, int(self.width * times))

    def weight(self, name, *shape, mean=0.0, scale=1.0):
        if name not in self.weights:
            value = torch.randn(shape, device=self.device) * scale + mean
            self.weights[name] = value.requires_grad_()
        return self.weights[name]

    def conv(self, x, name, out, kernel, stride=1, padding=0):
        fan = x.shape[1] * kernel * kernel
        return F.conv2d(x, self.weight(name + ".weight", out, x.shape[1], kernel, kernel, scale=fan**-0.5), None,
                        stride, padding)

    def norm(self, x, name):
        c = x.shape[1]
        for key, low in ((name + ".running_mean", -0.5), (name + ".running_var", 0.5)):
            if key not in self.buffers:
                self.buffers[key] = torch.rand(c, device=self.device) + low
        return F.batch_norm(x, self.buffers[name + ".running_mean"], self.buffers[name + ".running_var"],
                            self.weight(name + ".weight", c, mean=1, scale=0.2),
                            self.weight(name + ".bias", c, scale=0.2), self.training, 0.1, 1e-5)

    def glu(self, x):
        a, b = x.chunk(2, 1)
        return a * torch.sigmoid(b)

    def lrelu(self, x):
        return torch.where(x > 0, x, 0.2 * x)

    def excite(self, low, name, channels):
        x = F.adaptive_avg_pool2d(low, 4)
        x = self.conv(x, name + ".conv1", channels, 4)
        x = x * torch.sigmoid(x)
        return torch.sigmoid(self.conv(x, name + ".conv2", channels, 1))

    def up(self, x, name, out, comp):
        x = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
        x = self.glu(self.norm(self.conv(x, name + ".conv1", 2 * out, 3, 1, 1), name + ".norm1"))
        if not comp:
            return x
        return self.glu(self.norm(self.conv(x, name + ".conv2", 2 * out, 3, 1, 1), name + ".norm2"))

    def down(self, x, name, out, comp):
        h = self.lrelu(self.norm(self.conv(x, name + ".conv1", out, 4, 2, 1), name + ".norm1"))
        if not comp:
            return h
        h = self.lrelu(self.norm(self.conv(h, name + ".conv2", out, 3, 1, 1), name + ".norm2"))
        n, c, y, z = x.shape
        pooled = x.reshape(n, c, y // 2, 2, z // 2, 2).mean((3, 5))
        return (h + self.lrelu(self.norm(self.conv(pooled, name + ".direct", out, 1), name + ".direct_norm"))) / 2


class Generator(Net):
    def links(self):
        if not self.sle:
            return {}
        if self.side == 32:
            return {16: 4, 32: 8}
        if self.side == 64:
            return {32: 4, 64: 8}
        pairs = [(8, 128), (16, 256), (32, 512)]
        if self.published:
            pairs.append((4, 64))
        return {high: low for low, high in pairs if high <= self.side}

    def low(self, z, upto):
        w = self.weight("start.weight", z.shape[1], 2 * self.n(16), 4, 4, scale=z.shape[1]**-0.5)
        x = torch.einsum("nz,zchw->nchw", z, w)
        maps = {4: self.glu(self.norm(x, "start_norm"))}
        side = 4
        while side < upto:
            side *= 2
            maps[side] = self.block(maps[side // 2], side)
        return maps

    def block(self, x, side):
        return self.up(x, f"up{side}", self.n(G_WIDTHS[side]), side in (8, 32, 128, 512))

    def forward(self, z, z_style=None):
        links = self.links()
        style = self.low(z_style, max(links.values())) if z_style is not None else None
        maps = self.low(z, 4)
        for side in sorted(G_WIDTHS):
            if side == 4 or side > self.side:
                continue
            maps[side] = self.block(maps[side // 2], side)
            if side in links:
                by = (style or maps)[links[side]]
                maps[side] = maps[side] * self.excite(by, f"sle{side}", maps[side].shape[1])
        image = self.conv(maps[self.side], "image", 3, 3, 1, 1)
        small = self.conv(maps[self.small], "small", 3, 1)
        if not self.published or self.side == 1024:
            image, small = torch.tanh(image), torch.tanh(small)
        return {"image": image, "small": small}


class Discriminator(Net):
    def last(self):
        return 8 if self.published else 16

    def forward(self, image, small=None):
        if self.side == 1024:
            x = self.lrelu(self.conv(image, "stem0", self.n(0.125), 4, 2, 1))
            x = self.lrelu(self.norm(self.conv(x, "stem1", self.n(0.25), 4, 2, 1), "stem1_norm"))
        elif self.side == 512:
            x = self.lrelu(self.conv(image, "stem0", self.n(0.25), 4, 2, 1))
        else:
            x = self.lrelu(self.conv(image, "stem0", self.n(D_WIDTHS[self.side]), 3, 1, 1))
        maps, factor = {x.shape[2]: x}, 8 if self.side >= 128 else 4
        while x.shape[2] > 8:
            side = x.shape[2] // 2
            x = self.down(x, f"down{side}", self.n(D_WIDTHS.get(side, self.last())), True)
            if self.sle and side <= 32 and factor * side in maps:
                x = x * self.excite(maps[factor * side], f"sle{side}", x.shape[1])
            maps[side] = x
        head = self.lrelu(self.norm(self.conv(x, "head1", self.n(16), 1), "head_norm"))
        logits = self.conv(head, "head2", 1, 4)
        if small is None:
            step = self.side // self.small
            small = image[:, :, ::step, ::step]
        s = self.lrelu(self.conv(small, "small_stem", self.n(BRANCH_WIDTHS[self.small // 2]), 4, 2, 1))
        while s.shape[2] > 8:
            side = s.shape[2] // 2
            s = self.down(s, f"small_down{side}", self.n(BRANCH_WIDTHS[side]), not self.published)
        more = self.conv(s, "small_head", 1, 4)
        return {"logit": torch.cat([logits.flatten(1), more.flatten(1)], 1), "features": x.mean((2, 3)),
                "map_whole": x, "map_part": maps[16], "map_small": s}

    def decode(self, x, name):
        x = F.adaptive_avg_pool2d(x, 8)
        side = 8
        while side < self.small:
            side *= 2
            x = self.up(x, f"decode_{name}.up{side}", self.n(DECODER_WIDTHS[side]), False)
        return torch.tanh(self.conv(x, f"decode_{name}.image", 3, 3, 1, 1))

    def rebuild(self, map_whole, map_part, map_small):
        return {"rebuilt_whole": self.decode(map_whole, "whole"), "rebuilt_part": self.decode(map_part, "part"),
                "rebuilt_small": self.decode(map_small, "small")}


def run(net, inputs):
    if isinstance(net, Generator):
        return net.forward(**inputs)
    maps = {k: v for k, v in inputs.items() if k.startswith("map_")}
    outputs = net.rebuild(**maps) if maps else {}
    return outputs | net.forward(**{k: v for k, v in inputs.items() if k in ("image", "small")})


def case(out, name, net, inputs):
    with torch.no_grad():
        run(net, inputs)  # fills the tables
    net.buffers = {k: torch.rand_like(v) + (0.5 if k.endswith("var") else -0.5) for k, v in net.buffers.items()}
    for kind, table in (("weight", net.weights), ("buffer", net.buffers), ("input", inputs)):
        out.update({f"{name}/{kind}/{k}": v.detach().clone() for k, v in table.items()})
    net.training = False
    if net.side < 128:
        out.update({f"{name}/eval/{k}": v.detach() for k, v in run(net, inputs).items()})
    net.training = True
    for v in inputs.values():
        v.requires_grad_()
    outputs = run(net, inputs)
    out.update({f"{name}/output/{k}": v.detach() for k, v in outputs.items()})
    out.update({f"{name}/after/{k}": v.clone() for k, v in net.buffers.items()})
    squares = sum(v.square().sum() for v in outputs.values())
    names = [f"{name}/gradient/{k}" for k in inputs] + [f"{name}/gradient_of/{k}" for k in net.weights]
    found = torch.autograd.grad(squares, [*inputs.values(), *net.weights.values()])
    out.update(dict(zip(names, found)))


def count(kind, side, variant, sle, decoders):
    net = kind(64, side, variant, sle, decoders, device="meta")
    if kind is Generator:
        net.forward(torch.empty(2, 256, device="meta"))
    else:
        maps = net.forward(torch.empty(2, 3, side, side, device="meta"))
        if decoders:
            net.rebuild(maps["map_whole"], maps["map_part"], maps["map_small"])
    # The strengths of noise, two for each block with two convolutions, which this script leaves out.
    noises = 2 * sum(s <= side for s in (8, 32, 128, 512)) if kind is Generator else 0
    return sum(w.numel() for w in net.weights.values()) + noises


class Vgg(torch.nn.Module):
    """VGG-16's convolutions as lpips slices them, of `width` channels and more."""

    def __init__(self, width):
        super().__init__()
        self.plan, self.layers = [1, 1, 0, 2, 2, 0, 4, 4, 4, 0, 8, 8, 8, 0, 8, 8, 8], torch.nn.ModuleDict()
        last, place = 3, 0
        for times in self.plan:
            if times:
                conv = torch.nn.Conv2d(last, times * width, 3, padding=1)
                torch.nn.init.kaiming_normal_(conv.weight)
                torch.nn.init.normal_(conv.bias, 0, 0.1)
                self.layers[str(place)] = conv
                last = times * width
            place += 2 if times else 1

    def forward(self, x):
        maps, place = [], 0
        for times in self.plan:
            if times:
                x = self.layers[str(place)](x).relu()
                place += 2
            else:
                maps.append(x)
                x = F.max_pool2d(x, 2)
                place += 1
        return namedtuple("Maps", "relu1_2 relu2_2 relu3_3 relu4_3 relu5_3")(*maps, x)


def distances(out):
    import lpips

    metric = lpips.LPIPS(pretrained=False, net="vgg", pnet_rand=True, eval_mode=True, verbose=False)
    width = 2
    metric.net = Vgg(width)
    lins = [lpips.lpips.NetLinLayer(width * times, use_dropout=False) for times in (1, 2, 4, 8, 8)]
    for i, lin in enumerate(lins):
        torch.nn.init.uniform_(lin.model[-1].weight)
        setattr(metric, f"lin{i}", lin)
        out[f"lpips/lin/lin{i}.model.1.weight"] = lin.model[-1].weight.detach()
    metric.lins = torch.nn.ModuleList(lins)
    for place, conv in metric.net.layers.items():
        out[f"lpips/vgg/features.{place}.weight"] = conv.weight.detach()
        out[f"lpips/vgg/features.{place}.bias"] = conv.bias.detach()
    a, b = torch.rand(2, 3, 32, 32) * 2 - 1, torch.rand(2, 3, 32, 32) * 2 - 1
    a.requires_grad_()
    value = metric(a, b).flatten()
    out.update({"lpips/a": a.detach(), "lpips/b": b, "lpips/distance": value.detach(),
                "lpips/gradient": torch.autograd.grad(value.sum(), a)[0]})
    metric.lpips = False
    out["lpips/plain"] = metric(a, b).flatten().detach()
    with torch.no_grad():
        scaled = [metric.net(metric.scaling_layer(x)) for x in (a, b)]
        grams = [[torch.einsum("nchw,ndhw->ncd", m, m) / (m.shape[1] * m.shape[2] * m.shape[3]) for m in maps]
                 for maps in scaled]
        out["lpips/gram"] = sum((x - y).square().sum((1, 2)) for x, y in zip(*grams))


def main():
    out, cases = {}, {}
    for name, kind, side, width, variant, extra in (
            ("generator32", Generator, 32, 1, "report", ()),
            ("generator64", Generator, 64, 1, "report", ("z_style",)),
            ("generator128", Generator, 128, 1, "published", ()),
            ("discriminator32", Discriminator, 32, 1, "report", ("small", "maps")),
            ("discriminator64", Discriminator, 64, 1, "published", ("maps",)),
            ("discriminator128", Discriminator, 128, 1, "report", ("small",))):
        net = kind(width, side, variant)
        if kind is Generator:
            inputs = {"z": torch.randn(2, 5)}
            if "z_style" in extra:
                inputs["z_style"] = torch.randn(2, 5)
        else:
            inputs = {"image": torch.rand(2, 3, side, side) * 2 - 1}
            if "small" in extra:
                inputs["small"] = torch.rand(2, 3, net.small, net.small) * 2 - 1
            if "maps" in extra:
                inputs["map_whole"] = torch.randn(2, net.n(net.last()), 8, 8)
                inputs["map_part"] = torch.randn(2, net.n(4), 8, 8)
                inputs["map_small"] = torch.randn(2, net.n(4), 8, 8)
        case(out, name, net, inputs)
        cases[name] = {"role": kind.__name__.lower(), "side": side,
                       "config": {"width": width, "variant": variant, "noise": kind is not Generator,
                                  "decoders": "maps" in extra}}
    counts = []
    for variant in ("report", "published"):
        for side in (32, 64, 128, 256, 512, 1024):
            for sle in (True, False):
                counts.append(["generator", variant, side, sle, True, count(Generator, side, variant, sle, True)])
                for decoders in (True, False):
                    counts.append(["discriminator", variant, side, sle, decoders,
                                   count(Discriminator, side, variant, sle, decoders)])
    distances(out)
    target = pathlib.Path(__file__).with_suffix(".safetensors")
    save_file({k: v.contiguous() for k, v in out.items()}, target,
              {"cases": json.dumps(cases), "counts": json.dumps(counts), "torch": torch.__version__})


main()

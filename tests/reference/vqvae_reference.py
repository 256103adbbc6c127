#!/usr/bin/env python3
"""Writes vqvae_reference.safetensors: a VQ-VAE's outputs, gradients and codebook as PyTorch computes them.

usage: vqvae_reference.py            (torch 2.11, CPU; the file is beside this script)

Three updates' passes on three batches with the same weights (nothing is stepped but the codebook), in float64, for
each of two sizes. The quantiser is a loop over the codes. Tensors: CASE/weight/NAME, CASE/buffer/NAME (before),
CASE/STEP/input, CASE/STEP/OUTPUT, CASE/STEP/reconstruction, CASE/STEP/commitment, CASE/STEP/perplexity,
CASE/STEP/after/NAME (buffers), CASE/STEP/gradient_of/NAME: of reconstruction + commitment by each parameter.
The metadata `cases` says what each case is.
"""
import json
import pathlib

import torch
import torch.nn.functional as F
from torch import nn

from reference_file import save_safetensors

CASES = {
    "two": dict(width=6, halvings=2, blocks=2, block_width=3, codes=7, code_size=4, decay=0.9, shape=[3, 8, 8]),
    "one": dict(width=5, halvings=1, blocks=1, block_width=2, codes=3, code_size=2, decay=0.5, shape=[1, 6, 4]),
}


class Block(nn.Module):
    def __init__(self, width, inner):
        super().__init__()
        self.conv3 = nn.Conv2d(width, inner, 3, padding=1, bias=False)
        self.conv1 = nn.Conv2d(inner, width, 1, bias=False)

    def forward(self, x):
        return x + self.conv1(F.relu(self.conv3(F.relu(x))))


def add_blocks(to, width, inner, count):
    for i in range(count):
        setattr(to, f"block{i}", Block(width, inner))
    return [getattr(to, f"block{i}") for i in range(count)]


class Autoencoder(nn.Module):
    def __init__(self, width, halvings, blocks, block_width, codes, code_size, decay, shape):
        super().__init__()
        self.decay = decay
        chain = [shape[0]] + ([width // 2] + [width] * (halvings - 1) if halvings > 1 else [width])
        self.encoder, self.decoder = nn.Module(), nn.Module()
        e, d = self.encoder, self.decoder
        self.down, self.up = [], []
        for i in range(halvings):
            setattr(e, f"down{i}", nn.Conv2d(chain[i], chain[i + 1], 4, 2, 1))
            setattr(d, f"up{i}", nn.ConvTranspose2d(chain[i + 1], chain[i], 4, 2, 1))
            self.down.append(getattr(e, f"down{i}"))
            self.up.insert(0, getattr(d, f"up{i}"))
        e.last = nn.Conv2d(width, width, 3, padding=1)
        self.encoder_blocks = add_blocks(e, width, block_width, blocks)
        e.project = nn.Conv2d(width, code_size, 1)
        d.first = nn.Conv2d(code_size, width, 3, padding=1)
        self.decoder_blocks = add_blocks(d, width, block_width, blocks)
        self.register_buffer("codebook", torch.randn(codes, code_size) * 0.7)
        self.register_buffer("chosen", torch.rand(codes) * 3)
        self.register_buffer("sums", torch.randn(codes, code_size))

    def quantise(self, z):
        """Each place's nearest code, and how often each code was chosen in each sample."""
        n, _, h, w = z.shape
        codes = self.codebook.shape[0]
        e, usage = torch.zeros_like(z), torch.zeros(n, codes, dtype=z.dtype)
        members = [[] for _ in range(codes)]
        for i in range(n):
            for y in range(h):
                for x in range(w):
                    place = z[i, :, y, x].detach()
                    k = min(range(codes), key=lambda c: float((place - self.codebook[c]).norm()))
                    e[i, :, y, x] = self.codebook[k]
                    usage[i, k] += 1 / (h * w)
                    members[k].append(place)
        for k in range(codes):
            total = sum(members[k]) if members[k] else torch.zeros_like(self.sums[k])
            self.chosen[k] = self.decay * self.chosen[k] + (1 - self.decay) * len(members[k])
            self.sums[k] = self.decay * self.sums[k] + (1 - self.decay) * total
        everything = float(self.chosen.sum())
        for k in range(codes):
            self.codebook[k] = self.sums[k] / ((self.chosen[k] + 1e-5) / (everything + codes * 1e-5) * everything)
        return e.detach(), usage

    def forward(self, x):
        for layer in self.down:
            x = F.relu(layer(x))
        x = self.encoder.last(x)
        for block in self.encoder_blocks:
            x = block(x)
        features = F.relu(x)
        z = self.encoder.project(features)
        e, usage = self.quantise(z)
        x = self.decoder.first(z + (e - z).detach())
        for block in self.decoder_blocks:
            x = block(x)
        x = F.relu(x)
        for i, layer in enumerate(self.up):
            x = layer(x if i == 0 else F.relu(x))
        return {"image": x, "features": features, "code": z, "quantized": e, "usage": usage}


def main():
    torch.manual_seed(30)
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    tensors = {}
    for name, config in CASES.items():
        network = Autoencoder(**config)
        with torch.no_grad():
            for p in network.parameters():
                p.normal_(0, 0.4)
            for t in [*network.parameters(), *network.buffers()]:
                t.copy_(t.float())  # what the file can hold
        names, parameters = zip(*network.named_parameters())
        tensors |= {f"{name}/weight/{n}": p.detach().clone() for n, p in zip(names, parameters)}
        tensors |= {f"{name}/buffer/{n}": b.clone() for n, b in network.named_buffers()}
        for step in range(3):
            x = (torch.rand(4, *config["shape"]) * 2 - 1).float().double()
            outputs = network(x)
            reconstruction = F.mse_loss(outputs["image"], x) / x.var(unbiased=False)
            commitment = 0.25 * F.mse_loss(outputs["code"], outputs["quantized"])
            shares = outputs["usage"].mean(0)
            at = f"{name}/{step}"
            tensors[f"{at}/input"] = x
            tensors |= {f"{at}/{o}": t.detach().clone() for o, t in outputs.items()}
            tensors[f"{at}/reconstruction"], tensors[f"{at}/commitment"] = reconstruction.detach(), commitment.detach()
            tensors[f"{at}/perplexity"] = torch.distributions.Categorical(shares).entropy().exp()
            tensors |= {f"{at}/after/{n}": b.clone() for n, b in network.named_buffers()}
            found = torch.autograd.grad(reconstruction + commitment, parameters)
            tensors |= {f"{at}/gradient_of/{n}": g for n, g in zip(names, found)}
    here = pathlib.Path(__file__).resolve()
    save_safetensors(here.with_suffix(".safetensors"), tensors,
                     {"torch": torch.__version__.split("+")[0], "cases": json.dumps(CASES)})


if __name__ == "__main__":
    main()

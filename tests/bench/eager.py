"""The other side of ./saddle bench: the bundled dcgan and sngan written in Python, trained eagerly by torch.

Mirrors plugins/models/dcgan.cpp and sngan.cpp operator for operator, and takes the ways a careful user would:
real and fake in one pass, the fused Adam, no gradients for the discriminator's weights in the generator's turn.

    eager.py NET WIDTH SIDE BATCH THREADS    then a number of seconds a line on stdin; each is answered by the
                                             rounds a second of that long a stretch. First line out: parameters.
"""

import sys
import time

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

LATENT = 64


def halvings(side):
    n = 0
    while side % 2 == 0 and side >= 8:
        side, n = side // 2, n + 1
    return n


class Stage(nn.Sequential):
    def __init__(self, layer, out):
        super().__init__(layer, nn.BatchNorm2d(out, eps=1e-4), nn.ReLU())


class DcganGenerator(nn.Module):
    def __init__(self, width, side, channels):
        super().__init__()
        n = halvings(side)
        self.top = width << n
        self.project = nn.Linear(LATENT, self.top * 16)
        self.ups = nn.Sequential(
            *(Stage(nn.ConvTranspose2d(self.top >> i, self.top >> (i + 1), 4, 2, 1), self.top >> (i + 1))
              for i in range(n)))
        self.picture = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, z):
        return torch.tanh(self.picture(self.ups(self.project(z).view(-1, self.top, 4, 4))))


class DcganDiscriminator(nn.Module):
    def __init__(self, width, side, channels):
        super().__init__()
        stages, before = [], channels
        for i in range(halvings(side)):
            out = width << i
            stages += [Stage(nn.Conv2d(before, out, 3, padding=1), out), Stage(nn.Conv2d(out, out, 4, 2, 1), out)]
            before = out
        self.stages = nn.Sequential(*stages, Stage(nn.Conv2d(before, 2 * before, 3, padding=1), 2 * before))
        self.output = nn.Linear(2 * before, 1)

    def forward(self, x):
        return self.output(self.stages(x).sum((2, 3)))


class UpBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        self.conv1, self.conv2 = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
        self.shortcut = nn.Conv2d(width, width, 1)

    def forward(self, x):
        h = self.conv1(F.interpolate(F.relu(self.norm1(x)), scale_factor=2))
        return self.conv2(F.relu(self.norm2(h))) + F.interpolate(self.shortcut(x), scale_factor=2)


class SnganGenerator(nn.Module):
    def __init__(self, width, side, channels):
        super().__init__()
        n = halvings(side)
        self.width, self.side = width, side >> n
        self.project = nn.Linear(LATENT, width * self.side**2)
        self.blocks = nn.Sequential(*(UpBlock(width) for _ in range(n)))
        self.norm = nn.BatchNorm2d(width)
        self.picture = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, z):
        x = self.blocks(self.project(z).view(-1, self.width, self.side, self.side))
        return torch.tanh(self.picture(F.relu(self.norm(x))))


class DownBlock(nn.Module):
    def __init__(self, before, width, first, down):
        super().__init__()
        self.first, self.down = first, down
        self.conv1 = spectral_norm(nn.Conv2d(before, width, 3, padding=1))
        self.conv2 = spectral_norm(nn.Conv2d(width, width, 3, padding=1))
        self.shortcut = spectral_norm(nn.Conv2d(before, width, 1)) if down or before != width else None

    def forward(self, x):
        h = self.conv2(F.relu(self.conv1(x if self.first else F.relu(x))))
        shorter = F.avg_pool2d(x, 2) if self.down else x
        return (F.avg_pool2d(h, 2) if self.down else h) + (self.shortcut(shorter) if self.shortcut else shorter)


class SnganDiscriminator(nn.Module):
    def __init__(self, width, side, channels):
        super().__init__()
        downs = max(1, halvings(side) - 1)
        self.blocks = nn.Sequential(
            *(DownBlock(width if i else channels, width, i == 0, i < downs) for i in range(downs + 2)))
        self.output = spectral_norm(nn.Linear(width, 1))

    def forward(self, x):
        return self.output(F.relu(self.blocks(x)).sum((2, 3)))


NETS = {"dcgan": (DcganGenerator, DcganDiscriminator), "sngan": (SnganGenerator, SnganDiscriminator)}


def make_round(net, width, side, batch):
    """A function that trains the discriminator, then the generator, once each with the hinge loss."""
    generator_type, discriminator_type = NETS[net]
    generator, discriminator = generator_type(width, side, 1), discriminator_type(width, side, 1)
    g_adam = torch.optim.Adam(generator.parameters(), 2e-4, (0.0, 0.9), fused=True)
    d_adam = torch.optim.Adam(discriminator.parameters(), 2e-4, (0.0, 0.9), fused=True)
    pictures = torch.randint(256, (2048, 1, side, side), dtype=torch.uint8)

    def one_round():
        real = pictures[torch.randint(len(pictures), (batch,))].float() / 127.5 - 1
        with torch.no_grad():
            fake = generator(torch.randn(batch, LATENT))
        real_logit, fake_logit = discriminator(torch.cat([real, fake])).split(batch)
        loss = F.relu(1 - real_logit).mean() + F.relu(1 + fake_logit).mean()
        d_adam.zero_grad()
        loss.backward()
        d_adam.step()

        discriminator.requires_grad_(False)
        loss = -discriminator(generator(torch.randn(batch, LATENT))).mean()
        g_adam.zero_grad()
        loss.backward()
        g_adam.step()
        discriminator.requires_grad_(True)

    counts = [sum(p.numel() for p in model.parameters()) for model in (generator, discriminator)]
    return one_round, counts


def main(net, width, side, batch, threads):
    torch.manual_seed(0)
    torch.set_num_threads(int(threads))
    one_round, counts = make_round(net, int(width), int(side), int(batch))
    for _ in range(3):
        one_round()
    print(torch.__version__, *counts, flush=True)
    for line in sys.stdin:
        start, rounds, seconds = time.perf_counter(), 0, 0.0
        while seconds < float(line) or rounds < 2:
            one_round()
            rounds, seconds = rounds + 1, time.perf_counter() - start
        print(rounds / seconds, flush=True)


main(*sys.argv[1:])

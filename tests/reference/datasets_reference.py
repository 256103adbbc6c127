#!/usr/bin/env python3
"""Writes datasets_reference.json: small pictures as files with what they decode to, Pillow's resizing, and the first
points of `gaussians`; an HDF5 file that h5py compressed with LZF.

Needs numpy, Pillow and h5py. PNGs of forms that Pillow does not write (16 bits a channel, interlaced, 2-bit palettes with
transparency) are put together here from the specification.
"""
import base64
import io
import json
import math
import pathlib
import struct
import zlib

import h5py
import numpy as np
from PIL import Image

from metrics_reference import splitmix


def noise(seed, *shape, most=255):
    n = math.prod(shape)
    return np.array([splitmix((seed << 32) + i) % (most + 1) for i in range(n)]).reshape(shape)


def smooth(height, width):
    """What a JPEG keeps: slow waves, another in each channel."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [128 + 100 * np.sin(x / 3 + 1.0), 128 + 100 * np.cos(y / 4), 40 + 12 * (x + y)]
    return np.clip(np.stack(planes, axis=2), 0, 255).astype(np.uint8)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, bits, colour, rows_of_passes, extra=b"", interlaced=0):
    """rows_of_passes: packed bytes of each row, of each pass in turn. Filter type 0."""
    raw = b"".join(b"\0" + row for rows in rows_of_passes for row in rows)
    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(raw))
            + chunk(b"IEND", b""))


def on_white(rgba):
    rgba = rgba.astype(np.int64)
    return (rgba[..., :3] * rgba[..., 3:] + 255 * (255 - rgba[..., 3:]) + 127) // 255


def pack(indices, bits):
    out = bytearray()
    for start in range(0, len(indices), 8 // bits):
        byte = 0
        for i, v in enumerate(indices[start:start + 8 // bits]):
            byte |= int(v) << (8 - bits * (i + 1))
        out.append(byte)
    return bytes(out)


def pictures():
    """(name, file bytes, [8, 8, 3] expected, tolerance)."""
    rgb = noise(1, 8, 8, 3)
    yield "rgb.png", png(8, 8, 8, 2, [[bytes(row.flatten().tolist()) for row in rgb]]), rgb, 0
    # Adam7: (x start, y start, x step, y step) of the seven passes.
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    rows = [[bytes(row.flatten().tolist()) for row in rgb[y::dy, x::dx]] for x, y, dx, dy in passes]
    yield "interlaced.png", png(8, 8, 8, 2, rows, interlaced=1), rgb, 0
    rgba = noise(2, 8, 8, 4)
    yield "alpha.png", png(8, 8, 8, 6, [[bytes(row.flatten().tolist()) for row in rgba]]), on_white(rgba), 0
    deep = noise(3, 8, 8, 3, most=65535)
    deep_rows = [b"".join(struct.pack(">H", int(v)) for v in row.flatten()) for row in deep]
    yield "sixteen_bits.png", png(8, 8, 16, 2, [deep_rows]), np.floor(deep * 255 / 65535 + 0.5).astype(int), 0
    grey = noise(4, 8, 8, most=3)
    yield ("grey_two_bits.png", png(8, 8, 2, 0, [[pack(row, 2) for row in grey]]),
           np.repeat((grey * 85)[..., None], 3, axis=2), 0)
    palette, alphas, indices = noise(5, 4, 3), np.array([255, 100, 0, 255]), noise(6, 8, 8, most=3)
    extra = chunk(b"PLTE", bytes(palette.flatten().tolist())) + chunk(b"tRNS", bytes(alphas.tolist()))
    full = np.concatenate([palette, alphas[:, None]], axis=1)[indices]
    yield ("palette_two_bits.png", png(8, 8, 2, 3, [[pack(row, 2) for row in indices]], extra), on_white(full), 0)

    wave = smooth(8, 8)
    for name, mode, options in [("plain.jpg", "RGB", {}), ("progressive.jpeg", "RGB", {"progressive": True}),
                                ("subsampled.jpg", "RGB", {"subsampling": 2}), ("grey.jpg", "L", {}),
                                ("cmyk.JPG", "CMYK", {})]:
        buffer = io.BytesIO()
        Image.fromarray(wave).convert(mode).save(buffer, "JPEG", quality=95, **options)
        decoded = Image.open(io.BytesIO(buffer.getvalue())).convert("RGB")
        # Releases of libjpeg differ in the last bit of upsampling.
        yield name, buffer.getvalue(), np.asarray(decoded).astype(int), 3


def resized():
    """One picture of 13 x 10, its central square at several sizes."""
    picture = noise(7, 10, 13, 3).astype(np.uint8)
    file = png(13, 10, 8, 2, [[bytes(row.flatten().tolist()) for row in picture]])
    image = Image.fromarray(picture)
    cases = []
    for name in ["box", "bilinear", "bicubic", "lanczos"]:
        for size in [4, 7, 16]:
            out = image.resize((size, size), getattr(Image.Resampling, name.upper()), box=(1.5, 0, 11.5, 10))
            cases.append({"filter": name, "size": size, "rgb": np.asarray(out).flatten().tolist()})
    grey = image.convert("L").resize((5, 5), Image.Resampling.BICUBIC, box=(1.5, 0, 11.5, 10))
    cases.append({"filter": "bicubic", "size": 5, "grey": np.asarray(grey).flatten().tolist()})
    return {"file": base64.b64encode(file).decode(), "cases": cases}


def gaussians(layout, seed, split, count, modes=8, deviation=0.05):
    """A second writing of plugins/datasets/gaussians.cpp, in Python's floats."""
    mask = (1 << 64) - 1
    state = splitmix((seed * 2 + split) & mask)

    def uniform():
        nonlocal state
        value = splitmix(state)
        state = (state + 0x9E3779B97F4A7C15) & mask
        return ((value >> 11) + 0.5) / 2**53

    if layout == "ring":
        centers = [(2 * math.cos(2 * math.pi * k / modes), 2 * math.sin(2 * math.pi * k / modes)) for k in range(modes)]
    else:
        centers = [(x, y) for x in range(-2, 3) for y in range(-2, 3)]
    points = []
    for i in range(count):
        if layout == "two_moons":
            t = math.pi * uniform()
            x, y = (math.cos(t), math.sin(t)) if i % 2 == 0 else (1 - math.cos(t), 0.5 - math.sin(t))
        else:
            x, y = centers[i % len(centers)]
        r = math.sqrt(-2 * math.log(uniform()))
        t = 2 * math.pi * uniform()
        points += [float(np.float32(x + deviation * r * math.cos(t))), float(np.float32(y + deviation * r * math.sin(t)))]
    return points


def packed_hdf5():
    """As BigGAN-PyTorch's make_hdf5 --compression writes it: chunks of LZF, a last one that is not full."""
    images = np.stack([np.roll(smooth(8, 8), i, axis=1) // 16 * 16 for i in range(5)]).transpose(0, 3, 1, 2)
    labels = np.arange(5) % 3
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.create_dataset("imgs", data=images, chunks=(2, 3, 8, 8), maxshape=(9, 3, 8, 8), compression="lzf")
        file.create_dataset("labels", data=labels, chunks=(2,), maxshape=(9,), compression="lzf")
        assert file["imgs"].id.get_storage_size() < images.size  # something was packed
    return {"file": base64.b64encode(buffer.getvalue()).decode(), "images": images.flatten().tolist(),
            "labels": labels.tolist()}


if __name__ == "__main__":
    out = {
        "pictures": [{"name": n, "file": base64.b64encode(f).decode(), "rgb": e.flatten().tolist(), "tolerance": t}
                     for n, f, e, t in pictures()],
        "resized": resized(),
        "gaussians": [{"layout": l, "seed": s, "split": p, "points": gaussians(l, s, p, 30)}
                      for l, s, p in [("ring", 0, 0), ("ring", 3, 1), ("grid", 0, 0), ("two_moons", 0, 1)]],
        "packed_hdf5": packed_hdf5(),
    }
    path = pathlib.Path(__file__).with_suffix(".json")
    text = json.dumps(out)
    path.write_text(text.replace('}, {', '},\n{').replace('], "', '],\n"') + "\n")

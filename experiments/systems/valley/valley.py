#!/usr/bin/env python3
"""Writes valley.png, the one picture that singan.json learns: a sky, hills, and trees of all sizes. Drawn here.

usage: picture.py FILE
"""
import math
import random
import struct
import sys
import zlib

SIDE = 64


def draw():
    random.seed(7)
    px = [[(150 + y, 190 + y // 2, 235) for _ in range(SIDE)] for y in range(SIDE)]

    def dot(x, y, colour):
        if 0 <= x < SIDE and 0 <= y < SIDE:
            px[y][x] = colour

    for y in range(SIDE):  # the sun
        for x in range(SIDE):
            if math.hypot(x - 48, y - 11) < 5.5:
                dot(x, y, (250, 225, 120))
    for k, (level, height, length, colour) in enumerate(
            [(30, 7, 23, (120, 150, 170)), (38, 5, 15, (95, 140, 95)), (47, 3, 29, (120, 165, 75))]):
        for x in range(SIDE):
            top = level - height * math.sin(x / length * math.pi + k * 1.7)
            for y in range(int(top), SIDE):
                shade = (x * 7 + y * 13) % 9 - 4
                dot(x, y, tuple(c + shade for c in colour))
    for _ in range(46):  # trees, the nearer the larger
        y = random.randint(38, 62)
        x, size = random.randint(0, SIDE - 1), (y - 34) // 5 + 2
        for up in range(2 * size):
            for across in range(-(up // 3) - 1, up // 3 + 2):
                dot(x + across, y - 2 * size + up, (30, 85 + 3 * (up % 4) + random.randint(-8, 8), 45))
        for down in range(size // 2 + 1):
            dot(x, y + down, (95, 65, 40))
    return px


def main():
    rows = b"".join(b"\0" + bytes(c for pixel in row for c in pixel) for row in draw())

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    with open(sys.argv[1], "wb") as out:
        out.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)) +
                  chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


if __name__ == "__main__":
    main()

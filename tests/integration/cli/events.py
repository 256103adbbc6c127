"""Reads TensorBoard event files with nothing but Python: the framing, its CRCs, and the fields that scalars have."""

import struct


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(path):
    data, at = path.read_bytes(), 0
    while at < len(data):
        length, length_crc = struct.unpack_from("<QI", data, at)
        assert length_crc == masked(data[at:at + 8]), "CRC of a length"
        record = data[at + 12:at + 12 + length]
        assert struct.unpack_from("<I", data, at + 12 + length)[0] == masked(record), "CRC of a record"
        yield record
        at += length + 16


def fields(message):
    """(number, value) of each field of a Protocol Buffers message."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        key = varint()
        if key & 7 == 0:
            value = varint()
        else:
            size = {1: 8, 5: 4}.get(key & 7) or varint()
            value = message[at:at + size]
            at += size
        yield key >> 3, value


def scalars(path):
    """{(tag, step): value} of an event file; also its hyper-parameters' messages by tag."""
    found, others, first = {}, {}, True
    for record in records(path):
        event = dict(fields(record))
        if first:
            assert event[3] == b"brain.Event:2", "a file begins with its version"
        first = False
        if 5 not in event:
            continue
        value = dict(fields(dict(fields(event[5]))[1]))
        if 2 in value:
            found[value[1].decode(), event.get(2, 0)] = struct.unpack("<f", value[2])[0]
        else:
            others[value[1].decode()] = value
    return found, others

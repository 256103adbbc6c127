"""Converts weights that PyTorch saved (.pth, .pt) to safetensors; only Python's standard library.

    weights.py SOURCE TARGET [TENSOR]

With TENSOR, a file that has none of this name is not the one that was meant.

Reads a dictionary of tensors, also one under "state_dict", in the format of torch.save before and since version 1.6. Runs
none of the code that a pickle may ask for: whatever is no tensor, number, text or container ends it with an error.
Floating-point tensors are written, contiguous, as float32; counters are left out.
"""

import array
import collections
import hashlib
import json
import math
import os
import pathlib
import pickle
import struct
import sys
import zipfile

MAGIC = 0x1950A86A20F9469CFC6C
ITEM = {"FloatStorage": "f", "DoubleStorage": "d", "HalfStorage": "e", "LongStorage": "q", "IntStorage": "i",
        "ShortStorage": "h", "CharStorage": "b", "ByteStorage": "B", "BoolStorage": "?"}


class Storage:
    """Elements in a row; read when the pickle has been."""

    def __init__(self, item, key, count):
        self.item, self.key, self.count, self.values = item, key, count, None

    def fill(self, data):
        size = struct.calcsize(self.item)
        if len(data) < self.count * size:
            raise ValueError("the file is shorter than its tensors")
        data = data[:self.count * size]
        self.values = memoryview(array.array("B", data)).cast(self.item) if self.item != "e" else \
            array.array("f", struct.unpack(f"<{self.count}e", data))


class Tensor(collections.namedtuple("Tensor", "storage offset shape stride")):
    def contiguous(self):
        """Its elements in order, as an array of floats."""
        out, values = array.array("f"), self.storage.values
        count = math.prod(self.shape)
        if count == 0:
            return out
        last = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.stride))
        if min(self.stride, default=0) < 0 or self.offset < 0 or last >= self.storage.count:
            raise ValueError("a tensor reaches outside its storage")
        dense, expected = True, 1
        for n, s in zip(reversed(self.shape), reversed(self.stride)):
            dense, expected = dense and (n == 1 or s == expected), expected * n
        if dense:
            out.extend(values[self.offset:self.offset + count])
            return out
        inner, step = (self.shape[-1], self.stride[-1]) if self.shape else (1, 1)

        def walk(dim, at):
            if dim == len(self.shape) - 1:
                out.extend(values[at:at + (inner - 1) * step + 1:step] if step else [values[at]] * inner)
                return
            for i in range(self.shape[dim]):
                walk(dim + 1, at + i * self.stride[dim])

        walk(0, self.offset)
        return out


class Unpickler(pickle.Unpickler):
    def __init__(self, file, storages):
        super().__init__(file, encoding="utf-8")
        self.storages = storages

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if module == "torch._utils" and name in ("_rebuild_tensor", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, stride, *_: Tensor(storage, offset, tuple(shape), tuple(stride))
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda tensor, *_: tensor
        if (module, name) == ("torch", "Size"):
            return tuple
        if module == "torch" and name in ITEM:
            return name
        raise ValueError(f"it asks for {module}.{name}: save the state_dict alone, torch.save(model.state_dict(), FILE)")

    def persistent_load(self, key):
        if key[0] != "storage" or key[1] not in ITEM or (len(key) > 5 and key[5] is not None):
            raise ValueError(f"it holds storage that is not understood: {key!r}")
        return self.storages.setdefault(key[2], Storage(ITEM[key[1]], key[2], key[4]))


def read(path):
    storages = {}
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            (name,) = [n for n in archive.namelist() if n.endswith("/data.pkl") or n == "data.pkl"]
            with archive.open(name) as file:
                content = Unpickler(file, storages).load()
            for storage in storages.values():
                storage.fill(archive.read(name.removesuffix("data.pkl") + f"data/{storage.key}"))
        return content
    with open(path, "rb") as file:
        if Unpickler(file, storages).load() != MAGIC:
            raise ValueError("it is no file of torch.save")
        for _ in range(2):  # protocol, system
            Unpickler(file, storages).load()
        content = Unpickler(file, storages).load()
        for key in Unpickler(file, storages).load():
            count = struct.unpack("<q", file.read(8))[0]
            storage = storages[key]
            if count != storage.count:
                raise ValueError(f"storage {key} has {count} elements, its tensors say {storage.count}")
            storage.fill(file.read(count * struct.calcsize(storage.item)))
    return content


def write(path, tensors, metadata):
    header, offset = {"__metadata__": metadata}, 0
    for name, (shape, values) in tensors.items():
        end = offset + 4 * len(values)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for _, values in tensors.values():
            out.write(values.tobytes())


def main(source, target, expected=None):
    try:
        content = read(source)
        if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
            content = content["state_dict"]
        if not isinstance(content, dict) or not any(isinstance(t, Tensor) for t in content.values()):
            raise ValueError("it holds no dictionary of tensors")
        tensors = {name: (t.shape, t.contiguous()) for name, t in content.items()
                   if isinstance(t, Tensor) and t.storage.item in "fde"}
        if expected and expected not in tensors:
            raise ValueError(f"it has no tensor {expected}, so it holds the weights of another network")
    except (ValueError, KeyError, EOFError, TypeError, IndexError, struct.error, pickle.UnpicklingError, OSError,
            zipfile.BadZipFile) as e:
        sys.exit(f"saddle: {source}: {e}")
    digest = hashlib.sha256(pathlib.Path(source).read_bytes()).hexdigest()
    target = pathlib.Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    write(part, tensors, {"source": pathlib.Path(source).name, "source_sha256": digest})
    os.replace(part, target)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])

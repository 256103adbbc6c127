#!/usr/bin/env python3
"""runner/setup/weights.py on files as torch.save writes them, before and since version 1.6, without PyTorch.

usage: weights_test.py WEIGHTS_PY
"""
import array
import collections
import io
import json
import os
import pathlib
import pickle
import struct
import subprocess
import sys
import tempfile
import types
import zipfile

# What a pickle of tensors refers to.
utils, torch = types.ModuleType("torch._utils"), types.ModuleType("torch")
sys.modules |= {"torch": torch, "torch._utils": utils}
exec("def _rebuild_tensor_v2(*a): pass", utils.__dict__)
torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})
torch.LongStorage = type("LongStorage", (), {"__module__": "torch"})


class Storage:
    def __init__(self, key, code, values):
        self.key, self.values = key, array.array(code, values)
        self.type = torch.FloatStorage if code == "f" else torch.LongStorage


class Tensor:
    def __init__(self, storage, offset, shape, stride):
        self.arguments = (storage, offset, shape, stride, False, collections.OrderedDict())

    def __reduce__(self):
        return utils._rebuild_tensor_v2, self.arguments


class Pickler(pickle.Pickler):
    legacy = False

    def persistent_id(self, thing):
        if isinstance(thing, Storage):
            key = ("storage", thing.type, thing.key, "cpu", len(thing.values))
            return key + (None,) if self.legacy else key


def pickled(thing, legacy=False):
    out = io.BytesIO()
    pickler = Pickler(out, 2)
    pickler.legacy = legacy
    pickler.dump(thing)
    return out.getvalue()


def old_form(content, storages):
    parts = [pickle.dumps(0x1950A86A20F9469CFC6C, 2), pickle.dumps(1001, 2), pickle.dumps({}, 2),
             pickled(content, True), pickle.dumps([s.key for s in storages], 2)]
    return b"".join(parts) + b"".join(struct.pack("<q", len(s.values)) + s.values.tobytes() for s in storages)


def new_form(content, storages):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("w/data.pkl", pickled(content))
        for s in storages:
            archive.writestr(f"w/data/{s.key}", s.values.tobytes())
    return out.getvalue()


def read_safetensors(path):
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            first, end = entry["data_offsets"]
            tensors[name] = entry["dtype"], entry["shape"], list(array.array("f", data[8 + size + first:8 + size + end]))
    return tensors


class Trap:
    def __reduce__(self):
        return os.mkdir, ("trapped",)


def main(script):
    floats, longs = Storage("0", "f", range(12)), Storage("1", "q", [7])
    content = {"plain": Tensor(floats, 0, (2, 3), (3, 1)), "turned": Tensor(floats, 0, (3, 2), (1, 3)),
               "part": Tensor(floats, 6, (6,), (1,)), "repeated": Tensor(floats, 1, (2, 2), (1, 0)),
               "counter": Tensor(longs, 0, (), ())}
    expected = {"plain": ("F32", [2, 3], [0, 1, 2, 3, 4, 5]), "turned": ("F32", [3, 2], [0, 3, 1, 4, 2, 5]),
                "part": ("F32", [6], [6, 7, 8, 9, 10, 11]), "repeated": ("F32", [2, 2], [1, 1, 2, 2])}
    outside = {"t": Tensor(floats, 8, (5,), (1,))}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        source, target = pathlib.Path("w.pth"), pathlib.Path("out/w.safetensors")

        def convert(data, *more):
            source.write_bytes(data)
            target.unlink(missing_ok=True)
            return subprocess.run([sys.executable, script, source, target, *more], capture_output=True, text=True)

        for form in (old_form, new_form):
            for wrapped in (content, {"state_dict": collections.OrderedDict(content), "epoch": 3}):
                result = convert(form(wrapped, [floats, longs]))
                assert result.returncode == 0, result.stderr
                assert read_safetensors(target) == expected, read_safetensors(target)
            assert convert(form(content, [floats, longs]), "plain").returncode == 0
            result = convert(form(content, [floats, longs]), "fc.weight")
            assert result.returncode == 1 and "no tensor fc.weight" in result.stderr and not target.exists()
            for broken, why in ((form(outside, [floats]), "a tensor reaches outside its storage"),
                                (form({"t": Trap()}, []), "it asks for"), (form({"a": 1}, []), "it holds no dictionary of tensors"),
                                (form(content, [floats, longs])[:-60], ""), (b"text", "")):
                result = convert(broken)
                assert result.returncode == 1 and result.stderr.startswith("saddle: w.pth: " + why), result.stderr
                assert not target.exists() and not pathlib.Path("trapped").exists()
                assert "Traceback" not in result.stderr


main(os.path.abspath(sys.argv[1]))

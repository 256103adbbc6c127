"""The example loss of plugin-api/examples, compiled from another language, does what the C++ one of GCC does.

usage: languages_test.py SADDLE FOLDER REFERENCE COMPILER...

REFERENCE is the C++ one; COMPILER the command line for the other, but for its output. Where the compiler is missing
the test is skipped.
"""

import array
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys

saddle = sys.argv[1]
folder, reference = map(pathlib.Path, sys.argv[2:4])
compiler = sys.argv[4:]


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\nended with {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def write_tensors(file, tensors):
    header, data = {}, b""
    for name, values in tensors.items():
        raw = array.array("d", values).tobytes()
        header[name] = {"dtype": "F64", "shape": [len(values), 1], "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + data)


def read_tensors(file):
    content = file.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])
    header.pop("__metadata__", None)
    return {
        name: array.array("d", content[8 + size + entry["data_offsets"][0] : 8 + size + entry["data_offsets"][1]]).tolist()
        for name, entry in header.items()
    }


def numbers(plugin):
    """What the loss says of itself, and what it computes for both players. It is alone in its folder."""
    run(saddle, "plugins", "check", plugin)
    said = {"description": json.loads(run(saddle, "--plugins", plugin.parent, "plugins", "show", "margin", "--json"))}
    for key in ("file", "sha256"):
        del said["description"][key]
    inputs = folder / "inputs.safetensors"
    logits = {"real": [1.7, -0.3, 0.69, 0.71, 4.0], "fake": [-2.5, 0.1, -0.7, 0.3, 1e-9]}
    write_tensors(inputs, {f"discriminator.{sample}.logit": values for sample, values in logits.items()})
    for role, samples in {"discriminator": ("real", "fake"), "generator": ("fake",)}.items():
        out = folder / "gradients.safetensors"
        gradients = [word for sample in samples for word in ("--grad", f"discriminator.{sample}.logit")]
        terms = run(saddle, "--plugins", plugin.parent, "probe", "loss", "margin", "--role", role, "--set", "margin=0.7",
                    "--inputs", inputs, "--out", out, "--json", *gradients)  # fmt: skip
        said[role] = json.loads(terms) | {"gradients": read_tensors(out)}
    # The formula itself, so that all of them cannot be wrong together.
    hinge = [sum(max(0, 0.7 - sign * x) for x in logits[sample]) / 5 for sample, sign in (("real", 1), ("fake", -1))]
    for name, value in zip(("real", "fake"), hinge):
        assert abs(said["discriminator"]["terms"][name] - value) < 1e-12, said
    assert abs(said["generator"]["terms"]["fake"] + sum(logits["fake"]) / 5) < 1e-12, said
    assert said["generator"]["gradients"]["discriminator.fake.logit"] == [-0.2] * 5, said
    return said


if not shutil.which(compiler[0]):
    print(f"skipped: no {compiler[0]} on this machine")
    sys.exit(0)
os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
shutil.rmtree(folder, ignore_errors=True)
other = folder / "plugin" / "margin.so"
other.parent.mkdir(parents=True)
run(*compiler, "-o", other)
expected, found = numbers(reference), numbers(other)
assert found == expected, f"expected {json.dumps(expected, indent=1)}\nfound {json.dumps(found, indent=1)}"
print("the same description, terms and gradients")

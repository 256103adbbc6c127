"""Takes out of downloaded wheels what Saddle needs; only Python's standard library.

    unpack.py libtorch WHEELS TARGET [--cuda]   the C++ part of torch, with the NVIDIA libraries beside it
    unpack.py cuda-requirements TORCH_WHEEL     prints the wheels that libtorch_cuda.so needs, one a line
    unpack.py member WHEEL NAME TARGET          one file of a wheel
"""

import pathlib
import shutil
import sys
import zipfile

# Everything that can only be loaded where libtorch_cuda.so and all that it needs can.
CUDA_ONLY = ("libtorch_cuda", "libtorch_nvshmem", "libc10_cuda", "libcaffe2_nvrtc", "libtorch.so")
PYTHON_ONLY = ("libtorch_python", "libshm", "libtorch_global_deps")
CPU_RUNTIME = ("libcudart.so", "libcupti.so")
SCHEMAS = "torchgen/packaged/ATen/native/native_functions.yaml"


def torch_target(name, cuda):
    """Where a member of the torch wheel goes, or None."""
    if name == SCHEMAS:
        return name
    if name.startswith("torch/include/"):
        return name.removeprefix("torch/")
    if name.startswith("torch/lib/") and ".so" in name and name.count("/") == 2:
        library = name.removeprefix("torch/lib/")
        if not library.startswith(PYTHON_ONLY) and (cuda or not library.startswith(CUDA_ONLY)):
            return "lib/" + library
    return None


def nvidia_target(name, cuda):
    """Where a member of an NVIDIA wheel goes, or None: libtorch's own run path names its folder."""
    library = name.rpartition("/")[2]
    if name.startswith("nvidia/") and "/lib/" in name and ".so" in library:
        if cuda or library.startswith(CPU_RUNTIME):
            return "lib/" + library
    return None


def extract(archive, name, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(name) as source, open(target, "wb") as sink:
        shutil.copyfileobj(source, sink, 1 << 20)


def libtorch(wheels, target, cuda):
    for wheel in sorted(pathlib.Path(wheels).rglob("*.whl")):
        place = torch_target if wheel.name.startswith("torch-") else nvidia_target
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                where = None if name.endswith("/") else place(name, cuda)
                if where:
                    extract(archive, name, pathlib.Path(target) / where)
        wheel.unlink()


def cuda_requirements(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        for line in archive.read(metadata).decode().splitlines():
            requirement = line.removeprefix("Requires-Dist: ").split(";")[0].strip()
            if line.startswith("Requires-Dist: ") and requirement.startswith(("cuda-toolkit", "nvidia-")):
                print(requirement)


def main(arguments):
    if arguments[0] == "libtorch":
        libtorch(arguments[1], arguments[2], "--cuda" in arguments[3:])
    elif arguments[0] == "cuda-requirements":
        cuda_requirements(arguments[1])
    else:
        with zipfile.ZipFile(arguments[1]) as archive:
            extract(archive, arguments[2], pathlib.Path(arguments[3]))


main(sys.argv[1:])

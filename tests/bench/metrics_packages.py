"""The prdc package and pytorch-fid's distance, timed on features of the kind that metrics_bench.cpp makes.

usage: metrics_packages.py CASE SAMPLES FEATURES THREADS    prints one JSON object, as metrics_bench.cpp does
CASE: prdc, or frechet: pytorch-fid's moments and distance
"""
import json
import os
import resource
import sys
import time
from unittest import mock

CASE, SAMPLES, FEATURES, THREADS = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = THREADS

import numpy


def pytorch_fid_distance():
    """The package's own function. What its file imports for networks and pictures is not used by it."""
    torch = mock.MagicMock()
    torch.utils.data.Dataset = object
    others = ("torch.nn", "torch.nn.functional", "torchvision", "torchvision.transforms", "PIL", "pytorch_fid.inception")
    with mock.patch.dict(sys.modules, {"torch": torch, **{name: mock.MagicMock() for name in others}}):
        from pytorch_fid.fid_score import calculate_frechet_distance
    return calculate_frechet_distance


def moments(features):
    """As pytorch-fid's calculate_activation_statistics, whose features are float64."""
    return numpy.mean(features, axis=0), numpy.cov(features, rowvar=False)


def main():
    random = numpy.random.default_rng(1)
    scale = numpy.linspace(0.1, 2, FEATURES, dtype="f4")
    real, fake = (random.standard_normal((SAMPLES, FEATURES), dtype="f4") * scale + numpy.float32(shift)
                  for shift in (0, 0.1))
    if CASE == "prdc":
        import prdc
        body = lambda: prdc.compute_prdc(real, fake, nearest_k=5)
    else:
        distance = pytorch_fid_distance()
        real, fake = real.astype("f8"), fake.astype("f8")
        body = lambda: distance(*moments(real), *moments(fake))
    before = resource.getrusage(resource.RUSAGE_SELF)
    start = time.perf_counter()
    body()
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"seconds": seconds, "more_mb": (after.ru_maxrss - before.ru_maxrss) / 1024,
                      "processor_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}))


main()

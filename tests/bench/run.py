"""./saddle bench: runs every measurement, prints one table, writes the same as JSON.

The C++ programs named in PROGRAMS each print one JSON object a line, with fields of their own.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import metrics
import store
import training
from rows import Row, table

# Pictures of 8 x 8 and 32 x 32; fewer of the large ones, so that the widest net still takes a round in a second.
SIDES = {8: 64, 32: 16}
WIDTHS = (8, 32, 64)
NETS = ("dcgan", "sngan")


class Tools:
    def __init__(self, arguments):
        self.saddle = arguments.build / "bin" / "saddle"
        self.worker = arguments.build / "bin" / "saddle-worker"
        self.programs = arguments.build / "bin"
        self.torch = arguments.torch
        self.mlflow = arguments.mlflow
        self.metrics = arguments.metrics


def operator_rows(measured):
    yield Row(f"operator {measured['name']} from a plugin", measured["extra_ns"], "ns extra",
              at_most=100 if measured["hot"] else 500,
              detail=f"{measured['plugin_ns']:.4g} ns, called from C++ {measured['direct_ns']:.4g}")


def boundary_rows(measured):
    # A narrow net is all boundary; where the work begins to count the boundary must not.
    yield Row(f"{measured['pass']} of {measured['model']} {measured['role']}, width {measured['width']}",
              measured["ratio"], "x native", at_most=1.02 if measured["width"] >= 32 else None,
              detail=f"{measured['core_us']:.4g} us, as LibTorch modules {measured['native_us']:.4g}")


def merge_rows(measured):
    yield Row(f"{measured['shards']} shards merged", measured["seconds"], "s", at_most=3,
              detail=f"{measured['rows']:,} metric rows; once more {measured['again_seconds']:.3g} s, "
                     f"{measured['again_rows']} rows")


def css_rows(measured):
    yield Row(f"css, {'literal N x N' if measured['form'] == 'literal' else 'c x c'} form, batch {measured['batch']}",
              measured["seconds"], "s", detail=f"there and back, 128 x 8 x 8 features; {measured['mib']:,.0f} MiB")


# How to read what each program prints.
PROGRAMS = {"saddle_operator_bench": operator_rows, "saddle_boundary_bench": boundary_rows,
            "saddle_merge_bench": merge_rows, "saddle_css_bench": css_rows}


def program_rows(tools, name, read):
    arguments = []
    if name == "saddle_css_bench":
        arguments = [tools.programs.parent / "lib/saddle/plugins"]
    if name == "saddle_boundary_bench":
        arguments = [tools.programs.parent / "lib/saddle/plugins", tools.programs / "saddle_bench_native_models.so"]
    done = subprocess.run([tools.programs / name, *arguments], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{name} ended with {done.returncode}")
    return [row for line in done.stdout.splitlines() for row in read(json.loads(line))]


def start_row(name, command, folder, at_most=None, runs=20):
    """Milliseconds from asking for a process to its end: the median, after one run that warms the disk cache."""
    times = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        times.append((time.perf_counter() - start) * 1e3)
    times = times[1:]
    return Row(name, statistics.median(times), "ms", at_most=at_most, detail=f"fastest {min(times):.3g}")


def start_rows(tools, scratch):
    folder = scratch / "start"
    folder.mkdir()
    experiment = training.grid("dcgan", 8, 8, 64, 1, scratch / "pictures-8")
    experiment["train"]["rounds"] = 20
    training.write_pictures(scratch / "pictures-8", 8)
    (folder / "grid.json").write_text(json.dumps(experiment))
    subprocess.run([tools.saddle, "run", "grid.json"], cwd=folder, check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    yield start_row("start of saddle ls", [tools.saddle, "ls"], folder, at_most=20)
    yield start_row("start of a worker (saddle-worker info)", [tools.worker, "info"], folder)


TRIVIAL = {
    "name": "trivial", "dataset": {"use": "gaussians"},
    "models": {player: {"use": "mlp", "width": 16} for player in ("generator", "discriminator")},
    "losses": [{"use": "hinge"}],
    "optimizers": {player: {"use": "adam", "lr": 1e-3} for player in ("generator", "discriminator")},
    "train": {"rounds": 5, "batch": 32, "latent": {"size": 4}}, "record": {"every": 1},
}


def trial_rows(tools, scratch):
    """What a trial costs beside its training: 200 that train for five rounds."""
    folder = scratch / "trials"
    folder.mkdir()

    def run(name, seeds, *options):
        (folder / "grid.json").write_text(json.dumps(dict(TRIVIAL, name=name, seeds={"count": seeds})))
        start = time.perf_counter()
        subprocess.run([tools.saddle, "run", "grid.json", "--jobs", str(min(2, os.cpu_count())), *options], cwd=folder,
                       check=True, stdout=subprocess.DEVNULL)
        seconds = time.perf_counter() - start
        query = f"select first_step_ms from attempts join trials using (trial) where experiment = '{name}'"
        answer = subprocess.run([tools.saddle, "sql", query, "--json"], cwd=folder, check=True, capture_output=True)
        return seconds, statistics.median(row["first_step_ms"] for row in json.loads(answer.stdout))

    run("warm", 2)  # components are described and shapes proved once
    cold_s, cold_ms = run("cold", 20, "--cold")
    seconds, first_ms = run("forked", 200)
    yield Row("200 trivial trials, two at a time", seconds, "s", at_most=15, detail=f"with --cold {cold_s * 10:.3g}")
    yield Row("claim of a trial to its first step, median", first_ms, "ms", at_most=100,
              detail=f"with --cold {cold_ms:.3g}")


def training_row(tools, net, width, side, threads, seconds, scratch):
    found = training.compare(tools, net, width, side, SIDES[side], threads, seconds, scratch)
    detail = (f"{found['saddle']:.4g} rounds/s, Python {found['eager']:.4g}; medians "
              f"{found['ratio_of_medians']:.3g} x; LibTorch {found['libtorch']}, {found['torch']}")
    # A wide net spends its time in the same kernels on both sides; a narrow one spends it between them.
    target = 1.3 if width == 8 else 1.0
    if found["others"] > training.QUIET_CORES:  # then the ratio says nothing, for good or ill
        target, detail = None, f"busy machine, others used {found['others']:.1f} cores; {detail}"
    return Row(f"{net} width {width}, {side} x {side}, {threads} thread{'s' * (threads > 1)}",
               found["saddle"] / found["eager"], "x eager", at_least=target, detail=detail)


def measurements(tools, threads, seconds, scratch):
    """(name, function that yields rows) of everything there is to measure."""
    yield "start", lambda: start_rows(tools, scratch)
    yield "trials", lambda: trial_rows(tools, scratch)
    yield "store", lambda: store.rows(tools, scratch)
    yield "metrics", lambda: metrics.rows(tools, threads, scratch)
    for name, read in PROGRAMS.items():
        yield name, lambda case=(tools, name, read): program_rows(*case)
    for side in SIDES:
        for net in NETS:
            for width in WIDTHS:
                yield f"{net}-{width}-{side}", lambda case=(net, width, side): [
                    training_row(tools, *case, threads, seconds, scratch)]


def main():
    parser = argparse.ArgumentParser(prog="saddle bench", description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--torch", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--mlflow", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--metrics", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("what", nargs="?", choices=["store", "metrics"],
                        help="store, metrics: these alone, without Python's torch")
    parser.add_argument("--only", default="", help="measure only what has this in its name (--list shows the names; --only=-8-8 for one with a dash first)")
    parser.add_argument("--list", action="store_true", help="print the names and stop")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a turn of training (default: 2)")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count()), help="for training (default: 2)")
    parser.add_argument("--json", type=pathlib.Path, help="where the JSON goes (default: bench.json in the build folder)")
    arguments = parser.parse_args()
    tools = Tools(arguments)
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="saddle-bench-"))
    rows, failures = [], []
    try:
        for name, measure in measurements(tools, arguments.threads, arguments.seconds, scratch):
            if arguments.only not in name or arguments.what not in (None, name):
                continue
            if arguments.list:
                print(name)
                continue
            print(f"measuring {name}", file=sys.stderr)
            try:
                rows += measure()
            except (RuntimeError, OSError, ValueError, subprocess.CalledProcessError) as error:
                failures.append(name)
                print(f"{name}: {error}\n{getattr(error, 'stderr', None) or ''}", file=sys.stderr)
    finally:
        shutil.rmtree(scratch)
    if arguments.list:
        return 0
    print("\n".join(table(rows)))
    target = arguments.json or arguments.build / "bench.json"
    target.write_text(json.dumps({"machine": platform.processor() or platform.machine(), "cores": os.cpu_count(),
                                  "rows": [dict(dataclasses.asdict(row), met=row.met()) for row in rows],
                                  "failed": failures}, indent=1) + "\n")
    print(f"written to {target}", file=sys.stderr)
    return 1 if failures else 0


sys.exit(main())

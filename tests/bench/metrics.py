"""The costly metrics at the size of published numbers beside the packages that published them, and what the monitor
of singular values adds to a training."""

import json
import os
import pathlib
import subprocess
import sys

import training
from rows import Row

FEATURES = 2048
TURNS = 2  # of each side, in turns; the faster one counts


def taken(one, threads):
    """One thread's processor time is what it takes on a quiet machine, also when others use this one."""
    return one["processor_s"] if threads == 1 else one["seconds"]


def measured(command, environment=None):
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, text=True, check=True,
                          env={**os.environ, **(environment or {})})
    return json.loads(done.stdout.splitlines()[-1])


def turns(tools, threads, metric, samples, case):
    """The faster turn of ours, and of the package's; None where the packages are not there."""
    ours, theirs = [], []
    script = pathlib.Path(__file__).with_name("metrics_packages.py")
    # -S: without the system's packages, such as a pandas that was built for another NumPy.
    for _ in range(TURNS):
        if tools.metrics is not None and tools.metrics.is_dir():
            theirs.append(measured([sys.executable, "-S", "-B", "-W", "ignore", script, case, samples, FEATURES, threads], {"PYTHONPATH": str(tools.metrics)}))
        ours.append(measured([tools.programs / "saddle_metrics_bench", tools.programs.parent / "lib/saddle/plugins",
                              metric, samples, FEATURES, threads]))
    fastest = lambda times: min(times, key=lambda one: taken(one, threads), default=None)
    return fastest(ours), fastest(theirs)


def cost(one):
    return f"{one['processor_s']:.3g} s of a processor, {one['seconds']:.3g} by the clock, {one['more_mb']:,.0f} MB beside the features"


def metric_rows(tools, threads):
    if tools.metrics is None or not tools.metrics.is_dir():
        print("no packages to compare with: ./saddle bench metrics fetches them", file=sys.stderr)
    ours, theirs = turns(tools, threads, "prdc", 10_000, "prdc")
    yield Row("prdc of 10,000 x 10,000, 2,048 features", taken(ours, threads), "s", detail=cost(ours))
    if theirs:
        yield Row("prdc against the prdc package", taken(ours, threads) / taken(theirs, threads), "x", at_most=1 / 3,
                  detail=f"prdc 0.2: {cost(theirs)}")
    # The metric cannot be given moments: of as few rows as make a covariance of full rank they cost next to nothing.
    ours, theirs = turns(tools, threads, "frechet", FEATURES + 1, "frechet")
    yield Row("frechet of 2,049, hardly more than the distance", taken(ours, threads), "s", detail=cost(ours))
    if theirs:
        yield Row("frechet of 2,049 against pytorch-fid", taken(ours, threads) / taken(theirs, threads), "x", at_most=1 / 6,
                  detail=f"pytorch-fid 0.3.0: {cost(theirs)}")
    ours, theirs = turns(tools, threads, "frechet", 50_000, "frechet")
    yield Row("frechet of 50,000 against 50,000, 2,048 features", taken(ours, threads), "s", at_most=12, detail=cost(ours))
    if theirs:
        yield Row("frechet of 50,000 against pytorch-fid", taken(ours, threads) / taken(theirs, threads), "x",
                  detail=f"pytorch-fid 0.3.0: {cost(theirs)}")


def processor_seconds(tools, grid, rounds, folder):
    """Of one attempt, its start included."""
    folder.mkdir(parents=True)
    grid = dict(grid, train=dict(grid["train"], rounds=rounds))
    (folder / "grid.json").write_text(json.dumps(grid))
    plan = json.loads(subprocess.run([tools.saddle, "plan", "grid.json", "--json"], check=True, capture_output=True,
                                     cwd=folder).stdout)["trials"][0]
    trial = {"name": plan["name"], "experiment": "bench", "seed": plan["seed"], "config": plan["config"],
             "plugins": training.plugin_files(tools.saddle)}
    (folder / "trial.json").write_text(json.dumps(trial))
    with open(folder / "frames", "wb") as frames, open(folder / "output.log", "wb") as log:
        process = subprocess.Popen([tools.worker, "train", "--trial", folder / "trial.json", "--folder", folder,
                                    "--frames-fd", str(frames.fileno())], pass_fds=[frames.fileno()], stdout=log, stderr=log)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"the worker ended with {process.returncode}: {(folder / 'output.log').read_text()}")
    return used.ru_utime + used.ru_stime


def monitor_rows(tools, scratch):
    """Processor time of a round with the monitor against one without: dcgan of width 32 on 32 x 32, batch 64."""
    pictures = scratch / "pictures-monitor"
    training.write_pictures(pictures, 32)
    grid = training.grid("dcgan", 32, 32, 64, 1, pictures)
    few, many = 20, 220
    seconds = {}
    for every in (0, 1, 10, 100):
        watched = dict(grid, record=dict(grid["record"], monitor={"every": every}))
        folder = scratch / f"monitor-{every}"
        start = processor_seconds(tools, watched, few, folder / "few")
        seconds[every] = (processor_seconds(tools, watched, many, folder / "many") - start) / (many - few)
    for every in (1, 10, 100):
        yield Row(f"a round with the monitor every {every}", seconds[every] / seconds[0], "x without",
                  detail=f"{seconds[every] * 1e3:.4g} ms of a processor, without {seconds[0] * 1e3:.4g}; 3 singular "
                         "values of every weight, 256 logits of three kinds")


def rows(tools, threads, scratch):
    yield from metric_rows(tools, threads)
    yield from monitor_rows(tools, scratch)

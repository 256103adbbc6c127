"""Training rounds a second: Saddle's worker against Python eager, in turns, on the same network.

Both get the same LibTorch version, thread count, batch, loss and optimiser, and the same kind of input. They take
turns of a few seconds. A turn in which other processes took more than a little of the machine counts only if there
are no better ones: threads that wait for each other lose far more than the share that was taken. Of the turns that
count, each side's best is compared.
"""

import json
import os
import random
import signal
import statistics
import struct
import subprocess
import sys
import time

import quiet

TURNS, MOST_TURNS = 3, 8  # of each side: quiet ones wanted, and when to make do with what there is
QUIET_CORES = 0.15
LATENT = 64
PROGRESS, EVENT = 4, 1


def write_pictures(folder, side):
    """MNIST's format: 2,048 random pictures, the same in every run."""
    generator = random.Random(side)
    folder.mkdir(parents=True, exist_ok=True)
    for split in ("train", "t10k"):
        (folder / f"{split}-images-idx3-ubyte").write_bytes(
            struct.pack(">IIII", 0x803, 2048, side, side) + generator.randbytes(2048 * side * side))
        (folder / f"{split}-labels-idx1-ubyte").write_bytes(
            struct.pack(">II", 0x801, 2048) + bytes(i % 10 for i in range(2048)))


def grid(net, width, side, batch, threads, pictures):
    adam = {"use": "adam", "lr": 2e-4, "betas": [0.0, 0.9]}
    models = {role: {"use": net, "width": width} for role in ("generator", "discriminator")}
    return {
        "name": f"bench-{net}-{width}-{side}",
        "dataset": {"use": "idx", "path": str(pictures)},
        "models": models,
        "losses": [{"use": "hinge"}],
        "optimizers": {role: adam for role in models},
        "train": {"rounds": 1000000, "batch": batch, "threads": threads, "pass": "joint",
                  "latent": {"use": "normal", "size": LATENT}},
        "record": {"every": 1000000},
        "checkpoint": {"every": 0},
    }


def plugin_files(saddle):
    listed = json.loads(subprocess.run([saddle, "plugins", "ls", "--json"], check=True, capture_output=True).stdout)
    return {f"{plugin['kind']}/{plugin['name']}": plugin["file"] for plugin in listed}


class Eager:
    def __init__(self, torch, net, width, side, batch, threads):
        script = os.path.join(os.path.dirname(__file__), "eager.py")
        environment = dict(os.environ, PYTHONPATH=str(torch), PYTHONWARNINGS="ignore")
        self.process = subprocess.Popen([sys.executable, script, net, *map(str, (width, side, batch, threads))],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self.version, *counts = self.process.stdout.readline().split()
        self.parameters = dict(zip(("generator", "discriminator"), map(int, counts)))

    def turn(self, seconds):
        """(rounds a second, cores that others used)"""
        watch = quiet.Watch(self.process.pid)
        print(seconds, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline()), watch.others()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def frames(stream):
    """(type, payload, seconds) of each frame that a worker sends, as it comes."""
    while header := stream.read(4):
        body = stream.read(struct.unpack("<I", header)[0])
        yield body[0], body[1:], time.perf_counter()


def worker_turn(worker, trial, folder, seconds):
    """One attempt that is stopped when it has trained long enough: ((rounds a second, cores that others used), its
    first event)."""
    folder.mkdir(parents=True)
    (folder / "trial.json").write_text(json.dumps(trial))
    read, write = os.pipe()
    with open(folder / "output.log", "wb") as log:
        process = subprocess.Popen([worker, "train", "--trial", folder / "trial.json", "--folder", folder,
                                    "--frames-fd", str(write)], pass_fds=[write], stdout=log, stderr=log)
    os.close(write)
    started, seen, watch, others = None, [], None, 0.0
    with open(read, "rb") as stream:
        for kind, payload, now in frames(stream):
            if kind == EVENT:
                event = json.loads(payload)
                if event["type"] == "started":
                    started = event
            elif kind == PROGRESS:
                step = struct.unpack_from("<q", payload)[0]
                if step >= 3:
                    seen.append((step, now))
                    watch = watch or quiet.Watch(process.pid)
                if len(seen) > 2 and now - seen[0][1] >= seconds:
                    others = watch.others()
                    process.send_signal(signal.SIGTERM)
                    break
        while stream.read(1 << 16):
            pass
    process.wait()
    if len(seen) < 2:
        raise RuntimeError(f"the worker made no progress: see {folder / 'output.log'}")
    (first_step, first), (last_step, last) = seen[0], seen[-1]
    return ((last_step - first_step) / (last - first), others), started


def is_quiet(turn):
    return turn[1] <= QUIET_CORES


def counting(turns):
    """The turns that count: the quiet ones, or the quietest if none was."""
    return [turn for turn in turns if is_quiet(turn)] or [min(turns, key=lambda turn: turn[1])]


def compare(tools, net, width, side, batch, threads, seconds, scratch):
    """One network on both sides: {"saddle": rounds a second, "eager": ..., "libtorch": version}."""
    pictures = scratch / f"pictures-{side}"
    if not pictures.exists():
        write_pictures(pictures, side)
    folder = scratch / f"{net}-{width}-{side}"
    folder.mkdir()
    (folder / "grid.json").write_text(json.dumps(grid(net, width, side, batch, threads, pictures)))
    plan = json.loads(subprocess.run([tools.saddle, "plan", folder / "grid.json", "--json"], check=True,
                                     capture_output=True, cwd=folder).stdout)
    planned = plan["trials"][0]
    trial = {"name": planned["name"], "experiment": "bench", "seed": planned["seed"], "config": planned["config"],
             "plugins": plugin_files(tools.saddle)}
    eager = Eager(tools.torch, net, width, side, batch, threads)
    turns = {"saddle": [], "eager": []}
    while (min(sum(map(is_quiet, side)) for side in turns.values()) < TURNS and len(turns["saddle"]) < MOST_TURNS):
        turns["eager"].append(eager.turn(seconds))
        turn, started = worker_turn(tools.worker, trial, folder / f"turn-{len(turns['saddle'])}", seconds)
        turns["saddle"].append(turn)
    eager.close()
    if started["parameters"] != eager.parameters:
        raise RuntimeError(f"not the same network: {started['parameters']} here, {eager.parameters} in Python")
    counted = {side: counting(of_side) for side, of_side in turns.items()}
    best = {side: max(rate for rate, _ in of_side) for side, of_side in counted.items()}
    medians = {side: statistics.median(rate for rate, _ in of_side) for side, of_side in counted.items()}
    return {**best, "ratio_of_medians": medians["saddle"] / medians["eager"],
            "others": max(cores for of_side in counted.values() for _, cores in of_side),
            "libtorch": started["libtorch"], "torch": eager.version}

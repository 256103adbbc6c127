"""saddle export, read back: every format says the same, with what is not finite."""

import csv
import json
import math
import pathlib
import struct
import subprocess
import sys
import tempfile

import events

saddle, maker = sys.argv[1:]


def same(a, b):
    return a == b or (math.isnan(a) and math.isnan(b))


with tempfile.TemporaryDirectory() as scratch:
    folder = pathlib.Path(scratch)
    subprocess.run([maker, folder / "a.db"], check=True)

    def export(*words):
        subprocess.run([saddle, "--db", "a.db", "export", *words], cwd=folder, check=True, stderr=subprocess.PIPE)

    export("trials.csv")
    export("trials.jsonl")
    export("curves.csv", "--curves")
    export("curves.jsonl", "--curves")
    export("runs", "--format", "tensorboard")

    with (folder / "trials.csv").open(newline="") as file:
        trials = list(csv.DictReader(file))
    with (folder / "curves.csv").open(newline="") as file:
        curves = list(csv.DictReader(file))
    objects = [json.loads(line) for line in (folder / "trials.jsonl").open()]
    points = [json.loads(line) for line in (folder / "curves.jsonl").open()]

    assert len(trials) == len(objects) == 6
    assert len(curves) == len(points) == 16, len(curves)
    for row, item in zip(trials, objects):
        assert row["name"] == item["name"] and int(row["seed"]) == item["seed"] and row["state"] == item["state"]
        assert row["params.note"] == item["params"]["note"] == 'a, "b"'
        assert json.loads(row["params.flag"]) is item["params"]["flag"] is True
        assert float(row["params.optimizers.generator.lr"]) == item["params"]["optimizers.generator.lr"]
        assert json.loads(row["params.optimizers.generator.betas"]) == item["params"]["optimizers.generator.betas"]
        finals = {final["metric"]: float(final["last"]) for final in item["finals"]}
        for metric in ("frechet", "generator/total"):
            text = row[f"finals.{metric}"]
            assert (text == "") == (metric not in finals)
            assert text == "" or same(float(text), finals[metric])
    lasts = [row["finals.frechet"] for row in trials]
    assert lasts == ["2.5", "0.3333333333333333", "7.0", "NaN", "9.0", ""], lasts
    assert [row["finals.generator/total"] for row in trials] == ["1.0", "inf", "-inf", "", "", ""]

    values = {}
    for row, item in zip(curves, points):
        assert same(float(row["value"]), float(item["value"])) and int(row["step"]) == item["step"]
        assert row["name"] == item["name"] and row["metric"] == item["metric"]
        assert item["protocol"] == (json.loads(row["protocol"]) if row["protocol"] else None)
        values[row["name"], row["metric"], int(row["step"])] = float(row["value"])
    assert len(values) == 16

    files = list((folder / "runs").glob("e/*/events.out.tfevents.*"))
    assert len(files) == 6
    written = {}
    for path in files:
        found, others = events.scalars(path)
        assert set(others) == {"_hparams_/session_start_info", "_hparams_/session_end_info"}
        written |= {(path.parent.name, tag, step): value for (tag, step), value in found.items()}
    assert written.keys() == values.keys()
    for key, value in values.items():
        assert same(written[key], struct.unpack("<f", struct.pack("<f", value))[0]), key

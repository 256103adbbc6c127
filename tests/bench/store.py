"""The store at size: what store_bench.cpp writes, what the commands take on it, and MLflow's store beside it."""

import json
import os
import statistics
import subprocess
import sys
import time

from rows import Row

# Trials with 10,000 values of each of ten keys, and more trials with 51: 10,000 trials, 10 million values.
LONG, LONG_STEPS, SHORT, SHORT_STEPS = 50, 10_000, 9_950, 51

LAST_OF_A_THOUSAND = "select trial, last from finals where metric = 'frechet' and trial between 4001 and 5000"
CURVE = ("select step, value from metrics where trial = 7 and metric = 'generator/total' order by step")


def ask(saddle, database, words, expected_lines):
    """Milliseconds of a command, its start included: the median of ten after one that warms the disk cache, the least
    of them, and the processor time of one, which says what a machine that others use would take alone."""
    times = []
    before = None
    for _ in range(11):
        if len(times) == 1:
            before = os.times()
        begin = time.perf_counter()
        done = subprocess.run([saddle, "--db", database, *words], capture_output=True, text=True)
        times.append((time.perf_counter() - begin) * 1e3)
        lines = done.stdout.count("\n")
        if done.returncode != 0 or lines < expected_lines:
            raise RuntimeError(f"saddle {' '.join(words)}: exit code {done.returncode}, {lines} lines\n{done.stderr}")
    used = sum(os.times()[2:4]) - sum(before[2:4])
    return statistics.median(times[1:]), min(times[1:]), used * 1e3 / (len(times) - 1)


def mlflow_numbers(packages, scratch):
    """What mlflow_store.py measures; None, with a word about it, where MLflow is not there."""
    if packages is None or not packages.is_dir():
        print("no MLflow to compare with: ./saddle bench store fetches it", file=sys.stderr)
        return None
    folder = scratch / "mlflow"
    folder.mkdir()
    done = subprocess.run([sys.executable, "-B", os.path.join(os.path.dirname(__file__), "mlflow_store.py"), folder],
                          env={**os.environ, "PYTHONPATH": str(packages), "MLFLOW_DISABLE_TELEMETRY": "true"},
                          stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def rows(tools, scratch):
    folder = scratch / "store"
    folder.mkdir()
    database = folder / "bench.db"
    done = subprocess.run([tools.programs / "saddle_store_bench", database, *map(str, (LONG, LONG_STEPS, SHORT, SHORT_STEPS))],
                          stdout=subprocess.PIPE, text=True, check=True)
    ours = json.loads(done.stdout)
    theirs = mlflow_numbers(tools.mlflow, scratch)

    yield Row("store: rows taken one by one from 4 workers", ours["rows_per_second"], "rows/s", at_least=100_000,
              detail=f"{ours['long_rows']:,.0f} rows of {ours['long_trials']} trials, by the scheduler")
    yield Row("store: size of a row, all else included", ours["bytes_per_row"], "bytes", at_most=40,
              detail=f"{ours['rows']:,.0f} rows, {ours['trials']:,} trials with 83 parameters")
    yield Row("store: trials begun, run and ended", ours["trials_per_second"], "trials/s",
              detail=f"{ours['short_trials']:,}, a process and {ours['short_rows'] // ours['short_trials']:.0f} rows each")
    questions = [("last value of one key of 1,000 trials", ["sql", LAST_OF_A_THOUSAND, "--csv"], 1001, 50),
                 ("a curve of 10,000 points", ["sql", CURVE, "--csv", "--limit", "0"], 10_001, 20),
                 ("saddle ls of all 10,000 trials", ["ls"], 10_000, 100),
                 ("saddle ls of what is true of 2,000", ["ls", "--where", "params.optimizers.generator.lr < 5e-4"], 1_999, None),
                 ("saddle best", ["best", "--metric", "frechet"], 20, 100),
                 ("saddle compare", ["compare", "7", "8007"], 10, 100),
                 ("saddle curve, drawn", ["curve", "7", "--metric", "generator/total"], 10, None)]
    times = {}
    for name, words, lines, target in questions:
        times[name], fastest, processor = ask(tools.saddle, database, words, lines)
        yield Row(f"store: {name}", times[name], "ms", at_most=target,
                  detail=f"the whole command; fastest {fastest:.3g}, of the processor {processor:.3g}")
    if theirs is None:
        return
    scale = f"MLflow {theirs['version']}, SQLite, scaled down to {theirs['rows']:,} rows of {theirs['runs']} runs"
    yield Row("store: one by one against MLflow in batches", ours["rows_per_second"] / theirs["batched_rows_per_second"], "x",
              at_least=10, detail=f"{theirs['batched_rows_per_second']:,.0f} rows/s by {theirs['batch']:,}; {scale}")
    yield Row("store: one by one against MLflow one by one", ours["rows_per_second"] / theirs["single_rows_per_second"], "x",
              detail=f"{theirs['single_rows_per_second']:,.0f} rows/s, {theirs['single_rows']} rows")
    yield Row("store: size of a row against MLflow", ours["bytes_per_row"] / theirs["bytes_per_row"], "x", at_most=0.2,
              detail=f"{theirs['bytes_per_row']:.0f} bytes, only what its rows added")
    yield Row("store: trials a second against MLflow's runs", ours["trials_per_second"] / theirs["runs_per_second"], "x",
              detail=f"{theirs['runs_per_second']:.3g} runs/s with 83 parameters, no process")
    yield Row("store: list of all trials against MLflow's",
              times["saddle ls of all 10,000 trials"] / ours["trials"] / (theirs["list_ms"] / theirs["runs"]), "x",
              detail=f"per trial; its search_runs takes {theirs['list_ms']:.0f} ms for {theirs['runs']}")

"""MLflow's SQLite store under the stream of store_bench.cpp, scaled down. Prints one JSON object.

One process writes: several wait for each other's locks, and are not faster together.
"""

import json
import logging
import math
import pathlib
import sys
import time

logging.disable(logging.INFO)  # the migrations that make its tables
import mlflow
from mlflow.entities import Metric, Param
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

RUNS, STEPS, KEYS, PARAMS, ONE_BY_ONE = 100, 200, 10, 83, 300
BATCH = 1000  # its limit

folder = pathlib.Path(sys.argv[1])
database = folder / "mlflow.db"
store = SqlAlchemyStore(f"sqlite:///{database}", str(folder / "mlflow-artifacts"))
experiment = store.create_experiment("bench")


def size():
    return sum(path.stat().st_size for path in folder.glob("mlflow.db*"))


def metric(key, step, run):
    return Metric(f"metric/{key}", math.sin((step + key) * 1e-3 * (1 + run)), int(time.time() * 1000), 10 * step)


begin = time.perf_counter()
ids = []
for number in range(RUNS):
    run = store.create_run(experiment, "bench", int(time.time() * 1000), [], f"run-{number}")
    store.log_batch(run.info.run_id, [], [Param(f"some.dotted.path.{i}", str(number + i)) for i in range(PARAMS)], [])
    ids.append(run.info.run_id)
create_s = time.perf_counter() - begin

empty = size()
batches_s = 0.0
for number, run in enumerate(ids):
    rows = [metric(key, step, number) for step in range(1, STEPS + 1) for key in range(KEYS)]
    begin = time.perf_counter()
    for at in range(0, len(rows), BATCH):
        store.log_batch(run, rows[at:at + BATCH], [], [])
    batches_s += time.perf_counter() - begin
rows = RUNS * STEPS * KEYS
grown = size() - empty

begin = time.perf_counter()
for i in range(ONE_BY_ONE):
    store.log_metric(ids[0], metric(i % KEYS, STEPS + 1 + i // KEYS, 0))
single_s = time.perf_counter() - begin

times = []
for _ in range(5):
    begin = time.perf_counter()
    listed = store.search_runs([experiment], "", 1, max_results=RUNS)
    times.append(time.perf_counter() - begin)
assert len(listed) == RUNS and len(listed[0].data.params) == PARAMS
begin = time.perf_counter()
curve = store.get_metric_history(ids[0], "metric/0")
curve_s = time.perf_counter() - begin

print(json.dumps({"version": mlflow.__version__, "runs": RUNS, "rows": rows, "runs_per_second": RUNS / create_s,
                  "batch": BATCH, "batched_rows_per_second": rows / batches_s, "single_rows": ONE_BY_ONE,
                  "single_rows_per_second": ONE_BY_ONE / single_s, "bytes_per_row": grown / rows,
                  "list_ms": sorted(times)[2] * 1e3, "curve_ms": curve_s * 1e3, "curve_points": len(curve)}))

"""Array jobs under the real Slurm: a whole grid; tasks that are killed or told to stop, and what resume makes of it;
the controller killed and started again under running tasks. In the end the database says what a plain run says."""

import contextlib
import glob
import os
import shutil
import signal
import sys
import tempfile
import time

from cluster import Cluster, Unavailable
from program import Place, pool_processes, says, small_grid, wait_for


def queue_is_empty(cluster):
    return cluster.ask("squeue", "--noheader") == ""


def whole_grid(place, plain, cluster):
    grid = place.write("whole.json", small_grid("whole", rounds=40))
    plain.saddle("run", grid)
    said = place.saddle("submit", grid, "--slurm", "--pack", "2", "--", "--comment=of a test")
    says(said, "4 trials in 2 tasks")
    # What happens to the grid file now does not reach the tasks.
    place.write("whole.json", small_grid("whole", rounds=7))
    says(place.saddle("ls"), "Slurm has trials of whole")
    says(place.saddle("status"), "4 trials in 2 tasks: ")
    wait_for("the array", lambda: queue_is_empty(cluster))
    shards = sorted(glob.glob(f"{place.folder}/saddle.slurm/whole-1/shards/*.db"))
    assert len(shards) == 2, shards
    said = place.saddle("merge", place.database, *shards)
    says(said, "2 shards: 4 results, 4 attempts")
    assert place.finals("whole") == plain.finals("whole")
    assert place.curves("whole") == plain.curves("whole")
    missing = [row["path"] for row in place.sql("SELECT path FROM artifacts") if not os.path.exists(row["path"])]
    assert not missing, missing
    used = "SELECT DISTINCT component, file, sha256 FROM plugins_used ORDER BY 1"
    assert place.sql(used) == plain.sql(used)
    before = place.contents()
    says(place.saddle("merge", place.database, *shards), "nothing new")
    says(place.saddle("resume", "--slurm", "whole"), "0 to submit")
    assert place.contents() == before
    assert "Slurm has trials" not in place.saddle("ls")


def killed_tasks(place, plain, cluster):
    grid = place.write("long.json", small_grid("long", rounds=16000, checkpoint=1000, seeds=[1]))
    place.saddle("submit", grid, "--slurm")
    folder = f"{place.folder}/saddle.slurm/long-1"

    def has_checkpoint(task):
        query = "SELECT count(*) AS n FROM artifacts WHERE kind = 'checkpoint' AND step > 0"
        return any(place.sql(query, shard)[0]["n"] for shard in glob.glob(f"{folder}/shards/slice-000{task}-of-0002.*.db"))

    wait_for("checkpoints of both tasks", lambda: has_checkpoint(1) and has_checkpoint(2))
    pools = pool_processes(f"{folder}/plan.json")
    assert set(pools) == {"1/2", "2/2"}, f"ended before it could be killed: {pools}"
    os.kill(pools["1/2"], signal.SIGKILL)
    job = place.sql("SELECT max(data ->> '$.job') AS job FROM events WHERE type = 'submit'")[0]["job"]
    cluster.ask("scancel", "--batch", "--signal=TERM", f"{job}_2")  # what comes a minute before the end of the time
    wait_for("the end of the array", lambda: queue_is_empty(cluster))
    said = place.saddle("resume", "--slurm", "long")
    says(said, "0 of 2 trials done, 2 to submit")
    reasons = {row["reason"] for row in place.sql("SELECT a.reason FROM attempts a JOIN trials t USING (trial)"
                                                  " WHERE t.experiment = 'long'")}
    assert reasons == {"lost", "cancelled"}, reasons

    # Under the tasks of the second array the controller dies. It writes its state some seconds late, so the new one
    # may believe that they wait, and kill them, or run them a second time: that is as good as once.
    wait_for("both tasks", lambda: len(pool_processes(f"{place.folder}/saddle.slurm/long-2/plan.json")) == 2)
    cluster.kill_controller()
    cluster.start_controller()
    plain.saddle("run", grid)
    wait_for("the controller", lambda: "test" in cluster.ask("sinfo", "--noheader"))
    for _ in range(3):
        with contextlib.suppress(AssertionError):
            wait_for("the end of the tasks", lambda: queue_is_empty(cluster) or cluster.undrained(), 15)
        cluster.ask("scancel", f"--user={cluster.user}")
        wait_for("the end of what was cancelled", lambda: queue_is_empty(cluster))
        said = place.saddle("resume", "--slurm", "long")
        if "0 to submit" in said:
            break
    says(said, "2 of 2 trials done, 0 to submit")
    before = place.contents()
    place.saddle("merge", place.database, *glob.glob(f"{place.folder}/saddle.slurm/*/shards"))
    assert place.contents() == before
    attempts = place.sql("SELECT a.name, a.attempt, a.reason, a.start_step FROM attempts a JOIN trials t USING (trial)"
                         " WHERE t.experiment = 'long' ORDER BY 1, 2")
    went_on = [row for row in attempts if row["reason"] == "ok" and row["start_step"] >= 1000]
    assert len(went_on) == 2, attempts
    assert place.finals("long") == plain.finals("long")
    assert place.curves("long") == plain.curves("long")
    assert place.sql("SELECT count(*) AS n, count(DISTINCT trial_hash) AS hashes FROM trials WHERE state = 'done'"
                     " AND experiment = 'long'") == [{"n": 2, "hashes": 2}]


def refusals(place, cluster):
    grid = place.write("refused.json", small_grid("refused", rounds=3))
    said = place.saddle("submit", grid, "--slurm", "--", "--partition=nowhere", expect=3)
    says(said.lower(), "sbatch refused the job", "invalid partition")
    assert not os.path.exists(f"{place.folder}/saddle.slurm/refused-1")
    assert "Slurm" not in place.saddle("status")


def main():
    saddle, cluster_folder = sys.argv[1], tempfile.mkdtemp(prefix="saddle-slurm-")
    begin = time.monotonic()
    try:
        with Cluster(f"{cluster_folder}/slurm") as cluster:
            place = Place(f"{cluster_folder}/array", saddle, cluster.environment())
            plain = Place(f"{cluster_folder}/plain", saddle)
            for step in (whole_grid, killed_tasks):
                step(place, plain, cluster)
                print(f"{step.__name__}: ok, {time.monotonic() - begin:.0f} s")
            refusals(place, cluster)
            print(f"refusals: ok, {time.monotonic() - begin:.0f} s")
    except Unavailable as why:
        print(f"skipped: {why}")
    except BaseException:
        for log in glob.glob(f"{cluster_folder}/array/saddle.slurm/*/logs/*") + glob.glob(f"{cluster_folder}/slurm/log/*.log"):
            with open(log, errors="replace") as text:
                print(f"--- {log}\n{text.read()[-3000:]}")
        raise
    finally:
        shutil.rmtree(cluster_folder, ignore_errors=True)


main()

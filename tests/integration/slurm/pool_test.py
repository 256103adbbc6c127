"""submit, worker-pool, merge and resume --slurm without Slurm: small scripts stand in for sbatch and squeue, and the
test runs the tasks. What goes wrong is said, and a task that was killed goes on from where it was."""

import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

from program import Place, says, small_grid, wait_for


class Slurm:
    """A folder for PATH with commands that say what the test wants."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder)
        self.says("sbatch", "77;cluster")
        self.queue("")

    def says(self, command, out="", err="", code=0):
        with open(f"{self.folder}/{command}", "w") as script:
            script.write(f"#!/bin/sh\nprintf '%s' '{out}'\nprintf '%s' '{err}' >&2\nexit {code}\n")
        os.chmod(script.name, 0o755)

    def queue(self, lines):
        self.says("squeue", lines)

    def lacks(self, command):
        os.remove(f"{self.folder}/{command}")


def sbatch_is_missing_or_refuses(place, slurm):
    grid = place.write("grid.json", small_grid("grid", rounds=20))
    says(place.saddle("submit", grid, expect=2), "--slurm")
    slurm.lacks("sbatch")
    says(place.saddle("submit", grid, "--slurm", expect=3), "there is no sbatch in PATH", "--dry-run")
    for words, code, expected in (
            ("sbatch: error: Batch job submission failed: Invalid account\n", 1,
             ["sbatch refused the job: Batch job submission failed: Invalid account\n"]),
            ("sbatch: error: Batch job submission failed: Invalid job array specification\n", 1, ["--pack"]),
            ("", 1, ["it did not say why"])):
        slurm.says("sbatch", err=words, code=code)
        said = place.saddle("submit", grid, "--slurm", expect=3)
        says(said, *expected)
        assert said.count("\n") == 1, said
    slurm.says("sbatch", out="Submitted batch job")
    says(place.saddle("submit", grid, "--slurm", expect=3), "no number of a job")
    assert not glob.glob(f"{place.folder}/saddle.slurm/*")
    assert "Slurm" not in place.saddle("status")
    slurm.says("sbatch", "77;cluster")


def dry_run_writes_nothing(place, _):
    grid = place.write("it's 100%.json", small_grid("grid", rounds=20))
    before = sorted(os.listdir(place.folder))
    script = place.saddle("submit", grid, "--slurm", "--dry-run", "--pack", "3", "--folder", f"{place.folder}/a %b 'c")
    says(script, "#SBATCH --array=1-2\n", "a %%b 'c/grid-N/logs/%a.log\"\n", "/2\"\n")
    assert subprocess.run(["bash", "-n"], input=script, text=True).returncode == 0
    last = script.splitlines()[-1].replace("exec", "printf '%s\\n'", 1)
    words = subprocess.run(["bash", "-c", last], env={**os.environ, "SLURM_ARRAY_TASK_ID": "2"}, capture_output=True,
                           text=True).stdout.splitlines()
    assert words == [place.program, "worker-pool", "--plan", f"{place.folder}/a %b 'c/grid-N/plan.json", "--slice", "2/2"]
    assert sorted(os.listdir(place.folder)) == before


def pool(place, plan, task, tasks=2):
    return place.start("worker-pool", "--plan", plan, "--slice", f"{task}/{tasks}")


def a_killed_task_goes_on(place, slurm):
    grid = place.write("long.json", small_grid("long", rounds=9000, checkpoint=400, seeds=[1]))
    says(place.saddle("submit", grid, "--slurm", "--", "--time=9", "--mem=1G"), "Slurm job 77: 2 trials in 2 tasks")
    folder = f"{place.folder}/saddle.slurm/long-1"
    plan = f"{folder}/plan.json"
    slurm.queue("1 RUNNING\n2 PENDING\n")
    says(place.saddle("status"), "1 running, 1 waiting")
    says(place.saddle("resume", "--slurm", "long"), "2 in tasks that wait or run, 0 to submit")
    same = place.write("same.json", {**small_grid("same", rounds=9000, checkpoint=400, seeds=[1])})
    says(place.saddle("submit", same, "--slurm"), "2 in tasks that wait or run, 0 to submit")  # of another experiment

    running = pool(place, plan, 1)
    checkpoints = "SELECT count(*) AS n FROM artifacts WHERE kind = 'checkpoint'"
    wait_for("a checkpoint", lambda: any(place.sql(checkpoints, shard)[0]["n"] for shard in glob.glob(f"{folder}/shards/*.db")))
    running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    assert glob.glob(f"{place.folder}/saddle-pool-*"), "what it had on its own disk"
    # The same task again, as Slurm runs it after the loss of a node.
    place.saddle("worker-pool", "--plan", plan, "--slice", "1/2")
    assert not glob.glob(f"{place.folder}/saddle-pool-*")
    newest = max(glob.glob(f"{folder}/shards/*.db"), key=os.path.getmtime)
    attempts = place.sql("SELECT reason, start_step FROM attempts ORDER BY attempt", newest)
    assert [row["reason"] for row in attempts] == ["lost", "ok"] and attempts[1]["start_step"] >= 400, attempts
    # And once more: nothing is run.
    says(place.saddle("worker-pool", "--plan", plan, "--slice", "1/2"), "1 done before and not run again")

    # Told to stop, it keeps a checkpoint and says so by its exit code; only the rest is submitted again.
    running = pool(place, plan, 2)
    wait_for("the second task", lambda: glob.glob(f"{folder}/shards/slice-0002*.runs/long/*/attempt-1/output.log"))
    wait_for("its rounds", lambda: glob.glob(f"{folder}/shards/slice-0002*.runs/long/*/attempt-1/checkpoint*"))
    running.send_signal(signal.SIGTERM)
    assert running.wait() == 130
    slurm.queue("")
    said = place.saddle("resume", "--slurm", "long")
    says(said, "1 of 2 trials done, 1 to submit", "1 trial in 1 task")
    assert place.sql("SELECT data ->> '$.options' AS o FROM events WHERE type = 'submit' ORDER BY event DESC LIMIT 1") == [
        {"o": '["--time=9","--mem=1G"]'}], "the options of last time"
    place.saddle("worker-pool", "--plan", f"{place.folder}/saddle.slurm/long-2/plan.json", "--slice", "1/1")
    says(place.saddle("resume", "--slurm", "long"), "2 of 2 trials done, 0 to submit")

    plain = Place(f"{place.folder}/plain", place.program)
    plain.saddle("run", grid)
    assert place.finals("long") == plain.finals("long")
    assert place.curves("long") == plain.curves("long")
    files = [row["file"] for row in place.sql("SELECT DISTINCT file FROM plugins_used")]
    assert files and not any("saddle.slurm" in file for file in files), "plugins go by the files that they were copied from"


def what_was_begun_here_goes_on_there(place, _):
    grid = place.write("begun.json", small_grid("begun", rounds=9000, checkpoint=400, seeds=[5], widths=[8]))
    running = place.start("run", grid)
    wait_for("a checkpoint", lambda: glob.glob(f"{place.folder}/saddle.runs/begun/*/attempt-1/checkpoint*"))
    running.send_signal(signal.SIGTERM)
    running.wait()
    place.saddle("submit", grid, "--slurm")
    place.saddle("worker-pool", "--plan", f"{place.folder}/saddle.slurm/begun-1/plan.json", "--slice", "1/1")
    says(place.saddle("resume", "--slurm", "begun"), ": 1 result, 1 attempt,", "1 of 1 trials done")
    attempts = place.sql("SELECT a.reason, a.start_step FROM attempts a JOIN trials t USING (trial)"
                         " WHERE t.experiment = 'begun' ORDER BY a.attempt")
    assert [row["reason"] for row in attempts] == ["cancelled", "ok"] and attempts[1]["start_step"] > 0, attempts


def what_was_removed_stays_away(place, slurm):
    grid = place.write("gone.json", small_grid("gone", rounds=30, seeds=[1]))
    says(place.saddle("submit", grid, "--slurm", "--pack", "2"), "2 trials in 1 task")
    place.saddle("worker-pool", "--plan", f"{place.folder}/saddle.slurm/gone-1/plan.json", "--slice", "1/1")
    says(place.saddle("resume", "--slurm", "gone"), "2 of 2 trials done")
    [first, second] = place.sql("SELECT name FROM trials WHERE experiment = 'gone' ORDER BY trial")
    place.saddle("rm", "gone/" + first["name"], "--yes")
    says(place.saddle("resume", "--slurm", "gone"), "1 of 1 trials done, 0 to submit")
    assert place.sql("SELECT name FROM experiment_trials WHERE experiment = 'gone'") == [second]
    # Planned once more it is trained anew, whatever old tasks and shards have of it.
    slurm.queue("1 RUNNING\n")
    says(place.saddle("submit", grid, "--slurm"), "1 of 2 trials done, 1 to submit")
    slurm.queue("")
    place.saddle("worker-pool", "--plan", f"{place.folder}/saddle.slurm/gone-2/plan.json", "--slice", "1/1")
    says(place.saddle("resume", "--slurm", "gone"), ": 1 result, 1 attempt,", "2 of 2 trials done")
    [folder] = place.sql("SELECT a.folder FROM attempts a JOIN trials t USING (trial) WHERE t.experiment = 'gone'"
                         f" AND a.name = '{first['name']}'")
    assert "/gone-2/" in folder["folder"], folder

    # Of jobs gc takes what no row names in attempts with a result, and whole ones of a removed experiment.
    loose = f"{folder['folder']}/loose"
    with open(loose, "w") as file:
        file.write("of nobody")
    lists = lambda: [one["path"] for one in json.loads(place.saddle("gc", "--json")) if "/saddle.slurm/gone-" in one["path"]]
    assert lists() == [loose]
    place.saddle("gc", "--yes")
    assert not os.path.exists(loose) and lists() == []
    says(place.saddle("rm", "gone", "--yes"), "gc removes them when Slurm has ended it")
    slurm.queue("1 RUNNING\n")
    assert lists() == []
    slurm.says("squeue", err="slurm_load_jobs error: Unable to contact slurm controller (connect failure)\n", code=1)
    assert lists() == []
    slurm.queue("")
    jobs = [f"{place.folder}/saddle.slurm/gone-{n}" for n in (1, 2)]
    assert lists() == jobs
    place.saddle("gc", "--yes")
    assert not any(map(os.path.exists, jobs)) and os.path.exists(f"{place.folder}/saddle.slurm/long-1")


def plans_and_queues_are_checked(place, slurm):
    grid = place.write("checked.json", small_grid("checked", rounds=25, seeds=[1]))
    place.saddle("submit", grid, "--slurm", "--pack", "2")
    folder = f"{place.folder}/saddle.slurm/checked-1"
    plan = f"{folder}/plan.json"
    for slice, words in (("3/2", "--slice 3/2"), ("0/1", "--slice"), ("1", "--slice"), ("1/2x", "--slice"), ("1/3", "empty")):
        says(place.saddle("worker-pool", "--plan", plan, "--slice", slice, expect=2), words)
    with open(plan) as file:
        good = file.read()
    for bad, words in ((good[:100], "damaged"), ("{}", "no plan"), (good.replace('"saddle_plan": 1', '"saddle_plan": 2'), "format 2"),
                       (good.replace('"config": 0', '"config": 9'), "damaged")):
        says(place.saddle("worker-pool", "--plan", place.write("saddle.slurm/checked-1/bad.json", bad), "--slice", "1/1", expect=2), words)
    slurm.says("squeue", err="slurm_load_jobs error: Unable to contact slurm controller (connect failure)\n", code=1)
    said = place.saddle("resume", "--slurm", "checked", expect=3)
    says(said, "Unable to contact slurm controller")
    says(place.saddle("status"), "Unable to contact")
    slurm.says("squeue", err="slurm_load_jobs error: Invalid job id specified\n", code=1)  # it ended long ago
    says(place.saddle("resume", "--slurm", "checked", "--dry-run"), "#SBATCH --array=1-1\n")
    says(place.saddle("resume", "checked", "--pack", "2", expect=2), "--slurm")
    says(place.saddle("resume", "--slurm", "checked", "--jobs", "2", expect=2), "--jobs")
    [plugin] = glob.glob(f"{folder}/plugins/loss_hinge-*.so")
    with open(plugin, "ab") as file:
        file.write(b"x")
    says(place.saddle("worker-pool", "--plan", plan, "--slice", "1/1", expect=3), "loss/hinge", "Submit anew")


def merges_say_what_they_took(place, _):
    says(place.saddle("merge", f"{place.folder}/new.db", f"{place.folder}/none.db", expect=3), "no such file")
    assert not os.path.exists(f"{place.folder}/new.db")
    os.makedirs(f"{place.folder}/empty")
    says(place.saddle("merge", place.database, f"{place.folder}/empty", expect=2), "no shard")
    shards = f"{place.folder}/saddle.slurm/long-1/shards"
    said = place.saddle("merge", f"{place.folder}/other.db", shards)
    says(said, "4 shards: 1 result, ", "trials that were not known")
    says(place.saddle("merge", f"{place.folder}/other.db", shards), "4 shards: nothing new")


def main():
    folder = tempfile.mkdtemp(prefix="saddle-pool-test-")
    try:
        slurm = Slurm(f"{folder}/bin")
        # Nothing else in PATH: the machine may have a Slurm.
        place = Place(f"{folder}/place", sys.argv[1], {"PATH": f"{folder}/bin"})
        for step in (sbatch_is_missing_or_refuses, dry_run_writes_nothing, a_killed_task_goes_on,
                     what_was_begun_here_goes_on_there, what_was_removed_stays_away, plans_and_queues_are_checked, merges_say_what_they_took):
            step(place, slurm)
            print(f"{step.__name__}: ok")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


main()

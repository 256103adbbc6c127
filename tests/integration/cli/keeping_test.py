"""rm, gc, backup and verify, on a database with files."""

import contextlib
import hashlib
import json
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile

saddle, maker = sys.argv[1:]


def call(folder, *words, expect=0, database="a.db"):
    done = subprocess.run([saddle, "--db", database, *words], cwd=folder, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == expect, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def make(scratch, name):
    folder = pathlib.Path(scratch) / name
    folder.mkdir()
    subprocess.run([maker, folder / "a.db", "files", folder / "a.runs"], check=True)
    return folder


def trials(folder):
    return sorted(row["name"] for row in json.loads(call(folder, "ls", "--json")))


def files(folder):
    return sorted(str(path.relative_to(folder / "a.runs")) for path in (folder / "a.runs").rglob("*") if path.is_file())


def end_running(folder, database="a.db"):
    """As resume would: its process (this one) is not a worker's."""
    query(folder / database, "UPDATE attempt SET reason = 'cancelled', last_step = 2 WHERE reason IS NULL")
    query(folder / database, "UPDATE trial SET state = 'stopped' WHERE state = 'running'")


@contextlib.contextmanager
def held(folder):
    """As by a run."""
    holder = subprocess.Popen([maker, folder / "a.db", "hold"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        yield
    finally:
        holder.communicate()
        assert holder.returncode == 0


def query(database, sql):
    connection = sqlite3.connect(database)
    rows = connection.execute(sql).fetchall()
    connection.commit()
    connection.close()
    return rows


def removing(folder):
    call(folder, "rm", "a", "--yes", expect=2)  # one of its trials runs
    assert "0004-t is running" in call(folder, "rm", "0004-t", "--yes", expect=2)
    assert "--yes" in call(folder, "rm", "0001-t", expect=2)
    assert len(trials(folder)) == 4
    assert "2 experiments" in call(folder, "rm", "0002-t", "--yes", expect=2)

    with held(folder):
        assert "being written by process" in call(folder, "rm", "0003-t", "--yes", expect=3)
    assert len(trials(folder)) == 4 and (folder / "a.runs/b/0003-t/attempt-1/samples.png").exists()
    said = call(folder, "rm", "0003-t", "--yes")
    assert "removed 1 trial with 2 values, 2 artifacts" in said, said
    assert trials(folder) == ["0001-t", "0002-t", "0004-t"]
    assert not (folder / "a.runs/b").exists()  # nothing is left in it
    call(folder, "verify")

    assert "1 trial stayed" in call(folder, "rm", "b", "--yes")
    assert trials(folder) == ["0001-t", "0002-t", "0004-t"]
    assert "no experiment" in call(folder, "ls", "-e", "b", expect=2)
    end_running(folder)
    call(folder, "rm", "0001-t", "a/0002-t", "--yes")
    assert trials(folder) == ["0004-t"]
    assert files(folder) == [f"a/0004-t/attempt-1/{name}" for name in (
        "checkpoint.safetensors", "output.log", "samples.png", "trial.json")]
    call(folder, "rm", "a", "--yes")
    assert trials(folder) == [] and files(folder) == []
    call(folder, "verify")
    with sqlite3.connect(folder / "a.db") as database:
        for table in ("experiment", "trial", "attempt", "metric", "artifact", "event", "config", "param",
                      "trial_summary", "experiment_trial"):
            assert database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0, table
    database.close()


def shared(folder):
    """A trial leaves with the second of its experiments."""
    end_running(folder)
    call(folder, "rm", "a", "--yes")
    assert trials(folder) == ["0002-t", "0003-t"]
    call(folder, "verify")
    call(folder, "rm", "b/0002-t", "--yes")
    assert trials(folder) == ["0003-t"]
    assert all(name.startswith("b/0003-t") for name in files(folder))


def elsewhere(folder):
    """Files of array jobs lie in a.slurm; those of a database that this one is a copy of are not touched."""
    runs, shard = folder / "a.runs", folder / "a.slurm/a-1/shards/0.runs"
    shutil.copytree(runs / "a/0001-t", shard / "a/0001-t")
    shard.with_suffix(".db").touch()
    (shard / "a/0001-t/attempt-1/samples.png").write_text("picture of the task")
    # The attempt of a task, merged after one that failed here: both are called attempt-1 where they lie.
    query(folder / "a.db", f"""
        INSERT INTO attempt (id, trial_id, number, pid, boot_id, proc_start, host, folder, started_ms, ended_ms, reason,
                             last_step)
        SELECT 50, trial_id, 2, pid, boot_id, proc_start, host, '{shard}/a/0001-t/attempt-1', started_ms, ended_ms,
               'error', 2 FROM attempt WHERE id = 1""")
    query(folder / "a.db", "UPDATE trial SET attempts = 2 WHERE name = '0001-t'")
    digest = hashlib.sha256(b"picture of the task").hexdigest()
    query(folder / "a.db", f"""
        INSERT INTO artifact (attempt_id, kind, name, step, path, sha256, bytes, media_type, created_ms)
        VALUES (50, 'samples', 'samples', 2, 'samples.png', '{digest}', 19, 'image/png', 1)""")
    call(folder, "verify")  # the last attempt of 0001-t is the one that is done, not the newest
    call(folder, "backup", "copy.db")
    assert (folder / "copy.runs/a/0001-t/attempt-2/samples.png").read_text() == "picture of the task"
    assert (folder / "copy.runs/a/0001-t/attempt-1/samples.png").read_text() == "picture of 0001-t"
    call(folder, "verify", database="copy.db")

    call(folder, "backup", "rows.db", "--no-files")
    assert "2 folders left alone" in call(folder, "rm", "0001-t", "--yes", database="rows.db")
    call(folder, "verify")
    call(folder, "rm", "0001-t", "--yes")
    assert not (runs / "a/0001-t").exists() and not shard.exists() and shard.with_suffix(".db").exists()
    call(folder, "verify", database="copy.db")


def collecting(folder):
    runs = folder / "a.runs"
    before = files(folder)
    assert "nothing to remove" in call(folder, "gc")
    for name in ("a/0001-t/attempt-1/checkpoint.previous.safetensors", "a/0001-t/attempt-2/samples.png",
                 "c/0009-t/attempt-1/x", "a/0004-t/attempt-1/half-written", "a/0001-t/notes.txt", ".requests/1"):
        (runs / name).parent.mkdir(parents=True, exist_ok=True)
        (runs / name).write_text("of nobody")
    # The content counts: a worker killed while it replaced its checkpoint has left the known one here.
    (runs / "b/0003-t/attempt-1/checkpoint.previous.safetensors").write_text("weights of 0003-t")
    (runs / "a/0001-t/attempt-3").symlink_to(folder, target_is_directory=True)
    everything = files(folder)
    listed = json.loads(call(folder, "gc", "--json"))
    gone = ["a/0001-t/attempt-1/checkpoint.previous.safetensors", "a/0001-t/attempt-2", "c/0009-t/attempt-1"]
    assert [str(pathlib.Path(item["path"]).relative_to(runs)) for item in listed] == gone, listed
    assert files(folder) == everything
    call(folder, "gc", "--yes")
    assert not (runs / "c").exists() and not (runs / "a/0001-t/attempt-2").exists()
    assert set(files(folder)) == set(before) | {"a/0004-t/attempt-1/half-written", "a/0001-t/notes.txt", ".requests/1",
                                                "b/0003-t/attempt-1/checkpoint.previous.safetensors"}
    assert "nothing to remove" in call(folder, "gc", "--yes")
    with held(folder):
        assert "nothing to remove" in call(folder, "gc")
        assert "being written" in call(folder, "gc", "--yes", expect=3)
    # Pages of removed rows go back to the disk.
    query(folder / "a.db", "UPDATE experiment SET spec = spec || hex(randomblob(200000)) WHERE name = 'a'")
    query(folder / "a.db", "UPDATE experiment SET spec = '{}'")
    large = (folder / "a.db").stat().st_size
    assert "pages of rows that were removed" in call(folder, "gc")
    call(folder, "gc", "--yes")
    assert (folder / "a.db").stat().st_size < large - 200_000
    # Moved together, they still belong together.
    moved = folder / "moved"
    moved.mkdir()
    shutil.move(folder / "a.db", moved / "a.db")
    shutil.move(runs, moved / "a.runs")
    assert "nothing to remove" in call(moved, "gc")
    call(moved, "verify")
    call(folder, "gc", "--yes", expect=3)  # no database: and none is made
    assert not (folder / "a.db").exists()


def copying(folder):
    said = call(folder, "backup", "copy.db")
    assert "checked; 8 files" in said, said
    assert sorted(path.name for path in folder.glob("copy*")) == ["copy.db", "copy.runs"]
    # What a worker has in its folder and no row names is not of this instant.
    assert {path.name for path in (folder / "copy.runs").rglob("*") if path.is_file()} == {
        "checkpoint.safetensors", "samples.png", "output.log", "trial.json"}
    call(folder, "verify", database="copy.db")
    assert "nothing to remove" in call(folder, "gc", database="copy.db")
    assert {row[0].split("/attempt")[0] for row in query(folder / "copy.db", "SELECT folder FROM attempts")} == {
        str(folder / "copy.runs" / tail) for tail in ("a/0001-t", "a/0002-t", "b/0003-t", "a/0004-t")}
    assert "--force" in call(folder, "backup", "copy.db", expect=2)
    (folder / "copy.runs/a/old").write_text("of the copy before")
    call(folder, "backup", "copy.db", "--force")
    assert not (folder / "copy.runs/a/old").exists()
    # A running worker goes on to its next checkpoint: the one of the row is the previous one.
    checkpoint = folder / "a.runs/a/0004-t/attempt-1/checkpoint.safetensors"
    checkpoint.rename(checkpoint.with_name("checkpoint.previous.safetensors"))
    checkpoint.write_text("newer weights")
    call(folder, "backup", "copy.db", "--force")
    assert (folder / "copy.runs/a/0004-t/attempt-1/checkpoint.safetensors").read_text() == "weights of 0004-t"
    # And to one more, before its row could be read again: then the copy knows of none.
    checkpoint.with_name("checkpoint.previous.safetensors").write_text("newer weights")
    assert "left out: 1" in call(folder, "backup", "copy.db", "--force")
    end_running(folder, "copy.db")
    call(folder, "verify", database="copy.db")
    # Nobody replaces files of trials that have ended.
    picture = folder / "a.runs/a/0001-t/attempt-1/samples.png"
    picture.unlink()
    assert str(picture) in call(folder, "backup", "copy.db", "--force", expect=1)
    assert "missing" in call(folder, "verify", expect=1, database="copy.db")
    call(folder, "backup", "rows.db", "--no-files")
    assert not (folder / "rows.runs").exists()
    assert "itself" in call(folder, "backup", "a.db", expect=2)
    call(folder, "backup", "none/copy.db", expect=3)
    # While somebody writes: what is committed is in it, what is not is not.
    writer = sqlite3.connect(folder / "a.db", isolation_level=None)
    writer.execute("UPDATE experiment SET file = 'committed'")
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("UPDATE experiment SET file = 'not yet'")
    call(folder, "backup", "running.db", "--no-files")
    writer.execute("ROLLBACK")
    writer.close()
    copy = sqlite3.connect(folder / "running.db")
    assert copy.execute("SELECT DISTINCT file FROM experiments").fetchall() == [("committed",)]
    assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    copy.close()
    (folder / "text.db").write_text("no database")
    assert "not a database" in call(folder, "backup", "x.db", expect=3, database="text.db")
    assert not list(folder.glob("x.db*"))


def verifying(folder):
    said = call(folder, "verify")
    assert said.count("ok      ") == 4 and "6, and 2 of running trials left out" in said, said
    (folder / "a.runs/a/0001-t/attempt-1/samples.png").write_text("another picture")
    (folder / "a.runs/a/0002-t/attempt-1/samples.png").unlink()
    checkpoint = folder / "a.runs/b/0003-t/attempt-1/checkpoint.safetensors"
    checkpoint.rename(checkpoint.with_name("checkpoint.previous.safetensors"))
    said = call(folder, "verify", expect=1)
    assert "0001-t/attempt-1/samples.png: is not what was stored" in said
    assert "0002-t/attempt-1/samples.png: is missing" in said
    assert said.count("failed") == 2, said

    with sqlite3.connect(folder / "a.db") as database:
        first = database.execute("SELECT id FROM trial WHERE name = '0001-t'").fetchone()[0]
        database.execute("UPDATE trial SET attempts = 7, last_attempt_id = NULL WHERE id = ?", (first,))
        database.execute("DELETE FROM metric WHERE step = 2 AND attempt_id = 2")
        database.execute("INSERT INTO metric VALUES (99, 1, 1, 0.5, 0)")
        database.execute("UPDATE trial SET config_id = 88 WHERE name = '0003-t'")
    database.close()
    checks = {check["check"].split(":")[0]: check["findings"] for check in json.loads(call(folder, "verify", "--json", expect=1))}
    assert checks["rows that refer to others"] == [f"row {first + 3} of trial refers to one of config that is not there"], checks
    assert len(checks["states and counts"]) == 4, checks
    for part in ("counts 7 attempts and has 1", "is neither its newest nor its result", "says 2 values of level and has 1",
                 "values of attempt 99"):
        assert any(part in finding for finding in checks["states and counts"]), (part, checks)

    whole = (folder / "a.db").read_bytes()
    (folder / "a.db").write_bytes(whole[:8192] + bytes(4096) + whole[12288:])
    assert "failed" in call(folder, "verify", expect=1)


with tempfile.TemporaryDirectory() as scratch:
    for test in (removing, shared, elsewhere, collecting, copying, verifying):
        test(make(scratch, test.__name__))

"""The commands read what every version of the format left: one file of each is kept."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

saddle, data = sys.argv[1:]


def call(database, *words, expect=(0,)):
    done = subprocess.run([saddle, "--db", database, *words], cwd=database.parent, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, env={**os.environ, "XDG_CACHE_HOME": str(database.parent)})
    assert done.returncode in expect, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout if expect == (0,) else done.stderr


def answers(database):
    """What a user would ask, as text and as JSON."""
    questions = [("ls", "-e", "losses"), ("ls", "-e", "widths"), ("best", "-e", "losses", "--metric", "frechet"),
                 ("show", "0002-hinge-s2"), ("curve", "0002-hinge-s2", "--metric", "generator/total")]
    return {question + form: call(database, *question, *form) for question in questions for form in ((), ("--json",))}


with tempfile.TemporaryDirectory() as scratch:
    kept = sorted(pathlib.Path(data).glob("v*.db"), key=lambda path: int(path.stem[1:]))
    assert [path.name for path in kept] == [f"v{n + 1}.db" for n in range(len(kept))] and len(kept) > 1, kept
    said = []
    for path in kept:
        database = pathlib.Path(scratch) / path.stem / "a.db"
        database.parent.mkdir()
        shutil.copy(path, database)
        if path != kept[-1]:
            assert "older format" in call(database, "ls", expect=(3,))
            assert database.read_bytes() == path.read_bytes()  # asking changes nothing
            # Its trials are no longer what the grid language says, and so are not run (3: nor is there a worker).
            assert "brought up to date" in call(database, "resume", "losses", expect=(2, 3))
            assert database.with_name(f"a.db.{path.stem}.bak").exists()
        said.append(answers(database))

    newest = said[-1]
    for path, old in zip(kept, said):
        for question, answer in newest.items():
            assert old[question] == answer, f"{path.name}: {question}:\n{old[question]}\n{answer}"
    # And that is what was written: see tests/unit/db/history.hpp.
    trials = json.loads(newest["ls", "-e", "losses", "--json"])
    assert [trial["state"] for trial in trials] == ["done", "done", "done", "failed", "planned"], trials
    assert "0.6000" in newest["show", "0002-hinge-s2"] and "killed" in newest["show", "0002-hinge-s2"]
    ranked = json.loads(newest["best", "-e", "losses", "--metric", "frechet", "--json"])
    assert abs(ranked[0]["mean"] - 0.45) < 1e-12 and ranked[0]["n"] == 2, ranked

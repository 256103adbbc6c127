"""The built program on a folder of its own, for the tests of this folder."""

import json
import os
import subprocess
import time


def small_grid(name, rounds, checkpoint=0, seeds=(1, 2), widths=(8, 16)):
    """An MLP pair on a ring of Gaussians."""
    adam = {"use": "adam", "lr": 1e-3}
    return {
        "name": name,
        "dataset": {"use": "gaussians"},
        "models": {"generator": {"use": "mlp", "width": 16}, "discriminator": {"use": "mlp", "width": 16}},
        "losses": [{"use": "hinge"}],
        "optimizers": {"generator": adam, "discriminator": adam},
        "train": {"rounds": rounds, "batch": 32, "latent": {"size": 4}},
        "metrics": [{"use": "modes", "every": max(1, rounds // 2), "samples": 100}],
        "record": {"every": max(1, rounds // 20)},
        "checkpoint": {"every": checkpoint},
        "sweep": {"widths": {"zip": {"models.generator.width": list(widths), "models.discriminator.width": list(widths)}}},
        "seeds": list(seeds),
    }


class Place:
    """A folder with a database."""

    def __init__(self, folder, saddle, environment=None):
        os.makedirs(folder)
        self.folder, self.program = folder, saddle
        self.database = f"{folder}/saddle.db"
        self.environment = {**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": folder, **(environment or {})}

    def write(self, name, content):
        with open(f"{self.folder}/{name}", "w") as out:
            out.write(content if isinstance(content, str) else json.dumps(content))
        return f"{self.folder}/{name}"

    def command(self, *arguments):
        return [self.program, "--db", self.database, *arguments]

    def saddle(self, *arguments, expect=0):
        """Its stdout; where `expect` is not 0, stderr."""
        done = subprocess.run(self.command(*arguments), env=self.environment, capture_output=True, text=True, timeout=120,
                              cwd=self.folder)
        said = f"saddle {' '.join(arguments)}\n{done.stdout}{done.stderr}"
        assert done.returncode == expect, f"exit code {done.returncode} instead of {expect}: {said}"
        return done.stdout if expect == 0 else done.stderr

    def start(self, *arguments):
        return subprocess.Popen(self.command(*arguments), env=self.environment, cwd=self.folder,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def sql(self, query, database=None):
        answer = subprocess.run([self.program, "--db", database or self.database, "sql", query, "--json"],
                                env=self.environment, capture_output=True, text=True, timeout=60)
        assert answer.returncode == 0, f"{query}\n{answer.stderr}"
        return json.loads(answer.stdout)

    def finals(self, experiment):
        """All that was measured in an experiment; times and rates are of the machine."""
        return self.sql("SELECT t.trial_hash, f.metric, f.protocol, f.last, f.kind, f.last_step, f.min, f.argmin, f.max,"
                        " f.argmax, f.n, f.n_nan FROM finals f JOIN trials t USING (trial)"
                        f" WHERE t.experiment = '{experiment}' AND f.metric <> 'images_per_second'"
                        " ORDER BY 1, 2, 3")

    def curves(self, experiment):
        return self.sql("SELECT t.trial_hash, m.metric, m.step, m.value, m.kind FROM metrics m JOIN trials t USING (trial)"
                        f" WHERE t.experiment = '{experiment}' AND m.metric <> 'images_per_second' ORDER BY 1, 2, 3")

    def contents(self):
        """Every row of every table."""
        tables = [row["name"] for row in self.sql("PRAGMA table_list") if row["type"] == "table" and row["schema"] == "main"]
        return {table: self.sql(f"SELECT * FROM {table}") for table in tables if not table.startswith("sqlite_")}


def says(text, *parts):
    for part in parts:
        assert part in text, f"{part!r} is not in:\n{text}"


def wait_for(what, ready, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if ready():
            return
        time.sleep(0.1)
    raise AssertionError(f"{what}: not after {seconds} s")


def pool_processes(plan):
    """{"1/2": process} of the worker pools that run on this plan."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline") as file:
                words = file.read().split("\0")
        except OSError:
            continue
        if "worker-pool" in words and plan in words:
            found[words[words.index("--slice") + 1]] = int(pid)
    return found

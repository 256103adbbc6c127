"""The recipe of db/README.md, run as it stands there, on exported files."""

import contextlib
import io
import os
import pathlib
import re
import subprocess
import sys
import tempfile

saddle, maker, readme = sys.argv[1:]
try:
    import optuna
    import pandas
except ImportError as error:
    print(f"skipped: {error}; apt-get install python3-pandas python3-optuna")
    sys.exit(0)

recipe = re.search(r"```sh\n(saddle export.*?)```\n+```python\n(.*?)```", pathlib.Path(readme).read_text(), re.DOTALL)
assert recipe, f"{readme} has no recipe"
optuna.logging.set_verbosity(optuna.logging.ERROR)
with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    subprocess.run([maker, "saddle.db"], check=True)
    for line in recipe[1].splitlines():
        subprocess.run(line.replace("saddle", saddle, 1), shell=True, check=True, stderr=subprocess.PIPE)
    names, said = {}, io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(recipe[2], names)

table = names["table"]
assert abs(table.loc["hinge", "mean"] - (2.5 + 1 / 3) / 2) < 1e-12 and table.loc["hinge", "count"] == 2, table
study = names["study"]
states = [trial.state.name for trial in study.trials]
assert states == ["COMPLETE", "COMPLETE", "COMPLETE", "FAIL", "PRUNED", "FAIL"], states
assert study.best_value == 1 / 3 and study.best_params["losses.0.use"] == "hinge", study.best_params
assert study.best_params["optimizers.generator.lr"] == 0.001
assert "note" not in study.best_params  # the same in all
frame = study.trials_dataframe()
assert list(frame["value"])[:3] == [2.5, 1 / 3, 7.0]
assert said.getvalue().strip(), "the recipe prints nothing"

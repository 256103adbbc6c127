"""saddle report: the page says what best says, with its baselines and protocols, and takes the notes along."""

import json
import pathlib
import subprocess
import sys
import tempfile

saddle, maker = sys.argv[1:]

with tempfile.TemporaryDirectory() as scratch:
    folder = pathlib.Path(scratch)
    subprocess.run([maker, folder / "a.db"], check=True)
    (folder / "notes.md").write_text("# Results\n\nSmall scale.\n")

    def ask(*words, code=0):
        done = subprocess.run([saddle, "--db", "a.db", *words], cwd=folder, capture_output=True, text=True)
        assert done.returncode == code, (words, done.stdout, done.stderr)
        return done.stdout if code == 0 else done.stderr

    page = ask("report", "e", "--notes", "notes.md")
    assert page.startswith("# Results\n\nSmall scale.\n\n## e\n"), page
    lines = page.splitlines()
    head = next(line for line in lines if line.startswith("| # |"))
    assert "frechet ↓" in head and "generator/total" not in head, head
    ranked = [line for line in lines if line.startswith("| 1 |") or line.startswith("| 2 |")]
    best = [row for row in json.loads(ask("best", "--metric", "frechet", "--json")) if row["mean"] is not None]
    assert len(ranked) == len(best) == 2, page
    assert "1.417 ± 1.532" in ranked[0] and "| 2 |" in ranked[0][3:] and "hinge" in ranked[0], ranked
    assert "1 diverged" in ranked[1] and "| 7 |" in ranked[1].replace("7.000", "7"), ranked
    assert '- frechet ↓: `{"features":"pixels"}`' in lines, page
    assert "6 trials (" in page and "![" not in page

    # In a file, and metrics of one's own choice.
    ask("report", "--out", "page.md", "--metric", "generator/total")
    text = (folder / "page.md").read_text()
    assert "generator/total" in text and "frechet" not in text, text
    assert "--out: page needs an ending" in ask("report", "--out", "page", code=2)
    assert 'Nearest: "e"' in ask("report", "ee", code=2) or "\"ee\"" in ask("report", "ee", code=2)
    assert "no metric" in ask("report", "--metric", "frechett", code=2)
    assert "nowhere.md" in ask("report", "--notes", "nowhere.md", code=2)

    # Curves and sheets are those of the metric, also when its lowest value ranks; a slash in its name makes no folder.
    subprocess.run([maker, folder / "b.db", "curves", folder / "runs"], check=True)
    for metric in ("generator/level", "generator/level.min"):
        done = subprocess.run([saddle, "--db", "b.db", "report", "a", "-m", metric, "--out", "curves.md", "--sheets", "1"],
                              cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        text = (folder / "curves.md").read_text()
        assert "](curves/a-generator-level.png)" in text and "](curves/a-1.png)" in text, (metric, text)
        assert sorted(path.name for path in (folder / "curves").iterdir()) == ["a-1.png", "a-generator-level.png"]
        assert (folder / "curves" / "a-1.png").read_text().startswith("picture of "), metric
        (folder / "curves.md").unlink()
        for path in (folder / "curves").iterdir():
            path.unlink()

"""The three runs of docs/dashboards.md are what they are called, and the logs whose pages are timed are those of real runs."""

import json
from pathlib import Path

import pytest
from PIL import Image
from visualdl_page import Page

from benchmarks.dashboards.pages import write_logs
from benchmarks.dashboards.runs import CHECKS, read_rows, runs_table

ROOT = Path(__file__).resolve().parents[2]
STORED = ROOT / "work" / "results" / "dashboards"


@pytest.fixture(scope="module")
def stored():
    return json.loads((STORED / "runs.json").read_text())


def test_the_stored_runs_are_what_they_are_called(stored):
    assert [run["expect"] for run in stored["runs"]] == ["healthy", "collapsed", "d-won"]
    for run in stored["runs"]:
        held = CHECKS[run["expect"]](run)
        assert list(held) == run["checks"] and all(held.values()), run["name"]
        others = [name for name in CHECKS if name != run["expect"]]
        assert not any(all(CHECKS[name](run).values()) for name in others), "only one name fits"


def test_the_stored_runs_have_the_settings_of_the_rows(stored):
    rows = read_rows("benchmarks/rows/dashboards.yaml")
    assert [{name: run[name] for name in rows[0]} for run in stored["runs"]] == rows


@pytest.mark.parametrize("page", ["docs/dashboards.md", "docs/zh/dashboards.md"])
def test_the_documents_say_what_is_stored(stored, page):
    text = (ROOT / page).read_text(encoding="utf-8")
    cells = [[cell.strip() for cell in line.split("|")[2:-1]] for line in runs_table(stored["runs"]).splitlines()[2:]]
    for line in cells:
        assert "| " + " | ".join(entry.replace("none", "无") if "zh" in page else entry for entry in line) + " |" in text
    timed = json.loads((STORED / "pages.json").read_text())
    assert (timed["runs"], timed["logged_steps"]) == (10, 2000)
    for row in timed["pages"].values():
        assert f"| {row['first']:.1f} | {row['again']:.1f} |" in text


def test_the_pictures_are_there_and_small(stored):
    for name in stored["pictures"]:
        path = ROOT / "work" / "pictures" / name
        assert path.stat().st_size < 160_000
        assert Image.open(path).width <= 1280
        assert name in (ROOT / "docs" / "dashboards.md").read_text(), name


def test_the_timed_logs_are_those_of_a_run(tmp_path, process):
    write_logs(tmp_path / "log", runs=2, logged=40)
    page = Page(tmp_path / "log")
    assert [step for step, _ in page.curve("g_loss @ run-1", "loss")] == list(range(10, 401, 10))
    assert len(page.curve("metrics @ run-0", "run health/diversity")) == 8  # every 50 steps
    assert page.tags("image") == {f"imgs @ run-{index}": ["numbers"] for index in (0, 1)}
    assert sorted(page.images("imgs @ run-0", "numbers")) == [100, 200, 300, 400]
    histograms = page.tags("histogram")["histograms @ run-0"]
    assert "D scores/real" in histograms and any(name.startswith("gradients generator") for name in histograms)
    assert len(page.tags("pr-curve")["precision-recall @ run-1"]) == 10


@pytest.mark.parametrize(
    "rows, said",
    [
        ("[{name: x}]", "expected a list of rows with name, preset, steps, overrides and expect"),
        ("[{name: x, preset: fast, steps: 1, overrides: {}, expect: fine}]", "x: expect is one of healthy, collapsed, d-won, not fine"),
    ],
)
def test_bad_rows_are_refused(here, tmp_path, rows, said):
    path = tmp_path / "rows.yaml"
    path.write_text(rows)
    assert said in here("benchmarks", "dashboards", "--rows", path, "--to", tmp_path / "to", code=2).stderr
    assert not (tmp_path / "to").exists()

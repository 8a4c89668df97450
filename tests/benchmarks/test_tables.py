"""Tables are made of stored results too, whatever version wrote them."""

import json
from pathlib import Path

import pytest

from benchmarks.tables import collapse_table, quality_table, recipe_table, zoo_table
from benchmarks.variations import variations_table
from paddle_gan_aug.evaluation.registry import METRICS

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "work" / "results"


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("zoo", "zoo"),
        ("zoo", "zoo-fashion"),
        ("zoo", "diffaugment"),
        ("augment-gan", "augment-gan"),
        ("recipe", "recipes"),
        ("recipe", "time-to-quality"),
        ("collapse", "collapse"),
    ],
)
def test_stored_rows_are_printed(here, kind, name):
    given = ["--recipes", f"benchmarks/rows/{name}.yaml", "--to", RESULTS / name, "--stored"]
    table = here("benchmarks", kind, *given).stdout
    for path in (RESULTS / name).glob("*.json"):
        assert f"| {json.loads(path.read_text())['name']} |" in table


def test_a_zoo_has_a_column_for_each_headline_metric_that_a_row_has():
    rows = [json.loads((RESULTS / "zoo" / f"{name}-seed-0.json").read_text()) for name in ("projection", "infogan")]
    header, _, projection, infogan = zoo_table(rows).splitlines()
    for name, metric in METRICS.items():
        has = metric.headline and any(name in mark for row in rows for mark in row["marks"])
        assert (f"| {name.replace('_', ' ')} |" in header) == bool(has), name
    assert f"| {rows[0]['marks'][0]['agreement']:.3f} |" in projection and "| – |" in infogan


def test_other_stored_results_are_printed():
    stored = json.loads((RESULTS / "quality.json").read_text())
    table = quality_table(stored)
    assert table.count("\n") == len(stored) + 2 and f"| {stored[0]['frechet']['value']:.3g} |" in table
    assert "| 8 | no |" in variations_table(json.loads((RESULTS / "dagan.json").read_text()))
    assert collapse_table([]) and recipe_table([]) and zoo_table([])


def test_every_metric_of_runs_in_one_table(cli, small, tmp_path):
    cli("train", *small, "--steps", 2, "--run", "r")
    done = cli("benchmarks", "quality", cli.output / "r", "--count", 200, "--part", "valid", "--to", tmp_path / "quality.json")
    (row,) = json.loads((tmp_path / "quality.json").read_text())
    assert (row["run"], row["count"], row["reference"]["part"]) == ("r", 200, "valid")
    assert row["seconds"] > 0
    assert done.stdout.count("\n") == 4
    assert f"| r | {row['frechet']['value']:.3g} |" in done.stdout

"""Rows of few labels: trained once for each label seed, on a tiny network."""

import json

import pytest
import yaml

from benchmarks import few_labels
from paddle_gan_aug.data import load
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.runs.reading import read_probabilities


def test_a_row_is_measured_once_for_each_label_seed(here, small_mnist, tmp_path, monkeypatch):
    monkeypatch.setattr(few_labels, "project_root", lambda: tmp_path)
    tiny = {"semi_supervised.width": 0.1, "generator.width": 0.1, "train.batch_size": 20, "train.steps": 3, "eval.every_steps": 2}
    common = {"data": str(small_mnist), "labels": 20, "overrides": {**tiny, "log.grid_images": 32, "log.every_steps": 1}}
    rows = [{"name": "chosen", "seeds": [11, 12], "part": "valid", **common}, {"name": "final", "seeds": [1], **common}]
    (tmp_path / "rows.yaml").write_text(yaml.safe_dump(rows))
    command = ["few-labels", "--rows", tmp_path / "rows.yaml", "--to", tmp_path / "results"]
    found = json.loads(here("benchmarks", "--json", *command).stdout)
    assert [(row["name"], row["seed"], row["part"], row["step"], row["count"]) for row in found] == [
        *(("chosen", 11, "valid", 3, 100), ("chosen", 12, "valid", 3, 100), ("final", 1, "test", 3, 100))
    ]
    for row in found:
        assert row["error"] == row["wrong"] / 100 and [step for step, _ in row["validation"]] == [2, 3] and row["cpu_seconds"] > 0
    assert found[0]["error"] == pytest.approx(found[0]["validation"][-1][1])
    assert found[0]["labelled"] != found[1]["labelled"]
    assert here("benchmarks", *command, "--only").stdout.count("\n") == 4  # nothing is trained, all that is stored is shown
    path = tmp_path / "results" / "final-seed-1.json"
    path.write_text(json.dumps({**found[2], "error": 0.5}))
    assert "| final | 20 | test | 50.00 % | 1: 50.00 | 3 |" in here("benchmarks", *command).stdout  # not computed again
    (tmp_path / "rows.yaml").write_text("- {name: a, part: eval}")
    with pytest.raises(InputError, match="list of rows"):
        few_labels.read_rows(tmp_path / "rows.yaml")


def test_members_of_a_row_differ_in_their_beginning_and_are_averaged(small_mnist, tmp_path, monkeypatch):
    monkeypatch.setattr(few_labels, "project_root", lambda: tmp_path)
    read = []
    monkeypatch.setattr(
        few_labels, "read_probabilities", lambda run, images: read.append((run, read_probabilities(run, images))) or read[-1][1]
    )
    tiny = {"semi_supervised.width": 0.1, "generator.width": 0.1, "train.batch_size": 20, "train.steps": 3, "eval.every_steps": 2}
    row = {"name": "two", "data": str(small_mnist), "labels": 20, "seeds": [1], "members": 2, "overrides": {**tiny, "log.grid_images": 32}}
    (tmp_path / "rows.yaml").write_text(yaml.safe_dump([row]))
    (found,) = few_labels.run_rows(str(tmp_path / "rows.yaml"), str(tmp_path / "results"), say=lambda line: None)
    (first, p), (second, q) = read
    configs = [run.config for run, _ in read]
    assert [(c.data.seed, c.train.seed) for c in configs] == [(1, 1), (1, 1001)] and first.folder.name + "-member-1" == second.folder.name
    assert first.state["data"]["fingerprint"] == second.state["data"]["fingerprint"] == found["labelled"]
    labels = load(str(small_mnist), "test").labels
    assert found["error"] == pytest.approx(((p + q).argmax(1) != labels).mean())
    assert found["member_errors"] == [pytest.approx((each.argmax(1) != labels).mean()) for each in (p, q)]


def test_the_shipped_rows_choose_without_test_images():
    rows = few_labels.read_rows("benchmarks/rows/semi-supervised.yaml")
    assert len({row["name"] for row in rows}) == len(rows) and {row["part"] for row in rows} == {"valid", "test"}
    assert all((min(row["seeds"]) > 10) == (row["part"] == "valid") for row in rows)

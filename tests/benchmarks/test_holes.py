"""The holes of DiffAugment, looked for in samples: the instrument sees them in real images that have them, and in few others."""

import json

import pytest


@pytest.fixture
def holes(monkeypatch, process):
    from benchmarks import holes

    for name, value in (("LEARNT", 6000), ("HELD_OUT", 500), ("STEPS", 10)):
        monkeypatch.setattr(holes, name, value)
    return holes


def test_holes_are_seen_where_there_are_some(holes, monkeypatch):
    from paddle_gan_aug.data import load, to_network

    monkeypatch.setattr(holes, "STEPS", 400)
    reader = holes.HoleReader(load("mnist", "train"), 0.25, -1.0)
    whole = to_network(load("mnist", "valid").images[:1000])
    cut = reader.cut(whole, "test")
    assert 300 < len(cut) < 1000  # the others' holes lie where nothing is
    assert reader.seen(cut) > reader.seen(whole) + 0.4


def test_a_line_for_each_run_and_what_cannot_be(holes, here, tiny, tmp_path):
    runs = [tiny["5"], tiny["conditional"]]
    table = here("benchmarks", "holes", *runs, "--count", 50, "--to", tmp_path / "found.json").stdout
    found = json.loads((tmp_path / "found.json").read_text())
    assert [(row["run"], row["policy"]) for row in found["runs"]] == [("digits-5", "none"), ("conditional", "none")]
    assert all(0 <= row["seen"] <= 1 for row in found["runs"]) and "| conditional | none |" in table
    assert "choose one that cuts holes: digits" in here("benchmarks", "holes", tiny["5"], "--policy", "none", code=2).stderr


def test_a_line_says_how_often_the_images_were_changed():
    from benchmarks.holes import holes_table

    runs = [("a", "none", 1.0), ("b", "digits", 1.0), ("c", "digits", 0.5)]
    rows = [{"run": run, "policy": policy, "probability": p, "seen": 0.125} for run, policy, p in runs]
    table = holes_table({"seen_in_whole": 0.05, "seen_in_cut": 0.9, "runs": rows}).splitlines()
    assert table[-3:] == ["| a | none | 12.5 % |", "| b | digits | 12.5 % |", "| c | digits, p = 0.5 | 12.5 % |"]

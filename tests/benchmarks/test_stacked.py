"""Stacked MNIST: what a mode is, and how modes are counted."""

import json

import numpy as np
import yaml

from benchmarks import stacked
from paddle_gan_aug.evaluation.feature_network import feature_network


def test_modes_are_counted_beside_those_of_the_data():
    data = np.array([0, 0, 7, 999])
    assert stacked.count_modes(np.array([0, 7]), data) == {"modes": 2, "kl": round(0.5 * np.log(2), 4)}
    assert stacked.count_modes(data, data) == {"modes": 3, "kl": 0.0}


def test_a_stack_shows_the_digits_of_its_mode(process):
    stacks, modes = stacked.draw_stacks(300, "test")
    assert stacks.shape == (300, 3, 28, 28) and stacks.dtype == np.uint8
    again, _ = stacked.draw_stacks(300, "test")
    assert np.array_equal(stacks, again)
    read = stacked.read_modes(stacks, feature_network("mnist", quiet=True))
    assert (read == modes).mean() > 0.95
    swapped = stacked.read_modes(np.ascontiguousarray(stacks[:, ::-1]), feature_network("mnist", quiet=True))
    assert np.array_equal(swapped // 100, read % 10)


def test_a_gan_learns_stacks_without_labels(here, tmp_path, monkeypatch):
    monkeypatch.setattr(stacked, "STACKS", 20_000)
    monkeypatch.setattr(stacked, "SAMPLES", 60)
    stacked.write_stacks(tmp_path / "stacks.npz", 200)
    narrow = {"generator.width": 0.05, "discriminator.width": 0.05, "train.batch_size": 20}
    rows = [{"name": "small", "preset": "dcgan-sn-hinge", "overrides": narrow, "seeds": [0], "marks": [1, 2]}]
    (tmp_path / "rows.yaml").write_text(yaml.safe_dump(rows))
    given = ["--recipes", tmp_path / "rows.yaml", "--to", tmp_path / "results", "--data", tmp_path / "stacks.npz"]
    (row,) = json.loads(here("benchmarks", "--json", "stacked-mnist", *given).stdout)
    assert [mark["step"] for mark in row["marks"]] == [1, 2] and 1 <= row["marks"][1]["modes"] <= 60
    assert row["floor"]["modes"] <= 60 and row["counted"] == 60 and row["overrides"] == narrow
    assert np.load(tmp_path / "stacks.npz")["images"].shape == (200, 3, 28, 28)
    table = here("benchmarks", "stacked-mnist", *given, "--stored").stdout
    assert table.count("| small | 0 |") == 2 and "*real stacks*" in table

"""A whole command on the clock: a real process, its memory, and what it has learnt."""

import json

import pytest

from benchmarks.wall import wall_time
from paddle_gan_aug.errors import RunFailed


def test_a_whole_training_is_timed_and_read(here, tiny, tmp_path):
    preset = tmp_path / "tiny.yaml"
    preset.write_text("{generator: {width: 0.05}, discriminator: {width: 0.05}, train: {steps: 3, batch_size: 20}}")
    here("benchmarks", "wall", "--gan", preset, "--samples", "--keep", tmp_path / "kept", "--to", tmp_path / "found.json")
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["command"] == f"python train.py --gan {preset} --seed 0"
    assert 1 < found["seconds"] < 300 and found["peak_mb"] > 100
    assert found["run_mb"] > 0 and found["step"] == 3 and found["samples"]["count"] == 5000
    assert (tmp_path / "kept" / "timed" / "config.yaml").is_file()
    assert found["test"]["count"] == 10_000 and "test files" in found["test"]["reference"]["source"] and found["test"]["frechet"] > 1


def test_any_command_is_timed(here, tiny, tmp_path):
    typed = f"generate {tiny['5']} --count 2 --to {tmp_path / 'made'}"
    here("benchmarks", "wall", "--typed", typed, "--to", tmp_path / "found.json")
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["command"] == f"python -m paddle_gan_aug {typed}" and found["seconds"] > 0 and found["peak_mb"] > 100
    assert (tmp_path / "made" / "manifest.jsonl").exists()


def test_a_training_that_fails_says_why(process):
    with pytest.raises(RunFailed, match="--gan clasic.*did you mean classic"):
        wall_time("clasic")

"""Samples of a rare class: the judges learn other images, rows are kept, and no picture goes to the results."""

import json

import numpy as np
import pytest
import yaml

from benchmarks import rare_class
from benchmarks.tables import rare_table
from paddle_gan_aug.pictures import save_png


@pytest.fixture
def folders(tmp_path):
    """Folders of grey images of 16 pixels: plain ones, and some with a bright spot."""
    rng = np.random.default_rng(0)
    for folder, counts in (("train", {"plain": 30, "spot": 6}), ("rest", {"plain": 40, "spot": 20})):
        for name, count in counts.items():
            (tmp_path / folder / name).mkdir(parents=True)
            for index in range(count):
                image = rng.integers(60, 90, (16, 16), dtype=np.uint8)
                if name == "spot":
                    image[4:10, 4:10] = 240
                save_png(tmp_path / folder / name / f"{index}.png", image)
    return tmp_path


def test_rows_are_read_by_judges_of_other_images(here, folders, monkeypatch):
    monkeypatch.setattr(rare_class, "JUDGE_STEPS", 30)
    monkeypatch.setattr(rare_class, "DRAWN", 10)
    narrow = {
        "generator.width": 0.1,
        "discriminator.width": 0.1,
        "train.batch_size": 12,
        "data.source": str(folders / "train"),
        "data.split": "full",
    }
    (folders / "rows.yaml").write_text(
        yaml.safe_dump([{"name": "tiny", "preset": "sngan-projection", "overrides": narrow, "seeds": [0], "marks": [3]}])
    )
    command = [
        "rare-class",
        "--recipes",
        folders / "rows.yaml",
        "--to",
        folders / "found",
        "--rest",
        folders / "rest",
        "--pictures",
        folders / "seen",
    ]
    (row,) = json.loads(here("benchmarks", "--json", *command).stdout)
    assert row["step"] == 3 and row["cpu_seconds"] > 0
    assert row["real"]["spot"] == 1.0 and row["real"]["plain"] == 1.0  # a spot is plain to see
    assert 0 <= row["read"]["spot"] <= 1 and row["diversity"]["plain"] >= 0
    assert [path.suffix for path in (folders / "found").iterdir()] == [".json"] and (folders / "seen" / "tiny-seed-0.png").is_file()
    assert json.loads(here("benchmarks", "--json", *command).stdout) == [row]


def test_the_table_by_hand():
    row = {"name": "a", "seed": 0, "step": 7, "cpu_seconds": 9.6, "real": {"x": 0.5}, "read": {"x": 0.25}, "diversity": {"x": 0.8}}
    assert rare_table([row]).splitlines()[2:] == [
        "| *real, not seen by the judges* | – | – | – | 50.0% | 1.00 |",
        "| a | 0 | 7 | 10 | 25.0% | 0.80 |",
    ]

"""A sheet of samples with what networks say of each, and nothing else on the disk."""

import json

import numpy as np
import pytest
from PIL import Image

from paddle_gan_aug.data import to_network
from paddle_gan_aug.synthesis.sampler import Samplers, open_runs


def test_samples_with_scores_and_readings(here, tiny, tmp_path):
    command = ["generate", tiny["conditional"], "--preview", "--to", tmp_path / "look.png"]
    rows = json.loads(here(*command, "--classifier", tiny["classifier"], "--json").stdout)["images"]
    assert [row["class"] for row in rows] == [str(digit) for digit in range(10) for _ in range(8)]
    assert {row["verdict"] for row in rows} - {"kept"}  # junk does not pass
    sampler = Samplers(open_runs(tiny["conditional"])).of_class("4")
    images = sampler.sample(range(8), 0)
    expected = sampler.run.algorithm.realness(to_network(images), np.full(8, 4))
    assert [row["score"] for row in rows[32:40]] == pytest.approx(np.ravel(expected).tolist(), abs=2e-3)
    assert Image.open(tmp_path / "look.png").size[0] == 8 * 84 + 7 * 8
    assert [path.name for path in tmp_path.iterdir()] == ["look.png"]
    assert "exists" in here(*command, code=2).stderr
    assert ".png" in here("generate", tiny["conditional"], "--preview", "--to", tmp_path / "folder", code=2).stderr


def test_without_a_classifier_there_is_the_score_alone(here, run_without_classes, tmp_path):
    done = here("generate", run_without_classes, "--preview", "--count", 5, "--to", tmp_path / "look.png", "--json")
    rows = json.loads(done.stdout)["images"]
    assert len(rows) == 5 and all(set(row) == {"class", "score"} for row in rows)


@pytest.fixture
def run_without_classes(tiny):
    return tiny["5"]

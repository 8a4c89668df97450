"""The small colour set, and colour from end to end: folders of 32 and 64 pixels through every command."""

import json

import numpy as np
import pytest
from PIL import Image

from benchmarks.__main__ import main
from benchmarks.patches import LARGEST, REGIONS, apart, write_patches
from paddle_gan_aug.data import load
from paddle_gan_aug.errors import InputError


@pytest.mark.parametrize("size", [32, 64])
def test_patches_are_real_colour_images(tmp_path, monkeypatch, size):
    (tmp_path / "work" / "mnist").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    write_patches("patches", size, per_class=12)
    train = load("patches")
    assert train.class_names == tuple(REGIONS) and train.shape == (3, size, size) and train.counts().tolist() == [10] * 5
    red, _, blue = train.images.mean((2, 3)).T
    petals, leaves = train.labels == REGIONS_IN_ORDER.index("petals"), train.labels == REGIONS_IN_ORDER.index("leaves")
    assert (red > blue)[petals].mean() > 0.8 and (blue > red)[leaves].mean() > 0.8
    with pytest.raises(InputError, match="not empty"):
        write_patches("patches", size)


REGIONS_IN_ORDER = list(REGIONS)


@pytest.mark.parametrize("size", [32, 96, LARGEST])
def test_test_patches_share_no_pixel_with_training_patches(size):
    for _, *box in REGIONS.values():
        train, test = apart(box, size)
        for left, top, right, bottom in (train, test):
            assert right - left >= size and bottom - top >= size
        assert train[2] == test[0] or train[3] == test[1]
        assert [min(a, b) for a, b in zip(train[:2], test[:2])] == box[:2] and [max(a, b) for a, b in zip(train[2:], test[2:])] == box[2:]


def test_test_patches_are_a_part_of_their_own(tmp_path):
    folder = write_patches(tmp_path / "patches", 96, per_class=6, test_per_class=2)
    assert load(folder, "test").counts().tolist() == [2] * 5 and load(folder, split="full").counts().tolist() == [6] * 5


def test_what_is_refused(tmp_path):
    with pytest.raises(InputError, match="patches of 200 pixels: choose 8 to 128"):
        write_patches(tmp_path / "p", 200)


@pytest.mark.parametrize("size", [32, 64])
def test_a_colour_folder_from_end_to_end(cli, small, tmp_path, size):
    folder = tmp_path / "patches"
    assert main(["patches", "--image-size", str(size), "--per-class", "60", "--to", str(folder)]) == 0
    cli("train", "--data", folder, *small, "health.every_steps=2", "--steps", 4, "--run", "r")
    samples = np.asarray(Image.open(cli.output / "r" / "samples" / "step-000004.png"))
    assert samples.ndim == 3 and (samples.std(2) > 0).any()
    rows = [json.loads(line) for line in (cli.output / "r" / "metrics.jsonl").read_text().splitlines()]
    assert any("health/contrast" in row for row in rows)
    cli("generate", cli.output / "r", "--count", 3, "--to", tmp_path / "images")
    assert Image.open(tmp_path / "images" / "000000.png").mode == "RGB"
    assert Image.open(tmp_path / "images" / "000000.png").size == (size, size)

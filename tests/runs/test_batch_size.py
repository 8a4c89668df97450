"""A preset's batch shrinks to small data; one that was asked for is refused, by every command alike and before anything is written."""

import json

import numpy as np
import pytest
from PIL import Image

from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.data import LabelledImages
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.runs.batch_size import fit_batch_size

QUIET = ["-o", "log.visualdl=false", "log.grid_images=8"]
TINY = [*QUIET, "generator.width=0.05", "discriminator.width=0.05"]


def images(count):
    return LabelledImages(np.zeros((count, 1, 28, 28), np.uint8), np.zeros(count, np.int64), ("a",), "mine")


def test_a_presets_size_gives_way(capsys):
    config = load_config("projection")
    assert fit_batch_size(config, images(42)).train.batch_size == 42
    assert f"mine has 42 images: batches of 42 in place of {config.train.batch_size}" in capsys.readouterr().err
    assert fit_batch_size(config, images(1000)) is config and config.train.batch_size > 42
    packed = load_config("projection", {"discriminator.pack": 2, "discriminator.conditioning": "none"})
    assert fit_batch_size(packed, images(41), quiet=True).train.batch_size == 40


def test_with_a_generated_part_only_the_real_images_count():
    config = load_config("classifier", {"generated.source": "x", "generated.share": 0.75})
    assert fit_batch_size(config, images(32)) is config and config.train.batch_size == 128
    assert fit_batch_size(config, images(8), quiet=True).train.batch_size == 34
    huge = {"train.batch_size": 10**18}
    with pytest.raises(InputError, match="use a batch size of at most 34"):
        fit_batch_size(load_config(config, huge), images(8), huge)


@pytest.mark.parametrize("asked", [{"train.batch_size": 50}, {"train.batch_size": 64}, {"train.batch_size": 10**18}])
def test_a_size_that_was_asked_for_is_refused(asked, tmp_path):
    message = r"is larger than the data, 42 images \(mine\): use a batch size of at most 42"
    with pytest.raises(InputError, match=message):
        fit_batch_size(load_config("projection", asked), images(42), asked)
    (tmp_path / "own.yaml").write_text(f"algorithm: gan\ntrain: {{batch_size: {asked['train.batch_size']}}}\n")
    with pytest.raises(InputError, match=message):
        fit_batch_size(load_config(tmp_path / "own.yaml"), images(42))


@pytest.fixture
def small_folder(tmp_path, small_mnist):
    from paddle_gan_aug.data import load

    digits = load(str(small_mnist))
    for digit, count in ((3, 30), (5, 12)):
        (tmp_path / "data" / str(digit)).mkdir(parents=True)
        for i, image in enumerate(digits.of_class(str(digit)).images[:count, 0]):
            Image.fromarray(image).save(tmp_path / "data" / str(digit) / f"{i}.png")
    return tmp_path / "data"


def test_commands_agree(here, small_folder, tmp_path):
    augment = ["augment", "--data", small_folder, "--to", tmp_path / "to", "--steps", 2, "--filters", "none", *TINY]
    train = ["train", "--gan", "projection", "--data", small_folder, "--steps", 2, "--run", "r", *TINY]
    for command in (train, augment, [*augment, "--dry-run"]):
        refused = here(*command, "--batch-size", 64, code=2).stderr
        assert "batch size 64 is larger than the data, 35 images" in refused and not (tmp_path / "to").exists() and not here.output.exists()
    assert "batches of 35 in place of" in here(*augment, "--dry-run").stderr
    here(*augment)
    here(*train)
    assert load_config(here.output / "r" / "config.yaml").train.batch_size == 35
    again = here("train", "--resume", "--run", "r", "--steps", 3)
    assert "is at step 3" in again.stdout
    classify = ["classify", "--data", small_folder, "--test", small_folder, "--allow-overlap", "--steps", 2, "--run", "c", "--json"]
    classify += [*QUIET, "classifier.width=0.25"]
    assert json.loads(here(*classify).stdout)["test"]["count"] == 42

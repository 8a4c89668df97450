"""The estimate of memory: it grows with the batch, and a training that does not fit is refused before anything is written."""

import re

import numpy as np
import pytest

from paddle_gan_aug.config.loading import load_config
from paddle_gan_aug.data import LabelledImages
from paddle_gan_aug.errors import InputError
from paddle_gan_aug.runs.memory import check_memory, estimate_needs, refuse_beyond


@pytest.fixture(scope="module")
def images():
    pictures = np.random.default_rng(0).integers(0, 256, (1024, 1, 32, 32), dtype=np.uint8)
    return LabelledImages(pictures, np.arange(1024) % 2, ("a", "b"), "noise")


def config(**settings):
    narrow = {"generator.width": 0.1, "discriminator.width": 0.1, "runtime.threads": 1}
    return load_config("sngan-residual", {**narrow, **{key.replace("__", "."): value for key, value in settings.items()}})


def test_small_batches_are_not_looked_at(process, images):
    assert check_memory(config(), images) is None


def test_a_limit_refuses_with_the_figure(cli, small_mnist, tmp_path):
    narrow = ["generator.width=0.1", "discriminator.width=0.1"]
    given = ["train", "--gan", "sngan-residual", "--data", small_mnist, "--steps", 1, "--run", "r", "-o", *narrow]
    refused = cli(*given, "runtime.memory_limit=10", code=2).stderr
    assert re.search(r"train.batch_size\) 64: training needs about \d\d+ MB of memory, and runtime.memory_limit allows 10 MB", refused)
    assert not (tmp_path / "output" / "r").exists()
    assert cli(*given, "runtime.memory_limit=100000").returncode == 0


def test_the_machine_without_a_limit():
    with pytest.raises(InputError, match="this machine has left"):
        refuse_beyond(None, 10**9, 64)


def test_larger_batches_need_more(process, images):
    needs = [estimate_needs(config(train__batch_size=size), images) for size in (16, 1024)]
    if None in needs:
        pytest.skip("this Paddle cannot forget the peak of earlier tests")
    assert needs[1].memory_mb > needs[0].memory_mb + 20 and needs[0].checkpoint_mb > 0


def test_second_derivatives_are_counted_in_the_steps(process):
    """Their check, while networks are built, takes more than small batches do and must not hide what each image adds."""
    images = LabelledImages(np.zeros((256, 1, 64, 64), np.uint8), np.arange(256) % 2, ("a", "b"), "x")
    configs = [load_config("r3gan-projection", {"runtime.threads": 1, "train.batch_size": size}) for size in (64, 256)]
    needs = [estimate_needs(config, images) for config in configs]
    if None in needs:
        pytest.skip("this Paddle cannot forget the peak of earlier tests")
    assert needs[1].memory_mb > needs[0].memory_mb + 500

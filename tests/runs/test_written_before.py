"""A small run and a set that an earlier version wrote (at f702073, on Paddle 3.3.1) can be opened, drawn from, continued and read."""

import shutil
from pathlib import Path

import numpy as np

import paddle_gan_aug as pga

WRITTEN = Path(__file__).resolve().parents[1] / "written"


def test_the_set_is_read():
    images = pga.load(WRITTEN / "set", split="full")
    assert images.class_names == tuple("0123456789") and images.counts().tolist() == [1] * 10


def test_the_run_makes_the_images_of_its_set_again(tmp_path, process):
    run = pga.open_run(WRITTEN / "run")
    assert run.step == 3
    made = pga.generate(run, to=tmp_path / "set", per_class=1, seed=3, filters=pga.Filters("none"), quiet=True)
    before, now = (pga.load(folder, split="full").images.astype(int) for folder in (WRITTEN / "set", made.folder))
    assert np.abs(before - now).max() <= 1  # another Paddle may round otherwise


def test_the_run_is_continued(tmp_path):
    shutil.copytree(WRITTEN / "run", tmp_path / "run")
    run = pga.train(run="run", output=tmp_path, log=tmp_path, resume=True, overrides={"train.steps": 4}, quiet=True)
    assert run.step == 4 and [row["step"] for row in run.metrics()][-1] == 4

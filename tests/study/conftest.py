"""Small labelled sets of three shapes that a classifier learns in a second."""

import shutil

import numpy as np
import pytest

from paddle_gan_aug.data import LabelledImages
from paddle_gan_aug.study import speed
from paddle_gan_aug.study.splits import DataSpec, StudyData
from paddle_gan_aug.study.study import run_study

CLASSES = ("bar", "dot", "ring")


def pictures(counts, seed=0, classes=CLASSES):
    """`LabelledImages` of 16×16 grey pixels: the class is where the bright square lies."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    images = rng.integers(0, 90, (len(labels), 1, 16, 16)).astype(np.uint8)
    for image, label in zip(images, labels):
        image[0, 4:12, 1 + 5 * label : 5 + 5 * label] += 140
    return LabelledImages(images, labels.astype(np.int64), classes, f"pictures {seed}")


@pytest.fixture
def study_data():
    """Makes a `StudyData`: counts of the pool, of validation and of test images, or None."""

    def make(pool=(12, 12, 12), valid=None, test=(20, 20, 20)):
        parts = [None if counts is None else pictures(counts, seed) for seed, counts in enumerate((pool, valid, test))]
        return StudyData("pictures", DataSpec("pictures"), *parts, "digits")

    return make


def write_npz(path, train, test):
    """Write such a set as an .npz file; returns its path."""
    parts = {}
    for part, counts, seed in (("train", train, 0), ("test", test, 2)):
        if counts is not None:
            images = pictures(counts, seed)
            parts.update({f"{part}_images": images.images[:, 0], f"{part}_labels": images.labels})
    np.savez(path, class_names=np.array(CLASSES), layout=np.array("NHW"), **parts)
    return path


@pytest.fixture
def npz(tmp_path):
    """Writes such a set as an .npz file; returns its path."""
    return lambda train=(12, 12, 12), test=(20, 20, 20), name="pictures.npz": write_npz(tmp_path / name, train, test)


SHORT = {"steps": 2, "seeds": 2, "choices": 0, "arms": ["classical"], "quiet": True, "keep": False}


@pytest.fixture(scope="session")
def ended(tmp_path_factory):
    """A folder with data.npz, and study, a study of it with the options `SHORT` that has ended."""
    folder = tmp_path_factory.mktemp("ended")
    data = write_npz(folder / "data.npz", (12, 12, 12), (20, 20, 20))
    run_study(str(data), to=folder / "study", output=folder / "output", log=folder / "log", **SHORT)
    return folder


@pytest.fixture
def again(ended, tmp_path):
    """(a copy of the folder of that study, a function that runs it again with further options)"""
    shutil.copytree(ended / "study", tmp_path / "study")

    def run(**options):
        where = {"to": tmp_path / "study", "output": tmp_path / "output", "log": tmp_path / "log"}
        return run_study(str(ended / "data.npz"), **SHORT, **where, **options)

    return tmp_path / "study", run


@pytest.fixture(autouse=True)
def the_machine_of_the_tables(monkeypatch):
    """No test waits until the speed of this machine is measured, and none depends on it."""
    monkeypatch.setattr(speed, "_measured", lambda threads: 1.0)

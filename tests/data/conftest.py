"""Small data for the data tests, and a project folder that is not the real one."""

import numpy as np
import pytest
from large_sets import forget
from PIL import Image

from paddle_gan_aug.data import LabelledImages, cache, idx_file_names, load, write_idx


@pytest.fixture(scope="session")
def mnist_train():
    return load("mnist", "train")


@pytest.fixture(scope="session")
def mnist_test():
    return load("mnist", "test")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def small(rng):
    """13 grey 4 x 4 images of three classes."""
    images = rng.integers(0, 256, (13, 1, 4, 4), dtype=np.uint8)
    return LabelledImages(images, np.arange(13, dtype=np.int64) % 3, ("a", "b", "c"), "small")


@pytest.fixture
def other_project(tmp_path, monkeypatch):
    """The current folder becomes a project of its own, so that caches stay out of the real one."""
    (tmp_path / "project" / "work" / "mnist").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def idx_folder(tmp_path, rng):
    """A function that writes a folder of IDX files: 12 training and 5 test images unless told otherwise."""

    def write(name="set", train_labels=tuple(range(10)) + (0, 1), test_labels=(0, 1, 2, 3, 4), size=(28, 28), suffix=".gz"):
        folder = tmp_path / name
        folder.mkdir()
        for part, labels in (("train", train_labels), ("test", test_labels)):
            images_name, labels_name = idx_file_names(part)
            write_idx(folder / (images_name + suffix), rng.integers(0, 256, (len(labels), *size), dtype=np.uint8))
            write_idx(folder / (labels_name + suffix), np.array(labels, np.uint8))
        return folder

    return write


@pytest.fixture
def digits(other_project, mnist_train):
    """A function that writes real digits as <folder>/<class>/<index>.png; the cache stays in a temporary project."""

    def write(folder="set", classes="012", each=6, first=0):
        for name in classes:
            of_class = mnist_train.images[mnist_train.labels == int(name[-1])][first : first + each]
            place = other_project / folder / name
            place.mkdir(parents=True)
            for i, image in enumerate(of_class):
                Image.fromarray(image[0]).save(place / f"{i}.png")
        return other_project / folder

    return write


@pytest.fixture
def limit(other_project, monkeypatch):
    """A function that lets arrays above some bytes lie on the disk."""

    def limit(size=10_000, few=100):
        forget()
        cache.clear()
        monkeypatch.setattr(cache, "LARGE", size)
        monkeypatch.setattr(cache, "SMALL", 100)
        monkeypatch.setattr("paddle_gan_aug.data.file_list.FEW", few)

    yield limit
    forget()


@pytest.fixture
def kept(other_project):
    return other_project / "output" / ".cache"


@pytest.fixture
def some_digits(mnist_train):
    return mnist_train.subset(slice(0, 1200))

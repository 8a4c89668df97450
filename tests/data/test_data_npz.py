"""npz files: every layout, labels and names; whatever is wrong is one clear line."""

import numpy as np
import pytest

from paddle_gan_aug.data import Source, load, load_test
from paddle_gan_aug.errors import InputError


@pytest.fixture
def digits(mnist_train):
    return mnist_train.subset(range(60))


def test_a_labelled_npz_is_data(tmp_path, digits):
    names = np.array([f"digit {i}" for i in range(10)])
    np.savez(tmp_path / "d.npz", images=digits.images, labels=digits.labels.astype("uint8"), class_names=names)
    train, valid = load(tmp_path / "d.npz"), load(tmp_path / "d.npz", "valid")
    assert len(train) + len(valid) == 60 and train.class_names == tuple(names) and train.shape == (1, 28, 28)
    assert (np.bincount(valid.labels) == np.maximum(1, np.round(digits.counts() / 6))).all()
    whole = load_test(tmp_path / "d.npz")
    assert (whole.images == digits.images).all() and (whole.labels == digits.labels).all()
    assert load(Source(str(tmp_path / "d.npz"), image_size=32, channels=3)).shape == (3, 32, 32)
    with pytest.raises(InputError, match="no test images.*--test.*--part valid"):
        load(tmp_path / "d.npz", "eval")


def test_without_labels_there_is_one_class(tmp_path, digits):
    np.savez(tmp_path / "d.npz", images=digits.images[:, 0])
    assert load(tmp_path / "d.npz").class_names == ("images",)


def test_a_layout_that_the_shape_leaves_open(tmp_path):
    images = np.arange(2 * 3 * 8 * 3, dtype=np.uint8).reshape(2, 3, 8, 3)
    np.savez(tmp_path / "d.npz", images=images)
    with pytest.raises(InputError, match="may be NCHW or NHWC: store an array layout"):
        load_test(tmp_path / "d.npz")
    np.savez(tmp_path / "d.npz", images=images, layout="NHWC")
    assert (load_test(tmp_path / "d.npz").images == images.transpose(0, 3, 1, 2)).all()


@pytest.mark.parametrize(
    "arrays, message",
    [
        ({"labels": np.array([0, 2])}, "class 1 has no image"),
        ({"labels": np.array([0])}, "must be 2 whole numbers"),
        ({"labels": np.array([0, -1])}, "whole numbers from 0"),
        ({"labels": np.array([0, 1]), "class_names": np.array(["a"])}, "go up to 1, but class_names are 1"),
        ({"labels": np.array([0, 1]), "class_names": np.array(["a", "a"])}, "different texts"),
        ({"labels": np.array([0, 1]), "class_names": np.array(["a", None])}, "cannot be read"),
        ({"layout": "CHWN"}, "layout says CHWN"),
        ({"layout": "NHWC"}, "layout says NHWC"),
    ],
)
def test_what_is_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "d.npz", images=np.zeros((2, 1, 9, 9), np.uint8), **arrays)
    with pytest.raises(InputError, match=message) as refused:
        load_test(tmp_path / "d.npz")
    assert "\n" not in str(refused.value)

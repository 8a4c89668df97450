"""Splits: nothing is in two of them, nothing is lost, and what a source lacks is said."""

import numpy as np
import pytest

from paddle_gan_aug.data import LabelledImages, few_of_each_class, hold_out, load, select, stratified
from paddle_gan_aug.data.splits import last_sixth_is_fair
from paddle_gan_aug.errors import InputError


def part(count, first=0):
    """Images that carry their own number."""
    images = np.arange(first, first + count, dtype=np.uint8).reshape(count, 1, 1, 1)
    return LabelledImages(images, np.zeros(count, np.int64), ("a",), f"from {first}")


def numbers(data):
    return data.images.reshape(-1).tolist()


def source(**parts):
    return parts.get


def test_mnist_is_split_in_file_order(mnist_train):
    full, valid = load(split="full"), load(part="valid")
    assert (len(full), len(mnist_train), len(valid)) == (60000, 50000, 10000)
    assert (full.images[:50000] == mnist_train.images).all() and (full.labels[:50000] == mnist_train.labels).all()
    assert (full.images[50000:] == valid.images).all() and (full.labels[50000:] == valid.labels).all()
    assert mnist_train.source == "mnist, training files, images 0 to 49999 of 60000"


@pytest.mark.parametrize("count, held", [(12, 2), (13, 2), (6, 1), (5, 0)])
def test_hold_out_takes_the_last_sixth(count, held):
    train, valid = hold_out(part(count))
    assert numbers(train) + numbers(valid) == list(range(count)) and len(valid) == held


def test_a_source_without_validation_part():
    read = source(train=part(12), test=part(3, 50))
    assert numbers(select(read, "train")) == list(range(10))
    assert numbers(select(read, "valid")) == [10, 11]
    assert numbers(select(read, "train", "full")) == list(range(12))
    assert numbers(select(read, "test")) == numbers(select(read, "test", "full")) == [50, 51, 52]


def test_a_source_with_validation_part():
    read = source(train=part(12), valid=part(2, 30), test=part(3, 50))
    assert numbers(select(read, "train")) == list(range(12))
    assert numbers(select(read, "valid")) == [30, 31]
    assert numbers(select(read, "train", "full")) == [*range(12), 30, 31]


def test_only_the_parts_needed_are_read():
    asked = []

    def read(name):
        asked.append(name)
        return part(12) if name != "valid" else None

    select(read, "test")
    assert asked == ["test"]
    select(read, "train")
    assert asked == ["test", "train", "valid"]
    with pytest.raises(InputError):
        select(read, "valid", "full")
    assert len(asked) == 3


def test_what_is_refused():
    read = source(train=part(5))
    with pytest.raises(InputError, match="my data has no test images"):
        select(read, "test", name="my data")
    with pytest.raises(InputError, match="no validation images"):
        select(read, "valid")
    with pytest.raises(InputError, match="no training images"):
        select(source(train=part(0)), "train")
    with pytest.raises(InputError, match="no validation images with split 'full'"):
        select(read, "valid", "full")
    with pytest.raises(InputError, match="unknown split 'ful'.*nearest: full"):
        select(read, "train", "ful")


def classes(*counts):
    labels = np.repeat(np.arange(len(counts)), counts)
    images = np.arange(len(labels), dtype=np.uint8).reshape(-1, 1, 1, 1)
    return LabelledImages(images, labels, tuple(map(str, range(len(counts)))), "classes")


def test_a_stratified_split_takes_the_same_share_of_each_class():
    data = classes(40, 10, 2)
    train, valid = stratified(data, 0.25, seed=4)
    assert valid.counts().tolist() == [10, 2, 1] and train.counts().tolist() == [30, 8, 1]
    assert sorted(numbers(train) + numbers(valid)) == numbers(data) and numbers(train) == sorted(numbers(train))
    assert numbers(stratified(data, 0.25, seed=4)[1]) == numbers(valid) != numbers(stratified(data, 0.25, seed=5)[1])
    with pytest.raises(InputError, match="class 1 of classes has one image"):
        stratified(classes(4, 1))


def test_few_of_each_class():
    data = classes(40, 10, 0)
    few, more = few_of_each_class(data, 3, seed=1), few_of_each_class(data, 6, seed=1)
    assert few.counts().tolist() == [3, 3, 0] and set(numbers(few)) < set(numbers(more))
    assert numbers(few) != numbers(few_of_each_class(data, 3, seed=2))
    with pytest.raises(InputError, match="class 1 of classes has 10 training images: data.per_class 11"):
        few_of_each_class(data, 11)


def shuffled(counts, seed=0):
    return np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))


@pytest.mark.parametrize(
    "labels",
    [
        *[shuffled([40] * 10, seed) for seed in range(20)],
        shuffled([5000, 500, 50]),
        np.tile(np.arange(10), 6),
        np.arange(50),  # one image each: no split has all of them on both sides
        np.zeros(60, np.int64),
        np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]),
    ],
)
def test_a_mixed_order_is_known(labels):
    assert last_sixth_is_fair(labels)


@pytest.mark.parametrize(
    "labels",
    [
        np.repeat(range(6), 30),
        np.repeat(range(2), 30),
        np.repeat([3, 1, 0], 4),  # in one piece each, though not by number
        np.repeat(range(10), 6000),
        np.r_[np.repeat(range(10), 50), np.repeat(range(10), 50)],  # two sorted parts, one behind the other
        np.r_[shuffled([100, 100]), [2, 2]],  # a class added at the end
        np.r_[shuffled([500, 500]), np.zeros(200, np.int64)],
    ],
)
def test_an_order_by_class_is_known(labels):
    assert not last_sixth_is_fair(labels)


def test_a_lone_image_may_train():
    data = classes(6, 1)
    train, valid = stratified(data, lone_trains=True)
    assert train.counts().tolist() == [5, 1] and valid.counts().tolist() == [1, 0]
    assert numbers(stratified(classes(1, 1), lone_trains=True)[0]) == [0, 1]


def test_parts_of_other_sizes_are_not_joined(tmp_path):
    """Validation images of another size are no error of training alone, but of learning all of them."""
    rng = np.random.default_rng(0)
    parts = {f"{name}_images": rng.integers(0, 256, (8, size, size), dtype=np.uint8) for name, size in (("train", 16), ("valid", 20))}
    np.savez(tmp_path / "odd.npz", **parts, train_labels=np.arange(8) % 2, valid_labels=np.arange(8) % 2, layout=np.array("NHW"))
    assert load(tmp_path / "odd.npz").shape == (1, 16, 16)
    with pytest.raises(InputError, match="shape 1 x 16 x 16 and .* shape 1 x 20 x 20: give both one size and colour .*data.image_size"):
        load(tmp_path / "odd.npz", split="full")

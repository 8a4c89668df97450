"""Batches: each image once an epoch, in an order that depends on the epoch alone, scaled exactly."""

import numpy as np
import pytest

from paddle_gan_aug.data import Batches, LabelledImages
from paddle_gan_aug.errors import InputError

COUNT = 13


@pytest.fixture
def data():
    """13 images; the label of each is its own index."""
    images = np.random.default_rng(1).integers(0, 256, (COUNT, 1, 2, 3), dtype=np.uint8)
    return LabelledImages(images, np.arange(COUNT), tuple(map(str, range(COUNT))), "thirteen")


def rng_for_epoch(epoch):
    return np.random.default_rng([7, epoch])


def labels_of(batches, steps):
    return [batches.batch(step).labels.tolist() for step in steps]


@pytest.mark.parametrize("size, steps", [(4, 3), (13, 1), (1, 13), (12, 1)])
def test_an_epoch_has_each_image_once(data, size, steps):
    batches = Batches(data, size, rng_for_epoch)
    assert batches.steps_per_epoch == steps
    for epoch in range(3):
        epoch_labels = labels_of(batches, range(epoch * steps, (epoch + 1) * steps))
        assert all(len(labels) == size for labels in epoch_labels[:-1])
        seen = [label for labels in epoch_labels for label in labels]
        assert len(set(seen)) == len(seen) == COUNT // size * size


def test_values_types_and_pairs(data):
    batch = Batches(data, 5, rng_for_epoch).batch(1)
    assert batch.images.dtype == np.float32 and batch.labels.dtype == np.int64 and len(batch) == 5
    assert batch.images.shape == (5, 1, 2, 3) and batch.images.flags.c_contiguous
    assert (batch.images == data.images[batch.labels].astype(np.float32) / np.float32(127.5) - np.float32(1)).all()


def test_the_order_depends_on_the_generator_and_the_epoch_only(data):
    steps = range(9)
    first = labels_of(Batches(data, 4, rng_for_epoch), steps)
    assert first == labels_of(Batches(data, 4, rng_for_epoch), steps)
    assert first != labels_of(Batches(data, 4, lambda epoch: np.random.default_rng([8, epoch])), steps)
    assert first[:3] != first[3:6] != first[6:]


def test_any_step_can_be_asked_for(data):
    batches = Batches(data, 4, rng_for_epoch)
    in_order = labels_of(batches, range(20))
    jumps = [17, 3, 3, 0, 19, 8, 7, np.int64(12)]
    assert labels_of(batches, jumps) == [in_order[step] for step in jumps]
    assert labels_of(Batches(data, 4, rng_for_epoch), [11]) == [in_order[11]]


def test_an_epochs_order_is_drawn_once(data):
    drawn = []

    def counting(epoch):
        drawn.append(epoch)
        return rng_for_epoch(epoch)

    batches = Batches(data, 4, counting)
    labels_of(batches, range(7))
    assert drawn == [0, 1, 2]


def test_a_batch_may_be_changed(data):
    before = data.fingerprint()
    batch = Batches(data, 4, rng_for_epoch, pairs=True).batch(0)
    for array in (batch.images, batch.labels, batch.partners):
        array[:] = 0
    assert data.fingerprint() == before


def test_more_than_there_is(data):
    with pytest.raises(InputError, match=r"batch size 14 .* 13 images \(thirteen\): use a batch size of at most 13"):
        Batches(data, 14, rng_for_epoch)


@pytest.mark.parametrize("size", [0, -3])
def test_less_than_one(data, size):
    with pytest.raises(InputError, match=f"batch size {size} is below 1"):
        Batches(data, size, rng_for_epoch)


def test_negative_step(data):
    with pytest.raises(ValueError, match="-1"):
        Batches(data, 4, rng_for_epoch).batch(-1)


def test_partners_are_others_of_the_same_class():
    images = np.arange(COUNT, dtype=np.uint8).reshape(COUNT, 1, 1, 1)
    pairs = LabelledImages(images, np.array([0] * 5 + [1] * 7 + [2]), ("a", "b", "only"), "pairs")
    batches = Batches(pairs, COUNT, rng_for_epoch, pairs=True)
    number = {value: i for i, value in enumerate((images.ravel().astype(np.float32) / np.float32(127.5) - np.float32(1)).tolist())}
    seen = {i: set() for i in range(COUNT)}
    for epoch in range(60):
        batch = batches.batch(epoch)
        for image, partner in zip(batch.images.ravel().tolist(), batch.partners.ravel().tolist()):
            seen[number[image]].add(number[partner])
    assert all(seen[i] == set(range(5)) - {i} for i in range(5))
    assert all(seen[i] == set(range(5, 12)) - {i} for i in range(5, 12))
    assert seen[12] == {12}
    again = Batches(pairs, COUNT, rng_for_epoch, pairs=True)
    assert (again.batch(59).partners == batch.partners).all()
    assert (Batches(pairs, COUNT, rng_for_epoch).batch(59).images == batch.images).all(), "pairs do not change the order"
    assert Batches(pairs, COUNT, rng_for_epoch).batch(0).partners is None

"""Batches of two parts: exact shares, weights and rounds."""

import numpy as np
import pytest

from paddle_gan_aug.data import LabelledImages, MixedBatches, Pretraining, balanced_weights, oversampled
from paddle_gan_aug.errors import InputError


def images_of(value, count, classes=("a", "b")):
    labels = np.arange(count, dtype=np.int64) % 2
    return LabelledImages(np.full((count, 1, 4, 4), value, np.uint8), labels, classes, f"all {value}")


def mixed(share, every=None, weight=1.0, class_weights=None, batch_size=10, generated=lambda number: images_of(200 + number, 12)):
    def order(*places):
        return np.random.default_rng(places)

    return MixedBatches(images_of(0, 40), batch_size, order, generated, every, share, weight, class_weights, order)


@pytest.mark.parametrize("share, made, an_epoch", [(0.1, 1, 4), (0.5, 5, 8), (0.9, 9, 40), (1, 10, 4)])
def test_shares_are_exact(share, made, an_epoch):
    batches = mixed(share)
    assert batches.steps_per_epoch == an_epoch and batches.batch_size == 10
    for step in (0, 7, 100):
        batch = batches.batch(step)
        shown = np.rint((batch.images[:, 0, 0, 0] + 1) * 127.5)
        assert (shown == 200).sum() == made and (shown == 0).sum() == 10 - made
        assert batch.weights is None


def test_rounds_and_weights():
    batches = mixed(0.4, every=3, weight=0.25, class_weights=[1.0, 2.0])
    for step, number in ((0, 0), (2, 0), (3, 1), (8, 2), (3, 1)):
        batch = batches.batch(step)
        assert set(np.rint((batch.images[6:, 0, 0, 0] + 1) * 127.5)) == {200 + number}
        np.testing.assert_array_equal(batch.weights, np.repeat([1, 0.25], [6, 4]) * np.array([1, 2])[batch.labels])
    np.testing.assert_array_equal(batches.batch(4).images, mixed(0.4, every=3).batch(4).images)  # whatever came before


def test_generated_images_may_have_soft_labels():
    def order(*places):
        return np.random.default_rng(places)

    def read(images):
        assert (np.rint((images + 1) * 127.5) == 200).all()
        return np.tile(np.float32([0.25, 0.75]), (len(images), 1))

    batches = MixedBatches(images_of(0, 40), 10, order, lambda number: images_of(200, 12), None, 0.4, 1.0, None, order, read)
    batch = batches.batch(3)
    np.testing.assert_array_equal(batch.targets[:6], np.eye(2)[batch.labels[:6]])
    np.testing.assert_array_equal(batch.targets[6:], [[0.25, 0.75]] * 4)
    assert mixed(0.4).batch(3).targets is None


@pytest.mark.parametrize(
    "options, words",
    [
        ({"share": 0.01}, "leaves one part empty"),
        ({"share": 0.99}, "leaves one part empty"),
        ({"share": 0.5, "generated": lambda number: images_of(1, 4)}, "larger than the data"),
        ({"share": 0.5, "generated": lambda number: images_of(1, 12, ("a", "c"))}, "other classes"),
    ],
)
def test_what_does_not_fit_comes_out_at_once(options, words):
    with pytest.raises(InputError, match=words):
        mixed(**options)


def test_balanced_weights_let_classes_count_the_same():
    weights = balanced_weights([60, 30, 10, 0])
    np.testing.assert_allclose(weights * [60, 30, 10, 0], [100 / 3] * 3 + [0])


def test_oversampling_brings_every_class_to_the_largest():
    labels = np.array([0] * 7 + [1] * 3 + [3], dtype=np.int64)
    images = LabelledImages(np.arange(11, dtype=np.uint8)[:, None, None, None].repeat(4, 2).repeat(4, 3), labels, tuple("abcd"), "s")
    found = oversampled(images, seed=1)
    assert found.counts().tolist() == [7, 7, 0, 7]
    _, times = np.unique(found.images[:, 0, 0, 0], return_counts=True)
    assert times[:7].tolist() == [1] * 7 and sorted(times[7:10]) == [2, 2, 3] and times[10] == 7
    assert found.fingerprint() == oversampled(images, seed=1).fingerprint() != oversampled(images, seed=2).fingerprint()
    level = images_of(1, 8)
    assert oversampled(level).fingerprint() == level.fingerprint()


def test_pretraining_learns_generated_images_first():
    batches = Pretraining(mixed(1), mixed(0.5), 3)
    shown = [set(np.rint((batches.batch(step).images[:, 0, 0, 0] + 1) * 127.5)) for step in (0, 2, 3)]
    assert shown == [{200}, {200}, {0, 200}]
    assert (batches.batch_size, batches.steps_per_epoch, len(batches.dataset)) == (10, 8, 40)
    np.testing.assert_array_equal(batches.batch(3).images, mixed(0.5).batch(0).images)

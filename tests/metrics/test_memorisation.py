"""Distances to the nearest training image, the test on them, and duplicates."""

import numpy as np
import pytest

from paddle_gan_aug.metrics import closeness_to_training, duplicate_share, nearest_distances


def test_nearest_distances():
    training = np.array([[0.0, 0], [10, 0]])
    np.testing.assert_allclose(nearest_distances(np.array([[3.0, 4], [10, 1], [10, 0]]), training), [5, 1, 0], atol=1e-6)
    with pytest.raises(ValueError, match="width"):
        nearest_distances(np.zeros((2, 3)), training)
    with pytest.raises(ValueError, match="too few"):
        nearest_distances(np.zeros((0, 2)), training)


def test_closer_is_the_share_of_pairs():
    held_out = np.array([1.0, 2, 3, 4])
    assert closeness_to_training([0.5, 0.6], held_out)["closer"] == 1
    assert closeness_to_training([2.5, 9], held_out)["closer"] == pytest.approx((2 + 0) / 8)
    assert closeness_to_training(held_out, held_out)["closer"] == 0.5


def test_near_duplicates_are_closer_than_all_but_one_in_a_thousand():
    held_out = np.arange(1.0, 10_001)
    assert closeness_to_training([5.0, 10.5, 11.5, 20], held_out)["near_duplicates"] == 0.5


def test_the_test_holds_its_level():
    """New draws are called copies about as often as the level says, copies always."""
    rng = np.random.default_rng(0)
    held_out = rng.gamma(3, size=5000)
    new = [closeness_to_training(rng.gamma(3, size=200), held_out)["p_value"] for _ in range(400)]
    assert np.mean(np.array(new) < 0.05) == pytest.approx(0.05, abs=0.035)
    half_copied = np.where(np.arange(200) % 2, 0.0, rng.gamma(3, size=200))
    assert closeness_to_training(half_copied, held_out)["p_value"] < 1e-6


def test_a_set_with_more_of_a_close_class_is_no_copy():
    rng = np.random.default_rng(1)
    held_classes, fake_classes = np.arange(4000) % 2, np.zeros(500, dtype=int)
    held_out = rng.gamma(3, size=4000) * np.where(held_classes, 5, 1)  # class 0 lies close together
    fake = rng.gamma(3, size=500)
    assert closeness_to_training(fake, held_out)["p_value"] < 1e-6  # without classes it seems one
    assert closeness_to_training(fake, held_out, fake_classes, held_classes)["p_value"] > 0.001


def test_classes_that_the_held_out_images_lack():
    measured = closeness_to_training([1.0, 2, 3], np.arange(1.0, 101), [0, 7, 1], np.arange(100) % 2)
    assert 0.9 < measured["closer"] <= 1
    zeros = closeness_to_training(np.zeros(60), np.zeros(60), np.zeros(60, int), np.zeros(60, int))
    assert zeros["closer"] == 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], [1.0]), "generated distances"),
        (([1.0], []), "held-out distances"),
        (([np.nan], [1.0]), "finite"),
        (([1.0], [1.0], [0, 1], [0]), "1 generated distances but 2 classes"),
    ],
)
def test_bad_distances(arguments, message):
    with pytest.raises(ValueError, match=message):
        closeness_to_training(*arguments)


def test_duplicates():
    training = np.random.default_rng(2).integers(0, 256, (5, 1, 4, 4), dtype=np.uint8)
    changed = training[:1].copy()
    changed[0, 0, 0, 0] ^= 1
    assert duplicate_share(np.concatenate([training[1:4], changed]), training) == 0.75
    with pytest.raises(ValueError, match="uint8"):
        duplicate_share(training / 255, training)
    with pytest.raises(ValueError, match="looked for"):
        duplicate_share(training[:0], training)
    with pytest.raises(ValueError, match="looked for"):
        duplicate_share(training[:, :, :3], training)

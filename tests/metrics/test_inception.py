"""The inception score of probabilities whose score is known."""

import numpy as np
import pytest

from paddle_gan_aug.metrics.inception import inception_score


def score(probabilities, splits=1):
    return inception_score(np.array(probabilities), np.random.default_rng(0), splits)


def test_sure_and_balanced_is_the_number_of_classes():
    assert score(np.eye(4)[np.arange(40) % 4]) == pytest.approx((4, 0))


def test_unsure_or_one_class_is_one():
    assert score(np.full((20, 5), 0.2), 2) == pytest.approx((1, 0))
    assert score(np.tile([[0.0, 1, 0]], (20, 1)), 2) == pytest.approx((1, 0))


def test_by_hand():
    """Rows (.8, .2) and (.2, .8): the mean is (.5, .5), the divergence of each .8 log 1.6 + .2 log .4."""
    expected = np.exp(0.8 * np.log(1.6) + 0.2 * np.log(0.4))
    assert score([[0.8, 0.2], [0.2, 0.8]] * 5)[0] == pytest.approx(expected)


def test_images_sorted_by_class_score_as_shuffled_ones():
    mean, deviation = score(np.eye(10)[np.repeat(np.arange(10), 500)], 10)
    assert mean > 9.8
    assert 0 < deviation < 0.1


@pytest.mark.parametrize(
    ("probabilities", "splits", "message"),
    [
        (np.eye(3), 10, "3 rows are too few, at least 10"),
        (np.full((20, 3), 0.5), 1, "sum to 1"),
        ([[1.5, -0.5]] * 20, 1, "non-negative"),
        ([[np.nan, 1.0]] * 20, 1, "NaN"),
        (np.eye(3), 0, "1 or more"),
    ],
)
def test_bad_input(probabilities, splits, message):
    with pytest.raises(ValueError, match=message):
        score(probabilities, splits)

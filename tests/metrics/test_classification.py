"""Exact values of the measures of a classifier's readings."""

import numpy as np
import pytest

from paddle_gan_aug.metrics.classification import (
    accuracy,
    class_histogram,
    class_shares,
    code_accuracy,
    confident_share,
    confusion_matrix,
    histogram_divergence,
)
from paddle_gan_aug.metrics.diversity import mean_pairwise_distance

PROBABILITIES = np.array([[0.95, 0.03, 0.02], [0.5, 0.3, 0.2], [0.05, 0.9, 0.05], [0.1, 0.1, 0.8]])


def test_codes_are_matched_one_to_one():
    # 0 is mostly a 2 and 1 always a 2, but a class can be given away once only
    share, matching = code_accuracy([0, 0, 0, 1, 1, 1, 2, 2], [2, 2, 0, 2, 2, 2, 1, 0])
    assert (share, matching) == ((3 + 1 + 1) / 8, {0: 0, 1: 2, 2: 1})
    assert code_accuracy([0, 0, 1, 1], [5, 5, 5, 5])[0] == 0.5
    assert code_accuracy([2, 0, 1], [0, 1, 2]) == (1.0, {0: 1, 1: 2, 2: 0})
    for codes, classes in (([], []), ([1], [1, 2])):
        with pytest.raises(ValueError, match="two rows"):
            code_accuracy(codes, classes)


def test_confusion_matrix_and_accuracy():
    matrix = confusion_matrix([0, 0, 1, 2, 2, 2], [0, 1, 1, 2, 2, 0], 3)
    np.testing.assert_array_equal(matrix, [[1, 1, 0], [0, 1, 0], [1, 0, 2]])
    assert accuracy(matrix) == pytest.approx(4 / 6)
    assert confusion_matrix([], [], 2).tolist() == [[0, 0], [0, 0]]


def test_shares():
    np.testing.assert_allclose(class_shares(PROBABILITIES), [0.5, 0.25, 0.25])
    assert confident_share(PROBABILITIES) == 0.5
    assert confident_share(PROBABILITIES, 0.5) == 1.0


def test_mean_pairwise_distance():
    assert mean_pairwise_distance(np.array([[0, 0], [3, 4], [0, 0]])) == pytest.approx(10 / 3)
    assert mean_pairwise_distance(np.zeros((5, 3))) == 0
    with pytest.raises(ValueError, match="two rows"):
        mean_pairwise_distance(np.zeros((1, 3)))
    draws = np.random.default_rng(0).standard_normal((2000, 50))
    assert mean_pairwise_distance(draws) == pytest.approx(10.0, rel=0.02)  # sqrt(2 · 50) but for a small term


def test_class_histogram():
    np.testing.assert_allclose(class_histogram([0, 0, 3, 1], 5), [0.5, 0.25, 0, 0.25, 0])
    for labels, message in (([], "row of labels"), ([5], "5 to 5"), ([-1], "-1")):
        with pytest.raises(ValueError, match=message):
            class_histogram(labels, 5)


def test_histogram_divergence():
    assert histogram_divergence([1, 1, 1]) == pytest.approx(0)
    assert histogram_divergence([1, 0, 0, 0]) == pytest.approx(np.log(4))
    assert histogram_divergence([0.5, 0.5], [0.25, 0.75]) == pytest.approx(0.5 * np.log(2) + 0.5 * np.log(2 / 3))
    assert histogram_divergence([0.5, 0.5], [1, 0]) == np.inf
    assert histogram_divergence([1, 0], [0.5, 0.5]) == pytest.approx(np.log(2))


@pytest.mark.parametrize(
    ("shares", "reference", "message"),
    [
        ([1, 1], [1, 1, 1], "2 classes"),
        ([0, 0], None, "zero"),
        ([-1, 2], None, "negative"),
        ([np.nan, 1], None, "NaN"),
        ([], None, "shape"),
    ],
)
def test_bad_histograms(shares, reference, message):
    with pytest.raises(ValueError, match=message):
        histogram_divergence(shares, reference)

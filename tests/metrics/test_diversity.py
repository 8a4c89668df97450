"""Diversity: the mean over all pairs, whether or not it is worked out in pieces."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from paddle_gan_aug.metrics.diversity import first_occurrences, mean_pairwise_distance, repeated_share


def test_pieces_give_the_mean_over_all_pairs(monkeypatch):
    features = np.random.default_rng(0).standard_normal((700, 12)).astype(np.float32)
    expected = pdist(features.astype(np.float64)).mean()
    assert mean_pairwise_distance(features) == pytest.approx(expected, rel=1e-9)
    monkeypatch.setattr("paddle_gan_aug.metrics.diversity.CHUNK_MEGABYTES", 0.05)
    assert mean_pairwise_distance(features) == pytest.approx(expected, rel=1e-9)


def test_one_image_repeated_has_none():
    assert mean_pairwise_distance(np.tile(np.random.default_rng(1).random((1, 84)) * 20, (300, 1))) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("features", [np.full((3, 2), np.nan), np.zeros((3, 2, 2))])
def test_bad_features(features):
    with pytest.raises(ValueError, match="NaN|shape"):
        mean_pairwise_distance(features)


def test_repeated_share():
    images = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 3, 3), np.uint8)
    assert repeated_share(images) == 0
    assert repeated_share(images[[0, 0, 1, 0]]) == 0.5
    assert first_occurrences(images[[3, 3, 1, 0, 1]]).tolist() == [0, 2, 3]
    assert repeated_share(images[:0]) == 0
    with pytest.raises(ValueError, match="uint8"):
        repeated_share(images / 255)

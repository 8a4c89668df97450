"""The Fréchet distance between Gaussians whose distance is known."""

import numpy as np
import pytest
from scipy.linalg import sqrtm

from paddle_gan_aug.metrics.frechet import frechet_distance, frechet_from_moments, moments


def test_gaussians_with_diagonal_covariances():
    """Then it is |m1 - m2|² + Σ (s1 - s2)² of the standard deviations s."""
    m1, m2, s1, s2 = np.array([0.0, 1, 2]), np.array([1.0, 1, 0]), np.array([1.0, 2, 3]), np.array([2.0, 2, 0.5])
    expected = ((m1 - m2) ** 2).sum() + ((s1 - s2) ** 2).sum()
    assert frechet_from_moments(m1, np.diag(s1**2), m2, np.diag(s2**2)) == pytest.approx(expected, abs=1e-9)


def test_gaussians_with_full_covariances():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 20, 20))
    c1, c2, m1, m2 = a @ a.T, b @ b.T + np.eye(20), rng.standard_normal(20), rng.standard_normal(20)
    expected = ((m1 - m2) ** 2).sum() + np.trace(c1 + c2 - 2 * sqrtm(c1 @ c2).real)
    assert frechet_from_moments(m1, c1, m2, c2) == pytest.approx(expected, abs=1e-6)


def test_a_set_with_known_moments():
    """Rows ±√width along each axis have mean 0 and, but for the factor of an unbiased estimate, the identity as covariance."""
    width = 4
    corners = np.tile(np.concatenate([np.eye(width), -np.eye(width)]) * np.sqrt(width), (3, 1))
    unit = corners * np.sqrt((len(corners) - 1) / len(corners))
    np.testing.assert_allclose(moments(unit)[1], np.eye(width), atol=1e-12)
    shift, scale = np.array([1.0, 0, -2, 0.5]), 3.0
    expected = (shift**2).sum() + width * (scale - 1) ** 2
    assert frechet_distance(unit, unit * scale + shift) == pytest.approx(expected, abs=1e-6)
    assert frechet_distance(unit, unit) == pytest.approx(0, abs=1e-9)


def test_a_feature_that_is_always_zero_is_harmless():
    rng = np.random.default_rng(1)
    real, fake = rng.standard_normal((2, 200, 6))
    padded = [np.pad(features, ((0, 0), (0, 3))) for features in (real, fake)]
    assert frechet_distance(*padded) == pytest.approx(frechet_distance(real, fake), abs=1e-6)


def test_two_draws_of_one_distribution_come_close_with_their_size():
    rng = np.random.default_rng(2)
    small, large = (frechet_distance(*rng.standard_normal((2, n, 10))) for n in (100, 10_000))
    assert 0 < large < small / 20


@pytest.mark.parametrize(
    ("real", "fake", "message"),
    [
        (np.zeros((19, 10)), np.zeros((40, 10)), "19 rows are too few, at least 20"),
        (np.zeros((40, 10)), np.zeros((19, 10)), "generated features: 19 rows"),
        (np.full((40, 10), np.nan), np.zeros((40, 10)), "NaN"),
        (np.zeros((40, 10)), np.full((40, 10), np.inf), "infinite"),
        (np.zeros((40, 10)), np.zeros((40, 9)), "width"),
        (np.zeros(40), np.zeros((40, 10)), "shape"),
        (np.zeros((40, 0)), np.zeros((40, 0)), "shape"),
    ],
)
def test_bad_features(real, fake, message):
    with pytest.raises(ValueError, match=message):
        frechet_distance(real, fake)


def test_bad_moments():
    with pytest.raises(ValueError, match="one width"):
        frechet_from_moments(np.zeros(3), np.eye(3), np.zeros(2), np.eye(2))
    with pytest.raises(ValueError, match="finite"):
        frechet_from_moments(np.zeros(2), np.eye(2), np.array([0, np.nan]), np.eye(2))

"""The kernel distance: unbiased, about 0 for two halves of one set, and honest about its error."""

import itertools

import numpy as np
import pytest

from paddle_gan_aug.metrics import kernel_distance
from paddle_gan_aug.metrics.kid import squared_discrepancy


def by_hand(real, fake):
    """The estimate written out as sums over pairs."""

    def k(x, y):
        return (x @ y / len(x) + 1) ** 3

    within = [np.mean([k(a, b) for a, b in itertools.permutations(rows, 2)]) for rows in (real, fake)]
    return sum(within) - 2 * np.mean([k(a, b) for a, b in itertools.product(real, fake)])


def test_the_estimate_is_the_sum_over_pairs():
    rng = np.random.default_rng(0)
    real, fake = rng.standard_normal((5, 3)), rng.standard_normal((7, 3)) + 1
    assert squared_discrepancy(real, fake) == pytest.approx(by_hand(real, fake), rel=1e-12)


def test_it_is_unbiased():
    """The mean over ALL pairs of subsets of 2 rows out of 4 is the estimate on the 4 without the pairs it cannot see: exact."""
    rng = np.random.default_rng(1)
    real, fake = rng.standard_normal((2, 4, 3))
    pairs = list(itertools.combinations(range(4), 2))
    mean = np.mean([squared_discrepancy(real[list(a)], fake[list(b)]) for a in pairs for b in pairs])
    assert mean == pytest.approx(squared_discrepancy(real, fake), rel=1e-12)


def test_two_halves_of_one_set_are_within_the_error_of_zero():
    z = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        value, error = kernel_distance(*np.split(rng.standard_normal((2000, 16)), 2), rng)
        z.append(value / error)
    assert min(z) < 0 < max(z)
    assert abs(np.mean(z)) < 1
    assert np.abs(z).max() < 5  # Student's t of 9 degrees of freedom


def test_a_shift_is_seen():
    rng = np.random.default_rng(2)
    real, fake = rng.standard_normal((2, 1000, 16))
    value, error = kernel_distance(real, fake + 0.5, rng)
    assert value > 10 * error > 0


def test_subsets_stay_small_and_disjoint(monkeypatch):
    seen = []
    monkeypatch.setattr("paddle_gan_aug.metrics.kid.squared_discrepancy", lambda a, b: seen.append((a, b)) or 0.0)
    rows = np.arange(12_000.0)[:, None]
    kernel_distance(rows, rows + 0.5, np.random.default_rng(0))
    assert [len(a) for a, _ in seen] == [1000] * 12
    assert len(np.unique(np.concatenate([a for a, _ in seen]))) == 12_000


def test_the_generator_decides():
    features = np.random.default_rng(3).standard_normal((2, 100, 4))
    once, again, other = (kernel_distance(*features, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert once == again != other


@pytest.mark.parametrize(
    ("real", "fake", "options", "message"),
    [
        (np.zeros((19, 3)), np.zeros((40, 3)), {}, "19 rows are too few"),
        (np.zeros((40, 3)), np.full((40, 3), np.nan), {}, "NaN"),
        (np.zeros((40, 3)), np.zeros((40, 2)), {}, "width"),
        (np.zeros((40, 3)), np.zeros((40, 3)), {"subsets": 1}, "at least 2 subsets"),
    ],
)
def test_bad_input(real, fake, options, message):
    with pytest.raises(ValueError, match=message):
        kernel_distance(real, fake, np.random.default_rng(0), **options)

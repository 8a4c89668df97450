"""The kernel distance: unbiased, about 0 for two halves of one set, and honest about its error."""

import itertools

import numpy as np
import pytest

from paddle_gan_aug.metrics.kid import kernel_distance


def by_hand(real, fake):
    """The estimate written out as sums over pairs."""

    def k(x, y):
        return (x @ y / len(x) + 1) ** 3

    within = [np.mean([k(a, b) for a, b in itertools.permutations(rows, 2)]) for rows in (real, fake)]
    return sum(within) - 2 * np.mean([k(a, b) for a, b in itertools.product(real, fake)])


def test_the_estimate_is_the_sum_over_pairs():
    rng = np.random.default_rng(0)
    real, fake = rng.standard_normal((9, 3)), rng.standard_normal((11, 3)) + 1
    for subsets in (2, 3, 4):
        assert kernel_distance(real, fake, rng, subsets)[0] == pytest.approx(by_hand(real, fake), rel=1e-12)


def test_it_is_unbiased():
    """The mean over ALL draws of 4 of the 6 rows of two small populations is the populations' own discrepancy, exactly."""
    rng = np.random.default_rng(1)
    real, fake = rng.standard_normal((2, 6, 3))
    draws = list(itertools.combinations(range(6), 4))
    mean = np.mean([kernel_distance(real[list(a)], fake[list(b)], rng, 2)[0] for a in draws for b in draws])
    assert mean == pytest.approx(by_hand(real, fake), rel=1e-10)


def test_the_error_is_the_jackknife_of_the_whole_estimate():
    rng = np.random.default_rng(4)
    real, fake = rng.standard_normal((12, 3)), rng.standard_normal((8, 3))
    _, error = kernel_distance(real, fake, np.random.default_rng(5), 4)
    orders = np.random.default_rng(5)
    parts = [np.split(features[orders.permutation(len(features))], 4) for features in (real, fake)]
    left = [by_hand(*(np.concatenate([part for j, part in enumerate(side) if j != i]) for side in parts)) for i in range(4)]
    assert error == pytest.approx(np.sqrt(3 / 4 * ((left - np.mean(left)) ** 2).sum()), rel=1e-9)


def test_the_error_is_the_spread_over_draws():
    rng = np.random.default_rng(6)
    measured = np.array([kernel_distance(rng.standard_normal((200, 5)), rng.standard_normal((200, 5)) + 0.4, rng) for _ in range(60)])
    assert measured[:, 1].mean() == pytest.approx(measured[:, 0].std(ddof=1), rel=0.35)


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


def test_subsets_stay_small(monkeypatch):
    seen = []
    monkeypatch.setattr("paddle_gan_aug.metrics.kid._kernel", lambda a, b: seen.append((len(a), len(b))) or np.zeros((2, 2)))
    kernel_distance(np.zeros((5500, 1)), np.zeros((11_001, 1)), np.random.default_rng(0))
    assert np.max(seen) <= 1000
    assert len(seen) == 12 * 12 + 2 * (12 * 13) // 2


def test_the_generator_decides_the_error_alone():
    features = np.random.default_rng(3).standard_normal((2, 100, 4))
    once, again, other = (kernel_distance(*features, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert once == again
    assert once[0] == pytest.approx(other[0], rel=1e-9)
    assert once[1] != other[1]


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

"""Calibration, rejection sampling and Metropolis-Hastings, where the density ratio is known."""

import numpy as np
import pytest

from paddle_gan_aug.synthesis.scores import METHODS, acceptance, calibration, metropolis_hastings, rejection_probabilities

REAL, FAKE = np.array([0.4, 0.3, 0.2, 0.1]), np.array([0.1, 0.2, 0.2, 0.5])  # densities of four kinds of image
EXACT = REAL / (REAL + FAKE)  # what the best discriminator says of each


def test_the_acceptance_is_the_ratio_of_the_density_ratios():
    ratio = REAL / FAKE
    for now in range(4):
        for then in range(4):
            assert acceptance(EXACT[now], EXACT[then]) == pytest.approx(min(1, ratio[then] / ratio[now]))


def test_chains_turn_generated_into_real():
    rng = np.random.default_rng(0)
    kinds = rng.choice(4, 200_000, p=FAKE)
    starts = EXACT[rng.choice(4, 1000, p=REAL)]
    keep = metropolis_hastings(EXACT[kinds], rng, starts, chain=50)
    assert 3990 < keep.sum() <= 4000  # one a chain, save those that never left their start
    found = np.bincount(kinds[keep], minlength=4) / keep.sum()
    np.testing.assert_allclose(found, REAL, atol=0.03)  # generated: .1 .2 .2 .5


def test_chains_are_never_shorter_than_said():
    keep = metropolis_hastings(np.full(29, 0.5), np.random.default_rng(0), 0.5, chain=10)
    assert np.flatnonzero(keep).tolist() == [14, 28]  # equal images are always accepted: each chain ends on its last
    assert metropolis_hastings(np.full(3, 0.5), np.random.default_rng(0), chain=10).tolist() == [False, False, True]
    assert not metropolis_hastings(np.zeros(0), np.random.default_rng(0)).any()


def test_a_chain_that_never_moves_keeps_nothing():
    assert not metropolis_hastings(np.full(50, 1e-9), np.random.default_rng(0), 1 - 1e-9).any()


@pytest.mark.parametrize("probabilities, start, chain", [([0.0, 0.5], 0.5, 2), ([0.5], 1.0, 2), ([0.5], 0.5, 0), ([np.nan], 0.5, 2)])
def test_bad_chains(probabilities, start, chain):
    with pytest.raises(ValueError, match="probabilities|chain|finite"):
        metropolis_hastings(probabilities, np.random.default_rng(0), start, chain)


@pytest.mark.parametrize("method", METHODS)
def test_calibration_finds_the_density_ratio(method):
    """For N(1, 1) against N(-1, 1) the log density ratio of a score s is 2 s, whatever the counts of either kind."""
    rng = np.random.default_rng(0)
    probability = calibration(rng.normal(1, 1, 20_000), rng.normal(-1, 1, 5000), method)
    at = np.linspace(-1, 1, 9)
    np.testing.assert_allclose(probability(at), 1 / (1 + np.exp(-2 * at)), atol=0.04 if method == "isotonic" else 0.02)
    assert 0 < probability(np.array([-1e3]))[0] < 0.01 and 0.99 < probability(np.array([1e3]))[0] < 1
    assert (np.diff(probability(np.linspace(-4, 4, 50))) >= 0).all() and probability(np.zeros(0)).shape == (0,)


def test_isotonic_calibration_mends_a_distorted_score():
    rng = np.random.default_rng(1)
    probability = calibration(rng.normal(1, 1, 20_000) ** 3 * 9, rng.normal(-1, 1, 20_000) ** 3 * 9)
    np.testing.assert_allclose(probability(np.array([-0.5, 0.0, 0.5]) ** 3 * 9), 1 / (1 + np.exp([1.0, 0.0, -1.0])), atol=0.05)


@pytest.mark.parametrize(
    "arguments, message", [(([1.0], []), "needs scores"), (([np.inf], [0.0]), "finite"), (([1.0], [0.0], "platt"), "choose one of")]
)
def test_bad_calibration(arguments, message):
    with pytest.raises(ValueError, match=message):
        calibration(*arguments)


def test_rejection_follows_the_density_ratio_up_to_gamma():
    """Without gamma the probability is exp(d - d_max), the textbook one; gamma shifts all logits alike."""
    scores = np.array([-3.0, -1.0, 0.5, 1.0, 2.0])
    logits = [np.log(p / (1 - p)) for p in (np.exp(scores[:4] - 2), rejection_probabilities(scores)[:4])]
    np.testing.assert_allclose(np.diff(logits[0]), np.diff(logits[1]), atol=1e-5)
    assert rejection_probabilities(scores, percentile=50)[2] == pytest.approx(0.5)
    assert rejection_probabilities(scores)[4] > 0.999
    assert (rejection_probabilities(scores, percentile=20) >= rejection_probabilities(scores, percentile=90)).all()
    assert np.isfinite(rejection_probabilities(np.array([1e4, -1e4]), largest=0.0)).all()
    assert rejection_probabilities(np.zeros(0)).shape == (0,)

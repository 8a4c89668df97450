"""The statistics of a study: exact values, and the study judged on itself."""

import numpy as np
import pytest
from scipy import stats

from paddle_gan_aug.study import statistics
from paddle_gan_aug.study.statistics import HELPS, HURTS, NOTHING, TOO_FEW, compare


def test_differences_are_paired_by_seed():
    differences, seeds = statistics.paired({0: 0.9, 2: 0.8, 1: 0.7}, {1: 0.5, 2: 0.9, 7: 0.1})
    assert seeds == [1, 2]
    assert differences == pytest.approx([0.2, -0.1])


@pytest.mark.parametrize("count, p", [(3, 0.25), (5, 0.0625), (6, 0.03125), (8, 0.0078125), (10, 0.001953125)])
def test_the_smallest_sign_flip_p_of_few_seeds(count, p):
    assert statistics.sign_flip(np.arange(1, count + 1) / 100) == p


def test_sign_flips_against_scipy():
    values = np.random.default_rng(3).normal(0.3, 1, 9)
    known = stats.permutation_test((values,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert statistics.sign_flip(values) == pytest.approx(known.pvalue, abs=1e-12)
    assert statistics.sign_flip(-values) == statistics.sign_flip(values)
    many = np.random.default_rng(4).normal(0.2, 1, 40)
    assert statistics.sign_flip(many) == pytest.approx(stats.ttest_1samp(many, 0).pvalue, abs=0.02)


def test_holm_as_statsmodels_has_it():
    """The values of statsmodels.stats.multitest.multipletests(method="holm")."""
    assert statistics.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert statistics.holm([0.5, 0.9, 0.02]) == pytest.approx([1.0, 1.0, 0.06])
    assert statistics.holm([]) == []


def test_bca_interval_against_known_values():
    values = np.array([1.2, 0.4, 0.9, -0.3, 0.8, 1.6, 0.2, 1.1])
    known = stats.bootstrap((values,), np.mean, n_resamples=9999, method="BCa", random_state=np.random.default_rng(0)).confidence_interval
    assert statistics.interval(values) == pytest.approx((known.low, known.high))
    low, high = statistics.interval(values)
    assert 0.2 < low < values.mean() < high < 1.2


def test_differences_that_are_all_equal_or_zero():
    assert statistics.interval([0.5] * 8) == (0.5, 0.5)
    assert statistics.interval([0.0] * 8) == (0.0, 0.0)
    assert statistics.interval([0.5]) is None
    assert statistics.sign_flip([0.0] * 8) == 1.0
    (same,) = compare([("a", "b", np.zeros(8))])
    assert same.verdict == NOTHING and same.smallest is None
    (equal,) = compare([("a", "b", np.full(8, 0.5))])
    assert equal.verdict == HELPS
    low, high = statistics.interval([0.0] * 7 + [1.0])
    assert np.isfinite([low, high]).all()


def test_nadeau_and_bengio_correct_the_variance():
    values = [1.0, 2.0, 3.0, 4.0]
    assert statistics.variance_of_mean(values, 0) == pytest.approx(5 / 3 / 4)
    assert statistics.variance_of_mean(values, 0.25) == pytest.approx((1 / 4 + 1 / 4) * 5 / 3)
    assert statistics.t_interval(values) == pytest.approx(stats.t.interval(0.95, 3, np.mean(values), stats.sem(values)))


def test_differences_of_overlapping_splits_are_spread():
    values = np.array([0.1, 0.4, 0.2, 0.5, 0.3, 0.2, 0.6, 0.1])
    spread = statistics.stretched(values, 1 / 7)
    assert spread.mean() == pytest.approx(values.mean())
    assert statistics.variance_of_mean(spread) == pytest.approx(statistics.variance_of_mean(values, 1 / 7))
    np.testing.assert_array_equal(statistics.stretched(values, 0.0), values)
    (plain,), (of_folds,) = compare([("a", "b", values)]), compare([("a", "b", values)], 1 / 7)
    assert of_folds.mean == plain.mean and of_folds.differences == plain.differences == tuple(values)
    assert of_folds.low < plain.low and of_folds.high > plain.high and of_folds.p >= plain.p
    assert of_folds.smallest == pytest.approx(plain.smallest * np.sqrt(1 + 8 / 7))


def test_the_smallest_effect_that_seeds_find():
    values = np.array([-1.0, 1.0] * 4)
    found = statistics.smallest_effect(values)
    assert found == pytest.approx((stats.t.ppf(0.975, 7) + stats.t.ppf(0.8, 7)) * values.std(ddof=1) / np.sqrt(8))
    assert statistics.smallest_effect(values, comparisons=3) > found
    assert statistics.smallest_effect([1.0]) is None
    assert statistics.smallest_effect([1.0, 1.0, 1.0]) is None, "equal differences say nothing of the spread"


def test_verdicts():
    up = np.array([0.9, 1.1, 1.0, 1.2, 0.8, 1.0, 0.7, 1.3])
    mixed = np.array([0.9, -1.1, 1.0, -1.2, 0.8, -1.0, 0.7, -0.3])
    found = compare([("a", "r", up), ("b", "r", -up), ("c", "r", mixed), ("d", "r", up[:7])])
    assert [one.verdict for one in found] == [HELPS, HURTS, NOTHING, TOO_FEW]
    assert (found[3].low, found[3].high) == statistics.t_interval(up[:7])
    assert found[0].p == 0.0078125 and found[0].p_holm == pytest.approx(4 * 0.0078125)


def test_eight_seeds_do_not_claim_within_too_large_a_family():
    up = np.array([0.9, 1.1, 1.0, 1.2, 0.8, 1.0, 0.7, 1.3])
    assert compare([(str(i), "r", up) for i in range(7)])[0].verdict == NOTHING  # 7 * 2 / 256 > .05


def test_noise_of_seeds_and_of_test_images_are_told_apart():
    rng = np.random.default_rng(0)
    seeds, images = 400, 500
    ours = [rng.random(images) < 0.8 for _ in range(seeds)]
    theirs = [rng.random(images) < 0.8 for _ in range(seeds)]
    differences = [a.mean() - b.mean() for a, b in zip(ours, theirs)]
    seed_noise, image_noise = statistics.noise(differences, ours, theirs)
    assert image_noise == pytest.approx(np.sqrt(2 * 0.8 * 0.2 / images), rel=0.05)
    assert seed_noise < 0.5 * image_noise
    shifts = rng.normal(0, 0.1, seeds)
    seed_noise, _ = statistics.noise(differences + shifts, ours, theirs)
    assert seed_noise == pytest.approx(0.1, rel=0.15)


def _claims(effect, studies=4000, seeds=8, arms=3):
    rng = np.random.default_rng(1)
    claimed = 0
    for _ in range(studies):
        rival = rng.normal(0, 1, seeds)
        pairs = [("gan", "classical", rng.normal(effect, 1, seeds) - rival)]
        pairs += [(f"arm {i}", "classical", rng.normal(0, 1, seeds) - rival) for i in range(arms - 1)]
        found = compare(pairs)
        claimed += any(one.verdict in (HELPS, HURTS) for one in found) if not effect else found[0].verdict == HELPS
    return claimed / studies


@pytest.mark.parametrize("arms", [1, 3])
def test_two_equal_arms_are_claimed_to_differ_in_at_most_one_study_of_twenty(arms, monkeypatch):
    monkeypatch.setattr(statistics, "RESAMPLES", 199)  # of the bootstrap; sign flips of eight seeds are exact
    assert _claims(0.0, studies=4000 if arms == 1 else 1000, arms=arms) <= 0.05


def test_a_planted_effect_is_found(monkeypatch):
    monkeypatch.setattr(statistics, "RESAMPLES", 999)
    assert _claims(3.0, studies=200, arms=1) >= 0.9


def test_a_gain_must_be_above_what_chance_gives():
    gains = [0.02, 0.03, 0.025]
    assert statistics.chance_gain(gains) == pytest.approx(4.527 * 0.005 / 3**0.5, rel=1e-3)  # Student's t with two degrees of freedom
    assert statistics.chance_gain(gains, overlap=0.25) == pytest.approx(4.527 * 0.005 * (1 / 3 + 0.25) ** 0.5, rel=1e-3)
    assert statistics.chance_gain(gains, one_image=0.025) == pytest.approx(4.527 * 0.025 / 3**0.5, rel=1e-3)
    assert statistics.chance_gain([0.025] * 4, one_image=0.025) == pytest.approx(3.307 * 0.0125, rel=1e-3)  # equal gains of one image each
    assert statistics.chance_gain([0.02]) is None
    many = np.random.default_rng(0).normal(0, 1, 400)
    assert statistics.chance_gain(many) == pytest.approx(2 * many.std(ddof=1) / 20, rel=0.01)


@pytest.mark.parametrize("splits", [3, 4, 10])
def test_equal_arms_are_seldom_told_apart(splits):
    rng = np.random.default_rng(splits)
    studies = rng.normal(0, 1, (2000, splits))
    assert np.mean([gains.mean() > statistics.chance_gain(gains) for gains in studies]) < 0.035

"""Nearness to training and held-out images, the test on it, and duplicates."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from paddle_gan_aug.metrics.memorisation import Nearness, closeness_to_training, duplicate_share, nearness


def alone(ratios):
    """Nearness of images none of which shares its nearest image with another."""
    ratios = np.asarray(ratios, dtype=np.float64)
    return Nearness(ratios, np.arange(len(ratios)), np.arange(len(ratios)))


def test_nearness_is_the_ratio_of_two_distances():
    training, held_out = np.array([[0.0, 0], [10, 0]]), np.array([[3.0, 0], [10, 3]])
    near = nearness(np.array([[3.0, 4], [10, 1], [10, 0]]), training, held_out)
    np.testing.assert_allclose(near.ratios[:2], np.log([5 / 4, 1 / 2]), atol=1e-6)
    assert near.ratios[2] < -15  # a copy
    assert near.training.tolist() == [0, 1, 1]
    assert near.held_out.tolist() == [0, 1, 1]
    assert near.subset([1]).training.tolist() == [1]


def test_no_more_held_out_images_are_used_than_training_images():
    training, held_out = np.zeros((2, 1)), np.array([[5.0], [6.0], [0.5]])
    assert nearness(np.array([[1.0]]), training, held_out).ratios[0] == pytest.approx(np.log(1 / 4))


def test_closer_is_the_share_of_pairs():
    unseen = alone([1.0, 2, 3, 4])
    assert closeness_to_training(alone([0.5, 0.6]), unseen)["closer"] == 1
    assert closeness_to_training(alone([2.5, 9]), unseen)["closer"] == pytest.approx((2 + 0) / 8)
    assert closeness_to_training(unseen, unseen)["closer"] == 0.5


def test_independent_images_are_compared_by_mann_whitney():
    rng = np.random.default_rng(5)
    fake, unseen = rng.normal(-0.1, 1, 300), rng.normal(0, 1, 400)
    expected = mannwhitneyu(fake, unseen, alternative="less", method="asymptotic", use_continuity=False)
    apart = Nearness(unseen, np.arange(400) + 300, np.arange(400) + 300)
    measured = closeness_to_training(alone(fake), apart)
    assert measured["closer"] == pytest.approx(1 - expected.statistic / 120_000)
    assert measured["p_value"] == pytest.approx(expected.pvalue, rel=1e-6)


def test_images_that_share_a_nearest_image_count_less():
    unseen = alone(np.linspace(-1, 1, 400))
    crowded = Nearness(np.repeat(np.linspace(-1.2, 0.8, 30), 10), np.repeat(np.arange(30), 10), np.arange(300))
    apart = Nearness(crowded.ratios, np.arange(300), np.arange(300))
    first, second = closeness_to_training(crowded, unseen), closeness_to_training(apart, unseen)
    assert first["closer"] == second["closer"]
    assert second["p_value"] < 1e-3 < first["p_value"]


def test_near_duplicates_are_closer_than_all_but_one_in_a_thousand():
    unseen = alone(np.arange(1.0, 10_001))
    assert closeness_to_training(alone([5.0, 10.5, 11.5, 20]), unseen)["near_duplicates"] == 0.5


@pytest.mark.parametrize("learnt", [40, 2000])
def test_the_test_holds_its_level(learnt):
    """New draws are called copies at most about as often as the level says, copies always; where few images were learnt, too."""
    rng = np.random.default_rng(0)
    new, copied = [], []
    for _ in range(200):
        training, held_out, unseen = (rng.normal(size=(count, 3)) for count in (learnt, 500, 500))
        beside = nearness(unseen, training, held_out)
        new.append(closeness_to_training(nearness(rng.normal(size=(200, 3)), training, held_out), beside)["p_value"])
        copies = np.where(np.arange(200)[:, None] % 2, training[rng.integers(0, learnt, 200)], rng.normal(size=(200, 3)))
        copied.append(closeness_to_training(nearness(copies, training, held_out), beside)["p_value"])
    assert 0.01 <= np.mean(np.array(new) < 0.05) <= 0.085
    assert max(copied) < 1e-3


def test_crowded_regions_are_no_copies():
    """Images from where real ones lie close together are near training images, and as near to those that were never learnt."""
    rng = np.random.default_rng(1)
    training, held_out, unseen = (
        rng.normal(size=(count, 2)) * np.where(np.arange(count) % 2, 10, 1)[:, None] for count in (800, 800, 2000)
    )
    fake = rng.normal(size=(600, 2))
    assert closeness_to_training(nearness(fake, training, held_out), nearness(unseen, training, held_out))["p_value"] > 0.001
    distances = [np.linalg.norm(images[:, None] - training, axis=2).min(1) for images in (fake, unseen)]
    assert mannwhitneyu(*distances, alternative="less").pvalue < 1e-6  # by distance alone they seem copies


@pytest.mark.parametrize(
    ("features", "message"),
    [(np.zeros((2, 3)), "width"), (np.zeros((0, 2)), "too few"), (np.full((1, 2), np.nan), "NaN")],
)
def test_bad_features(features, message):
    with pytest.raises(ValueError, match=message):
        nearness(features, np.zeros((2, 2)), np.ones((2, 2)))


def test_nothing_to_compare():
    with pytest.raises(ValueError, match="0 generated and 1 unseen"):
        closeness_to_training(alone([]), alone([1.0]))
    with pytest.raises(ValueError, match="1 generated and 0 unseen"):
        closeness_to_training(alone([1.0]), alone([]))


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

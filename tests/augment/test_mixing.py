"""Mixtures: the labels follow the pixels exactly."""

import numpy as np
import pytest

from paddle_gan_aug.augment.mixing import Mixture, cutmix, cutmix_box, draw_mixture, mixup, one_hot


def batch(count=6, shape=(1, 8, 8)):
    """Image i is i everywhere, of class i: whoever knows the pixels knows the partner."""
    images = np.broadcast_to(np.arange(count, dtype=np.float32).reshape(-1, 1, 1, 1), (count, *shape)).copy()
    return images, one_hot(np.arange(count), count)


def test_a_known_mixture():
    mixture = Mixture(0.75, np.array([1, 0]))
    np.testing.assert_array_equal(mixture.of(np.array([[0.0], [8.0]])), [[2.0], [6.0]])
    with pytest.raises(ValueError, match="only floats"):
        mixture.of(np.zeros((2, 1), np.uint8))
    with pytest.raises(ValueError, match="3 rows"):
        mixture.of(np.zeros((3, 1)))


@pytest.mark.parametrize("seed", range(5))
def test_mixup_mixes_labels_as_it_mixes_images(seed):
    images, targets = batch()
    mixed, mixed_targets = mixup(images, targets, np.random.default_rng(seed), alpha=1.0)
    assert (mixed.shape, mixed.dtype, mixed_targets.dtype) == (images.shape, np.float32, np.float32)
    np.testing.assert_allclose(mixed_targets.sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(mixed_targets @ np.arange(6), mixed[:, 0, 0, 0], atol=1e-5)
    np.testing.assert_array_equal(mixed, mixup(images, targets, np.random.default_rng(seed), alpha=1.0)[0])


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_weights_are_beta(alpha):
    """Mean 1/2 and variance 1 / (4 (2 alpha + 1))."""
    rng = np.random.default_rng(0)
    weights = np.array([draw_mixture(2, rng, alpha).weight for _ in range(20_000)])
    assert weights.mean() == pytest.approx(0.5, abs=0.01)
    assert weights.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.03)
    with pytest.raises(ValueError, match="alpha"):
        draw_mixture(2, rng, 0)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_cutmix_labels_are_the_areas(seed, dtype):
    images, targets = batch(6, (3, 28, 20))
    images = images.astype(dtype)
    mixed, mixed_targets = cutmix(images, targets, np.random.default_rng(seed))
    assert mixed.dtype == dtype and (images == batch(6, (3, 28, 20))[0]).all()
    for image, target in zip(mixed, mixed_targets):
        areas = np.bincount(image[0].astype(int).ravel(), minlength=6) / (28 * 20)
        np.testing.assert_allclose(target, areas, atol=1e-6)


def test_boxes_have_the_area_where_they_fit():
    rng = np.random.default_rng(0)
    boxes = [cutmix_box(32, 32, 0.75, rng) for _ in range(500)]
    areas = [(rows.stop - rows.start) * (columns.stop - columns.start) for rows, columns in boxes]
    assert max(areas) == 256 and min(areas) >= 64  # a quarter; a quarter of that in a corner
    assert all(0 <= part.start <= part.stop <= 32 for box in boxes for part in box)
    rows, columns = cutmix_box(32, 32, 1.0, rng)
    assert rows.start == rows.stop and columns.start == columns.stop


def test_one_hot():
    np.testing.assert_array_equal(one_hot([2, 0], 3), [[0, 0, 1], [1, 0, 0]])
    with pytest.raises(ValueError, match="3 classes"):
        one_hot([3], 3)
    with pytest.raises(ValueError, match="N, C, H, W"):
        cutmix(np.zeros((2, 8)), np.eye(2), np.random.default_rng(0))

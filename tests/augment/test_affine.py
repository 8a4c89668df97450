"""Affine changes of a batch: their extents, their seed, and the background that comes in."""

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("process")


def digit():
    from paddle_gan_aug.data import load, to_network

    return to_network(load("mnist", "valid").images[:6])


def changed(images, seed=0, **extents):
    import paddle

    from paddle_gan_aug.augment.affine import random_affine

    still = {"degrees": 0.0, "scale": 0.0, "slant": 0.0, "shift": 0.0}
    return random_affine(paddle.to_tensor(images), np.random.default_rng(seed), **{**still, **extents}).numpy()


def test_nothing_changes_without_extents():
    assert np.abs(changed(digit()) - digit()).max() < 1e-5


def test_each_image_has_its_own_change_and_the_seed_decides():
    same = np.repeat(digit()[:1], 5, 0)
    first = changed(same, degrees=30.0)
    assert all(np.abs(first[0] - other).max() > 0.3 for other in first[1:])
    assert (first == changed(same, degrees=30.0)).all() and (first != changed(same, 1, degrees=30.0)).any()


@pytest.mark.parametrize("extents", [{"degrees": 30.0}, {"scale": 0.3}, {"slant": 0.5}])
def test_the_middle_stays_in_the_middle(extents):
    square = np.full((8, 1, 28, 28), -1.0, np.float32)
    square[:, :, 10:18, 10:18] = 1
    found = (changed(square, **extents)[:, 0] + 1) / 2
    rows, columns = np.mgrid[:28, :28] - 13.5
    for image in found:
        assert abs((image * rows).sum() / image.sum()) < 0.1 and abs((image * columns).sum() / image.sum()) < 0.1


def test_scaling_scales_areas():
    square = np.full((200, 1, 28, 28), -1.0, np.float32)
    square[:, :, 10:18, 10:18] = 1
    sides = np.sqrt(((changed(square, scale=0.2) + 1) / 2).sum((1, 2, 3)))
    assert 8 * np.exp(-0.2) - 0.1 <= sides.min() < 6.8 and 9.5 < sides.max() <= 8 * np.exp(0.2) + 0.1


def test_shifts_stay_within_their_share():
    dot = np.full((300, 1, 28, 28), -1.0, np.float32)
    dot[:, :, 13:15, 13:15] = 1
    image = (changed(dot, shift=0.1)[:, 0] + 1) / 2
    rows = (image * np.arange(28)[:, None]).sum((1, 2)) / image.sum((1, 2)) - 13.5
    assert 2.5 < np.abs(rows).max() <= 2.8 + 1e-3


def test_background_of_each_channel_comes_in():
    images = np.tile(np.array([-1.0, 0.2, 0.5], np.float32)[:, None, None], (4, 1, 16, 16)).reshape(4, 3, 16, 16)
    assert np.abs(changed(images, shift=0.4, degrees=45.0, fill=[-1.0, 0.2, 0.5]) - images).max() < 1e-5

"""Sizes and depths: what is asked for, without squeezing, and nothing where nothing is asked."""

import numpy as np
import pytest

from paddle_gan_aug.data.fitting import fit


def test_nothing_asked_nothing_done(mnist_train):
    images = mnist_train.images[:3]
    assert fit(images) is images and fit(images, 28, 1) is images


@pytest.mark.parametrize("size, channels", [(32, None), (14, None), (None, 3), (64, 3)])
def test_shapes(mnist_train, size, channels):
    images = fit(mnist_train.images[:4], size, channels)
    assert images.shape == (4, channels or 1, size or 28, size or 28) and images.dtype == np.uint8


def test_grey_becomes_three_times_grey_and_back(mnist_train):
    colour = fit(mnist_train.images[:4], channels=3)
    assert (colour == mnist_train.images[:4]).all()
    assert (fit(colour, channels=1) == mnist_train.images[:4]).all()


def test_luma_weighs_the_channels():
    green = np.zeros((1, 3, 2, 2), np.uint8)
    green[:, 1] = 200
    assert fit(green, channels=1).ravel().tolist() == [117] * 4  # 0.587 of 200


def test_the_longer_side_is_cropped_about_the_centre():
    wide = np.zeros((1, 1, 10, 30), np.uint8)
    wide[..., 6:24] = 255  # a little more than the square: the filter sees across its edge
    assert (fit(wide, 10) == 255).all()
    assert (fit(wide.transpose(0, 1, 3, 2), 5) == 255).all()


def test_reducing_does_not_alias():
    lines = np.zeros((1, 1, 64, 64), np.uint8)
    lines[..., ::2] = 255
    reduced = fit(lines, 16)[0, 0, 2:-2, 2:-2]
    assert reduced.min() > 120 and reduced.max() < 135  # the mean; taking every fourth pixel would give all or nothing


def test_padding_keeps_everything():
    wide = np.full((1, 3, 10, 30), 200, np.uint8)
    padded = fit(wide, 30, how="pad", background="white")
    assert padded.shape == (1, 3, 30, 30)
    assert (padded[..., 10:20, :] == 200).all() and (padded[..., :10, :] == 255).all() and (padded[..., 20:, :] == 255).all()
    assert (fit(wide, 30, how="pad", background=7)[..., :10, :] == 7).all()
    edge = np.zeros((1, 1, 10, 30), np.uint8)
    edge[..., 0, :] = 90
    assert (fit(edge, 30, how="pad")[..., :10, :] == 90).all() and not fit(edge, 30, how="pad")[..., 20:, :].any()
    assert fit(wide[..., :1], 8, how="pad").shape == (1, 3, 8, 8)


def test_stretching_keeps_everything():
    halves = np.zeros((1, 1, 10, 40), np.uint8)
    halves[..., 20:] = 255
    stretched = fit(halves, 20, how="stretch")[0, 0]
    assert not stretched[:, :8].any() and (stretched[:, 12:] == 255).all()


@pytest.mark.parametrize("how", ["pad", "stretch"])
def test_square_images_are_the_same_however_others_are_fitted(mnist_train, how):
    assert (fit(mnist_train.images[:3], 32, how=how) == fit(mnist_train.images[:3], 32)).all()

"""Holes: a classifier cannot rely on what it cannot see. Every function takes and returns a uint8 [C, H, W] image.

They are for classifiers only: a GAN that is shown holes draws them.
"""

from __future__ import annotations

import math

import numpy as np

from .checks import checked_image

TRIES = 10


def cutout(image: np.ndarray, rng: np.random.Generator, side: float) -> np.ndarray:
    """One square at a uniform centre, which may cross the edge (DeVries & Taylor 2017, arXiv:1708.04552).

    Args:
        side: of the square, as a share of the image's smaller side. The paper takes 16 of 32 pixels for CIFAR-10.

    The square is filled with the mean of each channel: the paper's 0 of normalised images, as far as one image tells it.
    """
    height, width = checked_image(image).shape[1:]
    length = round(side * min(height, width))
    top, left = int(rng.integers(height)) - length // 2, int(rng.integers(width)) - length // 2
    changed = image.copy()
    if length > 0:
        means = np.rint(image.mean(axis=(1, 2), keepdims=True)).astype(np.uint8)
        changed[:, max(top, 0) : max(top + length, 0), max(left, 0) : max(left + length, 0)] = means
    return changed


def random_erasing(image: np.ndarray, rng: np.random.Generator, area: float, aspect: float = 0.3) -> np.ndarray:
    """One rectangle inside the image, filled with uniform noise (Zhong et al. 2017, arXiv:1708.04896, algorithm 1).

    Args:
        area: of the rectangle, as a share of the image's; the paper draws it from U(0.02, 0.4).
        aspect: the flattest height-to-width ratio r1; ratios are drawn from U(r1, 1 / r1).

    A rectangle that does not fit is drawn anew, ten times; then the image stays as it is.
    """
    channels, height, width = checked_image(image).shape
    changed = image.copy()
    for _ in range(TRIES):
        ratio = rng.uniform(aspect, 1 / aspect)
        h, w = round(math.sqrt(area * height * width * ratio)), round(math.sqrt(area * height * width / ratio))
        if not h or not w:
            return changed
        if h < height and w < width:
            top, left = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
            changed[:, top : top + h, left : left + w] = rng.integers(0, 256, (channels, h, w), dtype=np.uint8)
            return changed
    return changed

"""The noise of cameras, scanners and transmission. Every function takes and returns a uint8 [C, H, W] image."""

from __future__ import annotations

from typing import List

import numpy as np
from scipy.ndimage import gaussian_filter

from .checks import checked_image, to_pixels

# The most that one step of a sequence adds at severity 1.
STEP_NOISE = 20.0  # grey levels
STEP_BLUR = 0.02  # of the side
STEP_SPECKS = 0.03  # of the pixels
STEP_LIGHT = 0.3  # of the brightness


def gaussian_noise(image: np.ndarray, rng: np.random.Generator, levels: float) -> np.ndarray:
    """Add noise of standard deviation `levels` (of 255), for each pixel and channel on its own."""
    return to_pixels(checked_image(image) + levels * rng.standard_normal(image.shape))


def blur(image: np.ndarray, rng: np.random.Generator, radius: float) -> np.ndarray:
    """Smooth with a Gaussian whose standard deviation is `radius` times the smaller side."""
    sigma = radius * min(checked_image(image).shape[1:])
    return to_pixels(gaussian_filter(image.astype(np.float64), (0, sigma, sigma), mode="nearest"))


def specks(image: np.ndarray, rng: np.random.Generator, share: float) -> np.ndarray:
    """Make about `share` of the pixels black or white, all channels together."""
    chance = rng.random(checked_image(image).shape[1:])
    changed = image.copy()
    changed[:, chance < share / 2] = 0
    changed[:, (chance >= share / 2) & (chance < share)] = 255
    return changed


def corruption_sequence(image: np.ndarray, rng: np.random.Generator, severity: float = 1.0, length: int = 4) -> np.ndarray:
    """An image that gets worse: each step corrupts the one before by noise, blur, specks or a change of light, in random order.

    No kind comes again before the others have had their turn, and the strength of each step is drawn from U(0, severity).

    Args:
        severity: 0 leaves the image as it is; 1 is still readable after a few steps.
        length: steps, >= 0.

    Returns:
        uint8 [length, C, H, W], without the image itself.

    Raises:
        ValueError: no uint8 [1 or 3, H, W] image, or a negative length.
    """
    image = checked_image(image)
    kinds = [
        lambda x, strength: gaussian_noise(x, rng, STEP_NOISE * strength),
        lambda x, strength: blur(x, rng, STEP_BLUR * strength),
        lambda x, strength: specks(x, rng, STEP_SPECKS * strength),
        lambda x, strength: to_pixels(x * (1 - STEP_LIGHT * strength)),
    ]
    steps = np.empty((length, *image.shape), dtype=np.uint8)
    order: List[int] = []
    for index in range(length):
        order = order or list(rng.permutation(len(kinds)))
        image = steps[index] = kinds[order.pop()](image, rng.uniform(0, severity))
    return steps


def noise_sequence(image: np.ndarray, rng: np.random.Generator, severity: float, length: int = 4) -> np.ndarray:
    """The last image of a `corruption_sequence`: simulated real-world variation."""
    steps = corruption_sequence(image, rng, severity, length)
    return steps[-1].copy() if length else image.copy()

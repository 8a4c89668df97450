"""Changes of place and of form. Pixels that enter from outside repeat the nearest edge pixel, so that a background of any colour goes on.

Every function takes and returns a uint8 [C, H, W] image. Lengths are shares of the image's side: one range serves 28 and 64 pixels.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from .checks import checked_image, to_pixels


def shift(image: np.ndarray, rng: np.random.Generator, down: float = 0.0, right: float = 0.0) -> np.ndarray:
    """Move the content down and to the right by shares of height and width; negative ones go up and left.

    In whole pixels: a shift between pixels would blur what moves, and policies resample often enough.
    """
    height, width = checked_image(image).shape[1:]
    rows = np.clip(np.arange(height) - round(down * height), 0, height - 1)
    columns = np.clip(np.arange(width) - round(right * width), 0, width - 1)
    return np.array(image[:, rows[:, None], columns], order="C")


def rotate(image: np.ndarray, rng: np.random.Generator, degrees: float) -> np.ndarray:
    """Turn counter-clockwise about the centre."""
    angle = math.radians(degrees)
    # Rows count downwards, so that this matrix, from output to input, turns the content counter-clockwise.
    return _affine(image, np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]))


def scale(image: np.ndarray, rng: np.random.Generator, factor: float) -> np.ndarray:
    """Enlarge (factor > 1) or shrink about the centre; the frame keeps its size.

    Raises:
        ValueError: a factor that is not above 0.
    """
    if factor <= 0:
        raise ValueError(f"the factor of a scaling must be above 0, not {factor}")
    return _affine(image, np.eye(2) / factor)


def shear(image: np.ndarray, rng: np.random.Generator, slant: float) -> np.ndarray:
    """Slant to the right by `slant` pixels for each pixel upwards."""
    return _affine(image, np.array([[1.0, 0.0], [slant, 1.0]]))


def elastic(image: np.ndarray, rng: np.random.Generator, amount: float, smoothness: float = 0.14) -> np.ndarray:
    """Displace every pixel by smooth random fields (Simard, Steinkraus & Platt 2003, "Best practices for convolutional neural networks").

    Args:
        amount: the largest displacement in either direction, as a share of the side.
        smoothness: standard deviation of the Gaussian that smooths the fields, as a share of the side; 4 of 28 pixels there.
    """
    height, width = checked_image(image).shape[1:]
    fields = rng.uniform(-1, 1, (2, height, width))
    fields = np.stack([gaussian_filter(field, (smoothness * height, smoothness * width)) for field in fields])
    # Smoothing shrinks the fields by an amount that depends on the size; the largest displacement is what one can imagine.
    fields /= np.maximum(np.abs(fields).max(axis=(1, 2), keepdims=True), 1e-12)
    rows, columns = np.mgrid[:height, :width]
    return _sampled(image, rows + amount * height * fields[0], columns + amount * width * fields[1])


def perspective(image: np.ndarray, rng: np.random.Generator, amount: float) -> np.ndarray:
    """Pull each corner of the frame to a random place up to `amount` of the side away from where it was."""
    height, width = checked_image(image).shape[1:]
    corners = np.array([(0, 0), (0, width - 1), (height - 1, width - 1), (height - 1, 0)], dtype=np.float64)
    moved = corners + rng.uniform(-amount, amount, (4, 2)) * (height, width)
    rows, columns = np.mgrid[:height, :width]
    over = _homography(corners, moved) @ np.stack([rows.ravel(), columns.ravel(), np.ones(rows.size)])
    return _sampled(image, (over[0] / over[2]).reshape(rows.shape), (over[1] / over[2]).reshape(rows.shape))


def flip_horizontal(image: np.ndarray, rng: np.random.Generator, chance: float) -> np.ndarray:
    """Mirror left and right with probability `chance`."""
    return np.array(checked_image(image)[:, :, :: -1 if rng.random() < chance else 1], order="C")


def flip_vertical(image: np.ndarray, rng: np.random.Generator, chance: float) -> np.ndarray:
    """Mirror top and bottom with probability `chance`."""
    return np.array(checked_image(image)[:, :: -1 if rng.random() < chance else 1], order="C")


def _homography(sources: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The 3 x 3 matrix of the projective map that takes four points to four others."""
    equations, values = [], []
    for (y, x), target in zip(sources, targets):
        for axis, value in enumerate(target):
            row = np.zeros(8)
            row[3 * axis : 3 * axis + 3] = y, x, 1
            row[6:] = -value * y, -value * x
            equations.append(row)
            values.append(value)
    return np.append(np.linalg.solve(np.array(equations), np.array(values)), 1.0).reshape(3, 3)


def _affine(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Sample where `matrix` takes (row, column), both counted from the centre."""
    height, width = checked_image(image).shape[1:]
    centre = np.array([(height - 1) / 2, (width - 1) / 2])
    rows, columns = np.mgrid[:height, :width]
    rows, columns = rows - centre[0], columns - centre[1]
    return _sampled(
        image,
        matrix[0, 0] * rows + matrix[0, 1] * columns + centre[0],
        matrix[1, 0] * rows + matrix[1, 1] * columns + centre[1],
    )


def _sampled(image: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Bilinear values of every channel at real-valued places, uint8 [C, H, W]."""
    planes = [map_coordinates(plane.astype(np.float64), (rows, columns), order=1, mode="nearest") for plane in checked_image(image)]
    return to_pixels(np.stack(planes))

"""What every measure asks of its input, in one place, so that all of them refuse the same things in the same words."""

from __future__ import annotations

from typing import Any, Tuple

import numpy as np

from ..data.rows import is_array


def checked_rows(name: str, rows: Any, least: int = 1) -> np.ndarray:
    """`rows` as float64 [N, width].

    Args:
        name: what they are, for the message.
        least: how many rows there must be.

    Raises:
        ValueError: not two-dimensional, no columns, fewer than `least` rows, NaN or infinity.
    """
    rows = np.asarray(rows, dtype=np.float64)
    if rows.ndim != 2 or not rows.shape[1]:
        raise ValueError(f"{name}: expected rows of numbers [N, width], got shape {list(rows.shape)}")
    if len(rows) < least:
        raise ValueError(f"{name}: {len(rows)} rows are too few, at least {least} are needed")
    if not np.isfinite(rows).all():
        raise ValueError(f"{name}: there are NaN or infinite values")
    return rows


def checked_pair(real: Any, fake: Any, least: int = 1) -> Tuple[np.ndarray, np.ndarray]:
    """Real and generated features as float64 [N, width] and [M, width].

    Raises:
        ValueError: as `checked_rows`; the widths differ.
    """
    real, fake = checked_rows("real features", real, least), checked_rows("generated features", fake, least)
    if real.shape[1] != fake.shape[1]:
        raise ValueError(f"real features have width {real.shape[1]}, generated ones {fake.shape[1]}: they are of different networks")
    return real, fake


def checked_probabilities(probabilities: Any, least: int = 1) -> np.ndarray:
    """Class probabilities as float64 [N, classes].

    Raises:
        ValueError: as `checked_rows`; a negative value; a row that does not sum to 1 (within 1e-3).
    """
    probabilities = checked_rows("class probabilities", probabilities, least)
    if probabilities.min() < 0 or np.abs(probabilities.sum(1) - 1).max() > 1e-3:
        raise ValueError("class probabilities: every row must be non-negative and sum to 1")
    return probabilities


def checked_images(name: str, images: Any) -> np.ndarray:
    """uint8 images [N, ...] as they are.

    Raises:
        ValueError: not uint8, or fewer than two dimensions.
    """
    images = images if is_array(images) else np.asarray(images)
    if images.dtype != np.uint8 or images.ndim < 2:
        raise ValueError(f"{name}: expected uint8 images, got {images.dtype} of shape {list(images.shape)}")
    return images

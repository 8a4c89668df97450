"""The checks that every transform makes of its image."""

from __future__ import annotations

from typing import Any

import numpy as np


def checked_image(image: Any) -> np.ndarray:
    """Return an image as it is if it is uint8 [C, H, W], C = 1 or 3.

    Raises:
        ValueError: another type, dtype or shape, or no pixel.
    """
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[0] not in (1, 3) or not image.size:
        what = f"{image.dtype} {list(image.shape)}" if isinstance(image, np.ndarray) else type(image).__name__
        raise ValueError(f"an image must be uint8 [1 or 3, H, W], not {what}")
    return image


def checked_batch(images: Any) -> np.ndarray:
    """Return images as they are if they are uint8 [N, C, H, W], C = 1 or 3.

    Raises:
        ValueError: another type, dtype or shape.
    """
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
        what = f"{images.dtype} {list(images.shape)}" if isinstance(images, np.ndarray) else type(images).__name__
        raise ValueError(f"images must be uint8 [N, 1 or 3, H, W], not {what}")
    return images


def to_pixels(values: np.ndarray) -> np.ndarray:
    """Round numbers of any size and clip them to 0..255; returns uint8."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)

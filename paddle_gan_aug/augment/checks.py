"""What every transform asks of an image, in one place."""

import numpy as np


def checked_image(image):
    """A uint8 [C, H, W] image, C = 1 or 3, as it is.

    Raises:
        ValueError: another type, dtype or shape, or no pixel.
    """
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3 or image.shape[0] not in (1, 3) or not image.size:
        what = f"{image.dtype} {list(image.shape)}" if isinstance(image, np.ndarray) else type(image).__name__
        raise ValueError(f"an image must be uint8 [1 or 3, H, W], not {what}")
    return image


def checked_batch(images):
    """uint8 [N, C, H, W] images, C = 1 or 3, as they are.

    Raises:
        ValueError: another type, dtype or shape.
    """
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
        what = f"{images.dtype} {list(images.shape)}" if isinstance(images, np.ndarray) else type(images).__name__
        raise ValueError(f"images must be uint8 [N, 1 or 3, H, W], not {what}")
    return images


def to_pixels(values):
    """Numbers of any size as uint8: rounded, and clipped to 0..255."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)

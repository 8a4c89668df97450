"""Changes of light and of focus, with Pillow's `ImageEnhance`. A factor of 1 changes nothing; 0 removes the quality altogether.

Every function takes and returns a uint8 [C, H, W] image, grey or RGB. The generator is not used: the factor decides everything.
"""

from __future__ import annotations

from typing import Callable

import numpy as np
from PIL import Image, ImageEnhance

from .checks import checked_image


def color(image: np.ndarray, rng: np.random.Generator, factor: float) -> np.ndarray:
    """Saturation: 0 makes an RGB image grey. A grey image stays as it is."""
    return _enhanced(ImageEnhance.Color, image, factor)


def brightness(image: np.ndarray, rng: np.random.Generator, factor: float) -> np.ndarray:
    """Every pixel times `factor`, clipped at white."""
    return _enhanced(ImageEnhance.Brightness, image, factor)


def contrast(image: np.ndarray, rng: np.random.Generator, factor: float) -> np.ndarray:
    """Distances from the image's mean grey level times `factor`, clipped."""
    return _enhanced(ImageEnhance.Contrast, image, factor)


def sharpness(image: np.ndarray, rng: np.random.Generator, factor: float) -> np.ndarray:
    """Below 1 smoother, above 1 sharper."""
    return _enhanced(ImageEnhance.Sharpness, image, factor)


def _enhanced(quality: Callable[[Image.Image], ImageEnhance._Enhance], image: np.ndarray, factor: float) -> np.ndarray:
    image = checked_image(image)
    grey = len(image) == 1
    picture = Image.fromarray(image[0] if grey else np.ascontiguousarray(image.transpose(1, 2, 0)))
    pixels = np.asarray(quality(picture).enhance(float(factor)))
    return np.array(pixels[None] if grey else pixels.transpose(2, 0, 1), order="C")

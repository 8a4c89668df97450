"""Large arrays, some images at a time."""

from typing import Iterator

import numpy as np


def in_pieces(array: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Yield an array in pieces of `size` along its first axis, as views; the last one may be shorter."""
    return (array[start : start + size] for start in range(0, len(array), size))

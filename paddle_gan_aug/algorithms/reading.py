"""Read any number of images with an algorithm that reads images, some at a time."""

from typing import Any, Optional, Tuple

import numpy as np

from ..data import cache, in_pieces, to_network

READ_AT_ONCE = 2000  # images
HELD = 16 << 20  # bytes of what was read that are held in memory; more lie on the disk


def read_in_pieces(algorithm: Any, images: np.ndarray, allocate: Optional[cache.Allocate] = None) -> Tuple[np.ndarray, np.ndarray]:
    """Read images as `algorithm.read` does.

    Args:
        images: uint8 [N, C, H, W], N >= 1.
        allocate: gives the array of the features, see `cache.Allocate`; None = in memory if they are few, else on the disk.

    Returns:
        (probabilities float32 [N, classes], features float32 [N, width]).
    """
    probabilities, features, at = None, None, 0
    for piece in in_pieces(images, READ_AT_ONCE):
        read, seen = algorithm.read(to_network(piece))
        if probabilities is None:
            probabilities = cache.empty((len(images), read.shape[1]), read.dtype, HELD)
            shape = (len(images), seen.shape[1])
            features = cache.empty(shape, seen.dtype, HELD) if allocate is None else allocate(shape, seen.dtype)
        probabilities[at : at + len(piece)], features[at : at + len(piece)] = read, seen
        at += len(piece)
    return probabilities, features

"""Read any number of images with an algorithm that reads images, some at a time."""

import itertools
from typing import Any, Optional, Tuple

import numpy as np

from ..data import cache, in_pieces, to_network
from ..leading import Spread

READ_AT_ONCE = 2000  # images
HELD = 16 << 20  # bytes of what was read that are held in memory; more lie on the disk


def read_in_pieces(
    algorithm: Any, images: np.ndarray, allocate: Optional[cache.Allocate] = None, spread: Spread = itertools.starmap
) -> Tuple[np.ndarray, np.ndarray]:
    """Read images as `algorithm.read` does.

    Args:
        images: uint8 [N, C, H, W], N >= 1.
        allocate: gives the array of the features, see `cache.Allocate`; None = in memory if they are few, else on the disk.
        spread: applies the reading to the pieces, see `leading.spread`.

    Returns:
        (probabilities float32 [N, classes], features float32 [N, width]).
    """
    probabilities, features, at = None, None, 0
    for read, seen in spread(lambda piece: algorithm.read(to_network(piece)), ([piece] for piece in in_pieces(images, READ_AT_ONCE))):
        if probabilities is None:
            probabilities = cache.empty((len(images), read.shape[1]), read.dtype, HELD)
            shape = (len(images), seen.shape[1])
            features = cache.empty(shape, seen.dtype, HELD) if allocate is None else allocate(shape, seen.dtype)
        probabilities[at : at + len(read)], features[at : at + len(read)] = read, seen
        at += len(read)
    return probabilities, features

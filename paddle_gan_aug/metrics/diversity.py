"""How different generated images are from one another."""

import numpy as np
from sklearn.metrics import pairwise_distances_chunked

from .checks import checked_images, checked_rows

CHUNK_MEGABYTES = 64


def mean_pairwise_distance(features):
    """The mean Euclidean distance over all pairs of rows, worked out in pieces of 64 MB.

    Args:
        features: float [N, width], N >= 2.

    Raises:
        ValueError: fewer than two rows; not finite.
    """
    if len(features) < 2:
        raise ValueError("the distance of pairs needs at least two rows")
    features = checked_rows("features", features)
    pieces = pairwise_distances_chunked(features, reduce_func=lambda distances, start: distances.sum(1), working_memory=CHUNK_MEGABYTES)
    return float(sum(piece.sum() for piece in pieces) / (len(features) * (len(features) - 1)))


def first_occurrences(images):
    """The indices of the images that are pixel for pixel none of those before them, ascending, int64.

    Args:
        images: uint8 [N, ...].

    Raises:
        ValueError: not uint8 images.
    """
    firsts = {}
    for index, content in enumerate(image_bytes(checked_images("images", images))):
        firsts.setdefault(content, index)
    return np.fromiter(firsts.values(), dtype=np.int64, count=len(firsts))


def repeated_share(images):
    """The share of images that are pixel for pixel one of those before them, 0 to 1. Arguments and errors: as `first_occurrences`."""
    return 1 - len(first_occurrences(images)) / len(images) if len(images) else 0.0


def image_bytes(images):
    """Each image of uint8 [N, ...] as bytes: equal exactly for equal pixels."""
    return [row.tobytes() for row in np.ascontiguousarray(images)]

"""How different generated images are from one another."""

from __future__ import annotations

import math
from typing import Any, Dict

import numpy as np
from sklearn.metrics import pairwise_distances_chunked

from ..data.overlap import hashes
from .checks import checked_images, checked_rows
from .sides import ImageSide, Sides

CHUNK_MEGABYTES = 64


def measure_diversity(sides: Sides) -> Dict[str, Any]:
    """`value`: the mean distance of two generated images over that of two real ones, 1 is as diverse as real. `distance` and
    `real_distance`: the two. `repeated`: the share of images that are pixel for pixel one of those before them.
    """
    entry = sides.too_few(2, "a pair")
    if entry is None:
        pair = sides.in_pairs
        distance, natural = mean_pairwise_distance(pair.generated.features), mean_pairwise_distance(pair.real.features)
        entry = {"value": distance / natural if natural else math.nan, "distance": distance, "real_distance": natural}
    return {**entry, "repeated": repeated_share(sides.generated.images)}


def measure_diversity_within(sides: Sides) -> Dict[str, Any]:
    """`value`: the mean distance of two generated images of one class over that of two real ones, the mean over the classes with two
    of each: 0 for a generator that knows one image of each class. `classes`: {class name: the same of that class}.
    """
    generated, real = _distances_within(sides.in_pairs.generated), _distances_within(sides.in_pairs.real)
    ratios = {label: generated[label] / real[label] for label in generated if real.get(label)}
    if not ratios:
        return {"value": None, "why": "needs 2 generated and 2 real images of one class that differ"}
    classes = {sides.class_names[label]: ratio for label, ratio in ratios.items()}
    return {"value": sum(ratios.values()) / len(ratios), "classes": classes}


def _distances_within(side: ImageSide) -> Dict[int, float]:
    """{label: mean distance of two images of that class}, of the classes that have two."""
    of_class = {label: side.features[side.labels == label] for label in np.unique(side.labels).tolist()}
    return {label: mean_pairwise_distance(rows) for label, rows in of_class.items() if len(rows) > 1}


def mean_pairwise_distance(features: np.ndarray) -> float:
    """The mean Euclidean distance over all pairs of rows, worked out in pieces of 64 MB.

    Args:
        features: float [N, width], N >= 2.

    Raises:
        ValueError: fewer than two rows; not finite.
    """
    if len(features) < 2:
        raise ValueError("the distance of pairs needs at least two rows")
    features = checked_rows("features", features)
    pieces = pairwise_distances_chunked(features, reduce_func=lambda distances, _: distances.sum(1), working_memory=CHUNK_MEGABYTES)
    return float(sum(piece.sum() for piece in pieces) / (len(features) * (len(features) - 1)))


def first_occurrences(images: np.ndarray) -> np.ndarray:
    """The indices of the images that are pixel for pixel none of those before them, ascending, int64.

    Args:
        images: uint8 [N, ...].

    Raises:
        ValueError: not uint8 images.
    """
    return np.sort(np.unique(hashes(checked_images("images", images)), return_index=True)[1])


def repeated_share(images: np.ndarray) -> float:
    """The share of images that are pixel for pixel one of those before them, 0 to 1. Arguments and errors: as `first_occurrences`."""
    return 1 - len(first_occurrences(images)) / len(images) if len(images) else 0.0

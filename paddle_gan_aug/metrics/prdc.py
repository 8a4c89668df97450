"""Precision and recall (Kynkäänniemi et al. 2019, arXiv:1904.06991) and density and coverage (Naeem et al. 2020, arXiv:2002.09797).

All four look at balls around images in feature space, each reaching to the image's k-th nearest neighbour in its own set.
"""

from __future__ import annotations

from typing import Any, Dict, Tuple

import numpy as np
from sklearn.metrics import pairwise_distances_chunked
from sklearn.neighbors import NearestNeighbors

from .checks import checked_pair
from .sides import Sides

NEIGHBOURS = 5
CHUNK_MEGABYTES = 64


def measure_precision(sides: Sides) -> Dict[str, Any]:
    """`value`: see `precision_recall_density_coverage`."""
    return _measure("precision", sides)


def measure_recall(sides: Sides) -> Dict[str, Any]:
    """`value`: see `precision_recall_density_coverage`."""
    return _measure("recall", sides)


def measure_density(sides: Sides) -> Dict[str, Any]:
    """`value`: see `precision_recall_density_coverage`."""
    return _measure("density", sides)


def measure_coverage(sides: Sides) -> Dict[str, Any]:
    """`value`: see `precision_recall_density_coverage`."""
    return _measure("coverage", sides)


def _measure(name: str, sides: Sides) -> Dict[str, Any]:
    few = sides.too_few(NEIGHBOURS + 1, f"more than the {NEIGHBOURS} neighbours looked at")
    return few or {"value": sides.once(_all_four)[name]}


def _all_four(sides: Sides) -> Dict[str, float]:
    return precision_recall_density_coverage(sides.in_pairs.real.features, sides.in_pairs.generated.features)


def precision_recall_density_coverage(real: np.ndarray, fake: np.ndarray, neighbours: int = NEIGHBOURS) -> Dict[str, float]:
    """The four as a dict of floats.

    precision: the share of generated rows inside the ball of a real row. recall: the share of real rows inside the ball of
    a generated one. density: how many real balls a generated row lies in, over k; about 1 for real data, and may be above.
    coverage: the share of real rows with a generated one inside their ball.

    k = 5 for all four. The published check of Naeem et al. (10,000 against 10,000 draws from N(0, I) in 1,000 dimensions:
    .4772, .4705, 1.0555, .9735) is reproduced with it; Kynkäänniemi et al. use 3 for precision and recall, which gives lower ones.

    Args:
        real, fake: float [N, width] and [M, width]. They are worked on in pieces of 64 MB.

    Raises:
        ValueError: not more than k rows in a set; k < 1; not finite; widths that differ.
    """
    if neighbours < 1:
        raise ValueError(f"neighbours must be 1 or more, not {neighbours}")
    real, fake = checked_pair(real, fake, least=neighbours + 1)
    real_radii, fake_radii = squared_radii(real, neighbours), squared_radii(fake, neighbours)

    balls = np.zeros(len(fake), dtype=np.int64)  # real balls that each generated row lies in

    def reduce(distances: np.ndarray, start: int) -> Tuple[np.ndarray, np.ndarray]:
        """Squared distances of the real rows from `start` on to all generated ones -> for each, (in a generated ball, covered)."""
        inside = distances < real_radii[start : start + len(distances), None]
        balls[:] += inside.sum(0)
        return (distances < fake_radii).any(1), inside.any(1)

    pieces = pairwise_distances_chunked(real, fake, reduce_func=reduce, working_memory=CHUNK_MEGABYTES, metric="euclidean", squared=True)
    recalled, covered = map(np.concatenate, zip(*pieces))
    return {
        "precision": float((balls > 0).mean()),
        "recall": float(recalled.mean()),
        "density": float(balls.mean() / neighbours),
        "coverage": float(covered.mean()),
    }


def squared_radii(features: np.ndarray, neighbours: int) -> np.ndarray:
    """The squared distance of each row to its k-th nearest other row: float64 [N]."""
    distances, _ = NearestNeighbors(n_neighbors=neighbours, algorithm="brute").fit(features).kneighbors()
    return distances[:, -1] ** 2

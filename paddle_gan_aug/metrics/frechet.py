"""The Fréchet distance between two sets of features, taken as Gaussians: Heusel et al. 2017 (arXiv:1706.08500), equation 6.

It is FID when the features are Inception's. On other features the numbers are on another scale: only distances in the
features of one network can be compared.
"""

from __future__ import annotations

from typing import Any, Dict, Tuple

import numpy as np
from scipy.linalg import eigh, svdvals

from ..data import in_pieces
from .checks import checked_pair, checked_rows
from .sides import Sides

AT_ONCE = 60_000  # rows whose sums are taken together
ROWS_PER_FEATURE = 2  # fewer rows than that, and the covariance is mostly noise


def measure_frechet(sides: Sides) -> Dict[str, Any]:
    """`value`: see `frechet_distance`."""
    features = sides.generated.features
    few = sides.too_few(ROWS_PER_FEATURE * features.shape[1], f"twice the {features.shape[1]} features")
    return few or {"value": frechet_distance(sides.real.features, features)}


def frechet_distance(real: np.ndarray, fake: np.ndarray) -> float:
    """|m1 - m2|² + tr(C1 + C2 - 2 (C1 C2)^½) of the means m and covariances C of two sets, in float64; >= 0, 0 for equal sets.

    Args:
        real, fake: float [N, width] and [M, width].

    Raises:
        ValueError: fewer than 2 · width rows in a set; not finite; widths that differ.
    """
    checked_pair(real[:1], fake[:1])
    for name, rows in (("real features", real), ("generated features", fake)):
        for piece in in_pieces(rows, AT_ONCE):
            checked_rows(name, piece)
        checked_rows(name, rows[:AT_ONCE], least=ROWS_PER_FEATURE * real.shape[1])
    return frechet_from_moments(*moments(real), *moments(fake))


def moments(features: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """The mean [width] and the unbiased covariance [width, width] of features, float64; of many features in pieces, one after the other."""
    if len(features) <= AT_ONCE:
        features = np.asarray(features, dtype=np.float64)
        return features.mean(0), np.atleast_2d(np.cov(features, rowvar=False))
    mean = sum(piece.sum(0, dtype=np.float64) for piece in in_pieces(features, AT_ONCE)) / len(features)
    centred = (piece - mean for piece in in_pieces(features, AT_ONCE))
    return mean, sum(piece.T @ piece for piece in centred) / (len(features) - 1)


def frechet_from_moments(mean1: np.ndarray, covariance1: np.ndarray, mean2: np.ndarray, covariance2: np.ndarray) -> float:
    """The same from means [width] and covariances [width, width] (symmetric, no negative eigenvalue).

    tr (C1 C2)^½ is the sum of the singular values of C1^½ C2^½. In this form a singular covariance (a feature that is
    always zero) is harmless; the square root of the product, which is not symmetric, turns complex there.

    Raises:
        ValueError: shapes that do not belong together, or a value that is not finite.
    """
    mean1, mean2 = np.asarray(mean1, dtype=np.float64), np.asarray(mean2, dtype=np.float64)
    covariance1, covariance2 = np.asarray(covariance1, dtype=np.float64), np.asarray(covariance2, dtype=np.float64)
    width = mean1.size
    if mean1.shape != (width,) or mean2.shape != (width,) or covariance1.shape != (width, width) or covariance2.shape != (width, width):
        raise ValueError(f"expected means [{width}] and covariances [{width}, {width}] of one width")
    if not all(np.isfinite(array).all() for array in (mean1, covariance1, mean2, covariance2)):
        raise ValueError("means or covariances are not finite")
    cross = svdvals(_root(covariance1) @ _root(covariance2)).sum()
    distance = ((mean1 - mean2) ** 2).sum() + np.trace(covariance1) + np.trace(covariance2) - 2 * cross
    return float(max(distance, 0.0))  # rounding may leave -1e-12 for equal sets


def _root(covariance: np.ndarray) -> np.ndarray:
    """The symmetric square root of a symmetric matrix without negative eigenvalues but for rounding."""
    values, vectors = eigh(covariance)
    return (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T

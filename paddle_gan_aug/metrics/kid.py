"""The kernel distance (KID): Bińkowski et al. 2018 (arXiv:1801.01401), section 4. Unlike Fréchet's it has no bias at small counts."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

import numpy as np
from sklearn.metrics.pairwise import polynomial_kernel

from ..runtime import rng as rng_of
from .checks import checked_pair
from .sides import Sides

SUBSETS = 10  # at least so many, for a standard error worth its name
LARGEST_SUBSET = 1000  # rows: a kernel of 8 MB


def measure_kid(sides: Sides) -> Dict[str, Any]:
    """`value` and its standard `error`: see `kernel_distance`."""
    real, fake = sides.in_pairs.real.features, sides.in_pairs.generated.features
    few = sides.too_few(4, "two subsets of two")
    if few:
        return few
    subsets = min(SUBSETS, len(real) // 2, len(fake) // 2)
    value, error = kernel_distance(real, fake, rng_of(sides.seed, "kernel distance"), subsets)
    return {"value": value, "error": error}


def kernel_distance(real: np.ndarray, fake: np.ndarray, rng: np.random.Generator, subsets: int = SUBSETS) -> Tuple[float, float]:
    """The squared maximum mean discrepancy under the kernel (x·y / width + 1)³, unbiased, so that it may fall below 0.

    The value is the estimate MMD²_u (equation 4) over all rows. The usual mean over random subsets of 1,000 is as unbiased but
    several times noisier, and as its subsets overlap their spread understates the error. Here both sets are cut into disjoint
    subsets (more than `subsets` when they would be larger than 1,000 rows), and the standard error is the jackknife's
    over them: how the estimate changes when a subset is left out. For two sets of one distribution it errs on the large side.

    Args:
        real, fake: float [N, width] and [M, width].
        rng: numpy Generator: which rows make a subset. It changes the error, not the value.

    Returns:
        (value, standard error).

    Raises:
        ValueError: fewer than 2 rows for each subset; fewer than 2 subsets; not finite; widths that differ.
    """
    if subsets < 2:
        raise ValueError(f"a standard error needs at least 2 subsets, not {subsets}")
    real, fake = checked_pair(real, fake, least=2 * subsets)
    subsets = max(subsets, -(-max(len(real), len(fake)) // LARGEST_SUBSET))
    subsets = min(subsets, len(real) // 2, len(fake) // 2)
    real_parts, fake_parts = (np.array_split(features[rng.permutation(len(features))], subsets) for features in (real, fake))
    within_real, within_fake = _sums_within(real_parts), _sums_within(fake_parts)
    between = np.array([[_kernel(a, b).sum() for b in fake_parts] for a in real_parts])
    real_rows, fake_rows = np.array([len(part) for part in real_parts]), np.array([len(part) for part in fake_parts])

    def estimate(kept: np.ndarray) -> float:
        square, n, m = np.ix_(kept, kept), real_rows[kept].sum(), fake_rows[kept].sum()
        return within_real[square].sum() / (n * (n - 1)) + within_fake[square].sum() / (m * (m - 1)) - 2 * between[square].sum() / (n * m)

    everything = np.arange(subsets)
    without_one = np.array([estimate(np.delete(everything, left_out)) for left_out in everything])
    error = np.sqrt((subsets - 1) / subsets * ((without_one - without_one.mean()) ** 2).sum())
    return float(estimate(everything)), float(error)


def _kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return polynomial_kernel(a, b, degree=3, gamma=1 / a.shape[1], coef0=1)


def _sums_within(parts: List[np.ndarray]) -> np.ndarray:
    """Sums of the kernel over all pairs of different rows, by the subsets the two are of: float64 [subsets, subsets]."""
    sums = np.zeros((len(parts), len(parts)))
    for i, part in enumerate(parts):
        own = _kernel(part, part)
        sums[i, i] = own.sum() - np.trace(own)
        for j in range(i):
            sums[i, j] = sums[j, i] = _kernel(part, parts[j]).sum()
    return sums

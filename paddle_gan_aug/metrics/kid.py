"""The kernel distance (KID): Bińkowski et al. 2018 (arXiv:1801.01401), section 4. Unlike Fréchet's it has no bias at small counts."""

import numpy as np
from sklearn.metrics.pairwise import polynomial_kernel

from .checks import checked_pair

SUBSETS = 10  # at least so many, for a standard error worth its name
LARGEST_SUBSET = 1000  # rows; the published size


def kernel_distance(real, fake, rng, subsets=SUBSETS):
    """The squared maximum mean discrepancy under the kernel (x·y / width + 1)³, unbiased, so that it may fall below 0.

    Both sets are shuffled and cut into disjoint subsets (more than `subsets` when they would be larger than 1,000 rows); the
    value is the mean of the estimates of all pairs of subsets. As no row is used twice the estimates are independent, and
    their spread gives an honest standard error; the usual overlapping subsets make it look smaller than it is.

    Args:
        real, fake: float [N, width] and [M, width]; only min(N, M) rows of each are used.
        rng: numpy Generator, for the shuffle.

    Returns:
        (value, standard error).

    Raises:
        ValueError: fewer than 2 rows for each subset; fewer than 2 subsets; not finite; widths that differ.
    """
    if subsets < 2:
        raise ValueError(f"a standard error needs at least 2 subsets, not {subsets}")
    real, fake = checked_pair(real, fake, least=2 * subsets)
    rows = min(len(real), len(fake))
    subsets = max(subsets, rows // LARGEST_SUBSET)
    size = rows // subsets
    real, fake = (features[rng.permutation(len(features))[: size * subsets]] for features in (real, fake))
    pairs = zip(np.split(real, subsets), np.split(fake, subsets))
    estimates = np.array([squared_discrepancy(a, b) for a, b in pairs])
    return float(estimates.mean()), float(estimates.std(ddof=1) / np.sqrt(subsets))


def squared_discrepancy(real, fake):
    """The unbiased estimate MMD²_u of one pair of sets (equation 4): float64, kernels of N², M² and N·M values in memory.

    Args:
        real, fake: float [N, width] and [M, width], N, M >= 2.
    """
    real, fake = checked_pair(real, fake, least=2)

    def kernel(a, b):
        return polynomial_kernel(a, b, degree=3, gamma=1 / real.shape[1], coef0=1)

    def within(features):
        values, rows = kernel(features, features), len(features)
        return (values.sum() - np.trace(values)) / (rows * (rows - 1))

    return float(within(real) + within(fake) - 2 * kernel(real, fake).mean())

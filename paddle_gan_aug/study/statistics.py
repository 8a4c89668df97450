"""What differences between paired seeds allow one to say.

A claim needs at least eight paired seeds, a bootstrap interval of the mean difference that excludes 0, and a sign-flip permutation
test that stays below .05 after Holm's correction over the comparisons that were named before the run (the protocol of
arXiv:2511.19794). Everything else is "no measurable effect" or "not enough for a claim".
"""

import warnings
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np
from scipy import stats

LEAST_SEEDS = 8  # paired seeds that a claim needs: with six, Holm over a few comparisons can reach no p below .05
LEVEL = 0.05
POWER = 0.8
EXACT = 14  # sign flips of so many differences are all tried (16,384); of more, RESAMPLES are drawn
RESAMPLES = 9999
HELPS, NOTHING, HURTS, TOO_FEW = "helps", "no measurable effect", "hurts", "not enough for a claim"


@dataclass(frozen=True)
class Comparison:
    """One arm against another, paired by seed. All numbers are in the unit of the differences.

    Attributes:
        arm, rival: their names. count: paired seeds. mean: of the differences arm - rival.
        low, high: the 95 % interval of the mean, by Student's t where seeds are too few for a claim; None below two seeds.
        p: of the sign-flip test. p_holm: after Holm's correction.
        smallest: the smallest true difference that this many seeds find in 80 % of studies; see `smallest_effect`.
        verdict: one of `HELPS`, `NOTHING`, `HURTS`, `TOO_FEW`.
    """

    arm: str
    rival: str
    count: int
    mean: float
    low: Optional[float]
    high: Optional[float]
    p: float
    p_holm: float
    smallest: Optional[float]
    verdict: str
    differences: Tuple[float, ...] = ()


def paired(ours: Dict[int, float], theirs: Dict[int, float]) -> Tuple[np.ndarray, List[int]]:
    """(differences float64 [n], their seeds), in the order of the seeds, of the seeds that both arms have."""
    seeds = sorted(set(ours) & set(theirs))
    return np.array([ours[seed] - theirs[seed] for seed in seeds], dtype=np.float64), seeds


def interval(differences: Sequence[float]) -> Optional[Tuple[float, float]]:
    """The 95 % BCa bootstrap interval of a mean (Efron 1987).

    Args:
        differences: float [n].

    Returns:
        (low, high); of differences that are all equal both are that value; None below two differences.
    """
    values = np.asarray(differences, dtype=np.float64)
    if len(values) < 2:
        return None
    if np.ptp(values) <= 1e-12 * max(1.0, np.abs(values).max()):
        return float(values[0]), float(values[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of degenerate resamples, which are handled below
        found = stats.bootstrap(
            (values,),
            np.mean,
            confidence_level=1 - LEVEL,
            method="BCa",
            n_resamples=RESAMPLES,
            random_state=np.random.default_rng(0),
            vectorized=True,
        ).confidence_interval
    low, high = float(found.low), float(found.high)
    return (low, high) if np.isfinite([low, high]).all() else t_interval(values)


def t_interval(differences: Sequence[float]) -> Optional[Tuple[float, float]]:
    """The 95 % interval of a mean by Student's t; None below two differences."""
    values = np.asarray(differences, dtype=np.float64)
    if len(values) < 2:
        return None
    half = stats.t.ppf(1 - LEVEL / 2, len(values) - 1) * np.sqrt(variance_of_mean(values))
    return float(values.mean() - half), float(values.mean() + half)


def variance_of_mean(differences: Sequence[float], overlap: float = 0.0) -> float:
    """The variance of a mean over n splits of one set: (1/n + overlap) s² (Nadeau & Bengio 2003, equation 10, section 3).

    Args:
        overlap: test images / training images of a split, 0 of independent ones.
    """
    values = np.asarray(differences, dtype=np.float64)
    return float((1 / len(values) + overlap) * values.var(ddof=1))


def stretched(differences: Sequence[float], overlap: float) -> np.ndarray:
    """Differences of n splits of one set, float64 [n], moved away from their mean until they are what as many independent splits would be.

    The splits learn many images in common, so their spread is too small: the variance of the mean of what is returned, as of independent
    differences, is `variance_of_mean` of the given ones.
    """
    values = np.asarray(differences, dtype=np.float64)
    return values if not overlap or not len(values) else values.mean() + (values - values.mean()) * np.sqrt(1 + len(values) * overlap)


def sign_flip(differences: Sequence[float]) -> float:
    """The two-sided p of a mean under sign flips: the share of them whose mean is at least as far from 0.

    All 2^n flips are tried up to n = 14; of more differences 9,999 are drawn, and the unflipped one counts too.
    """
    values = np.asarray(differences, dtype=np.float64)
    if not len(values) or not values.any():
        return 1.0
    if len(values) <= EXACT:
        bits = (np.arange(2 ** len(values))[:, None] >> np.arange(len(values))) & 1
        sums = np.abs((1 - 2 * bits) @ values)
        return float((sums >= abs(values.sum()) - 1e-12 * np.abs(values).sum()).mean())
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (RESAMPLES, len(values)))
    beyond = (np.abs(signs @ values) >= abs(values.sum()) - 1e-12 * np.abs(values).sum()).sum()
    return float((beyond + 1) / (RESAMPLES + 1))


def holm(p_values: Sequence[float]) -> List[float]:
    """p values corrected for their number (Holm 1979): the k-th smallest of m times m - k + 1, never below a smaller one's, at most 1."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    corrected = np.minimum(1.0, np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p)))))
    result = np.empty(len(p))
    result[order] = corrected
    return result.tolist()


def smallest_effect(differences: Sequence[float], comparisons: int = 1) -> Optional[float]:
    """The smallest true mean difference that as many seeds of this spread find in 80 % of studies, at level .05 / comparisons.

    None of fewer than two differences, or of differences that are all equal, which say nothing of the spread.
    """
    values = np.asarray(differences, dtype=np.float64)
    if len(values) < 2 or (values == values[0]).all():
        return None
    free = len(values) - 1
    factor = stats.t.ppf(1 - LEVEL / comparisons / 2, free) + stats.t.ppf(POWER, free)
    return float(factor * np.sqrt(variance_of_mean(values)))


def noise(differences: Sequence[float], ours: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> Tuple[float, float]:
    """(seed noise, image noise) of paired accuracy differences: standard deviations of one difference.

    The variance that a finite test set gives to the difference of two accuracies follows from the images on which they disagree; what
    the spread over seeds exceeds it by comes from the seeds.

    Args:
        differences: float [n], accuracies (0 to 1). ours, theirs: for each seed bool [images], whether each image was read rightly.
    """
    per_seed = [np.var(a.astype(np.float64) - b, ddof=1) / len(a) for a, b in zip(ours, theirs)]
    images = float(np.mean(per_seed))
    spread = float(np.var(np.asarray(differences, dtype=np.float64), ddof=1)) if len(differences) > 1 else 0.0
    return float(np.sqrt(max(0.0, spread - images))), float(np.sqrt(images))


def compare(pairs: Sequence[Tuple[str, str, np.ndarray]], overlap: float = 0.0) -> List[Comparison]:
    """Judge a family of comparisons that were named before the run.

    Args:
        pairs: (arm, rival, differences float [n]) of each comparison. overlap: as in `variance_of_mean`; the differences are `stretched`.

    Returns:
        A `Comparison` for each, in the given order.
    """
    spread = [stretched(differences, overlap) for _, _, differences in pairs]
    p_values = [sign_flip(values) for values in spread]
    found = []
    for (arm, rival, differences), values, p, p_holm in zip(pairs, spread, p_values, holm(p_values)):
        few = len(values) < LEAST_SEEDS  # the bootstrap of so few is far too narrow
        limits = t_interval(values) if few else interval(values)
        found.append(
            Comparison(
                arm,
                rival,
                len(differences),
                float(np.mean(differences)) if len(differences) else float("nan"),
                *(limits or (None, None)),
                p,
                p_holm,
                smallest_effect(values, len(pairs)),
                _verdict(len(differences), limits, p_holm),
                tuple(map(float, differences)),
            )
        )
    return found


def _verdict(count: int, limits: Optional[Tuple[float, float]], p_holm: float) -> str:
    if count < LEAST_SEEDS or limits is None:
        return TOO_FEW
    if p_holm >= LEVEL or limits[0] <= 0 <= limits[1]:
        return NOTHING
    return HELPS if limits[0] > 0 else HURTS


def chance_gain(differences: Sequence[float], overlap: float = 0.0, one_image: float = 0.0) -> Optional[float]:
    """What the mean gain over repeated splits must exceed: what chance alone gives in one of 44 cases.

    That is twice its standard error where splits are many, and more by Student's t where they are few: 3.3 times at four, 4.5 at three.

    Args:
        differences: float [n]. overlap: as in `variance_of_mean`.
        one_image: what one held-out image more or less changes in a split's score; the spread of the differences is no less than that.

    Returns:
        A gain in the unit of the differences; None below two of them.
    """
    values = np.asarray(differences, dtype=np.float64)
    if len(values) < 2:
        return None
    error = np.sqrt(max(variance_of_mean(values, overlap), (1 / len(values) + overlap) * one_image**2))
    return float(stats.t.isf(stats.norm.sf(2), len(values) - 1) * error)

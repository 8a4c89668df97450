"""The inception score, here of any classifier: Salimans et al. 2016 (arXiv:1606.03498), section 4."""

from __future__ import annotations

from typing import Any, Dict, Tuple

import numpy as np
from scipy.stats import entropy

from ..runtime import rng as rng_of
from .checks import checked_probabilities
from .sides import Sides

SPLITS, LEAST_SPLIT = 10, 100  # parts of the set; a set of fewer images than that is one part


def measure_inception_score(sides: Sides) -> Dict[str, Any]:
    """`value` and `error`: see `inception_score`. The error is the standard deviation over the parts, as is usual, not the standard
    error; None where there is one part.
    """
    probabilities = sides.in_pairs.generated.probabilities
    splits = SPLITS if len(probabilities) >= LEAST_SPLIT else 1
    value, deviation = inception_score(probabilities, rng_of(sides.seed, "inception score"), splits)
    return {"value": value, "error": deviation if splits > 1 else None}


def inception_score(probabilities: np.ndarray, rng: np.random.Generator, splits: int = SPLITS) -> Tuple[float, float]:
    """exp of the mean KL(p(class | image) || p(class)): 1 (nothing learnt, or one class only) to the number of classes.

    It asks that every image be of a clear class and that all classes appear; it does not see a class whose images are all alike.

    Args:
        probabilities: float [N, classes], rows sum to 1.
        rng: numpy Generator; the images are shuffled first, since sets on disk are often sorted by class.
        splits: the score is the mean over so many parts of the set.

    Returns:
        (mean, standard deviation) over the parts.

    Raises:
        ValueError: fewer images than parts; not probabilities.
    """
    if splits < 1:
        raise ValueError(f"splits must be 1 or more, not {splits}")
    probabilities = checked_probabilities(probabilities, least=splits)
    shuffled = probabilities[rng.permutation(len(probabilities))]
    scores = [np.exp(entropy(part, part.mean(0, keepdims=True), axis=1).mean()) for part in np.array_split(shuffled, splits)]
    return float(np.mean(scores)), float(np.std(scores))

"""The inception score, here of any classifier: Salimans et al. 2016 (arXiv:1606.03498), section 4."""

import numpy as np
from scipy.stats import entropy

from .checks import checked_probabilities


def inception_score(probabilities, rng, splits=10):
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

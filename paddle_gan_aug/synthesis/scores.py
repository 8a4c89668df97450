"""Choosing among samples of a generator by the scores of its discriminator.

A score is the logit of "real", a float; it tells the density ratio real : generated only after calibration on images
that it was not trained on (Turner et al. 2018, arXiv:1811.11357). Pure functions of arrays.
"""

import math
from typing import Callable, Optional, Union

import numpy as np

METHODS = ("isotonic", "logistic")
SMALLEST_GAP = 1e-8  # keeps the best sample's acceptance finite


def calibration(real_scores: np.ndarray, fake_scores: np.ndarray, method: str = "isotonic") -> Callable[[np.ndarray], np.ndarray]:
    """Learn the probability of "real" from scores of held-out real and of generated images, the two kinds taken as
    equally frequent.

    Args:
        real_scores, fake_scores: float [N] and [M].
        method: "isotonic" (any rising function; it needs a few hundred scores) or "logistic" (two parameters).

    Returns:
        A function, scores float [K] -> probabilities float64 [K], never 0 or 1: nobody has seen enough scores to be
        that sure.

    Raises:
        ValueError: an unknown method, an empty set, values that are not finite.
    """
    from sklearn.isotonic import IsotonicRegression
    from sklearn.linear_model import LogisticRegression

    real, fake = checked_scores("real", real_scores), checked_scores("generated", fake_scores)
    if method not in METHODS:
        raise ValueError(f"no calibration {method!r}: choose one of {', '.join(METHODS)}")
    if not len(real) or not len(fake):
        raise ValueError("calibration needs scores of real and of generated images")
    scores, answers = np.concatenate([real, fake]), np.repeat([1, 0], [len(real), len(fake)])
    weights = np.repeat([0.5 / len(real), 0.5 / len(fake)], [len(real), len(fake)]) * len(scores)
    if method == "isotonic":
        model = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(scores, answers, sample_weight=weights)
        predict = model.predict
    else:
        model = LogisticRegression(C=1e6).fit(scores[:, None], answers, sample_weight=weights)

        def predict(values: np.ndarray) -> np.ndarray:
            return model.predict_proba(values[:, None])[:, 1]

    margin = 1 / (min(len(real), len(fake)) + 2)

    def calibrated(values: np.ndarray) -> np.ndarray:
        values = checked_scores("candidates'", values)
        return np.clip(predict(values), margin, 1 - margin) if len(values) else values

    return calibrated


def checked_scores(name: str, scores: np.ndarray) -> np.ndarray:
    """Scores as float64 [N].

    Raises:
        ValueError: not a row, or values that are not finite.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.ndim != 1 or not np.isfinite(scores).all():
        raise ValueError(f"{name} scores: expected a row of finite numbers, got shape {list(scores.shape)}")
    return scores


def rejection_probabilities(scores: np.ndarray, largest: Optional[float] = None, percentile: float = 80.0) -> np.ndarray:
    """How likely discriminator rejection sampling keeps each sample (Azadi et al. 2018, arXiv:1810.06758).

    With F(d) = d - d_max - log(1 - exp(d - d_max - eps)), the probability is sigmoid(F - gamma): gamma trades quality
    for number.

    Args:
        scores: float [N], D's logits, which are the log density ratio if D is as good as it can be.
        largest: d_max, seen in a burn-in; None = the largest here. Higher scores count as it.
        percentile: of F over these scores, to be gamma. A higher one keeps fewer.

    Returns:
        float64 [N].
    """
    scores = checked_scores("candidates'", scores)
    if not len(scores):
        return scores
    below = np.minimum(scores - (scores.max() if largest is None else largest), 0.0)
    f = below - np.log1p(-np.exp(below - SMALLEST_GAP))
    # 1 / (1 + exp(gamma - F)), without overflow
    return np.exp(-np.logaddexp(0, np.percentile(f, percentile) - f))


def acceptance(current: float, proposed: float) -> float:
    """min(1, (1 / D(x) - 1) / (1 / D(x') - 1)): how likely a chain moves from x to x' (Turner et al. 2018,
    arXiv:1811.11357).

    Args:
        current, proposed: calibrated probabilities of "real", strictly between 0 and 1.
    """
    return min(1.0, (1 / current - 1) / (1 / proposed - 1))


def metropolis_hastings(
    probabilities: np.ndarray, rng: np.random.Generator, start: Union[float, np.ndarray] = 0.5, chain: int = 50
) -> np.ndarray:
    """Choose samples by independent Metropolis–Hastings chains (Turner et al. 2018, arXiv:1811.11357).

    The candidates are cut into runs of `chain` or a few more; each is one chain of proposals, and the sample on which
    it ends is kept. For long chains and a calibrated D the kept ones are distributed like real images.

    Args:
        probabilities: float [N], calibrated, in the order in which they were generated.
        start: D of the held-out real image from which each chain starts; a row of them is drawn from. A chain that
            never moves away from it keeps nothing.
        chain: proposals; the paper takes 640. The farther the generated images are from the real ones, the longer it
            should be.

    Returns:
        bool [N].

    Raises:
        ValueError: probabilities not strictly between 0 and 1; a chain below 1.
    """
    probabilities, start = checked_scores("calibrated", probabilities), np.atleast_1d(np.asarray(start, dtype=np.float64))
    if chain < 1:
        raise ValueError(f"a chain needs at least one proposal, not {chain}")
    for values in (probabilities, start):
        if len(values) and not 0 < values.min() <= values.max() < 1:
            raise ValueError("calibrated probabilities lie strictly between 0 and 1")
    keep = np.zeros(len(probabilities), dtype=bool)
    for run in np.array_split(np.arange(len(probabilities)), max(1, math.floor(len(probabilities) / chain))):
        current, at = float(rng.choice(start)), None
        for index, chance in zip(run, rng.random(len(run))):
            if chance <= acceptance(current, probabilities[index]):
                current, at = probabilities[index], index
        if at is not None:
            keep[at] = True
    return keep

"""The functions of the filters: (candidates, reference, rng, **settings) -> keep-mask, bool [N].

What is natural they learn from real training images alone: a filter that saw other labels would smuggle them into the
experiment.
"""

from typing import Callable, Optional, Tuple

import numpy as np
from numpy.random import Generator

from ..metrics.health import IMAGE_SIGNS, single_image_signs
from .candidates import Candidates, Reference
from .held_out import CERTAIN, CONFIDENT, entropies
from .scores import calibration, metropolis_hastings, rejection_probabilities

Mask = np.ndarray  # bool [N]


def not_blank(candidates: Candidates, reference: Reference, rng: Generator) -> Mask:
    """Keep images whose contrast is natural."""
    return _has_natural_signs("blank images", candidates, reference)


def not_saturated(candidates: Candidates, reference: Reference, rng: Generator) -> Mask:
    """Keep images whose share of bright pixels is natural."""
    return _has_natural_signs("saturated images", candidates, reference)


def has_background(candidates: Candidates, reference: Reference, rng: Generator) -> Mask:
    """Keep images whose share of dark pixels is natural."""
    return _has_natural_signs("images without background", candidates, reference)


def not_noise(candidates: Candidates, reference: Reference, rng: Generator) -> Mask:
    """Keep images whose roughness is natural."""
    return _has_natural_signs("noise or a checkerboard", candidates, reference)


def _has_natural_signs(alarm: str, candidates: Candidates, reference: Reference) -> Mask:
    found, kept = single_image_signs(candidates.images), np.ones(len(candidates), dtype=bool)
    for sign in IMAGE_SIGNS:
        if sign.alarm == alarm:
            values, limit = found[sign.name], reference.sign_limits[sign.name, sign.too_low]
            kept &= values >= limit if sign.too_low else values <= limit
    return kept


def agrees(candidates: Candidates, reference: Reference, rng: Generator) -> Mask:
    """Keep images that the classifier reads as the class that they were made for."""
    return candidates.probabilities.argmax(1) == candidates.labels


def confident(candidates: Candidates, reference: Reference, rng: Generator, threshold: Optional[float] = None) -> Mask:
    """Keep images with p(class) > t, the second half of the rule of Lampis, Lomurno & Matteucci 2023
    (arXiv:2305.10118).

    Args:
        threshold: t, 0 to 1; None = 0.5, or less where the classifier is less sure of real images that it reads rightly
            and has not learnt.
    """
    if threshold is None:
        reading = reference.reading
        threshold = CONFIDENT if reading is None else reading.confidence_limits(candidates.labels)
    return candidates.probabilities[np.arange(len(candidates)), candidates.labels] > threshold


def certain(candidates: Candidates, reference: Reference, rng: Generator, limit: Optional[float] = None) -> Mask:
    """Keep images for which the entropy of the class probabilities is at most a limit.

    Args:
        limit: a share of the largest entropy, log K, 0 to 1; None = 0.3, or more where the classifier is less sure of
            real images that it reads rightly and has not learnt.
    """
    if limit is None:
        limit = CERTAIN if reference.reading is None else reference.reading.entropy_limits(candidates.labels)
    return entropies(candidates.probabilities) <= limit + 1e-12


def near_boundary(candidates: Candidates, reference: Reference, rng: Generator, share: float) -> Mask:
    """Keep of each class the share of the candidates whose margin, p(class) minus the largest p of another one, is smallest."""
    return _by_margin(candidates, share, 1)


def near_centre(candidates: Candidates, reference: Reference, rng: Generator, share: float) -> Mask:
    """Keep of each class the share of the candidates whose margin, p(class) minus the largest p of another one, is largest."""
    return _by_margin(candidates, share, -1)


def _by_margin(candidates: Candidates, share: float, sign: int) -> Mask:
    rows, p = np.arange(len(candidates)), candidates.probabilities.astype(np.float64)
    own = p[rows, candidates.labels]
    others = p.copy()
    others[rows, candidates.labels] = -1.0
    margins, kept = sign * (own - others.max(1)), np.zeros(len(candidates), dtype=bool)
    for label in np.unique(candidates.labels):
        mine = np.flatnonzero(candidates.labels == label)
        kept[mine[np.argsort(margins[mine], kind="stable")[: max(1, round(share * len(mine)))]]] = True
    return kept


def above(candidates: Candidates, reference: Reference, rng: Generator, threshold: float) -> Mask:
    """Keep images whose logit of the discriminator is above the threshold; 0 means "as likely real as generated"."""
    return candidates.scores > threshold


def rejection_sampled(candidates: Candidates, reference: Reference, rng: Generator, percentile: float) -> Mask:
    """Keep images with the probability of discriminator rejection sampling, class by class; see
    `scores.rejection_probabilities`.
    """

    largest = None if reference.fake_scores is None else np.max(reference.fake_scores)

    def keep(scores: np.ndarray) -> Mask:
        return rng.random(len(scores)) < rejection_probabilities(scores, largest, percentile)

    return _class_by_class(candidates, keep)


def chain_sampled(candidates: Candidates, reference: Reference, rng: Generator, chain: int, method: str) -> Mask:
    """Keep the ends of calibrated Metropolis–Hastings chains, class by class; see `scores.metropolis_hastings`."""
    probability = calibration(reference.real_scores, reference.fake_scores, method)
    start = probability(reference.real_scores)
    return _class_by_class(candidates, lambda scores: metropolis_hastings(probability(scores), rng, start, chain))


def no_copies(candidates: Candidates, reference: Reference, rng: Generator, share: float) -> Mask:
    """Keep images that are farther from the nearest training image of their class than the closest `share` of real
    images are.
    """
    labels = candidates.labels
    return reference.space.distances(candidates.features, labels)[:, 0] > reference.space.limits(labels, 0, share)


def no_outliers(candidates: Candidates, reference: Reference, rng: Generator, share: float) -> Mask:
    """Keep images that are no farther from the fifth nearest training image of their class than all but `share` of real
    images are.
    """
    labels = candidates.labels
    return reference.space.distances(candidates.features, labels)[:, 1] <= reference.space.limits(labels, 1, 1 - share)


def no_duplicates(
    candidates: Candidates, reference: Reference, rng: Generator, share: float, earlier: Optional[Tuple[np.ndarray, np.ndarray]] = None
) -> Mask:
    """Keep images that are farther from every kept image of their class before them than the closest `share` of real
    images are from training images.

    Args:
        earlier: (features, labels) of the images that are already in the set, or None.
    """
    limits = reference.space.limits(candidates.labels, 0, share)
    keep = np.ones(len(candidates), dtype=bool)
    for c in np.unique(candidates.labels):
        mine = np.flatnonzero(candidates.labels == c)
        before = None if earlier is None else earlier[0][earlier[1] == c].astype(np.float64)
        keep[mine] = _first_of_their_kind(candidates.features[mine], limits[mine[0]], before)
    return keep


def _first_of_their_kind(features: np.ndarray, limit: float, before: Optional[np.ndarray]) -> Mask:
    from sklearn.neighbors import NearestNeighbors

    keep = np.ones(len(features), dtype=bool)
    if before is not None and len(before):
        nearest = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(before).kneighbors(features)[0][:, 0]
        keep = nearest > limit
    close = NearestNeighbors(radius=limit, algorithm="brute").fit(features).radius_neighbors(features, return_distance=False)
    for index, others in enumerate(close):
        # In order: only an image that is itself in the set can make a later one a duplicate.
        keep[index] &= not keep[others[others < index]].any()
    return keep


def _class_by_class(candidates: Candidates, keep_scores: Callable[[np.ndarray], Mask]) -> Mask:
    keep = np.zeros(len(candidates), dtype=bool)
    for c in np.unique(candidates.labels):
        mine = candidates.labels == c
        keep[mine] = keep_scores(candidates.scores[mine])
    return keep

"""Whether a generator repeats its training images: they are then closer to them than unseen real images are.

After C_T of Meehan, Chaudhuri & Dasgupta 2020 (arXiv:2004.05675): distances to the nearest training image, of generated and of
held-out real images, compared by a Mann-Whitney test. C_T compares within cells of the feature space, so that a generator which
prefers crowded regions is not taken for one that copies. Cells are coarse; here each distance is divided by the one to the
nearest of as many held-out images, which is as short where it is crowded. Images that share a nearest image are not independent, and
where training images are few, many do: the test's variance counts them as clusters (Obuchowski 1997, of clustered ROC curves).
"""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

import numpy as np
from scipy.stats import norm
from sklearn.neighbors import NearestNeighbors

from ..data.overlap import repeated
from ..runtime import rng as rng_of
from .checks import checked_images, checked_pair
from .diversity import first_occurrences
from .sides import Nearness, Sides

NEAR = 0.001  # relatively closer than this share of the unseen real images is: a near duplicate
ALPHA = 0.001  # of the test
TOUCHING = 1e-12  # stands for a distance of zero, whose logarithm there is not


def measure_memorisation(sides: Sides) -> Dict[str, Any]:
    """`value`: how often a generated image is relatively closer to training than an unseen real one, 0.5 for new images.

    `p_value`: of the test that it is no more often than that; `copied`: the p value is below 0.001. Shares of the images:
    `near_duplicates` of training images (`near_floor` of unseen real ones are: 0.1 %, or where they are few, one of them) and
    `exact_duplicates`, pixel for pixel. An image that is repeated counts once.
    """
    images = sides.generated.images
    exact = duplicate_share(images, sides.training.images)
    if sides.unseen is None:
        why = "needs at least 4 real images of one class that the generator did not learn"
        unknown = dict.fromkeys(("value", "p_value", "copied", "near_duplicates", "near_floor"))
        return {**unknown, "exact_duplicates": exact, "why": why}
    some = sides.in_pairs.generated
    features = some.features[first_occurrences(some.images)]
    measured = closeness_to_training(nearness(features, sides.in_pairs.training.features, sides.held_out), sides.unseen)
    return {
        "value": measured["closer"],
        "p_value": measured["p_value"],
        "copied": measured["p_value"] < ALPHA,
        "near_duplicates": measured["near_duplicates"],
        "near_floor": max(NEAR, 1 / (len(sides.unseen.ratios) + 1)),
        "exact_duplicates": exact,
    }


def memorisation_floor(sides: Sides) -> Dict[str, Any]:
    """`floor`: one half of the unseen real images beside the other, since training images would be copies; {} where there are none."""
    if sides.unseen is None:
        return {}
    halves = np.array_split(rng_of(sides.seed, "halves").permutation(len(sides.unseen.ratios)), 2)
    return {"floor": closeness_to_training(*map(sides.unseen.subset, halves))["closer"]}


def memorisation_rows(entry: Dict[str, Any]) -> List[Tuple[str, str, str, str]]:
    """What `measure_memorisation` says beside its value, as rows for a table: (name, value, floor, what it says)."""
    rows = []
    if entry["value"] is not None:
        verdict = f"{'copied' if entry['copied'] else 'no sign of copying'} (p = {entry['p_value']:.4g})"
        rows.append(("memorisation test", verdict, "–", "Whether memorisation is above 0.5 by more than chance: p < 0.001."))
        near, floor = f"{100 * entry['near_duplicates']:.2f} %", f"{100 * entry.get('near_floor', NEAR):.2g} %"
        rows.append(("near duplicates", near, floor, "The share of generated images that are nearly a training image."))
    exact = f"{100 * entry['exact_duplicates']:.2f} %"
    return [*rows, ("exact duplicates", exact, "0 %", "The share of generated images that are a training image, pixel for pixel.")]


def nearness(features: np.ndarray, training: np.ndarray, held_out: np.ndarray) -> Nearness:
    """Find the nearest training and held-out image of every image.

    Args:
        features: float [N, width]. training: float [M, width], what the generator learnt. held_out: float [K, width], real images that it
            never saw; the first M of them are used: of more, the nearest would be nearer.

    Raises:
        ValueError: an empty set; not finite; widths that differ.
    """
    (near, which), (near_held_out, which_held_out) = _nearest(features, training), _nearest(features, held_out[: len(training)])
    return Nearness(np.log(near + TOUCHING) - np.log(near_held_out + TOUCHING), which, which_held_out)


def closeness_to_training(fake: Nearness, unseen: Nearness) -> Dict[str, float]:
    """Compare how close generated images are to training images with how close unseen real ones are.

    Args:
        fake, unseen: `Nearness` of generated and of real images to the same training and held-out images. The unseen ones must be
            neither of those.

    Returns:
        A dict. closer: the share of pairs (generated, unseen) in which the generated image is relatively closer to training: 0.5 when
        there is no difference, 1 for copies. p_value: one-sided, small when the generated images are closer. near_duplicates: the
        share of generated images relatively closer than all but 0.1 % of the unseen ones.

    Raises:
        ValueError: a set without images.
    """
    if not len(fake.ratios) or not len(unseen.ratios):
        raise ValueError(f"nothing to compare: {len(fake.ratios)} generated and {len(unseen.ratios)} unseen real images")
    beaten, beating = _share_above(unseen.ratios, fake.ratios), 1 - _share_above(fake.ratios, unseen.ratios)
    closer = beaten.mean()
    variance = _clustered_variance((beaten - closer) / len(beaten), (beating - closer) / len(beating), fake, unseen)
    return {
        "closer": float(closer),
        "p_value": float(norm.sf((closer - 0.5) / np.sqrt(variance))),
        "near_duplicates": float((fake.ratios < np.quantile(unseen.ratios, NEAR)).mean()),
    }


def _nearest(features: np.ndarray, real: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """(distance to the nearest row of `real`, its index) of each row of `features`."""
    real, features = checked_pair(real, features)
    distances, indices = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(real).kneighbors(features)
    return distances[:, 0], indices[:, 0]


def _share_above(values: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """The share of `values` above each of `bounds`, ties by half."""
    values = np.sort(values)
    return 1 - (np.searchsorted(values, bounds, "left") + np.searchsorted(values, bounds, "right")) / (2 * len(values))


def _clustered_variance(fake_parts: np.ndarray, unseen_parts: np.ndarray, fake: Nearness, unseen: Nearness) -> float:
    """Of `closer`: Mann-Whitney's under the null hypothesis, and what images with a common nearest image add to it, by either real set."""
    counts = len(fake_parts), len(unseen_parts)
    alone = np.square(fake_parts).sum() + np.square(unseen_parts).sum()
    variance = (counts[0] + counts[1] + 1) / (12 * counts[0] * counts[1])
    for name in ("training", "held_out"):
        which = np.concatenate([getattr(fake, name), getattr(unseen, name)])
        together = np.square(np.bincount(which, weights=np.concatenate([fake_parts, unseen_parts]))).sum()
        variance += max(0.0, together - alone)
    return variance


def duplicate_share(images: np.ndarray, training: np.ndarray) -> float:
    """The share of images that are pixel for pixel a training image, 0 to 1.

    Args:
        images, training: uint8 [N, ...] and [M, ...], one shape of image.

    Raises:
        ValueError: not uint8 images, none at all, or of different shapes.
    """
    images, training = checked_images("images", images), checked_images("training images", training)
    if not len(images) or images.shape[1:] != training.shape[1:]:
        raise ValueError(f"images of shape {list(images.shape)} cannot be looked for among {list(training.shape)}")
    return float(repeated(images, training).mean())

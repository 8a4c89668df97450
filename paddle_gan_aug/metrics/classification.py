"""What a classifier's readings say: of the classifier on labelled images, and of generated images without labels."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

import numpy as np
from scipy.special import rel_entr

from .checks import checked_rows
from .sides import Sides

CONFIDENT = 0.9  # the class probability from which on an image counts as read confidently


def measure_class_histogram(sides: Sides) -> Dict[str, Any]:
    """`value`: KL(classes read in the images || those read in the whole reference), in nats; infinite where the reference lacks a
    class. `kl_uniform`: the same against equal shares. `shares`: {class name: share}.
    """
    shares = class_shares(sides.generated.probabilities)
    return {
        "value": histogram_divergence(shares, class_shares(sides.reference.probabilities)),
        "kl_uniform": histogram_divergence(shares),
        "shares": dict(zip(sides.read_classes, map(float, shares))),
    }


def measure_confident(sides: Sides) -> Dict[str, Any]:
    """`value`: see `confident_share`."""
    return {"value": confident_share(sides.generated.probabilities)}


def measure_smallest_class(sides: Sides) -> Dict[str, Any]:
    """`value`: the smallest share that is read of any class that the reference has; `class`: its name."""
    if sides.read_classes != sides.class_names:
        return _other_classes()
    shares = class_shares(sides.generated.probabilities)
    smallest = min(np.unique(sides.reference.labels).tolist(), key=lambda label: shares[label])
    return {"value": float(shares[smallest]), "class": sides.class_names[smallest]}


def measure_agreement(sides: Sides) -> Dict[str, Any]:
    """`value`: the share of images that are read as the class that they were asked for. `classes`: {class name: the same of that
    class}. `smallest`: the least of those.
    """
    if sides.read_classes != sides.class_names:
        return _other_classes()
    labels = sides.generated.labels
    agrees = sides.generated.probabilities.argmax(1) == labels
    classes = {sides.class_names[label]: float(agrees[labels == label].mean()) for label in np.unique(labels).tolist()}
    return {"value": float(agrees.mean()), "smallest": min(classes.values()), "classes": classes}


def measure_code_accuracy(sides: Sides) -> Dict[str, Any]:
    """`value`: see `code_accuracy`. `classes`: {code: the class that it stands for}."""
    share, matching = code_accuracy(sides.generated.codes, sides.generated.probabilities.argmax(1))
    return {"value": share, "classes": {str(code): sides.read_classes[label] for code, label in matching.items()}}


def _other_classes() -> Dict[str, Any]:
    return {"value": None, "why": "needs a feature network that reads the classes of the real images"}


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts int64 [classes, classes]; row = true class, column = predicted class.

    Args:
        labels, predicted: int64 [N], values in 0 … classes - 1.
    """
    cells = np.asarray(labels, dtype=np.int64) * classes + np.asarray(predicted, dtype=np.int64)
    flat = np.bincount(cells, minlength=classes**2)
    return flat.reshape(classes, classes)


def accuracy(matrix: np.ndarray) -> float:
    """The share of a confusion matrix on its diagonal, 0 to 1."""
    return float(np.trace(matrix) / matrix.sum())


def class_shares(probabilities: np.ndarray) -> np.ndarray:
    """The share of images read as each class, float64 [classes], summing to 1.

    Args:
        probabilities: float [N, classes].
    """
    return np.bincount(probabilities.argmax(1), minlength=probabilities.shape[1]) / len(probabilities)


def class_histogram(labels: np.ndarray, classes: int) -> np.ndarray:
    """The share of each class among labels, float64 [classes], summing to 1.

    Args:
        labels: int64 [N], values in 0 … classes - 1.

    Raises:
        ValueError: no labels, or one outside the classes.
    """
    labels = np.asarray(labels, dtype=np.int64)
    if labels.ndim != 1 or not len(labels):
        raise ValueError(f"expected a row of labels, got shape {list(labels.shape)}")
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"labels from {labels.min()} to {labels.max()} do not fit {classes} classes")
    return np.bincount(labels, minlength=classes) / len(labels)


def histogram_divergence(shares: np.ndarray, reference: Optional[np.ndarray] = None) -> float:
    """KL(shares || reference) in nats: 0 for equal histograms, infinite where `reference` lacks a class that `shares` has.

    Against the uniform histogram it is log(classes) when one class is all there is (PacGAN, Lin et al. 2018,
    arXiv:1712.04086, measures mode collapse so).

    Args:
        shares, reference: float [classes], normalised here; `reference` None = uniform.

    Raises:
        ValueError: negative or not finite shares, shares of nothing, or different numbers of classes.
    """
    shares = checked_rows("class shares", np.asarray(shares, dtype=np.float64)[None])[0]
    reference = np.ones_like(shares) if reference is None else checked_rows("class shares", np.asarray(reference)[None])[0]
    if len(reference) != len(shares):
        raise ValueError(f"{len(shares)} classes cannot be compared with {len(reference)}")
    if min(shares.min(), reference.min()) < 0 or shares.sum() <= 0 or reference.sum() <= 0:
        raise ValueError("class shares must not be negative nor all zero")
    return float(rel_entr(shares / shares.sum(), reference / reference.sum()).sum())


def code_accuracy(codes: np.ndarray, classes: np.ndarray) -> Tuple[float, Dict[int, int]]:
    """The share of images whose class is the one that their code stands for, under the best one-to-one matching of both, 0 to 1.

    Args:
        codes: int64 [N], what a generator was given. classes: int64 [N], what was read in its images.

    Returns:
        (share, {code: class}). With more codes than classes (or fewer) some stay without a partner.

    Raises:
        ValueError: nothing was given, or not as many codes as classes were read.
    """
    from scipy.optimize import linear_sum_assignment

    codes, classes = np.asarray(codes, dtype=np.int64), np.asarray(classes, dtype=np.int64)
    if codes.shape != classes.shape or codes.ndim != 1 or not len(codes):
        raise ValueError(f"expected two rows of one length, got shapes {list(codes.shape)} and {list(classes.shape)}")
    counts = np.zeros((codes.max() + 1, classes.max() + 1), dtype=np.int64)
    np.add.at(counts, (codes, classes), 1)
    rows, columns = linear_sum_assignment(-counts)
    return float(counts[rows, columns].sum() / len(codes)), dict(zip(rows.tolist(), columns.tolist()))


def confident_share(probabilities: np.ndarray, threshold: float = CONFIDENT) -> float:
    """The share of images whose largest class probability is at least `threshold`, 0 to 1."""
    return float((probabilities.max(1) >= threshold).mean())

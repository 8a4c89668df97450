"""Mixtures of images and of their labels, for classifiers. NumPy; the mixtures of feature maps are in `feature_mixing`.

A target is a row of class weights that sum to 1: a mixture of images has the same mixture of targets, and the loss is the cross-entropy
with it (soft labels).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

import numpy as np


@dataclass(frozen=True, eq=False)
class Mixture:
    """Which samples of a batch are mixed, and with which weights.

    Attributes:
        weight: the share of the sample itself, 0 to 1; one for the batch, as published.
        partners: int64 [N], a permutation: sample i is mixed with sample partners[i].
    """

    weight: float
    partners: np.ndarray

    def of(self, values: np.ndarray) -> np.ndarray:
        """Return weight * values + (1 - weight) * values[partners], for a float [N, ...] array.

        Raises:
            ValueError: integers, which cannot be mixed; a batch of another size.
        """
        values = np.asarray(values)
        if values.dtype.kind != "f":
            raise ValueError(f"only floats can be mixed, not {values.dtype}")
        _check_count(values, self.partners)
        weight = values.dtype.type(self.weight)
        return weight * values + (1 - weight) * values[self.partners]


def draw_mixture(count: int, rng: np.random.Generator, alpha: float) -> Mixture:
    """Draw a mixture for `count` samples: the weight from Beta(alpha, alpha), the partners by chance.

    Raises:
        ValueError: alpha is not above 0.
    """
    if not alpha > 0:
        raise ValueError(f"alpha must be above 0, not {alpha}")
    return Mixture(float(rng.beta(alpha, alpha)), rng.permutation(count))


def one_hot(labels: np.ndarray, classes: int) -> np.ndarray:
    """Return int labels [N] as targets, float32 [N, classes].

    Raises:
        ValueError: a label outside the classes.
    """
    labels = np.asarray(labels)
    if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(f"labels from {labels.min()} to {labels.max()} do not fit {classes} classes")
    return np.eye(classes, dtype=np.float32)[labels]


def mixup(images: np.ndarray, targets: np.ndarray, rng: np.random.Generator, alpha: float = 0.2) -> Tuple[np.ndarray, np.ndarray]:
    """mixup (Zhang et al. 2017, arXiv:1710.09412): images and targets mixed alike.

    Args:
        images: float [N, ...], as the network takes them. targets: float [N, K].
        alpha: of the Beta distribution; 1 for CIFAR-10, 0.1 to 0.4 for ImageNet.

    Returns:
        (images, targets), new arrays of the same shapes and dtypes.

    Raises:
        ValueError: integers; counts that differ; alpha not above 0.
    """
    mixture = draw_mixture(len(images), rng, alpha)
    return mixture.of(images), mixture.of(targets)


def cutmix(images: np.ndarray, targets: np.ndarray, rng: np.random.Generator, alpha: float = 1.0) -> Tuple[np.ndarray, np.ndarray]:
    """CutMix (Yun et al. 2019, arXiv:1905.04899): one box of every image comes from its partner, and its area is the partner's weight.

    Args:
        images: [N, C, H, W] of any dtype. targets: float [N, K].
        alpha: of the Beta distribution of 1 - area; the paper takes 1, that is, uniform.

    Returns:
        (images, targets), new arrays of the same shapes and dtypes.

    Raises:
        ValueError: other shapes; counts that differ; alpha not above 0.
    """
    images = np.asarray(images)
    if images.ndim != 4:
        raise ValueError(f"CutMix takes images [N, C, H, W], not shape {list(images.shape)}")
    drawn = draw_mixture(len(images), rng, alpha)
    rows, columns = cutmix_box(*images.shape[2:], drawn.weight, rng)
    pasted = images.copy()
    pasted[:, :, rows, columns] = images[drawn.partners][:, :, rows, columns]
    area = (rows.stop - rows.start) * (columns.stop - columns.start)
    # The box was clipped at the edges: the label follows what is really there.
    return pasted, Mixture(1 - area / (images.shape[2] * images.shape[3]), drawn.partners).of(targets)


def cutmix_box(height: int, width: int, weight: float, rng: np.random.Generator) -> Tuple[slice, slice]:
    """Draw the box of CutMix: a share 1 - weight of the area and the shape of the image, at a uniform centre, clipped at the edges.

    Returns:
        (slice of rows, slice of columns).
    """
    side = np.sqrt(1 - weight)
    box = []
    for length in (height, width):
        cut, centre = int(length * side), int(rng.integers(length))
        box.append(slice(max(centre - cut // 2, 0), min(centre - cut // 2 + cut, length)))
    return box[0], box[1]


def _check_count(values: np.ndarray, partners: np.ndarray) -> None:
    if len(values) != len(partners):
        raise ValueError(f"{len(values)} rows cannot be mixed by a mixture for {len(partners)}")

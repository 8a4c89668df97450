"""Batches of images, which depend on nothing but the step: a run that resumes or rolls back sees the same images again.

The images stay one uint8 array, and each batch is scaled when it is made.
"""

import dataclasses
import operator
from typing import Callable, Optional, Tuple

import numpy as np

from ..errors import InputError
from .images import LabelledImages, to_network


@dataclasses.dataclass
class Batch:
    """The images of a step.

    Attributes:
        images: float32 [B, C, H, W] in [-1, 1].
        labels: int64 [B].
        partners: float32 [B, C, H, W], for each image another one of its class; None without pairs.
        weights: float32 [B], the weight of each image's loss; None = all the same.
        targets: float32 [B, classes], soft labels that are learnt instead of `labels`, or None.
    """

    images: np.ndarray
    labels: np.ndarray
    partners: Optional[np.ndarray] = None
    weights: Optional[np.ndarray] = None
    targets: Optional[np.ndarray] = None

    def __len__(self) -> int:
        return len(self.labels)


class Batches:
    """Shuffled batches without end, any of which can be asked for.

    Every epoch goes through the data once, in an order of its own that depends on `rng_for_epoch(epoch)` and nothing else. All
    batches have one size: the few images that are left at the end of an epoch are left out.

    Args:
        dataset: the images.
        batch_size: images per batch, 1 to the size of the data.
        rng_for_epoch: gives a new numpy.random.Generator for an epoch (0, 1, ...), the same one each time it is asked.
        pairs: give each image another one of its class, drawn anew every epoch (an only image is its own partner).

    Raises:
        InputError: batch_size is below 1 or above the number of images.
    """

    def __init__(
        self, dataset: LabelledImages, batch_size: int, rng_for_epoch: Callable[[int], np.random.Generator], pairs: bool = False
    ) -> None:
        if batch_size < 1:
            raise InputError(f"batch size {batch_size} is below 1: use 1 or more")
        if batch_size > len(dataset):
            raise InputError(
                f"batch size {batch_size} is larger than the data, {len(dataset)} images ({dataset.source}): "
                f"use a batch size of at most {len(dataset)}, or more images"
            )
        self.dataset = dataset
        self.batch_size = batch_size
        self.pairs = pairs
        self._rng_for_epoch = rng_for_epoch
        self._epoch_order = (None, None, None)

    @property
    def steps_per_epoch(self) -> int:
        """The number of batches in one pass over the data."""
        return len(self.dataset) // self.batch_size

    def batch(self, step: int) -> Batch:
        """Return the batch of a step, counted from 0 over all epochs.

        Raises:
            ValueError: the step is negative.
        """
        step = operator.index(step)
        if step < 0:
            raise ValueError(f"steps count from 0, not {step}")
        epoch, position = divmod(step, self.steps_per_epoch)
        start = position * self.batch_size
        order, partners = self._order(epoch)
        chosen = order[start : start + self.batch_size]
        images = self.dataset.images
        others = None if partners is None else to_network(images[partners[chosen]])
        return Batch(to_network(images[chosen]), self.dataset.labels[chosen], others)

    def _order(self, epoch: int) -> Tuple[np.ndarray, Optional[np.ndarray]]:
        """Return (the order of an epoch, each image's partner or None), int64 [N] both."""
        known, order, partners = self._epoch_order
        if known != epoch:
            rng = self._rng_for_epoch(epoch)
            order = rng.permutation(len(self.dataset))
            partners = _same_class(self.dataset.labels, rng) if self.pairs else None
            self._epoch_order = (epoch, order, partners)  # in one assignment: a prefetching thread sees all or nothing
        return order, partners


def _same_class(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return for each of N labels the index of another one that is equal, drawn uniformly: int64 [N]."""
    partners = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        of_class = np.flatnonzero(labels == label)
        step = rng.integers(1, max(2, len(of_class)), len(of_class))
        partners[of_class] = of_class[(np.arange(len(of_class)) + step) % len(of_class)]
    return partners

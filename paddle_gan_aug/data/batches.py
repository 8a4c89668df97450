"""Why batches are looked up by step: a run that resumes, or rolls back, then needs no more than its step to see the same images.

The images stay one uint8 array; each batch is scaled when it is made.
"""

import dataclasses
import operator
from typing import Optional

import numpy as np

from ..errors import InputError
from .images import to_network


@dataclasses.dataclass
class Batch:
    """What a step takes: images float32 [B, C, H, W] in [-1, 1] and labels int64 [B].

    `weights` float32 [B] say how much each image's loss counts; None = all the same. `targets` float32 [B, classes] are soft labels to be
    learnt in place of `labels`, or None. With pairs, `partners` float32 [B, C, H, W] are
    other images of the same classes, one for each.
    """

    images: np.ndarray
    labels: np.ndarray
    partners: Optional[np.ndarray] = None
    weights: Optional[np.ndarray] = None
    targets: Optional[np.ndarray] = None

    def __len__(self):
        return len(self.labels)


class Batches:
    """Shuffled batches without end; any of them can be asked for.

    Every epoch goes through the data once, in an order of its own that depends on `rng_for_epoch(epoch)` and nothing else.

    Args:
        dataset: LabelledImages.
        batch_size: images per batch, 1 to the size of the data.
        rng_for_epoch: gives a new numpy.random.Generator for an epoch (0, 1, ...), the same one each time it is asked.
        drop_last: leave out the short batch at the end of an epoch (all batches have one shape), or keep it.
        pairs: give each image another one of its class, drawn anew every epoch (an only image is its own partner).

    Raises:
        InputError: batch_size is below 1 or above the number of images.
    """

    def __init__(self, dataset, batch_size, rng_for_epoch, drop_last=True, pairs=False):
        _check_size(batch_size)
        if batch_size > len(dataset):
            raise InputError(
                f"batch size {batch_size} is larger than the data, {len(dataset)} images ({dataset.source}): "
                f"use a batch size of at most {len(dataset)}, or more images"
            )
        self.dataset = dataset
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.pairs = pairs
        self._rng_for_epoch = rng_for_epoch
        self._epoch_order = (None, None, None)

    @property
    def steps_per_epoch(self):
        """Batches in one pass over the data."""
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + (1 if rest and not self.drop_last else 0)

    def batch(self, step):
        """The batch of a step, counted from 0 over all epochs.

        Raises:
            ValueError: a negative step.
        """
        step = operator.index(step)
        if step < 0:
            raise ValueError(f"steps count from 0, not {step}")
        epoch, position = divmod(step, self.steps_per_epoch)
        start = position * self.batch_size
        order, partners = self._order(epoch)
        chosen = order[start : start + self.batch_size]
        return _make_batch(self.dataset, chosen, None if partners is None else partners[chosen])

    def _order(self, epoch):
        """(the order of an epoch, each image's partner or None), int64 [N] both."""
        known, order, partners = self._epoch_order
        if known != epoch:
            rng = self._rng_for_epoch(epoch)
            order = rng.permutation(len(self.dataset))
            partners = _same_class(self.dataset.labels, rng) if self.pairs else None
            self._epoch_order = (epoch, order, partners)  # in one assignment: a prefetching thread sees all or nothing
        return order, partners


def _same_class(labels, rng):
    """For each of N labels the index of another one that is equal, drawn uniformly: int64 [N]."""
    partners = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        of_class = np.flatnonzero(labels == label)
        step = rng.integers(1, max(2, len(of_class)), len(of_class))
        partners[of_class] = of_class[(np.arange(len(of_class)) + step) % len(of_class)]
    return partners


def iterate(dataset, batch_size):
    """Batches of all images in their own order, once, the last one shorter if need be. For evaluation.

    Raises:
        InputError: batch_size is below 1.
    """
    _check_size(batch_size)
    return (_make_batch(dataset, slice(start, start + batch_size)) for start in range(0, len(dataset), batch_size))


def _make_batch(dataset, which, partners=None):
    others = None if partners is None else to_network(dataset.images[partners])
    return Batch(to_network(dataset.images[which]), dataset.labels[which].copy(), others)


def _check_size(batch_size):
    if batch_size < 1:
        raise InputError(f"batch size {batch_size} is below 1: use 1 or more")

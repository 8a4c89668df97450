"""Batches of real and generated images together, with a weight for each image's loss.

The generated images may be renewed while a classifier trains. As of `Batches`, any batch can be asked for at any time.
"""

from typing import Callable, Optional, Union

import numpy as np

from .. import runtime
from ..errors import InputError
from .batches import Batch, Batches
from .images import LabelledImages


class MixedBatches:
    """Every batch has the same number of generated images, after the real ones.

    Args:
        real: the real images.
        batch_size: of both parts together.
        rng_for_epoch: (epoch) -> Generator, which gives the order of the real part, as for `Batches`.
        generated: (round) -> `LabelledImages` of the classes of the real ones, or None for no generated part.
        every: the steps of a round; None = round 0 never ends.
        share: the share of every batch that is generated, above 0; 1 = all.
        weight: of a generated image's loss.
        class_weights: float [classes], a weight for all images of a class, or None.
        rng_for_round: (round, epoch) -> Generator, which gives the order of the generated part.
        read: (images float32 [n, C, H, W]) -> float32 [n, classes], the soft labels of generated images; None = they have hard ones.

    Raises:
        InputError: a part would have no image in a batch, or has fewer images than that (also in a later round).
    """

    def __init__(
        self,
        real: LabelledImages,
        batch_size: int,
        rng_for_epoch: Callable[[int], np.random.Generator],
        generated: Optional[Callable[[int], LabelledImages]] = None,
        every: Optional[int] = None,
        share: float = 0.5,
        weight: float = 1.0,
        class_weights: Optional[np.ndarray] = None,
        rng_for_round: Optional[Callable[[int, int], np.random.Generator]] = None,
        read: Optional[Callable[[np.ndarray], np.ndarray]] = None,
    ) -> None:
        self.generated_size = 0 if generated is None else round(batch_size * share)
        if generated is not None and (not self.generated_size or (share < 1 and self.generated_size == batch_size)):
            raise InputError(f"a share of {share} generated images in batches of {batch_size} leaves one part empty: change one of them")
        self.real = Batches(real, batch_size - self.generated_size, rng_for_epoch) if self.generated_size < batch_size else None
        self.batch_size, self.dataset = batch_size, real
        self._generated, self._every, self._weight, self._class_weights = generated, every, weight, class_weights
        self._rng_for_round, self._round, self._read = rng_for_round, (None, None), read
        if generated is not None:
            self._batches(0)  # what is wrong with it comes out before the first step

    @property
    def steps_per_epoch(self) -> int:
        """The number of batches in one pass over the real images, or without real ones in a batch, of as many generated ones."""
        return max(1, len(self.dataset) // self.batch_size) if self.real is None else self.real.steps_per_epoch

    def batch(self, step: int) -> Batch:
        """Return the batch of a step, counted from 0; see `Batches.batch`."""
        parts = [] if self.real is None else [(self.real.batch(step), 1.0)]
        if self.generated_size:
            number, within = divmod(step, self._every) if self._every else (0, step)
            parts.append((self._batches(number).batch(within), self._weight))
        images, labels = (np.concatenate([getattr(part, name) for part, _ in parts]) for name in ("images", "labels"))
        weights = np.concatenate([np.full(len(part), weight, np.float32) for part, weight in parts])
        if self._class_weights is not None:
            weights = weights * np.asarray(self._class_weights, np.float32)[labels]
        targets = None
        if self.generated_size and self._read:
            targets = np.eye(len(self.dataset.class_names), dtype=np.float32)[labels]
            targets[-self.generated_size :] = self._read(images[-self.generated_size :])
        return Batch(images, labels, weights=None if (weights == 1).all() else weights, targets=targets)

    def _batches(self, number: int) -> Batches:
        if self._round[0] != number:
            images = self._generated(number)
            if images.class_names != self.dataset.class_names or images.shape != self.dataset.shape:
                raise InputError(f"the generated images ({images.source}) are of other classes or another size than {self.dataset.source}")
            self._round = number, Batches(images, self.generated_size, lambda epoch: self._rng_for_round(number, epoch))
        return self._round[1]


def balanced_weights(counts: np.ndarray) -> np.ndarray:
    """Return weights float64 [classes] that let every class count the same.

    The weight is N / (classes with images * images of the class), and 0 of a class without images.

    Args:
        counts: images of each class, int [classes].
    """
    counts = np.asarray(counts)
    filled = counts > 0
    return np.divide(counts.sum(), filled.sum() * counts, out=np.zeros(len(counts)), where=filled)


def oversampled(images: LabelledImages, seed: int = 0) -> LabelledImages:
    """`LabelledImages` in which every class that has images has as many as the largest: its own are repeated.

    All images of a class are repeated equally often, but for the rest of the division, which is drawn by the seed. Together with shuffled
    batches this is class-balanced sampling.
    """
    counts = images.counts()
    chosen = []
    for label in np.flatnonzero(counts):
        of_class = np.flatnonzero(images.labels == label)
        times, rest = divmod(int(counts.max()), len(of_class))
        drawn = runtime.rng(seed, "oversampling", int(label)).permutation(of_class)[:rest]
        chosen += [np.tile(of_class, times), drawn]
    return images.subset(np.sort(np.concatenate(chosen)), "classes repeated to one size")


class Pretraining:
    """Batches of one kind for the first steps and of another kind for the others.

    Args:
        first, then: `Batches` or `MixedBatches` of one batch size. steps: that `first` gives.
    """

    def __init__(self, first: "Union[Batches, MixedBatches]", then: "Union[Batches, MixedBatches]", steps: int) -> None:
        self.first, self.then, self.steps = first, then, steps
        self.batch_size, self.dataset = then.batch_size, then.dataset

    @property
    def steps_per_epoch(self) -> int:
        """The number of batches in one pass over the real images."""
        return self.then.steps_per_epoch

    def batch(self, step: int) -> Batch:
        """Return the batch of a step, counted from 0; see `Batches.batch`."""
        return self.first.batch(step) if step < self.steps else self.then.batch(step - self.steps)

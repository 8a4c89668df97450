"""Batches of real and of generated images together, with a weight for each image's loss.

Which generated images there are may change while a classifier trains (the generated part is renewed); like `Batches`, any batch can
be asked for, whatever came before.
"""

import numpy as np

from ..errors import InputError
from .batches import Batch, Batches


class MixedBatches:
    """Every batch has the same number of generated images, after the real ones.

    Args:
        real: `LabelledImages`. batch_size: of both together.
        rng_for_epoch: (epoch) -> Generator, of the real part's order; as for `Batches`.
        generated: (round) -> `LabelledImages` of the real ones' classes, or None for no generated part.
        every: steps of a round; None = round 0 is all there is. share: of every batch that is generated, above 0; 1 = all.
        weight: of a generated image's loss. class_weights: float [classes] for all images, or None.
        rng_for_round: (round, epoch) -> Generator, of the generated part's order.
        read: (images float32 [n, C, H, W]) -> float32 [n, classes], the soft labels of generated images; None = they have hard ones.

    Raises:
        InputError: a part would have no image in a batch, or has fewer images than that (also in a later round).
    """

    def __init__(
        self,
        real,
        batch_size,
        rng_for_epoch,
        generated=None,
        every=None,
        share=0.5,
        weight=1.0,
        class_weights=None,
        rng_for_round=None,
        read=None,
    ):
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
    def steps_per_epoch(self):
        """Batches in one pass over the real images; of generated ones alone as many as hold so many images."""
        return max(1, len(self.dataset) // self.batch_size) if self.real is None else self.real.steps_per_epoch

    def batch(self, step):
        """The batch of a step, counted from 0; see `Batches.batch`."""
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

    def _batches(self, number):
        if self._round[0] != number:
            images = self._generated(number)
            if images.class_names != self.dataset.class_names or images.shape != self.dataset.shape:
                raise InputError(f"the generated images ({images.source}) are of other classes or another size than {self.dataset.source}")
            self._round = number, Batches(images, self.generated_size, lambda epoch: self._rng_for_round(number, epoch))
        return self._round[1]


def balanced_weights(counts):
    """Weights float64 [classes] that let every class count the same: N / (classes with images * images of the class); 0 of none.

    Args:
        counts: images of each class, int [classes].
    """
    counts = np.asarray(counts)
    filled = counts > 0
    return np.divide(counts.sum(), filled.sum() * counts, out=np.zeros(len(counts)), where=filled)

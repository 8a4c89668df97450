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
        every: steps of a round; None = round 0 is all there is. share: of every batch that is generated, 0 to 1, exclusive.
        weight: of a generated image's loss. class_weights: float [classes] for all images, or None.
        rng_for_round: (round, epoch) -> Generator, of the generated part's order.

    Raises:
        InputError: a part would have no image in a batch, or has fewer images than that (also in a later round).
    """

    def __init__(
        self, real, batch_size, rng_for_epoch, generated=None, every=None, share=0.5, weight=1.0, class_weights=None, rng_for_round=None
    ):
        self.generated_size = 0 if generated is None else round(batch_size * share)
        if generated is not None and not 0 < self.generated_size < batch_size:
            raise InputError(f"a share of {share} generated images in batches of {batch_size} leaves one part empty: change one of them")
        self.real = Batches(real, batch_size - self.generated_size, rng_for_epoch)
        self.batch_size, self.dataset = batch_size, real
        self._generated, self._every, self._weight, self._class_weights = generated, every, weight, class_weights
        self._rng_for_round, self._round = rng_for_round, (None, None)
        if generated is not None:
            self._batches(0)  # what is wrong with it comes out before the first step

    @property
    def steps_per_epoch(self):
        """Batches in one pass over the real images."""
        return self.real.steps_per_epoch

    def batch(self, step):
        """The batch of a step, counted from 0; see `Batches.batch`."""
        real = self.real.batch(step)
        images, labels, weights = real.images, real.labels, np.ones(len(real), np.float32)
        if self.generated_size:
            number, within = divmod(step, self._every) if self._every else (0, step)
            made = self._batches(number).batch(within)
            images, labels = np.concatenate([images, made.images]), np.concatenate([labels, made.labels])
            weights = np.concatenate([weights, np.full(len(made), self._weight, np.float32)])
        if self._class_weights is not None:
            weights = weights * np.asarray(self._class_weights, np.float32)[labels]
        return Batch(images, labels, weights=None if (weights == 1).all() else weights)

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

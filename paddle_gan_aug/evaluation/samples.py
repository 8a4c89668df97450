"""Generated images with what is known of each: the class that it was asked for, and the category that it was made from."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, Optional, Tuple

import numpy as np

from ..data import cache, to_uint8
from ..leading import Spread

DRAWN_AT_ONCE = 10_000  # images


@dataclass(frozen=True, eq=False)
class Samples:
    """Generated images.

    Attributes:
        images: uint8 [N, C, H, W].
        labels: int64 [N], indices into the class names of the real data: what each was asked for; None = that is not known.
        codes: int64 [N], the category that each was made from; None = it was made from none.
    """

    images: np.ndarray
    labels: Optional[np.ndarray] = None
    codes: Optional[np.ndarray] = None

    def __len__(self) -> int:
        return len(self.images)

    @property
    def known(self) -> Tuple[str, ...]:
        """What is known beside the images, of `registry.NEEDS`."""
        return tuple(name for name in ("labels", "codes") if getattr(self, name) is not None)

    def first(self, count: Optional[int]) -> Samples:
        """The first `count` images; None = all."""
        labels, codes = (None if part is None else part[:count] for part in (self.labels, self.codes))
        return Samples(self.images[:count], labels, codes)


def draw_samples(
    algorithm: Any, count: int, rng: np.random.Generator, class_index: Optional[int] = None, spread: Spread = itertools.starmap
) -> Samples:
    """Draw images from a trained GAN, of all learnt classes in turn where it can be asked for them.

    Args:
        class_index: the only class that the GAN learnt, which therefore all its images show; None = it learnt several.
        spread: draws batch by batch, see `leading.spread`.
    """
    labels, images, codes, at = algorithm.default_labels(count), None, None, 0
    while at < count:  # in one piece where they are few: what is drawn depends on it
        latents = algorithm.latents(min(DRAWN_AT_ONCE, count - at), rng)
        part = slice(at, at + len(latents))
        drawn = to_uint8(algorithm.draw(latents, None if labels is None else labels[part], spread=spread))
        found = algorithm.categories(latents) if hasattr(algorithm, "categories") else None
        images = cache.empty((count, *drawn.shape[1:]), np.uint8) if images is None else images
        images[part], at = drawn, part.stop
        if found is not None:
            codes = np.empty(count, found.dtype) if codes is None else codes
            codes[part] = found
    if labels is None and class_index is not None:
        labels = np.full(count, class_index, dtype=np.int64)
    return Samples(images, labels, codes)

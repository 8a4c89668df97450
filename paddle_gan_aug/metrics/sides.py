"""What a metric is given: generated and real images side by side, and what one feature network reads in each."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Callable, Dict, Optional, Tuple

import numpy as np

from ..data.rows import rows
from ..runtime import rng

PAIRED, SOME = 60_000, 20_000  # images that are compared each with each; of more so many, since the time grows with the square
LEARNT = 60_000  # training images among which the nearest is looked for
HELD = 16 << 20  # bytes of a part of a side that are copied


@dataclass(frozen=True, eq=False)
class ImageSide:
    """Images of one kind, with what a feature network reads in them.

    Attributes:
        images: uint8 [N, C, H, W].
        features: float32 [N, width]. Large arrays lie on the disk, or are `data.rows.Rows` of such.
        probabilities: float32 [N, classes that the network knows], rows sum to 1.
        labels: int64 [N], the class that each image shows or was asked for; None where that is not known.
        codes: int64 [N], the category that each generated image was made from; None for all other images.
    """

    images: np.ndarray
    features: np.ndarray
    probabilities: np.ndarray
    labels: Optional[np.ndarray] = None
    codes: Optional[np.ndarray] = None

    def __len__(self) -> int:
        return len(self.images)

    def subset(self, indices: np.ndarray) -> ImageSide:
        """The images at `indices`. Of large arrays nothing is copied."""
        parts = (self.images, self.features, self.probabilities, self.labels, self.codes)
        return ImageSide(*(None if part is None else rows(part, indices, HELD) for part in parts))

    def some(self, most: int, few: int) -> ImageSide:
        """All images if they are at most `most`, else `few` of them, always the same."""
        return self if len(self) <= most else self.subset(some_of(len(self), few))


@dataclass(frozen=True, eq=False)
class Nearness:
    """Where images lie between training and held-out images.

    Attributes:
        ratios: float64 [N], log(distance to the nearest training image / distance to the nearest held-out image).
        training, held_out: int64 [N], which of each is the nearest.
    """

    ratios: np.ndarray
    training: np.ndarray
    held_out: np.ndarray

    def subset(self, indices: np.ndarray) -> Nearness:
        """The nearness of some of the images."""
        return Nearness(self.ratios[indices], self.training[indices], self.held_out[indices])


@dataclass(frozen=True, eq=False)
class Sides:
    """The only argument of every metric of the registry.

    Attributes:
        generated: the images that are measured; for a floor, real images that stand in for them.
        real: images of the reference, as many as there are generated ones, or all there are.
        reference: the whole reference. training: what the generator learnt.
        class_names: what the labels are indices into. read_classes: what the columns of the probabilities stand for.
        seed: of every random choice.
        held_out: float [K, width], features of real images that the generator did not learn, or None. unseen: how near other such
            images are to the training images and to those; None where there are too few.
    """

    generated: ImageSide
    real: ImageSide
    reference: ImageSide
    training: ImageSide
    class_names: Tuple[str, ...]
    read_classes: Tuple[str, ...]
    seed: int
    held_out: Optional[np.ndarray] = None
    unseen: Optional[Nearness] = None
    _shared: Dict[Callable, Any] = field(default_factory=dict)

    @property
    def in_pairs(self) -> Sides:
        """The same with so few images that each can be compared with each: of a side of more than 60,000, 20,000 are."""
        return self.once(_in_pairs)

    def once(self, function: Callable[[Sides], Any]) -> Any:
        """`function(self)`, computed once for all metrics that ask for it."""
        if function not in self._shared:
            self._shared[function] = function(self)
        return self._shared[function]

    def too_few(self, least: int, because: str) -> Optional[Dict[str, Any]]:
        """The result of a metric that needs `least` generated and as many real images; None where there are enough."""
        counts = len(self.generated), len(self.real)
        if min(counts) >= least:
            return None
        why = f"needs {least} generated and {least} real images ({because}), there are {counts[0]} and {counts[1]}"
        return {"value": None, "why": why}


def some_of(count: int, few: int) -> np.ndarray:
    """`few` of the numbers below `count`, ascending, drawn by the count alone: int64 [few]."""
    return np.sort(rng(0, "some of", count).permutation(count)[:few])


def _in_pairs(sides: Sides) -> Sides:
    generated, real = (side.some(PAIRED, SOME) for side in (sides.generated, sides.real))
    training = sides.training.some(LEARNT, LEARNT)
    if (generated, real, training) == (sides.generated, sides.real, sides.training):
        return sides
    return replace(sides, generated=generated, real=real, training=training, _shared={})

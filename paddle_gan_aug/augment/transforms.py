"""The table of all image transforms. Nothing here imports Paddle.

A row is a transform with its ranges and the kinds of data whose labels survive it. Tests, previews and policies read this table, so a new
transform needs one function and one row; a program outside the package adds a row in the same way::

    TRANSFORMS["mine"] = Transform("mine", my_function, {"amount": Range(0.0, 1.0)})

Eight of them also exist in `paddle.vision.transforms`; ours stay, because results would change: theirs draw from global generators
and fill what enters from outside with a constant instead of the nearest edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, Optional, Tuple

import numpy as np

from . import erasing, geometric, noise, photometric
from .checks import checked_batch, checked_image

DIGITS, OBJECTS, CLOTHES, PHOTOGRAPHS = "digits", "objects", "clothes", "photographs"  # objects: with a left and a right
KINDS = (DIGITS, OBJECTS, CLOTHES, PHOTOGRAPHS)
Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]  # (image uint8 [C, H, W], rng) -> image of the same shape


@dataclass(frozen=True)
class Range:
    """The values of one parameter.

    Attributes:
        low, high: the range at full strength, ends included.
        identity: the value at which nothing changes; strength s narrows the range to identity + s (low - identity) and so on.
        step: values are whole multiples of it; 0 = any.
    """

    low: float
    high: float
    identity: float = 0.0
    step: float = 0.0

    def ends(self, strength: float = 1.0) -> Tuple[float, float]:
        """(low, high) at a strength from 0 to 1."""
        low, high = (self.identity + strength * (end - self.identity) for end in (self.low, self.high))
        return low, high

    def draw(self, rng: np.random.Generator, strength: float = 1.0) -> float:
        """Draw a value uniformly."""
        low, high = self.ends(strength)
        if not self.step:
            return float(rng.uniform(low, high))
        # Steps are counted, not added up: 0.1 is no exact number.
        first, last = round(low / self.step), round(high / self.step)
        return float(rng.integers(first, last + 1)) / round(1 / self.step)

    def draw_end(self, rng: np.random.Generator, strength: float = 1.0) -> float:
        """Draw one of the two ends, each as likely as the other; an end that is the identity is left out."""
        ends = [value for value, full in zip(self.ends(strength), (self.low, self.high)) if full != self.identity] or [self.identity]
        return float(ends[int(rng.integers(len(ends)))])


@dataclass(frozen=True)
class Transform:
    """One row of the table.

    Attributes:
        name: as in `TRANSFORMS`.
        function: (image uint8 [C, H, W], rng, **values) -> a new image of the same shape.
        ranges: {parameter: Range}.
        safe_for: the kinds of data whose labels survive, at these ranges.
        needs_colour: grey images stay as they are.
    """

    name: str
    function: Callable[..., np.ndarray]
    ranges: Dict[str, Range]
    safe_for: Tuple[str, ...] = KINDS
    needs_colour: bool = False

    def __call__(
        self, image: np.ndarray, rng: np.random.Generator, strength: float = 1.0, ranges: Optional[Dict[str, Range]] = None
    ) -> np.ndarray:
        """Transform one image with values drawn uniformly.

        Args:
            image: uint8 [C, H, W], C = 1 or 3. rng: the numpy Generator of all draws.
            strength: 0 (nothing changes) to 1 (the full ranges).
            ranges: {parameter: Range} in place of the row's own.

        Returns:
            A new uint8 [C, H, W] array.

        Raises:
            ValueError: no such image; a strength outside [0, 1]; a range for an unknown parameter.
        """
        ranges = self._ranges(strength, ranges)
        return self.function(checked_image(image), rng, **{name: values.draw(rng, strength) for name, values in ranges.items()})

    def at_end(
        self, image: np.ndarray, rng: np.random.Generator, strength: float = 1.0, ranges: Optional[Dict[str, Range]] = None
    ) -> np.ndarray:
        """Transform one image with every value at an end of its range: the strength is then exact, as automatic policies need it."""
        ranges = self._ranges(strength, ranges)
        return self.function(checked_image(image), rng, **{name: values.draw_end(rng, strength) for name, values in ranges.items()})

    def _ranges(self, strength: float, ranges: Optional[Dict[str, Range]]) -> Dict[str, Range]:
        if not 0 <= strength <= 1:
            raise ValueError(f"the strength of a transform is between 0 and 1, not {strength}")
        if ranges and not set(ranges) <= set(self.ranges):
            raise ValueError(f"{self.name} has no {', '.join(sorted(set(ranges) - set(self.ranges)))}: only {', '.join(self.ranges)}")
        return {**self.ranges, **(ranges or {})}


TRANSFORMS: Dict[str, Transform] = {
    row.name: row
    for row in (
        # Supervised photometric augmentation: steps of a tenth. They are strong; policies narrow them.
        Transform("color", photometric.color, {"factor": Range(0.0, 9.9, 1.0, 0.1)}, needs_colour=True),
        Transform("brightness", photometric.brightness, {"factor": Range(0.4, 1.9, 1.0, 0.1)}),
        Transform("contrast", photometric.contrast, {"factor": Range(1.0, 2.0, 1.0, 0.1)}),
        Transform("sharpness", photometric.sharpness, {"factor": Range(0.0, 9.9, 1.0, 0.1)}),
        # The usual limits for digits: 2 of 28 pixels, 15 degrees, a tenth of the size.
        Transform("shift", geometric.shift, {"down": Range(-2 / 28, 2 / 28), "right": Range(-2 / 28, 2 / 28)}),
        Transform("rotate", geometric.rotate, {"degrees": Range(-15.0, 15.0)}),
        Transform("scale", geometric.scale, {"factor": Range(0.9, 1.1, 1.0)}),
        Transform("shear", geometric.shear, {"slant": Range(-0.2, 0.2)}),
        Transform("elastic", geometric.elastic, {"amount": Range(0.0, 0.06)}),
        Transform("perspective", geometric.perspective, {"amount": Range(0.0, 0.08)}),
        # A mirrored 2 is no digit, and a 6 upside down is a 9; clothes hang and things stand.
        Transform("flip_horizontal", geometric.flip_horizontal, {"chance": Range(0.0, 1.0)}, (CLOTHES, PHOTOGRAPHS)),
        Transform("flip_vertical", geometric.flip_vertical, {"chance": Range(0.0, 1.0)}, ()),
        # A hole of half the side leaves too little of a digit: 7 becomes 1.
        Transform("cutout", erasing.cutout, {"side": Range(0.0, 0.5)}, (OBJECTS, CLOTHES, PHOTOGRAPHS)),
        Transform("random_erasing", erasing.random_erasing, {"area": Range(0.02, 0.4)}, (OBJECTS, CLOTHES, PHOTOGRAPHS)),
        Transform("gaussian_noise", noise.gaussian_noise, {"levels": Range(0.0, 25.0)}),
        Transform("blur", noise.blur, {"radius": Range(0.0, 0.035)}),
        Transform("noise_sequence", noise.noise_sequence, {"severity": Range(0.0, 1.0)}),
    )
}


def transform(name: str) -> Transform:
    """Return a row by its name.

    Raises:
        ValueError: no such transform; the message lists them.
    """
    if name not in TRANSFORMS:
        raise ValueError(f"no transform {name!r}: choose one of {', '.join(TRANSFORMS)}")
    return TRANSFORMS[name]


def transform_batch(change: Change, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Transform each image on its own, with draws of its own.

    Args:
        change: (image uint8 [C, H, W], rng) -> image of the same shape: a `Transform`, or anything from `policies`.
        images: uint8 [N, C, H, W], C = 1 or 3.

    Returns:
        A new uint8 [N, C, H, W] array.

    Raises:
        ValueError: other images.
    """
    changed = np.empty_like(checked_batch(images))
    for index, image in enumerate(images):
        changed[index] = change(image, rng)
    return changed

"""The policies of differentiable augmentation: which changes D sees, and how far they go. Nothing here imports Paddle."""

import math
from dataclasses import dataclass
from typing import Dict


@dataclass(frozen=True)
class DiffAugmentPolicy:
    """How far each change goes at strength 1; 0 = it is not made.

    Attributes:
        translation: the largest shift along each axis, as a share of the side.
        cutout: the side of the square hole, as a share of the image's side.
        brightness: added, uniform in ±brightness.
        saturation: the distance from each pixel's grey is multiplied by a factor uniform in 1 ± saturation; grey images have none.
        contrast: the distance from the image's mean is multiplied by a factor uniform in 1 ± contrast.
        mirror: the probability of left becoming right.
    """

    translation: float = 0.0
    cutout: float = 0.0
    brightness: float = 0.0
    saturation: float = 0.0
    contrast: float = 0.0
    mirror: float = 0.0

    @property
    def largest_strength(self) -> float:
        """The strength at which a shift or a hole is as large as the image; infinite without either."""
        largest = max(self.translation, self.cutout)
        return 1 / largest if largest else math.inf


DIFFAUGMENT_POLICIES: Dict[str, DiffAugmentPolicy] = {
    # A mirrored or turned digit is another digit; these holes leave a stroke readable.
    "digits": DiffAugmentPolicy(translation=0.125, cutout=0.25),
    # The paper's "translation,cutout".
    "objects": DiffAugmentPolicy(translation=0.125, cutout=0.5),
    # The paper's policy for 100 images.
    "colour": DiffAugmentPolicy(translation=0.125, cutout=0.5, brightness=0.5, saturation=1.0, contrast=0.5),
    # For images whose mirror image is as likely and of the same class.
    "mirrored": DiffAugmentPolicy(translation=0.125, cutout=0.5, mirror=0.5),
    # Without holes.
    "translation": DiffAugmentPolicy(translation=0.125),
}

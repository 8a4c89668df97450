"""The augmentation of a classifier's training images, by the name that the configuration gives it."""

from __future__ import annotations

from typing import Callable, Dict, Optional

import numpy as np

from ..augment.policies import Policy, RandAugment, TrivialAugment
from ..augment.transforms import Change, transform_batch
from ..data import to_network, to_uint8

AUGMENTATIONS: Dict[str, Callable[[Policy], Optional[Change]]] = {  # name -> (policy of the data set -> what changes one image)
    "none": lambda policy: None,
    "standard": lambda policy: policy,
    "randaugment": lambda policy: RandAugment(policy.space),
    "trivialaugment": lambda policy: TrivialAugment(policy.space),
}


class Augmentation:
    """Change each image on its own by transforms that a policy allows.

    Args:
        name: a key of `AUGMENTATIONS`; "none" leaves the images as they are.
        policy: of the data set.
    """

    def __init__(self, name: str, policy: Policy) -> None:
        self.change = AUGMENTATIONS[name](policy)

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Images float32 [N, C, H, W] in [-1, 1], changed; "none" draws nothing from `rng`."""
        return images if self.change is None else to_network(transform_batch(self.change, to_uint8(images), rng))

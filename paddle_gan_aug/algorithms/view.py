"""The view that D has of images: behind instance noise and DiffAugment, reals and fakes alike, in D's step and in G's."""

from __future__ import annotations

from typing import Optional

import numpy as np
import paddle
from paddle import Tensor

from ..augment.diffaugment import AdaptiveProbability, diffaugment
from ..config.sections import Config


class View:
    """Shows images to D. `config.train` says how much instance noise there is, `config.diffaugment` which changes.

    Attributes:
        controller: the `AdaptiveProbability` of ADA or APA, or None.
        fill: what comes in from beyond the images' edges, a number or one for each channel. Where the setting is `auto`, a run sets it to
            the background of its data.
        probability: the probability of each change, where no controller sets it.
        stacked: how many images lie on the channels of what D sees; they are changed alike.
    """

    def __init__(self, config: Config) -> None:
        self.noise, self.changes = config.train, config.diffaugment
        self.controller: Optional[AdaptiveProbability] = None
        self.fill = -1.0 if self.changes.fill == "auto" else self.changes.fill
        self.probability, self.stacked = self.changes.probability, 1
        if self.changes.adaptive != "none":
            start = self.changes.probability if self.changes.adaptive == "ada" else 0.0
            self.controller = AdaptiveProbability(self.changes.target, self.changes.images_to_one, p=start)

    def __call__(self, images: Tensor, rng: np.random.Generator, step: int) -> Tensor:
        """`images` [N, C, H, W] as D sees them at `step`; `rng` and Paddle's generator draw what is random."""
        return self._with_noise(self._changed(images, rng), step)

    def _changed(self, images: Tensor, rng: np.random.Generator) -> Tensor:
        options = self.changes
        if options.policy == "none":
            return images
        probability = self.controller.p if options.adaptive == "ada" else self.probability
        return diffaugment(images, rng, options.policy, options.strength, probability, self.fill, self.stacked)

    def _with_noise(self, images: Tensor, step: int) -> Tensor:
        """Instance noise (Sønderby et al. 2017): noise, which fades within the first steps, blurs all that D sees."""
        options = self.noise
        left = 1 - (step - options.instance_noise_start) / options.instance_noise_steps
        if not options.instance_noise or left <= 0:
            return images
        return images + paddle.randn(images.shape) * (options.instance_noise * min(1.0, left))

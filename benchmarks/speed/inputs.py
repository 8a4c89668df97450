"""What every contender gets alike: the images, the latents and the random numbers of step n."""

from __future__ import annotations

from typing import Any, Dict, Tuple

import numpy as np

from paddle_gan_aug import runtime
from paddle_gan_aug.config.loading import from_tree
from paddle_gan_aug.data import Batches, load

LABELLED = 100  # images of each kind in a step of the semi-supervised network


class PresetInputs:
    """The real images, labels and latents of a preset's steps.

    Args:
        job: {"config": a configuration's tree}.
    """

    def __init__(self, job: Dict[str, Any]) -> None:
        self.config = from_tree(job["config"])
        self.images = load("mnist")
        self.batches = Batches(self.images, self.config.train.batch_size, lambda epoch: runtime.rng(0, "shuffle", epoch))

    def latents(self, count: int, rng: np.random.Generator) -> np.ndarray:
        return rng.standard_normal((count, self.config.generator.latent_dim), dtype=np.float32)

    def step(self, number: int) -> Tuple[np.ndarray, ...]:
        """(images float32 [B, 1, 28, 28] in [-1, 1], labels int64 [B], latents float32 [B, latent_dim]) of step `number`."""
        batch = self.batches.batch(number - 1)
        return batch.images, batch.labels, self.latents(len(batch.images), runtime.rng(0, "step", number))


class MLPInputs:
    """The batches of the semi-supervised network's steps."""

    def __init__(self) -> None:
        self.images = load("mnist")
        self.batches = Batches(self.images, 3 * LABELLED, lambda epoch: runtime.rng(0, "shuffle", epoch))

    def step(self, number: int) -> Tuple[np.ndarray, ...]:
        """(labelled, labels, unlabelled, unlabelled for G, latents for D's step, latents for G's) of step `number`.

        Images are float32 [100, 784] in [0, 1], labels int64 [100], latents float32 [100, 100] ~ U(0, 1).
        """
        batch = self.batches.batch(number - 1)
        flat = (batch.images.reshape(3 * LABELLED, -1) + 1) / 2
        latents = runtime.rng(0, "step", number).random((2, LABELLED, 100), dtype=np.float32)
        return flat[:LABELLED], batch.labels[:LABELLED], flat[LABELLED : 2 * LABELLED], flat[2 * LABELLED :], latents[0], latents[1]

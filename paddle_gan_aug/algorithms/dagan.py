"""A DAGAN (Antoniou, Storkey and Edwards 2017, arXiv:1711.04340): it makes another image of the same class from a real image and noise.

D sees pairs: a real image and another real one of its class, or a real image and what G made of it. It learns what may differ
within a class, whatever the class, and so does G: it varies images of classes that it never saw. Pairs also tell D at once when G
copies. Labels form the pairs and serve no other purpose.

G may still ignore the noise and make one variation of each image. A reward for differing variations of one image prevents that
(Yang et al. 2019, "Diversity-sensitive conditional GANs", arXiv:1901.09024, eq. 4); it is bounded by how much the real pairs differ.

The rest is the classic GAN: its losses and its average of G. But D learns from both kinds of pairs in one step: the difference between
them is slight beside what they have in common, and two steps in turn unlearn it.
"""

from __future__ import annotations

import math
from typing import Dict, Optional, Sequence

import numpy as np
import paddle
from paddle import Tensor, nn

from ..config.sections import Config
from ..data import Batch
from ..networks import VariationGenerator
from .classic import ClassicGAN
from .varying import Varying

NOISE_DIFFERENCE = 2 / math.sqrt(math.pi)  # mean |z - z'| of two numbers from N(0, 1)


class DAGAN(Varying, ClassicGAN):
    """See the module. `config.generator` (width, latent_dim: the noise, ema), `.discriminator` and `.variation` describe it."""

    pairs = True

    def __init__(self, config: Config, channels: int, image_size: int, class_names: Sequence[str]) -> None:
        super().__init__(config, channels, image_size, class_names)
        self.view.stacked = 2  # D sees pairs
        self.remember_sources(channels, image_size)

    def make_generator(self, channels: int, image_size: int) -> nn.Layer:
        """See `GAN.make_generator`."""
        g = self.config.generator
        return VariationGenerator(image_size, channels, g.latent_dim, g.width, g.init_std)

    def make_discriminator(self, channels: int, image_size: int) -> nn.Layer:
        """See `GAN.make_discriminator`; its images are pairs, stacked on their channels."""
        return super().make_discriminator(2 * channels, image_size)

    def add_optimizers(self) -> None:
        """Add one optimizer for the discriminator and one for the generator."""
        self.add_adam("d", self.discriminator, self.config.optimizer.discriminator_lr)
        self.add_adam("g", self.generator, self.config.optimizer.generator_lr)

    def step(self, batches: Sequence[Batch], rng: np.random.Generator) -> Dict[str, Tensor]:
        """Take one step on one batch of pairs.

        Returns:
            What `ClassicGAN.finish` does, and `differ`: how much two variations of one image differ, in mean |difference| of pixels per
            unit of noise.
        """
        self._rng = rng
        images, partners = batches[0].images, batches[0].partners
        self.sources.remember(images)
        half = max(1, len(images) // 2)
        sources = paddle.to_tensor(np.concatenate([images[:half], images[:half]]))
        noise = rng.standard_normal((2 * half, self.noise_dim), dtype=np.float32)
        made = self.generator(sources, paddle.to_tensor(noise))
        difference = (made[:half] - made[half:]).abs().mean([1, 2, 3]) / paddle.to_tensor(np.abs(noise[:half] - noise[half:]).mean(1))
        natural = float(np.abs(images - partners).mean()) / NOISE_DIFFERENCE
        reward = difference.clip(max=natural).mean() * self.config.variation.diversity
        real, fake = paddle.to_tensor(np.concatenate([images, partners], axis=1)), paddle.concat([sources, made], axis=1)

        self._gradient_norms = {}
        logits = self.discriminator(self.seen(paddle.concat([real, fake.detach()])))
        real_logits, fake_logits = logits[: len(real)], logits[len(real) :]
        real_loss = self.loss.d_part(real_logits, True, self.config.train.real_target)
        fake_loss = self.loss.d_part(fake_logits, False)
        self.backward("d", real_loss + fake_loss)
        self._gradient_norms.update(self.descend("d", self.discriminator))
        values = self.finish(fake, real_loss, real_logits, fake_loss, fake_logits, -reward)
        return {**values, "differ": difference.detach().mean()}

    def realness(self, images: np.ndarray, labels: Optional[np.ndarray] = None) -> np.ndarray:
        """Refuse: the discriminator reads pairs of images.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("the discriminator of a dagan reads pairs of images, not single ones")

"""A DAGAN (Antoniou, Storkey and Edwards 2017, arXiv:1711.04340): from a real image and noise another image of the same class.

D sees pairs: a real image and another real one of its class, or a real image and what G made of it. It learns what may differ
within a class, whatever the class, and so does G: it varies images of classes that it never saw. Pairs also tell D at once when G
copies. Labels serve to form the pairs and for nothing else.

G may still ignore the noise and make one variation of each image; a reward for differing variations of one image keeps it from
that (Yang et al. 2019, "Diversity-sensitive conditional GANs", arXiv:1901.09024, eq. 4), bounded by how much the real pairs differ.

The rest is the classic GAN: its losses and average of G. But D learns from both kinds of pairs in one step: what tells them apart is
slight beside what they have in common, and two steps by turns unlearn it.
"""

import math

import numpy as np
import paddle

from ..networks import VariationGenerator
from .base import clear_gradients
from .classic import ClassicGAN
from .varying import Varying

NOISE_DIFFERENCE = 2 / math.sqrt(math.pi)  # mean |z - z'| of two numbers from N(0, 1)


class DAGAN(Varying, ClassicGAN):
    """See the module. `config.generator` (width, latent_dim: the noise, ema), `.discriminator`, `.variation` describe it."""

    pairs = True

    def __init__(self, config, channels, image_size, class_names):
        super().__init__(config, channels, image_size, class_names)
        self.remember_sources(channels, image_size)

    def make_generator(self, channels, image_size):
        """See `ClassicGAN.make_generator`."""
        g = self.config.generator
        return VariationGenerator(image_size, channels, g.latent_dim, g.width, g.init_std)

    def make_discriminator(self, channels, image_size):
        """See `ClassicGAN.make_discriminator`: its images are pairs, one upon the other in channels."""
        return super().make_discriminator(2 * channels, image_size)

    def add_optimizers(self):
        """One for the discriminator, one for the generator."""
        self.add_adam("d", self.discriminator, self.config.optimizer.discriminator_lr)
        self.add_adam("g", self.generator, self.config.optimizer.generator_lr)

    def learn(self, real, fake, besides=0.0):
        """See `ClassicGAN.learn`; the discriminator takes one step. `besides` as in `ClassicGAN.learn_generator`."""
        self._gradient_norms = {}
        logits = self.discriminator(self._seen(paddle.concat([real, fake.detach()])))
        real_logits, fake_logits = logits[: len(real)], logits[len(real) :]
        real_loss = self.head.loss(real_logits, real=True, target=self.config.train.real_target)
        fake_loss = self.head.loss(fake_logits, real=False)
        (real_loss + fake_loss).backward()
        self._note_gradient("d_gradient", self.discriminator)
        self.optimizers["d"].step()
        clear_gradients(self.discriminator)
        return self.finish(fake, real_loss, real_logits, fake_loss, fake_logits, besides)

    def step(self, batches, rng):
        """One step on one batch of pairs; returns what `ClassicGAN.learn` does and `differ`: how much two variations of one image do,
        in mean |difference| of pixels per unit of noise.
        """
        self._rng = rng
        images, partners = batches[0].images, batches[0].partners
        self.sources.remember(images)
        half = max(1, len(images) // 2)
        twice = np.concatenate([images[:half], images[:half]])
        noise = rng.standard_normal((2 * half, self.noise_dim), dtype=np.float32)
        sources = paddle.to_tensor(twice)
        fake = self.generator(sources, paddle.to_tensor(noise))
        difference = (fake[:half] - fake[half:]).abs().mean([1, 2, 3]) / paddle.to_tensor(np.abs(noise[:half] - noise[half:]).mean(1))
        natural = float(np.abs(images - partners).mean()) / NOISE_DIFFERENCE
        reward = difference.clip(max=natural).mean() * self.config.variation.diversity
        pairs = paddle.to_tensor(np.concatenate([images, partners], axis=1)), paddle.concat([sources, fake], axis=1)
        values = self.learn(*pairs, -reward)
        return {**values, "differ": difference.detach().mean()}

    def variations(self, images, noise):
        """See `Varying.variations`; from the averaged generator where there is one."""
        return self._in_evaluation(self.networks.get("generator_average", self.generator), images, noise)

    def realness(self, images, labels=None):
        """There is none of single images: D reads pairs.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("the discriminator of a dagan reads pairs of images, not single ones")

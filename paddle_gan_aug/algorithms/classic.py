"""The classic GAN with three optimizers: `real_d` and `fake_d` for the discriminator, `g` for the generator.

In each step D learns the real batch, then D learns the fakes, then G learns from D. G does not change in between, so the same fakes
serve both D and G: each step makes one pass forward and one backward through G, and G's BatchNorm statistics see one update.

Adam divides each gradient by the root of its running mean square. What D learns is the difference between the gradient on reals and that
on fakes, which point against one another. If each optimizer divides by its own root, the larger of the two is scaled down to the smaller,
and most of the difference is lost. With `optimizer.shared_scale` both divide by the same root, and D learns as fast as under one optimizer.
"""

from __future__ import annotations

import contextlib
from typing import Dict, Sequence, Tuple, Union

import numpy as np
import paddle
from paddle import Tensor, nn

from .. import processes
from ..config.sections import Config
from ..data import Batch
from .base import frozen
from .building import make_discriminator, make_generator
from .gan import GAN
from .losses import score
from .registry import LOSSES

LOSS_OF_HEAD = {"sigmoid": "non-saturating", "softmax": "softmax"}  # discriminator.head -> the loss


class ClassicGAN(GAN):
    """See the module. `config.generator`, `.discriminator`, `.optimizer` and `.train` describe it."""

    losses = ("d_real_loss", "d_fake_loss", "g_loss")

    def __init__(self, config: Config, channels: int, image_size: int, class_names: Sequence[str]) -> None:
        super().__init__(config, channels, image_size, class_names)
        self.loss = LOSSES[LOSS_OF_HEAD[config.discriminator.head]]
        self._gradient_norms: Dict[str, Tensor] = {}

    def add_optimizers(self) -> None:
        """Add two optimizers for the discriminator and one for the generator."""
        for name in ("real_d", "fake_d"):
            self.add_adam(name, self.discriminator, self.config.optimizer.discriminator_lr)
        self.add_adam("g", self.generator, self.config.optimizer.generator_lr)

    def make_generator(self, channels: int, image_size: int) -> nn.Layer:
        """See `GAN.make_generator`."""
        return make_generator(self.config.generator, channels, image_size, self.latent_dim)

    def make_discriminator(self, channels: int, image_size: int) -> nn.Layer:
        """See `GAN.make_discriminator`."""
        return make_discriminator(self.config.discriminator, channels, image_size)

    # ---- a step --------------------------------------------------------------------------------------------------------

    def step(self, batches: Sequence[Batch], rng: np.random.Generator) -> Dict[str, Tensor]:
        """Take one step on one batch; returns what `finish` does."""
        self._rng = rng
        real = paddle.to_tensor(batches[0].images)
        fake = self.generator(paddle.to_tensor(self.latents(real.shape[0], rng)))
        self._gradient_norms = {}
        leaks = self.config.train.gradient_leaks  # the oldest version let fake_d's gradient reach G, and G's reach D
        cut_off = fake.detach()
        cut_off.stop_gradient = not leaks
        real_loss, real_logits = self.learn_real(real)
        fake_loss, fake_logits = self.learn_fake(cut_off)
        leaked = (fake * cut_off.grad).sum() * processes.count() if leaks else 0.0
        return self.finish(fake, real_loss, real_logits, fake_loss, fake_logits, leaked)

    def learn_real(self, real: Tensor) -> Tuple[Tensor, Tensor]:
        """Take D's step on real images; returns the loss and the logits."""
        logits = self.discriminator(self.seen(real))
        loss = self.loss.d_part(logits, True, self.config.train.real_target)
        self.backward("real_d", loss)
        self.descend("real_d", self.discriminator)
        return loss, logits

    def learn_fake(self, fake: Tensor) -> Tuple[Tensor, Tensor]:
        """Take D's step on generated images, which are cut off from G; returns the loss and the logits."""
        logits = self.discriminator(self.seen(fake))
        loss = self.loss.d_part(logits, False)
        self.backward("fake_d", loss)
        if self.config.optimizer.shared_scale:
            share_mean_squares(self.optimizers["real_d"], self.optimizers["fake_d"])
        self._gradient_norms.update(self.descend("fake_d", self.discriminator))
        return loss, logits

    def learn_generator(self, fake: Tensor, besides: Union[Tensor, float] = 0.0) -> Tensor:
        """Take G's step, through D, on the images it made; returns the loss.

        Args:
            fake: the images with their graph.
            besides: another scalar of G to be minimised. It shares the backward pass, because Paddle (2.6.2, 3.3.1) dies of a second one
                through a `PyLayer`, which `split_batch` is.
        """
        with contextlib.nullcontext() if self.config.train.gradient_leaks else frozen(self.discriminator):
            loss = self.loss.g_loss(None, self.discriminator(self.seen(fake)))
            self.backward("g", loss + besides)
        self._gradient_norms.update(self.descend("g", self.generator))
        return loss

    def finish(
        self,
        fake: Tensor,
        real_loss: Tensor,
        real_logits: Tensor,
        fake_loss: Tensor,
        fake_logits: Tensor,
        besides: Union[Tensor, float] = 0.0,
    ) -> Dict[str, Tensor]:
        """Take the generator's step after the discriminator's; `besides` as in `learn_generator`.

        Returns:
            The three losses and the mean scores `d_real`, `d_fake` (0 to 1). With `measure_gradients` also `d_gradient` (on fakes) and
            `g_gradient`, the norms of what the optimizers were given.
        """
        g_loss = self.learn_generator(fake, besides)
        if self.average:
            self.average.update(self.step_number)
        return {
            **self._gradient_norms,
            "d_real_loss": real_loss.detach(),
            "d_fake_loss": fake_loss.detach(),
            "g_loss": g_loss.detach(),
            "d_real": self._probability(real_logits),
            "d_fake": self._probability(fake_logits),
        }

    @staticmethod
    def _probability(logits: Tensor) -> Tensor:
        """The mean probability of being real, 0-D tensor."""
        return paddle.nn.functional.sigmoid(score(logits.detach())).mean()


def share_mean_squares(first: paddle.optimizer.Adam, second: paddle.optimizer.Adam) -> None:
    """Let two optimizers of the same parameters keep one running mean of squared gradients, which both update at every step.

    As long as `first` has taken no step there is nothing to share; calling it again changes nothing.
    """
    if "moment2" in first._accumulators:
        second._accumulators["moment2"] = first._accumulators["moment2"]

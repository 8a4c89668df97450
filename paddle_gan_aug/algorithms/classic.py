"""The classic GAN with three optimizers: `real_d` and `fake_d` for the discriminator, `g` for the generator.

Per step, in this order: D learns the real batch, D learns the fakes, G learns from D; the same latents serve both fake
passes. Since G does not change in between, the same fakes do too: one pass forward and one backward through G a step
(its BatchNorm statistics therefore see one update a step, not two).
"""

import contextlib

import paddle

from ..networks import infer
from .base import Algorithm, clear_gradients, evaluating, frozen, gradient_norm
from .building import make_discriminator, make_generator
from .ema import Average
from .losses import HEADS
from .view import View


class ClassicGAN(Algorithm):
    """See the module. `config.generator`, `.discriminator`, `.optimizer`, `.train` describe it."""

    makes_images = True
    losses = ("d_real_loss", "d_fake_loss", "g_loss")

    def __init__(self, config, channels, image_size, class_names):
        super().__init__(config)
        g, d = config.generator, config.discriminator
        self.latent_dim = g.latent_dim
        self.generator = self.make_generator(channels, image_size)
        self.discriminator = self.make_discriminator(channels, image_size)
        self.networks = {"generator": self.generator, "discriminator": self.discriminator}
        self.average = None
        if g.ema:
            self.networks["generator_average"] = self.make_generator(channels, image_size)
            self.average = Average(self.generator, self.networks["generator_average"], g.ema)
        self.head = HEADS[d.head]
        self.view, self._rng = View(config), None
        self._gradient_norms = {}
        self.add_optimizers()

    def add_optimizers(self):
        """Two for the discriminator, one for the generator."""
        for name in ("real_d", "fake_d"):
            self.add_adam(name, self.discriminator, self.config.optimizer.discriminator_lr)
        self.add_adam("g", self.generator, self.config.optimizer.generator_lr)

    def make_generator(self, channels, image_size):
        """A new generator as the configuration describes it."""
        return make_generator(self.config.generator, channels, image_size, self.latent_dim)

    def make_discriminator(self, channels, image_size):
        """A new discriminator as the configuration describes it."""
        return make_discriminator(self.config.discriminator, channels, image_size)

    def step(self, batches, rng):
        """One step on one batch; returns what `learn` does."""
        self._rng = rng
        real = paddle.to_tensor(batches[0].images)
        return self.learn(real, self.generator(paddle.to_tensor(self.latents(real.shape[0], rng))))

    def learn(self, real, fake):
        """All three optimizers' steps; returns the three losses and the mean scores `d_real`, `d_fake` (0 to 1).

        With `measure_gradients` also `d_gradient` (on fakes) and `g_gradient`, the norms of what the optimizers were given.

        Args:
            real: what D is to call real. fake: what G made, with its graph.
        """
        self._gradient_norms = {}
        leaks = self.config.train.gradient_leaks
        seen = fake.detach()
        seen.stop_gradient = not leaks
        real_loss, real_logits = self.learn_real(real)
        fake_loss, fake_logits = self.learn_fake(seen)
        leaked = (fake * seen.grad).sum() if leaks else 0.0
        return self.finish(fake, real_loss, real_logits, fake_loss, fake_logits, leaked)

    def finish(self, fake, real_loss, real_logits, fake_loss, fake_logits, besides=0.0):
        """The generator's step after the discriminator's, and what a step returns; `besides` as in `learn_generator`."""
        g_loss = self.learn_generator(fake, besides)
        if self.average:
            self.average.update(self.step_number)
        return {
            **self._gradient_norms,
            "d_real_loss": real_loss.detach(),
            "d_fake_loss": fake_loss.detach(),
            "g_loss": g_loss.detach(),
            "d_real": self.head.score(real_logits.detach()).mean(),
            "d_fake": self.head.score(fake_logits.detach()).mean(),
        }

    def learn_real(self, real):
        """D's step on real images; returns the loss and the logits."""
        logits = self.discriminator(self._seen(real))
        loss = self.head.loss(logits, real=True, target=self.config.train.real_target)
        loss.backward()
        self.optimizers["real_d"].step()
        clear_gradients(self.discriminator)
        return loss, logits

    def learn_fake(self, fake):
        """D's step on generated images, cut off from G; returns the loss and the logits."""
        logits = self.discriminator(self._seen(fake))
        loss = self.head.loss(logits, real=False)
        loss.backward()
        self._note_gradient("d_gradient", self.discriminator)
        self.optimizers["fake_d"].step()
        clear_gradients(self.discriminator)
        return loss, logits

    def learn_generator(self, fake, besides=0.0):
        """G's step, through D, on the images it made; returns the loss.

        Args:
            besides: a scalar of G that the step lessens, too. In the same backward pass, for Paddle (2.6.2, 3.3.1) dies of a second
                one through a `PyLayer`, which `split_batch` is.
        """
        with contextlib.nullcontext() if self.config.train.gradient_leaks else frozen(self.discriminator):
            loss = self.head.loss(self.discriminator(self._seen(fake)), real=True)
            (loss + besides).backward()
        self._note_gradient("g_gradient", self.generator)
        self.optimizers["g"].step()
        clear_gradients(self.generator)
        return loss

    def _seen(self, images):
        return self.view(images, self._rng, self.step_number)

    def _note_gradient(self, name, network):
        if self.measure_gradients:
            self._gradient_norms[name] = gradient_norm(network)

    def images(self, latents, labels=None):
        """See `Algorithm.images`; drawn from the averaged generator where there is one."""
        with evaluating(self.networks.get("generator_average", self.generator)) as generator:
            return infer(generator, paddle.to_tensor(latents)).clip(-1.0, 1.0).numpy()

    def realness(self, images, labels=None):
        """See `Algorithm.realness`; of two logits the difference."""
        with evaluating(self.discriminator) as discriminator:
            return self.head.logit(discriminator(paddle.to_tensor(images))).numpy()

"""Every GAN with one optimizer for D and one for G: any loss of `LOSSES`, any regularizer, with or without classes.

A step is `train.discriminator_steps` steps of D, each on fresh reals and fakes, and one of G, on the fakes of D's last step: one pass
backward through G a step. Reals and fakes pass D apart from each other, so that no batch statistics mix them. `train.accumulate` batches
make one step of either, by their mean gradient.

The fakes take the labels of the reals beside them: both sides of D then see the classes equally often, whatever the data's balance.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle
from paddle.nn import functional as F

from ..augment.diffaugment import pseudo_reals
from ..networks import infer
from .base import Algorithm, clear_gradients, evaluating, frozen, gradient_norm, moved
from .building import make_generator, make_headed_discriminator
from .ema import Average
from .losses import LOSSES
from .regularizers import PENALTIES, LeCam, check_double_grad, clip_weights, lazy_factor, leaf, score, squared_norms_of
from .view import View

PROBABILITIES = ("non-saturating", "saturating", "softmax")  # losses whose logits are those of a probability


@dataclass
class Fakes:
    """Images that G made, with what they were made from."""

    images: Any
    latents: np.ndarray
    labels: Any  # None: G is not told a class


class AdversarialGAN(Algorithm):
    """See the module. `config.generator`, `.discriminator`, `.loss`, `.regularizer`, `.diffaugment`, `.optimizer`, `.train` describe it.

    Raises:
        ValueError: a penalty is asked for, and D cannot be differentiated twice; the text names the layer and what to take instead.
    """

    makes_images = True

    def __init__(self, config, channels, image_size, class_names):
        super().__init__(config)
        g, d = config.generator, config.discriminator
        self.classes, self.conditional = len(class_names), g.conditioning != "none"
        self.latent_dim = self._latent_size()
        self.batches_per_step = config.train.discriminator_steps * config.train.accumulate
        self.loss, self.pack = LOSSES[config.loss.name], d.pack
        self.losses = ("d_loss", "g_loss") if self.loss.joint else ("d_real_loss", "d_fake_loss", "g_loss")
        self.penalty = PENALTIES.get(config.regularizer.penalty)
        self.generator = make_generator(g, channels, image_size, self.latent_dim, self.classes)
        self.discriminator = make_headed_discriminator(d, channels, image_size, self.classes, self._auxiliary_size(), bool(self.penalty))
        self.networks = {"generator": self.generator, "discriminator": self.discriminator}
        self.average = None
        if g.ema or config.schedule.ema_images:
            self.networks["generator_average"] = make_generator(g, channels, image_size, self.latent_dim, self.classes)
            self.average = Average(self.generator, self.networks["generator_average"], g.ema)
        if self.penalty:
            check_double_grad(_OfClassZero(self.discriminator), (channels * self.pack, image_size, image_size))
        self.view = View(config)
        self.lecam = LeCam() if config.regularizer.lecam else None
        self.add_adam("d", self.discriminator, config.optimizer.discriminator_lr)
        self.add_adam("g", self.generator, config.optimizer.generator_lr)

    def _latent_size(self):
        return self.config.generator.latent_dim

    def _auxiliary_size(self):
        """Outputs of D's second head, beside the classes that an auxiliary conditioning reads."""
        return 0

    def begin_step(self, step, total_steps):
        """See `Algorithm.begin_step`; also moves G's average, D's penalty and the augmentation as `config.schedule` says."""
        super().begin_step(step, total_steps)
        schedule, options = self.config.schedule, self.config.regularizer
        if schedule.ema_images:
            self.average.half_life(moved(0, schedule.ema_images, self.done) / self.images_per_step)
        if self.penalty:
            self.penalty_weight = (options.weight or self.penalty.weight) * moved(1.0, schedule.penalty, self.done)
        self.view.probability = moved(self.config.diffaugment.probability, schedule.augment, self.done)

    # ---- a step --------------------------------------------------------------------------------------------------------

    def step(self, batches, rng):
        """One step of G after `train.discriminator_steps` of D.

        Returns:
            The losses of the last ones: `d_real_loss`, `d_fake_loss` (`d_loss` where they cannot be told apart), `g_loss`, and as far as
            there are any `penalty`, `lecam`, and the auxiliary losses; `d_real`, `d_fake`, the mean probabilities of real (0 to 1), or
            `real_score`, `fake_score`, mean logits, under a loss without probabilities; `augment_p` and `augment_r` of ADA or APA.
            With `measure_gradients` also `d_gradient` and `g_gradient`.
        """
        self._rng, values = rng, {}
        group = self.config.train.accumulate
        for start in range(0, len(batches), group):
            real = [(paddle.to_tensor(batch.images), self._labels(batch.labels)) for batch in batches[start : start + group]]
            last = start + group == len(batches)
            fakes = [self._make(len(images), labels, last) for images, labels in real]
            values = self.learn_discriminator(real, fakes)
        values.update(self.learn_generator(real, fakes))
        if self.average:
            self.average.update(self.step_number)
        if self.view.controller:
            values.update(augment_p=self.view.controller.p, augment_r=self.view.controller.r or 0.0)
        return values

    def _labels(self, labels):
        return paddle.to_tensor(labels) if self.conditional else None

    def _make(self, count, labels, with_graph):
        latents = self.latents(count, self._rng)
        with paddle.set_grad_enabled(with_graph):
            images = self._generate(self.generator, latents, labels)
        return Fakes(images, latents, labels)

    @staticmethod
    def _generate(generator, latents, labels):
        latents = paddle.to_tensor(latents)
        return generator(latents) if labels is None else generator(latents, labels)

    def learn_discriminator(self, real, fakes):
        """One step of D on pairs of `real` (images, labels) and `fakes`; returns mean values by name."""
        rows = []
        for (images, labels), fake in zip(real, fakes):
            loss, values = self._d_loss(images, labels, fake)
            (loss / len(fakes)).backward()
            rows.append(values)
        values = _means(rows)
        if self.measure_gradients:
            values["d_gradient"] = gradient_norm(self.discriminator)
        self.optimizers["d"].step()
        clear_gradients(self.discriminator)
        if self.config.regularizer.clip:
            clip_weights(self.discriminator, self.config.regularizer.clip)
        return values

    def learn_generator(self, real, fakes):
        """One step of G, through D, on the `fakes`; `real` is looked at only by a joint loss. Returns mean values by name."""
        rows = []
        with frozen(self.discriminator):
            for (images, labels), fake in zip(real, fakes):
                real_logits = self.discriminator(self._seen(images), labels) if self.loss.joint else None
                fake_logits, auxiliary = self.discriminator.read(self._seen(fake.images), fake.labels)
                values = {"g_loss": self.loss.g_loss(real_logits, fake_logits)}
                extra = self._g_extra(auxiliary, fake)
                (_total(values["g_loss"], extra) / len(fakes)).backward()
                rows.append({**values, **{name: value for name, (_, value) in extra.items()}})
        values = _means(rows)
        if self.measure_gradients:
            values["g_gradient"] = gradient_norm(self.generator)
        self.optimizers["g"].step()
        clear_gradients(self.generator)
        return values

    def _d_loss(self, images, labels, fake):
        """(D's whole loss on one batch, its parts and scores by name)."""
        fake_images = fake.images.detach()
        if self.config.diffaugment.adaptive == "apa":
            with paddle.no_grad():
                self.view.controller.update(self.discriminator(self._seen(images), labels).numpy())
            images = pseudo_reals(images, fake_images, self.view.controller.p, self._rng)
        if self.penalty and self.penalty.before_view:
            (real_logits, real_read), (fake_logits, fake_read), smoothness = self._penalised_pass(images, labels, fake_images, fake.labels)
        else:
            real_seen, fake_seen = self._seen(images), self._seen(fake_images)
            real_logits, real_read = self.discriminator.read(real_seen, labels)
            fake_logits, fake_read = self.discriminator.read(fake_seen, fake.labels)
            smoothness = self._penalty(real_seen, fake_seen, labels)
        if self.config.diffaugment.adaptive == "ada":
            self.view.controller.update(real_logits.detach().numpy())
        values = self._adversarial_parts(real_logits, fake_logits)
        loss = paddle.add_n(list(values.values()))
        extra = self._d_extra(images, real_read, labels, fake_read, fake)
        extra.update(smoothness)
        if self.lecam:
            self.lecam.update(real_logits, fake_logits)
            extra["lecam"] = self.config.regularizer.lecam, self.lecam.penalty(real_logits, fake_logits)
        values.update({name: value for name, (_, value) in extra.items()})
        return _total(loss, extra), {**values, **self._scores(real_logits, fake_logits)}

    def _adversarial_parts(self, real_logits, fake_logits):
        target = self.config.train.real_target
        smoothed = (target,) if target < 1 else ()
        if self.loss.joint:
            return {"d_loss": self.loss.d_loss(real_logits, fake_logits, *smoothed)}
        return {"d_real_loss": self.loss.d_part(real_logits, True, *smoothed), "d_fake_loss": self.loss.d_part(fake_logits, False)}

    def _penalty(self, real_seen, fake_seen, labels):
        """The penalty of this step on what D is shown: {name: (weight, value)}, {} where none is due."""
        due = lazy_factor(self.step_number, self.config.regularizer.every_steps) if self.penalty else 0
        if not due:
            return {}
        value = self.penalty.function(lambda x: self.discriminator(x, labels), real_seen, fake_seen, self._rng)
        return {"penalty": (self.penalty_weight * due, value)}

    def _penalised_pass(self, real, real_labels, fake, fake_labels):
        """One pass of D over reals and fakes, and the penalty on its gradient by these images, through all that changes them.

        Reals and fakes may pass together, for under a penalty no layer of D ties samples together.

        Returns:
            What D reads of the reals, of the fakes, and {"penalty": (weight, value)}.
        """
        images = leaf(paddle.concat([real, fake.astype(real.dtype)]))
        labels = None if real_labels is None else paddle.concat([real_labels, fake_labels])
        logits, read = self.discriminator.read(self._seen(images), labels)
        norms = squared_norms_of(logits, images)  # a pack's logit has all its images to answer for
        value = 0.5 * (norms[: len(real)].mean() + norms[len(real) :].mean()) * self.pack
        half = logits.shape[0] // 2
        reads = (None, None) if read is None else (read[:half], read[half:])
        return (logits[:half], reads[0]), (logits[half:], reads[1]), {"penalty": (self.penalty_weight, value)}

    def _d_extra(self, images, real_read, labels, fake_read, fake):
        """What else D learns: {name: (weight, loss)}. An auxiliary head learns the classes of reals alone: early fakes show none."""
        if self.config.discriminator.conditioning != "auxiliary":
            return {}
        return {"class_loss": (self.config.loss.class_weight, F.cross_entropy(real_read, labels))}

    def _g_extra(self, fake_read, fake):
        """What else G learns: {name: (weight, loss)}."""
        if self.config.discriminator.conditioning != "auxiliary":
            return {}
        return {"fake_class_loss": (self.config.loss.class_weight, F.cross_entropy(fake_read, fake.labels))}

    def _scores(self, real_logits, fake_logits):
        real, fake = score(real_logits.detach()), score(fake_logits.detach())
        if self.config.loss.name in PROBABILITIES:
            return {"d_real": F.sigmoid(real).mean(), "d_fake": F.sigmoid(fake).mean()}
        return {"real_score": real.mean(), "fake_score": fake.mean()}

    def _seen(self, images):
        """What D is shown of `images`: changed, blurred, packed."""
        return self._packed(self.view(images, self._rng, self.step_number))

    def _packed(self, images):
        """[N, C, H, W] -> [N / pack, pack · C, H, W] (Lin et al. 2018)."""
        n, c, h, w = images.shape
        return images.reshape([n // self.pack, self.pack * c, h, w]) if self.pack > 1 else images

    # ---- samples and state ---------------------------------------------------------------------------------------------

    def images(self, latents, labels=None):
        """See `Algorithm.images`; drawn from the averaged generator where there is one."""
        if self.conditional and labels is None:
            raise ValueError("a conditional generator needs a label for each image")
        labels = self._labels(np.asarray(labels, dtype=np.int64)) if self.conditional else None
        with evaluating(self.networks.get("generator_average", self.generator)) as generator:
            return infer(generator, paddle.to_tensor(latents), labels).clip(-1.0, 1.0).numpy()

    def realness(self, images, labels=None):
        """See `Algorithm.realness`; of two logits the difference. A packed D judges each image beside those that follow it."""
        if self.conditional and labels is None:
            raise ValueError("a conditional discriminator needs a label for each image")
        images = np.concatenate([np.roll(images, -shift, axis=0) for shift in range(self.pack)], axis=1)
        labels = self._labels(np.asarray(labels, dtype=np.int64)) if self.conditional else None
        with evaluating(self.discriminator) as discriminator:
            return score(discriminator(paddle.to_tensor(images), labels)).numpy()

    def state(self):
        """See `Algorithm.state`: the controller's and LeCam's."""
        parts = {"augment": self.view.controller, "lecam": self.lecam}
        return {name: part.state() for name, part in parts.items() if part}

    def load_state(self, state):
        """See `Algorithm.load_state`."""
        for name, part in (("augment", self.view.controller), ("lecam", self.lecam)):
            if part and name in state:
                part.load_state(state[name])


class _OfClassZero(paddle.nn.Layer):
    """A discriminator as a function of images alone: they all count as class 0."""

    def __init__(self, discriminator):
        super().__init__()
        self.discriminator = discriminator

    def forward(self, images):
        return self.discriminator(images, paddle.zeros([images.shape[0]], dtype="int64"))


def _total(loss, extra):
    for weight, value in extra.values():
        loss = loss + weight * value
    return loss


def _means(rows):
    """The mean of each name over rows of 0-D tensors, without their graphs."""
    return {name: paddle.add_n([row[name].detach() for row in rows]) / len(rows) for name in rows[0]}

"""Every GAN with one optimizer for D and one for G: any loss of `LOSSES`, any regularizer, with or without classes.

A step is `train.discriminator_steps` steps of D, each on fresh reals and fakes, and one of G, on the fakes of D's last step: one pass
backward through G a step. Reals and fakes pass D apart from each other, so that no batch statistics mix them. The mean gradient of
`train.accumulate` batches makes one step of either.

The fakes take the labels of the reals beside them: both sides of D then see the classes equally often, whatever the data's balance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np
import paddle
from paddle import Tensor, nn
from paddle.nn import functional as F

from .. import processes
from ..augment.diffaugment import pseudo_reals
from ..config.sections import Config
from ..data import Batch
from ..networks.precision import in_float32
from .base import frozen, moved
from .building import make_generator, make_headed_discriminator
from .double_grad import check_double_grad
from .gan import GAN
from .losses import score
from .registry import LOSSES, PENALTIES
from .regularizers import LeCam, clip_weights, lazy_factor, leaf, squared_norms_of

Extra = Dict[str, Tuple[float, Tensor]]  # further losses: {name: (weight, loss)}


@dataclass
class Fakes:
    """Images that G made, with what they were made from; `labels` is None where G is not told a class."""

    images: Tensor
    latents: np.ndarray
    labels: Optional[Tensor]


class AdversarialGAN(GAN):
    """See the module. `config.generator`, `.discriminator`, `.loss`, `.regularizer`, `.diffaugment`, `.optimizer`, `.train` describe it.

    Raises:
        ValueError: a penalty is asked for, and D cannot be differentiated twice; the text names the layer and what to take instead.
    """

    def __init__(self, config: Config, channels: int, image_size: int, class_names: Sequence[str]) -> None:
        self.penalty = PENALTIES.get(config.regularizer.penalty)
        super().__init__(config, channels, image_size, class_names)
        self.batches_per_step = config.train.discriminator_steps * config.train.accumulate
        self.loss, self.pack = LOSSES[config.loss.name], config.discriminator.pack
        self.losses = ("d_loss", "g_loss") if self.loss.joint else ("d_real_loss", "d_fake_loss", "g_loss")
        self.lecam = LeCam() if config.regularizer.lecam else None
        if self.penalty:
            check_double_grad(_OfClassZero(self.discriminator), (channels * self.pack, image_size, image_size))

    @property
    def conditional(self) -> bool:
        """Whether G and D are told the class of each image."""
        return self.config.generator.conditioning != "none"

    def make_generator(self, channels: int, image_size: int) -> nn.Layer:
        """See `GAN.make_generator`."""
        return make_generator(self.config.generator, channels, image_size, self.latent_dim, self.classes)

    def make_discriminator(self, channels: int, image_size: int) -> nn.Layer:
        """See `GAN.make_discriminator`."""
        options = self.config.discriminator
        return make_headed_discriminator(options, channels, image_size, self.classes, self.auxiliary_size(), bool(self.penalty))

    def auxiliary_size(self) -> int:
        """The outputs of D's second head, beside the classes that an auxiliary conditioning reads."""
        return 0

    def begin_step(self, step: int, total_steps: int) -> None:
        """See `Algorithm.begin_step`; also moves G's average, D's penalty and the augmentation as `config.schedule` says."""
        super().begin_step(step, total_steps)
        schedule, options = self.config.schedule, self.config.regularizer
        if schedule.ema_images:
            self.average.half_life(moved(0, schedule.ema_images, self.done) / self.images_per_step)
        if self.penalty:
            self.penalty_weight = (options.weight or self.penalty.weight) * moved(1.0, schedule.penalty, self.done)
        self.view.probability = moved(self.config.diffaugment.probability, schedule.augment, self.done)

    # ---- a step --------------------------------------------------------------------------------------------------------

    def step(self, batches: Sequence[Batch], rng: np.random.Generator) -> Dict[str, Union[Tensor, float]]:
        """Take `train.discriminator_steps` steps of D and one of G.

        Returns:
            The losses of the last ones: `d_real_loss`, `d_fake_loss` (`d_loss` where they cannot be told apart), `g_loss`, and as far as
            there are any `penalty`, `lecam`, and the auxiliary losses; `d_real`, `d_fake`, the mean probabilities of real (0 to 1), or
            `real_score`, `fake_score`, mean logits, under a loss without probabilities; `augment_p` and `augment_r` of ADA or APA.
            With `measure_gradients` also `d_gradient` and `g_gradient`.
        """
        self._rng, values = rng, {}
        group = self.config.train.accumulate
        for start in range(0, len(batches), group):
            real = [(paddle.to_tensor(batch.images), self.labels_of(batch.labels)) for batch in batches[start : start + group]]
            last = start + group == len(batches)
            fakes = [self._make(len(images), labels, last) for images, labels in real]
            values = self.learn_discriminator(real, fakes)
        values.update(self.learn_generator(real, fakes))
        if self.average:
            self.average.update(self.step_number)
        if self.view.controller:
            values.update(augment_p=self.view.controller.p, augment_r=self.view.controller.r or 0.0)
        return values

    def learn_discriminator(self, real: List[Tuple[Tensor, Optional[Tensor]]], fakes: List[Fakes]) -> Dict[str, Tensor]:
        """Take one step of D on pairs of `real` (images, labels) and `fakes`; returns mean values by name."""
        rows = []
        for (images, labels), fake in zip(real, fakes):
            loss, values = self._d_loss(images, labels, fake)
            self.backward("d", loss / len(fakes))
            rows.append(values)
        values = _means(rows)
        values.update(self.descend("d", self.discriminator))
        if self.config.regularizer.clip:
            clip_weights(self.discriminator, self.config.regularizer.clip)
        return values

    def learn_generator(self, real: List[Tuple[Tensor, Optional[Tensor]]], fakes: List[Fakes]) -> Dict[str, Tensor]:
        """Take one step of G, through D, on the `fakes`; only a joint loss reads `real`. Returns mean values by name."""
        rows = []
        with frozen(self.discriminator):
            for (images, labels), fake in zip(real, fakes):
                real_logits = self.discriminator(self.seen(images), labels) if self.loss.joint else None
                fake_logits, auxiliary = self.discriminator.read(self.seen(fake.images), fake.labels)
                values = {"g_loss": self.loss.g_loss(real_logits, fake_logits)}
                extra = self._g_extra(auxiliary, fake)
                self.backward("g", _total(values["g_loss"], extra) / len(fakes))
                rows.append({**values, **{name: value for name, (_, value) in extra.items()}})
        values = _means(rows)
        values.update(self.descend("g", self.generator))
        return values

    def _d_loss(self, images: Tensor, labels: Optional[Tensor], fake: Fakes) -> Tuple[Tensor, Dict[str, Tensor]]:
        """(D's whole loss on one batch, its parts and scores by name)."""
        fake_images, controller = fake.images.detach(), self.view.controller
        if self.config.diffaugment.adaptive == "apa":
            with paddle.no_grad():
                controller.update(processes.together(score(self.discriminator(self.seen(images), labels)).numpy()), self.pack)
            images = pseudo_reals(images, fake_images, controller.p, self._rng)
        if self.penalty and self.penalty.before_view:
            with in_float32():
                real_pass, fake_pass, smoothness = self._penalised_pass(images, labels, fake_images, fake.labels)
            (real_logits, real_read), (fake_logits, fake_read) = real_pass, fake_pass
        else:
            real_seen, fake_seen = self.seen(images), self.seen(fake_images)
            real_logits, real_read = self.discriminator.read(real_seen, labels)
            fake_logits, fake_read = self.discriminator.read(fake_seen, fake.labels)
            smoothness = self._penalty(real_seen, fake_seen, labels)
        if self.config.diffaugment.adaptive == "ada":
            controller.update(processes.together(score(real_logits.detach()).numpy()), self.pack)
        values = self._adversarial_parts(real_logits, fake_logits)
        loss = paddle.add_n(list(values.values()))
        extra = self._d_extra(images, real_read, labels, fake_read, fake)
        extra.update(smoothness)
        if self.lecam:
            self.lecam.update(real_logits, fake_logits)
            extra["lecam"] = self.config.regularizer.lecam, self.lecam.penalty(real_logits, fake_logits)
        values.update({name: value for name, (_, value) in extra.items()})
        return _total(loss, extra), {**values, **self._scores(real_logits, fake_logits)}

    # ---- the parts of a step -------------------------------------------------------------------------------------------

    def _make(self, count: int, labels: Optional[Tensor], with_graph: bool) -> Fakes:
        latents = self.latents(count, self._rng)
        with paddle.set_grad_enabled(with_graph):
            told = [] if labels is None else [labels]
            images = self.generator(paddle.to_tensor(latents), *told)
        return Fakes(images, latents, labels)

    def _adversarial_parts(self, real_logits: Tensor, fake_logits: Tensor) -> Dict[str, Tensor]:
        target = self.config.train.real_target
        smoothed = (target,) if target < 1 else ()
        if self.loss.joint:
            return {"d_loss": self.loss.d_loss(real_logits, fake_logits, *smoothed)}
        return {"d_real_loss": self.loss.d_part(real_logits, True, *smoothed), "d_fake_loss": self.loss.d_part(fake_logits, False)}

    def _penalty(self, real_seen: Tensor, fake_seen: Tensor, labels: Optional[Tensor]) -> Extra:
        """The penalty of this step on what D is shown; {} where none is due."""
        due = lazy_factor(self.step_number, self.config.regularizer.every_steps) if self.penalty else 0
        if not due:
            return {}
        with in_float32():
            value = self.penalty(lambda x: self.discriminator(x, labels), real_seen, fake_seen, self._rng)
        return {"penalty": (self.penalty_weight * due, value)}

    def _penalised_pass(
        self, real: Tensor, real_labels: Optional[Tensor], fake: Tensor, fake_labels: Optional[Tensor]
    ) -> Tuple[Tuple[Tensor, Any], Tuple[Tensor, Any], Extra]:
        """One pass of D over reals and fakes, and the penalty on its gradient by these images, through all that changes them.

        Reals and fakes may pass together, for under a penalty no layer of D ties samples together.

        Returns:
            What D reads of the reals, of the fakes, and {"penalty": (weight, value)}.
        """
        images = leaf(paddle.concat([real, fake.astype(real.dtype)]))
        labels = None if real_labels is None else paddle.concat([real_labels, fake_labels])
        logits, read = self.discriminator.read(self.seen(images), labels)
        norms = squared_norms_of(logits, images)  # the logit of a pack depends on all its images
        value = 0.5 * (norms[: len(real)].mean() + norms[len(real) :].mean()) * self.pack
        half = logits.shape[0] // 2
        reads = (None, None) if read is None else (read[:half], read[half:])
        return (logits[:half], reads[0]), (logits[half:], reads[1]), {"penalty": (self.penalty_weight, value)}

    def _d_extra(
        self, images: Tensor, real_read: Optional[Tensor], labels: Optional[Tensor], fake_read: Optional[Tensor], fake: Fakes
    ) -> Extra:
        """What else D learns. An auxiliary head learns the classes of reals alone, because early fakes show none."""
        if self.config.discriminator.conditioning != "auxiliary":
            return {}
        return {"class_loss": (self.config.loss.class_weight, F.cross_entropy(real_read, labels))}

    def _g_extra(self, fake_read: Optional[Tensor], fake: Fakes) -> Extra:
        """What else G learns."""
        if self.config.discriminator.conditioning != "auxiliary":
            return {}
        return {"fake_class_loss": (self.config.loss.class_weight, F.cross_entropy(fake_read, fake.labels))}

    def _scores(self, real_logits: Tensor, fake_logits: Tensor) -> Dict[str, Tensor]:
        real, fake = score(real_logits.detach()), score(fake_logits.detach())
        if self.loss.probability:
            return {"d_real": F.sigmoid(real).mean(), "d_fake": F.sigmoid(fake).mean()}
        return {"real_score": real.mean(), "fake_score": fake.mean()}

    def seen(self, images: Tensor) -> Tensor:
        """See `GAN.seen`; the images are also packed."""
        return self._packed(super().seen(images))

    def _packed(self, images: Tensor) -> Tensor:
        """[N, C, H, W] -> [N / pack, pack · C, H, W] (Lin et al. 2018)."""
        n, c, h, w = images.shape
        return images.reshape([n // self.pack, self.pack * c, h, w]) if self.pack > 1 else images

    # ---- judging images, and state -------------------------------------------------------------------------------------

    def realness(self, images: np.ndarray, labels: Optional[np.ndarray] = None) -> np.ndarray:
        """See `Algorithm.realness`. A packed D judges each image beside those that follow it."""
        return super().realness(np.concatenate([np.roll(images, -shift, axis=0) for shift in range(self.pack)], axis=1), labels)

    def state(self) -> Dict[str, Any]:
        """See `Algorithm.state`: the controller's and LeCam's."""
        return {name: part.state() for name, part in self._parts_with_state().items() if part}

    def load_state(self, state: Dict[str, Any]) -> None:
        """See `Algorithm.load_state`."""
        for name, part in self._parts_with_state().items():
            if part and name in state:
                part.load_state(state[name])

    def _parts_with_state(self) -> Dict[str, Any]:
        return {"augment": self.view.controller, "lecam": self.lecam}


class _OfClassZero(nn.Layer):
    """A discriminator as a function of images alone: they all count as class 0."""

    def __init__(self, discriminator: nn.Layer) -> None:
        super().__init__()
        self.discriminator = discriminator

    def forward(self, images: Tensor) -> Tensor:
        return self.discriminator(images, paddle.zeros([images.shape[0]], dtype="int64"))


def _total(loss: Tensor, extra: Extra) -> Tensor:
    for weight, value in extra.values():
        loss = loss + weight * value
    return loss


def _means(rows: List[Dict[str, Tensor]]) -> Dict[str, Tensor]:
    """The mean of each name over rows of 0-D tensors, without their graphs."""
    return {name: paddle.add_n([row[name].detach() for row in rows]) / len(rows) for name in rows[0]}

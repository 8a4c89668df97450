"""A classifier and the network that augments its images, trained by each other (in the manner of TeachAugment, Suzuki 2022,
arXiv:2202.12513).

The augmenter changes images, within bounds, so that the classifier errs on them; its gradient comes through the classifier. A teacher,
the classifier's own moving average, must still read the right class, which keeps the changes meaningful. The classifier learns from the
real images and the changed ones.
"""

from __future__ import annotations

from typing import Dict, List, Sequence, Tuple

import numpy as np
import paddle
from paddle import Tensor, nn
from paddle.nn import functional as F

from ..config.sections import Config
from ..data import Batch
from ..networks import ImageChanger
from .base import frozen
from .classifier import SupervisedClassifier
from .ema import Average
from .inference import InferenceModel, classifier_model
from .varying import Varying

SURE = 0.01  # a probability this near to 1 no longer pushes harder


class LearnedAugmenter(Varying, SupervisedClassifier):
    """See the module. `config.classifier`, `.variation`, `.generator` (latent_dim: the noise, width) and `.optimizer` describe it."""

    losses = ("loss", "augmenter_loss")

    def __init__(self, config: Config, channels: int, image_size: int, class_names: Sequence[str]) -> None:
        super().__init__(config, channels, image_size, class_names)
        options = config.variation
        self.teacher = self.networks["teacher"] = self.make_classifier(channels, image_size)
        self.average = Average(self.classifier, self.teacher, options.teacher_decay)
        self.augmenter = self.networks["augmenter"] = ImageChanger(
            image_size, channels, config.generator.latent_dim, config.generator.width, options.strength
        )
        self.add_adam("augmenter", self.augmenter, config.optimizer.generator_lr)
        self.remember_sources(channels, image_size)

    def step(self, batches: Sequence[Batch], rng: np.random.Generator) -> Dict[str, Tensor]:
        """Take one step of the augmenter and one of the classifier.

        Returns:
            loss and accuracy of the classifier on real and changed images together, `augmenter_loss`, and on the changed ones alone
            `changed_accuracy` and `teacher_accuracy`.
        """
        self.sources.remember(batches[0].images)
        images, labels = paddle.to_tensor(batches[0].images), paddle.to_tensor(batches[0].labels)
        noise = paddle.to_tensor(rng.standard_normal((images.shape[0], self.noise_dim), dtype=np.float32))
        changed, values = self.learn_to_change(images, labels, noise)
        both, twice = paddle.concat([images, changed]), paddle.concat([labels, labels])
        logits = self.classifier(both)
        loss = F.cross_entropy(logits, twice)
        self.backward("classifier", loss)
        self.descend("classifier", self.classifier)
        self.average.update(self.step_number)
        return {"loss": loss.detach(), "accuracy": _accuracy(logits, twice), **values}

    def learn_to_change(self, images: Tensor, labels: Tensor, noise: Tensor) -> Tuple[Tensor, Dict[str, Tensor]]:
        """Take the augmenter's step; returns the changed images, detached, and its values."""
        changed = self.augmenter(images, noise)
        self.classifier.eval()  # the running statistics come only from images it learns from
        with frozen(self.classifier):
            logits, teachers = self.classifier(changed), self.teacher(changed)
            right = F.softmax(logits)[paddle.arange(len(labels)), labels]
            loss = F.cross_entropy(teachers, labels) - self.config.variation.hardness * (1 + SURE - right).log().mean()
            self.backward("augmenter", loss)
        self.classifier.train()
        self.descend("augmenter", self.augmenter)
        values = {"changed_accuracy": _accuracy(logits, labels), "teacher_accuracy": _accuracy(teachers, labels)}
        return changed.detach(), {"augmenter_loss": loss.detach(), **values}

    @property
    def drawing_network(self) -> nn.Layer:
        """The network that makes variations."""
        return self.augmenter

    def inference_models(self, shape: Sequence[int]) -> List[InferenceModel]:
        """See `Algorithm.inference_models`: the network that makes variations, and the classifier."""
        return [*super().inference_models(shape), classifier_model(self, self.classifier, shape)]


def _accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    return (logits.detach().argmax(1) == labels).astype("float32").mean()

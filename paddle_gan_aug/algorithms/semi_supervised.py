"""Learning from few labels and many images without any, by a GAN whose discriminator is the classifier (Salimans et al. 2016,
arXiv:1606.03498, sections 3.1 and 5).

D has a logit l_k for each of the K classes. With Z = sum_k exp l_k it takes an image for real with the probability Z / (Z + 1), and reads
its class with softmax(l). It learns the classes of the labelled images, that unlabelled images are real, and that generated ones are not.
G learns to match the mean of D's features over a batch of real images. Its images are not beautiful, but D must then look at what real
images have in common, which serves the classes. The averaged weights of D, the reader, classify.
"""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np
import paddle
from paddle import Tensor, nn
from paddle.nn import functional as F

from .. import runtime
from ..augment.policies import policy_for
from ..config.sections import Config
from ..data import PartlyLabelledBatches
from ..data.few_labels import PartlyLabelledBatch
from ..networks import DoublingGenerator, infer
from ..networks.precision import in_float32
from ..networks.semi_supervised import READERS, DenseGenerator
from .augmentation import Augmentation
from .base import Algorithm, evaluating, frozen
from .consistency import class_imbalance, conditional_entropy, pi_loss, teacher_loss, virtual_adversarial_loss
from .ema import SteadyAverage
from .inference import InferenceModel, classifier_model, generator_model
from .ports import UNIFORM

ADAM_EPSILON = 1e-4  # the published Adam adds 1e-8 below the square root: tiny gradients stay tiny steps
INITIAL_IMAGES = 500  # the images whose statistics D's layers begin with


class SemiSupervised(Algorithm):
    """The semi-supervised GAN; see the module. `config.semi_supervised`, `.generator`, `.optimizer` and `.train` describe it."""

    makes_images = True  # without `semi_supervised.gan` it does not
    reads_images = True

    def __init__(self, config: Config, channels: int, image_size: int, class_names: Sequence[str]) -> None:
        super().__init__(config)
        options = self.options = config.semi_supervised
        self.class_names = tuple(class_names)
        self.policy = policy_for(config.data.source, channels, config.data.policy)
        self.augmentation = Augmentation(config.classifier.augmentation, self.policy)
        self.teacher_augmentation = Augmentation(options.teacher_augmentation, self.policy)
        self.discriminator, self.reader = (self._make_reader(channels, image_size) for _ in range(2))
        self.networks = {"discriminator": self.discriminator, "reader": self.reader}
        self.average = SteadyAverage(self.discriminator, self.reader, options.average_rate)
        self.averaged = {"discriminator": "reader"}
        self.losses = ("labelled_loss",)
        self.makes_images = options.gan
        self.add_adam("d", self.discriminator, config.optimizer.discriminator_lr, epsilon=ADAM_EPSILON)
        if options.gan:
            self.latent_dim = config.generator.latent_dim
            self.generator = self.networks["generator"] = self._make_generator(channels, image_size)
            self.losses += ("unlabelled_loss", "generated_loss", "matching_loss")
            self.add_adam("g", self.generator, config.optimizer.generator_lr, epsilon=ADAM_EPSILON)

    def _make_reader(self, channels: int, image_size: int) -> nn.Layer:
        options = self.options
        sizes = {"classes": len(self.class_names), "image_size": image_size, "channels": channels, "width": options.width}
        return READERS[options.architecture](**sizes, input_noise=options.input_noise, hidden_noise=options.hidden_noise)

    def _make_generator(self, channels: int, image_size: int) -> nn.Layer:
        sizes = {"image_size": image_size, "channels": channels, "latent_dim": self.latent_dim, "width": self.config.generator.width}
        if self.options.architecture == "mlp":
            return DenseGenerator(**sizes)
        return DoublingGenerator("dcgan", **sizes, activation="relu", init_std=0.05)

    def prepare(self, batches: PartlyLabelledBatches) -> None:
        """Set the scales of D's layers: those that standardise their outputs on some of the unlabelled images, or 1."""
        if self.options.scales == "one":
            self.discriminator.set_scales(1.0)
        else:
            some = batches.some(INITIAL_IMAGES, runtime.rng(self.config.train.seed, "images to begin with"))
            self.discriminator.initialise(paddle.to_tensor(some))
        self.reader.set_state_dict(self.discriminator.state_dict())

    # ---- a step --------------------------------------------------------------------------------------------------------

    def step(self, batches: Sequence[PartlyLabelledBatch], rng: np.random.Generator) -> Dict[str, Tensor]:
        """Take one step of D on labelled, unlabelled and generated images, and one of G on the same generated images.

        Returns:
            `labelled_loss` in nats and the accuracy on the labelled batch (0 to 1). With a generator `unlabelled_loss`, `generated_loss`,
            `matching_loss`, and `d_real` and `d_fake`, the mean probabilities of real. `pi_loss`, `vat_loss`, `entropy`, `imbalance`,
            `teacher_loss` and `pull_away_loss` if they are in use. With `measure_gradients` also `d_gradient` and `g_gradient`.
        """
        batch = batches[0]
        images = {"labelled": self.augmentation(batch.images, rng), "unlabelled": batch.unlabelled}
        if self.options.teacher_augmentation != "none" and self.options.teacher_weight and self._ramp():
            images["changed"] = self.teacher_augmentation(batch.unlabelled, rng)
        tensors = {name: paddle.to_tensor(value) for name, value in images.items()}
        if self.makes_images:
            tensors["generated"] = self.generator(paddle.to_tensor(self.latents(len(batch.unlabelled), rng)))
        values = self.step_discriminator(tensors, paddle.to_tensor(batch.labels), rng)
        if self.makes_images:
            values.update(self.step_generator(paddle.to_tensor(batch.matched), tensors["generated"]))
        self.average.update(self.step_number)
        return values

    def step_discriminator(self, images: Dict[str, Tensor], labels: Tensor, rng: np.random.Generator) -> Dict[str, Tensor]:
        """Take D's step; returns its values.

        Args:
            images: float32 [N, C, H, W] in [-1, 1] by what they are: "labelled", "unlabelled", and those that take part of "changed", the
                unlabelled ones with the augmentation that the teacher's learner sees, and "generated".
            labels: int64 [N], of the labelled images.
        """
        options, logits = self.options, self._logits(images)
        loss = labelled_loss(logits["labelled"], labels)
        values = {"labelled_loss": loss}
        if "generated" in images:
            real, fake = (paddle.logsumexp(logits[name], axis=1) for name in ("unlabelled", "generated"))
            values["unlabelled_loss"], values["generated_loss"] = unlabelled_loss(real), generated_loss(fake)
            loss = loss + options.unlabelled_weight * (values["unlabelled_loss"] + values["generated_loss"])
        for name, (weight, value) in self._consistency(images["unlabelled"], logits, rng).items():
            loss, values[name] = loss + weight * value, value
        self.backward("d", loss)
        values = {name: value.detach() for name, value in values.items()}
        values["accuracy"] = (logits["labelled"].detach().argmax(1) == labels).astype("float32").mean()
        if "generated" in images:
            values["d_real"], values["d_fake"] = F.sigmoid(real.detach()).mean(), F.sigmoid(fake.detach()).mean()
        return {**values, **self.descend("d", self.discriminator)}

    def _logits(self, images: Dict[str, Tensor]) -> Dict[str, Tensor]:
        """D's logits of those images whose logits are needed, by what the images are; one pass for all."""
        options, needed = self.options, dict(images)
        learnt = options.pi_weight or options.entropy_weight or options.balance_weight
        learnt = learnt or (options.teacher_weight and "changed" not in images)
        if "generated" in images:
            needed["generated"] = images["generated"].detach()
        elif not learnt:
            del needed["unlabelled"]
        logits = self.discriminator(paddle.concat(list(needed.values())))
        return dict(zip(needed, logits.split([len(part) for part in needed.values()])))

    def _ramp(self) -> float:
        """The factor on the weights of the consistency terms at this step, 0 to 1."""
        return min(1.0, max(0, self.step_number - self.options.consistency_start) / self.options.consistency_ramp)

    def _consistency(self, unlabelled: Tensor, logits: Dict[str, Tensor], rng: np.random.Generator) -> Dict[str, Tuple[float, Tensor]]:
        """The consistency terms in use: {name: (its weight at this step, value)}."""
        options, ramp, found = self.options, self._ramp(), {}
        if not ramp:
            return {}
        if options.pi_weight:
            found["pi_loss"] = ramp * options.pi_weight, pi_loss(logits["unlabelled"], self.discriminator(unlabelled))
        if options.vat_weight:  # pixels go from -1 to 1 here
            with in_float32():  # it looks for the direction of tiny gradients
                value = virtual_adversarial_loss(self.discriminator, unlabelled, 2 * options.vat_radius, rng)
            found["vat_loss"] = ramp * options.vat_weight, value
        if options.entropy_weight:
            found["entropy"] = ramp * options.entropy_weight, conditional_entropy(logits["unlabelled"])
        if options.balance_weight:
            found["imbalance"] = ramp * options.balance_weight, class_imbalance(logits["unlabelled"])
        if options.teacher_weight:
            with evaluating(self.reader) as teacher:
                probabilities = F.softmax(infer(teacher, unlabelled), axis=1)
            learnt = logits.get("changed", logits.get("unlabelled"))
            found["teacher_loss"] = ramp * options.teacher_weight, teacher_loss(probabilities, learnt, options.teacher_confidence)
        return found

    def step_generator(self, real: Tensor, fakes: Tensor) -> Dict[str, Tensor]:
        """Take G's step towards the mean features of the real images; returns its values."""
        with paddle.no_grad():
            target = self.discriminator.features(real).mean(0)
        with frozen(self.discriminator):
            features = self.discriminator.features(fakes)
            values = {"matching_loss": matching_loss(features, target)}
            loss = values["matching_loss"]
            if self.options.pull_away_weight:
                values["pull_away_loss"] = pull_away_loss(features)
                loss = loss + self.options.pull_away_weight * values["pull_away_loss"]
            self.backward("g", loss)
        return {**{name: value.detach() for name, value in values.items()}, **self.descend("g", self.generator)}

    # ---- reading and sampling ------------------------------------------------------------------------------------------

    def read(self, images: np.ndarray, batch_size: int = 500) -> Tuple[np.ndarray, np.ndarray]:
        """Read images with the averaged weights; see `SupervisedClassifier.read`. The features are D's last hidden layer."""
        probabilities, features = [], []
        with evaluating(self.reader) as reader:
            for start in range(0, len(images), batch_size):
                hidden = infer(reader.features, paddle.to_tensor(images[start : start + batch_size]))
                features.append(hidden.numpy())
                probabilities.append(F.softmax(reader.logits(hidden), axis=1).numpy())
        return np.concatenate(probabilities), np.concatenate(features)

    def inference_models(self, shape: Sequence[int]) -> List[InferenceModel]:
        """See `Algorithm.inference_models`: the generator, where there is one, and the classifier with its averaged weights."""
        generators = [generator_model(self, self.generator, shape)] if self.makes_images else []
        return [*generators, classifier_model(self, self.reader, shape)]

    def latent_parts(self) -> List[Tuple[int, str]]:
        """See `Algorithm.latent_parts`."""
        return [(self.latent_dim, UNIFORM)]

    def latents(self, count: int, rng: np.random.Generator, truncation: Optional[float] = None) -> np.ndarray:
        """Draw `count` latent vectors z ~ U(0, 1), float32 [count, latent_dim].

        Args:
            truncation: as for `Algorithm.latents`, where 3 and more is the whole range: T leaves the middle T / 3 of it.
        """
        latents = rng.random((count, self.latent_dim), dtype=np.float32)
        return latents if truncation is None else (latents - 0.5) * np.float32(min(1.0, truncation / 3)) + np.float32(0.5)

    def images(self, latents: np.ndarray, labels: Optional[np.ndarray] = None) -> np.ndarray:
        """See `Algorithm.images`."""
        with evaluating(self.generator) as generator:
            return infer(generator, paddle.to_tensor(latents)).numpy()

    def realness(self, images: np.ndarray, labels: Optional[np.ndarray] = None) -> np.ndarray:
        """See `Algorithm.realness`: log Z of the averaged weights."""
        with evaluating(self.reader) as reader:
            return paddle.logsumexp(infer(reader, paddle.to_tensor(images)), axis=1).numpy()


def labelled_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """The mean of log Z - l_y, the cross-entropy of the classes, 0-D tensor; logits float32 [N, K], labels int64 [N]."""
    return F.cross_entropy(logits, labels)


def unlabelled_loss(evidence: Tensor) -> Tensor:
    """Half the mean of -log(Z / (Z + 1)), 0-D tensor: real images are to be taken for real. `evidence` is log Z, float32 [N]."""
    return 0.5 * F.softplus(-evidence).mean()


def generated_loss(evidence: Tensor) -> Tensor:
    """Half the mean of -log(1 / (Z + 1)), 0-D tensor: generated images are not. `evidence` is log Z, float32 [N]."""
    return 0.5 * F.softplus(evidence).mean()


def matching_loss(features: Tensor, target: Tensor) -> Tensor:
    """The mean square distance of the mean of `features`, float32 [N, F], to `target`, float32 [F]; 0-D tensor."""
    return (features.mean(0) - target).square().mean()


def pull_away_loss(features: Tensor) -> Tensor:
    """The pull-away term, the mean square cosine of all pairs of rows of `features`, float32 [N, F], N >= 2; 0-D tensor.

    Generated images with a small one are many-sided, which a complement generator needs (Dai et al. 2017, arXiv:1705.09783, section 4.2;
    Zhao et al. 2017, arXiv:1609.03126, equation 7).
    """
    count = len(features)
    directions = features / (features.square().sum(1, keepdim=True) + 1e-12).sqrt()
    cosines = paddle.matmul(directions, directions, transpose_y=True)
    return (cosines.square().sum() - count) / (count * (count - 1))

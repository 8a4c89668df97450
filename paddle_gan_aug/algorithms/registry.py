"""The tables of this room: losses, penalties, network architectures and training algorithms. Nothing here imports Paddle.

A row has a name, the place of its code and what others need to know about it. Allowed names, messages, checks and tests follow from the
rows. To add a loss, write its function and add one row; a program outside the package adds a row to the table in the same way::

    LOSSES["mine"] = Loss("mine", "my_module:my_loss", smooths=True)

A place is "module:name". A module that starts with a dot lies in this package; any other is imported by its full name.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, Callable, Dict, Optional, Tuple

from ..config.loading import all_keys


def resolve(place: str) -> Callable[..., Any]:
    """Import what "module:name" names; see the module for how a place is written."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module, __package__), name)


@dataclass(frozen=True)
class Loss:
    """An adversarial loss, which D and G minimise.

    Attributes:
        name: the value of `loss.name`.
        function: the place of D's loss, a function (logits, real) -> 0-D tensor for reals (`real=True`) and for fakes (`real=False`);
            the two values are added up. A `joint` loss needs reals and fakes at once: its function is (logits, others) -> 0-D tensor,
            which D calls with (reals, fakes) and G with (fakes, reals).
        generator: the place of G's loss, a function (logits, real); None = `function`. G calls it with its fakes and `real=True`.
        joint: whether the function looks at reals and fakes at once.
        logits: the number of logits that D gives for each sample.
        smooths: whether reals have a label, which one-sided label smoothing lowers: the function then takes it as a third argument.
        centred: whether D cannot tell reals from fakes where a logit is 0, as ADA and APA assume.
        probability: whether the sigmoid of a logit is the probability of being real.
    """

    name: str
    function: str
    generator: Optional[str] = None
    joint: bool = False
    logits: int = 1
    smooths: bool = False
    centred: bool = False
    probability: bool = False

    def d_part(self, logits: Any, real: bool, *target: float) -> Any:
        """D's loss for reals or for fakes, 0-D tensor; not for a `joint` loss. `target`: the label of reals, if the loss `smooths`."""
        return resolve(self.function)(logits, real, *target)

    def d_loss(self, real_logits: Any, fake_logits: Any, *target: float) -> Any:
        """D's whole loss, 0-D tensor. `target`: the label of reals, if the loss `smooths`."""
        if self.joint:
            return resolve(self.function)(real_logits, fake_logits, *target)
        return self.d_part(real_logits, True, *target) + self.d_part(fake_logits, False)

    def g_loss(self, real_logits: Any, fake_logits: Any) -> Any:
        """G's loss, 0-D tensor. Only a `joint` loss reads `real_logits`; otherwise they may be None."""
        return resolve(self.generator or self.function)(fake_logits, real_logits if self.joint else True)


@dataclass(frozen=True)
class Penalty:
    """A penalty on D's gradient with respect to its images.

    Attributes:
        name: the value of `regularizer.penalty`.
        function: the place of the penalty, a function (discriminator, real, fake, rng) -> 0-D tensor; see `regularizers`.
        weight: the weight that its paper gives it, which is taken where `regularizer.weight` is not set.
        before_view: the gradient is taken with respect to the images before they are augmented, at reals and fakes, at every step of D;
            the pass of D that gives the penalty gives the logits too.
    """

    name: str
    function: str
    weight: float
    before_view: bool = False

    def __call__(self, discriminator: Callable[[Any], Any], real: Any, fake: Any, rng: Any) -> Any:
        """The penalty, 0-D tensor; see `regularizers`."""
        return resolve(self.function)(discriminator, real, fake, rng)


@dataclass(frozen=True)
class AlgorithmRow:
    """A training algorithm.

    Attributes:
        name: the value of `algorithm`.
        place: the place of its class, a `base.Algorithm`.
        reads: the settings it reads beside those that every run reads (`READ_BY_ALL`). "loss." means every key of that section. A
            setting that is changed and not read is refused; see `checks`.

    Raises:
        ValueError: `reads` names a setting that does not exist.
    """

    name: str
    place: str
    reads: Tuple[str, ...]

    def __post_init__(self) -> None:
        unknown = [item for item in self.reads if not any(_covers(item, key) for key in all_keys())]
        if unknown:
            raise ValueError(f"the algorithm {self.name} says that it reads {', '.join(unknown)}: there is no such setting")

    @property
    def classifies(self) -> bool:
        """Whether what is trained is a classifier, which its accuracy on validation images measures."""
        return self.reads_key("classifier.patience")

    @property
    def reads_images(self) -> bool:
        """Whether what is trained tells the classes of images."""
        return self.reads_key("classifier.test_views")

    @property
    def varies(self) -> bool:
        """Whether it makes variations of real images."""
        return self.reads_key("variation.sources")

    @property
    def learns_without_labels(self) -> bool:
        """Whether it also learns images without labels."""
        return self.reads_key("semi_supervised.architecture")

    def reads_key(self, key: str) -> bool:
        """Whether the algorithm reads the setting `key`, such as "train.steps"."""
        return any(_covers(item, key) for item in (*READ_BY_ALL, *self.reads))


def _covers(item: str, key: str) -> bool:
    return key == item or (item.endswith(".") and key.startswith(item))


LOSSES: Dict[str, Loss] = {
    row.name: row
    for row in (
        Loss("non-saturating", ".losses:sigmoid_loss", smooths=True, centred=True, probability=True),
        Loss("saturating", ".losses:sigmoid_loss", ".losses:saturating_loss", smooths=True, centred=True, probability=True),
        Loss("softmax", ".losses:softmax_loss", logits=2, smooths=True, centred=True, probability=True),
        Loss("least-squares", ".losses:squared_loss", smooths=True),
        Loss("hinge", ".losses:hinge_loss", ".losses:critic_loss", centred=True),
        Loss("wasserstein", ".losses:critic_loss"),
        Loss("relativistic", ".losses:relativistic_loss", joint=True, smooths=True),
        Loss("paired", ".losses:paired_loss", joint=True),
    )
}

PENALTIES: Dict[str, Penalty] = {
    row.name: row
    for row in (
        Penalty("gradient-penalty", ".regularizers:gradient_penalty", weight=10.0),
        Penalty("r1", ".regularizers:r1", weight=10.0),
        Penalty("r1-r2", ".regularizers:r1_r2", weight=1.0, before_view=True),
        Penalty("dragan", ".regularizers:dragan", weight=10.0),
    )
}

# The settings of `generator.*` that each architecture of G reads.
_OF_EVERY_GENERATOR = ("architecture", "conditioning", "output_activation", "width", "latent_dim", "ema")
_OF_CONVOLUTIONAL_GENERATORS = (*_OF_EVERY_GENERATOR, "activation", "init_std")
GENERATORS: Dict[str, Tuple[str, ...]] = {
    "classic": (*_OF_CONVOLUTIONAL_GENERATORS, "variant"),
    "augmentor": _OF_CONVOLUTIONAL_GENERATORS,
    "folder": _OF_CONVOLUTIONAL_GENERATORS,
    "dcgan": _OF_CONVOLUTIONAL_GENERATORS,
    "residual": (*_OF_EVERY_GENERATOR, "norm", "blocks"),
}

# The settings of `discriminator.*` that each architecture of D reads.
_OF_EVERY_DISCRIMINATOR = ("architecture", "conditioning", "pack", "width", "init_std")
_OF_CONVOLUTIONAL_DISCRIMINATORS = (*_OF_EVERY_DISCRIMINATOR, "norm", "head", "activation", "minibatch_std")
DISCRIMINATORS: Dict[str, Tuple[str, ...]] = {
    "classic": (*_OF_CONVOLUTIONAL_DISCRIMINATORS, "see_edges"),
    "augmentor": (*_OF_CONVOLUTIONAL_DISCRIMINATORS, "dropout"),
    "folder": (*_OF_CONVOLUTIONAL_DISCRIMINATORS, "dropout"),
    "dcgan": (*_OF_CONVOLUTIONAL_DISCRIMINATORS, "dropout"),
    "residual": (*_OF_EVERY_DISCRIMINATOR, "blocks"),
}

CLASSIFIERS: Dict[str, str] = {  # name -> the place of the network
    "lenet": "..networks:LeNet",
    "lenet-pooled": "..networks:PooledLeNet",
    "resnet": "..networks:ResNet",
}

READ_BY_ALL = (
    "description",
    "preset",
    "algorithm",
    "data.",
    "train.epochs",
    "train.steps",
    "train.batch_size",
    "train.seed",
    "optimizer.beta1",
    "optimizer.beta2",
    "optimizer.schedule",
    "schedule.images",
    "schedule.learning_rate",
    "schedule.beta2",
    "checkpoint.",
    "log.",
    "eval.every_steps",
    "runtime.",
)
_OF_SAMPLES = ("health.", "eval.")  # of every algorithm that makes images
_OF_EVERY_GAN = (
    *_OF_SAMPLES,
    "optimizer.discriminator_lr",
    "optimizer.generator_lr",
    "train.real_target",
    "train.instance_noise",
    "train.instance_noise_start",
    "train.instance_noise_steps",
    "diffaugment.policy",
    "diffaugment.strength",
    "diffaugment.probability",
    "diffaugment.fill",
)
_OF_CLASSIC_DISCRIMINATOR = (
    "discriminator.norm",
    "discriminator.head",
    "discriminator.activation",
    "discriminator.see_edges",
    "discriminator.width",
    "discriminator.init_std",
)
_OF_ADVERSARIAL = (
    *_OF_EVERY_GAN,
    "generator.",
    "discriminator.",
    "loss.name",
    "regularizer.",
    "diffaugment.",
    "schedule.",
    "train.discriminator_steps",
    "train.accumulate",
)

ALGORITHMS: Dict[str, AlgorithmRow] = {
    row.name: row
    for row in (
        AlgorithmRow(
            "classic",
            ".classic:ClassicGAN",
            reads=(
                *_OF_EVERY_GAN,
                *_OF_CLASSIC_DISCRIMINATOR,
                "discriminator.architecture",
                "discriminator.dropout",
                "discriminator.minibatch_std",
                "discriminator.blocks",
                "generator.architecture",
                "generator.variant",
                "generator.norm",
                "generator.blocks",
                "generator.activation",
                "generator.output_activation",
                "optimizer.shared_scale",
                "generator.width",
                "generator.latent_dim",
                "generator.init_std",
                "generator.ema",
                "train.gradient_leaks",
            ),
        ),
        AlgorithmRow("gan", ".adversarial:AdversarialGAN", reads=(*_OF_ADVERSARIAL, "loss.class_weight", "classifier.sampling")),
        AlgorithmRow(
            "infogan",
            ".infogan:InfoGAN",
            reads=(
                *_OF_ADVERSARIAL,
                "loss.category_weight",
                "loss.continuous_weight",
                "loss.clustering_weight",
                "code.",
            ),
        ),
        AlgorithmRow("classifier", ".classifier:SupervisedClassifier", reads=("classifier.", "generated.", "optimizer.classifier_lr")),
        AlgorithmRow(
            "semi-supervised",
            ".semi_supervised:SemiSupervised",
            reads=(
                "semi_supervised.",
                "health.",
                "generator.width",
                "generator.latent_dim",
                "classifier.augmentation",
                "classifier.sampling",
                "classifier.patience",
                "classifier.test_views",
                "optimizer.discriminator_lr",
                "optimizer.generator_lr",
            ),
        ),
        AlgorithmRow(
            "dagan",
            ".dagan:DAGAN",
            reads=(
                *_OF_EVERY_GAN,
                *_OF_CLASSIC_DISCRIMINATOR,
                "generator.width",
                "generator.latent_dim",
                "generator.init_std",
                "generator.ema",
                "variation.sources",
                "variation.diversity",
            ),
        ),
        AlgorithmRow(
            "learned-augmenter",
            ".learned_augmenter:LearnedAugmenter",
            reads=(
                *_OF_SAMPLES,
                "generator.width",
                "generator.latent_dim",
                "classifier.architecture",
                "classifier.width",
                "classifier.dropout",
                "classifier.test_views",
                "variation.sources",
                "variation.strength",
                "variation.hardness",
                "variation.teacher_decay",
                "optimizer.classifier_lr",
                "optimizer.generator_lr",
            ),
        ),
    )
}

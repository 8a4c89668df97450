"""Settings that do not go together, and why. Nothing here imports Paddle.

Each refusal is one row; its text says what clashes and what to set instead. In a text, {smooths} and {centred} stand for the losses that
have this attribute, {strengths} for the largest strength of each policy.
"""

from __future__ import annotations

from typing import Callable, List, Tuple

from ..augment.diffaugment_policies import DIFFAUGMENT_POLICIES, DiffAugmentPolicy
from ..config.sections import Config
from .registry import ALGORITHMS, LOSSES, PENALTIES, Loss


def _adversarial(config: Config) -> bool:
    """Whether the algorithm lets one choose its loss; the others have a loss of their own."""
    return ALGORITHMS[config.algorithm].reads_key("loss.name")


def _finds_classes(config: Config) -> bool:
    return ALGORITHMS[config.algorithm].reads_key("code.categories")


def _loss(config: Config) -> Loss:
    return LOSSES[config.loss.name]


def _conditional(config: Config) -> bool:
    return config.generator.conditioning != "none"


def _penalised(config: Config) -> bool:
    return config.regularizer.penalty != "none"


def _named(attribute: str) -> str:
    """The names of the losses that have an attribute."""
    return ", ".join(name for name, row in LOSSES.items() if getattr(row, attribute))


REFUSALS: List[Tuple[Callable[[Config], bool], str]] = [  # (when, why)
    (
        lambda c: _adversarial(c) and (_loss(c).logits == 2) != (c.discriminator.head == "softmax"),
        "loss.name and discriminator.head do not fit: the loss softmax takes two logits (head softmax), every other loss takes one "
        "(head sigmoid)",
    ),
    (
        lambda c: c.train.real_target < 1 and _adversarial(c) and not _loss(c).smooths,
        "train.real_target below 1 smooths the label of reals, but loss.name has no label: set train.real_target to 1, or loss.name to one "
        "of {smooths}",
    ),
    (
        lambda c: _penalised(c) and c.discriminator.norm == "batch",
        "regularizer.penalty needs each sample's own gradient, but a batch normalisation in D ties the samples together: "
        "set discriminator.norm to none, instance or spectral",
    ),
    (
        lambda c: _penalised(c) and c.discriminator.architecture == "classic",
        "regularizer.penalty needs second derivatives, but the max-pools of the classic discriminator have none: "
        "set discriminator.architecture to dcgan, augmentor, folder or residual",
    ),
    (
        lambda c: (
            _penalised(c)
            and PENALTIES[c.regularizer.penalty].before_view
            and (c.regularizer.every_steps > 1 or c.discriminator.minibatch_std)
        ),
        "regularizer.penalty r1-r2 acts at every step of D, on every sample by itself: "
        "set regularizer.every_steps to 1 and discriminator.minibatch_std to false",
    ),
    (
        lambda c: c.schedule.learning_rate is not None and c.optimizer.schedule != "constant",
        "schedule.learning_rate and optimizer.schedule both move the learning rates: set only one of them",
    ),
    (
        lambda c: c.schedule.augment is not None and (c.diffaugment.policy == "none" or c.diffaugment.adaptive == "ada"),
        "schedule.augment moves how often the changes of diffaugment.policy act: choose a policy, and set diffaugment.adaptive to none "
        "or apa",
    ),
    (
        lambda c: _adversarial(c) and _conditional(c) != (c.discriminator.conditioning != "none"),
        "generator.conditioning and discriminator.conditioning go together: G learns a class only if both networks are told it",
    ),
    (
        lambda c: _finds_classes(c) and _conditional(c),
        "infogan finds the classes by itself: leave generator.conditioning and discriminator.conditioning at none",
    ),
    (
        lambda c: _finds_classes(c) and c.code.sorting_rounds > 0 and c.loss.clustering_weight == 0,
        "loss.clustering_weight 0 sorts no real images, but code.sorting_rounds asks for it: set one of them otherwise",
    ),
    (
        lambda c: _finds_classes(c) and c.train.steps is not None and 0 < 100 * c.code.sorting_rounds >= c.train.steps,
        "train.steps must be more than 100 times code.sorting_rounds, the steps in which D sorts real images and G does not learn: "
        "raise train.steps, or lower code.sorting_rounds",
    ),
    (
        lambda c: _conditional(c) and c.data.class_name is not None,
        "data.class_name leaves one class, so there is nothing to tell the networks: use a preset without conditioning for a single class",
    ),
    (
        lambda c: c.discriminator.pack > 1 and (c.discriminator.conditioning != "none" or _finds_classes(c)),
        "discriminator.pack judges several images at once, which do not share one class or code: "
        "set it to 1, or discriminator.conditioning to none",
    ),
    (
        lambda c: c.discriminator.conditioning == "projection" and c.discriminator.head == "softmax",
        "discriminator.conditioning projection adds to one logit: set discriminator.head to sigmoid and loss.name accordingly",
    ),
    (
        lambda c: c.data.unlabelled is not None and not ALGORITHMS[c.algorithm].learns_without_labels,
        "data.unlabelled names images without labels, which this algorithm does not learn: "
        "use the preset semi-supervised or semi-supervised-conv",
    ),
    (
        lambda c: c.data.class_name is not None and ALGORITHMS[c.algorithm].learns_without_labels,
        "data.class_name leaves one class, so there is nothing to classify: leave it out",
    ),
    (
        lambda c: c.runtime.precision == "float16" and c.train.gradient_leaks,
        "train.gradient_leaks hands gradients from one optimizer to another, and in float16 each scales its own: "
        "set runtime.precision to bfloat16 or float32",
    ),
    (
        lambda c: c.train.batch_size % c.discriminator.pack != 0,
        "discriminator.pack must divide train.batch_size, so that every pack is full",
    ),
    (
        lambda c: c.diffaugment.adaptive == "apa" and (c.discriminator.conditioning == "auxiliary" or _finds_classes(c)),
        "diffaugment.adaptive apa shows D fakes as reals, of which its second head would learn classes: set it to none or ada",
    ),
    (
        lambda c: c.classifier.logit_adjustment > 0 and (c.classifier.sampling == "balanced" or c.classifier.class_weights == "balanced"),
        "classifier.logit_adjustment corrects for frequencies that classifier.sampling or class_weights balanced have levelled already: "
        "leave one of them out",
    ),
    (
        lambda c: c.classifier.patience is not None and c.eval.every_steps is None,
        "classifier.patience counts validations, and there are none: set eval.every_steps",
    ),
    (
        lambda c: c.diffaugment.strength > DIFFAUGMENT_POLICIES.get(c.diffaugment.policy, DiffAugmentPolicy()).largest_strength,
        "diffaugment.strength makes a shift or a hole larger than the image: set it to at most {strengths}",
    ),
    (
        lambda c: c.diffaugment.adaptive == "ada" and c.diffaugment.policy == "none",
        "diffaugment.adaptive ada steers how often the changes act, and diffaugment.policy is none: choose a policy",
    ),
    (
        lambda c: c.diffaugment.adaptive != "none" and not _loss(c).centred,
        "diffaugment.adaptive reads the sign of D's logits, which says nothing under this loss: set loss.name to one of {centred}",
    ),
]


def check_combination(config: Config) -> None:
    """Refuse settings that do not go together.

    Raises:
        ValueError: they do not; the text says why, and what to set.
    """
    for applies, text in REFUSALS:
        if applies(config):
            strengths = ", ".join(f"{row.largest_strength:g} for {name}" for name, row in DIFFAUGMENT_POLICIES.items())
            raise ValueError(text.format(smooths=_named("smooths"), centred=_named("centred"), strengths=strengths))

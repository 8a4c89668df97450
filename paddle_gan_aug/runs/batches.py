"""What a configuration trains on: its images, their batches, and for how many steps."""

from typing import Any, Optional, Union

import numpy as np

from .. import runtime
from ..algorithms.checks import is_read
from ..algorithms.registry import ALGORITHMS
from ..config.loading import Config
from ..data import (
    Batches,
    DataSpec,
    LabelledImages,
    MixedBatches,
    PartlyLabelledBatches,
    Pretraining,
    balanced_weights,
    load,
    load_unlabelled,
    oversampled,
)
from ..data.few_labels import folder_beside
from ..data.notices import notice_once
from ..errors import InputError


def training_images(config: Config) -> LabelledImages:
    """The images that a configuration trains on.

    Raises:
        InputError: As `load`.
    """
    return load(DataSpec.of(config.data), "train")


def unlabelled_images(config: Config, images: LabelledImages) -> Optional[LabelledImages]:
    """The images that a configuration learns without their labels; None if its algorithm learns no such images.

    Args:
        images: What `training_images` gave.

    Raises:
        InputError: As `load_unlabelled`.
    """
    row = ALGORITHMS[config.algorithm]
    if not row.learns_without_labels:
        beside = folder_beside(DataSpec.of(config.data)) if row.classifies else None
        if beside is not None:
            notice_once(f"{beside}: its images have no labels, so {config.preset} does not learn them; semi-supervised-conv does (--gan)")
        return None
    return load_unlabelled(DataSpec.of(config.data), images)


def training_batches(
    config: Config,
    images: LabelledImages,
    generated: Any = None,
    *,
    pairs: bool = False,
    unlabelled: Optional[LabelledImages] = None,
) -> Union[Batches, MixedBatches, Pretraining, PartlyLabelledBatches]:
    """The batches of a configuration: of real images, perhaps with generated images, with unlabelled ones or with weights.

    Args:
        generated: The generated part, see `runs.run.train_prepared`; None means real images alone.
        pairs: Each image comes with another one of its class.
        unlabelled: The images that are learnt without a label; None means none.

    Raises:
        InputError: The batch size does not fit the number of images.
    """
    seed, options = config.train.seed, config.generated
    weights = None
    if config.classifier.class_weights == "balanced" and is_read(config, "classifier.class_weights"):
        weights = balanced_weights(images.counts())
    if config.classifier.sampling == "balanced" and is_read(config, "classifier.sampling"):
        images = oversampled(images, seed)
    if unlabelled is not None:
        return PartlyLabelledBatches(
            images,
            unlabelled,
            config.train.batch_size,
            lambda kind, number: runtime.rng(seed, f"shuffle {kind}", number),
            config.semi_supervised.labelled_batch,
        )

    def order(epoch: int) -> np.random.Generator:
        return runtime.rng(seed, "shuffle", epoch)

    def mixed(share: float, made: Any) -> MixedBatches:
        return MixedBatches(
            images,
            config.train.batch_size,
            order,
            made and made.images,
            options.every_steps,
            share,
            options.weight,
            weights,
            lambda number, epoch: runtime.rng(seed, f"shuffle generated {number}", epoch),
            made and made.read,
        )

    if generated is None and weights is None:
        return Batches(images, config.train.batch_size, order, pairs=pairs)
    if generated is not None and options.pretrain_steps:
        real = Batches(images, config.train.batch_size, order) if weights is None else mixed(options.share, None)
        return Pretraining(mixed(1.0, generated), real, options.pretrain_steps)
    return mixed(options.share, generated)


def planned_steps(config: Config, steps_per_epoch: int) -> int:
    """The total number of steps: `train.steps`, or `train.epochs` times the steps of an epoch, or the smaller of both.

    Raises:
        InputError: Neither is set.
    """
    steps, epochs = config.train.steps, config.train.epochs
    if steps is None and epochs is None:
        raise InputError("train.steps and train.epochs are both unset: set one of them, for example train.epochs=5")
    return min(n for n in (steps, epochs and epochs * steps_per_epoch) if n)

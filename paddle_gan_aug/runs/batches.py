"""What a configuration trains on: its images, their batches, and for how many steps."""

from .. import runtime
from ..data import Batches, DataSpec, MixedBatches, balanced_weights, load
from ..errors import InputError


def training_batches(config, images, generated=None):
    """The batches of a configuration: real images, for a classifier perhaps with generated ones or with weights."""
    seed, options = config.train.seed, config.generated
    weights = None
    if config.algorithm == "classifier" and config.classifier.class_weights == "balanced":
        weights = balanced_weights(images.counts())

    def order(epoch):
        return runtime.rng(seed, "shuffle", epoch)

    if generated is None and weights is None:
        return Batches(images, config.train.batch_size, order)
    return MixedBatches(
        images,
        config.train.batch_size,
        order,
        generated and generated.images,
        options.every_steps,
        options.share,
        options.weight,
        weights,
        lambda number, epoch: runtime.rng(seed, f"shuffle generated {number}", epoch),
        generated and generated.read,
    )


def training_images(config):
    """The images a configuration trains on."""
    data = config.data
    return load(DataSpec.of(data), "train")


def planned_steps(config, steps_per_epoch):
    """The run's total of steps: `train.steps`, or `train.epochs` times the steps of an epoch, or the smaller of both."""
    steps, epochs = config.train.steps, config.train.epochs
    if steps is None and epochs is None:
        raise InputError("neither train.steps nor train.epochs is set: say how long to train, for example --epochs 5")
    return min(n for n in (steps, epochs and epochs * steps_per_epoch) if n)

"""A batch cannot be larger than the data: whoever asked for the size is told, and a preset's size gives way."""

import sys

from ..config.loading import load_config, presets
from ..config.sections import Config
from ..errors import InputError


def fit_batch_size(config, images, overrides=None, quiet=False):
    """A configuration whose batches the images can fill: a preset's `train.batch_size` becomes smaller where it must, with a line.

    Args:
        config: a `Config`. images: `LabelledImages`, what is trained on. overrides: {"section.key": value}, what was asked for.
        quiet: no line.

    Returns:
        `config` itself where nothing is to be done, else a changed copy.

    Raises:
        InputError: a batch size that was asked for, by `overrides` or in a file of one's own, is too large.
    """
    wanted = config.train.batch_size
    if _real_images(config, wanted) <= len(images):
        return config
    usual = load_config(config.preset) if config.preset in presets() else Config()
    if "train.batch_size" in (overrides or {}) or wanted != usual.train.batch_size:
        raise InputError(
            f"batch size {wanted} is larger than the data, {len(images)} images ({images.source}): "
            f"use a batch size of at most {_largest(config, len(images))}, or more images"
        )
    size = _largest(config, len(images))
    if not quiet:
        print(f"{images.source} has {len(images)} images: batches of {size} in place of {wanted}", file=sys.stderr, flush=True)
    return load_config(config, {"train.batch_size": size})


def _real_images(config, size):
    """How many of a batch are real: with a generated part not all are."""
    return size - round(size * config.generated.share) if config.generated.source else size


def _largest(config, count):
    """The largest batch that `count` real images fill, and that a D which judges several images at once can divide."""
    sizes = range(config.train.batch_size, 0, -1)
    fits = (size for size in sizes if _real_images(config, size) <= count and size % config.discriminator.pack == 0)
    return next(fits, 1)

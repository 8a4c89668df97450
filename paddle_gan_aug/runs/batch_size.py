"""Fits the batch size to the data: a preset's size becomes smaller where it must, a size that was asked for is refused."""

from typing import Any, Mapping, Optional

from .. import runtime
from ..config.loading import load_config, presets
from ..config.sections import Config
from ..console import tell
from ..data import LabelledImages
from ..errors import InputError


def fit_batch_size(config: Config, images: LabelledImages, overrides: Optional[Mapping[str, Any]] = None, quiet: bool = False) -> Config:
    """A configuration whose batches the images can fill.

    The `train.batch_size` of a preset becomes smaller where it must, and a line says so.

    Args:
        config: The configuration.
        images: The images to train on.
        overrides: {"section.key": value}, the settings that were asked for.
        quiet: Print no line.

    Returns:
        `config` itself if nothing is to be done, else a changed copy.

    Raises:
        InputError: A batch size that was asked for, by `overrides` or in a file of one's own, is too large, or several processes cannot
            share it out among them.
    """
    size = config.train.batch_size
    if _real_images(config, size) <= len(images):
        _check_shares(config)
        return config
    usual = load_config(config.preset) if config.preset in presets() else Config()
    if "train.batch_size" in (overrides or {}) or size != usual.train.batch_size:
        raise InputError(
            f"batch size {size} is larger than the data, {len(images)} images ({images.source}): "
            f"use a batch size of at most {_largest(config, len(images))}, or more images"
        )
    largest = _largest(config, len(images))
    if not quiet:
        tell(f"{images.source} has {len(images)} images: batches of {largest} in place of {size}")
    config = load_config(config, {"train.batch_size": largest})
    _check_shares(config)
    return config


def _check_shares(config: Config) -> None:
    """Check that several processes can share out each batch, and that each has images enough for statistics of normalisation."""
    size, many = config.train.batch_size, runtime.launched()
    unit = many * config.discriminator.pack
    if many > 1 and (size % unit or size < 2 * many):
        raise InputError(
            f"train.batch_size {size}: {many} processes share out each batch, which takes a multiple of {unit}, at least {2 * many}; "
            "set another size, or start fewer processes"
        )


def _real_images(config: Config, size: int) -> int:
    """The real images of a batch; the others are generated."""
    return size - round(size * config.generated.share) if config.generated.source else size


def _largest(config: Config, count: int) -> int:
    """The largest batch that `count` real images fill, and that a D which judges several images at once can divide."""
    generated = config.generated.share if config.generated.source else 0.0
    sizes = range(min(config.train.batch_size, int((count + 1) / (1 - generated)) + 1), 0, -1)  # larger ones have too many real images
    fits = (size for size in sizes if _real_images(config, size) <= count and size % (config.discriminator.pack * runtime.launched()) == 0)
    return next(fits, 1)

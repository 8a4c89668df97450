"""Training algorithms, one file each: what a step is and how to sample. They know nothing of files, records and progress.

`registry` holds the tables of algorithms, losses and penalties; `checks` says which configurations are possible. Neither imports Paddle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional, Sequence, Tuple

from ..config.sections import Config
from ..errors import InputError
from ..machine import networks_that_fit
from .checks import check_config
from .registry import ALGORITHMS, resolve

if TYPE_CHECKING:
    from .base import Algorithm


def build(
    config: Config, dataset_shape: Tuple[int, int, int], class_names: Sequence[str], counts: Optional[Sequence[int]] = None
) -> Algorithm:
    """Construct the algorithm that `config.algorithm` names.

    Args:
        config: the configuration. Settings that the algorithm does not read are ignored: see `checks.check_config`.
        dataset_shape: (channels, height, width) of the images.
        class_names: the data set's classes, in label order.
        counts: the number of training images of each class; a class without images is never asked for by default. None = all classes
            have some.

    Raises:
        InputError: no such algorithm, settings that do not go together, networks that do not fit into memory, or it cannot learn
            images of this shape.
    """
    from ..networks.precision import mix  # Paddle is imported once the configuration is known to be good

    check_config(config, before=config)
    channels, height, width = dataset_shape
    if height != width:
        raise InputError(f"algorithm {config.algorithm}: images must be square, the data has {height}×{width}; crop or resize them")
    try:
        with networks_that_fit(config.runtime.memory_limit):
            built = resolve(ALGORITHMS[config.algorithm].place)(config, channels=channels, image_size=height, class_names=class_names)
    except ValueError as error:
        raise InputError(f"algorithm {config.algorithm}: {error}") from None
    mix(built.networks.values(), config.runtime.precision)
    built.draw_fewer_of(height)
    if built.conditional and counts is not None:
        built.learnt_classes = [index for index, count in enumerate(counts) if count]
    if counts is not None and hasattr(built, "counts"):
        built.counts = list(counts)
    return built

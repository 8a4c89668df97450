"""Training algorithms, one file each: what a step is and how to sample. Files, records and progress are not their business."""

import difflib
import importlib

from ..errors import InputError
from .combinations import check_combination

ALGORITHMS = {  # name -> where its class is; adding one = one file, one line here, one preset
    "classic": "classic:ClassicGAN",
    "gan": "adversarial:AdversarialGAN",
    "infogan": "infogan:InfoGAN",
    "classifier": "classifier:SupervisedClassifier",
    "dagan": "dagan:DAGAN",
    "learned-augmenter": "learned_augmenter:LearnedAugmenter",
}


def build(config, dataset_shape, class_names, counts=None):
    """Construct the algorithm that `config.algorithm` names.

    Args:
        config: a `paddle_gan_aug.config.loading.Config`.
        dataset_shape: (channels, height, width) of the images.
        class_names: the data set's classes, in label order.
        counts: training images of each class; one without images is never asked for by default. None = all classes have some.

    Raises:
        InputError: no such algorithm, settings that do not go together, or it cannot learn images of this shape.
    """
    if config.algorithm not in ALGORITHMS:
        near = difflib.get_close_matches(config.algorithm, ALGORITHMS, n=1)
        hint = f"did you mean {near[0]}?" if near else "known: " + ", ".join(ALGORITHMS)
        raise InputError(f"algorithm {config.algorithm}: there is none of that name; {hint}")
    channels, height, width = dataset_shape
    if height != width:
        raise InputError(f"algorithm {config.algorithm}: images must be square, the data has {height}×{width}; crop or resize them")
    module, name = ALGORITHMS[config.algorithm].split(":")
    try:
        check_combination(config)
        algorithm = getattr(importlib.import_module(f"{__name__}.{module}"), name)
        built = algorithm(config, channels=channels, image_size=height, class_names=class_names)
    except ValueError as error:
        raise InputError(f"algorithm {config.algorithm}: {error}") from None
    if built.conditional and counts is not None:
        built.learnt_classes = [index for index, count in enumerate(counts) if count]
    if counts is not None and hasattr(built, "counts"):
        built.counts = list(counts)
    return built

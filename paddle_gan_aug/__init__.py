"""From a few labelled images to a better classifier, with the proof.

A GAN learns the images, its samples become a labelled set, a classifier trains on real + generated, and a report says
whether that helped. Everything public is listed here and loaded on first use; `import paddle_gan_aug` alone does not
import Paddle, it only prepares the process for it (see `paddle_gan_aug.runtime`).
"""

import importlib

from . import runtime

__version__ = "0.1.0"

_PUBLIC = {
    "load": "paddle_gan_aug.data",  # a data set by name or path -> LabelledImages
    "LabelledImages": "paddle_gan_aug.data",  # uint8 images, int64 labels, class names
    "load_config": "paddle_gan_aug.config.loading",  # a preset or YAML file plus overrides -> Config
    "train": "paddle_gan_aug.runs.run",  # a Config -> a trained run on disk
    "open_run": "paddle_gan_aug.runs.run",  # a run's folder -> its trained algorithm, ready to sample
    "generate": "paddle_gan_aug.synthesis.generate",  # a run -> images on disk
    "augment_data": "paddle_gan_aug.synthesis.augment",  # a labelled data set -> the same with generated images beside the real ones
    "Filters": "paddle_gan_aug.synthesis.generate",  # which generated images are kept
    "LabelledDataset": "paddle_gan_aug.classification.dataset",  # a data set (an augmented one, say) as a paddle.io.Dataset
    "predict": "paddle_gan_aug.classification.predict",  # images -> what a classifier reads in them
    "train_per_class": "paddle_gan_aug.runs.per_class",  # a Config -> one trained run for each class
    "classify": "paddle_gan_aug.classification.generated",  # labelled images -> a classifier and its confusion matrix
    "vary": "paddle_gan_aug.synthesis.vary",  # a run that learnt to vary images, and images -> variations of them on disk
    "evaluate": "paddle_gan_aug.runs.evaluate",  # a run or images -> every metric beside its real floor, and a page
    "evaluate_images": "paddle_gan_aug.evaluation.measure",  # an array of images -> the same numbers
    "run_study": "paddle_gan_aug.study.study",  # labelled images -> whether generated ones help, and the better classifier
    "grid": "paddle_gan_aug.pictures",  # images -> one picture
}

__all__ = sorted(_PUBLIC)

runtime.prepare_environment()


def __getattr__(name):
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__():
    return sorted([*globals(), *_PUBLIC])

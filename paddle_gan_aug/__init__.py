"""From a few labelled images to a better classifier, with the proof.

A GAN learns the images, its samples become a labelled set, a classifier trains on real and generated images, and a report says
whether that helped. Everything public is listed here and loaded on first use. `import paddle_gan_aug` alone does not import
Paddle; it only prepares the process for it (see `paddle_gan_aug.runtime`).
"""

import importlib
from typing import TYPE_CHECKING, Any, List

from . import runtime

if TYPE_CHECKING:  # the same names for tools that do not run the code
    from .classification.classify import classify
    from .classification.dataset import LabelledDataset
    from .classification.predict import predict
    from .config.loading import load_config
    from .data.images import LabelledImages
    from .data.load import load
    from .data.spec import DataSpec
    from .evaluation.measure import evaluate_images
    from .pictures import grid
    from .runs.evaluate import evaluate
    from .runs.export import export
    from .runs.opened import open_run
    from .runs.per_class import train_per_class
    from .runs.run import train
    from .study.study import run_study
    from .synthesis.augment import augment_data
    from .synthesis.filters import Filters
    from .synthesis.generate import generate
    from .synthesis.vary import vary

__version__ = "0.1.0"

__all__ = [
    "DataSpec",
    "Filters",
    "LabelledDataset",
    "LabelledImages",
    "augment_data",
    "classify",
    "evaluate",
    "evaluate_images",
    "export",
    "generate",
    "grid",
    "load",
    "load_config",
    "open_run",
    "predict",
    "run_study",
    "train",
    "train_per_class",
    "vary",
]

_PUBLIC = {
    "load": "paddle_gan_aug.data.load",  # a data set by name or path -> LabelledImages
    "DataSpec": "paddle_gan_aug.data.spec",  # which images are meant, and how they are read
    "LabelledImages": "paddle_gan_aug.data.images",  # uint8 images, int64 labels, class names
    "load_config": "paddle_gan_aug.config.loading",  # a preset or a YAML file, with overrides -> Config
    "train": "paddle_gan_aug.runs.run",  # a configuration -> a trained Run on the disk
    "open_run": "paddle_gan_aug.runs.opened",  # a run's folder -> the Run, ready to sample
    "train_per_class": "paddle_gan_aug.runs.per_class",  # a configuration -> one trained Run for each class
    "generate": "paddle_gan_aug.synthesis.generate",  # a run -> a labelled, filtered set of images on the disk
    "augment_data": "paddle_gan_aug.synthesis.augment",  # labelled images -> a set with generated images beside the real ones
    "Filters": "paddle_gan_aug.synthesis.filters",  # which generated images are kept
    "vary": "paddle_gan_aug.synthesis.vary",  # a run and real images -> variations of them on the disk
    "classify": "paddle_gan_aug.classification.classify",  # labelled images -> a trained and tested classifier
    "predict": "paddle_gan_aug.classification.predict",  # a classifier and images -> the class that it reads in each
    "LabelledDataset": "paddle_gan_aug.classification.dataset",  # labelled images as a paddle.io.Dataset
    "evaluate": "paddle_gan_aug.runs.evaluate",  # a run or images -> every metric beside its real floor, and a page
    "evaluate_images": "paddle_gan_aug.evaluation.measure",  # an array of images -> the same numbers
    "export": "paddle_gan_aug.runs.export",  # a run -> files for Paddle Inference or ONNX, loaded back and compared
    "run_study": "paddle_gan_aug.study.study",  # labelled images -> whether generated ones help, and the better classifier
    "grid": "paddle_gan_aug.pictures",  # images -> one picture
}

runtime.prepare_environment()


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> List[str]:
    return sorted([*globals(), *_PUBLIC])

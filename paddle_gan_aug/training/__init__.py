"""Runs: the loop that trains any algorithm, what happens around it, how a run is kept on disk, and how its images are measured."""

import importlib

from .classify import classify
from .run import open_run, train

_LAZY = ("compare", "evaluate_images")  # they import scikit-learn

__all__ = ["classify", "compare", "evaluate_images", "open_run", "train"]


def __getattr__(name):
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.evaluation"), name)

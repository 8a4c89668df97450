"""Runs: the loop that trains any algorithm, what happens around it, how a run is kept on disk, and how its images are measured."""

from .classify import classify
from .evaluation import compare, evaluate_images
from .run import open_run, train

__all__ = ["classify", "compare", "evaluate_images", "open_run", "train"]

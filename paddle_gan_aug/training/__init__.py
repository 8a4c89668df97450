"""Runs: the loop that trains any algorithm, what happens around it, how a run is kept on disk, and how its images are measured."""

from .classify import classify
from .per_class import train_per_class
from .predict import predict
from .run import open_run, train, training_images

__all__ = ["classify", "open_run", "predict", "train", "train_per_class", "training_images"]

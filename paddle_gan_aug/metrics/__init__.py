"""Measures of images and of their features, as pure functions of arrays. They know no run, no file and no network."""

from .classification import accuracy, class_shares, confident_share, confusion_matrix
from .diversity import mean_pairwise_distance

__all__ = ["accuracy", "class_shares", "confident_share", "confusion_matrix", "mean_pairwise_distance"]

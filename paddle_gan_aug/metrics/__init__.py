"""Measures of images and of their features, as pure functions of arrays. They know no run, no file and no network."""

from .classification import accuracy, class_histogram, class_shares, confident_share, confusion_matrix, histogram_divergence
from .diversity import first_occurrences, mean_pairwise_distance, repeated_share
from .frechet import frechet_distance, frechet_from_moments
from .inception import inception_score
from .kid import kernel_distance
from .memorisation import closeness_to_training, duplicate_share, nearest_distances
from .prdc import precision_recall_density_coverage

__all__ = [
    "accuracy",
    "class_histogram",
    "class_shares",
    "closeness_to_training",
    "confident_share",
    "confusion_matrix",
    "duplicate_share",
    "first_occurrences",
    "frechet_distance",
    "frechet_from_moments",
    "histogram_divergence",
    "inception_score",
    "kernel_distance",
    "mean_pairwise_distance",
    "nearest_distances",
    "precision_recall_density_coverage",
    "repeated_share",
]
